//! What is planted is found, with as few faults as it takes, and what a search was given is kept to.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Explored, Fates, FatesError, Limit, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{DatagramFault, FaultKind, FaultPlan, Profile};
use lossproof::machine::Law;
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};

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
    const fn new(bug: Bug, server: Peer) -> Self {
        Self { bug, server, question: 0, tries: 0, doubles: 0, ask_again_at: None }
    }

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
            Input::Start { .. } | Input::Timeout => self.ask(now, out),
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
        if let Input::Datagram { bytes, .. } = input {
            out.reply(bytes);
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        self.has_fingerprint
    }
}

/// An asker and who answers it, with nothing that is to hold.
fn hosts(bug: Bug) -> (Net, Host<Asker>) {
    let net = Net::new("questions");
    let has_fingerprint = bug != Bug::HasNoFingerprint;
    let server = net.host("server").udp(1).machine(move |_| Echo { has_fingerprint });
    let asker = net.host("asker").udp(2).machine(move |boot| Asker::new(bug, boot.peer(server)));
    (net, asker)
}

fn scenario(bug: Bug) -> Scenario {
    let (net, asker) = hosts(bug);
    net.always("an answer answers its question", move |run| {
        let events = run.events(asker);
        events.iter().copied().eq(0..events.len() as u8)
    });
    net.never("the asker fails", move |run| run.status(asker) == Some(Status::Failure));
    Scenario::from(net)
}

fn fates() -> Fates {
    Fates { datagram: vec![DatagramFault::Drop, DatagramFault::Duplicate], ..Fates::none() }
}

fn explore(bug: Bug, max_faults: usize) -> Explored {
    let scenario = scenario(bug);
    Exhaustive::new(&scenario, fates(), max_faults).run(100_000, |_| ())
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
            let prepared = Prepared::new(&failure.plan, &scenario).unwrap();
            let mut search = Search::new(&scenario, prepared, Profile::default(), 9);
            let again = search.runs(0..1).failure.expect("its plan makes it again");
            assert_eq!(
                (again.broken, again.transcript),
                (failure.broken.clone(), failure.transcript.clone())
            );

            let shrunk = search.shrink(&failure, 1_000);
            assert!(shrunk.is_minimal && shrunk.failure.broken == broken, "{bug:?}: {shrunk:?}");
            assert_eq!(shrunk.failure.plan, smallest.parse().unwrap(), "{bug:?}");
            let exhaustive = Exhaustive::new(&scenario, fates(), max_faults);
            // It may try what its fates are, too.
            assert_eq!(exhaustive.shrink(&failure, 1_000).failure, shrunk.failure, "{bug:?}");
        }
    }
}

/// What is made again to be explained is made to its end, and so is named.
#[test]
fn a_livelock_that_one_loss_begins_is_named() {
    let (net, asker) = hosts(Bug::GoesRound);
    net.eventually_within("the asker ends", Duration::from_secs(50), move |run| run.status(asker).is_some());
    let scenario = Scenario::from(net);
    let explored = Exhaustive::new(&scenario, fates(), 2).run(1_000, |_| ());
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
    let plan: FaultPlan = "seed 3; link 7ms; asker>server #0 drop".parse().unwrap();
    let search = Exhaustive::new(&scenario, fates(), 1).with_plan(plan.clone()).unwrap().with_seed(8);
    let failure = search.run(100, |_| ()).failure.expect("one more loss, and it gives up");
    assert_eq!(failure.plan, "seed 3; link 7ms; asker>server #0 drop; asker>server #1 drop".parse().unwrap());

    let kept = Fates { datagram: vec![DatagramFault::Duplicate], ..fates() };
    let search = Exhaustive::new(&scenario, kept, 1);
    let explored = search.with_plan(plan).unwrap().run(100, |_| ());
    // Six questions, of which one is lost, and five answers.
    assert_eq!((explored.holds(), explored.runs), (true, 1 + 10));
    assert_eq!(explored.tally.fired[FaultKind::Drop as usize], 11);

    let elsewhere: FaultPlan = "client>server #0 drop".parse().unwrap();
    assert!(Exhaustive::new(&scenario, fates(), 1).with_plan(elsewhere).is_err());
}

#[test]
fn fates_are_kept_to_directions_payloads_and_lengths() {
    let scenario = scenario(Bug::None);
    let runs = |fates| Exhaustive::new(&scenario, fates, 1).run(100, |_| ()).runs - 1;
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
        "'dorp' is neither a fault nor a direction: expected a fault (drop, duplicate, delay, flip, truncate, mark or bleach), \
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

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// Its machines are in the same state whether a datagram was late or not, but a property knows.
#[test]
fn when_something_was_told_is_not_forgotten() {
    let net = Net::new("forgetful");
    let server = net.host("server").udp(1).machine(|_| Forgetful);
    let asker = net.host("asker").udp(1).machine(move |boot| Asker::new(Bug::None, boot.peer(server)));
    net.max_time(Duration::from_millis(99));
    // Something happens at the same moment in all runs, and is nothing to anybody.
    net.command(Instant::from_millis(20), asker, ());
    net.command(Instant::from_millis(30), server, ());
    let apart = Duration::from_millis(18);
    net.never("a command comes 18 ms after a datagram", move |run| {
        let (events, times) = (run.events(server), run.times(server));
        let ends = events.first().zip(events.last()) == Some((&1, &2));
        ends && times[times.len() - 1].since(times[0]) == apart
    });
    let scenario = Scenario::from(net);
    let fates = Fates { datagram: vec![DatagramFault::Delay(Duration::from_millis(7))], ..Fates::none() };
    let failure = Exhaustive::new(&scenario, fates, 2).run(100, |_| ()).failure.unwrap();
    assert_eq!(failure.plan.to_string(), "v2; seed 0; asker>server #0 delay 7ms");
}

/// What a search keeps in memory is bounded: at the bound it is complete, one below it ends and says by what.
#[test]
fn a_search_that_needs_more_memory_than_it_may_ends_and_says_so() {
    let scenario = scenario(Bug::None);
    let search = |branches, sends| {
        Exhaustive::new(&scenario, fates(), 2)
            .without_merging()
            .max_kept(branches, sends)
            .run(u64::MAX, |_| ())
    };
    let whole = search(usize::MAX, usize::MAX);
    assert_eq!((whole.is_complete, whole.limit), (true, None));
    // Those with no fault and with one can branch off, the latter at what is sent after it.
    let branches = (whole.by_faults[0] + whole.by_faults[1]) as usize;
    assert_eq!(search(branches, usize::MAX), whole);
    let less = search(branches - 1, usize::MAX);
    assert_eq!(
        (less.is_complete, less.holds(), less.limit),
        (false, false, Some(Limit::Branches(branches - 1)))
    );
    // Each send has two fates, so that each run with two faults stands for half a send.
    let sends = whole.by_faults[2] as usize / 2;
    assert_eq!(search(branches, sends), whole);
    let less = search(branches, sends - 1);
    assert_eq!((less.is_complete, less.limit), (false, Some(Limit::Sends(sends - 1))));
    assert_eq!(Limit::Sends(sends - 1).to_string(), format!("{} sends kept to branch off at", sends - 1));
    assert_eq!(Limit::Branches(1).to_string(), "1 run kept to branch off from");
    // The runs that are asked for are another bound.
    let few = Exhaustive::new(&scenario, fates(), 2).run(5, |_| ());
    assert_eq!((few.is_complete, few.limit), (false, Some(Limit::Runs(5))));
}
