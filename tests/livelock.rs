//! Machines that are busy for ever and get nowhere: named as such, with what repeats.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Failure, Fates, Property, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, Profile};
use lossproof::{Binding, Input, Instant, Machine, Outbox, Peer, Scenario, Status};

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
            Input::Datagram { .. } => {
                (self.wins_at, self.asks_at) = (None, Some(now + Duration::from_millis(100)));
            }
            Input::Timeout if self.asks_at.is_some_and(|at| at <= now) => self.ask(now, out),
            Input::Timeout if self.wins_at.is_some_and(|at| at <= now) => {
                self.wins_at = None;
                out.done(Status::Success);
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

fn scenario(manner: Manner) -> Scenario<(), u32> {
    let mut scenario = Scenario::new("politeness");
    scenario.max_time = Instant::from_millis(20_000);
    let bound = Binding::Datagram { port: 1, connect: None };
    for (name, other) in [("a", "192.168.0.2:1"), ("b", "192.168.0.1:1")] {
        let other = other.parse().expect("an address");
        scenario.host(name, bound, move |_| Box::new(Polite { manner, other, wins_at: None, asks_at: None }));
    }
    scenario
}

fn somebody_goes() -> [Property<u32>; 1] {
    let within = Duration::from_mins(1);
    [Property::eventually_within("somebody goes", within, |view| view.statuses.iter().any(Option::is_some))]
}

/// What the first of some runs comes to that fails.
fn failure(manner: Manner, plan: &str, profile: Profile, properties: &[Property<u32>]) -> Option<Failure> {
    let scenario = scenario(manner);
    let plan = Prepared::new(&plan.parse().expect("a plan"), &scenario.names()).expect("for these hosts");
    Search::new(&scenario, properties, plan, profile, 7).runs(0..20).failure
}

#[test]
fn what_repeats_is_named_and_shown_once() {
    let failure =
        failure(Manner::Silent, "", Profile::default(), &somebody_goes()).expect("both are too polite");
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
    let told = failure(Manner::Tells, "", Profile::default(), &somebody_goes()).expect("both are too polite");
    assert!(told.detail.starts_with("livelock: "), "{}", told.detail);
    let counted = |times, within| {
        let within = Duration::from_secs(within);
        [Property::eventually_within("they ask", within, move |view| view.events.len() >= times)]
    };
    assert_eq!(failure(Manner::Tells, "", Profile::default(), &counted(100, 60)), None);
    // Here it is the bound that is too short.
    let short =
        failure(Manner::Tells, "", Profile::default(), &counted(100, 1)).expect("there is no time for it");
    assert_eq!(short.detail, "not within 1 s");
}

#[test]
fn without_a_fingerprint_a_run_goes_on_to_its_limit() {
    let failure =
        failure(Manner::Unknown, "", Profile::default(), &somebody_goes()).expect("both are too polite");
    let over = "it has not happened, and the scenario's time is over at 19.955";
    assert_eq!(failure.detail, over);
    assert!(!failure.transcript.contains("circle"));
}

/// A fault that is still to come may end it.
#[test]
fn what_a_fault_of_the_plan_ends_is_no_livelock() {
    assert_eq!(failure(Manner::Silent, "a>b #9 drop", Profile::default(), &somebody_goes()), None);
    assert_eq!(
        failure(Manner::Silent, "at 5s partition a|b; at 6s heal", Profile::default(), &somebody_goes()),
        None
    );
    assert_eq!(failure(Manner::Silent, "at 9s crash a", Profile::default(), &somebody_goes()), None);
    // One that hits both changes nothing, nor does one that is over.
    for plan in ["a>b #9 delay 1ms; b>a #9 delay 1ms", "at 1ms partition a|b; at 2ms heal"] {
        let failure = failure(Manner::Silent, plan, Profile::default(), &somebody_goes()).expect(plan);
        assert!(failure.detail.starts_with("livelock: "), "{}", failure.detail);
    }
    // Once it is calm no fault comes.
    let calm = failure(Manner::Silent, "calm 300ms; a>b #9 drop", Profile::default(), &somebody_goes())
        .expect("it is calm");
    assert!(calm.detail.starts_with("livelock: "), "{}", calm.detail);
}

/// While faults are drawn nothing can be said; the plan that is left tells.
#[test]
fn a_failure_that_was_drawn_is_named_once_it_is_a_plan() {
    let scenario = scenario(Manner::Silent);
    let properties = somebody_goes();
    let rare = Profile { loss: "0.01%".parse().expect("a probability"), ..Profile::default() };
    let mut search = Search::new(&scenario, &properties, Prepared::default(), rare, 7);
    let failure = search.runs(0..100).failure.expect("both are too polite");
    assert!(failure.detail.starts_with("it has not happened, and "), "{}", failure.detail);
    let shrunk = search.shrink(&failure, 1_000);
    assert_eq!((shrunk.failure.plan.to_string().as_str(), shrunk.is_minimal), ("v2", true));
    assert!(shrunk.failure.detail.starts_with("livelock: "), "{}", shrunk.failure.detail);
    // Drawn up to a moment, it is named from then on.
    let lossy = Profile { loss: Chance::percent(1), ..Profile::default() };
    let calm =
        self::failure(Manner::Silent, "calm 200ms", lossy, &properties).expect("one at least goes round");
    assert!(calm.detail.starts_with("livelock: what happens from 0.2"), "{}", calm.detail);
}

/// A search that does not look for livelocks has its failures explained with them, and nobody else is blamed.
#[test]
fn an_exhaustive_search_names_it_too() {
    let (scenario, properties) = (scenario(Manner::Silent), somebody_goes());
    let explored = Exhaustive::new(&scenario, &properties, Fates::default(), 0).run(10, |_| ());
    let failure = explored.failure.expect("both are too polite");
    assert_eq!(failure.broken, "somebody goes");
    assert!(failure.detail.starts_with("livelock: "), "{}", failure.detail);
}
