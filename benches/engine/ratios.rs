//! The ratios themselves, of both sides in turn in one run, beside what is asked.

use std::hint::black_box;

use lossproof::Scenario;
use lossproof::check::Search;
use lossproof::engine::{Engine, Keep, Settings};
use lossproof::fault::Profile;
use lossproof::systems::{Options, tcp_chat, udp_remote};

use super::{between, gossip, ping_pong, udp_remote as five_drops};

/// How often each side of a row is measured; the medians count.
const ROUNDS: usize = 15;

/// How long one piece of work takes, of as many as are made in one call: nanoseconds.
pub(super) fn nanos(pieces: u64, work: impl FnOnce()) -> f64 {
    let begin = five_drops::now();
    work();
    begin.elapsed().as_nanos() as f64 / pieces as f64
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// A row: what it took, how many times as long as the other side, and how many times that may be at most, if that is asked.
pub(super) fn row(
    name: &str,
    asked: Option<f64>,
    mut ours: impl FnMut() -> f64,
    mut beside: impl FnMut() -> f64,
) {
    // What is made first is made once; and each side is measured beside the other.
    let (mut all, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    ours();
    beside();
    for _ in 0..ROUNDS {
        let (one, other) = (ours(), beside());
        all.push(one);
        others.push(other);
        ratios.push(one / other);
    }
    let (one, other, ratio) = (median(all), median(others), median(ratios));
    let asked = asked.map_or(String::new(), |asked| format!("{asked:.1}"));
    println!("{name:<52} {one:>9.1} {other:>9.1} {ratio:>7.2} {asked:>6}");
}

/// Prints all rows.
pub(crate) fn print() {
    println!("\n{:<52} {:>9} {:>9} {:>7} {:>6}", "", "ns", "beside", "ratio", "asked");
    ping_pong_row();
    five_drops_rows();
    chat_row();
    gossip_rows();
    between::rows();
}

fn ping_pong_row() {
    let scenario = ping_pong::scenario();
    let (mut engine, mut world) = (Engine::new(&scenario), ping_pong::by_hand::World::default());
    let settings = Settings { keep: Keep::Outcome, laws: None, ..Settings::default() };
    let pieces = 20 * ping_pong::PACKETS;
    row(
        "ping-pong, a packet: beside a loop by hand",
        Some(3.0),
        || nanos(pieces, || (0..20).for_each(|_| _ = engine.run(&settings))),
        || nanos(pieces, || (0..20).for_each(|_| _ = black_box(&mut world).run())),
    );
}

fn five_drops_rows() {
    let scenario = Scenario::from(udp_remote::net(&Options::default()));
    for (name, plan, lost) in five_drops::LOST {
        let plan = five_drops::prepared(plan, &scenario);
        let settings = Settings {
            plan: plan.clone(),
            keep: Keep::Outcome,
            laws: None,
            properties: false,
            ..Settings::default()
        };
        let (mut engine, mut world) = (Engine::new(&scenario), five_drops::by_hand::World::default());
        let mut search = Search::new(&scenario, plan, Profile::default(), 7);
        let runs = 10_000;
        let mut by_hand = || nanos(runs, || (0..runs).for_each(|_| _ = black_box(&mut world).run(lost)));
        row(
            &format!("udp-remote, five {name} lost, a run: by hand"),
            Some(6.0),
            || nanos(runs, || (0..runs).for_each(|_| _ = engine.run(&settings))),
            &mut by_hand,
        );
        row(
            &format!("udp-remote, five {name}, laws and properties: by hand"),
            Some(20.0),
            || nanos(runs, || assert_eq!(search.runs(0..runs).failure, None)),
            by_hand,
        );
    }
}

fn chat_row() {
    let scenario = Scenario::from(tcp_chat::net(&Options::default()));
    let [mut judged, mut plain] = [(); 2].map(|()| Engine::new(&scenario));
    let (all, none) = (
        Settings { keep: Keep::Events, ..Settings::default() },
        Settings { keep: Keep::Events, laws: None, properties: false, ..Settings::default() },
    );
    let runs = 500;
    let inputs = runs * judged.run(&all).inputs;
    row(
        "tcp-chat, an input with laws and properties: without",
        Some(3.0),
        || nanos(inputs, || (0..runs).for_each(|_| _ = judged.run(&all))),
        || nanos(inputs, || (0..runs).for_each(|_| _ = plain.run(&none))),
    );
}

fn gossip_rows() {
    let (few, settings) = (gossip::scenario(gossip::HOSTS[0]), gossip::SETTINGS());
    for hosts in &gossip::HOSTS[1..] {
        let many = gossip::scenario(*hosts);
        let [mut engine, mut beside] = [&many, &few].map(Engine::new);
        let [inputs, few_inputs] = [engine.run(&settings).inputs, beside.run(&settings).inputs];
        row(
            &format!("gossip among {hosts} hosts, an input: among 10"),
            Some(1.5),
            || nanos(inputs, || _ = engine.run(&settings)),
            || nanos(few_inputs, || _ = beside.run(&settings)),
        );
    }
}
