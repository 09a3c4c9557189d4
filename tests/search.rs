//! What a search finds, what it says of it, and that threads change nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lossproof::check::{Failure, Property, Search, Shrunk, Tally};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, FaultPlan, Profile};
use lossproof::machine::Law;
use lossproof::{Binding, Input, Instant, Machine, Outbox, Peer, Scenario, Status, parallel};

/// What is wrong with the asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It takes every answer for the answer to its newest question.
    TakesAny,
    /// It panics when an answer comes a second time.
    Panics,
    /// It asks with the time in its question.
    KnowsTheTime,
    /// It counts its questions across all machines of the process.
    Global,
    /// Every other question of the process is another one.
    Alternates,
    /// The order of its questions is the order of a hash set.
    Hashed,
    /// It asks with how many runs have ended before, and so do all its twins.
    CountsRuns,
    /// An early timeout makes it forget how often it has asked, which shows only at the end.
    ForgetsEarly,
    /// It never gives up, and asks for ever.
    NeverEnds,
    /// It asks once.
    AsksOnce,
}

static GLOBAL: AtomicU64 = AtomicU64::new(0);
static ALTERNATE: AtomicU64 = AtomicU64::new(0);
static RUNS: AtomicU64 = AtomicU64::new(0);
const PATIENCE: Duration = Duration::from_millis(100);

/// Asks 0, 1, 2, each until it is answered.
struct Asker {
    bug: Bug,
    server: Peer,
    question: u8,
    tries: u32,
    ask_again_at: Option<Instant>,
}

impl Asker {
    fn ask(&mut self, now: Instant, out: &mut Outbox<String>) {
        self.tries += 1;
        self.ask_again_at = (self.bug != Bug::AsksOnce).then(|| now + PATIENCE);
        match self.bug {
            Bug::KnowsTheTime => {
                out.send_fmt(self.server, format_args!("{}{now}", char::from(self.question)));
            }
            Bug::Global => {
                let n = GLOBAL.fetch_add(1, Ordering::Relaxed);
                out.send_fmt(self.server, format_args!("{}{n}", char::from(self.question)));
            }
            Bug::Alternates => {
                out.send(
                    self.server,
                    &[self.question, (ALTERNATE.fetch_add(1, Ordering::Relaxed) % 2) as u8],
                );
            }
            Bug::CountsRuns => {
                let runs = RUNS.load(Ordering::Relaxed);
                out.send_fmt(self.server, format_args!("{} after {runs}", char::from(self.question)));
            }
            Bug::Hashed => out.send(self.server, &hashed(self.question)),
            _ => out.send(self.server, &[self.question]),
        }
    }

    fn answered(&mut self, bytes: &[u8], now: Instant, out: &mut Outbox<String>) {
        let is_mine = bytes.first() == Some(&self.question);
        assert!(is_mine || self.bug != Bug::Panics, "an answer that nobody has asked for");
        if !is_mine && self.bug != Bug::TakesAny {
            return;
        }
        out.event(format!("{} is answered with {}", self.question, bytes[0]));
        self.question += 1;
        if self.question < 3 {
            self.ask(now, out);
        } else if self.bug == Bug::NeverEnds {
            self.ask_again_at = Some(now + PATIENCE);
        } else {
            self.ask_again_at = None;
            RUNS.fetch_add(u64::from(self.bug == Bug::CountsRuns), Ordering::Relaxed);
            out.event(format!("{} tries", self.tries));
            out.done(Status::Success);
        }
    }
}

#[expect(clippy::disallowed_types, reason = "this is the mistake that is to be found")]
fn hashed(question: u8) -> Vec<u8> {
    let set: std::collections::HashSet<u8> = (0..20).collect();
    std::iter::once(question).chain(set).collect()
}

impl Machine for Asker {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => self.ask(now, out),
            Input::Datagram { bytes, .. } => self.answered(bytes, now, out),
            Input::Timeout if self.ask_again_at.is_some_and(|at| at <= now) => self.ask(now, out),
            Input::Timeout if self.bug == Bug::ForgetsEarly => self.tries = 0,
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_again_at
    }
}

/// Sends back what comes.
struct Echo;

impl Machine for Echo {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<String>) {
        if let Input::Datagram { peer, bytes } = input {
            out.send(peer, bytes);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

fn scenario(bug: Bug) -> Scenario<(), String> {
    let mut scenario = Scenario::new("questions");
    scenario.max_time = Instant::from_millis(20_000);
    let binding = |port| Binding::Datagram { port, connect: None };
    let server = scenario.host("server", binding(1), |_| Box::new(Echo));
    let server = scenario.peer(server);
    scenario.host("asker", binding(2), move |_| {
        Box::new(Asker { bug, server, question: 0, tries: 0, ask_again_at: None })
    });
    scenario
}

fn properties(scenario: &Scenario<(), String>) -> Vec<Property<String>> {
    let asker = scenario.find("asker").unwrap();
    vec![
        Property::always("an answer answers its question", move |view| {
            view.of(asker).all(|event: &String| match event.split_once(" is answered with ") {
                Some((question, answer)) => question == answer,
                None => true,
            })
        }),
        Property::eventually_within("the asker ends", Duration::from_secs(19), move |view| {
            view.status(asker).is_some()
        }),
        Property::sometimes("a question is asked again", |view| {
            view.events.last().is_some_and(|last| last.event == "4 tries")
        }),
    ]
}

fn profile() -> Profile {
    let (loss, duplicate) = (Chance::percent(10), Chance::percent(10));
    Profile { loss, duplicate, jitter: Duration::from_millis(150), ..Profile::default() }
}

/// The tally of a search of so many runs.
fn search(bug: Bug, profile: Profile, runs: u64) -> Tally {
    let scenario = scenario(bug);
    let properties = properties(&scenario);
    Search::new(&scenario, &properties, Prepared::default(), profile, 7).runs(0..runs)
}

/// The failure of the one run that a plan makes.
fn replay(bug: Bug, plan: &FaultPlan) -> Failure {
    attempt(bug, plan).expect("the failure comes again")
}

/// What the one run that a plan makes breaks, if anything.
fn attempt(bug: Bug, plan: &FaultPlan) -> Option<Failure> {
    let scenario = scenario(bug);
    let properties = properties(&scenario);
    let plan = Prepared::new(plan, &scenario.names()).unwrap();
    let tally = Search::new(&scenario, &properties, plan, Profile::default(), 99).runs(0..1);
    tally.failure
}

/// Faults for datagrams that are never sent are taken out at once, however many they are.
#[test]
fn faults_that_never_fired_go_first() {
    let scenario = scenario(Bug::AsksOnce);
    let properties = properties(&scenario);
    // Nothing is sent after the first.
    let faults: Vec<String> = (0..200)
        .map(|n| format!("asker>server #{n} drop"))
        .chain(["server>asker #7 delay 1s".to_owned()])
        .collect();
    let plan: FaultPlan = faults.join("; ").parse().unwrap();
    let prepared = Prepared::new(&plan, &scenario.names()).unwrap();
    let mut search = Search::new(&scenario, &properties, prepared, Profile::CALM, 7);
    let failure = search.runs(0..1).failure.expect("who asks once gets no answer");
    let shrunk = search.shrink(&failure, 1_000);
    assert_eq!(shrunk.failure.plan.to_string(), "v2; asker>server #0 drop");
    assert!(shrunk.is_minimal && shrunk.runs <= 4, "{}", shrunk.runs);
}

#[test]
fn what_is_right_is_not_accused() {
    let tally = search(Bug::None, profile(), 2_000);
    assert_eq!((tally.failure, tally.runs), (None, 2_000));
    assert_eq!((tally.ends[0].running, tally.ends[1].successes), (2_000, 2_000));
}

#[test]
fn a_planted_bug_is_found_and_its_plan_makes_it_again() {
    for (bug, broken) in [
        (Bug::TakesAny, "an answer answers its question".to_owned()),
        (Bug::AsksOnce, "the asker ends".to_owned()),
        (Bug::Panics, Law::NoPanic.to_string()),
    ] {
        let tally = search(bug, profile(), 2_000);
        let failure = tally.failure.unwrap();
        assert_eq!((failure.broken.as_str(), tally.runs), (broken.as_str(), failure.run + 1));
        let text: FaultPlan = failure.plan.to_string().parse().unwrap();
        assert_eq!(replay(bug, &text), Failure { run: 0, ..failure });
    }
}

#[test]
fn a_panic_is_reported_with_its_words_and_its_plan() {
    let failure = search(Bug::Panics, profile(), 2_000).failure.unwrap();
    assert_eq!(failure.detail, "an answer that nobody has asked for");
    assert!(!failure.plan.is_empty() && failure.transcript.contains("recv"), "{}", failure.transcript);
    // The search goes on where it is asked to.
    let scenario = scenario(Bug::Panics);
    let mut search = Search::new(&scenario, &[], Prepared::default(), profile(), 7);
    let first = search.runs(0..2_000).failure.unwrap();
    let second = search.runs(first.run + 1..2_000).failure.unwrap();
    assert!(second.run > first.run);
    assert_eq!(search.runs(first.run..2_000).failure, Some(first));
}

#[test]
fn the_law_is_named_that_is_broken() {
    for (bug, law) in [
        (Bug::KnowsTheTime, Law::ShiftedInTime),
        (Bug::Global, Law::SameInputsSameOutputs),
        (Bug::Alternates, Law::SameInputsSameOutputs),
        (Bug::Hashed, Law::SameInputsSameOutputs),
        (Bug::ForgetsEarly, Law::EarlyTimeout),
    ] {
        let failure = search(bug, Profile::default(), 10).failure.unwrap();
        assert_eq!((failure.broken, failure.run), (law.to_string(), 0), "{bug:?}: {}", failure.detail);
        let broken = failure.transcript.lines().filter(|line| line.contains("  broken ")).count();
        assert!(broken == 1 || bug != Bug::KnowsTheTime, "{}", failure.transcript);
    }
}

/// What all machines share no twin can see, but the second of two runs does.
#[test]
fn a_run_that_is_made_two_times_and_differs_is_named_with_where() {
    assert_eq!(search(Bug::CountsRuns, profile(), 100).failure, None);
    let scenario = scenario(Bug::CountsRuns);
    let properties = properties(&scenario);
    let twice = || Search::new(&scenario, &properties, Prepared::default(), profile(), 7).twice();
    let failure = twice().runs(0..100).failure.unwrap();
    assert_eq!((failure.broken.as_str(), failure.run), ("not deterministic", 0));
    // Both runs begin alike but for the number in the first question.
    let detail = &failure.detail;
    let first = r#"first difference: first run '0.000 asker send #0 "\0 after "#;
    assert!(
        detail.starts_with(first) && detail.contains(r#", second run '0.000 asker send #0 ""#),
        "{detail}"
    );
    assert!(failure.transcript.contains("0.000  asker   broken not deterministic: first difference"));
    let shrunk = twice().shrink(&failure, 1_000);
    assert_eq!((shrunk.failure.plan.to_string(), shrunk.is_minimal), ("v2".to_owned(), true));
    // What is determined is the same two times, whatever else is wrong with it.
    let right = self::scenario(Bug::None);
    let tally = Search::new(&right, &properties, Prepared::default(), profile(), 7).twice().runs(0..200);
    assert_eq!(tally, Search::new(&right, &properties, Prepared::default(), profile(), 7).runs(0..200));
    for bug in [Bug::TakesAny, Bug::Panics] {
        let wrong = self::scenario(bug);
        let twice = Search::new(&wrong, &properties, Prepared::default(), profile(), 7).twice().runs(0..500);
        assert_eq!(twice, Search::new(&wrong, &properties, Prepared::default(), profile(), 7).runs(0..500));
        assert!(twice.failure.is_some());
    }
}

/// A property may be what is not determined.
#[test]
fn a_property_that_differs_from_run_to_run_is_named() {
    let scenario = scenario(Bug::None);
    let judged = AtomicU64::new(0);
    let properties = [Property::eventually_within("every other run", Duration::from_secs(19), move |view| {
        view.events.len() == 4 && judged.fetch_add(1, Ordering::Relaxed) % 4 < 2
    })];
    let mut search = Search::new(&scenario, &properties, Prepared::default(), Profile::default(), 7).twice();
    let failure = search.runs(0..9).failure.unwrap();
    assert_eq!(failure.broken, "not deterministic");
    assert!(failure.detail.starts_with("of the same log; first run "), "{}", failure.detail);
}

#[test]
fn what_does_not_happen_in_time_is_said_with_why() {
    let lost = Profile { loss: Chance::ALWAYS, ..Profile::default() };
    let detail = |bug, profile| search(bug, profile, 1).failure.unwrap().detail;
    let quiet = "it has not happened, and nothing is left to happen at 0.000";
    assert_eq!(detail(Bug::AsksOnce, lost), quiet);
    assert_eq!(detail(Bug::NeverEnds, Profile::default()), "not within 19 s");
    // No event after 19 s shows that it is late: only the end of the run does.
    let over = "it has not happened, and the scenario's time is over at 20.000";
    assert_eq!(detail(Bug::None, lost), over);
}

#[test]
fn in_time_is_up_to_the_bound_and_not_beyond() {
    let scenario = scenario(Bug::None);
    let answered = |within| {
        let answered = Property::eventually_within("a first answer", Duration::from_millis(within), |view| {
            !view.events.is_empty()
        });
        let properties = [answered];
        let mut search = Search::new(&scenario, &properties, Prepared::default(), Profile::default(), 7);
        search.runs(0..1).failure.map(|failure| failure.detail)
    };
    // There and back takes 10 ms.
    assert_eq!((answered(10), answered(9)), (None, Some("not within 0.009 s".to_owned())));
}

/// The search of one run with this plan and profile: what is broken, and how.
fn converges(bug: Bug, within: u64, inputs: u64, plan: &str, profile: Profile) -> Option<(String, String)> {
    let scenario = scenario(bug);
    let asker = scenario.find("asker").unwrap();
    let ends = move |view: &lossproof::check::View<'_, String>| view.status(asker).is_some();
    let bound = Duration::from_millis(within);
    let properties = [Property::converges_within("the asker ends", bound, inputs, ends)];
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario.names()).unwrap();
    let tally = Search::new(&scenario, &properties, plan, profile, 7).runs(0..1);
    tally.failure.map(|failure| (failure.broken, failure.detail))
}

#[test]
fn once_it_is_calm_all_converges_within_both_bounds() {
    let lost = Profile { loss: Chance::ALWAYS, ..Profile::default() };
    // The next of its questions is sent at the calm itself: three there and back, of two inputs each, and the timeout.
    assert_eq!(converges(Bug::None, 30, 7, "calm 1s", lost), None);
    let broken = |detail: &str| Some(("the asker ends".to_owned(), detail.to_owned()));
    let late = "not converged: not within 0.029 s after the calm at 1.000";
    assert_eq!(converges(Bug::None, 29, 7, "calm 1s", lost), broken(late));
    let many = "not converged: not within 6 inputs after the calm at 1.000";
    assert_eq!(converges(Bug::None, 30, 6, "calm 1s", lost), broken(many));
    // Nothing is to come any more of one who asks once, and is not heard.
    let quiet = "not converged: it has not happened, and nothing is left to happen at 0.000";
    assert_eq!(converges(Bug::AsksOnce, 30, 6, "calm 1s", lost), broken(quiet));
    // What holds already need not come again; without a calm all counts from the start.
    assert_eq!(converges(Bug::None, 0, 0, "calm 1s", Profile::default()), None);
    assert_eq!(converges(Bug::None, 30, 9, "", Profile::default()), None);
    let late = "not converged: not within 0.029 s after the calm at 0.000";
    assert_eq!(converges(Bug::None, 29, 9, "", Profile::default()), broken(late));
}

#[test]
fn a_failure_to_converge_is_shrunk_with_its_calm() {
    let scenario = scenario(Bug::AsksOnce);
    let asker = scenario.find("asker").unwrap();
    let properties =
        [Property::converges_within("the asker ends", Duration::from_secs(1), 99, move |view| {
            view.status(asker).is_some()
        })];
    let plan = Prepared::new(&"calm 5s".parse().unwrap(), &scenario.names()).unwrap();
    let mut search = Search::new(&scenario, &properties, plan, profile(), 7);
    let failure = search.runs(0..100).failure.unwrap();
    let shrunk = search.shrink(&failure, 1_000);
    assert!(shrunk.is_minimal && shrunk.failure.plan.len() == 1, "{shrunk:?}");
    assert!(shrunk.failure.plan.to_string().starts_with("v2; calm 5s; "), "{}", shrunk.failure.plan);
    assert!(shrunk.failure.detail.starts_with("not converged: "), "{}", shrunk.failure.detail);
}

/// The tally of a search on so many threads, and what its progress was last.
fn on_threads(bug: Bug, runs: u64, jobs: usize) -> (Tally, u64) {
    let scenario = scenario(bug);
    let properties = properties(&scenario);
    // Rare enough for the first failure to come after some chunks.
    let rare = Profile { duplicate: "0.001%".parse().unwrap(), ..Profile::default() };
    let mut last = 0;
    let search = || Search::new(&scenario, &properties, Prepared::default(), rare, 7);
    let tally = parallel::runs(0..runs, jobs, search, |done| last = done);
    (tally, last)
}

#[test]
fn threads_change_nothing() {
    let (one, done) = on_threads(Bug::None, 10_000, 1);
    assert_eq!((one.runs, done, &one.failure), (10_000, 10_000, &None));
    for jobs in [2, 5] {
        assert_eq!(on_threads(Bug::None, 10_000, jobs), (one.clone(), done));
    }
    assert_eq!(on_threads(Bug::None, 0, 2).0.runs, 0);
}

#[test]
fn the_first_failure_is_reported_on_any_number_of_threads() {
    let (one, _) = on_threads(Bug::TakesAny, 1_000_000, 1);
    let failure = one.failure.as_ref().unwrap();
    assert!(failure.run > 4_096, "the first chunk has no failure: {}", failure.run);
    for jobs in [2, 5] {
        assert_eq!(on_threads(Bug::TakesAny, 1_000_000, jobs).0, one);
    }
}

#[test]
fn tallies_of_parts_are_the_tally_of_the_whole() {
    let scenario = scenario(Bug::None);
    let properties = properties(&scenario);
    let plan = "asker>server #1 drop; asker>server #9 drop".parse().unwrap();
    let plan = Prepared::new(&plan, &scenario.names()).unwrap();
    let mut search = Search::new(&scenario, &properties, plan, profile(), 7);
    let whole = search.runs(0..300);
    assert!(matches!(whole.planned[..], [(_, 300), (_, 0..300)]), "{:?}", whole.planned);
    let mut parts = search.runs(0..100);
    parts.merge(search.runs(100..101));
    parts.merge(search.runs(101..300));
    assert_eq!(parts, whole);
    assert!((1..300).contains(&whole.sometimes[0].1), "{:?}", whole.sometimes);
    let ended: BTreeMap<_, _> = whole.ended.into_iter().collect();
    assert_eq!(ended.values().sum::<u64>(), 300);
}

/// What a search finds with this bug, made small.
fn shrunk(bug: Bug, profile: Profile) -> (Failure, Shrunk) {
    let scenario = scenario(bug);
    let properties = properties(&scenario);
    let mut search = Search::new(&scenario, &properties, Prepared::default(), profile, 7);
    let failure = search.runs(0..2_000).failure.unwrap();
    let shrunk = search.shrink(&failure, 10_000);
    (failure, shrunk)
}

#[test]
fn a_failure_is_shrunk_to_the_faults_that_make_it() {
    for bug in [Bug::TakesAny, Bug::Panics, Bug::AsksOnce] {
        let (failure, shrunk) = shrunk(bug, profile());
        let small = &shrunk.failure;
        assert_eq!((&small.broken, small.run), (&failure.broken, failure.run));
        assert!(shrunk.is_minimal && shrunk.from_faults == failure.plan.len(), "{shrunk:?}");
        assert!(matches!(small.plan.len(), 1 | 2) && small.plan.seed.is_none(), "{bug:?}: {}", small.plan);
        // It fails as it says, and without any one of its faults it does not.
        let mut plan = small.plan.clone();
        plan.seed = Some(0);
        let again = replay(bug, &plan);
        assert_eq!((again.transcript, again.detail), (small.transcript.clone(), small.detail.clone()));
        for index in 0..plan.len() {
            let mut less = plan.clone();
            less.remove(index);
            assert_eq!(attempt(bug, &less), None, "{bug:?}: {less}");
        }
    }
}

#[test]
fn a_law_that_breaks_without_faults_is_shrunk_to_none() {
    for bug in [Bug::KnowsTheTime, Bug::Global, Bug::ForgetsEarly] {
        let (failure, shrunk) = shrunk(bug, profile());
        assert_eq!(shrunk.failure.broken, failure.broken, "{bug:?}");
        assert!(shrunk.failure.plan.len() <= 1, "{bug:?}: {}", shrunk.failure.plan);
    }
}

#[test]
fn shrinking_stops_at_its_bound_and_says_so() {
    let scenario = scenario(Bug::TakesAny);
    let properties = properties(&scenario);
    let mut search = Search::new(&scenario, &properties, Prepared::default(), profile(), 7);
    let failure = search.runs(0..2_000).failure.unwrap();
    assert!(failure.plan.len() > 1, "{}", failure.plan);
    let stopped = search.shrink(&failure, 1);
    assert_eq!((stopped.runs, stopped.is_minimal), (1, false));
    assert_eq!(stopped.failure.broken, failure.broken);
    let whole = search.shrink(&failure, 10_000);
    assert_eq!(search.shrink(&failure, whole.runs), whole);
}
