//! Once all is calm nothing goes wrong any more.

use lossproof::{Input, Instant, Net, Scenario};

use crate::reactor::{React, add, add_booting, run};

/// Sends each command to `b`; 0 ends it.
const SENDS: React = |_, input, _, out| {
    match input {
        Input::Command(0) => out.done(lossproof::Status::Success),
        Input::Command(number) => out.send("192.168.0.2:1".parse().unwrap(), format!("{number}").as_bytes()),
        _ => {}
    }
    None
};

/// Tells of what comes.
const TELLS: React = |_, input, _, out| {
    if let Input::Datagram { bytes, .. } = input {
        out.event(String::from_utf8_lossy(bytes).into_owned());
    }
    None
};

/// What `b` hears when `a` sends 1 at 0.9 s, 2 at 1 s and 3 at 1.1 s.
fn heard(plan: &str) -> (Vec<String>, Vec<String>) {
    let net = Net::new("calm");
    let source = add(&net, "a", SENDS);
    add(&net, "b", TELLS);
    for (number, millis) in [(1, 900), (2, 1_000), (3, 1_100)] {
        net.command(Instant::from_millis(millis), source, number);
    }
    let (_, events, unfired, _) = run(&Scenario::from(net), plan);
    (events, unfired)
}

#[test]
fn no_datagram_is_hit_from_then_on() {
    let drops = "a>b #0 drop; a>b #1 drop; a>b #2 duplicate";
    assert_eq!(heard(drops).0, ["1.105 3", "1.105 3"]);
    let (events, unfired) = heard(&format!("calm 1s; {drops}"));
    assert_eq!(events, ["1.005 2", "1.105 3"]);
    assert_eq!(unfired, ["a>b #1 drop", "a>b #2 duplicate"]);
}

/// What is late when it becomes calm is there a latency after.
#[test]
fn nothing_is_late_any_longer() {
    assert_eq!(heard("calm 1s; a>b #0 delay 1min").0, ["1.005 1", "1.005 2", "1.105 3"]);
    assert_eq!(heard("calm 2s; a>b #0 delay 1s").0, ["1.005 2", "1.105 3", "1.905 1"]);
}

#[test]
fn partitions_are_over_and_no_other_begins() {
    let apart = "at 0s partition a|b; at 1050ms partition a>b";
    assert_eq!(heard(apart).0.len(), 0);
    let (events, unfired) = heard(&format!("calm 1s; {apart}"));
    assert_eq!(
        (events, unfired),
        (vec!["1.005 2".into(), "1.105 3".into()], vec!["at 1050ms partition a>b".into()])
    );
}

#[test]
fn hosts_that_are_down_start_anew_and_those_that_have_ended_do_not() {
    let net = Net::new("boots");
    let [a, _, c] = ["a", "b", "c"]
        .map(|name| add_booting(&net, name, SENDS, |boot| format!("boot {}", boot.incarnation())));
    net.command(Instant::from_millis(100), c, 0);
    net.command(Instant::from_millis(3_000), a, 7);
    let plan = "calm 2s; at 1s crash a; at 1s poweroff b; at 1s poweroff c; at 2s crash a; at 3s crash b";
    let (_, events, unfired, transcript) = run(&Scenario::from(net), plan);
    let begun = ["0.000 boot 0", "0.000 boot 0", "0.000 boot 0", "2.000 boot 1", "2.000 boot 1"];
    assert_eq!(events, begun);
    assert_eq!(unfired, ["at 2s crash a", "at 3s crash b"]);
    let lines: Vec<&str> = transcript.lines().filter(|line| line.starts_with("2.000")).collect();
    let expected = [
        "2.000  -  calm  nothing goes wrong from here on",
        "2.000  -  fault restart a",
        "2.000  -  fault restart b",
        "2.000  a  event \"boot 1\"",
        "2.000  b  event \"boot 1\"",
    ];
    assert_eq!(lines, expected, "{transcript}");
}
