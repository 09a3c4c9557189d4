//! When a failing run was lost.

use std::time::Duration;

use lossproof::check::{
    Draws, Failure, MAX_TURN_RUNS, MAX_TURN_STEPS, Search, Share, TURN_RUNS, Turn, Turned,
};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, FaultPlan, Profile};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// Says so many times that it is there, once a second.
struct Teller {
    listener: Peer,
    left: u32,
    next_at: Option<Instant>,
}

impl Machine for Teller {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if matches!(input, Input::Start { .. } | Input::Timeout) {
            out.send(self.listener, b"here");
            self.left -= 1;
            self.next_at = (self.left > 0).then_some(now + Duration::from_secs(1));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_at
    }
}

/// Tells what it hears.
struct Listener;

impl Machine for Listener {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { .. } = input {
            out.event(());
        }
    }
}

/// Something is said so many times, and is to be heard so often.
fn telling(times: u32, heard: usize) -> Scenario {
    let net = Net::new("telling");
    let listener = net.host("listener").udp(1000).machine(|_| Listener);
    let teller = net.host("teller").udp(0);
    teller.machine(move |boot| Teller { listener: boot.peer(listener), left: times, next_at: None });
    let bound = Duration::from_secs(u64::from(times) + 1);
    net.max_time(bound + Duration::from_secs(1));
    net.eventually_within("enough is heard", bound, move |run| run.events(listener).len() >= heard);
    net.into()
}

/// What a search tells of the run of a plan.
fn turn_of(scenario: &Scenario, profile: Profile, plan: &str) -> Turn {
    turn_by(scenario, Draws::Profiles(vec![profile]), plan, MAX_TURN_RUNS).expect("the run fails")
}

fn turn_by(scenario: &Scenario, draws: Draws, plan: &str, max_runs: u64) -> Option<Turn> {
    let failure = failure_of(scenario, plan);
    let search = Search::new(scenario, Prepared::default(), Profile::CALM, 7).with_draws(draws);
    search.turn(&failure, max_runs)
}

fn failure_of(scenario: &Scenario, plan: &str) -> Failure {
    let plan: FaultPlan = plan.parse().unwrap();
    let prepared = Prepared::new(&plan, scenario).unwrap();
    Search::new(scenario, prepared, Profile::CALM, 0).failure_of(0).expect("the plan breaks it")
}

fn lossy(percent: u32) -> Profile {
    Profile { loss: Chance::percent(percent), ..Profile::CALM }
}

/// The share after the fault that a line names.
fn after<'t>(turn: &'t Turn, line: &str) -> &'t Share {
    turn.steps.iter().find(|step| step.line.ends_with(line)).unwrap_or_else(|| panic!("{line}: {turn:?}"))
}

fn assert_near(share: &Share, wanted: f64) {
    let off = (share.share() - wanted).abs();
    assert!(off <= 4.0 * share.error(), "{share:?} is not {wanted}");
}

/// All of three must be lost, each by a half: what is left to be lost halves with each that was.
#[test]
fn shares_are_those_that_can_be_reckoned() {
    let plan = "teller>listener #0 drop; teller>listener #1 drop; teller>listener #2 drop";
    let turn = turn_of(&telling(3, 1), lossy(50), plan);
    assert_near(&turn.steps[0], 0.125);
    assert_eq!((turn.steps[0].step, turn.steps[0].line.as_str()), (0, "the start"));
    for (n, wanted) in [(0, 0.25), (1, 0.5), (2, 1.0)] {
        let step = after(&turn, &format!("fault teller>listener #{n} drop"));
        assert_near(step, wanted);
        assert_eq!((step.at, step.runs), (Instant::from_millis(1_000 * n), TURN_RUNS));
    }
    assert_eq!(turn.steps.last().map(Share::share), Some(1.0));
    // The half that is left at the end is more than half of all.
    assert_eq!(turn.step().map(|step| step.line.as_str()), Some("2.000 fault teller>listener #2 drop"));
    assert!(turn.is_random && !turn.is_cut_short, "{turn:?}");
    assert_eq!(turn.runs, turn.steps.len() as u64 * u64::from(TURN_RUNS));
}

/// Of two faults the first decides, if the second comes anyway.
#[test]
fn the_turn_is_at_the_fault_that_decides() {
    // Of five, four are to be heard; the last is hardly ever.
    let plan = "teller>listener #1 drop; teller>listener #4 drop";
    let turn = turn_of(&telling(5, 5), lossy(1), plan);
    assert_eq!(turn.step().map(|step| step.line.as_str()), Some("1.000 fault teller>listener #1 drop"));
    let after = after(&turn, "#1 drop");
    assert_eq!((after.failed, after.percent()), (TURN_RUNS, 100));
    let text = turn.to_string();
    assert!(
        text.starts_with("at 1.000 fault teller>listener #1 drop: ")
            && text.ends_with("% before it, 100% after")
            || text.contains("100% after"),
        "{text}"
    );
}

#[test]
fn what_fails_anyway_and_what_is_lost_bit_by_bit_have_no_turn() {
    let anyway = turn_of(&telling(2, 3), lossy(10), "");
    assert_eq!((anyway.turned, anyway.step()), (Turned::Anyway, None));
    assert_eq!(anyway.to_string(), "nowhere: it fails anyway, in 100% of random runs from the start");

    // Twelve of twenty must be heard; each loss takes its part.
    let plan: Vec<String> = (0..9).map(|n| format!("teller>listener #{} drop", 2 * n)).collect();
    let slowly = turn_of(&telling(20, 12), lossy(30), &plan.join("; "));
    assert!(matches!(slowly.turned, Turned::Slowly(_)) && slowly.step().is_none(), "{:?}", slowly.turned);
    assert!(slowly.to_string().starts_with("bit by bit, from "), "{slowly}");
}

/// Where nothing is drawn one run tells all: what comes later is not needed from some step on.
#[test]
fn without_chance_a_run_for_each_step_tells_which_fault_it_took() {
    let plan = "teller>listener #0 drop; teller>listener #1 drop; teller>listener #2 drop";
    let turn = turn_of(&telling(3, 1), Profile::CALM, plan);
    let failed: Vec<(u32, u32)> = turn.steps.iter().map(|step| (step.failed, step.runs)).collect();
    assert!(failed.iter().all(|(_, runs)| *runs == 1) && !turn.is_random, "{failed:?}");
    assert_eq!(
        turn.to_string(),
        "at 2.000 fault teller>listener #2 drop: without later faults the run passes before it, and fails after"
    );
}

/// A partition that has begun ends when it did, and a host that went down comes back.
#[test]
fn what_has_begun_comes_to_its_end() {
    let plan = "at 500ms partition teller|listener; at 1500ms heal; teller>listener #3 drop";
    let turn = turn_of(&telling(4, 3), Profile::CALM, plan);
    assert_eq!(turn.step().map(|step| step.line.as_str()), Some("3.000 fault teller>listener #3 drop"));
    let plan = "at 500ms crash listener; at 1500ms restart listener; teller>listener #3 drop";
    let turn = turn_of(&telling(4, 3), Profile::CALM, plan);
    assert_eq!(turn.step().map(|step| step.line.as_str()), Some("3.000 fault teller>listener #3 drop"));
}

/// In a run of many steps those are looked at between which the share rises.
#[test]
fn a_long_run_is_searched_for_its_turn() {
    let turn = turn_of(&telling(150, 150), lossy(0), "teller>listener #77 drop");
    assert_eq!(turn.step().map(|step| step.line.as_str()), Some("77.000 fault teller>listener #77 drop"));
    assert!(turn.steps.len() <= MAX_TURN_STEPS, "{}", turn.steps.len());
    let rare = Profile { loss: Chance::permille(1), ..Profile::CALM };
    let turn = turn_of(&telling(150, 150), rare, "teller>listener #77 drop");
    let step = turn.step().expect("it is in one step");
    assert_eq!((step.line.as_str(), step.skipped), ("77.000 fault teller>listener #77 drop", 0));
    assert!(turn.runs <= MAX_TURN_RUNS && turn.steps.len() <= MAX_TURN_STEPS, "{}", turn.runs);
    // All that was not looked at is told.
    let skipped: usize = turn.steps.iter().map(|step| step.skipped).sum();
    assert_eq!(skipped + turn.steps.len(), 2 * 150);
    assert!(turn.curve().lines().count() <= 20, "{}", turn.curve());
}

#[test]
fn bounds_are_kept_and_told() {
    let scenario = telling(3, 1);
    let plan = "teller>listener #0 drop; teller>listener #1 drop; teller>listener #2 drop";
    let draws = || Draws::Profiles(vec![lossy(50)]);
    let most = |max_runs| turn_by(&scenario, draws(), plan, max_runs);
    // Four steps with ten runs each tell something.
    let least = most(40).unwrap();
    assert_eq!((least.runs, least.steps.len()), (40, 4));
    assert_eq!(most(39), None);

    let failure = failure_of(&scenario, plan);
    let search = Search::new(&scenario, Prepared::default(), Profile::CALM, 7).with_draws(draws());
    let mut asked = 0;
    let stopped = search.turn_while(&failure, MAX_TURN_RUNS, || {
        asked += 1;
        asked <= 250
    });
    let stopped = stopped.unwrap();
    assert!(stopped.is_cut_short && stopped.steps.len() == 2 && stopped.runs == 250, "{stopped:?}");
    assert!(stopped.curve().contains("not all steps were looked at"), "{}", stopped.curve());
    // Of one step nothing is told.
    let mut asked = 0;
    let early = search.turn_while(&failure, MAX_TURN_RUNS, || {
        asked += 1;
        asked <= 150
    });
    assert_eq!(early, None);
}

/// The same seed tells the same, whatever ran before; another seed draws other runs.
#[test]
fn a_turn_is_determined() {
    let scenario = telling(6, 3);
    let plan =
        "teller>listener #0 drop; teller>listener #2 drop; teller>listener #3 drop; teller>listener #5 drop";
    let failure = failure_of(&scenario, plan);
    let turn = |seed: u64, before: u64| {
        let mut search =
            Search::new(&scenario, Prepared::default(), Profile::CALM, seed).with_draws(Draws::Swarm);
        search.runs(0..before);
        search.turn(&failure, MAX_TURN_RUNS).unwrap()
    };
    let first = turn(7, 0);
    assert_eq!(first, turn(7, 20));
    assert_ne!(first.steps, turn(8, 0).steps);
    assert_eq!(first.curve(), turn(7, 0).curve());
}

/// The report of a check has the line, and its pictures the shares.
#[test]
fn a_check_tells_it() {
    let verdict = Check::new(telling(3, 1)).loss(0.5).runs(1_000).verdict().unwrap();
    let shrunk = verdict.shrunk().unwrap();
    let turn = shrunk.turn.as_ref().unwrap();
    let report = verdict.to_string();
    assert!(report.contains(&format!("\n  turned {turn}\n")), "{report}");
    let transcript = shrunk.failure.recording.transcript();
    assert!(transcript.svg("telling").contains("class=\"turned\""));
    assert!(transcript.page("telling", "").contains("\"turned\":true"));
    // The same run without it has none.
    let again = failure_of(&telling(3, 1), &shrunk.failure.plan.to_string());
    assert_eq!(again.recording, shrunk.failure.recording);
    let plain = again.recording.transcript().svg("telling");
    assert!(!plain.contains("class=\"share"), "{plain}");
}
