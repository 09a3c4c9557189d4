//! The planted bugs that lost segments show, and what the model shows of them.

use lossproof::Scenario;
use lossproof::check::{Draws, Exhaustive, Failure, Fates, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{FaultPlan, Profile, StreamKind};
use lossproof::specimens::{self, protocols::upload};
use lossproof::systems::Options;

const DIALS: &str = "limits-the-answer-alone";
const ENDS: &str = "expects-the-end-with-the-text";
const RESETS: &str = "waits-for-the-reset";

fn scenario(bug: &str) -> Scenario {
    let bug = specimens::find(upload::ABOUT.name, bug).expect("it is there");
    bug.net(&Options::default()).into()
}

/// A plan with streams of a kind.
fn plan(kind: StreamKind, faults: &str) -> FaultPlan {
    format!("streams {kind}; {faults}").parse().expect("it is a plan")
}

/// What the one run with these faults breaks.
fn broken(scenario: &Scenario, kind: StreamKind, faults: &str) -> Option<Failure> {
    let plan = Prepared::new(&plan(kind, faults), scenario).expect("its hosts are there");
    Search::new(scenario, plan, Profile::CALM, 0).failure_of(0)
}

/// Goes through all schedules of so many of these faults.
fn explored(
    scenario: &Scenario,
    kind: StreamKind,
    (fates, faults): (&str, usize),
) -> Result<u64, Box<Failure>> {
    let fates = Fates::parse(fates, &scenario.names()).expect("these are faults");
    let search =
        Exhaustive::new(scenario, fates, faults).with_plan(plan(kind, "")).expect("it names no host");
    let explored = search.run(20_000, |_| ());
    if let Some(failure) = explored.failure {
        return Err(Box::new(search.shrink(&failure, 1_000).failure));
    }
    assert!(explored.is_complete, "{} runs are not all", explored.runs);
    Ok(explored.runs)
}

/// The faults that the net does not rule out, as the model has them.
const OF_MODEL: (&str, usize) = ("cut; stall 250ms", 2);

/// Of each bug: the fewest packets whose loss shows it, what they are, and what it breaks.
#[test]
fn the_loss_of_these_packets_shows_each_and_of_no_fewer() {
    for (bug, faults, lost, property) in [
        (DIALS, "client>server #0 drop; client>server #1 drop", &["[SYN]", "[SYN]"][..], "the client ends"),
        (ENDS, "client>server #3 drop", &["[FIN ACK] 39 ack 1"], "who sends a whole text is cut off"),
        (
            RESETS,
            "client>server #2 drop; client>server #4 drop; client>server #5 drop",
            &["[PSH ACK] 1:39 ack 1", "[FIN ACK] 1:39 ack 1", "[RST ACK] ack 1"],
            "the server lets go of the upload",
        ),
    ] {
        let scenario = scenario(bug);
        let failure = broken(&scenario, StreamKind::SEGMENTS, faults).expect("its plan shows it");
        assert_eq!(failure.broken, property, "{bug}");
        // What is lost stands in the line before the fault.
        let lines: Vec<&str> = failure.transcript.lines().collect();
        let dropped = lines.windows(2).filter(|pair| pair[1].ends_with(" drop")).map(|pair| pair[0]);
        let dropped: Vec<&str> = dropped.collect();
        assert_eq!(dropped.len(), lost.len(), "{}", failure.transcript);
        for (line, packet) in dropped.iter().zip(lost) {
            assert!(line.contains(&format!("{packet} → server")), "{line} is no {packet}");
        }
        // No fewer lost packets do it.
        let fewer = explored(&scenario, StreamKind::SEGMENTS, ("drop", lost.len() - 1));
        assert!(fewer.is_ok(), "{bug}: {fewer:?}");
        let found = explored(&scenario, StreamKind::SEGMENTS, ("drop", lost.len())).expect_err("it is found");
        assert_eq!(
            (found.broken.as_str(), found.plan.len()),
            (property, lost.len()),
            "{bug}: {}",
            found.plan
        );
        // The model has none of these packets, and holds against all that may befall its streams.
        assert!(broken(&scenario, StreamKind::Model, faults).is_none(), "{bug}");
        let runs = explored(&scenario, StreamKind::Model, OF_MODEL).unwrap_or_else(|failure| {
            panic!("{bug}: {}", failure.plan);
        });
        assert!(runs > 100, "{runs}");
    }
}

/// A search that draws everything finds a dial without a limit, and a reset that is lost, with segments alone. An end that
/// comes late the model has too, where a write of no bytes is lost twice.
#[test]
fn a_swarm_with_the_model_finds_the_late_end_alone() {
    for (bug, runs, is_found) in [(DIALS, 2_000, false), (RESETS, 2_000, false), (ENDS, 2_000, true)] {
        let scenario = scenario(bug);
        for (kind, is_found) in [(StreamKind::Model, is_found), (StreamKind::SEGMENTS, true)] {
            let plan = Prepared::new(&plan(kind, ""), &scenario).expect("it names no host");
            let mut search = Search::new(&scenario, plan, Profile::CALM, 0).with_draws(Draws::Swarm);
            let failure = search.runs(0..runs).failure;
            assert_eq!(failure.is_some(), is_found, "{bug} {kind}");
        }
    }
}

/// The right machines withstand the loss of any two packets.
#[test]
fn the_right_machines_hold() {
    let right = Scenario::from(upload::net(&Options::default()));
    let runs = explored(&right, StreamKind::SEGMENTS, ("drop; duplicate; delay 700ms", 2)).expect("it holds");
    assert!(runs > 300, "{runs}");
    assert!(explored(&right, StreamKind::Model, OF_MODEL).is_ok());
}
