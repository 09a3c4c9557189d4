//! hello-udp on real sockets, against plain blocking peers written here.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use lossproof::Status;
use lossproof::systems::hello_udp::{Client, ClientEvent, Server, ServerEvent};

use crate::support::{
    A_WHILE, Driven, PATIENCE, V4, V6, assert_silence, clock, datagram, plain_udp, printed, receive,
    within_bounds,
};

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    Driven::start(datagram(bind, None), None, || Server)
}

fn client(server: SocketAddr, timeout: Duration) -> Driven<ClientEvent> {
    let bind = SocketAddr::new(server.ip(), 0);
    Driven::start(datagram(bind, None), None, move || Client::new(server.into(), timeout))
}

const ALL_GREETINGS: &str = "Hello, Michael!\nHello, Tracy!\nHello, Sarah!\n";

/// The next datagram that is not `before`, sent again because the answer took its time.
fn next_but(socket: &UdpSocket, before: &[u8]) -> (Vec<u8>, SocketAddr) {
    loop {
        let (asked, from) = receive(socket);
        if asked != before {
            return (asked, from);
        }
    }
}

/// S62, S64.
#[test]
fn a_name_is_greeted_whatever_its_bytes() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = server(bind);
            let client = plain_udp(bind);
            for name in [b"Michael".as_slice(), b"", b"\xff\xfe\n", "你好".as_bytes()] {
                client.send_to(name, server.addr).unwrap();
                let (answer, from) = receive(&client);
                assert_eq!(answer, [b"Hello, ", name, b"!"].concat());
                assert_eq!(from, server.addr);
            }
            let (port, from) = (server.addr.port(), client.local_addr().unwrap());
            let received = format!("Received from {from}.\n").repeat(4);
            assert_eq!(printed(&server.stop()), format!("Bind UDP on {port}...\n{received}"));
        }
    });
}

/// S63.
#[test]
fn a_long_name_is_cut_and_harms_nobody() {
    within_bounds(|| {
        let server = server(V4);
        let client = plain_udp(V4);
        for (len, kept_len) in [(1_023, 1_023), (1_024, 1_024), (1_025, 1_024), (65_507, 1_024)] {
            client.send_to(&vec![b'x'; len], server.addr).unwrap();
            assert_eq!(receive(&client).0, format!("Hello, {}!", "x".repeat(kept_len)).as_bytes(), "{len}");
        }
        server.stop();
    });
}

/// C09.
#[test]
fn tcp_and_udp_share_a_port() {
    within_bounds(|| {
        let tcp = TcpListener::bind(V4).unwrap();
        let server = server(tcp.local_addr().unwrap());
        assert_eq!(server.addr, tcp.local_addr().unwrap());
        let client = plain_udp(V4);
        client.send_to(b"Tracy", server.addr).unwrap();
        assert_eq!(receive(&client).0, b"Hello, Tracy!");
        server.stop();
    });
}

/// S65.
#[test]
fn the_client_sends_its_names_one_after_another() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = plain_udp(bind);
            let client = client(server.local_addr().unwrap(), PATIENCE * 2);
            for name in ["Michael", "Tracy", "Sarah"] {
                let (asked, from) = receive(&server);
                assert_eq!((asked.as_slice(), from), (name.as_bytes(), client.addr));
                server.send_to(format!("Hello, {name}!").as_bytes(), from).unwrap();
            }
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(printed(&told), ALL_GREETINGS);
            assert_silence(&server);
        }
    });
}

/// S66.
#[test]
fn duplicates_and_strangers_are_not_taken_for_the_answer() {
    within_bounds(|| {
        let (server, other) = (plain_udp(V4), plain_udp(V4));
        let client = client(server.local_addr().unwrap(), PATIENCE * 2);
        let (_, from) = receive(&server);
        other.send_to(b"Hello, Michael!", from).unwrap();
        for answer in ["Hello, Tracy!", "Hello, Michae", "Hello, Michael!\n", ""] {
            server.send_to(answer.as_bytes(), from).unwrap();
        }
        assert_silence(&server);
        for _ in 0..3 {
            server.send_to(b"Hello, Michael!", from).unwrap();
        }
        assert_eq!(next_but(&server, b"Michael").0, b"Tracy");
        assert_silence(&server);
        server.send_to(b"Hello, Tracy!", from).unwrap();
        assert_eq!(next_but(&server, b"Tracy").0, b"Sarah");
        server.send_to(b"Hello, Sarah!", from).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(printed(&told), ALL_GREETINGS);
    });
}

/// S66.
#[test]
fn a_lost_request_is_sent_again_and_a_late_server_is_found() {
    within_bounds(|| {
        let addr = plain_udp(V4).local_addr().unwrap();
        let mut client = client(addr, Duration::from_secs(5));
        client.wait_count("the first try", 1, |event| matches!(event, ClientEvent::Asked { .. }));
        thread::sleep(A_WHILE);
        let server = plain_udp(addr);
        for name in ["Michael", "Tracy", "Sarah"] {
            let (asked, from) = receive(&server);
            assert_eq!(asked, name.as_bytes());
            server.send_to(format!("Hello, {name}!").as_bytes(), from).unwrap();
        }
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(printed(&told), ALL_GREETINGS);
        let tries = told.iter().filter(|event| matches!(event, ClientEvent::Asked { name: 0, .. })).count();
        assert!(tries >= 2, "{told:?}");
    });
}

/// S66.
#[test]
fn without_a_server_it_gives_up_in_time() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let nobody = plain_udp(bind).local_addr().unwrap();
            let begin = clock();
            let (status, told) = client(nobody, Duration::from_millis(200)).join();
            assert_eq!(status.unwrap(), Status::Failure);
            assert_eq!(printed(&told), "no answer within 0.2 seconds\n");
            assert_eq!(told.len(), 5, "four tries and the end: {told:?}");
            let took = begin.elapsed();
            assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&took), "{took:?}");
        }
    });
}
