//! Datagrams on real sockets, with machines of the tests' own, and what a plan does to them.

use std::time::Duration;

use lossproof::drive::{Endpoint, Setup, run, run_until};
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};

use crate::support::{
    Driven, Length, PATIENCE, Puppet, V4, V6, assert_silence, clock, datagram, faults, open_error, plain_udp,
    receive, within_bounds,
};

#[test]
fn a_port_in_use_is_one_plain_line() {
    let taken = plain_udp(V4);
    let addr = taken.local_addr().unwrap();
    let error = open_error(Length, datagram(addr, None));
    assert_eq!(
        error.to_string(),
        format!("cannot bind {addr}: the address is in use; choose another port, or 0 for any")
    );
}

/// A machine that only waits hears of a refusal at once, not when it sends again.
#[test]
fn a_refusal_is_told_without_another_send() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let nobody = plain_udp(bind).local_addr().unwrap();
            let client = Driven::<Peer>::start(datagram(bind, Some(nobody)), None, move || {
                Puppet::new(move |input: Input<'_, ()>, out| match input {
                    Input::Start { .. } => out.send(nobody.into(), b"anybody?"),
                    Input::Unreachable { peer, .. } => {
                        out.event(peer);
                        out.done(Status::Failure);
                    }
                    _ => {}
                })
            });
            let (status, told) = client.join();
            assert_eq!((status.unwrap(), told), (Status::Failure, vec![nobody.into()]));
        }
    });
}

/// What a machine sends just before it is done still leaves, and nothing is waited for then.
#[test]
fn the_last_datagrams_leave_and_the_end_does_not_wait() {
    within_bounds(|| {
        let server = plain_udp(V4);
        let to = Peer::from(server.local_addr().unwrap());
        let begin = clock();
        let sender = Driven::<()>::start(datagram(V4, None), None, move || {
            Puppet::new(move |_: Input<'_, ()>, out| {
                for n in 0..10 {
                    out.send_fmt(to, format_args!("{n}"));
                }
                out.done(Status::Success);
            })
        });
        assert_eq!(sender.join().0.unwrap(), Status::Success);
        assert!(begin.elapsed() < Duration::from_millis(450), "{:?}", begin.elapsed());
        for n in 0..10 {
            assert_eq!(receive(&server).0, n.to_string().as_bytes());
        }
    });
}

/// A datagram that the system refuses is lost, as datagrams may be, and the next one is not.
#[test]
fn a_datagram_that_cannot_be_sent_is_lost() {
    within_bounds(|| {
        let server = plain_udp(V4);
        let to = Peer::from(server.local_addr().unwrap());
        let sender = Driven::<()>::start(datagram(V4, None), None, move || {
            Puppet::new(move |_: Input<'_, ()>, out| {
                out.send(to, &vec![0; 65_508]);
                out.send(V6.into(), b"the other family");
                out.send(to, b"small");
                out.done(Status::Success);
            })
        });
        assert_eq!(sender.join().0.unwrap(), Status::Success);
        assert_eq!(receive(&server).0, b"small");
    });
}

#[test]
fn a_server_applies_its_own_part_of_the_plan() {
    within_bounds(|| {
        let plan = Some(faults("server>client #0 drop; server>client #1 duplicate", "server", "client"));
        let server = Driven::start(datagram(V4, None), plan, || Length);
        let client = plain_udp(V4);
        for text in ["a", "ab"] {
            client.send_to(text.as_bytes(), server.addr).unwrap();
        }
        assert_eq!(receive(&client).0, b"Your data was 2 bytes long");
        assert_eq!(receive(&client).0, b"Your data was 2 bytes long");
        assert_silence(&client);
        server.stop();
    });
}

#[test]
fn what_sockets_cannot_have_is_refused_by_name() {
    within_bounds(|| {
        let refused = |plan: &str| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let plan = Some(faults(plan, "client", "server"));
            let (opened, event) = (|locals: &[Peer]| panic!("it was opened at {locals:?}"), |()| {});
            let never = std::future::pending();
            let run = run_until(
                Length,
                Setup { faults: plan, ..Setup::new(datagram(V4, None)) },
                opened,
                event,
                never,
            );
            runtime.block_on(run).unwrap_err().to_string()
        };
        assert_eq!(
            refused("client>server #0 drop; at 1s crash server"),
            "real sockets cannot have the fault 'crash'; take it out of the plan"
        );
        assert!(refused("at 1s skew client +3s").contains("'skew'"));
        assert!(refused("at 1s stop client").contains("'stop'"));
        assert!(refused("a>server #0 drop").contains('a'));
    });
}

/// In a thread of its own the driver waits for a lone socket by itself; a deadline is not missed for that.
#[test]
fn a_deadline_comes_in_time_while_the_driver_waits_for_its_only_socket() {
    /// Answers, and says something more when nothing has come for so long.
    #[derive(Default)]
    struct Patient(Option<(Instant, Peer)>);
    const SILENCE: Duration = Duration::from_millis(60);
    impl Machine for Patient {
        type Command = ();
        type Event = ();
        fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
            match input {
                Input::Datagram { peer, bytes, .. } => {
                    out.reply(bytes);
                    self.0 = Some((now + SILENCE, peer));
                }
                Input::Timeout => {
                    if let Some((_, peer)) = self.0.take() {
                        out.send(peer, b"still there?");
                        out.done(Status::Success);
                    }
                }
                _ => {}
            }
        }
        fn deadline(&self) -> Option<Instant> {
            self.0.map(|(due_at, _)| due_at)
        }
    }
    within_bounds(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let opened = move |locals: &[Peer]| tell.send(locals[0]).unwrap();
            run(Patient::default(), Setup::new(Endpoint::datagram(V4.into())), opened, drop)
        });
        let socket = std::net::UdpSocket::bind(V4).unwrap();
        socket.connect(told.recv().unwrap().inet().unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reply = [0; 64];
        let mut last_at = clock();
        for number in 0..200_u8 {
            last_at = clock();
            socket.send(&[number]).unwrap();
            assert_eq!((socket.recv(&mut reply).unwrap(), reply[0]), (1, number));
        }
        let len = socket.recv(&mut reply).unwrap();
        assert_eq!(&reply[..len], b"still there?");
        assert!(clock() - last_at >= SILENCE, "{:?}", clock() - last_at);
        assert_eq!(thread.join().unwrap().unwrap(), Status::Success);
    });
}
