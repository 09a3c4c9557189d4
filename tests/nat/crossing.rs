//! Streams between two hosts that are both behind a NAT: neither can wait for the other, so both dial.

use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::fault::StreamKind;
use lossproof::machine::Conn;
use lossproof::scenario::{Nat, NatKind, Net};
use lossproof::{Check, Input, Instant, Machine, Outbox, Peer, Scenario};

use crate::segments::{Do, End, dial};

/// Two peers, each behind a NAT of its own, dial each other's first port. Neither listens: their SYNs cross (RFC 9293
/// section 3.5, simultaneous open), which opens both NATs (RFC 5128 section 3.4).
fn crossing(kind: NatKind, later_ms: u64) -> [Vec<String>; 2] {
    let net = Net::new("crossing");
    net.streams(StreamKind::SEGMENTS);
    net.max_time(Duration::from_mins(1));
    let peers = [1, 2].map(|n| {
        let nat = net.nat(format!("nat-{n}"), Nat::new(kind).public([203, 0, 113, n].into()));
        net.host(format!("peer-{n}")).behind(nat).machine(|_| End::default())
    });
    for (at, peer, what) in [
        (0, 0, dial("203.0.113.2:20000")),
        (later_ms, 1, dial("203.0.113.1:20000")),
        (20_000, 0, Do::Write),
        (21_000, 1, Do::Write),
        (22_000, 0, Do::Close),
        (23_000, 1, Do::Close),
    ] {
        net.command(Instant::from_millis(at), peers[peer], what);
    }
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    assert_eq!((engine.broken(), engine.violation()), (None, None));
    peers.map(|peer| engine.view().events(peer).to_vec())
}

#[test]
fn dials_that_cross_meet_through_two_nats() {
    for kind in NatKind::ALL {
        // At once; while the other's SYN is on its way; after it has died at a NAT that had no mapping yet.
        for later_ms in [0, 3, 300] {
            let [one, other] = crossing(kind, later_ms);
            let stands = |n: u8, own: &str| format!("stands 203.0.113.{n}:20000 {own}:49152");
            assert_eq!(one, [&stands(2, "192.168.0.2"), "byte", "closed: finished"], "{kind} {later_ms}");
            assert_eq!(
                other,
                [&stands(1, "192.168.0.4"), "byte", "eof", "closed: finished"],
                "{kind} {later_ms}"
            );
        }
    }
}

/// Tells each of two peers where the other is seen.
#[derive(Default)]
struct Rendezvous {
    peers: Vec<(Conn, Peer)>,
}

impl Machine for Rendezvous {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        let Input::Connected { conn, peer, .. } = input else { return };
        self.peers.push((conn, peer));
        if let [(one, seen_at), (other, other_at)] = self.peers[..] {
            for (conn, at) in [(one, other_at), (other, seen_at)] {
                // A line.
                let line = format!("{at}\n");
                assert_eq!(out.write(conn, line.as_bytes()), line.len());
            }
        }
    }
}

/// Asks the rendezvous where the other is seen, and dials the next port there: the one that the other's NAT gives to its own
/// dial.
struct Puncher {
    server: Peer,
    line: Vec<u8>,
    punch: Option<Conn>,
}

impl Machine for Puncher {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Start { .. } => _ = out.connect(self.server),
            Input::Connected { conn, .. } if self.punch == Some(conn) => {
                assert_eq!(out.write(conn, b"!"), 1);
            }
            Input::Received { conn, .. } if self.punch == Some(conn) => out.event("met"),
            Input::Received { bytes, .. } => {
                for byte in bytes {
                    if *byte != b'\n' {
                        self.line.push(*byte);
                        continue;
                    }
                    let seen: Peer = String::from_utf8_lossy(&self.line).parse().unwrap();
                    self.punch = Some(out.connect(seen.with_port(seen.port().unwrap() + 1)));
                }
            }
            Input::ConnectFailed { .. } => out.event("failed"),
            _ => {}
        }
    }
}

/// RFC 5128 section 3.6: where NATs give ports one after the other, the port of the next dial is known. So this passes
/// symmetric NATs, too; but for one dial only, and if nobody else behind the NAT dials meanwhile.
#[test]
fn whoever_knows_the_next_port_punches_through_every_two_nats() {
    for kinds in NatKind::ALL.into_iter().flat_map(|one| NatKind::ALL.map(|other| [one, other])) {
        let net = Net::new("punching");
        net.streams(StreamKind::SEGMENTS);
        net.max_time(Duration::from_mins(2));
        let server = net.host("server").listen(7).machine(|_| Rendezvous::default());
        let peers = [0, 1].map(|index| {
            let nat = net.nat(format!("nat-{index}"), Nat::new(kinds[index]));
            let peer = net.host(format!("peer-{index}")).behind(nat);
            peer.machine(move |boot| Puncher { server: boot.peer(server), line: Vec::new(), punch: None })
        });
        net.eventually_within("both are in touch", Duration::from_mins(2), move |run| {
            peers.iter().all(|peer| run.events(*peer) == ["met"])
        });
        Check::new(net).named("punching").runs(30).loss(0.1).assert();
    }
}
