//! The queue of a link that is driven as hard as it goes: CoDel keeps it short where drop-tail fills it, if the sender
//! listens to losses.

use std::fmt::Write as _;
use std::time::Duration;

use lossproof::engine::{Engine, FlowFigures, Keep, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Discipline};
use lossproof::{Machine, Net, Promises, Scenario};

use crate::parties::{Acknowledger, PAYLOAD_LEN, Reno, Steady, journeys};

const MILLIS: u64 = 20_000;
const LATENCY: Duration = Duration::from_millis(20);
/// As long as the link takes for 210 ms.
const QUEUE_LEN: u32 = 256 * 1024;
const BITS: u64 = 10_000_000;
/// How long a packet takes to leave.
const PACKET: Duration = Duration::from_nanos((PAYLOAD_LEN as u64 + 28) * 8 * 1_000_000_000 / BITS);

/// So many clients that drive the link to the server.
fn driven<M: Machine>(
    (discipline, clients): (Discipline, u32),
    make: impl Fn(lossproof::Peer) -> M + Send + Sync + 'static,
) -> Scenario {
    let net = Net::new("driven");
    let server = net.host("server").udp(7).machine(|_| Acknowledger);
    let promises = Promises::DEFAULT.max_messages(1_000).max_bytes(4_000_000);
    let make = std::sync::Arc::new(make);
    for client in 1..=clients {
        let (make, place) = (std::sync::Arc::clone(&make), net.host(format!("client{client}")).udp(1));
        place.promises(promises).machine(move |boot| make(boot.peer(server)));
    }
    let wan = Bottleneck::new("wan", Bandwidth::bits(BITS, QUEUE_LEN)).with(discipline);
    net.bottleneck(wan.towards(server));
    net.latency(LATENCY);
    net.max_time(Duration::from_millis(MILLIS));
    net.into()
}

/// The median of the waits in each part of a run, in milliseconds: none where nothing arrived.
fn curve(engine: &Engine<'_>, parts: u64) -> Vec<Option<f64>> {
    let mut waits = vec![Vec::new(); parts as usize];
    for (sent_at, arrives_at) in journeys(engine) {
        let Some(arrives_at) = arrives_at else { continue };
        let part = sent_at.since_start().as_millis() as u64 * parts / (MILLIS + 1);
        waits[part as usize].push((arrives_at - sent_at).saturating_sub(LATENCY + PACKET));
    }
    let median = |mut waits: Vec<Duration>| {
        waits.sort_unstable();
        waits.get(waits.len() / 2).map(|wait| wait.as_secs_f64() * 1e3)
    };
    waits.into_iter().map(median).collect()
}

fn run(scenario: &Scenario) -> Engine<'_> {
    let mut engine = Engine::new(scenario);
    engine.run(&Settings { laws: None, keep: Keep::Log, ..Settings::default() });
    engine
}

/// Packets that passed a second, and were dropped in all; the quantiles of their waits in milliseconds.
fn figures(engine: &Engine<'_>) -> (u64, u64, [f64; 3]) {
    let mut figures = FlowFigures::default();
    engine.queue_figures().for_each(|(.., flow)| figures.merge(flow));
    let millis = |percent| figures.waits.quantile(percent).unwrap().as_secs_f64() * 1e3;
    (figures.passed * 1_000 / MILLIS, figures.dropped, [50, 95, 99].map(millis))
}

#[test]
fn codel_keeps_short_what_drop_tail_fills() {
    let [tail, codel] =
        [Discipline::DropTail, Discipline::Codel].map(|discipline| driven((discipline, 2), Reno::new));
    let (tail, codel) = (run(&tail), run(&codel));
    let (full, short) = (figures(&tail), figures(&codel));
    // The link carries 833 packets a second.
    assert!(full.0 >= 825 && short.0 >= 750, "{full:?} {short:?}");
    assert!(full.2[0] > 100.0 && full.2[2] > 190.0, "{full:?}");
    assert!(short.2[0] < 7.0 && short.2[1] < 20.0, "{short:?}");
    assert!(short.1 > 20 && full.1 > 0, "{full:?} {short:?}");
    let mut text = String::from("second   drop-tail  CoDel, ms in the median\n");
    for (second, (full, short)) in curve(&tail, 20).into_iter().zip(curve(&codel, 20)).enumerate() {
        let (full, short) = (full.unwrap(), short.unwrap());
        // The first second is that of the slow start, which only fills queues.
        if second >= 2 {
            assert!(full > 80.0 && short < 10.0, "{second}: {full} {short}");
        }
        // One for each 5 ms, to the nearest.
        let bar = |millis: f64| {
            (1..).take_while(|n| 5.0 * f64::from(*n) - 2.5 <= millis).map(|_| '█').collect::<String>()
        };
        writeln!(text, "{:6} {full:11.1} {short:6.1}  {:42} {}", second, bar(full), bar(short)).unwrap();
    }
    for (name, (passed, dropped, [p50, p95, p99])) in [("drop-tail", full), ("CoDel", short)] {
        writeln!(text, "{name}: {passed} packets a second, {dropped} dropped, waited {p50:.1} {p95:.1} {p99:.1} ms (50, 95, 99%)")
            .unwrap();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(
        "The wait at 10 Mbit/s and 40 ms there and back, behind 256 KiB, of two senders like TCP Reno",
    );
    settings.bind(|| insta::assert_snapshot!("codel", text));
}

#[test]
fn a_sender_that_does_not_listen_fills_any_queue() {
    let steady = |peer| Steady { peer, every: PACKET / 2, next_at: None };
    let scenario = driven((Discipline::Codel, 1), steady);
    let engine = run(&scenario);
    let waits: Vec<f64> = curve(&engine, 40).into_iter().map(Option::unwrap).collect();
    // Twice what the link carries: CoDel drops more and more, and needs long to be fast enough.
    assert!(waits[1..30].iter().all(|wait| *wait > 100.0), "{waits:?}");
    let (_, dropped, _) = figures(&engine);
    assert!(dropped > 5_000, "{dropped}");
}
