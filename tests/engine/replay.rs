//! A run is a function of scenario, seed and plan, and every run can be made again from its plan.

use std::ops::ControlFlow;
use std::time::Duration;

use lossproof::engine::{Engine, Keep, Prepared, Settings};
use lossproof::fault::{Bandwidth, Bursts, Chance, FaultPlan, Profile, strategy};
use lossproof::systems::select_echo::SelectEcho;
use lossproof::systems::tcp_sixteen::TcpSixteen;
use lossproof::systems::udp_remote::UdpRemote;
use lossproof::systems::{Options, System};
use lossproof::{Input, Instant, Scenario};
use proptest::prelude::*;

use crate::reactor::{add, datagram};

/// A run: its transcript, and its plan.
fn make<S: System>(
    engine: &mut Engine<S::Command, S::Event>,
    options: &Options,
    plan: &FaultPlan,
    profile: Profile,
    seed: u64,
) -> (String, FaultPlan) {
    let scenario = S::scenario(options);
    let names = scenario.names();
    let plan = Prepared::new(plan, &names).unwrap();
    let settings = Settings { seed, plan, profile, ..Settings::default() };
    engine.run(&scenario, &settings);
    (engine.transcript(&scenario, &names).to_string(), engine.plan(&scenario, &settings))
}

/// A run once, again, in an engine that has run before, and from its own plan: it is always the same.
fn is_made_again<S: System>(
    options: &Options,
    plan: &FaultPlan,
    profile: Profile,
    seed: u64,
) -> Result<(), TestCaseError> {
    let fresh = &mut Engine::default();
    let (transcript, whole) = make::<S>(fresh, options, plan, profile, seed);
    let again = make::<S>(&mut Engine::default(), options, plan, profile, seed);
    prop_assert_eq!(&again, &(transcript.clone(), whole.clone()));

    let used = &mut Engine::default();
    make::<S>(used, options, &"at 12ms crash server; at 20ms restart server".parse().unwrap(), profile, seed);
    make::<S>(used, options, &FaultPlan::default(), Profile { loss: Chance::ALWAYS, ..profile }, !seed);
    prop_assert_eq!(&make::<S>(used, options, plan, profile, seed).0, &transcript);

    // Broken off at every event, with all that is in flight then.
    for events in 0..12 {
        let scenario = S::scenario(options);
        used.run_observed(&scenario, &Settings { seed, profile, ..Settings::default() }, |view| {
            if view.events.len() > events {
                ControlFlow::Break(String::new())
            } else {
                ControlFlow::Continue(())
            }
        });
        prop_assert_eq!(&make::<S>(used, options, plan, profile, seed).0, &transcript);
    }

    // As text, as a user would paste it, and with another seed that does not count.
    let pasted: FaultPlan = whole.to_string().parse().unwrap();
    let replayed = make::<S>(used, options, &pasted, Profile::default(), seed.wrapping_add(1));
    prop_assert_eq!(replayed, (transcript, whole));
    Ok(())
}

/// Any profile; the bandwidths are such that a dialogue of a few packets fills the queue.
fn profile() -> impl Strategy<Value = Profile> {
    let draws = (0_u32..60, 0_u32..40, 0_u32..40, 0_u64..300);
    let bursts = prop_oneof![
        Just(Bursts::NONE),
        (0_u32..50, 1_u32..6).prop_map(|(loss, len)| Bursts::new(Chance::percent(loss), len)),
        [0_u32..=100, 0..=100, 0..=100, 0..=100].prop_map(|percents| {
            let [good_to_bad, bad_to_good, loss_in_good, loss_in_bad] = percents.map(Chance::percent);
            Bursts { good_to_bad, bad_to_good, loss_in_good, loss_in_bad }
        }),
    ];
    let bandwidth =
        (1_u64..60_000, 0_u32..200).prop_map(|(bits, queue_len)| Bandwidth::bits(bits, queue_len));
    let reorder = (0_u32..40, (0_u64..400_000).prop_map(Duration::from_micros));
    let rest = (0_u64..50, reorder, prop::option::of(bandwidth), prop::option::of(60_u16..80));
    (draws, bursts, rest).prop_map(|((loss, duplicate, corrupt, jitter), bursts, rest)| {
        let (latency, (reorder, reorder_by), bandwidth, mtu) = rest;
        Profile {
            latency: Duration::from_millis(latency),
            loss: Chance::percent(loss),
            bursts,
            duplicate: Chance::percent(duplicate),
            corrupt: Chance::percent(corrupt),
            jitter: Duration::from_millis(jitter),
            reorder: Chance::percent(reorder),
            reorder_by,
            bandwidth,
            mtu,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_with_datagrams_are_made_again(
        seed: u64, profile in profile(), ids: bool, plan in strategy::plan(&["server", "client"], 4),
    ) {
        let options = Options { ids, drop: Chance::percent(20), ..Options::default() };
        is_made_again::<UdpRemote>(&options, &plan, profile, seed)?;
    }

    #[test]
    fn runs_with_streams_are_made_again(
        seed: u64, profile in profile(), plan in strategy::plan(&["server", "client"], 4),
    ) {
        is_made_again::<TcpSixteen>(&Options::default(), &plan, profile, seed)?;
    }

    #[test]
    fn runs_with_several_streams_are_made_again(
        seed: u64, profile in profile(), plan in strategy::plan(&["server", "client"], 4),
    ) {
        is_made_again::<SelectEcho>(&Options::default(), &plan, profile, seed)?;
    }
}

#[test]
fn what_is_kept_changes_nothing_of_a_run() {
    let options = Options { ids: true, ..Options::default() };
    let scenario = UdpRemote::scenario(&options);
    let profile = Profile { loss: Chance::percent(40), ..Profile::default() };
    let mut engine = Engine::default();
    for seed in 0..50 {
        let outcomes = [Keep::Outcome, Keep::Events, Keep::Log].map(|keep| {
            let laws = [None, Settings::default().laws];
            laws.map(|laws| {
                let settings = Settings { seed, profile, keep, laws, ..Settings::default() };
                (engine.run(&scenario, &settings), engine.plan(&scenario, &settings))
            })
        });
        let first = &outcomes[0][0];
        assert!(outcomes.iter().flatten().all(|outcome| outcome == first));
    }
}

#[test]
fn what_a_host_sends_itself_crosses_no_network() {
    let mut scenario = Scenario::new("loopback");
    let host = add(&mut scenario, "a", datagram(1), |_, input, _, out| {
        if let Input::Command(_) = input {
            out.send("192.168.0.1:1".parse().unwrap(), b"to itself");
            out.send("192.168.0.2:1".parse().unwrap(), b"to another");
        }
        None
    });
    (0..50).for_each(|millis| scenario.command(Instant::from_millis(millis), host, millis));
    add(&mut scenario, "b", datagram(1), |_, _, _, _| None);
    let profile = Profile { loss: Chance::percent(50), ..Profile::default() };
    let settings = Settings { profile, ..Settings::default() };
    let mut engine = Engine::default();
    engine.run(&scenario, &settings);
    let names = scenario.names();
    let transcript = engine.transcript(&scenario, &names).to_string();
    let faults = transcript.matches("  fault ").count();
    let plan = engine.plan(&scenario, &settings);
    assert!(faults > 0 && plan.len() == faults, "{plan}\n{transcript}");
    let plan = Prepared::new(&plan, &names).unwrap();
    engine.run(&scenario, &Settings { plan, ..Settings::default() });
    assert_eq!(engine.transcript(&scenario, &names).to_string(), transcript);
}
