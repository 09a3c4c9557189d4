//! What a machine does before its connection stands, and what overtakes what.

use super::{A, B, LATENCY, Wire};
use crate::machine::CloseReason;
use crate::network::{Delivery, StreamEnd};
use crate::time::Instant;

#[test]
fn a_shutdown_while_dialing_follows_once_the_stream_stands() {
    let mut wire = Wire::new(2, "");
    let at = wire.connect(Instant::START, A, B);
    wire.act(|network| network.shutdown(Instant::from_millis(1), at));
    let [connected, accepted] = [2, 3].map(|times| Instant::START + times * LATENCY);
    let expected = [
        (connected, at, Delivery::Connected),
        (accepted, at.other(), Delivery::Accepted),
        (accepted, at.other(), Delivery::Eof),
    ];
    assert_eq!(wire.run(), expected);
    // Once more changes nothing, and the other direction is still open.
    let now = Instant::from_millis(50);
    wire.act(|network| network.shutdown(now, at));
    wire.act(|network| assert_eq!(network.write(now, at.other(), 3), 3));
    assert!(wire.run().contains(&(now + LATENCY, at, Delivery::Data { offset: 0, len: 3 })));
}

#[test]
fn who_gives_up_after_a_shutdown_while_dialing_is_not_heard_of() {
    let mut wire = Wire::new(2, "");
    let at = wire.connect(Instant::START, A, B);
    wire.act(|network| network.shutdown(Instant::START, at));
    wire.act(|network| assert!(network.close(Instant::START, at)));
    let heard: Vec<_> = wire.run().into_iter().filter(|(_, end, _)| *end == at).collect();
    assert_eq!(heard, []);
}

/// What b sees of a write that may stall, and an abort right after it.
fn aborted(plan: &str, late: u64) -> Vec<(Instant, Delivery)> {
    let mut wire = Wire::new(2, plan);
    let at: StreamEnd = wire.connect(Instant::START, A, B);
    wire.run();
    wire.act(|network| assert_eq!(network.write(Instant::from_millis(20), at, 4), 4));
    wire.act(|network| assert!(!network.abort(Instant::from_millis(20 + late), at)));
    wire.run()
        .into_iter()
        .filter(|(_, end, _)| *end == at.other())
        .map(|(now, _, what)| (now, what))
        .collect()
}

#[test]
fn a_reset_overtakes_what_is_late_and_nothing_else() {
    let closed = |millis| (Instant::from_millis(millis), Delivery::Closed(CloseReason::Reset));
    let data = |millis, offset, len| (Instant::from_millis(millis), Delivery::Data { offset, len });
    assert_eq!(aborted("", 0), [data(25, 0, 4), closed(25)]);
    let discarded = (Instant::from_millis(1025), Delivery::Discard(4));
    assert_eq!(aborted("h0>h1 @0 stall 1s", 0), [closed(25), discarded]);
    // Only what is behind the stall is late.
    let rest = (Instant::from_millis(1025), Delivery::Discard(1));
    assert_eq!(aborted("h0>h1 @3 stall 1s", 0), [data(25, 0, 3), closed(25), rest]);
    // At the very moment at which the data come, they are first.
    let discarded = (Instant::from_millis(33), Delivery::Discard(4));
    assert_eq!(aborted("h0>h1 @0 stall 8ms", 8), [data(33, 0, 4), closed(33)]);
    assert_eq!(aborted("h0>h1 @0 stall 8ms", 7), [closed(32), discarded]);
    // A partition holds it back like everything else.
    let plan = "h0>h1 @0 stall 1s; at 20ms partition h0>h1; at 500ms heal";
    assert_eq!(aborted(plan, 0)[0], closed(505));
}

#[test]
fn a_fault_that_resets_overtakes_what_is_late() {
    let mut wire = Wire::new(2, "h0>h1 @0 stall 1s; h0>h1 @2 reset");
    let at = wire.connect(Instant::START, A, B);
    wire.run();
    let now = Instant::from_millis(20);
    wire.act(|network| assert_eq!(network.write(now, at, 4), 2));
    let closed = Delivery::Closed(CloseReason::Reset);
    let expected = [
        (now + LATENCY, at.other(), closed),
        (now + 2 * LATENCY, at, closed),
        (Instant::from_millis(1025), at.other(), Delivery::Discard(2)),
    ];
    assert_eq!(wire.run(), expected);
}

#[test]
fn who_has_waited_long_enough_for_the_peers_end_takes_nothing_back() {
    let mut wire = Wire::new(2, "h0>h1 @0 stall 3s");
    let at = wire.connect(Instant::START, A, B);
    wire.run();
    wire.act(|network| assert_eq!(network.write(Instant::from_millis(20), at, 4), 4));
    wire.act(|network| assert!(!network.close(Instant::from_millis(20), at)));
    let late = Instant::from_millis(3025);
    let expected = [
        (Instant::from_millis(2020), at, Delivery::Closed(CloseReason::LingerExpired)),
        (late, at.other(), Delivery::Data { offset: 0, len: 4 }),
        (late, at.other(), Delivery::Eof),
        (late, at.other(), Delivery::Closed(CloseReason::Reset)),
    ];
    assert_eq!(wire.run(), expected);
}
