//! udp-chat on real sockets, against plain blocking peers written here.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lossproof::Status;
use lossproof::drive::Setup;
use lossproof::systems::udp_chat::{
    self, Client, ClientEvent, Command, EXPIRY, Note, PING_EVERY, Server, ServerEvent,
};
use lossproof::systems::{Options, Typed};
use tokio::sync::mpsc;

use crate::support::{
    A_WHILE, Driven, Spied, V4, V6, assert_silence, clock, datagram, plain_udp, printed, receive, typed_line,
    within_bounds,
};

fn server(bind: SocketAddr, options: Options) -> Driven<ServerEvent> {
    Driven::start(datagram(bind, None), None, move || {
        Server::new(options.scaled(EXPIRY), !options.not_to_sender)
    })
}

/// A client with a terminal.
fn client(server: SocketAddr, time_scale: f64) -> (Driven<ClientEvent>, mpsc::Sender<Command>) {
    let (sender, commands) = mpsc::channel(1);
    let options = Options { time_scale, ..Options::default() };
    let endpoint = datagram(SocketAddr::new(server.ip(), 0), Some(server));
    let setup = Setup { commands: Some(commands), ..Setup::new(endpoint) };
    (Driven::start_with(setup, move || Client::new(server.into(), options.scaled(PING_EVERY))), sender)
}

fn is_note(event: &ServerEvent, matches: impl Fn(&Note) -> bool) -> bool {
    matches!(event, ServerEvent::Noted { note, .. } if matches(note))
}

/// Plain members of a server, each of which it has noted.
fn members<const N: usize>(server: &mut Driven<ServerEvent>, bind: SocketAddr) -> [UdpSocket; N] {
    let sockets = [(); N].map(|()| plain_udp(bind));
    for socket in &sockets {
        socket.send_to(b"#ping#", server.addr).unwrap();
    }
    server.wait_count("the members", N, |event| is_note(event, |note| matches!(note, Note::Joined(_))));
    sockets
}

/// S77, S78, S79.
#[test]
fn what_is_said_goes_to_all_members() {
    within_bounds(|| {
        for bind in [V4, V6] {
            for not_to_sender in [false, true] {
                let mut server = server(bind, Options { not_to_sender, ..Options::default() });
                let [ann, bob, eve]: [UdpSocket; 3] = members(&mut server, bind);
                ann.send_to(b" \thi all \r\n", server.addr).unwrap();
                let expected = format!("{}\nhi all", ann.local_addr().unwrap());
                for member in [&bob, &eve] {
                    assert_eq!(receive(member), (expected.clone().into_bytes(), server.addr));
                }
                if !not_to_sender {
                    assert_eq!(receive(&ann).0, expected.as_bytes());
                }
                // Who speaks need not be a member, and hears nothing.
                let stranger = plain_udp(bind);
                stranger.send_to(b"", server.addr).unwrap();
                let expected = format!("{}\n", stranger.local_addr().unwrap());
                for member in [&ann, &bob, &eve] {
                    assert_eq!(receive(member).0, expected.as_bytes());
                }
                // The answers to the pings would have been here long ago.
                for socket in [&ann, &bob, &eve, &stranger] {
                    assert_silence(socket);
                }
                server.stop();
            }
        }
    });
}

/// S80: by the timer, while nothing comes from the silent one; and who pings stays.
#[test]
fn who_is_silent_expires_and_who_pings_stays() {
    within_bounds(|| {
        let mut server = server(V4, Options { time_scale: 0.1, ..Options::default() });
        let [silent, living]: [UdpSocket; 2] = members(&mut server, V4);
        let addr = server.addr;
        let (enough, stopped) = std::sync::mpsc::channel::<()>();
        let pinging = thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(50)).is_err() {
                living.send_to(b"#ping#", addr).unwrap();
            }
            living
        });
        let from = silent.local_addr().unwrap();
        server
            .wait_count("the expiry", 1, |event| is_note(event, |note| *note == Note::Expired(from.into())));
        // It has missed one, and the other is still there.
        silent.send_to(b"am I here?", addr).unwrap();
        enough.send(()).unwrap();
        let living = pinging.join().unwrap();
        assert_eq!(receive(&living).0, format!("{from}\nam I here?").as_bytes());
        assert_silence(&silent);
        let told = server.stop();
        let up = told.iter().find_map(|event| match event {
            ServerEvent::Noted { up, note: Note::Expired(peer) } if *peer == from.into() => Some(*up),
            _ => None,
        });
        assert!(up.unwrap() > Duration::from_secs(1), "{up:?}");
        assert!(printed(&told).contains(&format!("{from} has expired\n")));
    });
}

/// S82.
#[test]
fn a_leave_datagram_is_understood() {
    within_bounds(|| {
        let mut server = server(V4, Options::default());
        let [ann, bob]: [UdpSocket; 2] = members(&mut server, V4);
        ann.send_to(b"/quit", server.addr).unwrap();
        bob.send_to(b"who is left?", server.addr).unwrap();
        let (told, from) = receive(&bob);
        assert_eq!(told, format!("{}\nwho is left?", bob.local_addr().unwrap()).as_bytes());
        assert_eq!(from, server.addr);
        assert_silence(&ann);
        server.stop();
    });
}

/// S84, S86.
#[test]
fn what_is_said_is_cut_and_made_utf8() {
    within_bounds(|| {
        let mut server = server(V4, Options::default());
        let [ann]: [UdpSocket; 1] = members(&mut server, V4);
        let header = format!("{}\n", ann.local_addr().unwrap());
        let x = |len: usize| vec![b'x'; len];
        for (said, told) in [
            (b"a\xff\xfeb".to_vec(), "a\u{fffd}\u{fffd}b".into()),
            ("你好".into(), "你好".into()),
            (x(1_024), x(1_024)),
            (x(1_025), x(1_024)),
            (x(65_507), x(1_024)),
            (vec![0xff; 65_507], "\u{fffd}".repeat(1_024 / 3).into_bytes()),
        ] {
            ann.send_to(&said, server.addr).unwrap();
            assert_eq!(receive(&ann).0, [header.as_bytes(), &told].concat());
        }
        server.stop();
    });
}

/// S81, S82: it pings at once and again, says its lines, and leaves when it is told to or its input ends.
#[test]
fn the_client_pings_says_its_lines_and_leaves() {
    within_bounds(|| {
        let ends: [(Command, SocketAddr); 3] = [
            (udp_chat::typed(typed_line("/quit")), V4),
            (udp_chat::typed(typed_line(" /quit ")), V6),
            (udp_chat::typed(Typed::End), V4),
        ];
        for (end, bind) in ends {
            let server = plain_udp(bind);
            let begin = clock();
            let (mut client, terminal) = client(server.local_addr().unwrap(), 0.04);
            for beat in 0..3 {
                assert_eq!(receive(&server), (b"#ping#".to_vec(), client.addr));
                assert!(begin.elapsed() >= Duration::from_millis(200) * beat, "{:?}", begin.elapsed());
            }
            let next_but_pings = || loop {
                let (said, _) = receive(&server);
                if said != b"#ping#" {
                    return said;
                }
            };
            for line in ["hello", "", "  你好 "] {
                terminal.blocking_send(udp_chat::typed(typed_line(line))).unwrap();
                assert_eq!(next_but_pings(), line.as_bytes());
            }
            client.wait_count("to be asked for more", 4, udp_chat::wants_line);
            terminal.blocking_send(end).unwrap();
            assert_eq!(next_but_pings(), b"/quit");
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(printed(&told), "");
        }
    });
}

/// S86: the longest that a server of ours tells, and the longest there is.
#[test]
fn the_client_prints_what_it_hears_whole() {
    within_bounds(|| {
        let (server, other) = (plain_udp(V4), plain_udp(V4));
        let (mut client, terminal) = client(server.local_addr().unwrap(), 1.0);
        let (_, from) = receive(&server);
        other.send_to(b"mind me", from).unwrap();
        let long = format!("192.0.2.1:7\n{}", "x".repeat(1_024));
        let longest = format!("192.0.2.1:7\n{}", "x".repeat(65_507 - 12));
        for text in [b"192.0.2.1:7\nhi".as_slice(), long.as_bytes(), longest.as_bytes(), b"192.0.2.1:7\n\xff"]
        {
            server.send_to(text, from).unwrap();
        }
        client.wait_count("all four", 4, |event| matches!(event, ClientEvent::Heard(_)));
        terminal.blocking_send(udp_chat::typed(Typed::End)).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        let expected = format!("192.0.2.1:7\nhi\n{long}\n{longest}\n192.0.2.1:7\n\u{fffd}\n");
        assert_eq!(printed(&told), expected);
    });
}

#[test]
fn nobody_listening_is_one_line() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let nobody = plain_udp(bind).local_addr().unwrap();
            let (client, _terminal) = client(nobody, 1.0);
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Failure);
            assert_eq!(printed(&told), format!("cannot connect to {nobody}: connection refused\n"));
        }
    });
}

/// A server that is gone for less than a heartbeat finds its members again.
#[test]
fn the_client_outlives_a_server_that_starts_again() {
    within_bounds(|| {
        let first = plain_udp(V4);
        let addr = first.local_addr().unwrap();
        let inputs = Arc::<Mutex<Vec<String>>>::default();
        let spied = Arc::clone(&inputs);
        let options = Options { time_scale: 0.2, ..Options::default() };
        let mut client = Driven::start(datagram(V4, Some(addr)), None, move || Spied {
            machine: Client::new(addr.into(), options.scaled(PING_EVERY)),
            inputs: spied,
        });
        let (_, from) = receive(&first);
        first.send_to(b"192.0.2.1:7\nhi", from).unwrap();
        client.wait_count("what was said", 1, |event| matches!(event, ClientEvent::Heard(_)));
        drop(first);
        let until = clock() + Duration::from_secs(10);
        while !inputs.lock().unwrap().iter().any(|input| input.starts_with("unreachable")) {
            assert!(clock() < until, "no ping is refused");
            thread::sleep(A_WHILE / 20);
        }
        let second = plain_udp(addr);
        assert_eq!(receive(&second), (b"#ping#".to_vec(), from));
        client.stop();
        assert_eq!(receive(&second).0, b"/quit");
    });
}
