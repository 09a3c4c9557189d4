//! http on real sockets, against plain blocking peers written here. (Rows S51 to S54.)

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use lossproof::systems::Options;
use lossproof::systems::http::{self, Client, ClientEvent, LARGE, PAGE, Server, ServerEvent};
use lossproof::{Peer, Status};

use crate::support::{
    A_WHILE, Driven, PATIENCE, Pair, V4, V6, accept, assert_same_over_loopback, listener, plain_tcp, printed,
    read_all, reset, within_bounds,
};

const REQUEST: &[u8] = b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n";

const PAIR: Pair<Server, Client> =
    Pair { about: http::ABOUT, net: http::net, server: |_| Server::default(), client: made };

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    Driven::start(listener(bind), None, Server::default)
}

fn asking(timeout: Duration) -> Options {
    let (host, path) = ("example.org".to_owned(), "/a?b=c".to_owned());
    Options { host, path, timeout, ..Options::default() }
}

fn made(options: &Options, server: Peer) -> Client {
    Client::new(server, &options.fallbacks, &options.host, &options.path, options.timeout)
}

fn client_with(server: SocketAddr, options: Options) -> Driven<ClientEvent> {
    Driven::start([], None, move || made(&options, server.into()))
}

/// A client of ours, and the plain end of its connection, on which the request has been read.
fn client_at(listener: &TcpListener) -> (Driven<ClientEvent>, TcpStream) {
    let client = client_with(listener.local_addr().unwrap(), asking(PATIENCE));
    let mut stream = accept(listener);
    let mut request = vec![0; REQUEST.len()];
    stream.read_exact(&mut request).unwrap();
    assert_eq!(request, REQUEST, "{}", request.escape_ascii());
    (client, stream)
}

/// What a client made of it: its status, what a terminal shows, what is saved.
fn ended(client: Driven<ClientEvent>) -> (Status, String, Option<Vec<u8>>) {
    let (status, told) = client.join();
    (status.unwrap(), printed(&told), told.iter().find_map(http::file).map(<[u8]>::to_vec))
}

/// Has a plain server answer with these pieces, and close.
fn answered(bind: SocketAddr, pieces: &[&[u8]]) -> (Status, String, Option<Vec<u8>>) {
    let (client, mut stream) = client_at(&TcpListener::bind(bind).unwrap());
    for piece in pieces {
        // It may have enough before all is said.
        let _ = stream.write_all(piece);
        thread::sleep(Duration::from_millis(1));
    }
    drop(stream);
    ended(client)
}

fn saved(head: &str, body: &[u8]) -> (Status, String, Option<Vec<u8>>) {
    (Status::Success, format!("{head}\n{} bytes of body\n", body.len()), Some(body.to_vec()))
}

fn failed(text: &str) -> (Status, String, Option<Vec<u8>>) {
    (Status::Failure, format!("{text}\n"), None)
}

// Our client

/// S51, S52.
#[test]
fn the_body_ends_where_the_head_says() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let length = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\nabc, and surplus";
            let head = "HTTP/1.1 200 OK\nServer: x\nContent-Length: 3";
            assert_eq!(answered(bind, &[length]), saved(head, b"abc"));
            let bytes: Vec<&[u8]> = length.chunks(1).collect();
            assert_eq!(answered(bind, &bytes), saved(head, b"abc"));
            let to_the_end: [&[u8]; 3] = [b"HTTP/1.0 404 Not Found\r\nX: \xff\r\n\r", b"\n\0\xff", b"\r\n"];
            let head = "HTTP/1.0 404 Not Found\nX: \u{fffd}";
            // A page that is refused is saved, and is no success.
            let (_, printed, body) = saved(head, b"\0\xff\r\n");
            assert_eq!(answered(bind, &to_the_end), (Status::Failure, printed, body));
        }
    });
}

/// S52: the client ends with the body, though its server does not.
#[test]
fn a_server_that_does_not_close_keeps_nobody() {
    within_bounds(|| {
        let (client, mut stream) = client_at(&TcpListener::bind(V4).unwrap());
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").unwrap();
        assert_eq!(read_all(&mut stream).unwrap(), b"");
        drop(stream);
        assert_eq!(ended(client), saved("HTTP/1.1 200 OK\nContent-Length: 1", b"x"));
    });
}

/// S53.
#[test]
fn no_blank_line_is_no_page() {
    within_bounds(|| {
        let text = "the response ended after 17 bytes, and there was no blank line in it";
        assert_eq!(answered(V4, &[b"HTTP/1.1 200 OK\r\n"]), failed(text));
        let text = "the response ended after 0 bytes, and there was no blank line in it";
        assert_eq!(answered(V6, &[]), failed(text));
        let text = "cannot read the head of the response: it is not HTTP: invalid HTTP version";
        assert_eq!(answered(V4, &[b"SSH-2.0-x\r\n\r\n"]), failed(text));
    });
}

/// S54.
#[test]
fn chunks_are_joined() {
    within_bounds(|| {
        let head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked";
        let stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: t\r\n\r\n";
        assert_eq!(answered(V4, &[stream]), saved(head, b"abcd"));
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(answered(V6, &bytes), saved(head, b"abcd"));
        let (early, text) =
            (&stream[..stream.len() - 2], "the body ended after 4 bytes, before its last chunk");
        assert_eq!(answered(V4, &[early]), failed(&format!("{head}\n{text}")));
        let bad = [&stream[..47], b"x\r\n"];
        assert_eq!(answered(V4, &bad), failed(&format!("{head}\na chunk begins without its size")));
    });
}

/// S54.
#[test]
fn a_short_body_is_no_page() {
    within_bounds(|| {
        let head = "HTTP/1.1 200 OK\nContent-Length: 1000";
        let text = "the body should have 1000 bytes, but only 3 came";
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc";
        assert_eq!(answered(V4, &[response]), failed(&format!("{head}\n{text}")));

        let listener = TcpListener::bind(V4).unwrap();
        let (client, mut stream) = client_at(&listener);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nabc").unwrap();
        thread::sleep(A_WHILE);
        reset(stream);
        let text =
            format!("HTTP/1.1 200 OK\nthe connection with {} was reset", listener.local_addr().unwrap());
        assert_eq!(ended(client), failed(&text));
    });
}

#[test]
fn every_wait_is_bounded() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap();
        let client = client_with(addr, asking(Duration::from_millis(200)));
        let silent = accept(&listener);
        assert_eq!(ended(client), failed("no answer within 0.2 seconds"));
        drop((silent, listener));
        let refused = format!("cannot connect to {addr}: connection refused");
        assert_eq!(ended(client_with(addr, asking(PATIENCE))), failed(&refused));
    });
}

/// S51: a name has several addresses, and nobody is at the first of them.
#[test]
fn the_next_address_is_tried() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let nobody = TcpListener::bind(V6).unwrap().local_addr().unwrap();
        let fallbacks = vec![Peer::from(listener.local_addr().unwrap())];
        let client = client_with(nobody, Options { fallbacks, ..asking(PATIENCE) });
        let mut stream = accept(&listener);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(ended(client), saved("HTTP/1.1 204 No Content", b""));
    });
}

// Our server

fn response(server: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = plain_tcp(server);
    stream.write_all(request).unwrap();
    read_all(&mut stream).unwrap()
}

#[test]
fn the_server_has_its_pages() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = server(bind);
            assert!(response(server.addr, b"GET / HTTP/1.1\r\n\r\n").ends_with(PAGE));
            assert!(response(server.addr, b"GET /large HTTP/1.1\n\nsurplus").ends_with(&LARGE));
            assert!(response(server.addr, b"GET /none HTTP/1.0\r\n\r\n").starts_with(b"HTTP/1.1 404 "));
            assert!(response(server.addr, b"\xff\r\n\r\n").starts_with(b"HTTP/1.1 400 "));
            server.stop();
        }
    });
}

#[test]
fn the_server_bears_half_requests_and_resets() {
    within_bounds(|| {
        let mut server = server(V4);
        let idle = plain_tcp(server.addr);
        let mut half = plain_tcp(server.addr);
        half.write_all(b"GET / HT").unwrap();
        half.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut half).unwrap(), b"");
        let mut broken = plain_tcp(server.addr);
        broken.write_all(b"GET /lar").unwrap();
        reset(broken);
        server.wait_count("both", 2, |event| matches!(event, ServerEvent::NoRequest(_)));
        let mut parted = plain_tcp(server.addr);
        for byte in b"GET /close HTTP/1.1\r\n\r\n" {
            parted.write_all(&[*byte]).unwrap();
        }
        parted.shutdown(Shutdown::Write).unwrap();
        assert!(read_all(&mut parted).unwrap().ends_with(PAGE));
        drop(idle);
        server.stop();
    });
}

/// S52, S53, S54: both roles of ours.
#[test]
fn the_same_events_over_loopback() {
    within_bounds(|| {
        for (path, plan) in [
            ("/", "client>server cut every 3 bytes; server>client @30 stall 100ms"),
            ("/chunked", "server>client cut every 1 byte"),
            ("/close", ""),
            ("/interim", ""),
            ("/short", ""),
            ("/half", ""),
            ("/no-head", ""),
        ] {
            let options = Options { path: path.to_owned(), ..Options::default() };
            assert_same_over_loopback(&PAIR, &options, plan);
        }
    });
}
