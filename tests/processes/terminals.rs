//! What a peer sends never commands a terminal: every system, in both roles.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::dialogues::{ALL, Carrier, Client, Dialogue};
use crate::process::{PATIENCE, Server, call_with, now};

/// What a terminal obeys, or what turns a line around: each control but the line feed, as text and as single bytes, and
/// what Unicode has to turn text.
fn active() -> Vec<String> {
    let controls = (0..=0x1f).chain(0x7f..=0x9f).filter(|c| !matches!(c, 0x09 | 0x0a));
    let others = [0x61c, 0x200e, 0x200f].into_iter().chain(0x2028..=0x202e).chain(0x2066..=0x2069);
    controls.chain(others).filter_map(char::from_u32).map(String::from).collect()
}

/// Texts that bring all of them, and sequences that terminals know; the last has bytes that are no UTF-8.
fn hostile() -> Vec<Vec<u8>> {
    let all = active().concat();
    let sequences = "\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[31mred\u{9b}31m\u{90}\u{1b}\\ \r\0";
    let bytes: Vec<u8> = (0x80..=0xff).collect();
    vec![format!("x{all}y").into_bytes(), sequences.as_bytes().to_vec(), [b"z".as_slice(), &bytes].concat()]
}

/// Looks whether what was printed is fit for a terminal.
fn is_harmless(printed: &[u8]) -> Result<(), String> {
    let text =
        std::str::from_utf8(printed).map_err(|error| format!("{error} in {}", printed.escape_ascii()))?;
    match active().into_iter().find(|c| text.contains(c.as_str())) {
        Some(c) => Err(format!("{} is in {text:?}", c.escape_unicode())),
        None => Ok(()),
    }
}

#[test]
fn no_server_prints_what_a_terminal_would_obey() {
    thread::scope(|scope| {
        for dialogue in ALL {
            scope.spawn(move || prints_what_is_harmless(dialogue));
        }
    });
}

fn prints_what_is_harmless(dialogue: &Dialogue) {
    let words = dialogue.serve("127.0.0.1:0");
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.push("-vv");
    let mut server = Server::start_with_errors(&words);
    for text in hostile() {
        let mut client = Client::open(dialogue.carrier, &server.addr);
        for said in dialogue.says {
            client.try_say(&[&text, *said, &text].concat());
            client.try_say(&text);
        }
        client.try_say(&[&text, b"\r\n\r\n".as_slice(), &text, b"\n"].concat());
    }
    // It has printed what it had to print of these before it answers this.
    let mut client = Client::open(dialogue.carrier, &server.addr);
    dialogue.say(&mut client);
    dialogue.hear(&mut client);
    let mut errors = server.errors();
    let printed = server.stopped();
    let mut told = Vec::new();
    errors.read_to_end(&mut told).unwrap();
    for (whence, text) in [("standard output", printed), ("standard error", told)] {
        if let Err(why) = is_harmless(&text) {
            panic!("{:?}, {whence}: {why}", dialogue.args);
        }
    }
}

/// What a hostile server says to a client of this system: the texts themselves, and as if they were its own.
fn answers(system: &str) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for text in hostile() {
        let around = |before: &[u8], after: &[u8]| [before, &text, after].concat();
        answers.push(text.clone());
        answers.push(around(b"", b"\n"));
        match system {
            "http" => {
                let line = text.iter().copied().filter(|byte| *byte >= 0x80).collect::<Vec<_>>();
                answers
                    .push([b"HTTP/1.0 200 O".as_slice(), &line, b"K\r\nX: ", &line, b"\r\n\r\nx"].concat());
            }
            "geocode" => {
                let body = around(b"{\"results\":[{\"formatted_address\":\"", b"\"}],\"status\":\"O\"}");
                let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                answers.push([head.as_bytes(), &body].concat());
                let codes = active().concat().chars().map(u32::from).collect::<Vec<_>>();
                let escaped = codes.iter().fold(String::new(), |text, code| text + &format!("\\u{code:04x}"));
                let body = format!("{{\"results\":[],\"status\":\"O{escaped}K\"}}");
                answers
                    .push(format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into());
            }
            "tcp-chat" | "udp-chat" => answers.push(around(b"127.0.0.1:1\n", b"\n")),
            "hello-tcp" | "hello-udp" => answers.push(around(b"Welcome!Hello, ", b"!")),
            "tcp-sixteen" => answers.push(text.chunks(16).next().unwrap_or_default().to_vec()),
            _ => answers.push(around(b"Your data was ", b" bytes long")),
        }
    }
    answers
}

#[test]
fn no_client_prints_what_a_terminal_would_obey() {
    let systems = ALL.iter().filter(|dialogue| dialogue.args[0] != "udp-broadcast");
    for dialogue in systems {
        let system = dialogue.args[0];
        for answer in answers(system) {
            let addr = match dialogue.carrier {
                Carrier::Stream => answer_streams(answer.clone()),
                Carrier::Datagram => answer_datagrams(answer.clone()),
            };
            let mut words = vec![system, addr.as_str()];
            words.extend((system == "geocode").then_some("archbold"));
            words.extend(dialogue.args[1..].iter().filter(|word| matches!(**word, "--ids" | "--datagram")));
            words.extend(["--timeout", "300ms", "--time-scale", "0.02", "-vv"]);
            if system == "http" {
                words.extend(["--output", "/dev/null"]);
            }
            let output = call_with(&words, "hello\nx\n".as_bytes());
            for (whence, text) in [("standard output", &output.stdout), ("standard error", &output.stderr)] {
                if let Err(why) = is_harmless(text) {
                    panic!("{words:?} on {}, {whence}: {why}", answer.escape_ascii());
                }
            }
        }
    }
}

/// Where each stream is answered by this, at once and after what comes, and then ended.
fn answer_streams(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), answer) = (stream, answer.clone()) else { return };
            thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
                let _ = stream.write_all(&answer);
                if stream.read(&mut [0; 4096]).is_ok() {
                    let _ = stream.write_all(&answer);
                }
            });
        }
    });
    addr
}

/// Where each datagram is answered by this, and by itself around it.
fn answer_datagrams(answer: Vec<u8>) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buf = vec![0; 65_536];
        let until = now() + PATIENCE;
        while now() < until {
            let Ok((len, peer)) = socket.recv_from(&mut buf) else { return };
            let id = buf[..len].split(|byte| *byte == b' ').next().unwrap_or_default();
            for text in [answer.clone(), [id, b" ", &answer].concat(), [&buf[..len], &answer].concat()] {
                let _ = socket.send_to(&text, peer);
            }
        }
    });
    addr
}

/// A reader of standard output who never reads: the server serves all the same, and ends when it is asked to.
#[test]
fn whoever_does_not_read_the_log_stops_no_server() {
    for (dialogue, signal) in ALL.iter().zip(["-TERM", "-INT"].into_iter().cycle()) {
        let words = dialogue.serve("127.0.0.1:0");
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["-vv"]).collect();
        let server = Server::start_unread(&words);
        // Far more than a pipe holds goes to one of the two at least.
        for _ in 0..FLOOD {
            dialogue.hold(&server.addr);
        }
        let (status, took) = server.end(signal);
        assert!(took < Duration::from_secs(1), "{words:?} takes {took:?} after {signal}");
        assert_eq!(status, Some(0), "{words:?} after {signal}");
    }
}

/// How many clients come, each of which makes some lines: a pipe has 64 KiB.
const FLOOD: usize = 200;

/// What was not printed for want of a reader is counted, where it would have stood.
#[test]
fn lines_that_nobody_read_are_counted() {
    const COUNT: usize = 2_000;
    let mut server = Server::start_unread(&["udp-local", "127.0.0.1:0"]);
    let mut stdout = server.unread();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(&server.addr).unwrap();
    for _ in 0..COUNT {
        socket.send(&[b'x'; 1_000]).unwrap();
        socket.recv(&mut [0; 64]).unwrap();
    }
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    // It flows again, and then it is said.
    thread::sleep(Duration::from_millis(300));
    socket.send(b"last").unwrap();
    socket.recv(&mut [0; 64]).unwrap();
    assert_eq!(server.end("-TERM").0, Some(0));
    let text = reader.join().unwrap();
    let said = text.lines().filter(|line| line.contains(" says 'xxx")).count();
    let lost: Vec<&str> = text.lines().filter(|line| line.contains("were not printed")).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    let count: usize = lost[0].split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(said + count, COUNT, "{lost:?}");
    assert!(text.ends_with("says 'last'\n"), "what comes later is printed again");
}
