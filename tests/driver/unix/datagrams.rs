//! Datagrams over Unix sockets.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::thread;

use lossproof::drive::{Endpoint, Setup};
use lossproof::machine::UnixPath;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
use tokio::sync::mpsc;

use crate::support::{A_WHILE, Driven, PATIENCE, Puppet, file, is_timeout, unix_path, within_bounds};

/// What the machine here tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Heard(Peer, String),
    Unreachable(Peer),
}

/// Answers each datagram to its source; with `to` it says there what it is asked to, and only listens to the rest.
struct Talker {
    to: Option<Peer>,
}

impl Machine for Talker {
    type Command = &'static str;
    type Event = Told;

    fn handle(&mut self, input: Input<'_, &'static str>, _: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Command(text) => {
                if let Some(to) = self.to {
                    out.send(to, text.as_bytes());
                }
            }
            Input::Datagram { peer, bytes, .. } => {
                out.event(Told::Heard(peer, bytes.escape_ascii().to_string()));
                if self.to.is_none() {
                    out.send(peer, bytes);
                }
            }
            Input::Unreachable { peer, .. } => out.event(Told::Unreachable(peer)),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

fn endpoint(path: UnixPath, connect: Option<UnixPath>) -> Endpoint {
    Endpoint::Datagram { bind: Peer::Unix(path), connect: connect.map(Peer::Unix), broadcast: false }
}

/// A machine that answers everybody.
fn answerer(path: UnixPath) -> Driven<Told> {
    Driven::start(endpoint(path, None), None, || Talker { to: None })
}

/// A plain socket whose waits are bounded, and whose file is gone when the test is over.
struct Plain {
    path: UnixPath,
    socket: UnixDatagram,
}

impl Plain {
    fn bind(path: UnixPath) -> Self {
        let socket = UnixDatagram::bind(file(&path)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { path, socket }
    }

    fn send(&self, to: UnixPath, bytes: &[u8]) {
        self.socket.send_to(bytes, file(&to)).unwrap();
    }

    fn receive(&self) -> Vec<u8> {
        let mut buf = vec![0; 65_536];
        let len = self.socket.recv(&mut buf).expect("a datagram comes");
        buf.truncate(len);
        buf
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = fs::remove_file(file(&self.path));
    }
}

fn heard(from: &Plain, text: &str) -> Told {
    Told::Heard(Peer::Unix(from.path), text.to_owned())
}

#[test]
fn every_length_is_answered() {
    within_bounds(|| {
        let path = unix_path();
        let server = answerer(path);
        let client = Plain::bind(unix_path());
        for len in [0, 1, 65_507] {
            client.send(path, &vec![b'x'; len]);
            assert_eq!(client.receive().len(), len);
        }
        let told = server.stop();
        assert_eq!(told[1], heard(&client, "x"));
    });
}

/// Nothing can be done about them: the server goes on.
#[test]
fn who_cannot_be_answered_costs_nothing() {
    within_bounds(|| {
        let path = unix_path();
        let mut server = answerer(path);
        let unbound = UnixDatagram::unbound().unwrap();
        unbound.send_to(b"no name", file(&path)).unwrap();
        // Vanished before it is answered, its file too or not: the sender is gone, whichever comes first.
        let (vanished, dead) = (Plain::bind(unix_path()), Plain::bind(unix_path()));
        vanished.send(path, b"vanished");
        drop(vanished);
        dead.send(path, b"dead");
        let dead_path = dead.path;
        drop(dead);
        drop(UnixDatagram::bind(file(&dead_path)).unwrap());
        let client = Plain::bind(unix_path());
        client.send(path, b"still there?");
        assert_eq!(client.receive(), b"still there?");
        let told = server.wait("all of them", |told| told.len() == 4);
        assert_eq!(told[0], Told::Heard(Peer::Unix(UnixPath::UNNAMED), "no name".to_owned()));
        server.stop();
        fs::remove_file(file(&dead_path)).unwrap();
    });
}

/// What a machine sends to nobody, by a missing name, path or socket, is lost, and the next one is not.
#[test]
fn what_is_sent_to_nobody_is_lost() {
    within_bounds(|| {
        let server = Plain::bind(unix_path());
        let stale = unix_path();
        drop(UnixDatagram::bind(file(&stale)).unwrap());
        let peers = [UnixPath::UNNAMED, unix_path(), stale, server.path].map(Peer::Unix);
        let sender = Driven::<()>::start(endpoint(unix_path(), None), None, move || {
            Puppet::new(move |_: Input<'_, ()>, out| {
                out.send("127.0.0.1:1060".parse().unwrap(), b"the other family");
                for peer in peers {
                    out.send(peer, b"for you");
                }
                out.done(Status::Success);
            })
        });
        assert_eq!(sender.join().0.unwrap(), Status::Success);
        assert_eq!(server.receive(), b"for you");
        fs::remove_file(file(&stale)).unwrap();
    });
}

#[test]
fn who_does_not_read_holds_nobody_up() {
    within_bounds(|| {
        let path = unix_path();
        let mut server = answerer(path);
        let (hog, client) = (Plain::bind(unix_path()), Plain::bind(unix_path()));
        // Far more than a socket's queue holds.
        for sent_count in 1..=2000 {
            hog.send(path, b"x");
            if sent_count % 100 == 0 {
                client.send(path, b"and me");
                assert_eq!(client.receive(), b"and me");
            }
        }
        server.wait_count("all", 2020, |_| true);
        server.stop();
        drop(hog);
    });
}

/// A machine that says to `to` what it is told to.
fn talker(path: UnixPath, to: UnixPath) -> (Driven<Told>, mpsc::Sender<&'static str>) {
    let (sender, commands) = mpsc::channel(1024);
    let setup = Setup { commands: Some(commands), ..Setup::new(endpoint(path, Some(to))) };
    (Driven::start_with(setup, move || Talker { to: Some(Peer::Unix(to)) }), sender)
}

/// One that is connected waits for a peer that is slow, rather than to lose anything.
#[test]
fn a_connected_socket_waits_for_its_peer() {
    within_bounds(|| {
        let server = Plain::bind(unix_path());
        let (client, commands) = talker(unix_path(), server.path);
        for _ in 0..500 {
            commands.blocking_send("again").unwrap();
        }
        for _ in 0..500 {
            assert_eq!(server.receive(), b"again");
        }
        client.stop();
    });
}

#[test]
fn a_connected_socket_hears_its_peer_alone_and_finds_it_again() {
    within_bounds(|| {
        let server = Plain::bind(unix_path());
        let (path, server_path) = (unix_path(), server.path);
        let (mut client, commands) = talker(path, server_path);
        let stranger = Plain::bind(unix_path());
        commands.blocking_send("first").unwrap();
        assert_eq!(server.receive(), b"first");
        assert!(stranger.socket.send_to(b"listen to me", file(&path)).is_err());
        server.send(path, b"one");
        client.wait("the reply", |told| told.len() == 1);

        drop(server);
        commands.blocking_send("second").unwrap();
        client.wait_count("the refusal", 1, |told| *told == Told::Unreachable(Peer::Unix(server_path)));
        // The system lets others speak now: while nobody is there, and just before somebody is.
        stranger.send(path, b"listen to me");
        thread::sleep(A_WHILE);
        stranger.send(path, b"listen to me");
        let server = Plain::bind(server_path);
        commands.blocking_send("third").unwrap();
        assert_eq!(server.receive(), b"third");
        server.send(path, b"two");
        client.wait_count("the reply", 1, |told| *told == heard(&server, "two"));
        let told = client.stop();
        let replies: Vec<&Told> = told.iter().filter(|told| matches!(told, Told::Heard(..))).collect();
        assert_eq!(replies, [&heard(&server, "one"), &heard(&server, "two")]);
        stranger.socket.set_nonblocking(true).unwrap();
        assert!(is_timeout(&stranger.socket.recv(&mut [0]).unwrap_err()), "nobody answers a stranger");
    });
}
