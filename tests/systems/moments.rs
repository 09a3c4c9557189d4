//! Every host of every system, at many moments: it starts again, and its clock comes to its end.

use std::process::Command;
use std::time::Duration;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::{FaultPlan, MAX_SKEW, Profile};
use lossproof::systems::{
    Options, election, geocode, greet, greeter, hello_tcp, hello_udp, http, select_echo, suffix_echo,
    tcp_chat, tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
};
use lossproof::{Instant, Net, Scenario};

type System = fn(&Options) -> Net;

const ALL: [(&str, System); 16] = [
    ("election", election::net),
    ("geocode", geocode::net),
    ("greet", greet::net),
    ("greeter", greeter::net),
    ("hello-tcp", hello_tcp::net),
    ("hello-udp", hello_udp::net),
    ("http", http::net),
    ("select-echo", select_echo::net),
    ("suffix-echo", suffix_echo::net),
    ("tcp-chat", tcp_chat::net),
    ("tcp-deadlock", tcp_deadlock::net),
    ("tcp-sixteen", tcp_sixteen::net),
    ("udp-broadcast", udp_broadcast::net),
    ("udp-chat", udp_chat::net),
    ("udp-local", udp_local::net),
    ("udp-remote", udp_remote::net),
];

/// How many moments of a run are tried, spread over it.
const MOMENTS: u64 = 20;

/// The systems in the forms that they have.
fn scenarios() -> Vec<(&'static str, Scenario)> {
    let plain = Options::default();
    let forms = [
        ("udp-remote --ids", udp_remote::net as System, Options { ids: true, ..plain.clone() }),
        ("greeter --datagram", greeter::net, Options { datagram: true, ..plain.clone() }),
        ("udp-chat --members-only", udp_chat::net, Options { members_only: true, ..plain.clone() }),
    ];
    let all = ALL.into_iter().map(|(name, net)| (name, Scenario::from(net(&plain))));
    all.chain(forms.into_iter().map(|(name, net, options)| (name, Scenario::from(net(&options))))).collect()
}

/// The run of a scenario with this plan: what does not hold in it, and when it was over.
fn run(scenario: &Scenario, plan: &str) -> (Result<(), String>, Instant) {
    let parsed: FaultPlan = plan.parse().unwrap_or_else(|error| panic!("{plan}: {error}"));
    let prepared = Prepared::new(&parsed, scenario).unwrap();
    match Search::new(scenario, prepared, Profile::CALM, 7).once(7) {
        Ok(outcome) => (Ok(()), outcome.at),
        Err(broken) => (Err(broken), Instant::START),
    }
}

/// Moments of a run without faults, in milliseconds, some of them beside one of its steps.
fn moments(scenario: &Scenario) -> Vec<u64> {
    let end = run(scenario, "").1.as_nanos() / 1_000_000;
    let at = |place: u64| (end * place / (MOMENTS - 2)).saturating_add(place % 3);
    (0..MOMENTS).map(at).collect()
}

/// A host that starts again is another machine of the same name: nothing is wrong with that, in any system.
#[test]
fn every_host_may_start_again_at_every_moment() {
    for (name, scenario) in scenarios() {
        for at in moments(&scenario) {
            for host in scenario.names() {
                for plan in [
                    format!("at {at}ms restart {host}"),
                    format!("at {at}ms crash {host}; at {}ms restart {host}", at + 7),
                    format!("at {at}ms poweroff {host}; at {}ms restart {host}", at + 7),
                    format!("at {at}ms restart {host}; at {}ms restart {host}", at + 1),
                ] {
                    assert_eq!(run(&scenario, &plan).0, Ok(()), "{name}: {plan}");
                }
            }
        }
    }
}

/// A clock that jumps as far as it may, stands still for good, or both: no machine is said to break a law by that.
#[test]
fn no_clock_at_its_end_makes_a_machine_break_a_law() {
    let farthest = MAX_SKEW.as_secs();
    for (name, scenario) in scenarios() {
        for at in moments(&scenario).into_iter().step_by(4) {
            for host in scenario.names() {
                for plan in [
                    format!("at {at}ms skew {host} +{farthest}s"),
                    format!("at {at}ms skew {host} -18446744073s"),
                    format!("at {at}ms skew {host} +{farthest}s; at {at}ms skew {host} -18446744073s"),
                    format!("at {at}ms drift {host} x2; at {at}ms skew {host} +{farthest}s"),
                ] {
                    if let Err(broken) = run(&scenario, &plan).0 {
                        assert!(!broken.contains("law "), "{name}: {plan}: {broken}");
                    }
                }
                for plan in [
                    format!("at {at}ms skew {host} +{}s", farthest + 1),
                    format!("at {at}ms skew {host} +18446744073s"),
                    format!("at {at}ms skew {host} +{farthest}s; at {at}ms skew {host} +1ns"),
                ] {
                    let error = plan.parse::<FaultPlan>().unwrap_err().to_string();
                    assert!(error.contains("at most 3153600000s"), "{error}");
                }
            }
        }
    }
    assert_eq!(MAX_SKEW, Duration::from_hours(100 * 365 * 24));
}

/// One rule for changed bytes: who has no checksum rules them out, as the summary of a check says, and whoever has one
/// withstands them.
#[test]
fn who_does_not_rule_changed_bytes_out_withstands_them() {
    let check = |words: &[&str], more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
        command.arg("check").args(words).args(more).args(["--runs", "200"]);
        command.output().expect("the binary was built for this test")
    };
    let forms: [&[&str]; 4] = [
        &["udp-remote", "--ids"],
        &["udp-remote", "--key", "a key of sixteen bytes"],
        &["greeter", "--datagram"],
        &["udp-chat", "--members-only"],
    ];
    let unchecked: [&[&str]; 8] = [
        &["hello-udp"],
        &["udp-broadcast"],
        &["udp-chat"],
        &["udp-local"],
        &["udp-remote"],
        forms[0],
        forms[2],
        forms[3],
    ];
    let plain = ALL.iter().map(|(name, _)| vec![*name]);
    for words in plain.chain(forms.iter().map(|words| words.to_vec())) {
        let is_unchecked = unchecked.contains(&&words[..]);
        let output = check(&words, &[]);
        let report = String::from_utf8(output.stdout).unwrap();
        let rules_out =
            report.lines().any(|line| line.starts_with("  ruled out ") && line.contains("flip, truncate"));
        assert_eq!(rules_out, is_unchecked, "{words:?}: {report}");
        let output = check(&words, &["--corrupt", "10%"]);
        let told = String::from_utf8(output.stderr).unwrap();
        if is_unchecked {
            assert_eq!(told, format!("lossproof: note: {} does not claim to withstand flip\n", words[0]));
        } else {
            assert_eq!((told.as_str(), output.status.code()), ("", Some(0)), "{words:?}");
        }
    }
}
