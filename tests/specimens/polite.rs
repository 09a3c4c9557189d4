//! Two that let each other go first, for ever. No system has such a dialogue, so it has a scenario of its own.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::Property;
use lossproof::systems::Bug;
use lossproof::{Binding, Input, Instant, Machine, Outbox, Peer, Scenario, Status};

use crate::{Case, World, replay, searches};

/// What the scenario is called.
pub(crate) const NAME: &str = "polite";
/// How long one that has stepped back waits until it asks again.
const PATIENCE: Duration = Duration::from_millis(100);

const BUGS: &[Bug] = &[Bug::new("two-polite-retriers", "both step back for the same time, for ever", "")];

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
            Input::Timeout if self.ask_at.is_some_and(|at| at <= now) => {
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
fn scenario(draw: Duration) -> Scenario<(), &'static str> {
    let mut scenario = Scenario::new(NAME);
    scenario.max_time = Instant::from_millis(2_000);
    let binding = Binding::Datagram { port: 1060, connect: None };
    // Each is to know the other, and hosts have addresses in their order.
    let peers = ["192.168.0.1:1060", "192.168.0.2:1060"].map(|peer| peer.parse().expect("an address"));
    for (name, other, draw) in [("left", peers[1], Duration::ZERO), ("right", peers[0], draw)] {
        let host = scenario
            .host(name, binding, move |_| Box::new(Retrier { other, draw, ask_at: None, is_asking: false }));
        assert_ne!(scenario.peer(host), other);
    }
    scenario
}

fn properties() -> Vec<Property<&'static str>> {
    vec![Property::eventually_within("one of them goes first", Duration::from_secs(1), |view| {
        view.events.iter().any(|happened| happened.event == "went first")
    })]
}

fn world(bug: &Bug) -> World<(), &'static str> {
    let (scenario, right) = (scenario(Duration::ZERO), scenario(Duration::from_millis(30)));
    World { scenario, right, properties: properties(), bug: *bug }
}

/// The specimen.
pub(crate) fn case() -> Case {
    Case {
        system: NAME,
        bugs: BUGS,
        row: |bug| searches::row(&world(bug)),
        check: |bug, name| replay::check(&world(bug), name),
        of_plan: |bug| searches::of_smallest(&world(bug)),
    }
}

/// It is told what kind of never it is.
#[test]
fn the_livelock_is_named() {
    let detail = searches::of_smallest(&world(&BUGS[0])).detail;
    assert!(detail.contains("livelock: what happens from "), "{detail}");
}
