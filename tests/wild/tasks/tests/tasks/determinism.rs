//! The same seed gives the same bytes, however often, and on whichever thread.

use std::sync::Arc;

use lossproof::engine::{Engine, Keep, Settings};
use lossproof::{Net, Profile, Scenario};

/// How many seeds a net is run with.
const SEEDS: u64 = 1_000;
/// The same for what takes longer.
const FEW_SEEDS: u64 = 100;

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

fn is_repeatable(net: Net, seeds: u64) {
    let scenario = Arc::new(Scenario::from(net));
    let there = {
        let scenario = Arc::clone(&scenario);
        std::thread::spawn(move || runs(&scenario, seeds))
    };
    let here = runs(&scenario, seeds);
    let there = there.join().unwrap();
    for ((seed, one), other) in (0..seeds).zip(&here).zip(&there) {
        assert_eq!(one, other, "seed {seed}");
    }
    assert!(here.iter().any(|text| text.contains("fault")), "something goes wrong in them");
}

#[test]
fn frames_are_repeatable() {
    is_repeatable(super::framed::net(false), SEEDS);
}

#[test]
fn http_is_repeatable() {
    is_repeatable(super::http1::net(false, false), SEEDS);
}

#[test]
fn quic_is_repeatable() {
    is_repeatable(super::quic::net(false), SEEDS);
}

#[test]
fn http_on_tokio_is_repeatable() {
    is_repeatable(super::http1::net(true, false), SEEDS);
}

#[test]
fn calls_are_repeatable() {
    is_repeatable(super::http2::net(false), FEW_SEEDS);
}

#[test]
fn tls_is_repeatable() {
    is_repeatable(super::tls::net(false), FEW_SEEDS);
}
