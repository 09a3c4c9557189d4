//! Streams by the addresses of their ends.

use super::{A, B, LATENCY, Wire};
use crate::host::{FIRST_EPHEMERAL_PORT, HostId};
use crate::machine::{CloseReason, ConnectError, Peer, UnixPath};
use crate::network::{Delivery, StreamEnd};
use crate::time::Instant;

fn peer(text: &str) -> Peer {
    text.parse().unwrap()
}

/// A network whose second host listens at these.
fn listening(addresses: &[&str]) -> Wire {
    let addresses: Vec<Peer> = addresses.iter().map(|text| peer(text)).collect();
    Wire::listening(vec![Vec::new(), addresses], "")
}

/// What comes of dialing this from there.
fn dial(wire: &mut Wire, local: Peer, to: &str) -> (StreamEnd, Delivery) {
    let conn = wire.conn();
    let mut at = None;
    wire.act(|network| at = Some(network.connect(Instant::START, A, conn, local, Some(B), peer(to))));
    let at = at.unwrap();
    (at, wire.run().into_iter().find(|(_, end, _)| *end == at).unwrap().2)
}

#[test]
fn a_host_listens_at_as_many_addresses_as_it_likes_and_at_no_other() {
    let addresses = ["10.0.0.2:7", "10.0.0.2:8", "10.0.1.2:7", "[fd00::2]:7", "unix:/run/b"];
    let mut wire = listening(&addresses);
    for to in addresses {
        let (at, delivery) = dial(&mut wire, peer("10.0.0.1:0"), to);
        assert_eq!(delivery, Delivery::Connected, "{to}");
        assert_eq!(wire.network.streams.address(at.other()), peer(to));
    }
    for to in ["10.0.0.2:9", "10.0.1.2:8", "[fd00::3]:7", "unix:/run/c", "0.0.0.0:7"] {
        let refused = Delivery::Failed(ConnectError::Refused);
        assert_eq!(dial(&mut wire, peer("10.0.0.1:0"), to).1, refused, "{to}");
    }
}

#[test]
fn a_dialer_has_the_address_that_it_asks_for_and_else_a_port() {
    let mut wire = listening(&["10.0.0.2:7", "unix:/run/b"]);
    for (local, expected) in [
        ("10.0.0.1:0", format!("10.0.0.1:{FIRST_EPHEMERAL_PORT}")),
        ("10.0.0.1:1234", "10.0.0.1:1234".to_owned()),
        ("[fd00::1]:0", format!("[fd00::1]:{}", FIRST_EPHEMERAL_PORT + 1)),
    ] {
        let (at, _) = dial(&mut wire, peer(local), "10.0.0.2:7");
        assert_eq!(wire.network.streams.address(at).to_string(), expected);
        assert_eq!(wire.network.streams.address(at).port(), peer(&expected).port());
    }
    let (at, delivery) = dial(&mut wire, Peer::Unix(UnixPath::UNNAMED), "unix:/run/b");
    let ports = [at, at.other()].map(|end| wire.network.streams.address(end).port());
    assert_eq!((delivery, ports), (Delivery::Connected, [None, None]));
}

#[test]
fn ports_come_again_but_none_that_is_in_use_to_the_same_peer() {
    let mut wire = listening(&["10.0.0.2:7", "10.0.0.2:8"]);
    let port = |wire: &mut Wire, to| {
        let (at, _) = dial(wire, peer("10.0.0.1:0"), to);
        wire.network.streams.address(at).port().unwrap() - FIRST_EPHEMERAL_PORT
    };
    let all = u16::MAX - FIRST_EPHEMERAL_PORT + 1;
    // The first and the third stay; the second is over.
    for expected in 0..3 {
        let (at, _) = dial(&mut wire, peer("10.0.0.1:0"), "10.0.0.2:7");
        assert_eq!(wire.network.streams.address(at).port(), Some(FIRST_EPHEMERAL_PORT + expected));
        if expected == 1 {
            wire.act(|network| _ = network.abort(Instant::START + 4 * LATENCY, at));
            wire.run();
        }
    }
    for expected in 3..all {
        assert_eq!(port(&mut wire, "10.0.0.2:9"), expected);
    }
    assert_eq!(port(&mut wire, "10.0.0.2:7"), 1);
    assert_eq!(port(&mut wire, "10.0.0.2:8"), 2);
    assert_eq!(port(&mut wire, "10.0.0.2:7"), 3);
}

#[test]
fn a_host_talks_to_itself() {
    let mut wire = Wire::new(2, "");
    let at = wire.connect(Instant::START, B, B);
    let stands = [(2 * LATENCY, at, Delivery::Connected), (3 * LATENCY, at.other(), Delivery::Accepted)];
    assert_eq!(wire.run(), stands.map(|(span, at, what)| (Instant::START + span, at, what)));
    let now = Instant::from_millis(20);
    wire.act(|network| {
        for (end, len) in [(at, 3), (at.other(), 4)] {
            assert_eq!(network.write(now, end, len), len);
            network.shutdown(now, end);
        }
    });
    let mut deliveries = wire.run();
    deliveries.retain(|(_, _, what)| !matches!(what, Delivery::Credit(_)));
    let over = Delivery::Closed(CloseReason::Finished);
    let expected = [
        (at.other(), Delivery::Data { offset: 0, len: 3 }),
        (at.other(), Delivery::Eof),
        (at, Delivery::Data { offset: 0, len: 4 }),
        (at, Delivery::Eof),
        (at.other(), over),
        (at, over),
    ];
    assert_eq!(deliveries, expected.map(|(end, what)| (now + LATENCY, end, what)));
    // Where it does not listen it is refused.
    let at = wire.connect(Instant::from_millis(50), A, A);
    let refused = Delivery::Failed(ConnectError::Refused);
    assert_eq!(wire.run(), [(Instant::from_millis(60), at, refused)]);
}

#[test]
fn nobody_has_this_address() {
    let mut wire = Wire::new(2, "");
    let conn = wire.conn();
    let mut at = None;
    wire.act(|network| {
        at = Some(network.connect(Instant::START, B, conn, B.v4(0), None, HostId(9).v4(7)));
    });
    let failed = Delivery::Failed(ConnectError::Unreachable);
    assert_eq!(wire.run(), [(Instant::START, at.unwrap(), failed)]);
    assert_eq!(wire.network.streams.number(at.unwrap()), 0);
}
