//! Machines that are busy for ever and get nowhere: named as such, with what repeats.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Failure, Fates, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, Profile};
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};

/// How politely one goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Silent,
    /// It tells of each try.
    Tells,
    /// It has no fingerprint.
    Unknown,
}

/// Asks for the way, and has it if it hears nothing for 50 ms. If the other asks as well, it steps back for 100 ms: and
/// so does the other.
struct Polite {
    manner: Manner,
    other: Peer,
    wins_at: Option<Instant>,
    asks_at: Option<Instant>,
}

impl Polite {
    fn ask(&mut self, now: Instant, out: &mut Outbox<u32>) {
        out.send(self.other, b"me first");
        if self.manner == Manner::Tells {
            out.event(1);
        }
        (self.wins_at, self.asks_at) = (Some(now + Duration::from_millis(50)), None);
    }
}

impl Machine for Polite {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<u32>) {
        match input {
            Input::Start { .. } => self.ask(now, out),
            Input::Timeout if self.asks_at.is_some() => self.ask(now, out),
            Input::Timeout => {
                self.wins_at = None;
                out.done(Status::Success);
            }
            Input::Datagram { .. } => {
                (self.wins_at, self.asks_at) = (None, Some(now + Duration::from_millis(100)));
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.wins_at.or(self.asks_at)
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        let left = |at: Option<Instant>| at.map(|at| at.since(now));
        (left(self.wins_at), left(self.asks_at)).hash(&mut to);
        self.manner != Manner::Unknown
    }
}

fn net(manner: Manner) -> (Net, [Host<Polite>; 2]) {
    let net = Net::new("politeness");
    net.max_time(Duration::from_secs(20));
    let (a, b) = (net.host("a").udp(1), net.host("b").udp(1));
    let (at_a, at_b) = (a.id(), b.id());
    let polite = move |other| Polite { manner, other, wins_at: None, asks_at: None };
    let a = a.machine(move |boot| polite(boot.peer(at_b)));
    let b = b.machine(move |boot| polite(boot.peer(at_a)));
    (net, [a, b])
}

fn somebody_goes(manner: Manner) -> Scenario {
    let (net, [a, b]) = net(manner);
    let within = Duration::from_mins(1);
    net.eventually_within("somebody goes", within, move |run| {
        run.status(a).is_some() || run.status(b).is_some()
    });
    Scenario::from(net)
}

/// What the first of some runs comes to that fails.
fn failure_of(scenario: &Scenario, plan: &str, profile: Profile) -> Option<Failure> {
    let plan = Prepared::new(&plan.parse().expect("a plan"), scenario).expect("for these hosts");
    Search::new(scenario, plan, profile, 7).runs(0..20).failure
}

/// What it comes to if somebody is to go.
fn failure(manner: Manner, plan: &str) -> Option<Failure> {
    failure_of(&somebody_goes(manner), plan, Profile::default())
}

#[test]
fn what_repeats_is_named_and_shown_once() {
    let failure = failure(Manner::Silent, "").expect("both are too polite");
    assert_eq!((failure.broken.as_str(), failure.run), ("somebody goes", 0));
    let (what, times) = failure.detail.split_once(" happens again and again, ").expect("a livelock");
    assert!(what.starts_with("livelock: what happens from 0.") && times == "4 steps every 0.105 s", "{what}");
    assert!(failure.at < Instant::from_millis(1_000), "it ends as soon as that is clear: {}", failure.at);
    let lines: Vec<&str> = failure.transcript.lines().collect();
    let begin = lines.iter().position(|line| line.contains("  circle what follows happens again and again"));
    let circle = &lines[begin.expect("it is marked") + 1..];
    // Two ask, two hear, and then it is said.
    assert_eq!(circle.len(), 5, "{}", failure.transcript);
    for what in ["a  send", "b  send", "a  recv", "b  recv", "  broken somebody goes: livelock: "] {
        assert_eq!(circle.iter().filter(|line| line.contains(what)).count(), 1, "{}", failure.transcript);
    }
}

/// Events may be what a demand counts, so they are waited for; in the end there were none that met it.
#[test]
fn a_circle_with_events_is_one_only_if_the_demand_stays_unmet() {
    let told = failure(Manner::Tells, "").expect("both are too polite");
    assert!(told.detail.starts_with("livelock: "), "{}", told.detail);
    let counted = |times, within| {
        let (net, [a, b]) = net(Manner::Tells);
        let within = Duration::from_secs(within);
        net.eventually_within("they ask", within, move |run| {
            run.events(a).len() + run.events(b).len() >= times
        });
        failure_of(&Scenario::from(net), "", Profile::default())
    };
    assert_eq!(counted(100, 60), None);
    // Here it is the bound that is too short.
    assert_eq!(counted(100, 1).expect("there is no time for it").detail, "not within 1 s");
}

#[test]
fn without_a_fingerprint_a_run_goes_on_to_its_limit() {
    let failure = failure(Manner::Unknown, "").expect("both are too polite");
    let over = "it has not happened, and the scenario's time is over at 19.955";
    assert_eq!(failure.detail, over);
    assert!(!failure.transcript.contains("circle"));
}

/// A fault that is still to come may end it.
#[test]
fn what_a_fault_of_the_plan_ends_is_no_livelock() {
    assert_eq!(failure(Manner::Silent, "a>b #9 drop"), None);
    assert_eq!(failure(Manner::Silent, "at 5s partition a|b; at 6s heal"), None);
    assert_eq!(failure(Manner::Silent, "at 9s crash a"), None);
    // One that hits both changes nothing, nor does one that is over.
    for plan in ["a>b #9 delay 1ms; b>a #9 delay 1ms", "at 1ms partition a|b; at 2ms heal"] {
        let failure = failure(Manner::Silent, plan).expect(plan);
        assert!(failure.detail.starts_with("livelock: "), "{}", failure.detail);
    }
    // Once it is calm no fault comes.
    let calm = failure(Manner::Silent, "calm 300ms; a>b #9 drop").expect("it is calm");
    assert!(calm.detail.starts_with("livelock: "), "{}", calm.detail);
}

/// While faults are drawn nothing can be said; the plan that is left tells.
#[test]
fn a_failure_that_was_drawn_is_named_once_it_is_a_plan() {
    let scenario = somebody_goes(Manner::Silent);
    let rare = Profile { loss: "0.01%".parse().expect("a probability"), ..Profile::default() };
    let mut search = Search::new(&scenario, Prepared::default(), rare, 7);
    let failure = search.runs(0..100).failure.expect("both are too polite");
    assert!(failure.detail.starts_with("it has not happened, and "), "{}", failure.detail);
    let shrunk = search.shrink(&failure, 1_000);
    assert_eq!((shrunk.failure.plan.to_string().as_str(), shrunk.is_minimal), ("v2", true));
    assert!(shrunk.failure.detail.starts_with("livelock: "), "{}", shrunk.failure.detail);
    // Drawn up to a moment, it is named from then on.
    let lossy = Profile { loss: Chance::percent(1), ..Profile::default() };
    let calm = failure_of(&scenario, "calm 200ms", lossy).expect("one at least goes round");
    assert!(calm.detail.starts_with("livelock: what happens from 0.2"), "{}", calm.detail);
}

/// A search that does not look for livelocks has its failures explained with them, and nobody else is blamed.
#[test]
fn an_exhaustive_search_names_it_too() {
    let scenario = somebody_goes(Manner::Silent);
    let explored = Exhaustive::new(&scenario, Fates::default(), 0).run(10, |_| ());
    let failure = explored.failure.expect("both are too polite");
    assert_eq!(failure.broken, "somebody goes");
    assert!(failure.detail.starts_with("livelock: "), "{}", failure.detail);
}
