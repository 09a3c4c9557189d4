//! The file transfer, broken and fixed.

use std::panic::catch_unwind;
use std::process::Command;
use std::time::Duration;

use lossproof::{Chance, Profile};

use crate::pages::{self, blocks, report, run};

pub(crate) mod broken {
    #[expect(unreachable_pub, reason = "in the reader's library they are reached")]
    mod file_transfer;
    include!("a_file_arrives.rs");
    include!("files_arrive.rs");

    /// The reader's tests.
    pub(crate) const TESTS: [(&str, fn()); 2] =
        [("a_file_arrives", a_file_arrives), ("files_arrive", files_arrive)];

    include!("faults.rs");
}
pub(crate) mod fixed {
    #[expect(unreachable_pub, reason = "in the reader's library they are reached")]
    mod file_transfer;
    include!("a_file_arrives.rs");
    include!("files_arrive.rs");
    include!("chapters/again.rs");
    include!("chapters/replay.rs");

    mod networks {
        use super::file_transfer;
        include!("chapters/networks.rs");
    }

    mod check {
        use super::file_transfer;
        include!("chapters/check.rs");
        include!("chapters/vacuous.rs");

        /// The reader's test, which is vacuous.
        pub(super) const VACUOUS: fn() = duplicates_do_no_harm;
    }

    #[expect(dead_code, reason = "tests/app drives a command line like this one")]
    mod program {
        use super::file_transfer;
        include!("chapters/program.rs");
    }

    /// The reader's tests.
    pub(crate) const TESTS: [(&str, fn()); 2] =
        [("a_file_arrives", a_file_arrives), ("files_arrive", files_arrive)];
    /// The reader's test, which is vacuous.
    pub(crate) const VACUOUS: fn() = check::VACUOUS;

    include!("faults.rs");
}

const BROKEN: &str = include_str!("transfer/broken/file_transfer.rs");
const FIXED: &str = include_str!("transfer/fixed/file_transfer.rs");

#[test]
fn the_example_is_short() {
    let [machines, test] = [BROKEN, pages::A_FILE_ARRIVES].map(|code| code.lines().count());
    assert!(machines + test <= 125, "the example has {machines} and {test} lines");
}

#[test]
fn the_guide_fixes_one_line() {
    let [fix] = &blocks(pages::GUIDE, "diff")[..] else { panic!("one change") };
    let mut lines = fix.lines();
    let mut line = |sign| lines.next().and_then(|line| line.strip_prefix(sign)).expect("a line of a change");
    let (from, to) = (line('-'), line('+'));
    assert!(lines.next().is_none() && BROKEN.matches(from).count() == 1);
    assert_eq!(BROKEN.replace(from, to), FIXED);
    for test in fixed::TESTS {
        run(test).expect("the fixed machines pass");
    }
}

/// The broken machines, run once more by a line of the guide, in a process with an environment of its own.
fn replayed(plan: &str) -> Result<(), String> {
    let binary = std::env::current_exe().expect("a test knows its binary");
    let output = Command::new(binary)
        .args(["--ignored", "--exact", "transfer::broken::a_file_arrives", "--nocapture"])
        .env("LOSSPROOF_REPLAY", plan)
        .output()
        .expect("a test's binary can be run");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("running 1 test"), "{stdout}");
    if output.status.success() { Ok(()) } else { Err(stderr.into_owned()) }
}

#[test]
fn the_lines_of_the_guide_replay_what_it_says() {
    let plan = |line: &str| {
        let (_, line) = line.split_once("LOSSPROOF_REPLAY='")?;
        Some(line.strip_suffix("' cargo test -- --exact a_file_arrives")?.to_owned())
    };
    let guide: Vec<String> = pages::GUIDE.lines().filter_map(plan).collect();
    let [found, by_luck, hole] = &guide[..] else { panic!("three lines: {guide:?}") };
    let report = report(broken::TESTS[0]);
    let broken_line =
        |text: &str| text.lines().find(|line| line.contains("broken a file")).map(str::to_owned);
    assert_eq!(broken_line(&replayed(found).expect_err("it fails again")), broken_line(&report));
    assert_eq!(replayed(by_luck), Ok(()));
    let hole = replayed(hole).expect_err("a block is missing");
    assert!(hole.contains("  sender    event ") && !hole.contains("  receiver  event "), "{hole}");
    fixed::check("fixed", found, Profile::default());
}

#[test]
fn loss_alone_does_not_show_the_bug() {
    let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
    assert_eq!(broken::check("loss_alone", "", loss).tally().runs, 10_000);
}

#[test]
fn the_fixed_machines_survive_all_but_changed_bits() {
    let faults = Profile {
        loss: Chance::percent(30),
        duplicate: Chance::percent(10),
        jitter: Duration::from_millis(300),
        ..Profile::default()
    };
    // It is what the guide has.
    let faults_of_the_guide = blocks(pages::GUIDE, "rust,ignore");
    let shown =
        faults_of_the_guide.iter().find(|block| block.starts_with("    let faults")).expect("it is there");
    let here = include_str!("transfer.rs");
    assert!(here.contains(shown), "{shown}");
    fixed::check("a_worse_network", "", faults);
    let corrupt = Profile { corrupt: Chance::percent(1), ..faults };
    let check = || fixed::check("changed_bits", "", corrupt);
    let panic = catch_unwind(check).expect_err("no checksum finds changed bits");
    let report = panic.downcast_ref::<String>().expect("a report is a text");
    assert!(report.contains("  receiver  event "), "{report}");
}
