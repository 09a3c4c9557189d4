//! In steady state nothing is allocated for a message.

mod hosts;
#[cfg(feature = "net")]
mod sockets;

use std::time::Duration;

use allocation_counter::measure;
use lossproof::engine::{Ended, Engine, Keep, Settings};
use lossproof::machine::{Conn, Outlet};
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

const PACKETS: u64 = 100_000;

/// Sends every datagram back, until it has had so many; one of the two begins.
struct Ball {
    serve_to: Option<Peer>,
    left: u64,
}

impl Machine for Ball {
    type Command = ();
    type Event = u64;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u64>) {
        match input {
            Input::Start { .. } => {
                if let Some(peer) = self.serve_to {
                    out.send(peer, b"a ball that goes to and fro");
                }
            }
            Input::Datagram { bytes, .. } if self.left > 0 => {
                self.left -= 1;
                out.event(self.left);
                out.reply(bytes);
            }
            _ => {}
        }
    }
}

/// The same over a stream.
struct StreamBall {
    serve_to: Option<Peer>,
    left: u64,
}

impl Machine for StreamBall {
    type Command = ();
    type Event = u64;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u64>) {
        match input {
            Input::Start { .. } => {
                if let Some(peer) = self.serve_to {
                    out.connect(peer);
                }
            }
            Input::Connected { conn, .. } if self.serve_to.is_some() => {
                let _ = out.write(conn, b"a ball that goes to and fro");
            }
            Input::Received { conn, bytes } if self.left > 0 => {
                self.left -= 1;
                let _ = out.write(conn, bytes);
            }
            _ => {}
        }
    }
}

/// The same, where one throws to a group that the other is in.
struct GroupBall {
    is_member: bool,
    left: u64,
}

impl Machine for GroupBall {
    type Command = ();
    type Event = u64;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u64>) {
        let group = [239, 1, 2, 3].into();
        match input {
            Input::Start { .. } if self.is_member => out.join(group),
            Input::Start { .. } => out.send((group, 1).into(), b"a ball for all"),
            Input::Datagram { bytes, .. } if self.left > 0 => {
                self.left -= 1;
                out.event(self.left);
                if self.is_member {
                    out.reply(bytes);
                } else {
                    out.send((group, 1).into(), bytes);
                }
            }
            _ => {}
        }
    }
}

fn endless(name: &str) -> Net {
    let net = Net::new(name);
    net.max_inputs(u64::MAX);
    net.max_time(Duration::MAX);
    net
}

fn scenario(packets: u64) -> Scenario {
    let net = endless("ping-pong");
    let left = packets / 2;
    let right = net.host("right").udp(1).machine(move |_| Ball { serve_to: None, left });
    net.host("left").udp(2).machine(move |boot| Ball { serve_to: Some(boot.peer(right)), left });
    net.into()
}

fn stream_scenario(packets: u64) -> Scenario {
    let net = endless("ping-pong over a stream");
    let left = packets / 2;
    let right = net.host("right").listen(1).machine(move |_| StreamBall { serve_to: None, left });
    net.host("left").machine(move |boot| StreamBall { serve_to: Some(boot.peer(right)), left });
    net.into()
}

fn group_scenario(packets: u64) -> Scenario {
    let net = endless("ping-pong with a group");
    let left = packets / 2;
    // Who is in the group is started first.
    net.host("member").udp(1).machine(move |_| GroupBall { is_member: true, left });
    net.host("thrower").udp(2).machine(move |_| GroupBall { is_member: false, left });
    net.into()
}

/// How often a run of the engine allocates, after one to warm up.
fn allocations(scenario: &Scenario, packets: u64) -> u64 {
    let settings = Settings { laws: None, keep: Keep::Outcome, ..Settings::default() };
    let mut engine = Engine::new(scenario);
    engine.run(&settings);
    let mut outcome = None;
    let count = measure(|| outcome = Some(engine.run(&settings))).count_total;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.ended, outcome.packets), (Ended::Quiet, packets + 1));
    count
}

#[test]
fn the_engine_allocates_nothing_for_a_packet() {
    let few = allocations(&scenario(10), 10);
    let many = allocations(&scenario(PACKETS), PACKETS);
    assert_eq!(many, few);
    assert!(few <= 4, "{few} allocations in a run");
}

#[test]
fn the_engine_allocates_nothing_for_a_packet_to_a_group() {
    let few = allocations(&group_scenario(10), 10);
    let many = allocations(&group_scenario(PACKETS), PACKETS);
    assert_eq!(many, few);
}

#[test]
fn the_engine_allocates_nothing_for_a_segment_of_a_stream() {
    let few = allocations(&stream_scenario(10), 10);
    let many = allocations(&stream_scenario(PACKETS), PACKETS);
    assert_eq!(many, few);
}

/// Does everything that a machine can do, with the streams that it is given.
struct Everything {
    peer: Peer,
    streams: [Conn; 3],
    dialed: Option<Conn>,
}

impl Machine for Everything {
    type Command = u64;
    type Event = Duration;

    fn handle(&mut self, input: Input<'_, u64>, _now: Instant, out: &mut Outbox<Duration>) {
        let (Input::Command(&turn), peer) = (input, self.peer) else { return };
        out.send(peer, b"a datagram");
        out.send_fmt(peer, format_args!("formatted {turn} and {:?}", Duration::from_nanos(turn)));
        let chunk = out.put_fmt(format_args!("to many: {turn:>20}"));
        for conn in self.streams {
            out.send_chunk(peer, chunk);
            let _ = out.write_chunk(conn, chunk);
            let _ = out.write(conn, b"some more, and more than fits in the end");
            out.pause(conn);
            out.resume(conn);
        }
        self.dialed = Some(out.connect(peer));
        out.save(b"state");
        out.event(Duration::from_nanos(turn));
    }
}

#[test]
fn an_outbox_allocates_nothing_once_it_is_warm() {
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let mut out = Outlet::<Duration>::new();
    let streams = [0; 3].map(|_| out.accept(64));
    let mut machine = Everything { peer, streams, dialed: None };
    let mut round = |turn: u64| {
        out.feed(&mut machine, Input::Command(&turn), Instant::START);
        let mut effects = 0;
        out.drain(|_| effects += 1);
        for conn in streams {
            assert!(out.credit(conn, 64));
        }
        out.release(machine.dialed.unwrap());
        effects
    };
    round(u64::MAX);
    let info = measure(|| (0..10_000).for_each(|turn| assert_eq!(round(turn), 20)));
    assert_eq!(info.count_total, 0);
}
