//! udp-local on real sockets, against plain blocking peers written here.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use lossproof::Status;
use lossproof::systems::udp_local::{Client, ClientEvent, Server, ServerEvent};

use crate::support::{
    self, A_WHILE, Driven, V4, V6, assert_silence, clock, datagram, plain_udp, receive, within_bounds,
};

const TIME: &str = "The time is 2026-01-01 00:00:00.000000";

fn local_server(bind: SocketAddr) -> Driven<ServerEvent> {
    Driven::start(datagram(bind, None), None, || Server)
}

fn local_client(server: &UdpSocket, timeout: Duration) -> Driven<ClientEvent> {
    let addr = server.local_addr().unwrap();
    let bind = SocketAddr::new(addr.ip(), 0);
    let time = TIME.trim_start_matches("The time is ");
    Driven::start(datagram(bind, None), None, move || Client::new(addr.into(), time, timeout))
}

/// S01, S02, S05.
#[test]
fn udp_local_answers_every_length() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = local_server(bind);
            let client = plain_udp(bind);
            for len in [0, 38, 65_507] {
                client.send_to(&vec![b'x'; len], server.addr).unwrap();
                let (reply, from) = receive(&client);
                assert_eq!(reply, format!("Your data was {len} bytes long").into_bytes());
                assert_eq!(from, server.addr);
            }
            let (addr, from) = (server.addr, client.local_addr().unwrap());
            let told = server.stop();
            assert_eq!(told[0].to_string(), format!("Listening at {addr}"));
            assert_eq!(told[1].to_string(), format!("The client at {from} says ''"));
            assert_eq!(told.len(), 4);
        }
    });
}

/// S06.
#[test]
fn udp_local_prints_what_is_not_text_escaped() {
    within_bounds(|| {
        let mut server = local_server(V4);
        let client = plain_udp(V4);
        client.send_to(b"a\xff\xfe\0\n", server.addr).unwrap();
        assert_eq!(receive(&client).0, b"Your data was 5 bytes long");
        let from = client.local_addr().unwrap();
        let told = server.wait("the request", |told| told.len() == 2);
        assert_eq!(told[1].to_string(), format!("The client at {from} says 'a\\xff\\xfe\\0\\n'"));
        server.stop();
    });
}

/// S03, S04.
#[test]
fn udp_local_asks_once_and_takes_one_reply() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = plain_udp(bind);
            let mut client = local_client(&server, support::PATIENCE);
            let (asked, from) = receive(&server);
            assert_eq!(asked, TIME.as_bytes());
            assert_eq!(from, client.addr);
            client.wait("its address", |told| !told.is_empty());
            server.send_to(b"one", from).unwrap();
            // The second may already find nobody.
            let _ = server.send_to(b"two", from);
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            let addr = server.local_addr().unwrap();
            let lines: Vec<String> = told.iter().map(ToString::to_string).collect();
            assert_eq!(
                lines,
                [
                    format!("The OS assigned me the address {from}"),
                    format!("The server {addr} replied 'one'")
                ]
            );
            assert_silence(&server);
        }
    });
}

/// S07.
#[test]
fn udp_local_ignores_other_sources() {
    within_bounds(|| {
        let (server, other) = (plain_udp(V4), plain_udp(V4));
        let client = local_client(&server, support::PATIENCE);
        let (_, from) = receive(&server);
        other.send_to(b"mine is the reply", from).unwrap();
        thread::sleep(A_WHILE);
        server.send_to(b"this is", from).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert!(told[1].to_string().ends_with("replied 'this is'"), "{told:?}");
        assert_eq!(told.len(), 2);
    });
}

/// S08.
#[test]
fn udp_local_waits_within_bounds() {
    within_bounds(|| {
        let (server, other) = (plain_udp(V4), plain_udp(V4));
        let begin = clock();
        let client = local_client(&server, Duration::from_millis(200));
        // Other sources do not prolong the wait.
        other.send_to(b"not for you", client.addr).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(told.last().unwrap().to_string(), "No reply within 0.2 seconds");
        let took = begin.elapsed();
        assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&took), "{took:?}");
    });
}
