//! Hosts that wait for one another with full buffers: what is a deadlock, and what only looks like one.

use std::time::Duration;

use lossproof::Scenario;
use lossproof::check::Search;
use lossproof::engine::{Ended, MAX_UNREAD, Prepared};
use lossproof::fault::{Chance, Profile};
use lossproof::machine::limits::SEND_BUFFER_LEN;
use lossproof::specimens;
use lossproof::systems::{Options, tcp_deadlock};

use crate::script::{B, CIRCLE, Do, run_with};

/// What a reader's system takes while its machine does not read.
const FIRST: Do = Do::Fill(0, SEND_BUFFER_LEN);
/// More than fits behind that.
const TOO_MUCH: usize = SEND_BUFFER_LEN + 1;
/// When the second of two ends is full.
const SINCE: u64 = 1_010;

/// Both ends of one connection write without reading; what else happens comes after.
fn embrace(more: &[(u64, &'static str, Do)]) -> Vec<(u64, &'static str, Do)> {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "a", Do::Pause(0)),
        (20, "b", Do::Pause(0)),
        (20, "a", FIRST),
        (30, "b", FIRST),
        (1_000, "a", Do::Fill(0, TOO_MUCH)),
        (SINCE, "b", Do::Fill(0, TOO_MUCH)),
    ];
    [&script, more].concat()
}

/// Why a run ended, and the line that says what is broken.
fn ended(plan: &str, script: &[(u64, &str, Do)]) -> (Ended, Option<String>) {
    let (outcome, unfired, transcript) = run_with(&format!("streams segments; {plan}"), script);
    assert!(unfired.is_empty(), "{unfired:?}");
    (outcome.ended, transcript.lines().find(|line| line.contains("broken")).map(str::to_owned))
}

#[test]
fn two_that_write_without_reading_wait_for_each_other() {
    // Probes of the windows go on for ever.
    let (ended, broken) = ended("", &embrace(&[]));
    let line = "broken deadlock: a waits for b to read 65536 bytes (a>b); b waits for a to read 65536 bytes (b>a); since 1.010";
    let broken = broken.expect("a deadlock is told");
    assert!(broken.starts_with("31.010") && broken.ends_with(line), "{broken}");
    assert_eq!(ended, Ended::Deadlock);
}

#[test]
fn a_circle_may_have_three_and_a_tail_is_not_in_it() {
    let writes = [("a", 0), ("b", 0), ("b", 1), ("c", 0)];
    let fills = |at, len| writes.map(|(host, which)| (at, host, Do::Fill(which, len)));
    let script = [&CIRCLE[..], &fills(60, SEND_BUFFER_LEN), &fills(1_000, TOO_MUCH)].concat();
    let line = "a waits for b to read 65536 bytes (a>b); b waits for c to read 65536 bytes (b>c); \
                c waits for a to read 65536 bytes (c>a); since 1.000";
    let (ended, broken) = ended("", &script);
    assert_eq!(ended, Ended::Deadlock);
    assert!(broken.as_ref().is_some_and(|broken| broken.ends_with(line)), "{broken:?}");
}

#[test]
fn a_slow_reader_is_no_deadlock() {
    // It reads at last: when it is one, and just before.
    for (early, is_deadlock) in [(0, true), (1, false)] {
        let read_at = SINCE + MAX_UNREAD.as_millis() as u64 - early;
        let (ended, broken) = ended("", &embrace(&[(read_at, "b", Do::Resume(0))]));
        assert_eq!(ended == Ended::Deadlock, is_deadlock, "{ended}: {broken:?}");
    }
    // One direction alone is no circle, for however long it is full.
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (20, "a", FIRST),
        (1_000, "a", Do::Fill(0, TOO_MUCH)),
        (59_000, "b", Do::Resume(0)),
    ];
    assert_eq!(ended("", &script).1, None);
}

#[test]
fn a_full_stream_that_nobody_waits_for_is_no_deadlock() {
    // The bound, and one beyond: what fits whole leaves nobody waiting.
    for (len, is_deadlock) in [(SEND_BUFFER_LEN, false), (TOO_MUCH, true)] {
        let mut script = embrace(&[]);
        script[6].2 = Do::Fill(0, len);
        assert_eq!(ended("", &script).0 == Ended::Deadlock, is_deadlock, "{len}");
    }
}

/// Windows are told in units of two bytes: with one byte of room a window is closed, with two it is open, and what was
/// refused fits when they are taken.
#[test]
fn a_window_that_is_open_is_no_deadlock() {
    for (room_len, is_deadlock) in [(0, true), (1, true), (2, false)] {
        let mut script = embrace(&[]);
        script[4].2 = Do::Fill(0, SEND_BUFFER_LEN - room_len);
        assert_eq!(ended("", &script).0 == Ended::Deadlock, is_deadlock, "{room_len}");
    }
}

/// Who has not heard of it yet that everything has arrived will be able to write. Both windows are closed then, and both
/// hear of it in the end.
#[test]
fn an_acknowledgement_on_its_way_is_no_deadlock() {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "a", Do::Pause(0)),
        (20, "b", Do::Pause(0)),
        (20, "a", FIRST),
        (20, "b", FIRST),
    ];
    let calm = run_with("streams segments", &script).2;
    let is_heard = |line: &&str| line.contains("  a  recv") && line.contains("window 0");
    let last_at = calm.lines().find(is_heard).map(at).expect("the window closes");
    // What they have sent last arrives, and no acknowledgement of it for twenty seconds. They write more than fits.
    let more = ["a", "b"].map(|host| (last_at + 200, host, Do::Fill(0, TOO_MUCH)));
    let plan = format!("streams segments; at {}ms partition a|b; at 20s heal", last_at - 6);
    let (outcome, unfired, transcript) = run_with(&plan, &[&script[..], &more].concat());
    assert!(unfired.is_empty(), "{unfired:?}");
    assert_ne!(outcome.ended, Ended::Deadlock, "{transcript}");
    let late = |host: &str| {
        transcript.lines().any(|line| line.contains(host) && line.contains("writable") && at(line) > 20_000)
    };
    assert!(late("  a  ") && late("  b  "), "{transcript}");
}

/// The moment of a line, in milliseconds.
fn at(line: &str) -> u64 {
    let at = line.split(' ').next().expect("a word");
    at.replace('.', "").parse().expect("a moment")
}

#[test]
fn a_circle_that_somebody_else_breaks_is_no_deadlock() {
    for more in [Do::Close(0), Do::Abort(0), Do::Done, Do::Resume(0)] {
        assert_eq!(ended("", &embrace(&[(5_000, "a", more)])).1, None, "{more:?}");
    }
    for plan in ["at 5s crash a", "at 5s crash b"] {
        assert_eq!(ended(plan, &embrace(&[])).1, None, "{plan}");
    }
}

/// The client that writes everything first has a deadlock, whatever befalls single packets; the one that reads has none.
#[test]
fn the_original_client_waits_for_ever_and_the_right_one_does_not() {
    let options = Options { bytes: 300_000, ..Options::default() };
    let lossy = Profile {
        loss: Chance::percent(2),
        duplicate: Chance::percent(5),
        jitter: Duration::from_millis(5),
        ..Profile::CALM
    };
    let bug = specimens::find("tcp-deadlock", "writes-before-reading").expect("it is there");
    let plan = "streams segments".parse().expect("a plan");
    let circle = "server waits for client to read 65536 bytes (server>client); \
                  client waits for server to read 65536 bytes (client>server); since ";
    for (net, is_deadlock) in [(bug.net(&options), true), (tcp_deadlock::net(&options), false)] {
        let scenario = Scenario::from(net);
        let prepared = Prepared::new(&plan, &scenario).expect("it names no host");
        let mut search = Search::new(&scenario, prepared, lossy, 0);
        let mut deadlocks = 0;
        for run in 0..20 {
            let failure = search.runs(run..run + 1).failure;
            assert!(is_deadlock || failure.is_none(), "{failure:?}");
            deadlocks += u32::from(failure.is_some_and(|failure| {
                assert_eq!(failure.broken, "deadlock", "{}", failure.detail);
                failure.detail.starts_with(circle) && failure.transcript.contains(&failure.detail)
            }));
        }
        assert!(!is_deadlock || deadlocks >= 15, "only {deadlocks} of 20");
    }
}
