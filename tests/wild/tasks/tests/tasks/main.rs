//! Asynchronous crates of others, on simulated hosts: each holds its properties under everything that a check draws, and a
//! bug that is planted beside it is found, made small, and replayed.

mod clock;
mod crypto;
mod determinism;
mod framed;
mod http1;
mod http2;
mod quic;
#[path = "../../../../tasks/timeless.rs"]
mod timeless;
mod tls;
mod websocket;
mod worlds;

use std::time::Duration;

use lossproof::check::MAX_SHRINK_RUNS;
use lossproof::{Check, Instant, Net};
use timeless::timeless;

/// From when on nothing goes wrong. Clients are to be done some time after that.
const CALM_AT: Instant = Instant::from_millis(20_000);

/// All that is said of a net holds, whatever goes wrong.
fn holds(net: Net, runs: u64) {
    #[expect(clippy::disallowed_methods, reason = "it is the speed that is told")]
    let began_at = std::time::Instant::now();
    let verdict = Check::new(net).calm_at(CALM_AT).runs(runs).demand_sometimes().verdict().unwrap();
    assert!(verdict.holds(), "{verdict}");
    println!("{:.0} runs/s: {verdict}", runs as f64 / began_at.elapsed().as_secs_f64());
}

/// Looks for a bug, and keeps the report of what is found. The smallest plan finds it again.
fn finds(name: &str, check: impl Fn() -> Check) {
    // However slow the machine is, the plan is the smallest.
    let check_small =
        check().named(name).calm_at(CALM_AT).max_shrink(MAX_SHRINK_RUNS, Duration::from_hours(1));
    let verdict = check_small.verdict().unwrap();
    let failure = verdict.failure().unwrap_or_else(|| panic!("something is found: {verdict}"));
    let again = check().plan(failure.plan.clone()).verdict().unwrap();
    let again = again.failure().unwrap_or_else(|| panic!("it is found again: {again}"));
    assert_eq!((&failure.broken, &failure.transcript), (&again.broken, &again.transcript));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, timeless(&verdict.to_string())));
}
