//! What links do to streams at random: bytes wait for bandwidth, bursts of loss are stalls, and the order is kept.

use std::time::Duration;

use lossproof::Scenario;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Bandwidth, Bursts, Chance, Fault, FaultPlan, Links, Profile, StreamFault};
use proptest::prelude::*;

use crate::script::{B, C, Do, ends, net};

/// The faults of a run, and its transcript.
fn run(plan: &FaultPlan, profile: Profile, script: &[(u64, &str, Do)]) -> (FaultPlan, String) {
    run_with(plan, (profile, None), script)
}

/// The same, with another profile for what comes back to `a`.
fn run_with(
    plan: &FaultPlan,
    (profile, back): (Profile, Option<Profile>),
    script: &[(u64, &str, Do)],
) -> (FaultPlan, String) {
    let net = net(script);
    let [a, b] = ends(&net);
    // What goes to and fro is not equally long on its way.
    net.link_latency(b, a, Duration::from_millis(7));
    let links = back.map_or_else(Links::default, |back| Links::default().direction(b, a, back));
    let scenario = Scenario::from(net);
    let settings = Settings {
        seed: 7,
        plan: Prepared::new(plan, &scenario).unwrap(),
        profile,
        links,
        ..Settings::default()
    };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    (engine.plan(&settings), engine.transcript().to_string())
}

fn drawn(profile: Profile, script: &[(u64, &str, Do)]) -> String {
    run(&FaultPlan::default(), profile, script).0.to_string()
}

const OPEN: (u64, &str, Do) = (0, "a", Do::Connect(B));

#[test]
fn bytes_wait_for_those_before_them_and_none_are_lost() {
    // A byte a millisecond, and room for none to wait.
    let profile = Profile { bandwidth: Some(Bandwidth::kilobits(8, 0)), ..Profile::CALM };
    // With the headers of one segment each: 50, 50, and for the end 40.
    let script = [
        OPEN,
        (20, "a", Do::Write(0, "ten bytes.")),
        (20, "a", Do::Write(0, "ten more..")),
        (90, "a", Do::Shutdown(0)),
    ];
    assert_eq!(
        drawn(profile, &script),
        "v2; seed 7; a>b @0 stall 50ms; a>b @10 stall 100ms; a>b @20 stall 70ms"
    );
    let (_, transcript) = run(&FaultPlan::default(), profile, &script);
    for line in ["0.075  b  read  @0 \"ten bytes.\"", "0.125  b  read  @10 \"ten more..\"", "0.165  b  eof"] {
        assert!(transcript.contains(line), "{line}\n{transcript}");
    }
}

#[test]
fn connections_between_two_hosts_share_what_their_link_carries() {
    let profile = Profile { bandwidth: Some(Bandwidth::kilobits(8, 0)), ..Profile::CALM };
    let to_b_twice = [OPEN, OPEN, (20, "a", Do::Write(0, "one")), (20, "a", Do::Write(1, "two"))];
    assert_eq!(drawn(profile, &to_b_twice), "v2; seed 7; a>b @0 stall 43ms; a>b/1 @0 stall 86ms");
    let to_both =
        [OPEN, (0, "a", Do::Connect(C)), (20, "a", Do::Write(0, "one")), (20, "a", Do::Write(1, "two"))];
    assert_eq!(drawn(profile, &to_both), "v2; seed 7; a>b @0 stall 43ms; a>c @0 stall 43ms");
}

#[test]
fn a_burst_stalls_one_write_after_another() {
    let bursts = Bursts {
        good_to_bad: Chance::percent(4),
        bad_to_good: Chance::percent(4),
        loss_in_good: Chance::NEVER,
        loss_in_bad: Chance::percent(50),
    };
    let script: Vec<_> =
        [OPEN].into_iter().chain((1..=400).map(|n| (100 * n, "a", Do::Write(0, "x")))).collect();
    let (plan, _) = run(&FaultPlan::default(), Profile { bursts, ..Profile::CALM }, &script);
    let offsets: Vec<u64> = plan
        .faults()
        .iter()
        .map(|fault| match fault {
            Fault::Stream { at, fault: StreamFault::Stall(_), .. } => *at,
            other => panic!("{other}"),
        })
        .collect();
    // Half the time it is bad, and then every second write stalls: the gaps are short in a burst and long between two.
    let gaps: Vec<u64> = offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().filter(|&&gap| gap <= 4).count() > 40, "{gaps:?}");
    assert!(gaps.iter().filter(|&&gap| gap > 10).count() >= 5, "{gaps:?}");
}

#[test]
fn each_time_that_a_write_is_sent_is_a_packet_of_the_burst() {
    // Good and bad take turns, so what is lost gets through the next time, and the next write is lost again.
    let bursts = Bursts {
        good_to_bad: Chance::ALWAYS,
        bad_to_good: Chance::ALWAYS,
        loss_in_good: Chance::NEVER,
        loss_in_bad: Chance::ALWAYS,
    };
    let script: Vec<_> =
        [OPEN].into_iter().chain((1..=20).map(|n| (1_000 * n, "a", Do::Write(0, "x")))).collect();
    let (plan, _) = run(&FaultPlan::default(), Profile { bursts, ..Profile::CALM }, &script);
    assert!((19..=20).contains(&plan.len()), "{plan}");
    assert!(plan.faults().iter().all(|fault| fault.to_string().ends_with(" stall 200ms")), "{plan}");
}

#[test]
fn a_length_and_a_copy_are_no_matter_of_streams() {
    let chances =
        Profile { duplicate: Chance::ALWAYS, corrupt: Chance::ALWAYS, mtu: Some(100), ..Profile::CALM };
    let script = [OPEN, (20, "a", Do::Fill(0, 5_000)), (30, "a", Do::Close(0))];
    assert_eq!(drawn(chances, &script), "v2; seed 7");
}

#[test]
fn what_is_put_out_of_order_holds_up_what_follows() {
    let by = Duration::from_millis(30);
    let profile = Profile { reorder: Chance::ALWAYS, reorder_by: by, ..Profile::CALM };
    let script = [OPEN, (20, "a", Do::Write(0, "one")), (40, "a", Do::Write(0, "two"))];
    let (plan, transcript) = run(&FaultPlan::default(), profile, &script);
    assert_eq!(plan.to_string(), "v2; seed 7; a>b @0 stall 30ms; a>b @3 stall 30ms");
    let (one, two) = (transcript.find("0.055  b  read  @0"), transcript.find("0.075  b  read  @3"));
    assert!(one.is_some() && one < two, "{transcript}");
}

/// A handshake, room in the buffer and a reset take the way there and the way back.
#[test]
fn the_ways_there_and_back_can_be_of_different_length() {
    let net = net(&[
        OPEN,
        (100, "a", Do::Fill(0, 65_537)),
        (200, "b", Do::Write(0, "x")),
        (300, "b", Do::Write(0, "x")),
    ]);
    let [a, b] = ends(&net);
    net.link_latency(a, b, Duration::from_millis(30));
    net.link_latency(b, a, Duration::from_millis(7));
    let scenario = Scenario::from(net);
    let plan = Prepared::new(&"b>a @1 reset".parse().unwrap(), &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { plan, ..Settings::default() });
    let transcript = engine.transcript().to_string();
    for line in [
        "0.037  a  connected",
        "0.067  b  connected",
        "0.130  b  read  @0",
        "0.137  a  writable",
        "0.207  a  read  @0",
        "0.307  a  closed",
        "0.337  b  closed",
    ] {
        assert!(transcript.contains(line), "{line}\n{transcript}");
    }
}

/// Writes in both directions on two connections, and their ends.
fn script() -> impl Strategy<Value = Vec<(u64, &'static str, Do)>> {
    let action = prop_oneof![
        4 => (0_usize..2, 1_usize..3_000).prop_map(|(conn, len)| Do::Fill(conn, len)),
        1 => (0_usize..2).prop_map(Do::Pause),
        1 => (0_usize..2).prop_map(Do::Resume),
    ];
    // Both connections stand by then.
    let actions = prop::collection::vec((200_u64..600, prop::sample::select(vec!["a", "b"]), action), 1..20);
    (actions, 300_u64..900).prop_map(|(mut actions, end_at)| {
        actions.sort_by_key(|&(millis, ..)| millis);
        let ends = [(end_at, "a", Do::Shutdown(0)), (end_at, "a", Do::Close(1))];
        actions.retain(|&(millis, ..)| millis < end_at);
        [OPEN, OPEN].into_iter().chain(actions).chain(ends).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_link_does_is_made_again_from_the_plan(
        script in script(),
        bits in 10_000_u64..4_000_000,
        loss in 0_u32..40,
        jitter in 0_u64..40,
        latency in 0_u64..50,
        bits_back in prop::option::of(10_000_u64..4_000_000),
    ) {
        let profile = Profile {
            latency: Duration::from_millis(latency),
            bursts: Bursts::new(Chance::percent(loss), 3),
            bandwidth: Some(Bandwidth::bits(bits, 1_000)),
            jitter: Duration::from_millis(jitter),
            reorder: Chance::percent(10),
            reorder_by: Duration::from_millis(15),
            ..Profile::CALM
        };
        let back = bits_back.map(|bits| Profile {
            loss: Chance::percent(loss),
            bandwidth: Some(Bandwidth::bits(bits, 0)),
            ..Profile::CALM
        });
        let (plan, transcript) = run_with(&FaultPlan::default(), (profile, back), &script);
        let pasted = plan.to_string().parse().unwrap();
        prop_assert_eq!(run(&pasted, Profile::CALM, &script), (plan, transcript));
    }
}
