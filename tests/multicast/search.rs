//! Searches where groups are: what is planted is found, made small and replayed, and states are told apart by their groups.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use lossproof::check::{Exhaustive, Explored, Fates, Search};
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Chance, DatagramFault, Profile};
use lossproof::scenario::Host;
use lossproof::{FaultPlan, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

use crate::member::{Ask, GROUPS, Meeting, PORT, at_port};

/// How many providers there are.
const PROVIDERS: usize = 2;
const EVERY: Duration = Duration::from_millis(100);

/// Asks a group until all have answered that are known to be there.
struct Seeker {
    /// It is content with the first answer.
    is_hasty: bool,
    group: IpAddr,
    found: Vec<Peer>,
    ask_at: Option<Instant>,
}

impl Machine for Seeker {
    type Command = ();
    type Event = Peer;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Peer>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.send(at_port(self.group), b"who?");
                self.ask_at = Some(now + EVERY);
            }
            Input::Datagram { peer, .. } if !self.found.contains(&peer) => {
                self.found.push(peer);
                out.event(peer);
                if self.is_hasty || self.found.len() == PROVIDERS {
                    self.ask_at = None;
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (&self.found, self.ask_at.map(|at| at.since(now))).hash(&mut to);
        true
    }
}

/// Is in the group, and answers.
struct Provider(IpAddr);

impl Machine for Provider {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => out.join(self.0),
            Input::Datagram { .. } => out.reply(b"I"),
            _ => {}
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

fn search(group: &str, is_hasty: bool) -> Net {
    let net = Net::new("search");
    let group: IpAddr = group.parse().unwrap();
    for name in ["one", "two"] {
        let place = net.host(name);
        let place = if group.is_ipv4() { place.udp(PORT) } else { place.udp6(PORT) };
        place.machine(move |_| Provider(group));
    }
    let place = net.host("seeker");
    let place = if group.is_ipv4() { place.udp(0) } else { place.udp6(0) };
    let seeker: Host<Seeker> =
        place.machine(move |_| Seeker { is_hasty, group, found: Vec::new(), ask_at: None });
    net.eventually_within("all are found", Duration::from_secs(5), move |run| {
        run.events(seeker).len() == PROVIDERS
    });
    net
}

fn explore(scenario: &Scenario, max_faults: usize) -> Explored {
    let fates = Fates { datagram: vec![DatagramFault::Drop, DatagramFault::Duplicate], ..Fates::none() };
    Exhaustive::new(scenario, fates, max_faults).run(100_000, |_| ())
}

#[test]
fn a_bug_that_needs_one_lost_copy_is_found_made_small_and_replayed() {
    for group in GROUPS {
        let right = Scenario::from(search(group, false));
        let explored = explore(&right, 3);
        assert!(explored.holds() && explored.merged > 0, "{:?}", explored.failure);

        let hasty = Scenario::from(search(group, true));
        assert!(explore(&hasty, 0).holds(), "without a loss it finds all");
        let failure = explore(&hasty, 1).failure.expect("the bug is found");
        assert_eq!(
            failure.plan.to_string(),
            "v2; seed 0; seeker>one #0 drop",
            "one copy, and the other arrives"
        );

        let prepared = Prepared::new(&failure.plan, &hasty).unwrap();
        let mut again = Search::new(&hasty, prepared, Profile::CALM, 9);
        let replayed = again.runs(0..1).failure.expect("its plan makes it again");
        assert_eq!(replayed.transcript, failure.transcript);
    }
}

#[test]
fn a_random_search_finds_it_too_and_makes_it_one_fault() {
    let hasty = Scenario::from(search(GROUPS[0], true));
    let lossy = Profile { loss: Chance::percent(20), duplicate: Chance::percent(20), ..Profile::CALM };
    let mut search = Search::new(&hasty, Prepared::default(), lossy, 1);
    let failure = search.runs(0..1_000).failure.expect("the bug is found");
    let shrunk = search.shrink(&failure, 1_000);
    assert_eq!((shrunk.failure.plan.len(), shrunk.is_minimal), (1, true), "{}", shrunk.failure.plan);
}

/// What is drawn is drawn for each copy by itself, recorded, and made again from the text of its plan.
#[test]
fn what_is_drawn_for_copies_is_recorded_and_replays() {
    let scenario = Scenario::from(search(GROUPS[0], false));
    let lossy = Profile { loss: Chance::percent(30), jitter: Duration::from_millis(9), ..Profile::CALM };
    let mut engine = Engine::new(&scenario);
    let mut apart = 0;
    for seed in 0..50 {
        let drawn = Settings { seed, profile: lossy, ..Settings::default() };
        engine.run(&drawn);
        let (plan, transcript) = (engine.plan(&drawn), engine.transcript().to_string());
        let plan: FaultPlan = plan.to_string().parse().unwrap();
        let is_lost = |to: &str| plan.to_string().contains(&format!("seeker>{to} #0 drop"));
        apart += u32::from(is_lost("one") != is_lost("two"));
        let planned =
            Settings { seed, plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
        engine.run(&planned);
        assert_eq!(engine.transcript().to_string(), transcript, "{plan}");
    }
    assert!(apart > 10, "one copy is lost, and not the other: {apart}");
}

/// A host that joins if a word reaches it, and remembers nothing of that, is in another state than before. So a search may
/// not take the run in which the word was lost for the one in which it came.
#[test]
fn a_fingerprint_has_the_groups() {
    let meeting = Meeting::new(GROUPS[0]);
    let group = meeting.group;
    let a = meeting.host("a", PORT);
    let joiner = meeting.net.host("joiner").udp(PORT).machine(move |_| Joiner(group));
    meeting.ask(1, a, Ask::Say("192.168.0.2:5353".parse().unwrap(), "join"));
    meeting.say(50, a, "hello");
    meeting.net.eventually_within("the joiner hears the group", Duration::from_secs(5), move |run| {
        run.events(joiner).contains(&"hello")
    });
    let scenario = Scenario::from(meeting.net);
    assert!(explore(&scenario, 0).holds());
    let failure = explore(&scenario, 1).failure.expect("the lost word is found");
    assert_eq!(failure.plan.to_string(), "v2; seed 0; a>joiner #0 drop");
}

/// Joins when it is told to, and tells of what is said to the group.
struct Joiner(IpAddr);

impl Machine for Joiner {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Datagram { bytes: b"join", .. } => out.join(self.0),
            Input::Datagram { .. } => out.event("hello"),
            _ => {}
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}
