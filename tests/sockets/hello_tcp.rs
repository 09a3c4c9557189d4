//! hello-tcp on real sockets, against plain blocking peers written here. (Rows S55 to S61.)

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::{
    Driven, PATIENCE, V4, V6, accept, assert_told_of_nobody, clock, listener, plain_tcp, plain_unix, printed,
    read_all, reset, unix_path, within_bounds,
};
use lossproof::drive::Endpoint;
use lossproof::machine::UnixPath;
use lossproof::systems::hello_tcp::{Client, ClientEvent, Server, ServerEvent};
use lossproof::{Peer, Status};

/// A second is this long here.
const PAUSE: Duration = Duration::from_millis(200);

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    Driven::start(listener(bind), None, || Server::new(PAUSE))
}

fn client(server: SocketAddr, timeout: Duration) -> Driven<ClientEvent> {
    Driven::start([], None, move || Client::new(server.into(), timeout))
}

/// What a terminal shows.
/// Reads exactly this.
fn expect(stream: &mut TcpStream, text: &[u8]) {
    let mut bytes = vec![0; text.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes.escape_ascii().to_string(), text.escape_ascii().to_string());
}

fn welcomed(server: SocketAddr) -> TcpStream {
    let mut stream = plain_tcp(server);
    expect(&mut stream, b"Welcome!");
    stream
}

/// Says something and expects its greeting, no sooner than after the pause.
fn assert_greeted(stream: &mut TcpStream, name: &[u8]) {
    let begin = clock();
    stream.write_all(name).unwrap();
    expect(stream, &[b"Hello, ", name, b"!"].concat());
    assert!(begin.elapsed() >= PAUSE, "{:?}", begin.elapsed());
}

// Our server

/// S55, S56, S57, S60.
#[test]
fn each_read_is_greeted_after_its_pause_and_exit_ends_it() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let mut server = server(bind);
            let mut stream = welcomed(server.addr);
            for name in [&b"Michael"[..], b"MichaelTracy", b"exit\n", b"\xff\xfe", "欢迎".as_bytes()] {
                assert_greeted(&mut stream, name);
            }
            let begin = clock();
            stream.write_all(b"exit").unwrap();
            assert_eq!(read_all(&mut stream).unwrap(), b"");
            assert!(begin.elapsed() >= PAUSE, "{:?}", begin.elapsed());
            let from = stream.local_addr().unwrap();
            server.wait_count("the end", 1, |event| matches!(event, ServerEvent::Gone(_)));
            assert_eq!(
                printed(&server.stop()),
                format!(
                    "Waiting for connection...\nAccept new connection from {from}...\nConnection from {from} closed.\n"
                )
            );
        }
    });
}

/// S55. What comes while it thinks is one name, however it came; nobody waits for another's second.
#[test]
fn what_comes_meanwhile_is_the_next_name() {
    within_bounds(|| {
        let mut server = server(V4);
        let mut stream = welcomed(server.addr);
        stream.write_all(b"Michael").unwrap();
        server.wait_count("the first", 1, |event| matches!(event, ServerEvent::Heard { .. }));
        for byte in b"Tracy" {
            stream.write_all(&[*byte]).unwrap();
        }
        expect(&mut stream, b"Hello, Michael!Hello, Tracy!");

        let begin = clock();
        let mut streams: Vec<TcpStream> = (0..20).map(|_| welcomed(server.addr)).collect();
        for stream in &mut streams {
            stream.write_all(b"x").unwrap();
        }
        for stream in &mut streams {
            expect(stream, b"Hello, x!");
        }
        assert!(begin.elapsed() < PAUSE * 15, "they waited for each other: {:?}", begin.elapsed());
        server.stop();
    });
}

/// S55. 1,024 bytes are one read, and one byte more is two.
#[test]
fn a_long_name_is_several() {
    within_bounds(|| {
        let server = server(V4);
        let mut stream = welcomed(server.addr);
        let name = [b'x'; 1024];
        assert_greeted(&mut stream, &name);
        stream.write_all(&[b'y'; 1025]).unwrap();
        expect(&mut stream, &[b"Hello, ", &[b'y'; 1024][..], b"!Hello, y!"].concat());
        server.stop();
    });
}

/// S56, S57, S61.
#[test]
fn ends_and_resets_are_told_once_and_the_server_goes_on() {
    within_bounds(|| {
        let mut server = server(V4);
        let mut ended = welcomed(server.addr);
        let begin = clock();
        ended.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut ended).unwrap(), b"");
        assert!(begin.elapsed() >= PAUSE, "{:?}", begin.elapsed());
        let idle = welcomed(server.addr);
        let mut thinking = welcomed(server.addr);
        thinking.write_all(b"Sarah").unwrap();
        server.wait_count("the name", 1, |event| matches!(event, ServerEvent::Heard { .. }));
        let gone: Vec<String> = [&ended, &idle, &thinking]
            .map(|stream| format!("Connection from {} closed.", stream.local_addr().unwrap()))
            .to_vec();
        reset(idle);
        reset(thinking);
        server.wait_count("all three", 3, |event| matches!(event, ServerEvent::Gone(_)));
        assert_greeted(&mut welcomed(server.addr), b"still here");
        let text = printed(&server.stop());
        for line in gone {
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
    });
}

// Our client

/// S58.
#[test]
fn the_client_says_its_names_one_after_another() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let listener = TcpListener::bind(bind).unwrap();
            let client = client(listener.local_addr().unwrap(), PATIENCE);
            let mut stream = accept(&listener);
            stream.write_all(b"Wel").unwrap();
            thread::sleep(Duration::from_millis(5));
            stream.write_all(b"come!").unwrap();
            expect(&mut stream, b"Michael");
            stream.write_all(b"Hello, Michael!").unwrap();
            expect(&mut stream, b"Tracy");
            for byte in b"Hello, Tracy!" {
                stream.write_all(&[*byte]).unwrap();
            }
            expect(&mut stream, b"Sarah");
            // What is too much answers nothing.
            stream.write_all(b"Hello, Sarah!Hello, whoever!").unwrap();
            assert_eq!(read_all(&mut stream).unwrap(), b"exit");
            drop(stream);
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(printed(&told), "Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n");
        }
    });
}

/// S58. It sends no name before the whole greeting of the one before.
#[test]
fn the_client_waits_for_the_whole_greeting() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let client = client(listener.local_addr().unwrap(), Duration::from_millis(300));
        let mut stream = accept(&listener);
        stream.write_all(b"Welcome!").unwrap();
        expect(&mut stream, b"Michael");
        stream.write_all(b"Hello, Michael").unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed(&told), "Welcome!\nno answer within 0.3 seconds\n");
        assert!(read_all(&mut stream).is_err(), "it was given up");
    });
}

#[test]
fn what_is_wrong_is_told() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap();
        for (said, line) in [
            (&b"Wel"[..], "was expecting 8 bytes but only received 3 bytes before the socket closed"),
            (b"Welcome?", "the server said 'Welcome?', which is no answer"),
            (b"Welcome!Hello, \xff!", "the server said 'Hello, \\xff!', which is no answer"),
        ] {
            let client = client(addr, PATIENCE);
            let mut stream = accept(&listener);
            stream.write_all(said).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let (status, told) = client.join();
            assert_eq!((status.unwrap(), told.last().unwrap().to_string().as_str()), (Status::Failure, line));
        }
        let client = client(addr, PATIENCE);
        let mut stream = accept(&listener);
        stream.write_all(b"Welcome!").unwrap();
        expect(&mut stream, b"Michael");
        reset(stream);
        let (status, told) = client.join();
        let line = format!("the connection with {addr} was reset");
        assert_eq!((status.unwrap(), told.last().unwrap().to_string()), (Status::Failure, line));
    });
}

#[test]
fn nobody_listening_is_one_line() {
    within_bounds(|| {
        assert_told_of_nobody(|nobody| client(nobody, PATIENCE).join());
    });
}

/// S55, S58. Both roles of ours.
#[test]
fn ours_talk_to_each_other() {
    within_bounds(|| {
        let mut server = server(V4);
        let (status, told) = client(server.addr, PATIENCE).join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(printed(&told), "Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n");
        server.wait_count("the end", 1, |event| matches!(event, ServerEvent::Gone(_)));
        server.stop();
    });
}

/// S55, S56, S57, S58. A client of a Unix socket has no address of its own.
#[test]
fn it_says_hello_over_unix_sockets() {
    within_bounds(|| {
        let path = unix_path();
        let endpoint = Endpoint::listener(Peer::Unix(path));
        let mut server = Driven::start(endpoint, None, || Server::new(Duration::from_millis(50)));
        let mut stream = plain_unix(&path);
        stream.write_all(b"Tracy").unwrap();
        let mut said = [0; 21];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"Welcome!Hello, Tracy!");
        stream.write_all(b"exit").unwrap();
        assert_eq!(stream.read(&mut said).unwrap(), 0);
        let client = Driven::start([], None, move || Client::new(Peer::Unix(path), PATIENCE));
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(printed(&told), "Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n");
        server.wait_count("both ends", 2, |event| matches!(event, ServerEvent::Gone(_)));
        let closed = format!("Connection from {} closed.\n", Peer::Unix(UnixPath::UNNAMED));
        assert_eq!(printed(&server.stop()).matches(&closed).count(), 2);
    });
}
