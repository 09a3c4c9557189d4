//! udp-broadcast on real sockets, against plain blocking peers written here. Broadcasts stay on the loopback network.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use lossproof::drive::Endpoint;
use lossproof::systems::udp_broadcast::{Client, ClientEvent, Server};
use lossproof::{Peer, Status};
use socket2::{Domain, Socket, Type};

use crate::support::{
    Driven, PATIENCE, V4, assert_silence, datagram, plain_udp, printed, receive, within_bounds,
};

/// The broadcast address of 127.0.0.0/8.
const EVERYBODY: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// So many plain listeners at one port.
fn listeners(count: usize) -> Vec<UdpSocket> {
    let mut addr = ANY;
    let open = |_| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&addr.into()).unwrap();
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        addr = socket.local_addr().unwrap();
        socket
    };
    (0..count).map(open).collect()
}

fn client(to: Peer, broadcast: bool) -> Driven<ClientEvent> {
    let endpoint = Endpoint::Datagram { bind: ANY.into(), connect: None, broadcast };
    Driven::start(endpoint, None, move || Client::new(to))
}

/// S18.
#[test]
fn one_broadcast_reaches_every_listener() {
    within_bounds(|| {
        let listeners = listeners(3);
        let port = listeners[0].local_addr().unwrap().port();
        let (status, told) = client((EVERYBODY.into(), port).into(), true).join();
        assert_eq!(status.unwrap(), Status::Success);
        for listener in &listeners {
            assert_eq!(receive(listener).0, b"Broadcast datagram!");
            assert_silence(listener);
        }
        assert_eq!((told.len(), printed(&told).as_str()), (1, ""));
    });
}

/// S19.
#[test]
fn the_server_tells_what_it_hears_and_never_answers() {
    within_bounds(|| {
        let mut server = Driven::start(datagram(ANY, None), None, || Server);
        let client = plain_udp(V4);
        client.set_broadcast(true).unwrap();
        let longest = vec![b'x'; 65_507];
        client.send_to(b"Broadcast datagram!", (EVERYBODY, server.addr.port())).unwrap();
        for text in [b"".as_slice(), b"\xff\n", &longest] {
            client.send_to(text, (Ipv4Addr::LOCALHOST, server.addr.port())).unwrap();
        }
        server.wait("all four", |told| told.len() == 5);
        assert_silence(&client);
        let (addr, from) = (server.addr, client.local_addr().unwrap());
        let lines: Vec<String> = server.stop().iter().map(ToString::to_string).collect();
        let says = |text: &str| format!("The client at {from} says: '{text}'");
        assert_eq!(lines[0], format!("Listening for datagrams at {addr}"));
        assert_eq!(lines[1..4], [says("Broadcast datagram!"), says(""), says("\\xff\\n")]);
        assert_eq!(lines[4], says(&"x".repeat(65_507)));
    });
}

/// S20.
#[test]
fn without_the_option_the_system_refuses() {
    within_bounds(|| {
        let to = Peer::from((EVERYBODY.into(), plain_udp(ANY).local_addr().unwrap().port()));
        let (status, _) = client(to, false).join();
        assert_eq!(
            status.unwrap_err().to_string(),
            format!(
                "cannot send to {to}: permission denied; a broadcast needs the socket's broadcast option"
            )
        );
    });
}
