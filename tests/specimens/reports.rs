//! What a failing check prints of each.

use lossproof::harness::Check;
use lossproof::transcript::MAX_REPORT_LINES;

use crate::{counted, worlds};

/// How many lines say where the files are, after the report.
const FILES_LINES: usize = 3;

/// The report of the smallest plan known is short. It has every fault of the plan, and the last line; all others are in
/// it or counted.
#[test]
fn every_report_is_read_in_a_minute() {
    let mut cut = 0;
    for world in worlds() {
        let name = world.name();
        let verdict = Check::new(world.scenario.clone()).plan(world.smallest()).runs(1).verdict();
        let verdict = verdict.expect("its plan is one");
        let report = verdict.to_string();
        let failure = verdict.failure().unwrap_or_else(|| panic!("{name}: {report}"));
        assert!(report.lines().count() + FILES_LINES <= MAX_REPORT_LINES, "{name}: {report}");
        let excerpt = report.split_once("\n\n").expect("a head").1;
        assert_eq!(counted::counts(excerpt, &failure.transcript), Ok(()), "{name}: {report}");
        let must = |line: &&str| line.contains("  fault ") || line.contains("  broken ");
        for line in failure.transcript.lines().filter(must) {
            assert!(excerpt.lines().any(|kept| kept == line), "{name}: {line}\n{report}");
        }
        cut += usize::from(excerpt != failure.transcript);
    }
    assert!(cut >= 3, "the transcripts of udp-chat are longer than that: {cut}");
}
