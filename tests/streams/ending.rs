//! How connections end.

use crate::script::{B, Do, expect, run, without};

const CONNECTED: u64 = 20;

/// A connection of which both have heard, then this.
fn connected(plan: &str, script: &[(u64, &'static str, Do)]) -> String {
    let mut whole = vec![(0, "a", Do::Connect(B))];
    whole.extend(script.iter().map(|&(at, host, action)| (CONNECTED + at, host, action)));
    let transcript = run(plan, &whole);
    without(&transcript, "  connect")
}

#[test]
fn a_half_is_closed_at_a_time() {
    let script = [
        (0, "a", Do::Write(0, "request")),
        (0, "a", Do::Shutdown(0)),
        (10, "b", Do::Write(0, "reply")),
        (10, "b", Do::Shutdown(0)),
    ];
    expect(
        &connected("", &script),
        r#"
        0.020  a  write @0 "request" → b
        0.020  a  shutdown → b
        0.025  b  read  @0 "request" ← a
        0.025  b  eof   ← a
        0.030  b  write @0 "reply" → a
        0.030  b  shutdown → a
        0.030  b  closed ← a: finished
        0.035  a  read  @0 "reply" ← b
        0.035  a  eof   ← b
        0.035  a  closed ← b: finished
    "#,
    );
    // And the other way round.
    let script =
        [(0, "b", Do::Shutdown(0)), (10, "a", Do::Write(0, "still talking")), (20, "a", Do::Shutdown(0))];
    expect(
        &connected("", &script),
        r#"
        0.020  b  shutdown → a
        0.025  a  eof   ← b
        0.030  a  write @0 "still talking" → b
        0.035  b  read  @0 "still talking" ← a
        0.040  a  shutdown → b
        0.040  a  closed ← b: finished
        0.045  b  eof   ← a
        0.045  b  closed ← a: finished
    "#,
    );
}

#[test]
fn a_close_with_unread_input_loses_no_reply() {
    // b has not read all of the request when it answers and closes; more of it comes after that.
    let script = [
        (0, "a", Do::Write(0, "a long request")),
        (1, "b", Do::Pause(0)),
        (6, "b", Do::Write(0, "no!")),
        (6, "b", Do::Close(0)),
        (7, "a", Do::Write(0, "and more of it")),
        (30, "a", Do::Close(0)),
    ];
    expect(
        &connected("", &script),
        r#"
        0.020  a  write @0 "a long request" → b
        0.021  b  pause ← a
        0.026  b  write @0 "no!" → a
        0.026  b  close → a
        0.027  a  write @14 "and more of it" → b
        0.031  a  read  @0 "no!" ← b
        0.031  a  eof   ← b
        0.050  a  close → b
        0.050  a  closed ← b: finished
        0.055  b  closed ← a: finished
    "#,
    );
}

#[test]
fn both_may_close_at_once() {
    expect(
        &connected("", &[(0, "a", Do::Close(0)), (0, "b", Do::Close(0))]),
        r"
        0.020  a  close → b
        0.020  b  close → a
        0.025  a  closed ← b: finished
        0.025  b  closed ← a: finished
    ",
    );
}

#[test]
fn who_has_closed_waits_two_seconds_for_the_peer() {
    expect(
        &connected("", &[(0, "a", Do::Close(0)), (1_999, "b", Do::Write(0, "a's system still takes this"))]),
        r#"
        0.020  a  close → b
        0.025  b  eof   ← a
        2.019  b  write @0 "a's system still takes this" → a
        2.020  a  closed ← b: linger expired
        2.025  b  closed ← a: reset
    "#,
    );
    // The end comes at the last moment.
    expect(
        &connected("", &[(0, "a", Do::Close(0)), (1_994, "b", Do::Close(0))]),
        r"
        0.020  a  close → b
        0.025  b  eof   ← a
        2.014  b  close → a
        2.014  b  closed ← a: finished
        2.019  a  closed ← b: finished
    ",
    );
}

#[test]
fn who_has_closed_discards_a_mebibyte_and_not_one_byte_more() {
    let talk = |last: usize| {
        let mut script = vec![(0, "a", Do::Close(0))];
        script.extend((0..16).map(|n| (20 * n, "b", Do::Fill(0, 64 * 1024))));
        script.push((320, "b", Do::Fill(0, last)));
        script.push((400, "b", Do::Close(0)));
        let transcript = connected("", &script);
        without(&transcript, "  write ")
    };
    expect(
        &talk(0),
        r"
        0.020  a  close → b
        0.025  b  eof   ← a
        0.420  b  close → a
        0.420  b  closed ← a: finished
        0.425  a  closed ← b: finished
    ",
    );
    expect(
        &talk(1),
        r"
        0.020  a  close → b
        0.025  b  eof   ← a
        0.345  a  closed ← b: linger expired
        0.350  b  closed ← a: reset
    ",
    );
}

#[test]
fn an_abort_is_seen_as_a_reset_after_what_was_sent() {
    let script = [(0, "a", Do::Write(0, "last words")), (0, "a", Do::Abort(0)), (1, "b", Do::Write(0, "?"))];
    expect(
        &connected("", &script),
        r#"
        0.020  a  write @0 "last words" → b
        0.020  a  abort → b
        0.020  a  closed ← b: aborted
        0.021  b  write @0 "?" → a
        0.025  b  read  @0 "last words" ← a
        0.025  b  closed ← a: reset
    "#,
    );
}

#[test]
fn a_reset_reaches_a_stream_that_is_paused() {
    let script = [
        (0, "b", Do::Pause(0)),
        (1, "a", Do::Write(0, "never read")),
        (8, "a", Do::Abort(0)),
        (20, "b", Do::Resume(0)),
    ];
    expect(
        &connected("", &script),
        r#"
        0.020  b  pause ← a
        0.021  a  write @0 "never read" → b
        0.028  a  abort → b
        0.028  a  closed ← b: aborted
        0.033  b  closed ← a: reset
    "#,
    );
}

#[test]
fn a_machine_that_ends_closes_in_good_order() {
    let script = [
        (0, "a", Do::Write(0, "bye")),
        (0, "a", Do::Done),
        (1, "b", Do::Write(0, "sent before the end is known")),
        (10, "b", Do::Close(0)),
    ];
    expect(
        &connected("", &script),
        r#"
        0.020  a  write @0 "bye" → b
        0.020  a  done  0
        0.021  b  write @0 "sent before the end is known" → a
        0.025  b  read  @0 "bye" ← a
        0.025  b  eof   ← a
        0.030  b  close → a
        0.030  b  closed ← a: finished
    "#,
    );
}

#[test]
fn nothing_is_heard_of_a_connection_that_was_aborted_at_the_very_end() {
    expect(
        &connected("", &[(0, "a", Do::Abort(0)), (0, "a", Do::Done)]),
        r"
        0.020  a  abort → b
        0.020  a  done  0
        0.025  b  closed ← a: reset
    ",
    );
}

#[test]
fn a_crash_is_an_end_if_all_was_read_and_a_reset_if_not() {
    let script = [(0, "a", Do::Write(0, "read")), (100, "a", Do::Close(0))];
    expect(
        &connected("at 40ms crash b", &script),
        r#"
        0.020  a  write @0 "read" → b
        0.025  b  read  @0 "read" ← a
        0.040  -  fault crash b
        0.045  a  eof   ← b
        0.120  a  close → b
        0.120  a  closed ← b: finished
    "#,
    );
    let script = [(0, "b", Do::Pause(0)), (0, "a", Do::Write(0, "unread"))];
    expect(
        &connected("at 40ms crash b", &script),
        r#"
        0.020  a  write @0 "unread" → b
        0.020  b  pause ← a
        0.040  -  fault crash b
        0.045  a  closed ← b: reset
    "#,
    );
    // An end that was not read is no data.
    let script = [(0, "b", Do::Pause(0)), (0, "a", Do::Shutdown(0))];
    expect(
        &connected("at 40ms crash b", &script),
        r"
        0.020  a  shutdown → b
        0.020  b  pause ← a
        0.040  -  fault crash b
        0.045  a  eof   ← b
        0.045  a  closed ← b: finished
    ",
    );
    // What is sent to a process that has died is answered by a reset.
    let script = [(30, "a", Do::Write(0, "too late"))];
    expect(
        &connected("at 40ms crash b", &script),
        r#"
        0.040  -  fault crash b
        0.045  a  eof   ← b
        0.050  a  write @0 "too late" → b
        0.060  a  closed ← b: reset
    "#,
    );
}

#[test]
fn a_host_without_power_says_nothing_until_it_is_back_and_only_to_who_went_on() {
    let went_on = [(30, "a", Do::Write(0, "anybody there?"))];
    expect(
        &connected("at 40ms poweroff b; at 1s restart b", &went_on),
        r#"
        0.040  -  fault poweroff b
        0.050  a  write @0 "anybody there?" → b
        1.000  -  fault restart b
        1.005  a  closed ← b: reset
    "#,
    );
    expect(
        &connected("at 40ms poweroff b; at 1s restart b", &[(30, "a", Do::Shutdown(0))]),
        r"
        0.040  -  fault poweroff b
        0.050  a  shutdown → b
        1.000  -  fault restart b
        1.005  a  closed ← b: reset
    ",
    );
    let later = [(2_000, "a", Do::Shutdown(0))];
    expect(
        &connected("at 40ms poweroff b; at 1s restart b", &later),
        r"
        0.040  -  fault poweroff b
        1.000  -  fault restart b
        2.020  a  shutdown → b
        2.030  a  closed ← b: reset
    ",
    );
    expect(
        &connected("at 40ms poweroff b; at 1s restart b", &[]),
        r"
        0.040  -  fault poweroff b
        1.000  -  fault restart b
    ",
    );
}
