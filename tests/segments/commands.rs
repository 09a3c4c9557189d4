//! The command line's side of it.

use crate::command::{lossproof, quiet, refused, stdout};

const PLAN: &str = "v2; streams segments; client>server #0 drop";

#[test]
fn the_option_and_the_plan_make_the_same_run() {
    let by_option =
        quiet(&["sim", "suffix-echo", "--streams", "segments", "--faults", "client>server #0 drop"], 0);
    assert_eq!(quiet(&["sim", "suffix-echo", "--faults", PLAN], 0), by_option);
    assert!(by_option.contains("1.000  client  send  #1 [SYN] → server"), "{by_option}");
    let json = quiet(&["sim", "suffix-echo", "--faults", PLAN, "--format", "json"], 0);
    let line = r#"{"at_ns":1000000000,"host":"client","what":"send","peer":"server","n":1,"conn":0,"len":0,"text":"[SYN]"}"#;
    assert!(json.lines().any(|other| other == line), "{json}");
    // A stream's own faults are the model's.
    let output =
        lossproof(&["sim", "suffix-echo", "--streams", "segments", "--faults", "client>server @3 reset"]);
    assert_eq!(crate::command::stderr(&output), "lossproof: note: client>server @3 reset never fired\n");
}

#[test]
fn what_a_check_prints_makes_the_run_again() {
    let report =
        quiet(&["check", "tcp-sixteen", "--streams", "segments", "--runs", "50", "--loss", "30%"], 0);
    let (_, replay) = report.split_once("replay: lossproof sim tcp-sixteen --faults '").expect("a replay");
    let (plan, _) = replay.split_once('\'').expect("a quote");
    assert!(plan.contains("streams segments; ") && plan.contains(" drop"), "{plan}");
    let transcript = quiet(&["sim", "tcp-sixteen", "--faults", plan], 0);
    let (_, shown) = report.split_once(plan).expect("the plan");
    let first = transcript.lines().next().expect("a line");
    assert!(shown.contains(first), "{report}");
}

#[test]
fn worlds_that_have_streams_of_their_own_refuse_it() {
    refused(
        &["sim", "suffix-echo", "--engine", "turmoil", "--streams", "segments"],
        "--engine turmoil: turmoil's streams are not made of segments; use the event engine",
    );
    refused(
        &["proxy", "tcp", "127.0.0.1:0", "127.0.0.1:9", "--streams", "segments"],
        "a proxy relays real streams: take 'streams' out of the plan",
    );
    let output = lossproof(&["call", "suffix-echo", "127.0.0.1:9", "--faults", PLAN]);
    assert_eq!((stdout(&output), output.status.code()), ("", Some(2)));
    let error = crate::command::stderr(&output);
    assert!(error.contains("real sockets have real streams"), "{error}");
}
