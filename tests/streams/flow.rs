//! How bytes flow, and how they are held back.

use lossproof::machine::limits::SEND_BUFFER_LEN;

use crate::script::{B, Do, expect, run};

#[test]
fn a_paused_stream_holds_its_bytes_and_its_end_in_order() {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (20, "a", Do::Write(0, "one")),
        (21, "a", Do::Write(0, "two")),
        (22, "a", Do::Shutdown(0)),
        (100, "b", Do::Resume(0)),
    ];
    expect(
        &run("", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "one" → b
        0.020  b  pause ← a
        0.021  a  write @3 "two" → b
        0.022  a  shutdown → b
        0.100  b  resume ← a
        0.100  b  read  @0 "one" ← a
        0.100  b  read  @3 "two" ← a
        0.100  b  eof   ← a
    "#,
    );
}

#[test]
fn a_stream_paused_again_keeps_the_rest() {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (20, "a", Do::Write(0, "one")),
        (100, "b", Do::Resume(0)),
        (100, "b", Do::Pause(0)),
        (101, "a", Do::Write(0, "two")),
        (200, "b", Do::Resume(0)),
    ];
    expect(
        &run("", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "one" → b
        0.020  b  pause ← a
        0.100  b  resume ← a
        0.100  b  pause ← a
        0.101  a  write @3 "two" → b
        0.200  b  resume ← a
        0.200  b  read  @0 "one" ← a
        0.200  b  read  @3 "two" ← a
    "#,
    );
}

#[test]
fn the_send_buffer_takes_its_length_and_not_one_byte_more() {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (20, "a", Do::Fill(0, SEND_BUFFER_LEN)),
        (30, "a", Do::Fill(0, 1)),
        (50, "b", Do::Resume(0)),
        (70, "a", Do::Fill(0, SEND_BUFFER_LEN + 1)),
    ];
    expect(
        &run("", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "x"×65536 → b
        0.020  b  pause ← a
        0.030  a  event 0 of 1 bytes fit
        0.050  b  resume ← a
        0.050  b  read  @0 "x"×65536 ← a
        0.055  a  writable ← b
        0.070  a  write @65536 "x"×65536 → b
        0.070  a  event 65536 of 65537 bytes fit
        0.075  b  read  @65536 "x"×65536 ← a
        0.080  a  writable ← b
    "#,
    );
    // All of it in one write fits whole, and then nothing is due.
    let script = [(0, "a", Do::Connect(B)), (20, "a", Do::Fill(0, SEND_BUFFER_LEN))];
    expect(
        &run("", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "x"×65536 → b
        0.025  b  read  @0 "x"×65536 ← a
    "#,
    );
}

#[test]
fn a_close_resumes_what_was_paused() {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (20, "a", Do::Fill(0, SEND_BUFFER_LEN)),
        (21, "a", Do::Fill(0, 1)),
        (50, "b", Do::Close(0)),
        (70, "a", Do::Close(0)),
    ];
    expect(
        &run("", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "x"×65536 → b
        0.020  b  pause ← a
        0.021  a  event 0 of 1 bytes fit
        0.050  b  close → a
        0.055  a  eof   ← b
        0.055  a  writable ← b
        0.070  a  close → b
        0.070  a  closed ← b: finished
        0.075  b  closed ← a: finished
    "#,
    );
}
