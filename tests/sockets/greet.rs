//! greet on real sockets, against plain blocking peers written here. (Rows S47 to S49.)

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use lossproof::Status;
use lossproof::systems::greet::{Client, ClientEvent, LINE_END, MAX_TEXT_LEN, Server, ServerEvent, TEXT};

use crate::support::{
    A_WHILE, Driven, PATIENCE, V4, V6, accept, listener, plain_tcp, printed, read_all, reset, within_bounds,
};

fn server(bind: SocketAddr, text: Option<&str>) -> Driven<ServerEvent> {
    let text = format!("{}{LINE_END}", text.unwrap_or(TEXT));
    Driven::start(listener(bind), None, move || Server::new(text))
}

fn client(server: SocketAddr, timeout: Duration) -> Driven<ClientEvent> {
    Driven::start([], None, move || Client::new(server.into(), timeout))
}

/// A client of ours and the plain end of its connection.
fn client_at(listener: &TcpListener) -> (Driven<ClientEvent>, TcpStream) {
    let client = client(listener.local_addr().unwrap(), PATIENCE);
    (client, accept(listener))
}

/// S47, S48.
#[test]
fn everybody_is_greeted_and_told_of() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = server(bind, None);
            let mut expected = Vec::new();
            for _ in 0..3 {
                let mut stream = plain_tcp(server.addr);
                let said = read_all(&mut stream).unwrap();
                assert_eq!((said.as_slice(), said.len()), ("欢迎访问菜鸟教程!\r\n".as_bytes(), 27));
                expected.push(format!("连接地址: {}\n", stream.local_addr().unwrap()));
            }
            assert_eq!(printed(&server.stop()), expected.concat());
        }
    });
}

/// S47: surplus input, half-close, a reset and silence are nothing to the text.
#[test]
fn the_text_comes_whatever_the_client_does() {
    within_bounds(|| {
        let server = server(V4, Some("hi"));
        let mut talker = plain_tcp(server.addr);
        // The server may have closed already, and then discards.
        let _ = talker.write_all(&vec![0xff; 100_000]);
        assert_eq!(read_all(&mut talker).unwrap(), b"hi\r\n");
        let mut half = plain_tcp(server.addr);
        half.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut half).unwrap(), b"hi\r\n");
        reset(plain_tcp(server.addr));
        let silent = plain_tcp(server.addr);
        assert_eq!(read_all(&mut plain_tcp(server.addr)).unwrap(), b"hi\r\n");
        drop(silent);
        server.stop();
    });
}

/// S47: more than the buffers on the way hold, for a reader that comes late.
#[test]
fn a_long_text_comes_whole() {
    within_bounds(|| {
        let text = "长".repeat(3_000_000);
        let server = server(V4, Some(&text));
        let mut late = plain_tcp(server.addr);
        assert_eq!(read_all(&mut plain_tcp(server.addr)).unwrap().len(), 9_000_002);
        assert_eq!(read_all(&mut late).unwrap(), format!("{text}\r\n").as_bytes());
        server.stop();
    });
}

/// S48, S49: cut inside of each character.
#[test]
fn the_client_prints_the_text_however_it_comes() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let listener = TcpListener::bind(bind).unwrap();
            let (client, mut stream) = client_at(&listener);
            for byte in format!("{TEXT}\r\n").as_bytes() {
                stream.write_all(&[*byte]).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
            // It reads to the end, not only to the end of the line.
            stream.write_all(b"and \xff more").unwrap();
            drop(stream);
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(printed(&told), "欢迎访问菜鸟教程!\nand \u{fffd} more\n");
        }
    });
}

/// S49.
#[test]
fn what_is_no_whole_text_is_a_failure() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap();
        let failure = |client: Driven<ClientEvent>| {
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Failure);
            printed(&told)
        };
        let (client_to_reset, mut stream) = client_at(&listener);
        stream.write_all(b"half").unwrap();
        thread::sleep(A_WHILE);
        reset(stream);
        assert_eq!(failure(client_to_reset), format!("the connection with {addr} was reset\n"));

        let (empty, stream) = client_at(&listener);
        drop(stream);
        assert_eq!(failure(empty), format!("{addr} closed without a text\n"));

        let (flooded, mut stream) = client_at(&listener);
        // It gives up before the end, which the writer may notice.
        let _ = stream.write_all(&vec![b'x'; MAX_TEXT_LEN + 1]);
        assert_eq!(failure(flooded), "the text has more than 65536 bytes\n");

        let waiting = client(addr, Duration::from_millis(200));
        let mut stream = accept(&listener);
        stream.write_all(b"and then nothing").unwrap();
        assert_eq!(failure(waiting), "no answer within 0.2 seconds\n");

        drop((stream, listener));
        assert_eq!(
            failure(client(addr, PATIENCE)),
            format!("cannot connect to {addr}: connection refused\n")
        );
    });
}

#[test]
fn the_full_length_is_taken() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let (client, mut stream) = client_at(&listener);
        stream.write_all(&vec![b'x'; MAX_TEXT_LEN]).unwrap();
        drop(stream);
        let (status, told) = client.join();
        assert_eq!((status.unwrap(), printed(&told).len()), (Status::Success, MAX_TEXT_LEN + 1));
    });
}

#[test]
fn ours_talk_to_ours() {
    within_bounds(|| {
        let server = server(V6, None);
        let (status, told) = client(server.addr, PATIENCE).join();
        assert_eq!((status.unwrap(), printed(&told)), (Status::Success, format!("{TEXT}\n")));
        server.stop();
    });
}
