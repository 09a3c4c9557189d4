//! The same seed gives the same bytes, however often, and on whichever thread.

use std::sync::Arc;

use lossproof::Profile;
use lossproof::engine::{Engine, Keep, Settings};
use lossproof::{Net, Scenario};

/// How many seeds each net is run with.
const SEEDS: u64 = 1_000;

/// What all runs of a net come to, as one text for each seed.
fn runs(scenario: &Scenario, seeds: u64) -> Vec<String> {
    let mut engine = Engine::new(scenario);
    let all = (0..seeds).map(|seed| {
        let settings =
            Settings { seed, profile: Profile::swarm(seed), keep: Keep::Log, ..Settings::default() };
        let outcome = engine.run(&settings);
        format!("{outcome:?}\n{}", engine.transcript())
    });
    all.collect()
}

/// Makes all runs twice, on two threads, and compares them.
pub(crate) fn is_repeatable(net: Net, seeds: u64) {
    let scenario = Arc::new(Scenario::from(net));
    let here = runs(&scenario, seeds);
    let there = {
        let scenario = Arc::clone(&scenario);
        std::thread::spawn(move || runs(&scenario, seeds)).join().unwrap()
    };
    for ((seed, one), other) in (0..seeds).zip(&here).zip(&there) {
        assert_eq!(one, other, "seed {seed}");
    }
    assert!(here.iter().any(|text| text.contains("fault")), "something goes wrong in them");
}

#[test]
fn request_and_reply_are_repeatable() {
    is_repeatable(super::request_reply::net(false, false), SEEDS);
}

#[test]
fn request_and_reply_on_tokio_are_repeatable() {
    is_repeatable(super::request_reply::net(true, false), SEEDS);
}

#[test]
fn a_store_is_repeatable() {
    is_repeatable(super::store::net(false, false), SEEDS);
}

#[test]
fn a_store_on_tokio_is_repeatable() {
    is_repeatable(super::store::net(true, false), SEEDS);
}
