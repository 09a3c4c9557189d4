//! The same seed gives the same bytes, however often, and on whichever thread.

use std::sync::Arc;

use lossproof::engine::{Engine, Keep, Settings};
use lossproof::{Net, Profile, Scenario};

/// How many seeds each net is run with.
const SEEDS: u64 = 1_000;

/// What all runs of a net come to, as one text for each seed.
fn runs(scenario: &Scenario) -> Vec<String> {
    let mut engine = Engine::new(scenario);
    let all = (0..SEEDS).map(|seed| {
        let settings = Settings { seed, profile: Profile::swarm(seed), keep: Keep::Log, ..Settings::default() };
        let outcome = engine.run(&settings);
        format!("{outcome:?}\n{}", engine.transcript())
    });
    all.collect()
}

fn is_repeatable(net: Net) {
    let scenario = Arc::new(Scenario::from(net));
    let there = {
        let scenario = Arc::clone(&scenario);
        std::thread::spawn(move || runs(&scenario))
    };
    let here = runs(&scenario);
    let there = there.join().unwrap();
    for ((seed, one), other) in (0..SEEDS).zip(&here).zip(&there) {
        assert_eq!(one, other, "seed {seed}");
    }
    assert!(here.iter().any(|text| text.contains("fault")), "something goes wrong in them");
}

#[test]
fn frames_are_repeatable() {
    is_repeatable(super::framed::net(false));
}

#[test]
fn http_is_repeatable() {
    is_repeatable(super::http1::net(false, false));
}

#[test]
fn quic_is_repeatable() {
    is_repeatable(super::quic::net(false));
}

#[test]
fn http_on_tokio_is_repeatable() {
    is_repeatable(super::http1::net(true, false));
}
