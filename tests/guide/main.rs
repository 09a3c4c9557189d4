//! The guide's example, as its reader would have it: it is found wrong, replayed and mended, and the guide says what
//! really happens.
//!
//! After a change of the report that is meant, `INSTA_UPDATE=always cargo test --test guide` writes it into the guide
//! anew.

mod broken {
    #[expect(unreachable_pub, reason = "in the reader's library they are reached")]
    mod file_transfer;
    include!("a_file_arrives.rs");
    include!("files_arrive.rs");

    /// The reader's tests.
    pub(super) const TESTS: [(&str, fn()); 2] =
        [("a_file_arrives", a_file_arrives), ("files_arrive", files_arrive)];

    /// The same with other faults.
    pub(super) fn check(name: &str, plan: &str, faults: Profile) -> lossproof::harness::Verdict {
        let (net, sender) = transfer();
        net.command(Instant::START, sender, "stop and go".to_owned());
        net.eventually_within("the file is sent", Duration::from_secs(30), move |run| {
            !run.events(sender).is_empty()
        });
        let plan = plan.parse().expect("a plan");
        Check::new(net).named(name).plan(plan).profile(faults).assert()
    }
}
mod mended {
    #[expect(unreachable_pub, reason = "in the reader's library they are reached")]
    mod file_transfer;
    include!("a_file_arrives.rs");
    include!("files_arrive.rs");

    /// The reader's tests.
    pub(super) const TESTS: [(&str, fn()); 2] =
        [("a_file_arrives", a_file_arrives), ("files_arrive", files_arrive)];

    /// The same with other faults.
    pub(super) fn check(name: &str, plan: &str, faults: Profile) -> lossproof::harness::Verdict {
        let (net, sender) = transfer();
        net.command(Instant::START, sender, "stop and go".to_owned());
        net.eventually_within("the file is sent", Duration::from_secs(30), move |run| {
            !run.events(sender).is_empty()
        });
        let plan = plan.parse().expect("a plan");
        Check::new(net).named(name).plan(plan).profile(faults).assert()
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
const FILES_TEST: &str = include_str!("files_arrive.rs");

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

/// A test as its reader has it: it is not left out.
fn shown(test: &str) -> String {
    test.lines()
        .filter(|line| !line.starts_with("#[ignore"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// Runs a test on a thread of its name, as the standard harness does.
fn run((name, test): (&str, fn())) -> std::thread::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(test).expect("there are threads").join()
}

/// What a test of the broken machines says, with the path of its files as on any machine.
fn report(test: (&str, fn())) -> String {
    let panic = run(test).expect_err("the broken machines break a property");
    let report = panic.downcast_ref::<String>().expect("a report is a text");
    let line = |line: &str| match (line.strip_prefix("  files: "), line.find("target/lossproof/")) {
        (Some(_), Some(at)) => format!("  files: {}\n", &line[at..]),
        // The guide takes the crate without features, and so without captures.
        _ => format!("{}\n", line.replace("capture.pcapng ", "")),
    };
    report.lines().map(line).collect()
}

/// A report without the time that it took by the clock on the wall.
fn timeless(report: &str) -> String {
    let line = |line: &str| match line.strip_prefix("  after ").and(line.split_once(" (")) {
        Some((runs, times)) => {
            format!("{runs} {}\n", times.split_once(", ").map_or("", |(_, virtual_time)| virtual_time))
        }
        None => format!("{line}\n"),
    };
    report.lines().map(line).collect()
}

#[test]
fn the_code_of_the_guide_is_what_runs_here() {
    let code = blocks(GUIDE, "rust");
    assert_eq!(format!("{}\n{}", code[0], code[1]), BROKEN);
    assert_eq!(code[2], shown(TEST));
    assert_eq!(code[4], shown(FILES_TEST));
    let lines = BROKEN.lines().count() + code[2].lines().count();
    assert!(lines <= 120, "the example has {lines} lines");
}

#[test]
fn the_reports_of_the_guide_are_what_the_tests_say() {
    let guide = blocks(GUIDE, "text").into_iter().filter(|block| block.starts_with("FAILED"));
    let reports = broken::TESTS.map(report);
    let mut renewed = GUIDE.to_owned();
    for (shown, report) in
        guide.clone().zip(&reports).filter(|(shown, report)| timeless(shown) != timeless(report))
    {
        renewed = renewed.replace(&shown, report);
    }
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide.md");
        std::fs::write(path, &renewed).expect("the guide can be written");
    } else {
        assert_eq!(GUIDE, renewed);
    }
    assert_eq!(guide.count(), reports.len());
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
    for test in mended::TESTS {
        run(test).expect("the mended machines hold");
    }
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
            Some(line.strip_suffix("' cargo test -- --exact a_file_arrives")?.to_owned())
        };
        page.lines().filter_map(line).collect()
    };
    let guide = plans(GUIDE);
    let [found, by_luck, hole] = &guide[..] else { panic!("three lines: {guide:?}") };
    let report = report(broken::TESTS[0]);
    let told = |text: &str| text.lines().find(|line| line.contains("broken a file")).map(str::to_owned);
    assert_eq!(told(&replayed(found).expect_err("it fails again")), told(&report));
    assert_eq!(replayed(by_luck), Ok(()));
    let hole = replayed(hole).expect_err("a block is missing");
    assert!(hole.contains("  sender    event ") && !hole.contains("  receiver  event "), "{hole}");
    assert_eq!(plans(README), std::slice::from_ref(found));
    mended::check("mended", found, Profile::default());
}

#[test]
fn loss_alone_does_not_show_the_bug() {
    let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
    assert_eq!(broken::check("loss_alone", "", loss).tally().runs, 10_000);
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
    assert!(report.contains("  receiver  event "), "{report}");
}
