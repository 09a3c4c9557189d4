//! Two that let each other go first, for ever. No system has such a dialogue, so it has a scenario of its own.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Status};

use crate::{World, searches};

/// What the scenario is called.
const NAME: &str = "polite";
/// How long one that has stepped back waits until it asks again.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is wrong: both step back for the same time, for ever.
const BUG: &str = "two-polite-retriers";

/// Asks the other whether it may go first. Who is asked while it asks itself steps back, and asks again later: the
/// livelock of two in a corridor, and of stations on one wire that back off without a draw (Ethernet draws).
struct Retrier {
    other: Peer,
    /// How much longer than the other it waits.
    draw: Duration,
    ask_at: Option<Instant>,
    is_asking: bool,
}

impl Machine for Retrier {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Start { .. } => self.ask_at = Some(now),
            Input::Timeout => {
                out.send(self.other, b"may I?");
                self.is_asking = true;
                self.ask_at = Some(now + PATIENCE + self.draw);
            }
            Input::Datagram { bytes: b"may I?", .. } => {
                if !self.is_asking {
                    out.send(self.other, b"after you");
                }
                self.is_asking = false;
            }
            Input::Datagram { bytes: b"after you", .. } if self.is_asking => {
                out.event("went first");
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.is_asking, self.ask_at.map(|at| at.since(now))).hash(&mut to);
        true
    }
}

/// Two retriers, of which one waits so much longer.
fn net(draw: Duration) -> Net {
    let net = Net::new(NAME);
    net.max_time(Duration::from_secs(2));
    let places = ["left", "right"].map(|name| net.host(name).udp(1060));
    let [left, right] = [places[0].id(), places[1].id()];
    let [at_left, at_right] = places;
    let retrier = |other, draw| Retrier { other, draw, ask_at: None, is_asking: false };
    let first = at_left.machine(move |boot| retrier(boot.peer(right), Duration::ZERO));
    let second = at_right.machine(move |boot| retrier(boot.peer(left), draw));
    net.eventually_within("one of them goes first", Duration::from_secs(1), move |run| {
        [first, second].iter().any(|host| run.events(*host).contains(&"went first"))
    });
    net
}

/// The specimen.
pub(crate) fn world() -> World {
    World::new([NAME, BUG], "", net(Duration::ZERO), net(Duration::from_millis(30)))
}

/// It is told what kind of never it is.
#[test]
fn the_livelock_is_named() {
    let detail = searches::of_smallest(&world()).detail;
    assert!(detail.contains("livelock: what happens from "), "{detail}");
}
