//! Transcripts that a reviewer reads: an eventful run of each system.
//!
//! They are in `snapshots/`. After a change that is meant, `INSTA_UPDATE=always cargo test --test snapshots` writes
//! them anew.

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::systems::tcp_sixteen::TcpSixteen;
use lossproof::systems::udp_local::UdpLocal;
use lossproof::systems::udp_remote::UdpRemote;
use lossproof::systems::{Options, System};

/// How many lines a reviewer reads with attention.
const MAX_LINES: usize = 40;

/// One run with this plan, as text and as JSON lines.
fn run<S: System>(options: &Options, plan: &str) -> (String, String) {
    let scenario = S::scenario(options);
    let names = scenario.names();
    let plan = Prepared::new(&plan.parse().unwrap(), &names).unwrap();
    let mut engine = Engine::default();
    engine.run(&scenario, &Settings { seed: 7, plan, ..Settings::default() });
    assert_eq!(engine.unfired().count(), 0, "a fault that never fired shows nothing");
    let transcript = engine.transcript(&scenario, &names);
    (transcript.to_string(), transcript.json_lines())
}

/// Compares a transcript with the one in `snapshots/`, headed by its plan.
fn assert_snapshot(name: &str, plan: &str, transcript: &str) {
    assert!(transcript.lines().count() <= MAX_LINES, "{name} has more than {MAX_LINES} lines:\n{transcript}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(plan);
    settings.bind(|| insta::assert_snapshot!(name, transcript));
}

#[test]
fn udp_local_with_its_reply_doubled_and_late() {
    let plan = "server>client #0 duplicate";
    assert_snapshot("udp-local", plan, &run::<UdpLocal>(&Options::default(), plan).0);
}

#[test]
fn udp_local_gives_up_when_the_reply_is_lost() {
    let plan = "client>server #0 truncate 8; server>client #0 drop";
    assert_snapshot("udp-local-lost", plan, &run::<UdpLocal>(&Options::default(), plan).0);
}

#[test]
fn udp_remote_recovers_at_the_fourth_try() {
    let plan = "client>server #0 drop; server>client #0 drop; client>server #2 drop";
    assert_snapshot("udp-remote", plan, &run::<UdpRemote>(&Options::default(), plan).0);
}

#[test]
fn udp_remote_gives_up_behind_a_partition() {
    let plan = "at 0ms partition client|server";
    assert_snapshot("udp-remote-partition", plan, &run::<UdpRemote>(&Options::default(), plan).0);
}

#[test]
fn udp_remote_with_ids_outlives_a_duplicate_a_flip_and_a_crash() {
    let plan = "client>server #0 duplicate; client>server #1 flip 3:0x80; at 50ms crash server; at 150ms restart server";
    let options = Options { ids: true, ..Options::default() };
    assert_snapshot("udp-remote-ids", plan, &run::<UdpRemote>(&options, plan).0);
}

#[test]
fn tcp_sixteen_cut_and_stalled() {
    let plan = "client>server @3 cut; client>server @9 stall 2s; server>client cut every 5 bytes";
    assert_snapshot("tcp-sixteen", plan, &run::<TcpSixteen>(&Options::default(), plan).0);
}

#[test]
fn tcp_sixteen_reset_in_the_middle() {
    let plan = "client>server @3 reset";
    let (text, json) = run::<TcpSixteen>(&Options::default(), plan);
    assert_snapshot("tcp-sixteen-reset", plan, &text);
    assert_snapshot("tcp-sixteen-reset-json", plan, &json);
}

#[test]
fn tcp_sixteen_with_a_server_that_crashes() {
    let plan = "at 12ms crash server; at 3s restart server";
    assert_snapshot("tcp-sixteen-crash", plan, &run::<TcpSixteen>(&Options::default(), plan).0);
}
