//! What links do to datagrams at random: bursts, queues, order, length, and that one flow does not disturb another.

use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Bandwidth, Bursts, Chance, FaultPlan, Links, Profile};
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Net, Scenario};
use proptest::prelude::*;

use crate::reactor::{React, Reactor, add, reacting, told};

/// Sends as many bytes as a command says, to `b`.
const SENDS: React = |_, input, _, out| {
    if let Input::Command(&len) = input {
        out.send("192.168.0.2:1".parse().unwrap(), &vec![b'x'; len as usize]);
    }
    None
};
/// Sends them to `c`.
const SENDS_TO_C: React = |_, input, _, out| {
    if let Input::Command(&len) = input {
        out.send("192.168.0.3:1".parse().unwrap(), &vec![b'x'; len as usize]);
    }
    None
};
/// Tells how many bytes come.
const HEARS: React = |_, input, _, out| {
    if let Input::Datagram { bytes, .. } = input {
        out.event(bytes.len().to_string());
    }
    None
};

/// A host `a` that sends so many bytes at such times to `b`.
fn sending(sends: &[(u64, u64)]) -> Net {
    let net = Net::new("sending");
    let a = add(&net, "a", SENDS);
    add(&net, "b", HEARS);
    for &(millis, len) in sends {
        net.command(Instant::from_millis(millis), a, len);
    }
    net
}

/// The two hosts of [`sending`].
fn ends(net: &Net) -> [Host<Reactor>; 2] {
    ["a", "b"].map(|name| net.find(name))
}

/// The faults of a run, and what was heard when.
fn run(scenario: &Scenario, plan: &str, profile: Profile) -> (Vec<String>, Vec<String>) {
    let prepared = Prepared::new(&plan.parse().unwrap(), scenario).unwrap();
    let settings = Settings { seed: 7, plan: prepared, profile, ..Settings::default() };
    let mut engine = Engine::new(scenario);
    engine.run(&settings);
    let plan = engine.plan(&settings);
    (plan.faults().iter().map(ToString::to_string).collect(), told(&engine))
}

/// A byte a millisecond, behind a queue of so many bytes.
fn slow(queue_len: u32) -> Profile {
    Profile { bandwidth: Some(Bandwidth::kilobits(8, queue_len)), ..Profile::CALM }
}

#[test]
fn what_is_sent_faster_than_it_passes_waits_and_then_is_lost() {
    // With headers, 50 bytes each.
    let scenario = Scenario::from(sending(&[(0, 22), (0, 22), (0, 22), (0, 22), (50, 22), (1_000, 22)]));
    let (faults, heard) = run(&scenario, "", slow(150));
    let delays = ["a>b #0 delay 50ms", "a>b #1 delay 100ms", "a>b #2 delay 150ms", "a>b #3 drop"];
    assert_eq!(faults[..4], delays);
    assert_eq!(faults[4..], ["a>b #4 delay 150ms", "a>b #5 delay 50ms"]);
    assert_eq!(heard, ["0.055 22", "0.105 22", "0.155 22", "0.205 22", "1.055 22"]);
    // A byte less room, and the third finds it full.
    let (faults, _) = run(&scenario, "", slow(149));
    assert_eq!(faults[2..4], ["a>b #2 drop", "a>b #3 drop"]);
}

#[test]
fn what_a_plan_does_to_a_packet_takes_the_same_room() {
    let scenario = Scenario::from(sending(&[(0, 22), (0, 22), (0, 22)]));
    let (faults, _) = run(&scenario, "a>b #1 duplicate", slow(150));
    assert_eq!(faults, ["a>b #1 duplicate", "a>b #0 delay 50ms", "a>b #2 delay 150ms"]);
}

#[test]
fn a_datagram_that_is_too_long_is_lost_and_takes_no_room() {
    let profile = Profile { mtu: Some(50), ..slow(150) };
    let (faults, heard) = run(&Scenario::from(sending(&[(0, 22), (0, 23), (0, 22)])), "", profile);
    assert_eq!(faults, ["a>b #0 delay 50ms", "a>b #1 drop", "a>b #2 delay 100ms"]);
    assert_eq!(heard, ["0.055 22", "0.105 22"]);
}

#[test]
fn less_than_half_a_millisecond_is_not_worth_a_fault() {
    // 50 bytes take 0.4 ms: the second waits 0.8 in all, the third 1.2.
    let profile = Profile { bandwidth: Some(Bandwidth::kilobits(1_000, 10_000)), ..Profile::CALM };
    let (faults, _) = run(&Scenario::from(sending(&[(0, 22), (0, 22), (0, 22)])), "", profile);
    assert_eq!(faults, ["a>b #1 delay 1ms", "a>b #2 delay 1ms"]);
}

#[test]
fn later_packets_overtake_one_that_is_put_out_of_order() {
    let sends: Vec<_> = (0..40).map(|n| (10 * n, n)).collect();
    let profile =
        Profile { reorder: Chance::percent(20), reorder_by: Duration::from_millis(25), ..Profile::CALM };
    let (faults, heard) = run(&Scenario::from(sending(&sends)), "", profile);
    let order: Vec<u64> = heard.iter().map(|line| line.split_once(' ').unwrap().1.parse().unwrap()).collect();
    assert_eq!(order.len(), 40);
    assert!(faults.len() > 3 && faults.iter().all(|fault| fault.ends_with("delay 25ms")), "{faults:?}");
    let overtaken = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(overtaken > 2, "{order:?}");
}

#[test]
fn the_latency_is_the_profiles_unless_the_plan_has_one() {
    let scenario = Scenario::from(sending(&[(0, 1)]));
    let profile = Profile { latency: Duration::from_millis(260), ..Profile::CALM };
    assert_eq!(run(&scenario, "", profile).1, ["0.260 1"]);
    assert_eq!(run(&scenario, "link 20ms", profile).1, ["0.020 1"]);
    assert_eq!(run(&scenario, "", Profile::CALM).1, ["0.005 1"]);
}

#[test]
fn a_direction_can_have_a_latency_of_its_own() {
    let sending_over = |spans: &[u64]| {
        let net = sending(&[(0, 1)]);
        let [a, b] = ends(&net);
        for span in spans {
            net.link_latency(a, b, Duration::from_millis(*span));
        }
        net.link_latency(b, a, Duration::from_millis(20));
        Scenario::from(net)
    };
    assert_eq!(run(&sending_over(&[80]), "", Profile::CALM).1, ["0.080 1"]);
    let scenario = sending_over(&[80, 30]);
    assert_eq!(run(&scenario, "", Profile::CALM).1, ["0.030 1"], "what is said last holds");
    assert_eq!(run(&scenario, "link 2ms", Profile::CALM).1, ["0.002 1"]);
    assert_eq!(run(&scenario, "", Profile::LAN).1, ["0.001 1"]);
}

#[test]
fn a_refusal_comes_back_the_other_way() {
    let net = Net::new("refused");
    // Its first address is that of a listener, where no datagram is taken.
    let b = reacting(net.host("b").listen(2), HEARS);
    let a = reacting(net.host("a").udp(1).connected(b), |_, input, _, out| {
        match input {
            Input::Start { .. } => out.send("192.168.0.1:2".parse().unwrap(), b"?"),
            Input::Unreachable { peer, local } => out.event(format!("{peer} refused {local}")),
            _ => {}
        }
        None
    });
    net.link_latency(a, b, Duration::from_millis(30));
    net.link_latency(b, a, Duration::from_millis(7));
    let (_, told) = run(&Scenario::from(net), "", Profile::CALM);
    assert_eq!(told, ["0.037 192.168.0.1:2 refused 192.168.0.2:1"]);
}

#[test]
fn a_direction_can_have_a_profile_of_its_own() {
    let net = sending(&[(0, 22), (0, 22)]);
    let [a, b] = ends(&net);
    let c = add(&net, "c", SENDS);
    let d = add(&net, "d", SENDS_TO_C);
    for host in [c, d, d] {
        net.command(Instant::START, host, 22);
    }
    let lost = Profile { loss: Chance::ALWAYS, ..Profile::CALM };
    let links = Links::default().direction(a, b, lost).between(c, d, slow(1_000)).direction(a, b, slow(60));
    let settings = Settings { profile: lost, links, ..Settings::default() };
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    let plan = engine.plan(&settings).to_string();
    let faults: Vec<&str> = plan.split("; ").skip(2).collect();
    let expected =
        ["a>b #0 delay 50ms", "a>b #1 drop", "c>b #0 drop", "d>c #0 delay 50ms", "d>c #1 delay 100ms"];
    assert_eq!(faults, expected);
}

#[test]
#[should_panic(expected = "a link is between hosts of the scenario")]
fn a_link_to_a_host_of_another_scenario_is_refused() {
    let larger = sending(&[]);
    let c = add(&larger, "c", SENDS);
    let links = Links::default().between(larger.find::<Reactor>("a"), c, slow(1));
    let scenario = Scenario::from(sending(&[]));
    Engine::new(&scenario).run(&Settings { links, ..Settings::default() });
}

#[test]
fn a_link_takes_the_latency_of_its_profile() {
    let net = sending(&[(0, 22)]);
    let [a, b] = ends(&net);
    let c = add(&net, "c", SENDS);
    net.command(Instant::START, c, 22);
    net.link_latency(a, b, Duration::from_millis(7));
    let scenario = Scenario::from(net);
    let arrivals = |plan: &str, profile, links| {
        let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings { plan, profile, links, ..Settings::default() });
        let transcript = engine.transcript().to_string();
        let mut lines: Vec<String> =
            transcript.lines().filter(|line| line.contains("recv")).map(str::to_owned).collect();
        for line in &mut lines {
            line.truncate(8);
        }
        lines
    };
    let long = |latency| Profile { latency: Duration::from_millis(latency), ..Profile::CALM };
    let links = |latency| Links::default().between(a, b, long(latency));
    assert_eq!(arrivals("", Profile::CALM, Links::default()), ["0.005  b", "0.007  b"]);
    assert_eq!(arrivals("", Profile::CALM, links(260)), ["0.005  b", "0.260  b"]);
    assert_eq!(arrivals("", long(20), links(260)), ["0.020  b", "0.260  b"]);
    assert_eq!(arrivals("link 30ms", long(20), links(260)), ["0.030  b", "0.260  b"]);
    // Without one it has that of the others.
    assert_eq!(arrivals("link 30ms", long(20), links(260).between(a, b, Profile::CALM)), ["0.030  b"; 2]);
    for (_, profile) in Profile::NAMED {
        arrivals("", Profile::CALM, Links::default().between(a, b, profile));
    }
    // As far away as anything can be.
    assert_eq!(arrivals("", long(u64::MAX), links(260)), ["0.260  b"]);
    let mut engine = Engine::new(&scenario);
    let never =
        Settings { profile: Profile { latency: Duration::MAX, ..Profile::CALM }, ..Settings::default() };
    engine.run(&never);
    assert_eq!(engine.plan(&never).to_string(), "v2; seed 0; link 18446744073709551615ns");
}

/// The faults of one flow.
fn of_flow(flow: &str, faults: &[String]) -> Vec<String> {
    faults.iter().filter(|fault| fault.starts_with(flow)).cloned().collect()
}

/// Bursts, and a queue that is full at times.
fn stormy() -> Profile {
    let bandwidth = Some(Bandwidth::kilobits(16, 300));
    Profile {
        bursts: Bursts::new(Chance::percent(30), 4),
        bandwidth,
        jitter: Duration::from_millis(9),
        ..Profile::CALM
    }
}

#[test]
fn one_flow_does_not_disturb_another() {
    let sends: Vec<_> = (0..200).map(|n| (5 * n, n % 50)).collect();
    let alone = run(&Scenario::from(sending(&sends)), "", stormy()).0;
    let net = sending(&sends);
    let [_, b] = ends(&net);
    let c = add(&net, "c", SENDS);
    let d = add(&net, "d", SENDS_TO_C);
    for n in 0..300 {
        net.command(Instant::from_millis(3 * n), if n % 2 == 0 { c } else { d }, n % 40);
        net.command(Instant::from_millis(4 * n), b, 1);
    }
    let among_others = run(&Scenario::from(net), "", stormy()).0;
    assert_eq!(of_flow("a>b", &among_others), alone);
    assert!(alone.iter().filter(|fault| fault.ends_with("drop")).count() > 20, "{alone:?}");
    assert!(among_others.len() > alone.len() + 50);
}

#[test]
fn what_a_plan_does_to_a_packet_does_not_move_the_bursts() {
    let sends: Vec<_> = (0..100).map(|n| (5 * n, 1)).collect();
    let scenario = Scenario::from(sending(&sends));
    let profile = Profile { bandwidth: None, ..stormy() };
    let (drawn, _) = run(&scenario, "", profile);
    // A datagram that the partition stops has a number, and the chain goes on over it.
    let planned = "a>b #3 truncate 0; a>b #40 duplicate; at 99ms partition a>b; at 200ms heal";
    let (with_plan, _) = run(&scenario, planned, profile);
    let is_free = |fault: &&String| {
        let n: u64 = fault["a>b #".len()..].split_once(' ').unwrap().0.parse().unwrap();
        n != 3 && n != 40 && !(20..40).contains(&n)
    };
    let free: Vec<_> = drawn.iter().filter(is_free).collect();
    let of_plan: Vec<_> =
        with_plan.iter().filter(|fault| fault.starts_with("a>b #")).filter(is_free).collect();
    assert_eq!(of_plan, free);
    assert!(free.iter().filter(|fault| fault.ends_with("drop")).count() > 10, "{free:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// What only waits comes in order, and is made again from the plan.
    #[test]
    fn a_queue_keeps_the_order(
        sends in prop::collection::vec((0_u64..200, 0_u64..100), 1..40),
        bits in 1_u64..2_000_000,
        queue_len in 0_u32..3_000,
    ) {
        let net = Net::new("sending");
        let a = add(&net, "a", SENDS);
        add(&net, "b", HEARS);
        let mut sends = sends;
        sends.sort_by_key(|&(millis, _)| millis);
        for (index, &(millis, len)) in sends.iter().enumerate() {
            // The length names the packet.
            net.command(Instant::from_millis(millis), a, len * 64 + index as u64);
        }
        net.max_time(Duration::from_secs(1_000_000));
        let scenario = Scenario::from(net);
        let profile = Profile { bandwidth: Some(Bandwidth::bits(bits, queue_len)), ..Profile::CALM };
        let (faults, heard) = run(&scenario, "", profile);
        let order: Vec<u64> =
            heard.iter().map(|line| line.split_once(' ').unwrap().1.parse::<u64>().unwrap() % 64).collect();
        prop_assert!(order.is_sorted(), "{:?}", order);
        let mut plan = FaultPlan::default();
        plan.try_extend(faults.iter().map(|fault| fault.parse::<FaultPlan>().unwrap().faults()[0].clone())).unwrap();
        prop_assert_eq!(run(&scenario, &plan.to_string(), Profile::CALM), (faults, heard));
    }
}
