//! What the tests of published crates share: the two ways in which they end, and a standard clock.
//!
//! Each module of `tests/gallery/` wraps one crate as a machine, states properties, and either [`holds`] under the faults
//! that a check draws, or shows a [`finding`]. `examples/` has, for each finding, a program that shows it without
//! lossproof.

use std::time::{Duration, Instant as StdInstant};

use lossproof::parts::clocks::StdClock;
use lossproof::{Check, Net, Profile};

/// The most lines of a finding's transcript.
pub const MAX_LINES: usize = 40;

/// A check of this net with this many runs; `LOSSPROOF_RUNS` makes more.
pub fn check(net: Net, runs: u64) -> Check {
    Check::new(net).runs(runs).jobs(2)
}

/// Asserts that a check passes, and says how fast it was: seen with `cargo test -- --nocapture`.
///
/// # Panics
/// If it fails or is vacuous.
pub fn holds(name: &str, check: Check) {
    #[expect(clippy::disallowed_methods, reason = "only how long it took is printed")]
    let begin = StdInstant::now();
    let verdict = check.named(name).assert();
    let runs = verdict.tally().runs;
    let rate = runs as f64 / begin.elapsed().as_secs_f64();
    println!("{name}: {runs} runs, {rate:.0} a second");
}

/// Asserts that a search fails, that this plan makes the run fail in the same way, that nothing can be left out of it, and
/// that its transcript, or the lines on which the failure depends, is the snapshot of this name.
///
/// # Panics
/// If one of these is not so. With `?` for a plan it searches one, and panics with the report.
pub fn finding(name: &str, check: impl Fn() -> Check, plan: &str) {
    assert_ne!(plan, "?", "{}", check().named(name).verdict().expect("the check can be made"));
    let searched =
        check().named(name).max_shrink(0, Duration::ZERO).verdict().expect("the check can be made");
    let found = searched.failure().unwrap_or_else(|| panic!("it is not found any more:\n{searched}"));
    let known = plan.parse().expect("the plan can be read");
    let replayed = check()
        .named(name)
        .profile(Profile::CALM)
        .plan(known)
        .runs(1)
        .verdict()
        .expect("the plan is for this net");
    let failure = replayed.failure().unwrap_or_else(|| panic!("the plan does not show it:\n{replayed}"));
    assert_eq!(found.broken, failure.broken, "the search finds something else:\n{searched}");
    assert_eq!(failure.plan.to_string(), plan, "the plan can be smaller");
    let text = failure.recording.transcript().excerpt(MAX_LINES);
    assert!(text.lines().count() <= MAX_LINES, "the transcript is too long");
    println!("{name}: found in run {}", found.run);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Where a panic was is a path of the computer's own.
    let detail = failure.detail.split(" (at ").next().unwrap_or_default();
    settings.set_description(format!("{plan}\n{}: {detail}", failure.broken));
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The standard library's clock, for a machine that begins now.
#[must_use]
pub fn std_clock() -> StdClock {
    #[expect(clippy::disallowed_methods, reason = "any moment will do as that at which the run starts")]
    StdClock::new(StdInstant::now())
}
