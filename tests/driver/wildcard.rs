//! Sockets that are bound to all addresses of their family.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use lossproof::drive::{Endpoint, Setup};
use lossproof::{Input, Outbox, Peer, Status};

use crate::support::{Driven, PATIENCE, Puppet, V4, V6, plain_udp, receive_text};

/// Answers, and tells where each datagram came to.
fn echo(bind: &[&str]) -> Driven<Peer> {
    let sockets: Vec<Endpoint> = bind.iter().map(|bind| Endpoint::datagram(bind.parse().unwrap())).collect();
    Driven::start_with(Setup::new(sockets), || {
        Puppet::new(|input: Input<'_, ()>, out: &mut Outbox<Peer>| match input {
            Input::Datagram { local, bytes, .. } => {
                out.event(local);
                out.reply(bytes);
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        })
    })
}

/// A connected socket hears nothing but answers from the address that it has asked.
fn asks(bind: SocketAddr, server: SocketAddr) -> UdpSocket {
    let client = plain_udp(bind);
    client.connect(server).unwrap();
    client.send(b"hello").unwrap();
    client
}

fn assert_answered(bind: SocketAddr, server: SocketAddr) {
    let mut buf = [0; 8];
    let len = asks(bind, server).recv(&mut buf).expect("an answer from the address that was asked");
    assert_eq!(&buf[..len], b"hello");
}

#[test]
fn a_server_answers_from_the_address_that_was_asked() {
    let mut server = echo(&["0.0.0.0:0"]);
    let port = server.locals[0].port().unwrap();
    assert_eq!(server.locals[0].to_string(), format!("0.0.0.0:{port}"));
    let addrs: Vec<SocketAddr> = [1, 2, 3, 2].map(|n| (Ipv4Addr::new(127, 0, 0, n), port).into()).to_vec();
    for &addr in &addrs {
        assert_answered(V4, addr);
    }
    let told = server.wait("all questions", |told| told.len() == 4).to_vec();
    assert_eq!(told, addrs.into_iter().map(Peer::from).collect::<Vec<_>>());
    server.stop();
}

/// With no other socket for IPv4, an IPv6 wildcard takes both.
#[test]
fn so_does_one_of_the_other_family() {
    let mut server = echo(&["[::]:0"]);
    let port = server.locals[0].port().unwrap();
    assert_answered(V6, (V6.ip(), port).into());
    for n in [1, 2] {
        assert_answered(V4, (Ipv4Addr::new(127, 0, 0, n), port).into());
    }
    let told = server.wait("all questions", |told| told.len() == 3);
    let expected =
        [format!("[::1]:{port}"), format!("[::ffff:127.0.0.1]:{port}"), format!("[::ffff:127.0.0.2]:{port}")];
    assert_eq!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    server.stop();
}

#[test]
fn two_wildcards_may_have_one_port() {
    let port = UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let mut server = echo(&[&format!("[::]:{port}"), &format!("0.0.0.0:{port}")]);
    assert_answered(V6, (V6.ip(), port).into());
    assert_answered(V4, (Ipv4Addr::new(127, 0, 0, 2), port).into());
    let told = server.wait("both questions", |told| told.len() == 2);
    assert_eq!(
        told.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [format!("[::1]:{port}"), format!("127.0.0.2:{port}")]
    );
    server.stop();
}

/// More datagrams at once than one call takes, to several addresses and from several peers.
#[test]
fn a_flood_is_answered_from_the_right_addresses() {
    // What a socket's buffer holds if nothing is read meanwhile.
    const EACH: usize = 60;
    let server = echo(&["0.0.0.0:0"]);
    let port = server.locals[0].port().unwrap();
    let clients: Vec<UdpSocket> = [1, 2, 3]
        .map(|n| {
            let client = plain_udp(V4);
            client.connect((Ipv4Addr::new(127, 0, 0, n), port)).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client
        })
        .into();
    for n in 0..EACH {
        for client in &clients {
            client.send(n.to_string().as_bytes()).unwrap();
        }
    }
    for client in &clients {
        for n in 0..EACH {
            assert_eq!(receive_text(client).0, n.to_string());
        }
    }
    assert_eq!(server.stop().len(), 3 * EACH);
}

/// What the first fitting socket sends by itself leaves from where the system has it.
#[test]
fn a_send_without_a_source_leaves_the_choice_to_the_system() {
    let client = plain_udp(V4);
    let to = Peer::from(client.local_addr().unwrap());
    let setup = Setup::new(Endpoint::datagram("0.0.0.0:0".parse().unwrap()));
    let driven = Driven::<()>::start_with(setup, move || {
        Puppet::new(move |_: Input<'_, ()>, out: &mut Outbox<()>| {
            let any = out.sockets()[0];
            out.send(to, b"whoever");
            let port = any.port().unwrap();
            out.send_from(Peer::V4 { ip: Ipv4Addr::new(127, 0, 0, 9), port }, to, b"the ninth");
            out.done(Status::Success);
        })
    });
    assert_eq!(driven.join().0.unwrap(), Status::Success);
    let got =
        [receive_text(&client), receive_text(&client)].map(|(text, from)| (text, from.ip().to_string()));
    let expected =
        [("whoever", "127.0.0.1"), ("the ninth", "127.0.0.9")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(got, expected);
}
