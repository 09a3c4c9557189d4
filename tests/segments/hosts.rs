//! What crashes and power failures do to streams of segments.

use crate::script::{B, Do, run};

fn segments(plan: &str, script: &[(u64, &'static str, Do)]) -> String {
    run(&format!("streams segments; {plan}"), script)
}

const TALK: [(u64, &str, Do); 3] =
    [(0, "a", Do::Connect(B)), (500, "a", Do::Write(0, "first")), (4_000, "a", Do::Write(0, "second"))];

#[test]
fn the_system_of_a_process_that_died_ends_its_streams_and_resets_what_comes_later() {
    let transcript = segments("at 1s crash b", &TALK);
    assert!(transcript.contains("1.005  a  eof   ← b"), "{transcript}");
    assert!(transcript.contains("4.010  a  closed ← b: reset"), "{transcript}");
}

#[test]
fn a_process_that_dies_with_unread_input_resets() {
    let script = [(0, "a", Do::Connect(B)), (100, "b", Do::Pause(0)), (500, "a", Do::Write(0, "unread"))];
    let transcript = segments("at 1s crash b", &script);
    assert!(transcript.contains("1.005  a  closed ← b: reset"), "{transcript}");
}

#[test]
fn a_host_without_power_is_silent_and_knows_nothing_when_it_is_back() {
    let transcript = segments("at 1s poweroff b; at 10s restart b", &TALK);
    assert!(!transcript.contains("eof"), "{transcript}");
    // Sent again at 5, 7 and 11 s: the host is there again.
    assert!(transcript.contains("11.005  b  send  #2 [RST] → a"), "{transcript}");
    assert!(transcript.contains("11.010  a  closed ← b: reset"), "{transcript}");
}

#[test]
fn a_process_that_died_listens_no_more_until_it_is_back() {
    let dials = [(0, "a", Do::Connect(B)), (2_000, "a", Do::Connect(B))];
    let transcript = segments("at 1ms crash b; at 1s restart b", &dials);
    assert!(transcript.contains("0.010  a  connect-failed ← b: connection refused"), "{transcript}");
    assert!(transcript.contains("2.010  a  connected /1 ← b"), "{transcript}");
}
