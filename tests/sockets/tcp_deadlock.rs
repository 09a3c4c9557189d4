//! tcp-deadlock on real sockets, against plain blocking peers written here. (Rows S28 to S30.)

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{
    Driven, PATIENCE, Pair, V4, V6, accept, assert_same_over_loopback, listener, plain_tcp, read_all, reset,
    within_bounds,
};
use lossproof::Status;
use lossproof::systems::Options;
use lossproof::systems::tcp_deadlock::{self, Client, ClientEvent, Server, ServerEvent};

/// More than the buffers of this machine's sockets take.
const TOO_MUCH: u64 = 32 * 1024 * 1024;

const PAIR: Pair<Server, Client> = Pair {
    about: tcp_deadlock::ABOUT,
    net: tcp_deadlock::net,
    server: |_| Server::default(),
    client: |options, server| Client::new(server, options.bytes, options.timeout),
};

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    Driven::start(listener(bind), None, Server::default)
}

fn client(server: SocketAddr, options: &Options) -> Driven<ClientEvent> {
    let (bytes, timeout) = (options.bytes, options.timeout);
    Driven::start([], None, move || Client::new(server.into(), bytes, timeout))
}

fn sending(bytes: u64) -> Options {
    Options { bytes, timeout: PATIENCE, ..Options::default() }
}

fn lines(told: &[impl ToString]) -> Vec<String> {
    told.iter().map(ToString::to_string).collect()
}

/// Says something in pieces, ends, and reads what comes back.
fn capitalized(server: SocketAddr, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = plain_tcp(server);
    for piece in pieces {
        stream.write_all(piece).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(&mut stream).unwrap()
}

/// The classic server: it reads a little, answers it, and reads no further before that is written.
fn serve_classically(mut stream: TcpStream) -> TcpStream {
    let mut buf = [0; 1024];
    loop {
        match stream.read(&mut buf) {
            Ok(0) | Err(_) => break,
            Ok(len) => {
                if stream.write_all(&buf[..len].to_ascii_uppercase()).is_err() {
                    break;
                }
            }
        }
    }
    stream
}

// Our server

/// S28.
#[test]
fn what_is_said_comes_back_in_upper_case_however_it_comes() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let mut server = server(bind);
            assert_eq!(capitalized(server.addr, &[b"capitalize this!"]), b"CAPITALIZE THIS!");
            let bytes: Vec<&[u8]> = b"a\xff\xc3\xa9Z\0".chunks(1).collect();
            assert_eq!(capitalized(server.addr, &bytes), b"A\xff\xc3\xa9Z\0");
            assert_eq!(capitalized(server.addr, &[]), b"");
            server.wait_count("the ends", 3, |event| matches!(event, ServerEvent::Processed { .. }));
            let (addr, told) = (server.addr, lines(&server.stop()));
            assert_eq!(told[0], format!("Listening at {addr}"));
            assert!(told[1].starts_with("Processing up to 1024 bytes at a time from "));
            assert!(
                told[2].starts_with("  16 bytes from ") && told[2].ends_with(" processed, socket closed")
            );
            assert!(told[4].starts_with("  6 bytes from ") && told[6].starts_with("  0 bytes from "));
        }
    });
}

/// S28. One thread writes, another reads: all of it comes back, in order.
#[test]
fn a_long_answer_is_whole() {
    within_bounds(|| {
        let server = server(V4);
        let mut stream = plain_tcp(server.addr);
        let text: Vec<u8> = (0..4 * 1024 * 1024).map(|index: u32| b'a' + (index % 25) as u8).collect();
        let expected = text.to_ascii_uppercase();
        let mut writer = stream.try_clone().unwrap();
        let writing = thread::spawn(move || {
            writer.write_all(&text).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        assert!(read_all(&mut stream).unwrap() == expected, "it differs");
        writing.join().unwrap();
        server.stop();
    });
}

#[test]
fn who_never_reads_or_resets_keeps_nobody_waiting() {
    within_bounds(|| {
        let mut server = server(V4);
        // It writes until nobody takes more of it.
        let mut hog = plain_tcp(server.addr);
        hog.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let full = hog.write_all(&vec![b'x'; TOO_MUCH as usize]).unwrap_err();
        assert!(matches!(full.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{full}");
        let mut stream = plain_tcp(server.addr);
        stream.write_all(b"abc").unwrap();
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"ABC");
        let from = stream.local_addr().unwrap();
        reset(stream);
        let line = format!("the connection with {from} was reset");
        server.wait_count("the reset", 1, |event| event.to_string() == line);
        assert_eq!(capitalized(server.addr, &[b"still here"]), b"STILL HERE");
        drop(hog);
        server.stop();
    });
}

// Our client

/// S29, S30. The same server and as many bytes: the original's client waits in vain.
#[test]
fn it_reads_while_it_writes_and_the_original_does_not() {
    within_bounds(|| {
        for (bind, bytes) in [(V4, TOO_MUCH), (V6, 16_000)] {
            let listener = TcpListener::bind(bind).unwrap();
            let client = client(listener.local_addr().unwrap(), &sending(bytes));
            let serving = thread::spawn({
                let stream = accept(&listener);
                move || drop(serve_classically(stream))
            });
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(
                lines(&told),
                [
                    format!("Sending {bytes} bytes of data, in chunks of 16 bytes"),
                    format!("  {bytes} bytes sent, {bytes} bytes received")
                ]
            );
            serving.join().unwrap();
        }
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let mut classic = Command::new(env!("CARGO_BIN_EXE_lossproof"));
        classic.args(["call", "tcp-deadlock", &addr, "--bug", "writes-before-reading", "--timeout", "500ms"]);
        let mut classic =
            classic.args(["--bytes", &TOO_MUCH.to_string()]).stdout(Stdio::piped()).spawn().unwrap();
        let serving = thread::spawn({
            let stream = accept(&listener);
            move || drop(serve_classically(stream))
        });
        let mut told = String::new();
        classic.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(classic.wait().unwrap().code(), Some(1));
        assert_eq!(told.lines().last(), Some("no answer within 0.5 seconds"));
        serving.join().unwrap();
    });
}

/// S29.
#[test]
fn whole_texts_are_sent_and_the_answer_may_come_in_pieces() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let client = client(listener.local_addr().unwrap(), &sending(17));
        let mut stream = accept(&listener);
        assert_eq!(read_all(&mut stream).unwrap(), b"capitalize this!".repeat(2));
        for byte in b"CAPITALIZE THIS!".repeat(2) {
            stream.write_all(&[byte]).unwrap();
        }
        drop(stream);
        let (status, told) = client.join();
        assert_eq!(
            (status.unwrap(), lines(&told)[1].as_str()),
            (Status::Success, "  32 bytes sent, 32 bytes received")
        );
    });
}

#[test]
fn what_is_wrong_is_told() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap();
        let early = "was expecting 32 bytes but only received 16 bytes before the socket closed";
        let twice = b"CAPITALIZE THIS!".repeat(2);
        for (answer, line) in [
            (&twice[..16], early.to_owned()),
            (b"CAPITALIZE\xff", "the answer is not what was sent, from byte 10 on".to_owned()),
            (&[&twice[..], b"!"].concat(), "the answer is not what was sent, from byte 32 on".to_owned()),
        ] {
            let client = client(addr, &sending(32));
            let mut stream = accept(&listener);
            read_all(&mut stream).unwrap();
            stream.write_all(answer).unwrap();
            drop(stream);
            let (status, told) = client.join();
            assert_eq!((status.unwrap(), told.last().unwrap().to_string()), (Status::Failure, line));
        }
        let client = client(addr, &sending(32));
        let mut stream = accept(&listener);
        read_all(&mut stream).unwrap();
        reset(stream);
        let (status, told) = client.join();
        let line = format!("the connection with {addr} was reset");
        assert_eq!((status.unwrap(), told.last().unwrap().to_string()), (Status::Failure, line));
    });
}

#[test]
fn its_waits_are_bounded_and_nobody_listening_is_one_line() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let options = Options { timeout: Duration::from_millis(200), ..sending(16) };
        let silent = client(listener.local_addr().unwrap(), &options);
        let stream = accept(&listener);
        let (status, told) = silent.join();
        let line = "no answer within 0.2 seconds";
        assert_eq!((status.unwrap(), told.last().unwrap().to_string().as_str()), (Status::Failure, line));
        drop(stream);
        for bind in [V4, V6] {
            let nobody = TcpListener::bind(bind).unwrap().local_addr().unwrap();
            let (status, told) = client(nobody, &sending(16)).join();
            assert_eq!(status.unwrap(), Status::Failure);
            assert_eq!(lines(&told), [format!("cannot connect to {nobody}: connection refused")]);
        }
    });
}

#[test]
fn the_same_events_over_loopback() {
    within_bounds(|| {
        let options = Options { bytes: 2_000, ..Options::default() };
        for plan in [
            "",
            "client>server cut every 100 bytes; server>client @500 stall 200ms",
            "client>server @0 stall 100ms",
        ] {
            assert_same_over_loopback(&PAIR, &options, plan);
        }
    });
}
