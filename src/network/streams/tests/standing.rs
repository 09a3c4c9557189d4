//! Streams that are over let go of what they had.

use super::{A, B, LATENCY, Wire};
use crate::host::HostId;
use crate::machine::{CloseReason, ConnectError, limits};
use crate::network::{Delivery, Power, StreamEnd};
use crate::steps::taken;
use crate::time::Instant;

/// Opens a stream and has both ends close it.
fn open_and_close(wire: &mut Wire, now: Instant, from: HostId, to: HostId) -> StreamEnd {
    let at = wire.connect(now, from, to);
    wire.run();
    for end in [at, at.other()] {
        wire.act(|network| assert!(!network.close(now + 4 * LATENCY, end)));
    }
    wire.run();
    at
}

#[test]
fn a_slot_is_used_again_and_the_numbers_go_on() {
    let mut wire = Wire::new(2, "");
    for n in 0..1000 {
        let at = open_and_close(&mut wire, Instant::from_millis(u64::from(n) * 5000), A, B);
        assert_eq!(wire.network.streams.number(at), n);
        assert!(at.stream < 2, "slot {} for stream {n}", at.stream);
    }
}

#[test]
fn streams_that_never_stood_are_let_go_too() {
    let mut wire = Wire::new(3, "at 0s partition h0>h2; at 0s partition h2>h1");
    let c = HostId(2);
    for n in 0..100 {
        let now = Instant::from_millis(n * 100_000);
        // Given up at once; refused; never heard by the other; never answered.
        let at = wire.connect(now, A, B);
        wire.act(|network| assert!(network.abort(now, at)));
        wire.connect(now, B, A);
        wire.connect(now, A, c);
        let last = wire.connect(now, B, c);
        assert!(last.stream < 8, "slot {} in round {n}", last.stream);
        let failures = wire.run().into_iter().filter(|(_, _, what)| matches!(what, Delivery::Failed(_)));
        assert_eq!(failures.count(), 3);
    }
}

#[test]
fn a_stream_whose_host_is_off_keeps_its_slot_until_it_has_been_answered() {
    let mut wire = Wire::new(2, "");
    let at = wire.connect(Instant::START, A, B);
    wire.run();
    wire.power[1] = Power::Off;
    wire.act(|network| network.poweroff(B));
    let now = Instant::from_millis(20);
    wire.act(|network| assert_eq!(network.write(now, at, 5), 5));
    wire.act(|network| assert!(!network.abort(now, at)));
    wire.run();
    for millis in [50, 60] {
        let other = wire.connect(Instant::from_millis(millis), A, B);
        assert_ne!(other.stream, at.stream);
        wire.run();
    }
    wire.power[1] = Power::Running;
    wire.act(|network| network.restart(Instant::from_millis(40_000), B));
    wire.run();
    let others = [40_100, 40_200].map(|millis| {
        let other = wire.connect(Instant::from_millis(millis), A, B);
        wire.run();
        other.stream
    });
    assert!(others.contains(&at.stream), "{others:?}");
}

/// How many streams are looked at when a host ends, after so many that it had.
fn looks(streams: u64) -> u64 {
    let mut wire = Wire::new(3, "");
    for n in 0..streams {
        open_and_close(&mut wire, Instant::from_millis(n * 5000), A, B);
    }
    let now = Instant::from_millis(streams * 5000);
    // Others have many that stand.
    for _ in 0..streams {
        wire.connect(now, HostId(2), A);
    }
    let at = wire.connect(now, A, B);
    wire.run();
    let late = now + 10 * LATENCY;
    let steps = taken(|| wire.act(|network| network.crash(late, B)))
        + taken(|| wire.act(|network| network.restart(late, B)));
    assert_eq!(wire.run(), [(late + LATENCY, at, Delivery::Eof)]);
    steps
}

#[test]
fn what_is_over_costs_nothing_when_a_host_ends() {
    assert_eq!((looks(10), looks(40)), (1, 1));
}

#[test]
fn the_oldest_end_is_closed_first_whatever_its_slot_is() {
    let mut wire = Wire::new(2, "");
    let first = open_and_close(&mut wire, Instant::START, A, B);
    let now = Instant::from_millis(5000);
    let kept = wire.connect(now, A, B);
    wire.run();
    let reused = wire.connect(now + 10 * LATENCY, A, B);
    wire.run();
    assert!(reused.stream == first.stream && reused.stream < kept.stream, "{first:?} {kept:?} {reused:?}");
    let late = now + 30 * LATENCY;
    wire.act(|network| network.exit(late, A));
    let ends: Vec<StreamEnd> =
        wire.run().into_iter().filter(|(_, _, what)| *what == Delivery::Eof).map(|(_, at, _)| at).collect();
    assert_eq!(ends, [kept.other(), reused.other()]);
}

#[test]
fn an_end_is_full_only_as_long_as_it_is_not_read() {
    let mut wire = Wire::new(2, "");
    let ends: Vec<StreamEnd> = (0..2)
        .map(|_| {
            let at = wire.connect(Instant::START, A, B);
            wire.run();
            wire.act(|network| network.pause(at.other()));
            wire.act(|network| {
                _ = network.write(Instant::from_millis(20), at, limits::SEND_BUFFER_LEN as u32);
            });
            at.other()
        })
        .collect();
    wire.run();
    assert_eq!(wire.network.streams.full_count(), 2);
    assert!(wire.network.streams.full().eq(ends.iter().copied()));
    let now = Instant::from_millis(30);
    wire.act(|network| network.resume(now, ends[0]));
    assert_eq!(wire.network.streams.full_count(), 1);
    wire.act(|network| _ = network.abort(now, ends[1].other()));
    let deliveries = wire.run();
    assert_eq!(wire.network.streams.full_count(), 0);
    assert_eq!(deliveries.last().unwrap().2, Delivery::Closed(CloseReason::Reset));
}

/// When and how a connect ends, with the time that its connector has.
fn ends(plan: &str, off: bool) -> Vec<(Instant, Delivery)> {
    let mut wire = Wire::new(2, plan);
    if off {
        wire.power[1] = Power::Off;
    }
    let at = wire.connect(Instant::from_millis(1), A, B);
    wire.run().into_iter().filter(|(_, end, _)| *end == at).map(|(now, _, what)| (now, what)).collect()
}

#[test]
fn a_connect_to_a_silent_host_times_out() {
    let timed_out = (Instant::from_millis(1) + limits::MAX_CONNECT, Delivery::Failed(ConnectError::TimedOut));
    assert_eq!(ends("", true), [timed_out]);
    for plan in ["at 0s partition h0|h1", "at 0s partition h0>h1", "at 0s partition h1>h0"] {
        assert_eq!(ends(plan, false), [timed_out], "{plan}");
    }
    // The answer comes at the very last moment, and one later.
    for plan in ["partition h1>h0; at 29996ms heal", "partition h0>h1; at 29991ms heal"] {
        let stands = (timed_out.0, Delivery::Connected);
        assert_eq!(ends(&format!("at 0s {plan}"), false), [stands], "{plan}");
    }
    for plan in ["partition h1>h0; at 29997ms heal", "partition h0>h1; at 29992ms heal"] {
        assert_eq!(ends(&format!("at 0s {plan}"), false), [timed_out], "{plan}");
    }
}

#[test]
fn a_connect_that_was_given_up_does_not_time_out() {
    let mut wire = Wire::new(2, "at 0s partition h0|h1");
    let at = wire.connect(Instant::START, A, B);
    wire.act(|network| assert!(network.abort(Instant::from_millis(1), at)));
    assert_eq!(wire.run(), []);
}
