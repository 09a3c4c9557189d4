//! What many runs come to, on any number of threads.

use std::collections::BTreeMap;

use lossproof::check::{Search, Tally};
use lossproof::engine::Prepared;
use lossproof::fault::Profile;
use lossproof::parallel;

use crate::{Bug, profile, scenario};

/// The tally of a search on so many threads, and what its progress was last.
fn on_threads(bug: Bug, runs: u64, jobs: usize) -> (Tally, u64) {
    let scenario = scenario(bug);
    // Rare enough for the first failure to come after some chunks.
    let rare = Profile { duplicate: "0.001%".parse().unwrap(), ..Profile::default() };
    let mut last = 0;
    let search = || Search::new(&scenario, Prepared::default(), rare, 7);
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
    let plan = "asker>server #1 drop; asker>server #9 drop".parse().unwrap();
    let plan = Prepared::new(&plan, &scenario).unwrap();
    let mut search = Search::new(&scenario, plan, profile(), 7);
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

/// A tally that is begun with nothing takes all of the first that is added.
#[test]
fn to_an_empty_tally_another_is_added_whole() {
    let scenario = scenario(Bug::None);
    let plan = Prepared::new(&"asker>server #1 drop".parse().unwrap(), &scenario).unwrap();
    let whole = Search::new(&scenario, plan, profile(), 7).runs(0..100);
    assert!(whole.ends[1].successes == 100 && whole.planned[0].1 == 100 && whole.sometimes[0].1 > 0);
    let mut sum = Tally::default();
    sum.merge(whole.clone());
    assert_eq!(sum, whole);
}

/// Which thread makes which run is no matter, and neither is whether there is a run for each.
#[test]
fn a_few_runs_on_many_threads_are_all_made() {
    for runs in [1, 2, 7] {
        assert_eq!(on_threads(Bug::None, runs, 64), on_threads(Bug::None, runs, 1));
        assert_eq!(on_threads(Bug::None, runs, 64).0.runs, runs);
    }
}
