//! What every server bears, whatever its protocol: one table of dialogues, and each of them under the same trials.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use lossproof::machine::limits;

use crate::dialogues::{ALL, Carrier, Client, Dialogue};
use crate::process::{Server, now};

/// The largest payload of a datagram over IPv4.
const MAX_DATAGRAM_LEN: usize = 65_507;

fn start(dialogue: &Dialogue, addr: &str) -> Server {
    let words = dialogue.serve(addr);
    Server::start(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// An address of this machine alone, at which the dialogue's server can be served.
const LOOPBACK: &str = "127.0.0.1:0";

fn streams() -> impl Iterator<Item = &'static Dialogue> {
    ALL.iter().filter(|dialogue| dialogue.carrier == Carrier::Stream)
}

fn datagrams() -> impl Iterator<Item = &'static Dialogue> {
    ALL.iter().filter(|dialogue| dialogue.carrier == Carrier::Datagram)
}

/// A path for a socket that no other test has.
fn socket_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("lossproof-test-{}-{number}.sock", std::process::id()))
}

#[test]
fn the_table_has_every_system() {
    let output = Command::new(env!("CARGO_BIN_EXE_lossproof")).arg("list").output().expect("it was built");
    let list = String::from_utf8(output.stdout).expect("it is UTF-8");
    let listed: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut tried: Vec<&str> = ALL.iter().map(|dialogue| dialogue.args[0]).collect();
    tried.dedup();
    assert_eq!(tried, listed);
    assert_eq!(listed.len(), 16, "the systems of the specification");
}

#[test]
fn a_dialogue_is_held_over_both_families() {
    for dialogue in ALL {
        // There is no broadcast over IPv6.
        let families = if dialogue.args[0] == "udp-broadcast" { 1 } else { 2 };
        for addr in [LOOPBACK, "[::1]:0"].into_iter().take(families) {
            let server = start(dialogue, addr);
            dialogue.hold(&server.addr);
            dialogue.hold(&server.addr);
        }
    }
}

/// C15 and what else has Unix sockets: a stale path is taken over, and the path goes with the server.
#[test]
fn a_dialogue_is_held_over_unix_sockets() {
    for dialogue in ALL.iter().filter(|dialogue| dialogue.unix) {
        let path = socket_path();
        let addr = format!("unix:{}", path.display());
        let server = start(dialogue, &addr);
        assert_eq!(server.addr, addr);
        dialogue.hold(&addr);
        let (code, _) = server.end("-KILL");
        assert_eq!((code, path.exists()), (None, true), "a killed server leaves its path");

        let server = start(dialogue, &addr);
        dialogue.hold(&addr);
        let (code, _) = server.end("-TERM");
        assert_eq!((code, path.exists()), (Some(0), false), "{:?}", dialogue.args);
    }
}

#[test]
fn a_system_without_unix_sockets_says_so() {
    for dialogue in ALL.iter().filter(|dialogue| !dialogue.unix) {
        let words = dialogue.serve("unix:/tmp/x");
        let output = Command::new(env!("CARGO_BIN_EXE_lossproof")).arg("serve").args(words).output();
        let output = output.expect("it was built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("has no unix sockets") && said.lines().count() == 1, "{said}");
        assert_eq!(output.status.code(), Some(2));
    }
}

/// Ctrl-C and SIGTERM: status 0, the port is closed, and an idle client is waited for no longer than it may linger.
#[test]
fn a_signal_ends_every_server_within_the_bound() {
    // Most of the time is waited, so all wait at the same time.
    thread::scope(|scope| {
        for (index, dialogue) in ALL.iter().enumerate() {
            scope.spawn(move || ends_by_a_signal(dialogue, index.is_multiple_of(2)));
        }
    });
}

fn ends_by_a_signal(dialogue: &Dialogue, is_used: bool) {
    let bound = limits::MAX_LINGER + Duration::from_secs(1);
    for signal in ["-INT", "-TERM"] {
        let server = start(dialogue, LOOPBACK);
        let addr = server.addr.clone();
        let mut idle = Client::open(dialogue.carrier, &addr);
        if is_used {
            dialogue.hold(&addr);
        }
        let (code, took) = server.end(signal);
        assert_eq!(code, Some(0), "{:?} {signal}", dialogue.args);
        assert!(took < bound, "{:?} {signal}: {took:?}", dialogue.args);
        if dialogue.carrier == Carrier::Stream {
            assert!(idle.is_ended(), "{:?}: its connections are closed", dialogue.args);
            assert!(TcpStream::connect(&addr).is_err(), "{:?}: its port is closed", dialogue.args);
        }
    }
}

/// A restart at once on the same port, though connections of the run before are in `TIME_WAIT`.
#[test]
fn a_server_that_was_killed_can_be_started_again_at_once() {
    for dialogue in ALL {
        let server = start(dialogue, LOOPBACK);
        let addr = server.addr.clone();
        let mut open = Client::open(dialogue.carrier, &addr);
        dialogue.say(&mut open);
        dialogue.hold(&addr);
        let (code, _) = server.end("-KILL");
        assert_eq!(code, None);
        let server = start(dialogue, &addr);
        assert_eq!(server.addr, addr);
        dialogue.hold(&addr);
    }
}

/// S26 and its like: 200 clients at once, each of them half through its dialogue, beside one that says nothing.
#[test]
fn two_hundred_clients_are_served_at_once_beside_an_idle_one() {
    for dialogue in ALL {
        let server = start(dialogue, LOOPBACK);
        let idle = Client::open(dialogue.carrier, &server.addr);
        let mut clients: Vec<Client> =
            (0..200).map(|_| Client::open(dialogue.carrier, &server.addr)).collect();
        if dialogue.carrier == Carrier::Datagram {
            // A burst of all of them would be more than a socket's buffer holds, and datagrams may be lost.
            for client in &mut clients {
                dialogue.say(client);
                dialogue.hear(client);
            }
            continue;
        }
        // The first to come is the last to be heard.
        for client in &mut clients {
            dialogue.say(client);
        }
        for client in clients.iter_mut().rev() {
            dialogue.hear(client);
        }
        drop(idle);
    }
}

/// Resets, half messages, bytes that are not UTF-8, early ends, surplus: others are served all the same.
#[test]
fn a_stream_server_outlives_what_its_clients_do() {
    for dialogue in streams() {
        let server = start(dialogue, LOOPBACK);
        let open = || Client::open(Carrier::Stream, &server.addr);
        // At once, and after half of what is to be said.
        open().reset();
        drop(open());
        for says in [&b"\xff\xfe\x80"[..], b"\0", dialogue.says.first().copied().unwrap_or(b"x")] {
            let half = &says[..says.len().div_ceil(2)];
            for text in [half, says] {
                let mut client = open();
                client.say(text);
                client.reset();
                let mut client = open();
                client.say(text);
                drop(client);
                if let Client::Tcp(stream) = &mut open() {
                    // It may have been answered and closed already.
                    let _ = stream.write_all(text);
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                }
            }
        }
        let mut client = open();
        if let Client::Tcp(stream) = &mut client {
            let _ = stream.write_all(&vec![b'x'; 300_000]);
        }
        dialogue.hold(&server.addr);
    }
}

/// S05 and its like: empty datagrams, the largest, and bytes that are not UTF-8.
#[test]
fn a_datagram_server_outlives_what_comes() {
    for dialogue in datagrams() {
        let server = start(dialogue, LOOPBACK);
        let largest = vec![b'x'; MAX_DATAGRAM_LEN];
        for bytes in [&b""[..], b"\xff\xfe\x80", b"\0", &largest] {
            Client::open(Carrier::Datagram, &server.addr).say(bytes);
            dialogue.hold(&server.addr);
        }
    }
}

/// S45, S74 and their like: a client that writes and never reads costs bounded memory, and nobody else notices.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_never_reads_costs_bounded_memory() {
    /// What is offered, and how much the server's memory may grow by it.
    const OFFERED_LEN: usize = 64 * 1024 * 1024;
    const MAX_GROWTH_LEN: u64 = 8 * 1024 * 1024;
    for dialogue in streams() {
        let server = start(dialogue, LOOPBACK);
        dialogue.hold(&server.addr);
        let before_len = server.memory_len();
        let hog = TcpStream::connect(&server.addr).expect("it listens");
        let offered_len = flood(&hog, OFFERED_LEN);
        // What was accepted is looked at while it is there, and then somebody else is served.
        let growth_len = server.memory_len().saturating_sub(before_len);
        assert!(growth_len < MAX_GROWTH_LEN, "{:?}: {growth_len} after {offered_len}", dialogue.args);
        dialogue.hold(&server.addr);
        drop(hog);
        dialogue.hold(&server.addr);
    }
}

/// S74: a member that never reads is dropped once too much waits for it; who reads loses nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_member_that_never_reads_costs_bounded_memory_and_nobody_a_message() {
    const LINES: usize = 600_000;
    const MAX_GROWTH_LEN: u64 = 8 * 1024 * 1024;
    let server = Server::start(&["tcp-chat", LOOPBACK]);
    let before_len = server.memory_len();
    let hog = TcpStream::connect(&server.addr).expect("it listens");
    let mut speaker = TcpStream::connect(&server.addr).expect("it listens");
    // Where a line is missing nobody reads on, and this is to fail then.
    speaker.set_write_timeout(Some(Duration::from_secs(30))).expect("it can be set");
    let mut listener = speaker.try_clone().expect("it is a stream");
    let counting = thread::spawn(move || {
        let mut heard = BufReader::new(&mut listener).lines().map(|line| line.expect("it is UTF-8"));
        (0..LINES).all(|number| {
            let header = heard.next().is_some_and(|line| line.starts_with("127.0.0.1:"));
            header && heard.next().is_some_and(|line| line == format!("line {number}"))
        })
    });
    for number in 0..LINES {
        // In one call: what stays without its end for 50 ms is a message.
        speaker.write_all(format!("line {number}\n").as_bytes()).expect("the server reads");
    }
    assert!(counting.join().expect("it only reads"), "a line is missing");
    let growth_len = server.memory_len().saturating_sub(before_len);
    assert!(growth_len < MAX_GROWTH_LEN, "{growth_len} bytes");
    drop(hog);
}

/// Writes until so much is written, or the server takes no more, or has had enough of it; gives how much it took.
#[cfg(target_os = "linux")]
fn flood(mut hog: &TcpStream, len: usize) -> usize {
    /// How long a server that takes nothing is given.
    const STALLED: Duration = Duration::from_millis(300);
    hog.set_nonblocking(true).expect("it is a stream");
    let (line, mut written_len) = (b"0123456789abcdef0123456789abcd\r\n".repeat(1024), 0);
    let mut last_at = now();
    while written_len < len {
        match hog.write(&line) {
            Ok(taken_len) => {
                written_len += taken_len;
                last_at = now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if now() - last_at > STALLED {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
            Err(_) => break,
        }
    }
    written_len
}

/// Systems whose clients meet have one machine, and say so (`tests/cli.rs`).
#[test]
fn several_workers_serve_as_one_does() {
    let meeting = ["tcp-chat", "udp-chat", "udp-broadcast", "election"];
    for dialogue in ALL.iter().filter(|dialogue| !meeting.contains(&dialogue.args[0])) {
        let mut words = dialogue.serve(LOOPBACK);
        words.extend(["--workers".to_owned(), "2".to_owned()]);
        let server = Server::start(&words.iter().map(String::as_str).collect::<Vec<_>>());
        // Which worker gets a client is drawn by its port: that all of these have one is a chance of 2^-15.
        for _ in 0..16 {
            dialogue.hold(&server.addr);
        }
        assert_eq!(server.end("-TERM").0, Some(0), "{:?}", dialogue.args);
    }
}

/// Workers share an address with no other server, unless that is wanted.
#[test]
fn workers_share_their_address_with_nobody_unasked() {
    for system in ["tcp-sixteen", "udp-local"] {
        let first = Server::start(&[system, "127.0.0.1:0", "--workers", "2"]);
        let words = ["serve", system, &first.addr, "--workers", "2"];
        let output = Command::new(env!("CARGO_BIN_EXE_lossproof")).args(words).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let line = format!("{}: the address is in use; choose another port, or 0 for any\n", first.addr);
        assert!(told.ends_with(&line) && output.status.code() == Some(1), "{told}");
        let shared = Server::start(&[system, &first.addr, "--workers", "2", "--share"]);
        assert_eq!(shared.addr, first.addr);
    }
}

/// What real sockets cannot have is wrong usage, in every system and both roles.
#[test]
fn a_plan_that_sockets_cannot_have_is_wrong_usage() {
    for dialogue in ALL {
        for (role, faults) in [("serve", "at 0s crash server"), ("call", "at 1s poweroff client")] {
            if dialogue.args[0] == "election" && role == "serve" {
                continue;
            }
            let words = [role, dialogue.args[0], "127.0.0.1:0", "--faults", faults];
            let output = Command::new(env!("CARGO_BIN_EXE_lossproof"))
                .args(words)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!((told.lines().count(), output.status.code()), (1, Some(2)), "{words:?}: {told}");
        }
    }
}
