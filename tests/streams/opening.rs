//! How connections come to be, or not.

use crate::script::{B, C, Do, expect, run};

#[test]
fn the_connector_has_it_after_one_round_trip_and_the_acceptor_half_one_later() {
    let transcript = run("", &[(0, "a", Do::Connect(B))]);
    expect(
        &transcript,
        r"
        0.000  a  connect → b
        0.010  a  connected ← b
        0.015  b  connected ← a
    ",
    );
}

#[test]
fn nobody_listens_there() {
    // b listens at another port, and a at none.
    for (from, to) in [("a", "192.168.0.2:8"), ("b", "192.168.0.1:7")] {
        let transcript = run("", &[(0, from, Do::Connect(to))]);
        let other = if from == "a" { "b" } else { "a" };
        expect(
            &transcript,
            &format!(
                "0.000  {from}  connect → {other}\n0.010  {from}  connect-failed ← {other}: connection refused"
            ),
        );
    }
}

#[test]
fn a_process_that_is_no_more_does_not_listen() {
    let transcript =
        run("at 1ms crash b", &[(1, "a", Do::Connect(B)), (0, "c", Do::Done), (2, "a", Do::Connect(C))]);
    expect(
        &transcript,
        r"
        0.000  c  done  0
        0.001  -  fault crash b
        0.001  a  connect → b
        0.002  a  connect → c
        0.011  a  connect-failed ← b: connection refused
        0.012  a  connect-failed ← c: connection refused
    ",
    );
}

#[test]
fn there_is_no_such_host() {
    let transcript = run("", &[(0, "a", Do::Connect("192.168.0.9:7")), (1, "a", Do::Connect("10.0.0.1:7"))]);
    expect(
        &transcript,
        r"
        0.000  a  connect-failed nowhere (192.168.0.9:7): host unreachable
        0.001  a  connect-failed nowhere (10.0.0.1:7): host unreachable
    ",
    );
}

#[test]
fn a_host_without_power_does_not_answer_and_is_reset_when_it_comes_back() {
    let script = [(1, "a", Do::Connect(B)), (13, "a", Do::Write(0, "hello"))];
    let transcript = run("at 8ms poweroff b; at 100ms restart b", &script);
    expect(
        &transcript,
        r#"
        0.001  a  connect → b
        0.008  -  fault poweroff b
        0.011  a  connected ← b
        0.013  a  write @0 "hello" → b
        0.100  -  fault restart b
        0.105  a  closed ← b: reset
    "#,
    );
}

#[test]
fn a_syn_waits_for_the_heal() {
    let transcript = run("at 0s partition a|b; at 1s heal", &[(1, "a", Do::Connect(B))]);
    expect(
        &transcript,
        r"
        0.000  -  fault partition a|b
        0.001  a  connect → b
        1.000  -  fault heal
        1.010  a  connected ← b
        1.015  b  connected ← a
    ",
    );
}

#[test]
fn who_gives_up_while_dialing_hears_nothing_more() {
    for give_up in [Do::Close(0), Do::Abort(0), Do::Done] {
        let transcript = run("", &[(0, "a", Do::Connect(B)), (1, "a", give_up)]);
        let lines: Vec<&str> = transcript.lines().collect();
        assert_eq!(lines.len(), 2, "{transcript}");
    }
}

#[test]
fn connections_between_two_hosts_are_numbered() {
    let script = [
        (0, "a", Do::Connect(B)),
        (0, "a", Do::Connect(C)),
        (0, "a", Do::Connect(B)),
        (1, "a", Do::Connect(B)),
        (20, "a", Do::Write(0, "first")),
        (20, "a", Do::Write(1, "to c")),
        (20, "a", Do::Write(2, "second")),
        (20, "a", Do::Write(3, "third")),
    ];
    let transcript = run("a>b/1 @2 cut; a>b/2 @0 stall 1s", &script);
    expect(
        &transcript,
        r#"
        0.000  a  connect → b
        0.000  a  connect → c
        0.000  a  connect /1 → b
        0.001  a  connect /2 → b
        0.010  a  connected ← b
        0.010  a  connected /1 ← b
        0.010  a  connected ← c
        0.011  a  connected /2 ← b
        0.015  b  connected ← a
        0.015  b  connected /1 ← a
        0.015  c  connected ← a
        0.016  b  connected /2 ← a
        0.020  a  write @0 "first" → b
        0.020  a  write @0 "to c" → c
        0.020  a  write /1 @0 "second" → b
        0.020  -  fault a>b/1 @2 cut
        0.020  a  write /2 @0 "third" → b
        0.020  -  fault a>b/2 @0 stall 1s
        0.025  b  read  @0 "first" ← a
        0.025  b  read  /1 @0 "se" ← a
        0.025  b  read  /1 @2 "cond" ← a
        0.025  c  read  @0 "to c" ← a
        1.025  b  read  /2 @0 "third" ← a
    "#,
    );
}
