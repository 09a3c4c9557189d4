//! The classic lines of the first programs.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use crate::process::{Server, call, lines};

/// The address at the end of a line.
fn address(line: &str) -> &str {
    line.rsplit(' ').next().unwrap_or_default()
}

/// S02, S03, S04.
#[test]
fn udp_local_prints_the_classic_lines() {
    let server = Server::start(&["udp-local", "127.0.0.1:0"]);
    let output = call(&["udp-local", &server.addr]);
    assert_eq!(output.status.code(), Some(0));
    let said = lines(&output);
    assert!(said[0].starts_with("The OS assigned me the address 0.0.0.0:"), "{said:?}");
    assert_eq!(said[1], format!("The server {} replied 'Your data was 38 bytes long'", server.addr));
    assert_eq!(server.line(), format!("Listening at {}", server.addr));
    let asked = server.line();
    let port = address(&said[0]).rsplit(':').next().unwrap_or_default();
    assert!(asked.starts_with(&format!("The client at 127.0.0.1:{port} says 'The time is 20")), "{asked}");
    assert_eq!(asked.split('\'').nth(1).map(str::len), Some(38), "{asked}");
}

/// S10, S13, S14: a server that drops everything, and one that drops nothing.
#[test]
fn udp_remote_prints_the_classic_lines() {
    let server = Server::start(&["udp-remote", "127.0.0.1:0", "--drop", "0%"]);
    let output = call(&["udp-remote", &server.addr]);
    let said = lines(&output);
    assert!(said[0].starts_with("Client socket name is 127.0.0.1:"), "{said:?}");
    let waits = "Waiting up to 0.1 seconds for a reply";
    assert_eq!(said[1..], [waits, "The server says 'Your data was 23 bytes long'"]);
    let name = address(&said[0]);
    assert_eq!(server.line(), format!("Listening at {}", server.addr));
    assert_eq!(server.line(), format!("The client at {name} says 'This is another message'"));

    let server = Server::start(&["udp-remote", "127.0.0.1:0", "--drop", "100%"]);
    let output = call(&["udp-remote", &server.addr, "--time-scale", "0.05"]);
    assert_eq!(output.status.code(), Some(1));
    let said = lines(&output);
    assert_eq!(said.len(), 7, "{said:?}");
    assert_eq!(said[6], "I think the server is down");
    assert_eq!(server.line(), format!("Listening at {}", server.addr));
    for _ in 0..5 {
        assert_eq!(server.line(), format!("Pretending to drop packet from {}", address(&said[0])));
    }
}

/// S17.
#[test]
fn udp_remote_with_ids_asks_three_requests() {
    let server = Server::start(&["udp-remote", "127.0.0.1:0", "--drop", "0%", "--ids"]);
    let output = call(&["udp-remote", &server.addr, "--ids"]);
    assert_eq!(output.status.code(), Some(0));
    let answers: Vec<String> =
        lines(&output).into_iter().filter(|line| line.starts_with("The server")).collect();
    let of = |len| format!("The server says 'Your data was {len} bytes long'");
    assert_eq!(answers, [of(23), of(33), of(12)]);
}

/// S100, S101: with a key on both sides, in a word or in a file; a server with another one is down.
#[test]
fn udp_remote_with_a_key_hears_only_who_has_it() {
    let path = format!("{}/udp-remote-{}.key", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    std::fs::write(&path, "a key for both sides\n").expect("it can be written");
    let server = Server::start(&["udp-remote", "127.0.0.1:0", "--drop", "0%", "--key", &format!("@{path}")]);
    let call_with = |key: &str| call(&["udp-remote", &server.addr, "--key", key, "--time-scale", "0.2"]);
    let output = call_with("a key for both sides");
    assert_eq!(output.status.code(), Some(0));
    let of = |len| format!("The server says 'Your data was {len} bytes long'");
    let answers: Vec<String> =
        lines(&output).into_iter().filter(|line| line.starts_with("The server")).collect();
    assert_eq!(answers, [of(23), of(33), of(12)]);

    let output = call_with("the key of somebody");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output).last().map(String::as_str), Some("I think the server is down"));
    assert_eq!(server.line(), format!("Listening at {}", server.addr));
    let name = address(&lines(&output)[0]).to_owned();
    // On a busy machine a request of the one before was sent again.
    let ignored = std::iter::repeat_with(|| server.line()).find(|line| !line.contains(" says '"));
    assert_eq!(ignored, Some(format!("Ignoring a request that is not authentic from {name}")));
    // And one without any.
    assert_eq!(call(&["udp-remote", &server.addr, "--time-scale", "0.05"]).status.code(), Some(1));
    std::fs::remove_file(path).expect("it was written");

    let output = call_with("15 bytes are few");
    assert_eq!(output.status.code(), Some(1), "16 are not");
    for (key, line) in [
        ("15 bytes is few", "lossproof: --key: a key of 15 bytes is too short: give at least 16\n"),
        ("@/no/such/file", "lossproof: --key: cannot read '/no/such/file': no such file or directory\n"),
    ] {
        let output = call_with(key);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), line);
    }
}

/// S22, S23.
#[test]
fn tcp_sixteen_prints_the_classic_lines() {
    let server = Server::start(&["tcp-sixteen", "127.0.0.1:0"]);
    for _ in 0..2 {
        let output = call(&["tcp-sixteen", &server.addr]);
        assert_eq!(output.status.code(), Some(0));
        let said = lines(&output);
        assert_eq!(said[1..], ["The server said b'Farewell, client'"]);
        let name = said[0].strip_prefix("Client has been assigned socket name ").expect(&said[0]).to_owned();
        let mut printed = server.line();
        if printed.starts_with("Listening") {
            assert_eq!(printed, format!("Listening at {}", server.addr));
            printed = server.line();
        }
        assert_eq!(printed, "Waiting to accept a new connection");
        assert_eq!(server.line(), format!("We have accepted a connection from {name}"));
        assert_eq!(server.line(), format!("  Socket name: {}", server.addr));
        assert_eq!(server.line(), format!("  Socket peer: {name}"));
        assert_eq!(server.line(), "  Incoming sixteen-octet message: b'Hi there, server'");
        assert_eq!(server.line(), "  Reply sent, socket closed");
    }
}

#[test]
fn a_port_in_use_is_one_line_and_status_1() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    let held = |addr: std::io::Result<std::net::SocketAddr>| addr.expect("it is bound").to_string();
    for (system, action, addr) in
        [("tcp-sixteen", "listen on", held(tcp.local_addr())), ("udp-remote", "bind", held(udp.local_addr()))]
    {
        let binary = env!("CARGO_BIN_EXE_lossproof");
        let output =
            Command::new(binary).args(["serve", system, &addr]).output().expect("the binary was built");
        let line = format!(
            "lossproof: cannot {action} {addr}: the address is in use; choose another port, or 0 for any\n"
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), line);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    }
}
