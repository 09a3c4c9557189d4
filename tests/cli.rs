//! The command line as a user meets it: what it prints, where, and its exit status.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::collections::BTreeSet;
use std::time::Duration;

use lossproof::Scenario;
use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, Profile};
use lossproof::systems::{Options, udp_remote};
use serde_json::Value;

use command::{lossproof, quiet, refused, stderr, stdout};

/// As many as a client sends.
const FIVE_DROPS: &str = "client>server #0 drop; client>server #1 drop; client>server #2 drop; \
                          client>server #3 drop; client>server #4 drop";

#[test]
fn list_has_a_line_for_each_system() {
    let text = quiet(&["list"], 0);
    let heads: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    for head in [["udp-local", "1060", "udp"], ["udp-remote", "1060", "udp"], ["tcp-sixteen", "1060", "tcp"]]
    {
        assert!(heads.iter().any(|line| line == &head), "{head:?} in {text}");
    }
    let json = quiet(&["list", "--format", "json"], 0);
    let names: Vec<Value> = json.lines().map(|line| parsed(line)["name"].clone()).collect();
    assert_eq!(names, heads.iter().map(|head| Value::from(head[0])).collect::<Vec<_>>());
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

#[test]
fn equal_arguments_give_equal_bytes() {
    let text = ["sim", "udp-remote", "--seed", "7", "--loss", "50%", "--jitter"];
    let json = [&text[..], &["--format", "json"]].concat();
    for args in [&text[..], &json] {
        assert_eq!(lossproof(args).stdout, lossproof(args).stdout, "{args:?}");
    }
    let lines = quiet(&["sim", "tcp-sixteen", "--format", "json"], 0);
    assert!(lines.lines().all(|line| parsed(line)["at_ns"].is_u64()), "{lines}");
}

#[test]
fn a_plan_can_be_read_from_a_file() {
    let path = format!("{}/plan.txt", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, "seed 3\nclient>server #0 drop\n").expect("cargo made the directory");
    let from_file = quiet(&["sim", "udp-remote", "--faults", &format!("@{path}")], 0);
    let plan = "seed 3; client>server #0 drop";
    assert_eq!(from_file, quiet(&["sim", "udp-remote", "--faults", plan], 0));
    // As some editors write it.
    std::fs::write(&path, "\u{feff}seed 3\r\nclient>server #0 drop\r\n").expect("cargo made the directory");
    assert_eq!(from_file, quiet(&["sim", "udp-remote", "--faults", &format!("@{path}")], 0));
}

/// When a client's datagrams left, in a transcript.
fn sends(transcript: &str) -> Vec<&str> {
    let sends = transcript.lines().filter(|line| line.contains("  client  send"));
    sends.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn three_drops_are_recovered_from() {
    let plan = "client>server #0 drop; client>server #1 drop; client>server #2 drop";
    let transcript = quiet(&["sim", "udp-remote", "--faults", plan], 0);
    assert_eq!(sends(&transcript), ["0.000", "0.100", "0.300", "0.700"]);
    let reply =
        "0.710  client  event The server says 'Your data was 23 bytes long'\n0.710  client  done  0\n";
    assert!(transcript.ends_with(reply), "{transcript}");
}

#[test]
fn five_drops_are_given_up_on() {
    let transcript = quiet(&["sim", "udp-remote", "--faults", FIVE_DROPS], 1);
    assert_eq!(sends(&transcript), ["0.000", "0.100", "0.300", "0.700", "1.500"]);
    let end = "3.100  client  event I think the server is down\n3.100  client  done  1\n";
    assert!(transcript.ends_with(end), "{transcript}");
}

#[test]
fn both_engines_print_the_same() {
    for (system, faults, status) in [
        ("udp-remote", "client>server #0 drop; client>server #1 drop; client>server #2 drop", 0),
        ("udp-remote", FIVE_DROPS, 1),
        ("udp-local", "server>client #0 delay 1s", 0),
        ("tcp-sixteen", "client>server cut every 3 bytes; server>client @7 stall 2s", 0),
    ] {
        let args = ["sim", system, "--faults", faults, "--engine"];
        let event = quiet(&[&args[..], &["event"]].concat(), status);
        assert_eq!(event, quiet(&[&args[..], &["turmoil"]].concat(), status), "{system} {faults}");
    }
}

#[test]
fn what_turmoil_cannot_do_is_refused_by_name() {
    let crash = "at 1s crash server";
    refused(
        &["sim", "udp-remote", "--engine", "turmoil", "--faults", crash],
        "--engine turmoil: turmoil cannot have the fault 'crash'; use the event engine",
    );
}

#[test]
fn a_fault_that_never_fired_is_named() {
    let output =
        lossproof(&["sim", "udp-remote", "--faults", "client>server #9 drop; client>server #0 drop"]);
    assert_eq!(stderr(&output), "lossproof: note: client>server #9 drop never fired\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(!stdout(&output).contains("never"), "{}", stdout(&output));
}

/// Ten are named, and of those beyond the number is told.
#[test]
fn of_many_faults_that_never_fire_a_few_are_named() {
    for (faults, lines, last) in [
        (10, 10, "lossproof: note: client>server #109 drop never fired"),
        (11, 11, "lossproof: note: 1 fault more never fired"),
        (2_000, 11, "lossproof: note: 1,990 faults more never fired"),
    ] {
        let plan: Vec<String> = (100..100 + faults).map(|n| format!("client>server #{n} drop")).collect();
        let output = lossproof(&["sim", "udp-remote", "--faults", &plan.join("; ")]);
        let said = stderr(&output);
        assert_eq!((said.lines().count(), said.lines().last()), (lines, Some(last)), "{said}");
    }
}

#[test]
fn what_is_demanded_in_time_and_does_not_happen_is_a_failure() {
    let output = lossproof(&["sim", "udp-remote", "--faults", "at 5ms poweroff client"]);
    let line = "the client ends when all waits are over: it has not happened, and nothing is left to happen at 0.005";
    assert_eq!((stderr(&output), output.status.code()), (&*format!("lossproof: {line}\n"), Some(1)));
    // Where the client has ended before, the fault comes too late.
    let output = lossproof(&["sim", "udp-remote", "--faults", "at 50ms crash client"]);
    let line = "note: at 50ms crash client never fired";
    assert_eq!((stderr(&output), output.status.code()), (&*format!("lossproof: {line}\n"), Some(0)));
}

#[test]
fn a_slower_clock_has_time_to_end() {
    quiet(&["check", "udp-remote", "--time-scale", "1000", "--runs", "200"], 0);
    quiet(&["check", "udp-local", "--timeout", "10min", "--runs", "200"], 0);
}

#[test]
fn an_unknown_system_is_answered_with_the_one_that_may_be_meant() {
    for command in ["sim", "check", "serve", "call"] {
        refused(
            &[command, "udp-remot"],
            "unknown system 'udp-remot'; did you mean 'udp-remote'? ('lossproof list' shows all)",
        );
        refused(&[command, "xyz"], "unknown system 'xyz'; 'lossproof list' shows all");
    }
}

#[test]
fn wrong_words_are_answered_with_what_to_do() {
    refused(
        &["sim"],
        "the following required arguments were not provided: <SYSTEM>; try 'lossproof sim --help'",
    );
    refused(
        &["sim", "udp-remote", "--sed", "3"],
        "unexpected argument '--sed' found; did you mean '--seed'? (try 'lossproof sim --help')",
    );
    refused(
        &["chek", "udp-remote"],
        "unrecognized subcommand 'chek'; did you mean 'check'? (try 'lossproof --help')",
    );
    for system in ["tcp-chat", "udp-chat", "udp-broadcast", "election"] {
        let line = format!("one machine serves all clients of {system}; leave --workers out");
        refused(&["serve", system, "127.0.0.1:0", "--workers", "2"], &line);
    }
    refused(&["sim", "udp-remote", "more"], "unexpected argument 'more' found; try 'lossproof sim --help'");
    refused(
        &["check", "udp-remote", "--runs"],
        "a value is required for '--runs <N>' but none was supplied; try 'lossproof check --help'",
    );
    refused(&["sim", "udp-remote", "--engine", "x"], "--engine: cannot use 'x': write event or turmoil");
    refused(&["list", "--format", "x"], "--format: cannot use 'x': write text or json");
}

#[test]
fn values_out_of_bounds_are_refused() {
    let chance = "is not a probability: write 0% to 100%, or 0 to 1";
    for option in ["--loss", "--duplicate", "--corrupt", "--drop"] {
        for value in ["101%", "1.5", "-1", "half"] {
            refused(&["sim", "udp-remote", option, value], &format!("{option}: '{value}' {chance}"));
        }
    }
    let scale = "is not a time scale: write a number from 0.000001 to 1000000, such as 0.5";
    for value in ["0", "-1", "NaN", "inf", "fast"] {
        refused(&["serve", "udp-remote", "--time-scale", value], &format!("--time-scale: '{value}' {scale}"));
    }
    let whole = format!("is not a whole number from 1 to {}", u64::MAX);
    for value in ["0", "-5", "1e6", "many"] {
        refused(&["check", "udp-remote", "--runs", value], &format!("--runs: '{value}' {whole}"));
    }
    refused(&["check", "udp-remote", "--jobs", "0"], "--jobs: '0' is not a whole number from 1 to 1024");
    refused(
        &["sim", "udp-remote", "--seed", "x"],
        &format!("--seed: 'x' is not a whole number from 0 to {}", u64::MAX),
    );
}

#[test]
fn spans_and_addresses_are_refused_with_how_to_write_them() {
    let unit = "cannot use '5': a span of time needs a unit: ns, us, ms, s or min";
    refused(&["sim", "udp-remote", "--jitter", "5"], &format!("--jitter: {unit}"));
    refused(&["sim", "udp-remote", "--timeout", "5"], &format!("--timeout: {unit}"));
    refused(
        &["sim", "udp-remote", "--timeout", "0s"],
        "--timeout: cannot use '0s': the span must be longer than 0",
    );
    refused(
        &["check", "udp-remote", "--jitter", "1us"],
        "--jitter: cannot use '1us': jitter is in whole milliseconds",
    );
    refused(
        &["call", "udp-local", "localhost"],
        "ADDR: 'localhost' is not an address: write IP:PORT, [IPV6]:PORT or unix:/path",
    );
    refused(
        &["serve", "udp-local", "unix:/tmp/x"],
        "udp-local has no unix sockets, so it cannot use 'unix:/tmp/x': write IP:PORT or [IPV6]:PORT",
    );
}

#[test]
fn a_plan_that_is_none_is_refused_with_its_place() {
    for command in ["sim", "check", "serve", "call"] {
        refused(
            &[command, "udp-remote", "--faults", "client>server #3 dorp"],
            "--faults: column 18: expected a fault (drop, duplicate, delay, flip, truncate, mark or bleach), found 'dorp'; \
             did you mean 'drop'?",
        );
        refused(
            &[command, "udp-remote", "--faults", "client>sever #3 drop"],
            "--faults: the plan names the host 'sever'; the hosts are server, client",
        );
        refused(
            &[command, "udp-remote", "--faults", "@no/such/file"],
            "--faults: cannot read 'no/such/file': no such file or directory",
        );
    }
}

#[test]
fn help_has_examples_and_status_0() {
    for command in ["list", "sim", "check", "sweep", "merge", "serve", "call", "ip", "lookup"] {
        let help = quiet(&[command, "--help"], 0);
        assert!(help.contains(&format!("Examples:\n  lossproof {command}")), "{help}");
    }
    assert!(quiet(&["--help"], 0).contains("lossproof check udp-remote"));
    assert_eq!(quiet(&["--version"], 0), format!("lossproof {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_tells_what_it_found() {
    let report = quiet(&["check", "udp-remote", "--runs", "500"], 0);
    assert!(report.starts_with("PASSED udp-remote: "), "{report}");
    for part in [
        "  runs     500 in ",
        "  faults   crash ",
        "  not tried stop\n",
        "  ruled out flip, truncate, skew, drift: the protocol does not claim to withstand it\n",
        "  server   100% running",
        "% success, ",
        "  a reply answers the request it is for\n",
        "  the laws: 1 time does not go back; ",
        "\n\nin some runs:\n  the client gives up (",
        "  replay: lossproof sim udp-remote --faults 'v2; seed ",
    ] {
        assert!(report.contains(part), "{part:?} in {report}");
    }
}

#[test]
fn runs_that_are_made_two_times_are_the_same() {
    for system in ["udp-remote", "tcp-sixteen"] {
        assert!(quiet(&["check", system, "--runs", "100", "--twice"], 0).contains("  runs     100 in "));
    }
}

#[test]
fn what_was_asked_for_and_never_happened_is_named() {
    let plan = "client>server #9 truncate 3";
    let report = quiet(&["check", "tcp-sixteen", "--runs", "9", "--corrupt", "100%", "--faults", plan], 0);
    let line = "  never    flip (--corrupt), client>server #9 truncate 3 (--faults): asked for, but it never happened\n";
    assert!(report.contains(line), "{report}");
    let calm = ["check", "udp-remote", "--runs", "9", "--loss", "0%"];
    assert!(quiet(&calm, 0).contains("  never seen: the client gives up\n"));
    let json = quiet(&[&calm[..], &["--format", "json"]].concat(), 0);
    assert!(json.contains(r#""sometimes":[{"what":"the client gives up","runs":0}]"#), "{json}");
}

/// What `--profile` says, the title, the vacuity and the replay line say too.
#[test]
fn a_named_network_is_what_it_is_called() {
    let error =
        "--profile: unknown profile 'wfi'; the profiles are lan, wifi, lte, satellite, lossy, hostile";
    refused(&["sim", "udp-remote", "--profile", "wfi"], &format!("{error}; did you mean 'wifi'?"));
    refused(&["check", "udp-remote", "--profile", "x"], &error.replace("wfi", "x"));

    let sim = quiet(&["sim", "udp-local", "--profile", "satellite", "--jitter", "0s"], 0);
    assert!(sim.contains("0.260  server    recv") && sim.contains("0.520  client    recv"), "{sim}");
    let sim = quiet(&["sim", "udp-local", "--profile", "lan", "--faults", "link 7ms"], 0);
    assert!(sim.contains("0.007  server    recv"), "{sim}");
    let hopeless = ["sim", "udp-remote", "--profile", "lan", "--loss", "100%"];
    assert_eq!(lossproof(&hopeless).status.code(), Some(1), "an option goes before the profile");

    let args = ["check", "udp-remote", "--runs", "100"];
    let with = |more: &[&str]| quiet(&[&args[..], more].concat(), 0);
    let report = with(&["--profile", "lan"]);
    assert!(report.starts_with("PASSED udp-remote --profile lan: "), "{report}");
    assert!(report.contains("  never    delay (--profile): asked for, but it never happened\n"), "{report}");
    let report = with(&["--profile", "lan", "--loss", "30%", "--corrupt", "0%"]);
    assert!(report.starts_with("PASSED udp-remote --profile lan --loss 30% --corrupt 0%: "), "{report}");

    let json = parsed(&with(&["--profile", "lossy", "--format", "json"]));
    let plan = json["example"]["plan"].as_str().expect("a plan");
    assert!(plan.contains("; link 25ms; "), "{plan}");
    let transcript: Vec<_> = json["example"]["transcript"].as_array().expect("lines").iter().collect();
    let again = lossproof(&["sim", "udp-remote", "--faults", plan]);
    assert!(stdout(&again).lines().eq(transcript.into_iter().filter_map(Value::as_str)), "{plan}");
}

#[test]
fn a_failure_is_reported_with_a_line_that_makes_it_again() {
    let args = ["check", "udp-remote", "--corrupt", "20%", "--runs", "1000"];
    // It has no checksum, and that is said; what is asked for is done.
    let check = |args: &[&str]| {
        let output = lossproof(args);
        let note = "lossproof: note: udp-remote does not claim to withstand flip\n";
        assert_eq!((stderr(&output), output.status.code()), (note, Some(1)), "{args:?}");
        stdout(&output).to_owned()
    };
    let report = check(&args);
    assert!(report.starts_with("FAILED udp-remote: a reply answers the request it is for\n"), "{report}");
    let broken = report.lines().last().unwrap_or_default();
    assert!(
        broken.contains("  broken a reply answers the request it is for: it did not hold, at "),
        "{report}"
    );

    let json = parsed(&check(&[&args[..], &["--format", "json"]].concat()));
    let failure = &json["failure"];
    let replay = failure["replay"].as_str().expect("a replay line");
    assert!(report.contains(&format!("  replay: {replay}\n")), "{report}");
    let plan = failure["plan"].as_str().expect("a plan");
    assert_eq!(replay, format!("lossproof sim udp-remote --faults '{plan}'"));
    let again = lossproof(&["sim", "udp-remote", "--faults", plan]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(stdout(&again).lines().last(), Some(broken));
}

/// A check's result without what depends on the machine and its load.
fn result(jobs: &str, more: &[&str]) -> Value {
    let args = [
        "check",
        "udp-remote",
        "--ids",
        "--runs",
        "10000",
        "--seed",
        "7",
        "--format",
        "json",
        "--jobs",
        jobs,
    ];
    let output = lossproof(&[&args[..], more].concat());
    let mut json = parsed(stdout(&output));
    let fields = json.as_object_mut().expect("an object");
    for name in ["wall_seconds", "runs_per_second"] {
        assert!(fields.remove(name).is_some_and(|field| field.is_number()), "{name}");
    }
    json
}

/// S30. The check names the deadlock, and its line makes the same run again.
#[test]
fn a_deadlock_is_told_with_who_waits_for_whom() {
    let args = ["check", "tcp-deadlock", "--bug", "writes-before-reading", "--loss", "0%"];
    let report = quiet(&args, 1);
    let lines: Vec<&str> = report.lines().collect();
    let circle = "server waits for client to read 65536 bytes (server>client); \
                  client waits for server to read 65536 bytes (client>server); since 0.035";
    assert_eq!(lines[0], "FAILED tcp-deadlock --bug writes-before-reading: deadlock");
    assert_eq!(lines[1], format!("  {circle}"));
    assert!(lines[2].starts_with("  after 1 run ("), "{report}");
    assert_eq!(lines[3], "  minimal: 0 faults, 13 packets   (from 0 faults, 1 shrink run)");
    let broken = format!("5.030  client  broken deadlock: {circle}");
    assert_eq!(lines.last(), Some(&broken.as_str()));

    let json = parsed(&quiet(&[&args[..], &["--format", "json"]].concat(), 1));
    assert_eq!((&json["failure"]["what"], &json["failure"]["detail"]), (&"deadlock".into(), &circle.into()));

    let sim = ["sim", "tcp-deadlock", "--bug", "writes-before-reading"];
    let output = lossproof(&sim);
    assert_eq!(stderr(&output), format!("lossproof: deadlock: {circle}\n"));
    assert_eq!((output.status.code(), stdout(&output).lines().last()), (Some(1), Some(broken.as_str())));
    quiet(&["sim", "tcp-deadlock"], 0);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    for more in [&["--jitter", "--duplicate", "5%"][..], &["--corrupt", "0.02%"]] {
        let one = result("1", more);
        assert_eq!(one, result("2", more), "{more:?}");
        // Threads take 4,096 runs at a time: a failure after those is where they could part.
        let failed = one["failure"]["run"].as_u64();
        assert_eq!(failed.is_some_and(|run| run > 4_096), more.len() == 2, "{one}");
    }
}

/// The transcripts of 200 seeds, each made twice.
fn transcripts(profile: Profile) -> BTreeSet<String> {
    let scenario = Scenario::from(udp_remote::net(&Options::default()));
    let transcript = |seed| {
        let mut search = Search::new(&scenario, Prepared::default(), profile, 0);
        search.once(seed).expect("every property holds");
        search.engine().transcript().to_string()
    };
    (0..200)
        .map(|seed| {
            let first = transcript(seed);
            assert_eq!(first, transcript(seed), "seed {seed}");
            first
        })
        .collect()
}

#[test]
fn a_seed_fixes_a_run_and_seeds_differ() {
    let loss = Profile { loss: Chance::percent(50), ..Profile::default() };
    let lossy = transcripts(loss).len();
    assert!(lossy > 30, "{lossy} of 200 differ");
    let late = transcripts(Profile { jitter: Duration::from_millis(20), ..loss }).len();
    assert!(late > 150, "{late} of 200 differ");
}

#[test]
fn an_option_or_a_bug_of_another_system_is_refused() {
    for command in ["sim", "check", "serve", "call"] {
        let line = "tcp-sixteen has no option --ids; 'lossproof call --help' says whose it is";
        refused(&[command, "tcp-sixteen", "--ids"], line);
        let line = "--bug: greeter has no bug 'deaf'; it has none to plant";
        refused(&[command, "greeter", "--bug", "deaf"], line);
        let line = "--bug: tcp-deadlock has no bug 'writes-before'; did you mean 'writes-before-reading'?";
        refused(&[command, "tcp-deadlock", "--bug", "writes-before"], line);
        let line = "--bug: tcp-deadlock has no bug 'x'; it has writes-before-reading";
        refused(&[command, "tcp-deadlock", "--bug", "x"], line);
    }
    refused(
        &["call", "udp-local", "--output", "x"],
        "udp-local has no option --output; 'lossproof call --help' says whose it is",
    );
}

/// The words of a check's replay line choose the same options again, whatever is in them.
#[test]
fn options_stand_in_the_replay_line_as_they_were_given() {
    let text = "it's a \"text\" of $HOME";
    let report = quiet(&["check", "greet", "--text", text, "--runs", "3", "--time-scale", "0.5"], 0);
    let replay = r#"  replay: lossproof sim greet --text 'it'\''s a "text" of $HOME' --time-scale 0.5 --faults 'v2; seed "#;
    assert!(report.contains(replay), "{report}");
}

#[test]
fn every_schedule_is_gone_through() {
    let args = ["check", "udp-remote", "--ids", "--exhaustive", "2"];
    let report = quiet(&args, 0);
    let head = "PASSED udp-remote --ids --exhaustive 2: every schedule of at most 2 faults (226), ";
    assert!(report.starts_with(head), "{report}");
    for line in [
        "  fates    drop; duplicate; delay 250ms\n",
        "  by count 1, 18, 144 (of 0, 1, … faults)\n",
        "  saved    63 schedules; 58 runs broken off in a state where another had been\n",
        "  runs     163 in ",
        "\nin every run:\n  a reply answers the request it is for\n",
    ] {
        assert!(report.contains(line), "{line} in {report}");
    }
    let found = parsed(&quiet(&[&args[..], &["--format", "json"]].concat(), 0));
    let schedules = &found["schedules"];
    assert_eq!((&found["held"], &found["runs"], &schedules["all"]), (&true.into(), &163.into(), &226.into()));
    assert_eq!(schedules["by_faults"], serde_json::json!([1, 18, 144]));

    let report = quiet(&[&args[..], &["--runs", "10"]].concat(), 1);
    assert!(report.starts_with("UNFINISHED udp-remote --ids --exhaustive 2: "), "{report}");
}

/// All but how long it took is the same, whatever is found.
#[test]
fn every_schedule_is_gone_through_on_any_number_of_threads() {
    let untimed = |report: &str| -> Vec<String> {
        let lines = report.lines().map(|line| match (line.split_once(" in "), line.split_once(" (")) {
            (Some((runs, _)), _) if line.starts_with("  runs ") => runs,
            (_, Some((runs, _))) if line.starts_with("  after ") => runs,
            _ => line,
        });
        lines.map(str::to_owned).collect()
    };
    let cases: [(&[&str], i32); 3] = [
        (&["udp-remote", "--ids", "--exhaustive", "3"], 0),
        (&["udp-remote", "--ids", "--exhaustive", "3", "--runs", "800"], 1),
        (&["udp-remote", "--exhaustive", "3", "--fates", "flip 12:0x01; server>client"], 1),
    ];
    for (args, status) in cases {
        let report = |jobs| untimed(&quiet(&[&["check"], args, &["--jobs", jobs]].concat(), status));
        let alone = report("1");
        assert!(alone.len() > 5, "{alone:?}");
        assert_eq!([report("2"), report("3")], [alone.clone(), alone], "{args:?}");
    }
}

/// What it finds is reported as by any check, and its line makes it again.
#[test]
fn what_an_exhaustive_search_finds_is_reported_and_made_again() {
    let args = ["check", "udp-remote", "--exhaustive", "3", "--fates", "flip 12:0x01; server>client"];
    let report = quiet(&args, 1);
    assert!(report.starts_with("FAILED udp-remote: a reply answers the request it is for\n"), "{report}");
    assert!(report.contains("\n  after 2 runs ("), "{report}");
    // It becomes no fault that nobody asked for.
    assert!(report.contains("\n    server>client #0 flip 12:0x01\n"), "{report}");
    let plan = "v2; server>client #0 flip 12:0x01";
    assert!(
        report.contains(&format!("\n  replay: lossproof sim udp-remote --faults '{plan}'\n")),
        "{report}"
    );
    let again = lossproof(&["sim", "udp-remote", "--faults", plan]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains(": a reply answers the request it is for: "), "{}", stderr(&again));
}

#[test]
fn words_that_an_exhaustive_search_does_not_take_are_refused() {
    let refused = |more: &[&str], part: &str| {
        let output = lossproof(&[&["check", "udp-remote"], more].concat());
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{more:?}");
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    };
    for word in ["--loss", "--duplicate", "--corrupt"] {
        refused(&["--exhaustive", "1", word, "3%"], word);
    }
    refused(&["--exhaustive", "65"], "--exhaustive: '65' is not a whole number from 0 to 64");
    refused(&["--fates", "drop"], "--exhaustive");
    refused(&["--exhaustive", "1", "--fates", "dorp"], "--fates: 'dorp' is neither a fault nor a direction");
    refused(&["--exhaustive", "1", "--fates", "drop; a>b"], "--fates: the plan names the host 'a'");
}
