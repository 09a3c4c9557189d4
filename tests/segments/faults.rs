//! What befalls single segments, and what TCP makes of it.

use crate::script::{B, Do, expect, run, without};

/// A transcript of streams of segments, without the commands.
fn segments(plan: &str, script: &[(u64, &'static str, Do)]) -> String {
    run(&format!("streams segments; {plan}"), script)
}

#[test]
fn all_of_a_connection_is_packets_of_its_flows() {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "a", Do::Write(0, "hello")),
        (20, "a", Do::Shutdown(0)),
        (30, "b", Do::Close(0)),
    ];
    expect(
        &segments("", &script),
        r#"
        0.000  a  connect → b
        0.000  a  send  #0 [SYN] → b
        0.005  b  recv  #0 [SYN] ← a
        0.005  b  send  #0 [SYN ACK] ack 1 → a
        0.010  a  recv  #0 [SYN ACK] ack 1 ← b
        0.010  a  connected ← b
        0.010  a  send  #1 [ACK] ack 1 → b
        0.015  b  recv  #1 [ACK] ack 1 ← a
        0.015  b  connected ← a
        0.020  a  write @0 "hello" → b
        0.020  a  send  #2 [PSH ACK] 1:6 ack 1 → b
        0.020  a  shutdown → b
        0.020  a  send  #3 [FIN ACK] 6 ack 1 → b
        0.025  b  recv  #2 [PSH ACK] 1:6 ack 1 ← a
        0.025  b  read  @0 "hello" ← a
        0.025  b  recv  #3 [FIN ACK] 6 ack 1 ← a
        0.025  b  eof   ← a
        0.030  b  close → a
        0.030  b  send  #1 [FIN ACK] 1 ack 7 → a
        0.030  b  closed ← a: finished
        0.035  a  recv  #1 [FIN ACK] 1 ack 7 ← b
        0.035  a  eof   ← b
        0.035  a  send  #4 [ACK] ack 2 → b
        0.035  a  closed ← b: finished
        0.040  b  recv  #4 [ACK] ack 2 ← a
    "#,
    );
}

#[test]
fn a_lost_syn_comes_again_after_a_second_and_then_two() {
    let lost = "a>b #0 drop; a>b #1 drop";
    let transcript = without(&segments(lost, &[(0, "a", Do::Connect(B))]), "fault");
    expect(
        &without(&transcript, "recv"),
        "
        0.000  a  connect → b
        0.000  a  send  #0 [SYN] → b
        1.000  a  send  #1 [SYN] → b
        3.000  a  send  #2 [SYN] → b
        3.005  b  send  #0 [SYN ACK] ack 1 → a
        3.010  a  connected ← b
        3.010  a  send  #3 [ACK] ack 1 → b
        3.015  b  connected ← a
    ",
    );
}

/// The lines that say what a machine was told, without the moment.
fn told(transcript: &str) -> Vec<&str> {
    let verbs = ["connected", "connect-failed", "read", "eof", "closed", "writable"];
    let lines = transcript
        .lines()
        .filter(|line| line.split_whitespace().nth(2).is_some_and(|verb| verbs.contains(&verb)));
    lines.map(|line| line.split_once("  ").map_or(line, |(_, rest)| rest.trim())).collect()
}

/// Whatever happens to one of its segments, a short exchange comes to the same end.
#[test]
fn one_fault_of_any_segment_changes_nothing_but_times() {
    let script = [
        (0, "a", Do::Connect(B)),
        // So late that both have connected by then, whatever was lost.
        (10_000, "a", Do::Write(0, "request")),
        (20_000, "b", Do::Write(0, "reply")),
        (30_000, "a", Do::Shutdown(0)),
        (40_000, "b", Do::Close(0)),
    ];
    let calm = segments("", &script);
    let by_host = |transcript: &str| {
        let mut lines: Vec<String> = told(transcript).into_iter().map(str::to_owned).collect();
        lines.sort_by_key(|line| line[..1].to_owned());
        lines
    };
    let expected = by_host(&calm);
    assert_eq!(expected.len(), 8, "{calm}");
    for (flow, count) in [("a>b", 6), ("b>a", 5)] {
        assert!(calm.contains(&format!("#{}", count - 1)), "{calm}");
        for n in 0..count {
            for fault in
                ["drop", "duplicate", "delay 700ms", "delay 3s", "flip 13:0x04", "flip 4:0x01", "truncate 8"]
            {
                let transcript = segments(&format!("{flow} #{n} {fault}"), &script);
                assert_eq!(by_host(&transcript), expected, "{flow} #{n} {fault}:\n{transcript}");
            }
        }
    }
}

#[test]
fn a_partition_is_waited_for_and_a_long_one_ends_the_stream() {
    let write = [(0, "a", Do::Connect(B)), (100, "a", Do::Write(0, "after all"))];
    let transcript = segments("at 50ms partition a|b; at 2s heal", &write);
    assert!(transcript.contains("3.105  b  read  @0 \"after all\" ← a"), "{transcript}");
    // The script's net ends at 60 s, and nobody gives up before 100 s.
    let transcript = segments("at 50ms partition a|b", &write);
    assert!(!transcript.contains("closed") && transcript.contains("31.100  a  send"), "{transcript}");
}

#[test]
fn a_dial_into_silence_is_given_up_after_thirty_seconds() {
    let transcript = segments("at 0s partition a|b", &[(0, "a", Do::Connect(B))]);
    assert!(transcript.contains("30.000  a  connect-failed ← b: connecting timed out"), "{transcript}");
    assert!(!transcript.contains("31.000"), "{transcript}");
}

#[test]
fn a_reader_that_pauses_closes_the_window() {
    let script = [
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (30, "a", Do::Fill(0, 64 * 1024)),
        (1_000, "a", Do::Fill(0, 10)),
        (9_000, "b", Do::Resume(0)),
    ];
    let transcript = segments("", &script);
    assert!(transcript.contains("window 0"), "{transcript}");
    assert!(told(&transcript).iter().any(|line| line.starts_with("b  read  @65536")), "{transcript}");
}
