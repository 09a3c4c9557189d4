//! A run is a function of scenario, seed and plan, and every run can be made again from its plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lossproof::engine::{Engine, Keep, Prepared, Settings};
use lossproof::fault::{Bandwidth, Bursts, Chance, FaultPlan, Profile, strategy};
use lossproof::{Input, Instant, Net, Scenario};
use proptest::prelude::*;

use crate::pairs;
use crate::reactor::add;

/// A run: its transcript, and its plan.
fn make(engine: &mut Engine<'_>, plan: &FaultPlan, profile: Profile, seed: u64) -> (String, FaultPlan) {
    let plan = Prepared::new(plan, engine.scenario()).unwrap();
    let settings = Settings { seed, plan, profile, properties: false, ..Settings::default() };
    engine.run(&settings);
    (engine.transcript().to_string(), engine.plan(&settings))
}

/// A run once, again, in an engine that has run before, and from its own plan: it is always the same.
fn is_made_again(
    net: impl Fn() -> Net,
    plan: &FaultPlan,
    profile: Profile,
    seed: u64,
) -> Result<(), TestCaseError> {
    let scenario = Scenario::from(net());
    let (transcript, whole) = make(&mut Engine::new(&scenario), plan, profile, seed);
    let again = make(&mut Engine::new(&scenario), plan, profile, seed);
    prop_assert_eq!(&again, &(transcript.clone(), whole.clone()));

    let used = &mut Engine::new(&scenario);
    make(used, &"at 12ms crash server; at 20ms restart server".parse().unwrap(), profile, seed);
    make(used, &FaultPlan::default(), Profile { loss: Chance::ALWAYS, ..profile }, !seed);
    prop_assert_eq!(&make(used, plan, profile, seed).0, &transcript);

    // Broken off after so many inputs, with all that is in flight then.
    let broken_off = net().without_properties();
    let most = Arc::new(AtomicU64::new(0));
    let bound = Arc::clone(&most);
    broken_off.always("so many inputs", move |run| run.inputs() < bound.load(Relaxed));
    let scenario = Scenario::from(broken_off);
    let used = &mut Engine::new(&scenario);
    for inputs in [1, 2, 3, 4, 6, 8, 11, 15, 20, 30] {
        most.store(inputs, Relaxed);
        used.run(&Settings { seed, profile, ..Settings::default() });
        prop_assert_eq!(&make(used, plan, profile, seed).0, &transcript);
    }

    // As text, as a user would paste it, and with another seed that does not count.
    let pasted: FaultPlan = whole.to_string().parse().unwrap();
    let replayed = make(used, &pasted, Profile::default(), seed.wrapping_add(1));
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
            ..Profile::CALM
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_with_datagrams_are_made_again(
        seed: u64, profile in profile(), plan in strategy::plan(&["server", "client"], 4),
    ) {
        is_made_again(pairs::datagrams, &plan, profile, seed)?;
    }

    #[test]
    fn runs_with_streams_are_made_again(
        seed: u64, profile in profile(), conns in 1_u64..4, plan in strategy::plan(&["server", "client"], 4),
    ) {
        is_made_again(|| pairs::streams(conns), &plan, profile, seed)?;
    }
}

#[test]
fn what_is_kept_changes_nothing_of_a_run() {
    let scenario = Scenario::from(pairs::datagrams());
    let profile = Profile { loss: Chance::percent(40), ..Profile::default() };
    let mut engine = Engine::new(&scenario);
    for seed in 0..50 {
        let outcomes = [Keep::Outcome, Keep::Events, Keep::Log].map(|keep| {
            let laws = [None, Settings::default().laws];
            laws.map(|laws| {
                let settings = Settings { seed, profile, keep, laws, ..Settings::default() };
                (engine.run(&settings), engine.plan(&settings))
            })
        });
        let first = &outcomes[0][0];
        assert!(outcomes.iter().flatten().all(|outcome| outcome == first));
    }
}

#[test]
fn what_a_host_sends_itself_crosses_no_network() {
    let net = Net::new("loopback");
    let host = add(&net, "a", |_, input, _, out| {
        if let Input::Command(_) = input {
            out.send("192.168.0.1:1".parse().unwrap(), b"to itself");
            out.send("192.168.0.2:1".parse().unwrap(), b"to another");
        }
        None
    });
    (0..50).for_each(|millis| net.command(Instant::from_millis(millis), host, millis));
    add(&net, "b", |_, _, _, _| None);
    let profile = Profile { loss: Chance::percent(50), ..Profile::default() };
    let settings = Settings { profile, ..Settings::default() };
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    let transcript = engine.transcript().to_string();
    let faults = transcript.matches("  fault ").count();
    let plan = engine.plan(&settings);
    assert!(faults > 0 && plan.len() == faults, "{plan}\n{transcript}");
    let plan = Prepared::new(&plan, &scenario).unwrap();
    engine.run(&Settings { plan, ..Settings::default() });
    assert_eq!(engine.transcript().to_string(), transcript);
}
