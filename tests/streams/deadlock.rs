//! Hosts that wait for one another: what is a deadlock, and what only looks like one.

use std::time::Duration;

use lossproof::Scenario;
use lossproof::check::Search;
use lossproof::engine::{Ended, MAX_UNREAD, Prepared};
use lossproof::fault::Profile;
use lossproof::machine::limits::SEND_BUFFER_LEN;

use crate::script::{B, CIRCLE, Do, net, run_with};

/// More than fits.
const TOO_MUCH: usize = SEND_BUFFER_LEN + 1;

/// Both ends of one connection write without reading; what else happens comes after.
fn embrace(more: &[(u64, &'static str, Do)]) -> Vec<(u64, &'static str, Do)> {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "a", Do::Pause(0)),
        (20, "b", Do::Pause(0)),
        (20, "a", Do::Fill(0, TOO_MUCH)),
        (30, "b", Do::Fill(0, TOO_MUCH)),
    ];
    [&script, more].concat()
}

/// Why a run ended, and the line that says what is broken.
fn ended(plan: &str, script: &[(u64, &str, Do)]) -> (Ended, Option<String>) {
    let (outcome, _, transcript) = run_with(plan, script);
    (outcome.ended, transcript.lines().find(|line| line.contains("broken")).map(str::to_owned))
}

#[test]
fn two_that_write_without_reading_wait_for_each_other() {
    let line = "0.035  a  broken deadlock: a waits for b to read 65536 bytes (a>b); b waits for a to read 65536 bytes (b>a); since 0.035";
    assert_eq!(ended("", &embrace(&[])), (Ended::Deadlock, Some(line.to_owned())));
}

#[test]
fn a_circle_may_have_three_and_a_tail_is_not_in_it() {
    let fills = [
        (60, "a", Do::Fill(0, TOO_MUCH)),
        (60, "b", Do::Fill(0, TOO_MUCH)),
        (60, "b", Do::Fill(1, TOO_MUCH)),
        (60, "c", Do::Fill(0, TOO_MUCH)),
    ];
    let script = [&CIRCLE[..], &fills].concat();
    let line = "a waits for b to read 65536 bytes (a>b); b waits for c to read 65536 bytes (b>c); \
                c waits for a to read 65536 bytes (c>a); since 0.065";
    let (ended, broken) = ended("", &script);
    assert_eq!(ended, Ended::Deadlock);
    assert!(broken.as_ref().is_some_and(|broken| broken.ends_with(line)), "{broken:?}");
}

#[test]
fn a_slow_reader_is_no_deadlock() {
    // It reads at last: just before it would be one, and just after.
    let since = 35;
    for (late, expected) in [(0, Ended::Deadlock), (1, Ended::Quiet)] {
        let read_at = since + MAX_UNREAD.as_millis() as u64 - late;
        assert_eq!(ended("", &embrace(&[(read_at, "b", Do::Resume(0))])).0, expected);
    }
    // One direction alone is no circle, for however long it is full.
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (20, "a", Do::Fill(0, TOO_MUCH)),
        (59_000, "b", Do::Resume(0)),
    ];
    assert_eq!(ended("", &script), (Ended::Quiet, None));
}

#[test]
fn what_never_happens_is_told_with_who_waits_for_whom() {
    // No circle, and yet nothing is left to happen.
    let script = [(0, "a", Do::Connect(B)), (20, "b", Do::Pause(0)), (20, "a", Do::Fill(0, TOO_MUCH))];
    let net = net(&script);
    net.eventually_within("b hears", Duration::from_secs(9), |_| false);
    let scenario = Scenario::from(net);
    let mut search = Search::new(&scenario, Prepared::default(), Profile::default(), 0);
    let failure = search.runs(0..1).failure.expect("it does not happen");
    let detail = "it has not happened, and nothing is left to happen at 0.020; \
                  a waits for b to read 65536 bytes (a>b)";
    assert_eq!((failure.broken.as_str(), failure.detail.as_str()), ("b hears", detail));
}

#[test]
fn a_full_stream_that_nobody_waits_for_is_no_deadlock() {
    // The bound, and one beyond: what fits whole leaves nobody waiting.
    for (len, expected) in [(SEND_BUFFER_LEN, Ended::Quiet), (TOO_MUCH, Ended::Deadlock)] {
        let mut script = embrace(&[]);
        script[4].2 = Do::Fill(0, len);
        assert_eq!(ended("", &script).0, expected, "{len}");
    }
}

#[test]
fn a_circle_that_somebody_else_breaks_is_no_deadlock() {
    for more in [Do::Close(0), Do::Abort(0), Do::Done] {
        assert_eq!(ended("", &embrace(&[(5_000, "a", more)])).0, Ended::Quiet, "{more:?}");
    }
    for plan in ["at 5s crash a", "at 5s crash b"] {
        assert_eq!(ended(plan, &embrace(&[])), (Ended::Quiet, None), "{plan}");
    }
}
