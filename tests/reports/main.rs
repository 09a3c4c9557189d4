//! What a failing check prints is read in a minute: it is short, and it has the cause.

mod chosen;
mod counted;
mod generated;
mod heartbeats;
mod streams;

use lossproof::Check;
use lossproof::harness::Verdict;
use lossproof::transcript::MAX_REPORT_LINES;

/// How many lines say where the files are, after the report.
const FILES_LINES: usize = 3;

/// What a check that fails prints, but for the files. It is short enough.
fn printed(check: &Check) -> (String, Verdict) {
    let verdict = check.verdict().expect("its plan is one");
    let report = verdict.to_string();
    assert!(report.lines().count() + FILES_LINES <= MAX_REPORT_LINES, "{report}");
    (report, verdict)
}
/// Where these texts stand in a report, one after the other, a line each.
#[track_caller]
fn tells(report: &str, texts: &[&str]) {
    let mut lines = report.lines();
    for text in texts {
        assert!(
            lines.any(|line| line.contains(text)),
            "'{text}' is not there, or before the others: {report}"
        );
    }
}
