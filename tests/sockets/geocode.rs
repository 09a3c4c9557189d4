//! geocode on real sockets, against plain blocking peers written here.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::time::Duration;

use lossproof::Status;
use lossproof::systems::geocode::{Client, ClientEvent, PATIENCE as IDLE, Server, ServerEvent, Table};

use crate::support::{
    Driven, PATIENCE, V4, V6, accept, listener, plain_tcp, printed, read_all, within_bounds,
};

fn server(bind: SocketAddr, patience: Duration) -> Driven<ServerEvent> {
    Driven::start(listener(bind), None, move || Server::new(Table::default(), patience))
}

fn client(server: SocketAddr, place: &'static str, timeout: Duration) -> Driven<ClientEvent> {
    Driven::start([], None, move || Client::new(vec![server.into()], "example.org", place, timeout))
}

const REQUEST: &[u8] = b"GET /maps/api/geocode/json?address=Caf%C3%A9+1%2C+Paris&sensor=false HTTP/1.1\r\n\
    Host: example.org\r\nAccept: application/json\r\nConnection: close\r\n\r\n";

/// S104, S105: the request is exactly this, and an answer that comes byte by byte is read.
#[test]
fn the_client_asks_and_reads_however_it_comes() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let listener = TcpListener::bind(bind).unwrap();
            let client = client(listener.local_addr().unwrap(), "Café 1, Paris", PATIENCE);
            let mut stream = accept(&listener);
            let mut asked = vec![0; REQUEST.len()];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(asked, REQUEST, "{}", asked.escape_ascii());
            let body = r#"{"results":[{"geometry":{"location":{"lat":-48.5,"lng":2}}}],"status":"OK"}"#;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            for byte in answer.bytes() {
                // It has enough before the last of them is out.
                let _ = stream.write_all(&[byte]);
            }
            drop(stream);
            let (status, told) = client.join();
            assert_eq!(
                (status.unwrap(), printed(&told).as_str()),
                (Status::Success, "{'lat': -48.5, 'lng': 2}\n")
            );
        }
    });
}

/// S107.
#[test]
fn an_answer_that_is_cut_short_shows_nothing() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let client = client(listener.local_addr().unwrap(), "x", PATIENCE);
        let mut stream = accept(&listener);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"results\":[").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let (status, told) = client.join();
        assert_eq!((status.unwrap(), printed(&told).as_str()), (Status::Failure, ""));
        assert_eq!(told.last().unwrap().to_string(), "the body should have 900 bytes, but only 12 came");
    });
}

/// S108, S109: many requests in one write are answered in their order, on one connection.
#[test]
fn what_is_asked_at_once_is_answered_in_order() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = server(bind, IDLE);
            let mut stream = plain_tcp(server.addr);
            let words = ["paris", "Atlantis", "cairo", "springfield", "%E5%8C%97%E4%BA%AC"];
            let request = |word: &&str| format!("GET /maps/api/geocode/json?address={word} HTTP/1.1\r\n\r\n");
            let asked: String = words.iter().cycle().take(100).map(request).collect();
            stream.write_all(format!("{asked}PUT / HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
            let answered = String::from_utf8(read_all(&mut stream).unwrap()).unwrap();
            let answers: Vec<&str> = answered.split("HTTP/1.1 ").skip(1).collect();
            assert_eq!(answers.len(), 101);
            let expected = ["2.2944813", "ZERO_RESULTS", "31.2357116", "-93.2922989", "116.3976317"];
            for (index, answer) in answers[..100].iter().enumerate() {
                assert!(answer.starts_with("200 OK\r\n") && answer.contains(expected[index % 5]), "{answer}");
            }
            assert!(answers[100].starts_with("405 Method Not Allowed\r\nAllow: GET\r\n"), "{}", answers[100]);
            drop(stream);
            server.stop();
        }
    });
}

/// S109.
#[test]
fn a_long_head_is_refused_and_silence_is_dropped() {
    within_bounds(|| {
        let mut server = server(V4, Duration::from_millis(100));
        let mut silent = plain_tcp(server.addr);
        assert_eq!(read_all(&mut silent).unwrap(), b"");
        let mut talker = plain_tcp(server.addr);
        // What is not read is drained, so that the answer is not lost.
        talker.write_all(&vec![b'x'; 100_000]).unwrap();
        let answer = String::from_utf8(read_all(&mut talker).unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
        drop((silent, talker));
        server.wait_count("the drop", 1, |event| matches!(event, ServerEvent::Dropped(_)));
        server.stop();
    });
}
