//! select-echo on real sockets, against plain blocking peers written here. (Rows S36 to S46.)

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::{
    A_WHILE, Driven, PATIENCE, V4, V6, accept, listener, plain_tcp, plain_unix, read_all, reset, unix_path,
    within_bounds,
};
use lossproof::drive::Endpoint;
use lossproof::machine::UnixPath;
use lossproof::systems::Options;
use lossproof::systems::select_echo::{Client, ClientEvent, IDLE, Server, ServerEvent};
use lossproof::{Peer, Status};

fn server_with(bind: SocketAddr, time_scale: f64) -> Driven<ServerEvent> {
    let options = Options { time_scale, ..Options::default() };
    Driven::start(listener(bind), None, move || Server::new(options.scaled(IDLE)))
}

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    server_with(bind, 1.0)
}

fn client(server: SocketAddr, timeout: Duration) -> Driven<ClientEvent> {
    Driven::start([], None, move || Client::new(server.into(), timeout))
}

fn lines(told: &[impl ToString]) -> Vec<String> {
    told.iter().map(ToString::to_string).collect()
}

/// The messages of a round, the first of which has this number.
fn round(text: &str, first: usize) -> Vec<String> {
    (first..first + 4).map(|number| format!("{text} version {number}")).collect()
}

fn rounds() -> [Vec<String>; 3] {
    [round("This is the message", 1), round("It will be sent", 5), round("in parts ", 9)]
}

/// Reads exactly this.
fn expect(stream: &mut TcpStream, text: &[u8]) {
    let mut bytes = vec![0; text.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes.escape_ascii().to_string(), text.escape_ascii().to_string());
}

// Our server

/// S36, S37.
#[test]
fn each_client_gets_back_what_it_says_and_all_is_told() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let mut server = server(bind);
            let mut streams: Vec<TcpStream> = (0..4).map(|_| plain_tcp(server.addr)).collect();
            for (index, stream) in streams.iter_mut().enumerate() {
                stream.write_all(format!("I am {index}").as_bytes()).unwrap();
            }
            for (index, stream) in streams.iter_mut().enumerate() {
                expect(stream, format!("I am {index}").as_bytes());
            }
            let last = streams.pop().unwrap();
            let from = last.local_addr().unwrap();
            last.shutdown(Shutdown::Write).unwrap();
            server.wait_count("the end", 1, |event| matches!(event, ServerEvent::Closing(_)));
            drop(streams);
            let told = lines(&server.stop());
            assert_eq!(told[0], "waiting for next event");
            for line in [
                format!("  connection from {from}"),
                format!(" received I am 3 from {from}"),
                format!(" sending I am 3 to {from}"),
                format!(" {from} queue empty"),
                format!(" closing {from}"),
            ] {
                assert_eq!(told.iter().filter(|other| **other == line).count(), 1, "{line}");
            }
        }
    });
}

/// S36. Byte at a time, bytes that are no text, and much at once.
#[test]
fn the_echo_is_the_same_however_it_comes() {
    within_bounds(|| {
        let mut server = server(V4);
        let mut stream = plain_tcp(server.addr);
        for byte in b"a\xff\xfe\r\n" {
            stream.write_all(&[*byte]).unwrap();
        }
        expect(&mut stream, b"a\xff\xfe\r\n");
        let text: Vec<u8> = (0..60_000_u32).map(|index| (index % 251) as u8).collect();
        stream.write_all(&text).unwrap();
        expect(&mut stream, &text);
        let shown = |told: &[ServerEvent]| lines(told).concat();
        server.wait("what is no text", |told| shown(told).contains("\\xfe"));
        server.stop();
    });
}

/// S43, S45. It writes all it has, ends, and only then begins to read.
#[test]
fn a_slow_reader_gets_everything_and_nobody_waits_for_it() {
    within_bounds(|| {
        let server = server(V4);
        let mut slow = plain_tcp(server.addr);
        let text: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|index| (index % 251) as u8).collect();
        let (mut writer, said) = (slow.try_clone().unwrap(), text.clone());
        let writing = thread::spawn(move || {
            writer.write_all(&said).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        for _ in 0..5 {
            let mut other = plain_tcp(server.addr);
            other.write_all(b"hello").unwrap();
            expect(&mut other, b"hello");
        }
        assert!(!writing.is_finished(), "it was read further than it reads");
        assert!(read_all(&mut slow).unwrap() == text, "it differs");
        writing.join().unwrap();
        server.stop();
    });
}

/// S37, S42.
#[test]
fn a_reset_is_told_with_its_own_address() {
    within_bounds(|| {
        let mut server = server(V4);
        let (first, mut second) = (plain_tcp(server.addr), plain_tcp(server.addr));
        let from = first.local_addr().unwrap();
        server.wait_count("both", 2, |event| matches!(event, ServerEvent::Connection(_)));
        reset(first);
        let line = format!(" exception condition on {from}");
        server.wait_count("the reset", 1, |event| event.to_string() == line);
        second.write_all(b"still").unwrap();
        expect(&mut second, b"still");
        let closing = format!(" closing {}", second.local_addr().unwrap());
        drop(second);
        server.wait_count("the end", 1, |event| event.to_string() == closing);
        server.stop();
    });
}

/// S38. Twenty seconds are one here.
#[test]
fn it_ends_when_nothing_happens_with_clients_or_without() {
    within_bounds(|| {
        for clients in [0, 1] {
            let server = server_with(V4, 0.05);
            let mut streams: Vec<TcpStream> = (0..clients).map(|_| plain_tcp(server.addr)).collect();
            for stream in &mut streams {
                thread::sleep(A_WHILE);
                stream.write_all(b"x").unwrap();
                expect(stream, b"x");
            }
            let (status, told) = server.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(told.last().unwrap().to_string(), "Time out !");
            for stream in &mut streams {
                assert_eq!(read_all(stream).unwrap(), b"");
            }
        }
    });
}

// Our client

/// S39, S40, S46. Each reply comes in two parts, and the parts of all connections mixed.
#[test]
fn the_client_plays_three_rounds_and_reads_whole_replies() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let listener = TcpListener::bind(bind).unwrap();
            let addr = listener.local_addr().unwrap();
            let client = client(addr, PATIENCE);
            let mut streams: Vec<TcpStream> = (0..4).map(|_| accept(&listener)).collect();
            let mut expected = vec!["Connect to the server".to_owned()];
            for messages in rounds() {
                // Which of them was connected to first is not said.
                let mut heard = Vec::new();
                for stream in &mut streams {
                    let mut message = vec![0; messages[0].len()];
                    stream.read_exact(&mut message).unwrap();
                    if messages.iter().all(|text| text.as_bytes() != message) {
                        let mut one_more = [0];
                        stream.read_exact(&mut one_more).unwrap();
                        message.extend(one_more);
                    }
                    stream.write_all(&message[..3]).unwrap();
                    heard.push(message);
                }
                thread::sleep(Duration::from_millis(5));
                for (stream, message) in streams.iter_mut().zip(&heard).rev() {
                    stream.write_all(&message[3..]).unwrap();
                }
                heard.sort_by_key(|message| (message.len(), message.clone()));
                assert_eq!(heard, messages.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>());
                expected.extend(messages.iter().map(|text| format!("{addr} sending {text}")));
                expected.extend(messages.iter().map(|text| format!("{addr} received {text}")));
            }
            expected.extend(std::iter::repeat_n(format!("closing socket {addr}"), 4));
            for stream in &mut streams {
                assert_eq!(read_all(stream).unwrap(), b"");
            }
            drop(streams);
            let (status, told) = client.join();
            assert_eq!((status.unwrap(), lines(&told)), (Status::Success, expected));
        }
    });
}

/// S46.
#[test]
fn an_early_end_a_reset_and_silence_are_told() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap();
        let played = |timeout: Duration, act: &dyn Fn(TcpStream)| {
            let client = client(addr, timeout);
            let mut streams: Vec<TcpStream> = (0..4).map(|_| accept(&listener)).collect();
            for stream in &mut streams {
                stream.read_exact(&mut [0; 29]).unwrap();
            }
            act(streams.remove(2));
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Failure);
            lines(&told)
        };
        let told = played(PATIENCE, &|mut stream| stream.write_all(b"This").unwrap());
        let early = "was expecting 29 bytes but only received 4 bytes before the socket closed";
        assert_eq!(told[told.len() - 2..], [format!("closing socket {addr}"), early.to_owned()]);
        let told = played(PATIENCE, &reset);
        assert_eq!(told.last().unwrap(), &format!("the connection with {addr} was reset"));
        let told = played(Duration::from_millis(200), &|mut stream| {
            stream.write_all(b"This").unwrap();
            thread::sleep(Duration::from_millis(500));
        });
        assert_eq!(told.last().unwrap(), "no answer within 0.2 seconds");
    });
}

#[test]
fn nobody_listening_is_one_line() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let nobody = TcpListener::bind(bind).unwrap().local_addr().unwrap();
            let (status, told) = client(nobody, PATIENCE).join();
            assert_eq!(status.unwrap(), Status::Failure);
            let refused = format!("cannot connect to {nobody}: connection refused");
            assert_eq!(lines(&told), ["Connect to the server".to_owned(), refused]);
        }
    });
}

/// S39, S46. Both roles of ours.
#[test]
fn ours_talk_to_each_other() {
    within_bounds(|| {
        let server = server(V4);
        let (status, told) = client(server.addr, PATIENCE).join();
        assert_eq!((status.unwrap(), told.len()), (Status::Success, 1 + 3 * 8 + 4));
        server.stop();
    });
}

/// S36, S37, S39. A client of a Unix socket has no address of its own.
#[test]
fn it_echoes_over_unix_sockets() {
    within_bounds(|| {
        let path = unix_path();
        let endpoint = Endpoint::Listener { bind: Peer::Unix(path) };
        let mut server = Driven::start(endpoint, None, || Server::new(IDLE));
        let mut stream = plain_unix(&path);
        stream.write_all(b"hello").unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"hello");
        drop(stream);
        server.wait_count("the end", 1, |event| matches!(event, ServerEvent::Closing(_)));
        let client = Driven::start([], None, move || Client::new(Peer::Unix(path), PATIENCE));
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        let received = format!("{} received in parts  version 12", Peer::Unix(path));
        assert!(lines(&told).contains(&received), "{told:?}");
        let told = lines(&server.stop());
        assert!(
            told.contains(&format!(" received hello from {}", Peer::Unix(UnixPath::UNNAMED))),
            "{told:?}"
        );
    });
}
