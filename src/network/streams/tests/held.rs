//! What is held at a paused end.

use super::{A, B, LATENCY, Wire};
use crate::network::{Delivery, StreamEnd};
use crate::time::Instant;

/// One end is paused, and many pieces are held there.
fn holding(pieces: u32) -> (Wire, StreamEnd, Instant) {
    let mut wire = Wire::new(2, "h0>h1 cut every 3 bytes");
    let at = wire.connect(Instant::START, A, B);
    wire.run();
    wire.act(|network| network.pause(at.other()));
    let now = Instant::from_millis(20);
    wire.act(|network| assert_eq!(network.write(now, at, 3 * pieces), 3 * pieces));
    assert_eq!(wire.run(), []);
    (wire, at.other(), Instant::from_millis(30))
}

/// How many segments are queued until a reader that pauses after every piece has them all.
fn queued(pieces: u32) -> u64 {
    let (mut wire, at, mut now) = holding(pieces);
    let before = wire.queued;
    for n in 0..u64::from(pieces) {
        wire.act(|network| network.resume(now, at));
        now += LATENCY;
        let mut read = Vec::new();
        while let Some((_, end, delivery)) = wire.step() {
            if end == at && delivery.is_some() {
                read.extend(delivery);
                wire.act(|network| network.pause(at));
            }
        }
        assert_eq!(read, [Delivery::Data { offset: 3 * n, len: 3 }]);
    }
    wire.queued - before
}

#[test]
fn a_reader_that_pauses_after_every_piece_costs_no_square() {
    let (few, many) = (queued(200), queued(800));
    assert!(many <= 5 * few, "{few} segments were queued for 200 pieces, and {many} for 800");
}

#[test]
fn what_is_held_is_let_go_in_order_as_long_as_the_end_reads() {
    let (mut wire, at, now) = holding(4);
    wire.act(|network| network.resume(now, at));
    let first = wire.step().unwrap();
    assert_eq!(first, (now, at, Some(Delivery::Data { offset: 0, len: 3 })));
    // The second is on its way when the end is paused again: it goes back to where it was, before the third.
    wire.act(|network| network.pause(at));
    assert!(wire.run().iter().all(|(_, end, _)| *end != at));
    let later = Instant::from_millis(50);
    wire.act(|network| network.resume(later, at));
    let offsets: Vec<(Instant, Delivery)> =
        wire.run().into_iter().filter(|(_, end, _)| *end == at).map(|(now, _, what)| (now, what)).collect();
    assert_eq!(offsets, [3, 6, 9].map(|offset| (later, Delivery::Data { offset, len: 3 })));
}

#[test]
fn a_pause_and_a_resume_at_once_let_nothing_go_twice() {
    let (mut wire, at, now) = holding(3);
    for _ in 0..3 {
        wire.act(|network| network.resume(now, at));
        wire.act(|network| network.pause(at));
        wire.act(|network| network.resume(now, at));
    }
    let read: Vec<Delivery> =
        wire.run().into_iter().filter(|(_, end, _)| *end == at).map(|it| it.2).collect();
    assert_eq!(read, [0, 3, 6].map(|offset| Delivery::Data { offset, len: 3 }));
}
