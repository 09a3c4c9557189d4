//! A machine with several sockets at once.

use std::io::{Read, Write};
use std::net::TcpListener;

use lossproof::drive::{Endpoint, Setup};
use lossproof::{Input, Outbox, Peer, Status};

use crate::support::{Driven, Puppet, V4, V6, accept, plain_tcp, plain_udp, receive_text};

/// Says back what comes, with the socket that it came to; dials at its start, and says there what it hears on streams.
fn switchboard(to: Peer) -> Puppet<(), String, impl FnMut(Input<'_, ()>, &mut Outbox<String>)> {
    let mut dialed = None;
    Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<String>| match input {
        Input::Start { local } => {
            out.event(format!("begins at {local} of {:?}", out.sockets().len()));
            dialed = Some(out.connect(to));
        }
        Input::Datagram { local, bytes, .. } => {
            let text = String::from_utf8_lossy(bytes);
            out.reply_fmt(format_args!("{text} to {local}"));
        }
        Input::Received { conn, bytes } if Some(conn) != dialed => {
            let _ = out.write(dialed.unwrap(), bytes);
            out.close(conn);
        }
        Input::Received { bytes, .. } => out.event(String::from_utf8_lossy(bytes).into_owned()),
        Input::Stop => out.done(Status::Success),
        _ => {}
    })
}

/// Two datagram sockets, a listener and a dial, of both families.
#[test]
fn two_datagram_sockets_a_listener_and_a_dial_are_one_machine() {
    let target = TcpListener::bind(V4).unwrap();
    let to = target.local_addr().unwrap().into();
    let sockets = [
        Endpoint::listener(V6.into()),
        Endpoint::datagram(V4.into()),
        Endpoint::datagram(V6.into()),
        Endpoint::datagram(V4.into()),
    ];
    let mut driven = Driven::start_with(Setup::new(sockets), move || switchboard(to));
    let [listener, first, sixth, other] = driven.locals[..] else { panic!("{:?}", driven.locals) };
    let mut dialed = accept(&target);
    for (bind, server) in [(V4, first), (V6, sixth), (V4, other), (V4, first)] {
        let client = plain_udp(bind);
        client.send_to(b"hello", server.inet().unwrap()).unwrap();
        assert_eq!(receive_text(&client), (format!("hello to {server}"), server.inet().unwrap()));
    }
    plain_tcp(listener).write_all(b"passed on").unwrap();
    let mut passed = [0; 9];
    dialed.read_exact(&mut passed).unwrap();
    assert_eq!(&passed, b"passed on");
    dialed.write_all(b"thanks").unwrap();
    driven.wait("the answer", |told| told.len() == 2);
    drop(dialed);
    let begun = format!("begins at {first} of 3");
    assert_eq!(driven.stop(), [begun, "thanks".to_owned()], "datagram sockets go first, as in simulation");
}

/// A machine chooses the socket that it sends from, and what no socket can send never leaves.
#[test]
fn each_datagram_leaves_by_the_socket_that_has_its_address() {
    let client = plain_udp(V4);
    let to = Peer::from(client.local_addr().unwrap());
    let sockets = [Endpoint::datagram(V4.into()), Endpoint::datagram(V4.into())];
    let driven = Driven::<()>::start_with(Setup::new(sockets), move || {
        Puppet::new(move |_: Input<'_, ()>, out: &mut Outbox<()>| {
            let [first, second] = out.sockets()[..] else { panic!("two sockets") };
            out.send_from(second, to, b"second");
            out.send_from(first, to, b"first");
            out.send_from(second, to, b"second again");
            // These are misuse, in every world.
            out.send_from(to, to, b"from elsewhere");
            out.send(V6.into(), b"the other family");
            out.send(to, &vec![0; 65_508]);
            out.send(to, b"by the first that fits");
            out.done(Status::Success);
        })
    });
    let [first, second] = driven.locals[..] else { panic!("{:?}", driven.locals) };
    assert_eq!(driven.join().0.unwrap(), Status::Success);
    let mut got: Vec<_> = (0..4).map(|_| receive_text(&client)).collect();
    got.sort();
    let from = |text: &str, peer: Peer| (text.to_owned(), peer.inet().unwrap());
    let expected = [
        from("by the first that fits", first),
        from("first", first),
        from("second", second),
        from("second again", second),
    ];
    assert_eq!(got, expected);
}

/// The longest datagrams of both families.
#[test]
fn the_longest_datagrams_pass() {
    for (bind, len) in [(V4, 65_507), (V6, 65_527)] {
        let driven = Driven::<usize>::start_with(Setup::new(Endpoint::datagram(bind.into())), move || {
            Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<usize>| match input {
                Input::Start { local } => out.send(local, &vec![7; len]),
                Input::Datagram { bytes, .. } => {
                    out.event(bytes.len());
                    out.done(Status::Success);
                }
                _ => {}
            })
        });
        let (status, told) = driven.join();
        assert_eq!((status.unwrap(), told), (Status::Success, vec![len]));
    }
}

/// Commands need be nothing that a scenario can hold: here they bring the way to answer.
#[test]
fn a_command_may_hold_a_channel() {
    use std::sync::mpsc;
    let (commands, receiver) = tokio::sync::mpsc::channel::<mpsc::Sender<u32>>(1);
    let setup = Setup { commands: Some(receiver), ..Setup::dialer() };
    let driven = Driven::<()>::start_with(setup, || {
        Puppet::new(|input: Input<'_, mpsc::Sender<u32>>, out: &mut Outbox<()>| {
            if let Input::Command(answer) = input {
                answer.send(7).unwrap();
                out.done(Status::Success);
            }
        })
    });
    let (answer, answered) = mpsc::channel();
    commands.blocking_send(answer).unwrap();
    assert_eq!(answered.recv().unwrap(), 7);
    assert_eq!(driven.join().0.unwrap(), Status::Success);
}
