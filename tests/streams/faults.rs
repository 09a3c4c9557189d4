//! What faults do to streams.

use crate::script::{B, Do, expect, run, run_with};

const SIXTEEN: &str = "0123456789abcdef";

/// a sends sixteen bytes and closes; b answers with three and closes.
const EXCHANGE: [(u64, &str, Do); 5] = [
    (0, "a", Do::Connect(B)),
    (20, "a", Do::Write(0, SIXTEEN)),
    (20, "a", Do::Shutdown(0)),
    (30, "b", Do::Write(0, "yes")),
    (30, "b", Do::Close(0)),
];

/// What b read.
fn read(transcript: &str) -> Vec<&str> {
    let reads = transcript.lines().filter(|line| line.contains("  b  read "));
    reads.map(|line| line.split('"').nth(1).unwrap()).collect()
}

#[test]
fn a_reset_lets_pass_what_came_before_it() {
    expect(
        &run("a>b @5 reset", &EXCHANGE[..3]),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "0123456789abcdef" → b
        0.020  -  fault a>b @5 reset
        0.020  a  shutdown → b
        0.025  b  read  @0 "01234" ← a
        0.025  b  closed ← a: reset
        0.030  a  closed ← b: reset
    "#,
    );
    for offset in 0..=16_usize {
        let (_, unfired, transcript) = run_with(&format!("a>b @{offset} reset"), &EXCHANGE[..3]);
        assert_eq!(read(&transcript).concat(), &SIXTEEN[..offset], "{transcript}");
        assert!(unfired.is_empty());
        for end in ["a  closed ← b: reset", "b  closed ← a: reset"] {
            assert_eq!(transcript.matches(end).count(), 1, "{transcript}");
        }
        assert!(!transcript.contains("  eof "), "{transcript}");
    }
    // One beyond the end is nowhere.
    let (_, unfired, transcript) = run_with("a>b @17 reset", &EXCHANGE);
    assert_eq!((unfired.len(), transcript.contains("reset")), (1, false));
}

#[test]
fn a_cut_ends_a_read_and_nothing_else() {
    for offset in 1..16_usize {
        let (_, unfired, transcript) = run_with(&format!("a>b @{offset} cut"), &EXCHANGE);
        assert_eq!(read(&transcript), [&SIXTEEN[..offset], &SIXTEEN[offset..]], "{transcript}");
        assert!(unfired.is_empty());
    }
    // At the ends there is nothing to cut.
    for offset in [0, 16, 17] {
        let (_, unfired, transcript) = run_with(&format!("a>b @{offset} cut"), &EXCHANGE);
        assert_eq!((unfired.len(), read(&transcript)), (1, vec![SIXTEEN]));
    }
}

#[test]
fn a_stream_is_cut_every_so_many_bytes() {
    for len in 1..=16_usize {
        let (_, unfired, transcript) = run_with(&format!("a>b cut every {len} bytes"), &EXCHANGE);
        let expected: Vec<&str> =
            SIXTEEN.as_bytes().chunks(len).map(|part| std::str::from_utf8(part).unwrap()).collect();
        assert_eq!(read(&transcript), expected);
        assert_eq!(unfired.is_empty(), len < 16);
    }
    // The distance is counted from the beginning of the stream, not of the write.
    let script = [(0, "a", Do::Connect(B)), (20, "a", Do::Write(0, "123")), (21, "a", Do::Write(0, "4567"))];
    assert_eq!(read(&run("a>b cut every 4 bytes", &script)), ["123", "4", "567"]);
}

#[test]
fn a_stall_holds_back_what_follows() {
    expect(
        &run("a>b @10 stall 1s", &EXCHANGE),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "0123456789abcdef" → b
        0.020  -  fault a>b @10 stall 1s
        0.020  a  shutdown → b
        0.025  b  read  @0 "0123456789" ← a
        0.030  b  write @0 "yes" → a
        0.030  b  close → a
        0.035  a  read  @0 "yes" ← b
        0.035  a  eof   ← b
        0.035  a  closed ← b: finished
        1.025  b  closed ← a: finished
    "#,
    );
}

/// What stalls when it becomes calm arrives a latency after, and no later byte is hit.
#[test]
fn no_stream_is_hit_once_it_is_calm() {
    let script = [(0, "a", Do::Connect(B)), (20, "a", Do::Write(0, "1234")), (60, "a", Do::Write(0, "5678"))];
    let plan = "a>b @0 stall 1s; a>b @4 stall 1s; a>b cut every 2 bytes";
    let reads = |plan: &str| {
        let (_, _, transcript) = run_with(plan, &script);
        let reads = transcript.lines().filter(|line| line.contains("  read "));
        reads.map(|line| format!("{} {}", &line[..5], line.split('"').nth(1).unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(reads(plan), ["1.025 12", "1.025 34", "1.065 56", "1.065 78"]);
    assert_eq!(reads(&format!("calm 50ms; {plan}")), ["0.055 12", "0.055 34", "0.065 5678"]);
    assert_eq!(reads("calm 10ms; a>b @0 reset"), ["0.025 1234", "0.065 5678"]);
}

#[test]
fn a_stall_at_the_end_holds_back_the_end() {
    expect(
        &run("a>b @16 stall 1s", &EXCHANGE),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "0123456789abcdef" → b
        0.020  a  shutdown → b
        0.020  -  fault a>b @16 stall 1s
        0.025  b  read  @0 "0123456789abcdef" ← a
        0.030  b  write @0 "yes" → a
        0.030  b  close → a
        0.035  a  read  @0 "yes" ← b
        0.035  a  eof   ← b
        0.035  a  closed ← b: finished
        1.025  b  closed ← a: finished
    "#,
    );
}

#[test]
fn a_stall_when_a_machine_ends_is_told_of_where_it_is() {
    let script = [(0, "a", Do::Connect(B)), (20, "a", Do::Write(0, "bye")), (20, "a", Do::Done)];
    expect(
        &run("a>b @3 stall 1s", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "bye" → b
        0.020  a  done  0
        0.020  -  fault a>b @3 stall 1s
        0.025  b  read  @0 "bye" ← a
        1.025  b  eof   ← a
        2.025  b  closed ← a: reset
    "#,
    );
    expect(
        &run("a>b @3 stall 1s; at 30ms crash a", &script[..2]),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.020  a  write @0 "bye" → b
        0.025  b  read  @0 "bye" ← a
        0.030  -  fault crash a
        0.030  -  fault a>b @3 stall 1s
        1.035  b  eof   ← a
    "#,
    );
}

#[test]
fn a_partition_holds_back_and_the_heal_lets_go() {
    let plan = "at 25ms partition a|b; at 1s heal";
    let script = [
        (0, "a", Do::Connect(B)),
        (24, "a", Do::Write(0, "in flight")),
        (25, "a", Do::Write(0, "held back")),
        (26, "a", Do::Shutdown(0)),
        (27, "b", Do::Write(0, "and the other way")),
    ];
    expect(
        &run(plan, &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.024  a  write @0 "in flight" → b
        0.025  -  fault partition a|b
        0.025  a  write @9 "held back" → b
        0.026  a  shutdown → b
        0.027  b  write @0 "and the other way" → a
        0.029  b  read  @0 "in flight" ← a
        1.000  -  fault heal
        1.005  a  read  @0 "and the other way" ← b
        1.005  b  read  @9 "held back" ← a
        1.005  b  eof   ← a
    "#,
    );
}

#[test]
fn faults_hit_the_direction_and_the_connection_that_they_name() {
    let (_, unfired, transcript) = run_with("a>b/1 @3 reset; b>a @1 cut", &EXCHANGE);
    assert_eq!((unfired.len(), read(&transcript)), (1, vec![SIXTEEN]));
    assert!(transcript.contains("read  @0 \"y\"") && transcript.contains("read  @1 \"es\""), "{transcript}");
}

#[test]
fn a_reset_behind_a_partition_is_heard_of_after_the_heal_or_never() {
    let script = [(0, "a", Do::Connect(B)), (30, "a", Do::Write(0, "never read")), (40, "a", Do::Close(0))];
    expect(
        &run("at 21ms partition a|b; a>b @0 reset; at 1s heal", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.021  -  fault partition a|b
        0.030  a  write @0 "never read" → b
        0.030  -  fault a>b @0 reset
        0.040  a  close → b
        1.000  -  fault heal
        1.005  b  closed ← a: reset
        1.010  a  closed ← b: reset
    "#,
    );
    expect(
        &run("at 21ms partition a|b; a>b @0 reset", &script),
        r#"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
        0.021  -  fault partition a|b
        0.030  a  write @0 "never read" → b
        0.030  -  fault a>b @0 reset
        0.040  a  close → b
        2.040  a  closed ← b: linger expired
    "#,
    );
}
