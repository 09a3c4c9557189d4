//! The log: where it goes, and that nobody gets it who did not ask.

use std::io::Read;
use std::net::UdpSocket;

use crate::process::{PATIENCE, Server};

/// What a server prints, and what it tells on standard error, while it answers one datagram and is stopped.
fn told_with(verbose: &[&str]) -> ([String; 2], String) {
    let args = [&["udp-local", "127.0.0.1:0", "--seed", "7"], verbose].concat();
    let mut server = Server::start_with_errors(&args);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"hello", &server.addr).unwrap();
    client.recv(&mut [0; 64]).unwrap();
    let (addr, from) = (server.addr.clone(), client.local_addr().unwrap().to_string());
    let named = |text: String| text.replace(&addr, "SERVER").replace(&from, "CLIENT");
    let printed = [server.line(), server.line()].map(named);
    let mut errors = server.errors();
    assert_eq!(server.end("-TERM").0, Some(0));
    let mut told = String::new();
    errors.read_to_string(&mut told).unwrap();
    (printed, named(told))
}

#[test]
fn the_log_goes_to_standard_error_and_only_if_asked_for() {
    let (printed, quiet) = told_with(&[]);
    assert_eq!(printed, ["Listening at SERVER", "The client at CLIENT says 'hello'"]);
    assert_eq!(quiet, "");

    let (printed_with, told) = told_with(&["-v"]);
    assert_eq!(printed_with, printed);
    for line in ["opened local=SERVER", "asked to stop", "done status=0"] {
        assert!(told.contains(line), "{told}");
    }
    assert!(!told.contains("received") && !told.contains('\u{1b}'), "{told}");

    let (printed_with, told) = told_with(&["-vv"]);
    assert_eq!(printed_with, printed);
    assert!(
        told.contains("received peer=CLIENT len=5") && told.contains("sent peer=CLIENT len=26"),
        "{told}"
    );
}
