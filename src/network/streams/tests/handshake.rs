//! What a machine does before its connection stands.

use super::{A, B, LATENCY, Wire};
use crate::network::Delivery;
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
