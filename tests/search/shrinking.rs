//! Failures made small.

use lossproof::check::{Failure, Search, Shrunk};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, FaultKind, FaultPlan, Profile};
use lossproof::systems::{Options, udp_local, udp_remote};
use lossproof::{Net, Scenario};

use crate::{Bug, attempt, profile, replay, scenario};

/// Faults for datagrams that are never sent are taken out at once, however many they are.
#[test]
fn faults_that_never_fired_go_first() {
    let scenario = scenario(Bug::AsksOnce);
    // Nothing is sent after the first.
    let faults: Vec<String> = (0..200)
        .map(|n| format!("asker>server #{n} drop"))
        .chain(["server>asker #7 delay 1s".to_owned()])
        .collect();
    let plan: FaultPlan = faults.join("; ").parse().unwrap();
    let prepared = Prepared::new(&plan, &scenario).unwrap();
    let mut search = Search::new(&scenario, prepared, Profile::CALM, 7);
    let failure = search.runs(0..1).failure.expect("who asks once gets no answer");
    let shrunk = search.shrink(&failure, 1_000);
    assert_eq!(shrunk.failure.plan.to_string(), "v2; asker>server #0 drop");
    assert!(shrunk.is_minimal && shrunk.runs <= 4, "{}", shrunk.runs);
}

/// What a search finds with this bug, made small.
fn shrunk(bug: Bug, profile: Profile) -> (Failure, Shrunk) {
    let scenario = scenario(bug);
    let mut search = Search::new(&scenario, Prepared::default(), profile, 7);
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
    for bug in [Bug::KnowsTheTime, Bug::Global] {
        let (failure, shrunk) = shrunk(bug, profile());
        assert_eq!(shrunk.failure.broken, failure.broken, "{bug:?}");
        assert!(shrunk.failure.plan.len() <= 1, "{bug:?}: {}", shrunk.failure.plan);
    }
}

#[test]
fn shrinking_stops_at_its_bound_and_says_so() {
    let scenario = scenario(Bug::TakesAny);
    let mut search = Search::new(&scenario, Prepared::default(), profile(), 7);
    let failure = search.runs(0..2_000).failure.unwrap();
    assert!(failure.plan.len() > 1, "{}", failure.plan);
    let stopped = search.shrink(&failure, 1);
    assert_eq!((stopped.runs, stopped.is_minimal), (1, false));
    assert_eq!(stopped.failure.broken, failure.broken);
    let whole = search.shrink(&failure, 10_000);
    assert_eq!(search.shrink(&failure, whole.runs), whole);
}

/// What a run was not allowed is in no plan that its failure becomes: on a network that only changes bytes, a failure has
/// only changed bytes, in every system that they break.
#[test]
fn a_fault_becomes_only_what_the_runs_were_allowed() {
    type System = fn(&Options) -> Net;
    let mut found = 0;
    for net in [udp_local::net as System, udp_remote::net] {
        let scenario = Scenario::from(net(&Options::default()));
        for (profile, kinds) in [
            (Profile { corrupt: Chance::percent(30), ..Profile::CALM }, &[FaultKind::Flip][..]),
            (
                Profile { corrupt: Chance::percent(20), loss: Chance::percent(20), ..Profile::CALM },
                &[FaultKind::Flip, FaultKind::Drop],
            ),
        ] {
            for seed in 0..20 {
                let mut search = Search::new(&scenario, Prepared::default(), profile, seed);
                let Some(failure) = search.runs(0..200).failure else { continue };
                let plan = search.shrink(&failure, 1_000).failure.plan;
                let other = plan.faults().iter().find(|fault| !kinds.contains(&fault.kind()));
                assert_eq!(other, None, "{plan}");
                found += 1;
            }
        }
    }
    assert!(found > 10, "{found}");
}
