//! What the tests of systems in simulation share.
//!
//! Snapshots are in `snapshots/`. After a change that is meant, `INSTA_UPDATE=always cargo test --test systems` writes
//! them anew.

use lossproof::check::Search;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Chance, Fault, FaultPlan, Flow, HostFault, Profile, StreamFault, strategy};
use lossproof::{Instant, Scenario};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// How many lines a reviewer reads with attention.
const MAX_LINES: usize = 40;

/// One run with this plan, as text and as JSON lines. Each of these takes a net, or a scenario.
pub(crate) fn run(scenario: impl Into<Scenario>, plan: &str) -> (String, String) {
    let scenario = scenario.into();
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    // What a transcript shows need not hold.
    engine.run(&Settings { seed: 7, plan, properties: false, ..Settings::default() });
    assert_eq!(engine.unfired().count(), 0, "a fault that never fired shows nothing");
    let transcript = engine.transcript();
    (transcript.to_string(), transcript.json_lines())
}

/// Compares the transcript of a run with the one in `snapshots/`.
pub(crate) fn assert_run(name: &str, scenario: impl Into<Scenario>, plan: &str) {
    assert_snapshot(name, plan, &run(scenario, plan).0);
}

/// Compares a transcript with the one in `snapshots/`, headed by its plan.
pub(crate) fn assert_snapshot(name: &str, plan: &str, transcript: &str) {
    assert!(transcript.lines().count() <= MAX_LINES, "{name} has more than {MAX_LINES} lines:\n{transcript}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(plan);
    settings.bind(|| insta::assert_snapshot!(name, transcript));
}

/// Searches for a run that breaks one of the scenario's properties or a law, and wants none.
pub(crate) fn assert_held(scenario: impl Into<Scenario>, plan: &str, profile: Profile, runs: u64) {
    let scenario = scenario.into();
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let tally = Search::new(&scenario, plan, profile, 0).runs(0..runs);
    if let Some(failure) = tally.failure {
        panic!("{}: {}\n{}\n{}", failure.broken, failure.detail, failure.plan, failure.transcript);
    }
}

/// A network on which everything may go wrong at random but the bytes.
pub(crate) fn stormy() -> Profile {
    let jitter = std::time::Duration::from_millis(40);
    Profile { loss: Chance::percent(30), duplicate: Chance::percent(10), jitter, ..Profile::default() }
}

/// The flows between the client and the server of a scenario with two hosts.
pub(crate) fn both_ways() -> [Flow; 2] {
    [Flow::new("client", "server"), Flow::new("server", "client")]
}

/// The flows between the server of a scenario and its clients, where it has several.
#[cfg(feature = "turmoil")]
pub(crate) fn clients_both_ways(count: usize) -> Vec<Flow> {
    let clients = (1..=count).map(|number| format!("client-{number}"));
    clients.flat_map(|client| [Flow::new(&client, "server"), Flow::new("server", &client)]).collect()
}

/// Any plan for a scenario, but none in which a client crashes or is restarted at a moment, or stays down: what it promises,
/// it promises for a client that goes on, or begins anew. Clocks do not fall behind, since bounds are those of the time. A crash of the server and a reset fall where short dialogues are, more often than not.
pub(crate) fn plan_of_others(scenario: impl Into<Scenario>) -> impl Strategy<Value = FaultPlan> {
    let scenario = scenario.into();
    let names: Vec<String> = scenario.names().into_iter().map(str::to_owned).collect();
    let (server, clients) = (names[0].clone(), names[1..].to_vec());
    let reset = (prop::sample::select(clients), 0..60_u64);
    let early = (prop::option::of(0..40_u64), prop::option::of(reset));
    (strategy::plan(&names, 8), early).prop_map(move |(plan, (crash_at, reset))| {
        let mut kept = FaultPlan::default();
        kept.seed = plan.seed;
        let crash = crash_at.map(|millis| {
            let at = Instant::from_millis(millis);
            Fault::Host { at, fault: HostFault::Crash(server.clone()) }
        });
        let reset = reset.map(|(client, at)| {
            let flow = Flow::new(server.clone(), client);
            Fault::Stream { flow, conn: 0, at, fault: StreamFault::Reset }
        });
        for fault in plan.faults().iter().cloned().chain(crash).chain(reset) {
            let is_left_out = match &fault {
                Fault::Host { fault: HostFault::Lag { .. } | HostFault::Drift { .. }, .. } => true,
                Fault::Down(down) => down.host != server && down.back_after.is_none(),
                Fault::Host {
                    fault:
                        HostFault::Stop(host)
                        | HostFault::Crash(host)
                        | HostFault::Poweroff(host)
                        | HostFault::Restart(host),
                    ..
                } => *host != server,
                _ => false,
            };
            if !is_left_out {
                // What finds its place taken is left out.
                let _ = kept.push(fault);
            }
        }
        kept
    })
}

/// So many cases, and no files beside the sources.
pub(crate) fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Runs a scenario in the event engine and on turmoil, and holds that both say the same, which is given back.
#[cfg(feature = "turmoil")]
pub(crate) fn assert_parity(
    scenario: impl Into<Scenario>,
    plan: &FaultPlan,
    profile: Profile,
    seed: u64,
) -> String {
    let scenario = scenario.into();
    let plan = Prepared::new(plan, &scenario).unwrap();
    assert_settings_parity(&scenario, &Settings { seed, plan, profile, ..Settings::default() })
}

/// Runs a scenario in the event engine and on turmoil, and holds that both say the same, which is given back.
#[cfg(feature = "turmoil")]
pub(crate) fn assert_settings_parity(scenario: &Scenario, settings: &Settings) -> String {
    // On turmoil nothing is judged.
    let settings = Settings { properties: false, ..settings.clone() };
    let mut engine = Engine::new(scenario);
    let outcome = engine.run(&settings);
    let in_engine = engine.transcript().to_string();
    let simulated = lossproof::drive::simulate(scenario, &settings).unwrap();
    let on_turmoil = simulated.transcript().to_string();
    assert_eq!(in_engine, on_turmoil);
    assert_eq!((outcome, engine.statuses()), (simulated.outcome, simulated.statuses.as_slice()));
    in_engine
}
