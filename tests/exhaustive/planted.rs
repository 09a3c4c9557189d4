//! What is planted is found, with as few faults as it takes, and what a search was given is kept to.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Explored, Fates, FatesError, Property, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{DatagramFault, FaultKind, FaultPlan, Profile};
use lossproof::machine::Law;
use lossproof::{Binding, Input, Instant, Machine, Outbox, Peer, Scenario, Status};

/// What is wrong with the asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It takes every answer for the one to its newest question.
    TakesAny,
    /// It asks twice at most.
    GivesUp,
    /// It panics at the second answer too many.
    Panics,
    /// Once it has asked in vain, it asks something else for ever.
    GoesRound,
    /// Its server has no fingerprint.
    HasNoFingerprint,
}

/// Asks 0, 1, 2, each until it is answered.
struct Asker {
    bug: Bug,
    server: Peer,
    question: u8,
    tries: u8,
    doubles: u8,
    ask_again_at: Option<Instant>,
}

impl Asker {
    fn ask(&mut self, now: Instant, out: &mut Outbox<u8>) {
        self.tries += 1;
        if self.bug == Bug::GivesUp && self.tries > 2 {
            self.ask_again_at = None;
            out.done(Status::Failure);
            return;
        }
        self.ask_again_at = Some(now + Duration::from_millis(100));
        if self.bug == Bug::GoesRound && self.tries > 1 {
            self.tries = 2;
            out.send(self.server, &[99]);
        } else {
            out.send(self.server, &[self.question]);
        }
    }
}

impl Machine for Asker {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Start { .. } => self.ask(now, out),
            Input::Datagram { bytes, .. } => {
                if bytes != [self.question] && self.bug != Bug::TakesAny {
                    self.doubles += u8::from(bytes != [99]);
                    assert!(self.doubles < 2 || self.bug != Bug::Panics, "two answers too many");
                    return;
                }
                out.event(bytes[0]);
                (self.question, self.tries) = (self.question + 1, 0);
                if self.question < 5 {
                    self.ask(now, out);
                } else {
                    self.ask_again_at = None;
                    out.done(Status::Success);
                }
            }
            Input::Timeout if self.ask_again_at.is_some_and(|at| at <= now) => self.ask(now, out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_again_at
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        let left = self.ask_again_at.map(|at| at.since(now));
        (self.question, self.tries, self.doubles, left).hash(&mut to);
        true
    }
}

/// Sends back what comes.
struct Echo {
    has_fingerprint: bool,
}

impl Machine for Echo {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<u8>) {
        if let Input::Datagram { peer, bytes } = input {
            out.send(peer, bytes);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        self.has_fingerprint
    }
}

fn scenario(bug: Bug) -> Scenario<(), u8> {
    let mut scenario = Scenario::new("questions");
    let binding = |port| Binding::Datagram { port, connect: None };
    let server = scenario.host("server", binding(1), move |_| {
        Box::new(Echo { has_fingerprint: bug != Bug::HasNoFingerprint })
    });
    let server = scenario.peer(server);
    scenario.host("asker", binding(2), move |_| {
        Box::new(Asker { bug, server, question: 0, tries: 0, doubles: 0, ask_again_at: None })
    });
    scenario
}

fn properties(scenario: &Scenario<(), u8>) -> [Property<u8>; 2] {
    let asker = scenario.find("asker").unwrap();
    [
        Property::always("an answer answers its question", move |view| {
            view.of(asker).copied().eq(0..view.of(asker).count() as u8)
        }),
        Property::never("the asker fails", move |view| view.status(asker) == Some(Status::Failure)),
    ]
}

fn fates() -> Fates {
    Fates { datagram: vec![DatagramFault::Drop, DatagramFault::Duplicate], ..Fates::none() }
}

fn explore(bug: Bug, max_faults: usize) -> Explored {
    let scenario = scenario(bug);
    let properties = properties(&scenario);
    Exhaustive::new(&scenario, &properties, fates(), max_faults).run(100_000, |_| ())
}

#[test]
fn what_is_planted_is_found_with_as_few_faults_as_it_takes() {
    for (bug, broken, faults, smallest) in [
        (Bug::TakesAny, "an answer answers its question".to_owned(), 1, "asker>server #0 duplicate"),
        (Bug::GivesUp, "the asker fails".to_owned(), 2, "asker>server #0 drop; asker>server #1 drop"),
        (Bug::Panics, Law::NoPanic.to_string(), 2, "asker>server #0 duplicate; server>asker #0 duplicate"),
    ] {
        let fewer = explore(bug, faults - 1);
        assert!(fewer.holds(), "{bug:?}: {:?}", fewer.failure);
        // However many may be tried.
        for max_faults in [faults, faults + 1] {
            let explored = explore(bug, max_faults);
            let failure = explored.failure.clone().expect("it is found");
            assert_eq!((failure.broken.as_str(), failure.plan.len()), (broken.as_str(), faults), "{bug:?}");
            assert_eq!((explored.is_complete, explored.runs), (false, failure.run + 1), "{bug:?}");

            let scenario = scenario(bug);
            let properties = properties(&scenario);
            let prepared = Prepared::new(&failure.plan, &scenario.names()).unwrap();
            let mut search = Search::new(&scenario, &properties, prepared, Profile::default(), 9);
            let again = search.runs(0..1).failure.expect("its plan makes it again");
            assert_eq!(
                (again.broken, again.transcript),
                (failure.broken.clone(), failure.transcript.clone())
            );

            let shrunk = search.shrink(&failure, 1_000);
            assert!(shrunk.is_minimal && shrunk.failure.broken == broken, "{bug:?}: {shrunk:?}");
            assert_eq!(shrunk.failure.plan, smallest.parse().unwrap(), "{bug:?}");
            let exhaustive = Exhaustive::new(&scenario, &properties, fates(), max_faults);
            assert_eq!(exhaustive.shrink(&failure, 1_000), shrunk);
        }
    }
}

/// What is made again to be explained is made to its end, and so is named.
#[test]
fn a_livelock_that_one_loss_begins_is_named() {
    let scenario = scenario(Bug::GoesRound);
    let asker = scenario.find("asker").unwrap();
    let ends = [Property::eventually_within("the asker ends", Duration::from_secs(50), move |view| {
        view.status(asker).is_some()
    })];
    let explored = Exhaustive::new(&scenario, &ends, fates(), 2).run(1_000, |_| ());
    let failure = explored.failure.expect("it is found");
    assert_eq!((failure.broken.as_str(), failure.plan.len()), ("the asker ends", 1));
    assert!(failure.detail.starts_with("livelock: "), "{}", failure.detail);
}

#[test]
fn without_a_fingerprint_every_schedule_is_run() {
    let (with, without) = (explore(Bug::None, 3), explore(Bug::HasNoFingerprint, 3));
    assert!(with.holds() && without.holds() && with.saved > 0);
    assert_eq!((without.merged, without.saved, without.states), (0, 0, 0));
    assert_eq!(without.runs, with.runs + with.saved);
}

#[test]
fn a_plan_is_in_every_schedule_and_leaves_its_places_alone() {
    let scenario = scenario(Bug::GivesUp);
    let properties = properties(&scenario);
    let plan: FaultPlan = "seed 3; link 7ms; asker>server #0 drop".parse().unwrap();
    let mut search =
        Exhaustive::new(&scenario, &properties, fates(), 1).with_plan(plan.clone()).unwrap().with_seed(8);
    let failure = search.run(100, |_| ()).failure.expect("one more loss, and it gives up");
    assert_eq!(failure.plan, "seed 3; link 7ms; asker>server #0 drop; asker>server #1 drop".parse().unwrap());

    let kept = Fates { datagram: vec![DatagramFault::Duplicate], ..fates() };
    let search = Exhaustive::new(&scenario, &properties, kept, 1);
    let explored = search.with_plan(plan).unwrap().run(100, |_| ());
    // Six questions, of which one is lost, and five answers.
    assert_eq!((explored.holds(), explored.runs), (true, 1 + 10));
    assert_eq!(explored.tally.fired[FaultKind::Drop as usize], 11);

    let elsewhere: FaultPlan = "client>server #0 drop".parse().unwrap();
    assert!(Exhaustive::new(&scenario, &properties, fates(), 1).with_plan(elsewhere).is_err());
}

#[test]
fn fates_are_kept_to_directions_payloads_and_lengths() {
    let scenario = scenario(Bug::None);
    let properties = properties(&scenario);
    let runs = |fates| Exhaustive::new(&scenario, &properties, fates, 1).run(100, |_| ()).runs - 1;
    let names = scenario.names();
    let parse = |text| Fates::parse(text, &names);
    assert_eq!(runs(parse("drop").unwrap()), 10);
    assert_eq!(runs(parse("drop; drop; asker>server").unwrap()), 5);
    assert_eq!(runs(parse("drop; asker>server; server>asker").unwrap()), 10);
    assert_eq!(runs(Fates { payload: Some(|bytes| bytes == [2]), ..fates() }), 4);
    // Each is a byte long.
    assert_eq!(runs(parse("flip 0:0x80; flip 1:0x80; truncate 0; truncate 1; server>asker").unwrap()), 10);
    assert_eq!(runs(parse("cut; stall 2s; reset").unwrap()), 0);
    let refusal = |text| parse(text).unwrap_err().to_string();
    assert_eq!(parse(" ; asker>server").unwrap_err(), FatesError::None);
    assert_eq!(
        refusal("drop; dorp"),
        "'dorp' is neither a fault nor a direction: expected a fault (drop, duplicate, delay, flip or truncate), \
         found 'dorp'; did you mean 'drop'?"
    );
    assert_eq!(refusal("drop; a>server"), "the plan names the host 'a'; the hosts are server, asker");
    assert!(refusal("cut every 1 byte").contains("'cut every 1 byte'"));
}

/// Tells of what comes, and of a command, and keeps nothing of it.
struct Forgetful;

impl Machine for Forgetful {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Datagram { .. } => out.event(1),
            Input::Command(()) => out.event(2),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// Its machines are in the same state whether a datagram was late or not, but a property knows.
#[test]
fn when_something_was_told_is_not_forgotten() {
    let mut scenario = Scenario::new("forgetful");
    let binding = Binding::Datagram { port: 1, connect: None };
    let server = scenario.host("server", binding, |_| Box::new(Forgetful));
    let server_peer = scenario.peer(server);
    let asker = scenario.host("asker", binding, move |_| {
        let (bug, question, tries, doubles) = (Bug::None, 0, 0, 0);
        Box::new(Asker { bug, server: server_peer, question, tries, doubles, ask_again_at: None })
    });
    scenario.max_time = Instant::from_millis(99);
    // Something happens at the same moment in all runs, and is nothing to anybody.
    scenario.command(Instant::from_millis(20), asker, ());
    scenario.command(Instant::from_millis(30), server, ());
    let apart = Duration::from_millis(18);
    let properties = [Property::never("a command comes 18 ms after a datagram", move |view| {
        let (before, after) = (&view.events[0], &view.events[view.events.len() - 1]);
        after.event == 2 && before.event == 1 && after.at.since(before.at) == apart
    })];
    let fates = Fates { datagram: vec![DatagramFault::Delay(Duration::from_millis(7))], ..Fates::none() };
    let failure = Exhaustive::new(&scenario, &properties, fates, 2).run(100, |_| ()).failure.unwrap();
    assert_eq!(failure.plan.to_string(), "v2; seed 0; asker>server #0 delay 7ms");
}
