//! Lines that are pasted: they make the same failure again.

use std::process::{Command, Output};
use std::time::Duration;

use lossproof::harness::Check;
use lossproof::machine::Law;
use lossproof::transcript::MAX_REPORT_LINES;

use crate::matrix::NOT_IN_SWARM;
use crate::{World, counted, searches, worlds};

/// The variable that names the specimen which [`it_is_replayed`] is to run.
const SPECIMEN: &str = "SPECIMEN";

/// Fails, for its machine has a bug. It is run by the other test, in processes of their own.
#[test]
#[ignore = "it is to fail: another test runs it and looks at what it says"]
fn it_is_replayed() {
    let wanted = std::env::var(SPECIMEN).expect("it is run by another test");
    for world in worlds().into_iter().filter(|world| wanted == world.name()) {
        // It is small already.
        Check::new(world.scenario.clone()).runs(0).max_shrink(20, Duration::from_secs(10)).assert();
    }
}

/// The test that fails, in a process of its own, as after `LOSSPROOF_REPLAY='…' cargo test`.
fn pasted_into_cargo_test(specimen: &str, plan: &str) -> Output {
    let binary = std::env::current_exe().expect("a test knows its binary");
    Command::new(binary)
        .args(["--ignored", "--exact", "replay::it_is_replayed", "--nocapture"])
        .envs([("RUST_BACKTRACE", "0"), (SPECIMEN, specimen), ("LOSSPROOF_REPLAY", plan)])
        .output()
        .expect("a test's binary can be run")
}

/// The line with a plan that the command line gives for it.
#[cfg(feature = "cli")]
fn pasted_into_a_shell(command: &str, system: &str, bug: &str, plan: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lossproof"))
        .args([command, system, "--bug", bug, "--faults", plan])
        .args(if command == "check" { &["--runs", "1", "--loss", "0%"][..] } else { &[] })
        .output()
        .expect("the binary was built for this test")
}

/// Whether a report shows this transcript: of a long one, an excerpt.
fn shows(report: &str, transcript: &str) -> bool {
    let below = report.split_once("  replay: ").and_then(|(_, below)| below.split_once("\n\n"));
    let excerpt = below.and_then(|(_, excerpt)| excerpt.split("\n\n").next());
    excerpt.is_some_and(|excerpt| counted::counts(excerpt, transcript) == Ok(()))
}

/// The smallest plan known of each specimen, as the line that its failure gives: in `cargo test`, in `lossproof sim` and in
/// `lossproof check` it makes the same failure, to the last line of the transcript.
#[test]
fn a_pasted_line_makes_the_same_failure() {
    for world in worlds() {
        let specimen = world.name();
        let failure = searches::of_smallest(&world);
        // A line that a smallest plan gives has no seed and means 0, unless it needs one.
        let mut plan = failure.plan.clone();
        plan.seed = world.smallest().seed;
        let plan = plan.to_string();
        // What is read from a clock, or from the order of a hash, is another thing each time; that it is, is the same.
        let is_determined = failure.broken != Law::SameInputsSameOutputs.to_string();
        let transcript = failure.transcript.trim_end();
        let is_same = |said: &str, shows: &dyn Fn(&str) -> bool| {
            said.contains(&failure.broken) && (!is_determined || shows(said))
        };
        let is_reported = |said: &str| is_same(said, &|said| shows(said, transcript));

        let output = pasted_into_cargo_test(&specimen, &plan);
        let said = String::from_utf8_lossy(&output.stderr);
        // It is shrunk there once more: what has come earlier since then is another run.
        let is_moved =
            said.contains(&failure.broken) && !said.contains(&format!("LOSSPROOF_REPLAY='{plan}'"));
        assert!(!output.status.success() && (is_moved || is_reported(&said)), "{specimen}: {said}");

        // A command line makes it small for as long as it takes, which is long where runs are.
        #[cfg(feature = "cli")]
        if world.specimen.is_some() && world.fewer() == 1 {
            let seeded = failure.plan.to_string();
            let output = pasted_into_a_shell("check", world.system, world.bug, &seeded);
            let said = String::from_utf8_lossy(&output.stdout);
            let is_moved = is_moved && said.contains(&failure.broken);
            assert!(
                output.status.code() == Some(1) && (is_moved || is_reported(&said)),
                "{specimen}: {said}"
            );
            assert!(said.lines().count() <= MAX_REPORT_LINES, "{specimen}: {said}");

            let output = pasted_into_a_shell("sim", world.system, world.bug, &plan);
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.code() == Some(1) && is_same(&said, &|said| said.contains(transcript)),
                "{specimen}: {said}"
            );
        }
    }
}

/// `lossproof check SYSTEM --bug NAME` finds each with nothing more said, and the line that it gives makes the same
/// failure again, in a shell and in `cargo test`.
#[cfg(feature = "cli")]
#[test]
fn a_check_finds_each_and_its_line_makes_it_again() {
    // Those with longer runs take longer searches; the matrix has them.
    let is_quick = |world: &&World| world.fewer() == 1;
    let is_found = |world: &&World| NOT_IN_SWARM.iter().all(|(missed, _)| *missed != world.name());
    let worlds = worlds();
    for world in worlds.iter().filter(|world| world.specimen.is_some()).filter(is_quick).filter(is_found) {
        let specimen = world.name();
        let output = Command::new(env!("CARGO_BIN_EXE_lossproof"))
            .args(["check", world.system, "--bug", world.bug, "--runs", "20000", "--format", "json"])
            .output()
            .expect("the binary was built for this test");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        let failure = &report["failure"];
        let text = |name: &str| failure[name].as_str().unwrap_or_else(|| panic!("{specimen}: {report}"));
        let (what, plan) = (text("what"), text("plan"));
        assert_eq!(output.status.code(), Some(1), "{specimen}");
        let line = format!("lossproof sim {} --bug {} --faults '{plan}'", world.system, world.bug);
        assert_eq!(text("replay"), line);

        let lines = failure["transcript"].as_array().expect("lines");
        let lines: Vec<&str> = lines.iter().filter_map(serde_json::Value::as_str).collect();
        let is_determined = what != Law::SameInputsSameOutputs.to_string();
        let transcript = if is_determined { lines.join("\n") } else { String::new() };
        let again = pasted_into_a_shell("sim", world.system, world.bug, plan);
        let (said, why) = (String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&again.stderr));
        assert!(said.contains(&transcript) && why.contains(what), "{specimen}: {said}{why}");
        assert_eq!(again.status.code(), Some(1), "{specimen}");

        let again = pasted_into_cargo_test(&specimen, plan);
        let said = String::from_utf8_lossy(&again.stderr);
        // It is shrunk there once more. Where a long plan needed its seed and the short one does not, the seed goes then.
        let may_lose_seed = !said.contains(&format!("LOSSPROOF_REPLAY='{plan}'"));
        let is_shown = transcript.is_empty() || shows(&said, &transcript) || may_lose_seed;
        assert!(is_shown && said.contains(what), "{specimen}: {said}");
    }
}
