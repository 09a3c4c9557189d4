//! How far a run goes, and that a flood starves no timer.

use std::time::Duration;

use lossproof::engine::Ended;
use lossproof::machine::limits::MAX_INPUTS_PER_LOOK;
use lossproof::{Input, Instant, Net, Scenario};

use crate::reactor::{React, add, run};

const SECOND: Duration = Duration::from_secs(1);

/// The events of a host whose deadline is at 5 ms, when so many datagrams arrive; and how the run went.
fn flood(datagrams: u64, max_inputs: u64) -> (String, Ended, u64) {
    let net = Net::new("flood");
    net.max_inputs(max_inputs);
    add(&net, "sink", |deadline, input, now, out| match input {
        Input::Start { .. } => Some(now + Duration::from_millis(5)),
        Input::Timeout => {
            out.event("T".to_owned());
            None
        }
        _ => {
            out.event("d".to_owned());
            deadline
        }
    });
    let source = add(&net, "source", |_, input, _, out| {
        if let Input::Command(&datagrams) = input {
            (0..datagrams).for_each(|_| out.send("192.168.0.1:1".parse().unwrap(), b"x"));
        }
        None
    });
    net.command(Instant::START, source, datagrams);
    let (outcome, events, ..) = run(&Scenario::from(net), "");
    let told = events.iter().map(|event| event.strip_prefix("0.005 ").unwrap()).collect();
    (told, outcome.ended, outcome.inputs)
}

#[test]
fn after_64_inputs_at_one_moment_the_deadline_is_looked_at() {
    let look = MAX_INPUTS_PER_LOOK as usize;
    for (datagrams, before) in [(1, 1), (look - 1, look - 1), (look, look), (look + 1, look), (200, look)] {
        let expected = format!("{}T{}", "d".repeat(before), "d".repeat(datagrams - before));
        let (told, ended, inputs) = flood(datagrams as u64, 1_000);
        assert_eq!((told, ended, inputs), (expected, Ended::Quiet, datagrams as u64 + 4));
    }
}

#[test]
fn a_run_hands_in_no_more_than_its_bound_even_in_a_flood() {
    // Two starts and the command, then the datagrams and the timeout.
    for max_inputs in 3..80 {
        let (told, ended, inputs) = flood(70, max_inputs);
        let expected = if max_inputs < 74 { (max_inputs, max_inputs - 3) } else { (74, 71) };
        assert_eq!((inputs, told.len() as u64), expected);
        assert_eq!(ended, if max_inputs <= 74 { Ended::InputLimit } else { Ended::Quiet });
    }
}

/// How a run of one host ends that must not go beyond 3 s, and what it told.
fn until_three(react: React) -> (Ended, Vec<String>) {
    let net = Net::new("clock");
    net.max_time(Duration::from_secs(3));
    add(&net, "clock", react);
    let (outcome, events, ..) = run(&Scenario::from(net), "");
    (outcome.ended, events)
}

#[test]
fn what_is_due_at_the_last_moment_happens_and_what_is_due_later_does_not() {
    let (ended, events) = until_three(|_, input, now, out| {
        if matches!(input, Input::Timeout) {
            out.event("tick".to_owned());
        }
        Some(now + SECOND)
    });
    assert_eq!((ended, events.join(", ").as_str()), (Ended::TimeLimit, "1.000 tick, 2.000 tick, 3.000 tick"));
    let (ended, events) = until_three(|_, input, now, out| {
        if matches!(input, Input::Timeout) {
            out.event("tick".to_owned());
        }
        Some(now + 3 * SECOND + Duration::from_nanos(1))
    });
    assert_eq!((ended, events), (Ended::TimeLimit, vec![]));
}

#[test]
fn a_deadline_that_was_taken_back_or_is_never_leaves_a_run_quiet() {
    let (ended, events) = until_three(|_, input, now, out| match input {
        Input::Start { .. } => Some(now + SECOND),
        Input::Timeout => {
            out.event("tick".to_owned());
            out.send("192.168.0.1:1".parse().unwrap(), b"to itself");
            Some(now + 100 * SECOND)
        }
        _ => None,
    });
    assert_eq!((ended, events.as_slice()), (Ended::Quiet, &["1.000 tick".to_owned()][..]));
    assert_eq!(until_three(|_, _, _, _| Some(Instant::FAR_FUTURE)), (Ended::Quiet, vec![]));
}
