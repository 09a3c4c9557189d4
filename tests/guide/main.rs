//! The guide's example, as its reader would have it: it is found wrong, replayed and mended, and the guide says what
//! really happens.
//!
//! After a change of the report that is meant, `INSTA_UPDATE=always cargo test --test guide` writes it into the guide
//! anew.

mod broken {
    #[expect(unreachable_pub, reason = "in the reader's library they are reached")]
    mod file_transfer;
    include!("a_file_arrives.rs");

    /// The reader's test.
    pub(super) fn test() {
        a_file_arrives();
    }

    /// The same with other faults.
    pub(super) fn check(name: &str, plan: &str, faults: Profile) -> lossproof::check::Tally {
        let (scenario, properties) = transfer();
        let plan = plan.parse().expect("a plan");
        Check::new(name, &scenario, &properties).plan(plan).profile(faults).assert()
    }
}
mod mended {
    #[expect(unreachable_pub, reason = "in the reader's library they are reached")]
    mod file_transfer;
    include!("a_file_arrives.rs");

    /// The reader's test.
    pub(super) fn test() {
        a_file_arrives();
    }

    /// The same with other faults.
    pub(super) fn check(name: &str, plan: &str, faults: Profile) -> lossproof::check::Tally {
        let (scenario, properties) = transfer();
        let plan = plan.parse().expect("a plan");
        Check::new(name, &scenario, &properties).plan(plan).profile(faults).assert()
    }
}

use std::panic::catch_unwind;
use std::process::Command;
use std::time::Duration;

use lossproof::{Chance, Profile};

const GUIDE: &str = include_str!("../../src/guide.md");
const README: &str = include_str!("../../README.md");
const BROKEN: &str = include_str!("broken/file_transfer.rs");
const MENDED: &str = include_str!("mended/file_transfer.rs");
const TEST: &str = include_str!("a_file_arrives.rs");

/// The blocks of a page that are fenced as this language, without the lines that are hidden.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fenced = page.split("\n```").skip(1).step_by(2).filter_map(|block| block.strip_prefix(language));
    let shown = |block: &str| {
        block
            .trim_start()
            .lines()
            .filter(|line| !line.starts_with("# "))
            .fold(String::new(), |text, line| text + line + "\n")
    };
    fenced.map(shown).collect()
}

/// The test as its reader has it: it is not left out.
fn test_shown() -> String {
    TEST.lines()
        .filter(|line| !line.starts_with("#[ignore"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// What the check of the broken machines says, without where its files are.
fn report() -> String {
    let panic = catch_unwind(broken::test).expect_err("the broken machines break a property");
    let report = panic.downcast_ref::<String>().expect("a report is a text");
    report
        .lines()
        .filter(|line| !line.starts_with("  files: "))
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}

#[test]
fn the_code_of_the_guide_is_what_runs_here() {
    let code = blocks(GUIDE, "rust");
    assert_eq!(format!("{}\n{}", code[0], code[1]), BROKEN);
    assert_eq!(code[2], test_shown());
    let lines = BROKEN.lines().count() + code[2].lines().count();
    assert!(lines <= 120, "the example has {lines} lines");
}

#[test]
fn the_report_of_the_guide_is_what_the_test_says() {
    let report = report();
    let shown =
        blocks(GUIDE, "text").into_iter().find(|block| block.starts_with("FAILED")).expect("a report");
    let files = "\n\n  files: target/lossproof/a_file_arrives\n";
    let expected = format!("{report}{files}");
    if shown != expected && std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide.md");
        std::fs::write(path, GUIDE.replace(&shown, &expected)).expect("the guide can be written");
        return;
    }
    assert_eq!(shown, expected);
}

#[test]
fn the_guide_mends_one_line() {
    let [mend] = &blocks(GUIDE, "diff")[..] else { panic!("one change") };
    let mut lines = mend.lines();
    let mut line = |sign| lines.next().and_then(|line| line.strip_prefix(sign)).expect("a line of a change");
    let (from, to) = (line('-'), line('+'));
    assert!(lines.next().is_none() && BROKEN.matches(from).count() == 1);
    assert_eq!(BROKEN.replace(from, to), MENDED);
    assert_eq!(blocks(README, "diff"), std::slice::from_ref(mend));
    mended::test();
}

/// The broken machines, run once more by a line of the guide, in a process with an environment of its own.
fn replayed(plan: &str) -> Result<(), String> {
    let binary = std::env::current_exe().expect("a test knows its binary");
    let output = Command::new(binary)
        .args(["--ignored", "--exact", "broken::a_file_arrives", "--nocapture"])
        .env("LOSSPROOF_REPLAY", plan)
        .output()
        .expect("a test's binary can be run");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn the_lines_of_the_guide_replay_what_it_says() {
    let plans = |page: &str| -> Vec<String> {
        let line = |line: &str| {
            let (_, line) = line.split_once("LOSSPROOF_REPLAY='")?;
            Some(line.strip_suffix("' cargo test a_file_arrives")?.to_owned())
        };
        page.lines().filter_map(line).collect()
    };
    let guide = plans(GUIDE);
    let [found, first, acked] = &guide[..] else { panic!("three lines: {guide:?}") };
    let report = report();
    let told = |text: &str| text.lines().find(|line| line.contains("broken a file")).map(str::to_owned);
    assert_eq!(told(&replayed(found).expect_err("it fails again")), told(&report));
    assert_eq!((replayed(first), replayed(acked)), (Ok(()), Ok(())));
    assert_eq!(plans(README), std::slice::from_ref(found));
    mended::check("mended", found, Profile::default());
}

#[test]
fn loss_alone_does_not_show_the_bug() {
    let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
    assert_eq!(broken::check("loss_alone", "", loss).runs, 10_000);
}

#[test]
fn the_mended_machines_outlive_all_but_changed_bits() {
    let faults = Profile {
        loss: Chance::percent(30),
        duplicate: Chance::percent(10),
        jitter: Duration::from_millis(300),
        ..Profile::default()
    };
    // It is what the guide has.
    let shown = blocks(GUIDE, "rust")[3].split_whitespace().collect::<String>();
    let here = include_str!("main.rs").split_whitespace().collect::<String>();
    assert!(here.contains(&shown), "{shown}");
    mended::check("a_worse_network", "", faults);
    let corrupt = Profile { corrupt: Chance::percent(1), ..faults };
    let check = || mended::check("changed_bits", "", corrupt);
    let panic = catch_unwind(check).expect_err("no checksum finds changed bits");
    let report = panic.downcast_ref::<String>().expect("a report is a text");
    assert!(report.contains("  event Received("), "{report}");
}
