//! The lines that a server shows: gathered while it is busy, and none of them lost.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{PATIENCE, Server};

/// A socket that asks a server.
fn client(server: &str) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Asks so often, with so many outstanding.
fn ask(socket: &UdpSocket, count: usize, window: usize) {
    for _ in 0..count / window {
        for _ in 0..window {
            socket.send(b"hello").unwrap();
        }
        for _ in 0..window {
            let mut reply = [0; 64];
            let len = socket.recv(&mut reply).unwrap();
            assert_eq!(&reply[..len], b"Your data was 5 bytes long");
        }
    }
}

#[test]
fn a_line_is_there_as_soon_as_nothing_else_is_to_be_done() {
    let server = Server::start(&["udp-local", "127.0.0.1:0"]);
    let socket = client(&server.addr);
    let _listening = server.line();
    for window in [1, 16, 1] {
        ask(&socket, window, window);
        for _ in 0..window {
            assert!(server.line().ends_with("says 'hello'"));
        }
    }
    assert_eq!(server.line_within(Duration::from_millis(50)), None);
}

#[test]
fn no_line_is_lost_at_the_end() {
    /// More than are held back at once, and many more than it takes for the server to stay awake.
    const COUNT: usize = 8_000;
    for signal in ["-TERM", "-INT"] {
        let name = format!("lossproof-test-lines-{}{signal}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut probe = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = probe.local_addr().unwrap().to_string();
        // From here on nobody has it but the server.
        probe = UdpSocket::bind("127.0.0.1:0").unwrap();
        drop(probe);
        let mut child = Command::new(env!("CARGO_BIN_EXE_lossproof"))
            .args(["serve", "udp-local", &addr])
            .stdout(File::create(&path).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        while fs::read_to_string(&path).unwrap().lines().count() < 2 {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::yield_now();
        }
        ask(&client(&addr), COUNT, 16);
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert!(child.wait().unwrap().success());
        let shown = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(shown.lines().filter(|line| line.ends_with("says 'hello'")).count(), COUNT);
    }
}

#[test]
fn a_quiet_server_tells_where_it_listens_and_no_more() {
    let server = Server::start(&["udp-local", "127.0.0.1:0", "--quiet"]);
    ask(&client(&server.addr), 64, 16);
    assert_eq!(server.line_within(Duration::from_millis(50)), None);
    let mut output = String::new();
    let call = Command::new(env!("CARGO_BIN_EXE_lossproof"))
        .args(["call", "udp-local", &server.addr, "--quiet"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut call = call.unwrap();
    call.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!((call.wait().unwrap().code(), output.as_str()), (Some(0), ""));
}
