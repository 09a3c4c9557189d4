//! In steady state nothing is allocated for a message.

#[cfg(feature = "net")]
mod sockets;

use std::time::Duration;

use allocation_counter::measure;
use lossproof::engine::{Ended, Engine, Keep, Settings};
use lossproof::{Binding, Input, Instant, Machine, Outbox, Peer, Scenario};

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
            Input::Datagram { peer, bytes } if self.left > 0 => {
                self.left -= 1;
                out.event(self.left);
                out.send(peer, bytes);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
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
                out.write(conn, b"a ball that goes to and fro");
            }
            Input::Received { conn, bytes } if self.left > 0 => {
                self.left -= 1;
                out.write(conn, bytes);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

fn scenario(packets: u64) -> Scenario<(), u64> {
    let mut scenario = Scenario::new("ping-pong");
    (scenario.max_inputs, scenario.max_time) = (u64::MAX, Instant::FAR_FUTURE);
    let binding = |port| Binding::Datagram { port, connect: None };
    let left = packets / 2;
    let right = scenario.host("right", binding(1), move |_| Box::new(Ball { serve_to: None, left }));
    let serve_to = Some(scenario.peer(right));
    scenario.host("left", binding(2), move |_| Box::new(Ball { serve_to, left }));
    scenario
}

fn stream_scenario(packets: u64) -> Scenario<(), u64> {
    let mut scenario = Scenario::new("ping-pong over a stream");
    (scenario.max_inputs, scenario.max_time) = (u64::MAX, Instant::FAR_FUTURE);
    let left = packets / 2;
    let right = scenario
        .host("right", Binding::Listener { port: 1 }, move |_| Box::new(StreamBall { serve_to: None, left }));
    let serve_to = Some(scenario.peer(right));
    scenario.host("left", Binding::Dialer, move |_| Box::new(StreamBall { serve_to, left }));
    scenario
}

/// How often a run of the engine allocates, after one to warm up.
fn allocations(scenario: &Scenario<(), u64>, engine: &mut Engine<(), u64>, packets: u64) -> u64 {
    let settings = Settings { laws: None, keep: Keep::Outcome, ..Settings::default() };
    engine.run(scenario, &settings);
    let mut outcome = None;
    let count = measure(|| outcome = Some(engine.run(scenario, &settings))).count_total;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.ended, outcome.packets), (Ended::Quiet, packets + 1));
    count
}

#[test]
fn the_engine_allocates_nothing_for_a_packet() {
    let mut engine = Engine::default();
    let few = allocations(&scenario(10), &mut engine, 10);
    let many = allocations(&scenario(PACKETS), &mut engine, PACKETS);
    assert_eq!(many, few);
    // What is left are the two machines.
    assert!(few <= 4, "{few} allocations in a run");
}

#[test]
fn the_engine_allocates_nothing_for_a_segment_of_a_stream() {
    let mut engine = Engine::default();
    let few = allocations(&stream_scenario(10), &mut engine, 10);
    let many = allocations(&stream_scenario(PACKETS), &mut engine, PACKETS);
    assert_eq!(many, few);
}

#[test]
fn an_outbox_allocates_nothing_once_it_is_warm() {
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let mut out = Outbox::<Duration>::default();
    let streams = [0; 3].map(|_| out.accept(64));
    let mut round = |turn: u64| {
        out.send(peer, b"a datagram");
        out.send_fmt(peer, format_args!("formatted {turn} and {:?}", Duration::from_nanos(turn)));
        let chunk = out.put_fmt(format_args!("to many: {turn:>20}"));
        for conn in streams {
            out.send_chunk(peer, chunk);
            out.write_chunk(conn, chunk);
            out.write(conn, b"some more, and more than fits in the end");
            out.pause(conn);
            out.resume(conn);
        }
        let dialed = out.connect(peer);
        out.save(b"state");
        out.event(Duration::from_nanos(turn));
        let mut effects = 0;
        out.drain(|_| effects += 1);
        for conn in streams {
            assert!(out.credit(conn, 64));
        }
        out.release(dialed);
        effects
    };
    round(u64::MAX);
    let info = measure(|| (0..10_000).for_each(|turn| assert_eq!(round(turn), 20)));
    assert_eq!(info.count_total, 0);
}
