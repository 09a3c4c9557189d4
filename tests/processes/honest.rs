//! Whoever holds places without a use for them locks nobody out: every server that keeps connections.

use std::io::Read as _;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use crate::dialogues::{ALL, Carrier, Client, Dialogue};
use crate::process::{PATIENCE, Server, now};

/// How many open files the server may have: fewer than there are silent clients.
const DESCRIPTORS: usize = 64;
/// How many clients come and say nothing.
const SILENT: usize = 100;
/// How many honest ones come then.
const HONEST: usize = 20;
/// How long an honest one may wait for its answer.
const AT_MOST: Duration = Duration::from_secs(1);

fn streams() -> impl Iterator<Item = &'static Dialogue> {
    ALL.iter().filter(|dialogue| dialogue.carrier == Carrier::Stream)
}

/// Has honest clients served, each in time; says what the server told on standard error meanwhile.
fn serves_the_honest(dialogue: &Dialogue, mut server: Server, what: &str) -> String {
    let silent: Vec<Client> = (0..SILENT).map(|_| Client::open(dialogue.carrier, &server.addr)).collect();
    for number in 0..HONEST {
        let begin = now();
        dialogue.hold(&server.addr);
        let took = now() - begin;
        assert!(took < AT_MOST, "{:?}, {what}: honest client {number} waits {took:?}", dialogue.args);
    }
    drop(silent);
    let mut errors = server.errors();
    assert_eq!(server.end("-TERM").0, Some(0), "{:?}, {what}", dialogue.args);
    let mut told = String::new();
    errors.read_to_string(&mut told).unwrap();
    told
}

#[test]
fn silent_clients_lock_nobody_out() {
    for dialogue in streams() {
        let words = dialogue.serve("127.0.0.1:0");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let server = Server::start_with_descriptors(DESCRIPTORS, &words);
        let told = serves_the_honest(dialogue, server, "few descriptors");
        assert!(told.lines().count() <= 1, "{:?} says it once: {told}", dialogue.args);

        let words = [&words[..], &["--max-clients", "10"]].concat();
        let told = serves_the_honest(dialogue, Server::start_with_errors(&words), "few clients");
        let note = "lossproof: note: there is room for 10 clients, and another one comes: \
                    who is silent longest makes way\n";
        // Who answers at once, and ends the stream, has room for everybody.
        assert!(told == note || told.is_empty(), "{:?}: {told}", dialogue.args);
    }
}

/// A client that takes its answer slowly is in the middle of it: it loses nothing to those who come.
#[test]
fn whoever_is_being_answered_makes_no_way() {
    const LEN: usize = 16 * 1024 * 1024;
    let server = Server::start_with_errors(&["tcp-deadlock", "127.0.0.1:0", "--max-clients", "3"]);
    let mut slow = std::net::TcpStream::connect(&server.addr).unwrap();
    let mut writer = slow.try_clone().unwrap();
    let said = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, &vec![b'x'; LEN]).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    // It reads nothing yet, so its answer waits, and then nothing more is read of it.
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..20 {
        let _silent = Client::open(Carrier::Stream, &server.addr);
        let dialogue = streams().find(|dialogue| dialogue.args[0] == "tcp-deadlock").unwrap();
        dialogue.hold(&server.addr);
    }
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).unwrap();
    said.join().unwrap();
    assert_eq!(answer.len(), LEN);
    assert!(answer.iter().all(|byte| *byte == b'X'));
}

#[test]
fn who_is_silent_for_too_long_is_let_go_if_that_is_wanted() {
    for dialogue in streams() {
        let words = dialogue.serve("127.0.0.1:0");
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--idle", "300ms"]).collect();
        let server = Server::start(&words);
        let begin = now();
        let mut silent = Client::open(dialogue.carrier, &server.addr);
        // One that goes on talking stays.
        assert!(silent.is_ended(), "{:?}", dialogue.args);
        assert!(now() - begin < Duration::from_secs(3), "{:?}", dialogue.args);
        dialogue.hold(&server.addr);
    }
    let server = Server::start(&["select-echo", "127.0.0.1:0", "--idle", "300ms"]);
    let dialogue = streams().find(|dialogue| dialogue.args[0] == "select-echo").unwrap();
    let mut client = Client::open(dialogue.carrier, &server.addr);
    for _ in 0..10 {
        dialogue.say(&mut client);
        dialogue.hear(&mut client);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a server has no use for it refuses, each server of datagrams.
#[test]
fn a_server_without_connections_has_no_limit_of_them() {
    for dialogue in ALL.iter().filter(|dialogue| dialogue.carrier == Carrier::Datagram) {
        for option in [["--max-clients", "3"], ["--idle", "3s"]] {
            let name = dialogue.args[0];
            if name == "udp-chat" && option[0] == "--max-clients" {
                continue;
            }
            let words = dialogue.serve("127.0.0.1:0");
            let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
            let output = command.arg("serve").args(words).args(option).output();
            let output = output.expect("the binary was built for this test");
            let said = String::from_utf8_lossy(&output.stderr);
            let expected = format!("lossproof: {name} has no connections here; leave {} out\n", option[0]);
            assert_eq!((output.status.code(), said.as_ref()), (Some(2), expected.as_str()));
        }
    }
}

/// A chat of datagrams has no connections, and members: three of four that are told of what is said.
#[test]
fn a_chat_of_datagrams_keeps_as_many_members_as_it_was_told() {
    let server = Server::start(&["udp-chat", "127.0.0.1:0", "--max-clients", "3"]);
    let members = [(); 4].map(|()| {
        let member = UdpSocket::bind("127.0.0.1:0").unwrap();
        member.connect(&server.addr).unwrap();
        member.set_read_timeout(Some(PATIENCE)).unwrap();
        member.send(b"#ping#").unwrap();
        // So that each has been silent for a span of its own.
        std::thread::sleep(Duration::from_millis(20));
        member
    });
    members[3].send(b"hi").unwrap();
    for member in &members[1..] {
        member.recv(&mut [0; 64]).expect("a member is told");
    }
    members[0].set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(members[0].recv(&mut [0; 64]).is_err(), "who made way is told nothing");
}

/// A thousand members of a chat that say nothing, and one more who does.
#[test]
fn silent_members_close_no_chat() {
    let server = Server::start_with_errors(&["udp-chat", "127.0.0.1:0"]);
    let mut members: Vec<UdpSocket> = Vec::new();
    for number in 0..=1_024 {
        // Loopback has addresses for all of them, and one socket may be many.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"#ping#", &server.addr).unwrap();
        if number % 256 == 255 {
            std::thread::sleep(Duration::from_millis(20));
            members.clear();
        }
        members.push(socket);
    }
    for _ in 0..HONEST {
        let begin = now();
        let dialogue = ALL.iter().find(|dialogue| dialogue.args[0] == "udp-chat").unwrap();
        dialogue.hold(&server.addr);
        assert!(now() - begin < AT_MOST);
    }
}
