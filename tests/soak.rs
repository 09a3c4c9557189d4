//! A soak: every server under a script of mixed abuse beside honest clients. No honest answer is wrong or late, memory
//! stays flat, and nothing is done afterwards.
//!
//! The short form is made each time. `cargo test --release --test soak -- --ignored` makes the long one, ten minutes for
//! each server.

#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "what is shared has more than each test uses")]
#[path = "processes/dialogues.rs"]
mod dialogues;
#[allow(dead_code, reason = "what is shared has more than each test uses")]
#[path = "processes/process.rs"]
mod process;

use std::io::Write as _;
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dialogues::{ALL, Carrier, Dialogue};
use process::{Server, now};

/// How many honest clients there are.
const HONEST: u64 = 20;
/// How long an honest client waits between two dialogues.
const PAUSE: Duration = Duration::from_millis(20);
/// How much the memory of a server may grow from the first half of the time to the second.
const MAX_GROWTH_LEN: u64 = 8 * 1024 * 1024;
/// How much a server may work in a second when nobody wants anything of it, in hundredths of a second.
const MAX_IDLE_TICKS: u64 = 5;

/// Bytes that no protocol wants.
fn hostile(number: u64) -> Vec<u8> {
    let controls: String = (0..0xa0).filter_map(char::from_u32).collect();
    match number % 6 {
        0 => controls.into_bytes(),
        1 => (0..=255).collect(),
        2 => vec![0xff; 65_000],
        3 => vec![b'\n'; 4_096],
        4 => b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 99999999999999999999\r\n\r\n"
            .to_vec(),
        _ => Vec::new(),
    }
}

/// One act of abuse of a stream server: slow, silent, resetting, flooding, hostile, half closed, or gone at once.
fn abuse_stream(addr: &str, number: u64, floods: bool, kept: &mut Vec<TcpStream>) {
    let Ok(mut stream) = TcpStream::connect(addr) else { return };
    let _ = stream.set_write_timeout(Some(Duration::from_millis(5)));
    let reset = |stream: &TcpStream| {
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    };
    let hostile = |number| if floods { hostile(number) } else { hostile(number % 2) };
    match number % 7 {
        0 => kept.push(stream),
        1 => {
            let _ = stream.write_all(b"H");
            kept.push(stream);
        }
        2 => {
            let _ = stream.write_all(&hostile(number / 7));
            reset(&stream);
        }
        3 if floods => {
            // What it is answered stays unread.
            while stream.write_all(&[b'x'; 16_384]).is_ok() && kept.len() < 64 {
                kept.push(stream.try_clone().expect("there is a descriptor"));
            }
        }
        4 => _ = stream.write_all(&hostile(number / 7)),
        5 => {
            let _ = stream.write_all(&hostile(number / 7));
            let _ = stream.shutdown(Shutdown::Write);
            kept.push(stream);
        }
        _ => drop(stream),
    }
    // More than that the abuser does not hold; the oldest are let go, some with a reset.
    while kept.len() > 48 {
        let oldest = kept.remove(0);
        if number.is_multiple_of(2) {
            reset(&oldest);
        }
    }
}

/// One act of abuse of a datagram server.
fn abuse_datagram(socket: &UdpSocket, addr: &str, number: u64) {
    for _ in 0..number % 4 {
        let mut bytes = hostile(number);
        bytes.truncate(if number.is_multiple_of(64) { 60_000 } else { 2_000 });
        let _ = socket.send_to(&bytes, addr);
    }
}

/// One dialogue of an honest client. A datagram that is lost in a flood is sent again.
fn ask(dialogue: &Dialogue, addr: &str) {
    if dialogue.carrier == Carrier::Stream {
        return dialogue.hold(addr);
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    socket.connect(addr).expect("it is an address");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("it is no zero");
    let mut buf = vec![0; 65_536];
    for _ in 0..200 {
        dialogue.says.iter().for_each(|text| _ = socket.send(text));
        while let Ok(len) = socket.recv(&mut buf) {
            if buf[..len].windows(dialogue.hears.len()).any(|window| window == dialogue.hears) {
                // Who leaves a chat says so. To others it would be told for ten seconds what is said to hundreds.
                if dialogue.args[0] == "udp-chat" {
                    let _ = socket.send(b"/quit");
                }
                return;
            }
        }
    }
    panic!("{:?} does not answer", dialogue.args);
}

/// How much a process has worked, in hundredths of a second.
fn ticks(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    let after = stat.rsplit(')').next().expect("it has a name");
    let fields: Vec<&str> = after.split_whitespace().collect();
    fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number")
}

/// Has a server serve honest clients beside the abusers for this long.
fn soak(dialogue: &'static Dialogue, span: Duration, at_most: Duration) {
    let words = dialogue.serve("127.0.0.1:0");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Nobody reads what it prints, and it may not have many files open.
    let server = Server::start_unread(&words);
    let (addr, is_over) = (server.addr.as_str(), AtomicBool::new(false));
    // In a chat everybody hears a flood, and who cannot read it in time is to be dropped: that is its rule.
    let floods = dialogue.args[0] != "tcp-chat";
    let (slowest_millis, answered, half_len) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..2_u64 {
            let is_over = &is_over;
            scope.spawn(move || {
                let (mut kept, mut number) = (Vec::new(), number);
                let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
                while !is_over.load(Ordering::Relaxed) {
                    match dialogue.carrier {
                        Carrier::Stream => abuse_stream(addr, number, floods, &mut kept),
                        Carrier::Datagram => abuse_datagram(&socket, addr, number),
                    }
                    number += 2;
                    thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let honest = (0..HONEST).map(|_| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let begin = now();
                    ask(dialogue, addr);
                    let took = (now() - begin).as_millis() as u64;
                    slowest_millis.fetch_max(took, Ordering::Relaxed);
                    answered.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(PAUSE);
                }
            })
        });
        let honest: Vec<_> = honest.collect();
        thread::sleep(span / 2);
        half_len.store(server.memory_len(), Ordering::Relaxed);
        thread::sleep(span / 2);
        let growth_len = server.memory_len().saturating_sub(half_len.load(Ordering::Relaxed));
        is_over.store(true, Ordering::Relaxed);
        for client in honest {
            client.join().expect("every honest answer is right");
        }
        assert!(growth_len < MAX_GROWTH_LEN, "{:?} grows by {growth_len} bytes", dialogue.args);
    });
    let (slowest, answered) = (slowest_millis.into_inner(), answered.into_inner());
    println!("{:?}: {answered} answers, the slowest after {slowest} ms", dialogue.args);
    assert!(answered >= HONEST, "{:?}: {answered}", dialogue.args);
    assert!(u128::from(slowest) < at_most.as_millis(), "{:?}: {slowest} ms", dialogue.args);
    // What is left of the abusers' streams takes its bounded time.
    thread::sleep(Duration::from_millis(2_500));
    let before = ticks(server.id());
    thread::sleep(Duration::from_secs(1));
    let worked = ticks(server.id()) - before;
    assert!(worked <= MAX_IDLE_TICKS, "{:?} works {worked} hundredths of a second for nobody", dialogue.args);
    let (status, took) = server.end("-TERM");
    assert_eq!(status, Some(0), "{:?}", dialogue.args);
    assert!(took < Duration::from_secs(1), "{:?} takes {took:?} to end", dialogue.args);
}

/// A broadcast has no answer, and a server of a group that is not there has none that is the same twice.
fn servers() -> impl Iterator<Item = &'static Dialogue> {
    ALL.iter().filter(|dialogue| !dialogue.hears.is_empty())
}

/// Names the systems that are soaked; without it all are.
const ONLY: &str = "LOSSPROOF_SOAK";

/// Soaks all servers, some of them at a time: most of the time is waited.
fn soak_all(span: Duration, at_most: Duration, together: usize) {
    let only = std::env::var(ONLY).ok();
    let is_named =
        |one: &&Dialogue| only.as_ref().is_none_or(|only| only.split(',').any(|name| name == one.args[0]));
    let all: Vec<_> = servers().filter(is_named).collect();
    for some in all.chunks(together) {
        thread::scope(|scope| {
            for dialogue in some {
                scope.spawn(move || soak(dialogue, span, at_most));
            }
        });
    }
}

/// On a busy machine an answer may take longer than the server does.
#[test]
fn every_server_bears_a_little_abuse() {
    soak_all(Duration::from_millis(1_200), Duration::from_secs(5), 6);
}

#[test]
#[ignore = "it takes an hour: ten minutes for each server"]
fn every_server_bears_much_abuse() {
    soak_all(Duration::from_mins(10), Duration::from_secs(1), 3);
}
