//! The first test of the README: it is short, the README has it as it stands here, and it prints what the README shows.
//! After its fix it prints what the guide shows.

use std::panic::catch_unwind;

const README: &str = include_str!("../../README.md");
const COUNTER: &str = include_str!("counter.rs");

mod mended;

mod counter {
    include!("counter.rs");

    /// The reader's test, which fails.
    pub(super) const TEST: fn() = a_request_is_counted_once;
}

/// The blocks of the README that are fenced as this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fenced = README.split("\n```").skip(1).step_by(2);
    fenced.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// The test as its reader has it: it is not left out.
fn shown() -> String {
    let lines = COUNTER.lines().filter(|line| !line.starts_with("#[ignore"));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn the_first_test_is_short_and_the_one_that_stands_in_the_readme() {
    let test = shown();
    assert!(test.lines().count() <= 45);
    let names = test.lines().next().and_then(|line| line.split_once('{')).unwrap().1;
    assert!(names.split(',').count() <= 8, "{names}");
    assert_eq!(blocks("rust").first().copied(), Some(test.trim_end()));
}

/// Without what differs from run to run, and from place to place.
fn fixed(report: &str) -> Vec<&str> {
    let varies = |line: &&str| {
        line.trim().is_empty()
            || line.starts_with("  after ")
            || line.contains("files:")
            || line.contains("report.txt")
    };
    report.lines().filter(|line| !varies(line)).collect()
}

#[test]
fn the_report_is_the_one_that_stands_in_the_readme() {
    let panic = catch_unwind(counter::TEST).expect_err("a lost reply makes the client ask again");
    let report = panic.downcast_ref::<String>().expect("a report is a text");
    let report =
        report.replace("the_report_is_the_one_that_stands_in_the_readme", "a_request_is_counted_once");
    assert_eq!(fixed(&report), fixed(blocks("text")[0]), "{report}");
}

#[test]
fn what_a_check_says_that_passes_is_what_stands_in_the_guide() {
    let said = mended::verdict().to_string();
    let page = include_str!("../../src/guide/check.md");
    let (_, shown) = page.split_once("\n```text\nPASSED ").expect("it is there");
    let (shown, _) = shown.split_once("\n```").expect("it ends");
    // The first line has the time by the clock on the wall.
    assert_eq!(said.split_once('\n').unwrap().1, shown.split_once('\n').unwrap().1, "{said}");
}
