//! What lies between hosts, and what it costs: the same runs with it and without.

use lossproof::engine::{Engine, Keep, Prepared, Settings};
use lossproof::systems::{Options, tcp_chat, tcp_deadlock, tcp_sixteen};
use lossproof::{Net, Scenario};

use super::ping_pong;
use super::ratios::{nanos, row};

/// Room for all that is on its way, at a rate that nobody waits for long.
const QUEUES: [(&str, &str); 2] = [
    ("drop-tail queue", "bottleneck wan rate 1000000000 queue 65536 over *>*"),
    ("CoDel queue", "bottleneck wan rate 1000000000 queue 65536 codel over *>*"),
];

fn settings(plan: &str, scenario: &Scenario) -> Settings {
    let plan = Prepared::new(&plan.parse().expect("it is a plan"), scenario).expect("it names no host");
    Settings { plan, keep: Keep::Outcome, laws: None, properties: false, ..Settings::default() }
}

/// How long one of `runs` runs takes.
fn timed(runs: u64, engine: &mut Engine<'_>, settings: &Settings) -> f64 {
    nanos(runs, || (0..runs).for_each(|_| _ = engine.run(settings)))
}

/// Streams of segments beside the model, and datagrams through a NAT and a bottleneck beside those that go directly.
pub(super) fn rows() {
    type System = (&'static str, fn(&Options) -> Net, u64);
    let systems: [System; 3] = [
        ("tcp-sixteen", tcp_sixteen::net, 500),
        ("tcp-chat", tcp_chat::net, 50),
        ("tcp-deadlock", tcp_deadlock::net, 20),
    ];
    for (name, net, runs) in systems {
        let scenario = Scenario::from(net(&Options::default()));
        let [mut engine, mut beside] = [(); 2].map(|()| Engine::new(&scenario));
        let [of_segments, of_model] =
            ["streams segments", "streams model"].map(|plan| settings(plan, &scenario));
        row(
            &format!("{name}, a run over segments: over the model"),
            None,
            || timed(runs, &mut engine, &of_segments),
            || timed(runs, &mut beside, &of_model),
        );
    }
    let [direct, translated] = [false, true].map(ping_pong::scenario_behind);
    let plain = settings("v2", &direct);
    let mut beside = Engine::new(&direct);
    let mut directly = || timed(20, &mut beside, &plain) / ping_pong::PACKETS as f64;
    let mut engine = Engine::new(&translated);
    row(
        "ping-pong, a packet behind a NAT: directly",
        None,
        || timed(20, &mut engine, &settings("v2", &translated)) / ping_pong::PACKETS as f64,
        &mut directly,
    );
    for (name, plan) in QUEUES {
        let (mut engine, queued) = (Engine::new(&direct), settings(plan, &direct));
        row(
            &format!("ping-pong, a packet through a {name}: directly"),
            None,
            || timed(20, &mut engine, &queued) / ping_pong::PACKETS as f64,
            &mut directly,
        );
    }
}
