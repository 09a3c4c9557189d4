//! Faults of hosts, disks, broadcasts, and faults that change nothing.

use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::{Boot, Input, Instant, Net, Scenario};

use crate::reactor::{React, add, add_booting, reacting, run};

/// Reacts to commands: 0 ends it, another number is saved.
const SAVES: React = |_, input, _, out| {
    match input {
        Input::Command(0) => out.done(lossproof::Status::Success),
        Input::Command(number) => out.save(&number.to_be_bytes()[6..]),
        _ => {}
    }
    None
};

/// What the machines of a host find at each boot, when it saves so at these moments.
fn boots(plan: &str, saves: &[(u64, u64)]) -> Vec<String> {
    let net = Net::new("disk");
    let tell = |boot: Boot<'_>| format!("boot {} with {:?}", boot.incarnation(), boot.disk());
    let host = add_booting(&net, "a", SAVES, tell);
    for &(millis, number) in saves {
        net.command(Instant::from_millis(millis), host, number);
    }
    let (_, events, unfired, _) = run(&Scenario::from(net), plan);
    assert!(unfired.is_empty(), "{unfired:?}");
    events
}

#[test]
fn a_disk_survives_whatever_ends_a_machine() {
    let expected = ["0.000 boot 0 with []", "2.000 boot 1 with [1, 2]"];
    for plan in ["at 1s crash a; at 2s restart a", "at 1s poweroff a; at 2s restart a"] {
        assert_eq!(boots(plan, &[(10, 7), (20, 258), (1_500, 9)]), expected, "{plan}");
    }
    assert_eq!(boots("at 2s restart a", &[(10, 258), (20, 0)]), expected);
    let twice = boots("at 1s crash a; at 2s restart a; at 3s crash a; at 4s restart a", &[(2_500, 5)]);
    let expected = ["0.000 boot 0 with []", "2.000 boot 1 with []", "4.000 boot 2 with [0, 5]"];
    assert_eq!(twice, expected);
}

#[test]
fn each_machine_has_a_seed_of_its_own() {
    let net = Net::new("seeds");
    for name in ["a", "b"] {
        add_booting(&net, name, SAVES, |boot| format!("{}", boot.seed()));
    }
    let (_, events, ..) = run(&Scenario::from(net), "at 1s crash a; at 2s restart a");
    let mut seeds: Vec<&str> = events.iter().map(|event| event.split_once(' ').unwrap().1).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 3);
}

#[test]
fn a_clock_that_jumps_fires_the_timers_that_it_passes() {
    let net = Net::new("clock");
    add(&net, "a", |deadline, input, now, out| {
        if matches!(input, Input::Start { .. }) {
            return Some(now + Duration::from_secs(10));
        }
        out.event(format!("late by {:?}", deadline.map(|due_at| now.since(due_at)).unwrap()));
        None
    });
    let scenario = Scenario::from(net);
    let ring = |plan| run(&scenario, plan).1.join(", ");
    assert_eq!(ring(""), "10.000 late by 0ns");
    assert_eq!(ring("at 1s skew a +8999ms"), "1.001 late by 0ns");
    assert_eq!(ring("at 1s skew a +9s"), "1.000 late by 0ns");
    assert_eq!(ring("at 1s skew a +1min"), "1.000 late by 51s");
    assert_eq!(ring("at 1s skew a +2s; at 3s skew a +3s"), "5.000 late by 0ns");
    assert_eq!(ring("at 11s skew a +1s"), "10.000 late by 0ns");
}

#[test]
fn a_machine_is_told_to_stop_once_in_each_life() {
    let net = Net::new("stops");
    let goodbye: React = |_, input, _, out| {
        if matches!(input, Input::Stop) {
            out.event("goodbye".to_owned());
        }
        if matches!(input, Input::Command(_)) {
            out.done(lossproof::Status::Success);
        }
        None
    };
    let host = add(&net, "a", goodbye);
    net.command(Instant::from_millis(9_000), host, 0);
    let scenario = Scenario::from(net);
    let (outcome, events, unfired, transcript) = run(&scenario, "at 2s stop a");
    assert_eq!((events, unfired), (vec!["2.000 goodbye".to_owned()], vec![]));
    assert_eq!(outcome.fired[FaultKind::Stop as usize], 1);
    assert!(transcript.contains("2.000  -  fault stop a\n2.000  a  event \"goodbye\"\n"), "{transcript}");

    let (_, events, unfired, transcript) = run(
        &scenario,
        "at 2s stop a; at 3s stop a; at 4s crash a; at 5s stop a; at 6s restart a; at 7s stop a",
    );
    assert_eq!(events, ["2.000 goodbye", "7.000 goodbye"]);
    assert_eq!(unfired, ["at 3s stop a", "at 5s stop a"]);
    assert_eq!(transcript.matches("fault stop a").count(), 2, "{transcript}");
    // Who is done hears nothing; and when all is calm nothing is to fire.
    assert_eq!(run(&scenario, "at 10s stop a").2, ["at 10s stop a"]);
    assert_eq!(run(&scenario, "calm 1s; at 2s stop a").2, ["at 2s stop a"]);
}

#[test]
fn what_a_stop_has_ended_in_order_stays_ended_when_all_is_calm() {
    let net = Net::new("stops");
    let ends: React = |_, input, _, out| {
        match input {
            Input::Start { .. } => out.event("started".to_owned()),
            Input::Stop => out.done(lossproof::Status::Success),
            _ => {}
        }
        None
    };
    add(&net, "a", ends);
    let scenario = Scenario::from(net);
    let events = |plan| run(&scenario, plan).1;
    assert_eq!(events("at 1s stop a; calm 2s"), ["0.000 started"]);
    assert_eq!(events("at 1s crash a; calm 2s"), ["0.000 started", "2.000 started"]);
    assert_eq!(events("at 1s stop a; at 2s restart a"), ["0.000 started", "2.000 started"]);
}

#[test]
fn a_broadcast_counts_once_for_each_receiver() {
    let net = Net::new("broadcast");
    let source = reacting(net.host("a").udp(9), |_, input, _, out| {
        if matches!(input, Input::Command(_)) {
            out.send("255.255.255.255:9".parse().unwrap(), b"all");
            out.send("192.168.0.3:9".parse().unwrap(), b"c");
        }
        None
    });
    for (name, port) in [("b", 9), ("c", 9), ("d", 8)] {
        reacting(net.host(name).udp(port), |_, _, _, _| None);
    }
    net.command(Instant::START, source, 1);
    net.command(Instant::from_millis(1), source, 1);
    let (_, _, unfired, transcript) =
        run(&Scenario::from(net), "a>b #1 drop; a>c #1 drop; a>c #2 duplicate; a>d #0 drop");
    assert_eq!(unfired, ["a>d #0 drop"]);
    let lines: Vec<&str> = transcript.lines().filter(|line| !line.contains("command")).collect();
    let expected = [
        r#"0.000  a  send  #0 "all" → b"#,
        r#"0.000  a  send  #0 "all" → c"#,
        r#"0.000  a  send  #1 "c" → c"#,
        r"0.000  -  fault a>c #1 drop",
        r#"0.001  a  send  #1 "all" → b"#,
        r"0.001  -  fault a>b #1 drop",
        r#"0.001  a  send  #2 "all" → c"#,
        r"0.001  -  fault a>c #2 duplicate",
        r#"0.001  a  send  #3 "c" → c"#,
        r#"0.005  b  recv  #0 "all" ← a"#,
        r#"0.005  c  recv  #0 "all" ← a"#,
        r#"0.006  c  recv  #2 "all" ← a"#,
        r#"0.006  c  recv  #2 "all" ← a"#,
        r#"0.006  c  recv  #3 "c" ← a"#,
    ];
    assert_eq!(lines, expected, "\n{transcript}");
}

#[test]
fn a_fault_that_changed_nothing_has_not_fired() {
    let net = Net::new("nothing");
    let source = add(&net, "a", |_, input, _, out| {
        if let Input::Command(_) = input {
            out.send("192.168.0.2:1".parse().unwrap(), b"four");
        }
        None
    });
    add(&net, "b", |_, _, _, _| None);
    for millis in [0, 1, 2, 3, 4, 5_000] {
        net.command(Instant::from_millis(millis), source, 0);
    }
    let scenario = Scenario::from(net);
    let changes_nothing = [
        "a>b #6 drop",
        "a>b #0 flip 4:0x01",
        "a>b #1 truncate 4",
        "b>a #0 delay 1s",
        "a>b @0 reset",
        "at 7s partition a|b",
        "at 3s restart b",
        "at 6s heal",
    ];
    for fault in changes_nothing {
        let (_, _, unfired, transcript) = run(&scenario, fault);
        assert_eq!(unfired, [fault]);
        let is_announced = fault.contains("partition") || fault.contains("heal");
        assert_eq!(transcript.contains("fault"), is_announced, "{transcript}");
    }
    let twice = |first: &str, second: &str| run(&scenario, &format!("{first}; {second}")).2;
    assert_eq!(twice("at 1s crash b", "at 2s crash b"), ["at 2s crash b"]);
    assert_eq!(twice("at 1s poweroff b", "at 2s crash b"), ["at 2s crash b"]);
    assert_eq!(twice("at 1s poweroff b", "at 2s poweroff b"), ["at 2s poweroff b"]);
    assert!(twice("at 1s crash b", "at 2s poweroff b").is_empty());
    // A datagram that a partition has stopped is not there to be dropped.
    assert_eq!(twice("at 0s partition a>b", "a>b #0 drop"), ["a>b #0 drop"]);
    let changes_something = ["a>b #0 flip 3:0x01", "a>b #1 truncate 3", "at 4s partition a|b", "a>b #5 drop"];
    for fault in changes_something {
        assert!(run(&scenario, fault).2.is_empty(), "{fault}");
    }
}

#[test]
#[should_panic(expected = "a host is named with ASCII letters")]
fn a_host_has_a_name_that_a_plan_can_hold() {
    add(&Net::new("names"), "my host", |_, _, _, _| None);
}
