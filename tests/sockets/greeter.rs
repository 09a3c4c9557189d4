//! greeter on real sockets, against plain blocking peers written here. (Rows S32 to S34 and C15.)

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use lossproof::drive::Endpoint;
use lossproof::machine::UnixPath;
use lossproof::systems::greeter::{
    ClientEvent, DatagramClient, DatagramServer, HELLO, ServerEvent, StreamClient, StreamServer, TEXT,
};
use lossproof::systems::{Kind, Options};
use lossproof::{Peer, Status};

use crate::support::{
    A_WHILE, Driven, PATIENCE, V4, V6, accept, assert_silence, clock, datagram, file, is_timeout, listener,
    plain_tcp, plain_udp, printed, read_all, receive, reset, unix_path, within_bounds,
};

fn started(endpoint: Endpoint, options: &Options) -> Driven<ServerEvent> {
    if options.datagram {
        return Driven::start(endpoint, None, || DatagramServer);
    }
    let (kind, hold) = (options.kind, options.hold);
    Driven::start(endpoint, None, move || StreamServer::new(kind, hold))
}

fn holding(kind: Kind, hold: Duration) -> Options {
    Options { kind, hold, ..Options::default() }
}

fn datagrams() -> Options {
    Options { datagram: true, ..Options::default() }
}

fn calling(sockets: impl Into<Vec<Endpoint>>, server: Peer, options: &Options) -> Driven<ClientEvent> {
    let timeout = options.timeout;
    if options.datagram {
        return Driven::start(sockets, None, move || DatagramClient::new(server, timeout));
    }
    Driven::start(sockets, None, move || StreamClient::new(server, timeout))
}

fn stream_client(server: SocketAddr, timeout: Duration) -> Driven<ClientEvent> {
    calling([], server.into(), &Options { timeout, ..Options::default() })
}

fn datagram_client(server: SocketAddr, timeout: Duration) -> Driven<ClientEvent> {
    let bind = SocketAddr::new(server.ip(), 0);
    calling(datagram(bind, None), server.into(), &Options { timeout, ..datagrams() })
}

/// How a client ended, and what it printed.
fn ended(client: Driven<ClientEvent>) -> (Status, String) {
    let (status, told) = client.join();
    (status.unwrap(), printed(&told))
}

fn thanked() -> (Status, String) {
    (Status::Success, "Thank you for connecting\n".to_owned())
}

// Streams

/// S32, S33.
#[test]
fn everybody_is_thanked_and_told_of() {
    within_bounds(|| {
        for (bind, kind) in
            [(V4, Kind::Concurrent), (V6, Kind::Concurrent), (V4, Kind::Sync), (V6, Kind::Sync)]
        {
            let server = started(listener(bind), &holding(kind, Duration::ZERO));
            let mut expected = Vec::new();
            for _ in 0..3 {
                let mut stream = plain_tcp(server.addr);
                assert_eq!(read_all(&mut stream).unwrap(), b"Thank you for connecting");
                expected.push(format!("Got connection from {}\n", stream.local_addr().unwrap()));
            }
            assert_eq!(printed(&server.stop()), expected.concat());
        }
    });
}

/// S32: what a client sends is not read, and does not turn the close into a reset; nor does its silence keep anybody.
#[test]
fn the_thanks_come_whatever_the_client_does() {
    within_bounds(|| {
        let server = started(listener(V4), &holding(Kind::Sync, Duration::ZERO));
        let silent = plain_tcp(server.addr);
        let mut talker = plain_tcp(server.addr);
        let _ = talker.write_all(&vec![0xff; 100_000]);
        assert_eq!(read_all(&mut talker).unwrap(), TEXT);
        let mut half = plain_tcp(server.addr);
        half.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut half).unwrap(), TEXT);
        for _ in 0..20 {
            reset(plain_tcp(server.addr));
        }
        assert_eq!(read_all(&mut plain_tcp(server.addr)).unwrap(), TEXT);
        drop(silent);
        server.stop();
    });
}

/// S34: each is thanked when the one before was let go, in the order in which they came.
#[test]
fn one_at_a_time() {
    within_bounds(|| {
        let hold = Duration::from_millis(200);
        let mut server = started(listener(V4), &holding(Kind::Sync, hold));
        let is_handled = |event: &ServerEvent| matches!(event, ServerEvent::Connected(_));
        let begin = clock();
        let mut first = plain_tcp(server.addr);
        server.wait_count("the first", 1, is_handled);
        let (mut second, mut third) = (plain_tcp(server.addr), plain_tcp(server.addr));
        assert_eq!(read_all(&mut first).unwrap(), TEXT);
        assert!(begin.elapsed() >= hold, "{:?}", begin.elapsed());
        drop(first);
        // Closed only when its time is over, but thanked at once.
        assert_eq!(read_all(&mut second).unwrap(), TEXT);
        assert!(begin.elapsed() >= hold * 2, "{:?}", begin.elapsed());
        drop(second);
        assert_eq!(read_all(&mut third).unwrap(), TEXT);
        assert!(begin.elapsed() >= hold * 3, "{:?}", begin.elapsed());
        drop(third);
        let told = server.stop();
        let turns =
            told.iter().filter(|event| matches!(event, ServerEvent::Connected(_) | ServerEvent::LetGo(_)));
        let turns: Vec<bool> = turns.map(is_handled).collect();
        assert_eq!(turns, [true, false, true, false, true, false]);
    });
}

/// S34: while one is held, all others are thanked.
#[test]
fn all_together() {
    within_bounds(|| {
        let mut server = started(listener(V4), &holding(Kind::Concurrent, PATIENCE * 10));
        let mut streams: Vec<_> = (0..10).map(|_| plain_tcp(server.addr)).collect();
        for stream in &mut streams {
            let mut text = [0; 24];
            stream.read_exact(&mut text).unwrap();
            assert_eq!(&text, TEXT);
        }
        // All are held.
        streams[0].set_read_timeout(Some(A_WHILE)).unwrap();
        assert!(is_timeout(&streams[0].read(&mut [0]).unwrap_err()));
        server.wait_count("all", 10, |event| matches!(event, ServerEvent::Connected(_)));
        assert!(server.stop().iter().all(|event| !matches!(event, ServerEvent::LetGo(_))));
    });
}

/// S32.
#[test]
fn the_client_reads_the_text_however_it_comes() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let listener = TcpListener::bind(bind).unwrap();
            let pieces: [&[usize]; 3] = [&[24], &[1; 24], &[5, 19]];
            for lens in pieces {
                let client = stream_client(listener.local_addr().unwrap(), PATIENCE);
                let mut stream = accept(&listener);
                let mut rest = &TEXT[..];
                for len in lens {
                    let (piece, after) = rest.split_at(*len);
                    stream.write_all(piece).unwrap();
                    rest = after;
                    thread::sleep(Duration::from_millis(2));
                }
                // The client does not wait for the end, and has said nothing.
                assert_eq!(read_all(&mut stream).unwrap(), b"");
                drop(stream);
                assert_eq!(ended(client), thanked());
            }
        }
    });
}

#[test]
fn what_is_no_whole_text_is_a_failure() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap();
        for len in [0, 1, 23] {
            let client = stream_client(addr, PATIENCE);
            accept(&listener).write_all(&TEXT[..len]).unwrap();
            let early =
                format!("was expecting 24 bytes but only received {len} bytes before the socket closed\n");
            assert_eq!(ended(client), (Status::Failure, early));
        }
        let client = stream_client(addr, PATIENCE);
        let mut stream = accept(&listener);
        stream.write_all(b"Thank").unwrap();
        reset(stream);
        assert_eq!(ended(client), (Status::Failure, format!("the connection with {addr} was reset\n")));

        let client = stream_client(addr, Duration::from_millis(200));
        let silent = accept(&listener);
        assert_eq!(ended(client), (Status::Failure, "no answer within 0.2 seconds\n".to_owned()));

        drop((silent, listener));
        let refused = format!("cannot connect to {addr}: connection refused\n");
        assert_eq!(ended(stream_client(addr, PATIENCE)), (Status::Failure, refused));
    });
}

// Datagrams

/// C15, S33: whatever is in them.
#[test]
fn every_datagram_is_thanked_for() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = started(datagram(bind, None), &datagrams());
            let client = plain_udp(bind);
            for bytes in [&b""[..], b"hi", b"\xff\xfe", &vec![b'x'; 65_507]] {
                client.send_to(bytes, server.addr).unwrap();
                assert_eq!(receive(&client), (TEXT.to_vec(), server.addr));
            }
            let from = client.local_addr().unwrap();
            assert_eq!(printed(&server.stop()), format!("Got connection from {from}\n").repeat(4));
        }
    });
}

/// C15: it says hello once, and takes one answer, from its server alone.
#[test]
fn the_datagram_client_takes_its_servers_answer() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let (server, other) = (plain_udp(bind), plain_udp(bind));
            let client = datagram_client(server.local_addr().unwrap(), PATIENCE);
            let (said, from) = receive(&server);
            assert_eq!(said, HELLO);
            other.send_to(b"not from your server", from).unwrap();
            thread::sleep(A_WHILE);
            server.send_to(TEXT, from).unwrap();
            let _ = server.send_to(b"and again", from);
            assert_eq!(ended(client), thanked());
            assert_silence(&server);
        }
    });
}

/// C15.
#[test]
fn the_datagram_client_waits_within_bounds() {
    within_bounds(|| {
        let (server, other) = (plain_udp(V4), plain_udp(V4));
        let client = datagram_client(server.local_addr().unwrap(), Duration::from_millis(200));
        other.send_to(b"not from your server", client.addr).unwrap();
        assert_eq!(ended(client), (Status::Failure, "no answer within 0.2 seconds\n".to_owned()));
    });
}

// Unix sockets

/// C15: both roles of ours, each against a plain peer.
#[test]
fn unix_streams_are_thanked_and_thank() {
    within_bounds(|| {
        let path = unix_path();
        let server = started(Endpoint::Listener { bind: Peer::Unix(path) }, &Options::default());
        let mut stream = UnixStream::connect(file(&path)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        assert_eq!(said, TEXT);
        let told = server.stop();
        assert_eq!(printed(&told), format!("Got connection from {}\n", Peer::Unix(UnixPath::UNNAMED)));

        let path = unix_path();
        let listener = UnixListener::bind(file(&path)).unwrap();
        let client = calling([], Peer::Unix(path), &Options::default());
        listener.accept().unwrap().0.write_all(TEXT).unwrap();
        assert_eq!(ended(client), thanked());
        drop(listener);
        std::fs::remove_file(file(&path)).unwrap();

        let (status, text) = ended(calling([], Peer::Unix(path), &Options::default()));
        let start = format!("cannot connect to {}: ", Peer::Unix(path));
        assert!(status == Status::Failure && text.starts_with(&start) && text.lines().count() == 1, "{text}");
    });
}

/// C15: the client is bound to a path of its own, for it would get no answer without one.
#[test]
fn unix_datagrams_are_thanked_for_and_thank() {
    within_bounds(|| {
        let (at_server, at_client) = (unix_path(), unix_path());
        let bound = |path| Endpoint::Datagram { bind: Peer::Unix(path), connect: None, broadcast: false };
        let server = started(bound(at_server), &datagrams());
        let plain = UnixDatagram::bind(file(&at_client)).unwrap();
        plain.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buf = [0; 100];
        for bytes in [&b""[..], b"hi"] {
            plain.send_to(bytes, file(&at_server)).unwrap();
            assert_eq!(plain.recv(&mut buf).unwrap(), 24);
            assert_eq!(&buf[..24], TEXT);
        }
        let line = format!("Got connection from {}\n", Peer::Unix(at_client));
        assert_eq!(printed(&server.stop()), line.repeat(2));

        // The plain one answers, and another one speaks first.
        let (own, other_path) = (unix_path(), unix_path());
        let other = UnixDatagram::bind(file(&other_path)).unwrap();
        let client = calling(bound(own), Peer::Unix(at_client), &datagrams());
        let (len, from) = plain.recv_from(&mut buf).unwrap();
        assert_eq!((&buf[..len], from.as_pathname()), (&HELLO[..], Some(file(&own))));
        other.send_to(b"not your server", file(&own)).unwrap();
        plain.send_to(TEXT, file(&own)).unwrap();
        assert_eq!(ended(client), thanked());
        for path in [at_client, other_path] {
            std::fs::remove_file(file(&path)).unwrap();
        }
    });
}

/// C15: nobody is there.
#[test]
fn a_unix_datagram_to_nobody_is_no_hang() {
    within_bounds(|| {
        let endpoint = Endpoint::Datagram { bind: Peer::Unix(unix_path()), connect: None, broadcast: false };
        let options = Options { timeout: Duration::from_millis(200), ..datagrams() };
        let (status, text) = ended(calling(endpoint, Peer::Unix(unix_path()), &options));
        assert_eq!((status, text.lines().count()), (Status::Failure, 1), "{text}");
    });
}
