//! A run made again, by a line, by a test, by a file that was kept.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lossproof::fault::{FaultKind, Links};
use lossproof::{Check, Instant, Profile};

use crate::{CHECKED, a_request_is_counted_once, checked, hosts, once, panic_of, said};

/// The test that a failure leaves to be pasted, as it is, beside the test once its server is mended: it compiles, makes
/// the run that was broken, and passes.
mod mended {
    use super::{Check, hosts};

    fn a_request_is_counted_once() {
        let (net, server, _) = hosts();
        net.never("a request is counted a third time", move |run| run.events(server).contains(&3));
        let verdict = Check::new(net).loss(0.3).assert();
        // The run of the plan and no other.
        let tally = verdict.tally();
        assert_eq!((tally.runs, tally.packets, tally.never_fired().count()), (1, 4, 0));
    }

    include!("again.rs");
}

#[test]
fn a_test_that_replays_a_plan_makes_it_and_ends_with_it() {
    let broken = || lossproof::harness::replay("server>client #0 drop", a_request_is_counted_once);
    let said = panic_of(broken);
    let test = "FAILED replays::a_test_that_replays_a_plan_makes_it_and_ends_with_it: ";
    assert!(said.starts_with(test) && said.contains("  after 1 run ("), "{said}");
    // After it the environment and the search have their say again: nothing is drawn, nothing fails.
    Check::new(once()).profile(Profile::CALM).runs(3).assert();
    let none = panic_of(|| lossproof::harness::replay("v2", || ()));
    assert!(none.starts_with("the test made no check"), "{none}");
}

#[test]
fn a_limit_on_shrinking_is_said() {
    let check = || Check::new(once()).loss(0.5).seed(3);
    let said = panic_of(|| check().max_shrink(1, Duration::from_mins(1)).assert());
    let runs = "perhaps not minimal: after 1 shrink run the limit of 1 run was reached)";
    assert!(said.contains("  smaller: ") && said.contains(runs), "{said}");
    let said = panic_of(|| check().max_shrink(9_999, Duration::ZERO).assert());
    assert!(said.contains("perhaps not minimal: after 1 shrink run the time of 0.00 s was over)"), "{said}");
}

#[test]
fn a_replay_makes_the_run_again_and_no_other() {
    let again = said(&checked(CHECKED, &[("LOSSPROOF_REPLAY", "v2; server>client #0 drop")]));
    assert!(
        again.contains("FAILED a_request_is_counted_once") && again.contains("  after 1 run ("),
        "{again}"
    );
    // A plan that does no harm: the test holds.
    assert!(checked(CHECKED, &[("LOSSPROOF_REPLAY", "client>server #0 drop")]).status.success());
    let wrong = said(&checked(CHECKED, &[("LOSSPROOF_REPLAY", "client>sever #0 drop")]));
    let line = "LOSSPROOF_REPLAY: the plan names the host 'sever'; the hosts are server, client";
    assert!(wrong.contains(line), "{wrong}");
    assert!(said(&checked(CHECKED, &[("LOSSPROOF_REPLAY", "nonsense")])).contains("LOSSPROOF_REPLAY: "));
}

#[test]
fn the_environment_chooses_runs_and_seed() {
    let none = checked(CHECKED, &[("LOSSPROOF_RUNS", "0")]);
    assert!(!none.status.success() && said(&none).contains("VACUOUS a_request_is_counted_once: 0 runs "));
    let runs = |seed: &str| {
        let report = said(&checked(CHECKED, &[("LOSSPROOF_SEED", seed)]));
        let line = report.lines().find(|line| line.starts_with("  after ")).expect("it fails");
        line.split_once(" (").expect("it has the times").0.to_owned()
    };
    let all: std::collections::BTreeSet<String> = ["1", "2", "3", "4"].map(runs).into();
    assert!(all.len() > 1, "{all:?}");
    let wrong = said(&checked(CHECKED, &[("LOSSPROOF_RUNS", "many")]));
    assert!(wrong.contains("LOSSPROOF_RUNS: 'many' is not a whole number from 0 to "), "{wrong}");
}

/// Has two checks; the replay line of one makes no run of the other.
#[test]
#[ignore = "it is to fail: another test runs it and looks at what it says"]
fn two_checks() {
    let calm = Check::new(once()).named("calm").verdict().unwrap();
    let lossy = Check::new(once()).named("lossy").loss(0.3).verdict().unwrap();
    println!("calm: {} runs", calm.tally().runs);
    assert!(calm.holds() && lossy.holds(), "{calm}\n{lossy}");
}

/// A test may make several checks: a plan with the name of one is for that one alone.
#[test]
fn the_plan_of_a_named_check_is_for_it_alone() {
    let first = said(&checked("replays::two_checks", &[]));
    let line = "  replay: LOSSPROOF_REPLAY='lossy: v2; server>client #0 drop' cargo test -- --exact replays::two_checks";
    assert!(first.contains(line) && first.contains("FAILED replays::two_checks (lossy): "), "{first}");
    let plan = "lossy: v2; server>client #0 drop";
    let again = checked("replays::two_checks", &[("LOSSPROOF_REPLAY", plan)]);
    let told = String::from_utf8_lossy(&again.stdout);
    assert!(said(&again).contains("  after 1 run (") && told.contains("calm: 0 runs"), "{told}");
    // Without a name it is for both.
    let both = checked("replays::two_checks", &[("LOSSPROOF_REPLAY", "v2; server>client #0 drop")]);
    assert!(String::from_utf8_lossy(&both.stdout).contains("calm: 1 runs"));
}

/// `cargo test NAME` runs every test whose name has NAME in it; the line names one.
#[test]
fn the_replay_line_runs_one_test() {
    let verdict = Check::new(once()).loss(0.3).verdict().unwrap().to_string();
    let line = verdict.lines().find_map(|line| line.strip_prefix("  replay: ")).unwrap();
    assert!(line.ends_with("' cargo test -- --exact replays::the_replay_line_runs_one_test"), "{line}");
}

/// Losses of requests do no harm, those of answers do; and while a failure is made small, nothing is drawn.
#[test]
fn one_direction_can_be_worse_than_the_other() {
    let lossy = Profile { loss: lossproof::Chance::percent(60), ..Profile::CALM };
    let check = |answers: bool| {
        let (net, server, client) = hosts();
        net.never("a request is counted twice", move |run| run.events(server).contains(&2));
        let links = Links::default();
        let links = if answers {
            links.direction(server, client, lossy)
        } else {
            links.direction(client, server, lossy)
        };
        Check::new(net).links(links).runs(100).verdict().unwrap()
    };
    let harmless = check(false);
    let fired = harmless.tally().fired_kinds().any(|(kind, times)| kind == FaultKind::Drop && times > 100);
    assert!(harmless.holds() && fired);
    assert!(check(true).to_string().contains("LOSSPROOF_REPLAY='v2; server>client #0 drop' "));
}

/// The latency of a single link is there when a failure is made small, and when its plan is made again.
#[test]
fn a_failure_keeps_the_latency_of_its_link() {
    let (net, server, client) = hosts();
    let late = Instant::from_millis(30);
    net.never("it takes long", move |run| run.times(server).last().is_some_and(|at| *at >= late));
    let profile = Profile { latency: Duration::from_millis(40), ..Profile::LOSSY };
    let check = Check::new(net).links(Links::default().between(client, server, profile)).runs(100);
    let report = check.verdict().unwrap().to_string();
    let plan = report.split("LOSSPROOF_REPLAY='").nth(1).and_then(|rest| rest.split('\'').next());
    // It takes no loss.
    assert_eq!(plan, Some("v2"), "{report}");
    let again = panic_of(|| lossproof::harness::replay("v2", || check.assert()));
    assert!(again.contains("it takes long"), "{again}");
}

/// Plans that are kept are run first, in the order of their names; what is no plan is left alone.
#[test]
fn regressions_are_run_first() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("regressions");
    fs::create_dir_all(&directory).expect("a directory can be made");
    fs::write(directory.join("1-harmless.plan"), "client>server #0 drop\n").expect("it can be written");
    fs::write(directory.join("notes.txt"), "no plan").expect("it can be written");
    // Nothing is drawn, so only what is kept can break it.
    let check = || Check::new(once()).runs(1).regressions(&directory);
    assert_eq!(check().assert().tally().runs, 1);
    fs::write(directory.join("2-once-broken.plan"), "server>client #0 drop\n").expect("it can be written");
    let report = panic_of(|| check().assert());
    fs::remove_dir_all(&directory).expect("it is ours");
    assert!(report.contains(": a request is counted twice"), "{report}");
}

/// Nothing was kept so far.
#[test]
fn regressions_of_a_directory_that_is_not_there_are_none() {
    assert!(Check::new(once()).runs(1).regressions("not/there").assert().holds());
    // One that is there and cannot be read is another matter.
    let error = Check::new(once()).runs(1).regressions("Cargo.toml").verdict().unwrap_err().to_string();
    assert!(error.starts_with("cannot read ") && error.contains("Cargo.toml"), "{error}");
}
