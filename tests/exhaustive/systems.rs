//! That no schedule is missed and none comes twice; and what the systems hold.

use std::time::Duration;

use lossproof::check::{Exhaustive, Explored, Fates};
use lossproof::engine::{Engine, Keep, Prepared, Settings};
use lossproof::fault::{DatagramFault, Fault, FaultPlan, Flow, StreamFault};
use lossproof::systems::{Options, tcp_sixteen, udp_chat, udp_remote};
use lossproof::{HostId, Instant, Net, Scenario};

const NO_END: u64 = u64::MAX;

fn ids() -> Net {
    udp_remote::net(&Options { ids: true, ..Options::default() })
}

fn sixteen() -> Net {
    tcp_sixteen::net(&Options::default())
}

fn only_drops() -> Fates {
    Fates { datagram: vec![DatagramFault::Drop], ..Fates::none() }
}

fn explore(net: Net, fates: Fates, max_faults: usize) -> Explored {
    Exhaustive::new(&Scenario::from(net), fates, max_faults).run(NO_END, |_| ())
}

/// How many schedules of at most `max_faults` faults there are in which each changes something, by trying every plan
/// with places up to a bound.
fn naive(net: Net, places: &[Fault], max_faults: usize) -> u64 {
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    let mut all_fire = |plan: &FaultPlan| {
        let prepared = Prepared::new(plan, &scenario).unwrap();
        engine.run(&Settings { plan: prepared, keep: Keep::Outcome, ..Settings::default() });
        engine.unfired().next().is_none()
    };
    grow(&mut all_fire, places, &FaultPlan::default(), max_faults)
}

/// How many plans fire that have this one and faults at some of these places.
fn grow(
    all_fire: &mut impl FnMut(&FaultPlan) -> bool,
    places: &[Fault],
    plan: &FaultPlan,
    max_faults: usize,
) -> u64 {
    let mut count = u64::from(all_fire(plan));
    if plan.len() < max_faults {
        for (index, place) in places.iter().enumerate() {
            let mut plan = plan.clone();
            if plan.push(place.clone()).is_ok() {
                count += grow(all_fire, &places[index + 1..], &plan, max_faults);
            }
        }
    }
    count
}

/// Each of these faults at each place up to a bound, in both directions.
fn places<F: Copy>(up_to: u64, faults: &[F], place: impl Fn(Flow, u64, F) -> Fault) -> Vec<Fault> {
    let flows = [Flow::new("client", "server"), Flow::new("server", "client")];
    let all = flows.iter().flat_map(|flow| (0..up_to).map(move |n| (flow, n)));
    all.flat_map(|(flow, n)| faults.iter().map(move |&fault| (flow.clone(), n, fault)))
        .map(|(flow, n, fault)| place(flow, n, fault))
        .collect()
}

#[test]
fn of_datagrams_none_is_missed_and_none_comes_twice() {
    let fates = Fates { datagram: vec![DatagramFault::Drop, DatagramFault::Duplicate], ..Fates::none() };
    let at = |flow, n, fault| Fault::Datagram { flow, n, fault };
    let all = places(12, &fates.datagram, at);
    for max_faults in 0..=2 {
        let explored = explore(ids(), fates.clone(), max_faults);
        let count = naive(ids(), &all, max_faults);
        assert_eq!((explored.runs + explored.saved, explored.is_complete), (count, true), "{max_faults}");
        assert_eq!(explored.by_faults.iter().sum::<u64>(), explored.runs);
    }
}

#[test]
fn of_streams_none_is_missed_and_none_comes_twice() {
    let fates = Fates { datagram: Vec::new(), ..Fates::default() };
    let at = |flow, at, fault| Fault::Stream { flow, conn: 0, at, fault };
    let all = places(18, &fates.stream, at);
    for max_faults in 0..=2 {
        let explored = explore(sixteen(), fates.clone(), max_faults);
        let count = naive(sixteen(), &all, max_faults);
        assert_eq!((explored.runs + explored.saved, explored.is_complete), (count, true), "{max_faults}");
    }
}

#[test]
fn no_fault_is_one_run_and_a_bound_is_kept() {
    let explored = explore(ids(), Fates::default(), 0);
    assert_eq!((explored.runs, explored.by_faults.as_slice(), explored.holds()), (1, [1].as_slice(), true));
    let scenario = Scenario::from(ids());
    let search = Exhaustive::new(&scenario, Fates::default(), 3);
    let mut reports = Vec::new();
    for (bound, complete) in [(0, false), (18, false), (807, false), (808, true), (NO_END, true)] {
        let explored = search.run(bound, |progress| reports.push(*progress));
        assert_eq!((explored.is_complete, explored.holds()), (complete, complete), "{bound}");
        assert!(explored.runs <= bound && (complete || explored.runs == bound), "{bound}");
    }
    let last = reports.last().unwrap();
    assert_eq!((last.faults, last.done, last.runs), (3, last.of, 808));
}

/// The smaller version of six faults, of which there are 398,854 schedules.
#[test]
fn udp_remote_with_ids_holds_whatever_three_faults_do() {
    let explored = explore(ids(), Fates::default(), 3);
    assert!(explored.holds(), "{:?}", explored.failure);
    assert_eq!((explored.runs + explored.saved, explored.tally.ends[1].running), (1_963, 0));
    assert!(explored.saved > 0 && explored.merged > 0 && explored.states > 0);
}

/// The directions between the two hosts of a net.
fn directions(net: &Net) -> [(HostId, HostId); 2] {
    let server = net.find::<tcp_sixteen::Server>("server").id();
    let client = net.find::<tcp_sixteen::Client>("client").id();
    [(client, server), (server, client)]
}

/// Whether both sides of tcp-sixteen read all.
fn both_read(explored: &Explored) -> bool {
    explored.tally.ends[1].successes == explored.tally.runs
}

/// Fifteen cuts at most are all ways to cut sixteen bytes, 2^15 of them; here those of three.
#[test]
fn sixteen_bytes_may_be_cut_anywhere() {
    for flow in directions(&sixteen()) {
        let fates = Fates { stream: vec![StreamFault::Cut], flows: vec![flow], ..Fates::none() };
        let explored = explore(sixteen(), fates, 3);
        assert!(explored.holds() && both_read(&explored));
        assert_eq!(explored.runs + explored.saved, 1 + 15 + 105 + 455);
    }
}

/// `cargo test --release --test exhaustive -- --ignored --nocapture`
#[test]
#[ignore = "it is for an optimised build"]
fn sixteen_bytes_may_be_cut_in_all_ways() {
    for flow in directions(&sixteen()) {
        let fates = Fates { stream: vec![StreamFault::Cut], flows: vec![flow], ..Fates::none() };
        let explored = explore(sixteen(), fates, 15);
        assert!(explored.holds() && both_read(&explored));
        assert_eq!(explored.runs + explored.saved, 1 << 15);
        println!(
            "{flow:?}: {} runs, {} saved, by faults {:?}",
            explored.runs, explored.saved, explored.by_faults
        );
    }
}

/// At each of sixteen offsets of either side, and after them, where the side ends its stream.
#[test]
fn the_connection_may_be_reset_at_every_offset() {
    let fates = Fates { stream: vec![StreamFault::Reset], ..Fates::none() };
    let explored = explore(sixteen(), fates, 1);
    assert!(explored.holds(), "{:?}", explored.failure);
    assert_eq!((explored.by_faults.as_slice(), explored.tally.ends[1].running), ([1, 34].as_slice(), 0));
    // Reset before the end of the server's bytes, the client fails.
    assert_eq!((explored.tally.ends[1].failures, explored.tally.ends[1].successes), (32, 3));
}

/// Three members that stay for a minute; each says something now and then.
fn minute() -> Net {
    let net = Net::new("a minute");
    net.max_time(Duration::from_secs(61));
    let server = net.host("server").udp(9001).machine(|_| udp_chat::Server::new(udp_chat::EXPIRY, true));
    let clients = ["client-1", "client-2", "client-3"].map(|name| {
        let place = net.host(name).udp(0).connected(server);
        place.machine(move |boot| udp_chat::Client::new(boot.peer(server), udp_chat::PING_EVERY))
    });
    for (number, client) in (1..).zip(clients) {
        for second in [12, 33, 58] {
            let line = udp_chat::Command::Say(format!("client-{number} at {second}").into_bytes());
            net.command(Instant::from_millis(second * 1_000), client, line);
        }
    }
    udp_chat::hold(&net, &Options::default(), server, clients);
    net
}

fn pings_lost(max_faults: usize) -> Explored {
    let is_ping = |payload: &[u8]| payload == udp_chat::PING.as_bytes();
    let fates = Fates { payload: Some(is_ping), ..only_drops() };
    explore(minute(), fates, max_faults)
}

/// Each of the three pings 13 times in a minute, and no ping is sent because of one that was lost.
#[test]
fn udp_chat_outlives_a_lost_ping_wherever_it_is() {
    let explored = pings_lost(1);
    assert!(explored.holds(), "{:?}", explored.failure);
    assert_eq!(explored.by_faults, [1, 39]);
}

#[test]
#[ignore = "it is for an optimised build"]
fn udp_chat_outlives_three_lost_pings_wherever_they_are() {
    let explored = pings_lost(3);
    assert!(explored.holds(), "{:?}", explored.failure);
    assert_eq!(explored.runs + explored.saved, 1 + 39 + 741 + 9_139);
    println!("{} runs, {} saved, by faults {:?}", explored.runs, explored.saved, explored.by_faults);
}
