//! `serve` and `call` as processes of their own: what they print, and how they end.

#![cfg(feature = "cli")]

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A server in a process of its own, which is killed if the test ends before it does.
struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Where it listens.
    addr: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        Self::start_with_errors_to(Stdio::inherit(), args)
    }

    fn start_with_errors_to(errors: Stdio, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lossproof"))
            .arg("serve")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the binary was built for this test");
        let lines = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut server = Self { child, lines, addr: String::new() };
        let mut addr = server.line();
        assert!(addr.starts_with("listening on "), "{addr}");
        server.addr = addr.split_off("listening on ".len());
        server
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("its output is UTF-8");
        line.trim_end_matches('\n').to_owned()
    }

    /// Sends it a signal, and gives the status with which it ends.
    fn end(mut self, signal: &str) -> (Option<i32>, Duration) {
        let begin = now();
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill command").success());
        let status = self.child.wait().expect("it is our child");
        (status.code(), now() - begin)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a process takes to end is a matter of the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

fn call(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lossproof"))
        .arg("call")
        .args(args)
        .output()
        .expect("the binary was built")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// The address at the end of a line.
fn address(line: &str) -> &str {
    line.rsplit(' ').next().unwrap_or_default()
}

/// S02, S03, S04.
#[test]
fn udp_local_prints_the_classic_lines() {
    let mut server = Server::start(&["udp-local", "127.0.0.1:0"]);
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
    let mut server = Server::start(&["udp-remote", "127.0.0.1:0", "--drop", "0%"]);
    let output = call(&["udp-remote", &server.addr]);
    let said = lines(&output);
    assert!(said[0].starts_with("Client socket name is 127.0.0.1:"), "{said:?}");
    let waits = "Waiting up to 0.1 seconds for a reply";
    assert_eq!(said[1..], [waits, "The server says 'Your data was 23 bytes long'"]);
    let name = address(&said[0]);
    assert_eq!(server.line(), format!("Listening at {}", server.addr));
    assert_eq!(server.line(), format!("The client at {name} says 'This is another message'"));

    let mut server = Server::start(&["udp-remote", "127.0.0.1:0", "--drop", "100%"]);
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

/// S22, S23.
#[test]
fn tcp_sixteen_prints_the_classic_lines() {
    let mut server = Server::start(&["tcp-sixteen", "127.0.0.1:0"]);
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
fn a_signal_ends_a_server_within_a_second() {
    for (system, signal) in [("tcp-sixteen", "-TERM"), ("tcp-sixteen", "-INT"), ("udp-local", "-TERM")] {
        let server = Server::start(&[system, "127.0.0.1:0"]);
        let addr = server.addr.clone();
        // An idle client does not keep it.
        let idle = TcpStream::connect(&addr);
        let (code, took) = server.end(signal);
        assert_eq!(code, Some(0), "{system} {signal}");
        assert!(took < Duration::from_secs(1), "{system} {signal}: {took:?}");
        drop(idle);
        assert!(TcpStream::connect(&addr).is_err(), "its port is closed");
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

#[test]
fn nobody_listening_is_one_line_and_status_1() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let addr = free.expect("there is a free port").to_string();
    let output = call(&["tcp-sixteen", &addr]);
    assert_eq!(lines(&output), [format!("cannot connect to {addr}: connection refused")]);
    assert_eq!(output.status.code(), Some(1));
}

/// What a server prints, and what it tells on standard error, while it answers one datagram and is stopped.
fn told_with(verbose: &[&str]) -> (Vec<String>, String) {
    let mut server = Server::start_with_errors_to(
        Stdio::piped(),
        &[&["udp-local", "127.0.0.1:0", "--seed", "7"], verbose].concat(),
    );
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.send_to(b"hello", &server.addr).unwrap();
    client.recv(&mut [0; 64]).unwrap();
    let printed = [server.line(), server.line()];
    let named = |line: &str| {
        line.replace(&server.addr, "SERVER").replace(&client.local_addr().unwrap().to_string(), "CLIENT")
    };
    let printed = printed.iter().map(|line| named(line)).collect();
    let addr = server.addr.clone();
    let mut errors = server.child.stderr.take().unwrap();
    assert_eq!(server.end("-TERM").0, Some(0));
    let mut told = String::new();
    errors.read_to_string(&mut told).unwrap();
    (printed, told.replace(&addr, "SERVER"))
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
        told.contains("received peer=") && told.contains("len=5") && told.contains("sent peer="),
        "{told}"
    );
}
