//! Captures: what is exported holds what the transcript has and satisfies other readers, and what is imported makes
//! the run again.
#![cfg(feature = "cli")]

#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "../command/mod.rs"]
mod command;
mod commands;
mod foreign;
mod mutated;
mod packets;
mod tshark;

use lossproof::capture;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{FaultPlan, Profile};
use lossproof::systems::{
    About, Options, System, greet::Greet, greeter::Greeter, hello_tcp::HelloTcp, hello_udp::HelloUdp,
    http::Http, select_echo::SelectEcho, suffix_echo::SuffixEcho, tcp_chat::TcpChat,
    tcp_deadlock::TcpDeadlock, tcp_sixteen::TcpSixteen, udp_broadcast::UdpBroadcast, udp_chat::UdpChat,
    udp_local::UdpLocal, udp_remote::UdpRemote,
};
use lossproof::transcript::{Log, What};

/// One run, exported.
struct Exported {
    about: About,
    /// What was asked for, to name it where something is wrong.
    what: String,
    names: Vec<String>,
    log: Log,
    file: Vec<u8>,
}

impl Exported {
    /// The faults that fired, in the words of a plan.
    fn faults(&self) -> Vec<String> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let fault = |what| match what {
            What::Fault(fault) => Some(fault.named(&names).to_string()),
            _ => None,
        };
        self.log.records().iter().filter_map(|record| fault(record.what)).collect()
    }
}

/// Plans for the first two hosts: each goes wrong in its own way.
const PLANS: [&str; 9] = [
    "",
    "at 2ms partition C|S; at 1s heal",
    "at 12ms partition C>S",
    "at 8ms crash S; at 1s restart S",
    "at 3ms poweroff S; at 2s restart S; at 3s poweroff C",
    "at 8ms crash C",
    "C>S @9 reset; C>S #0 duplicate; S>C #0 flip 1:0x20",
    "C>S @3 cut; C>S @6 cut; S>C cut every 50 bytes; S>C @5 stall 2s; C>S #0 delay 40ms; S>C #0 truncate 4",
    "at 1ms crash S; at 1s skew C +3s; calm 2s",
];

fn export<S: System>(plan: &str, profile: Profile, seed: u64) -> Exported {
    // More than a send buffer holds.
    let options = Options { bytes: 150_000, ..Options::default() };
    let scenario = S::scenario(&options);
    let names = scenario.names();
    let plan = plan.replace('C', names[1]).replace('S', names[0]);
    let parsed: FaultPlan = plan.parse().unwrap();
    let prepared = Prepared::new(&parsed, &names).unwrap();
    let mut engine = Engine::default();
    engine.run(&scenario, &Settings { seed, plan: prepared, profile, laws: None, ..Settings::default() });
    let file = capture::export(&engine.transcript(&scenario, &names), "lossproof sim");
    let what = format!("{} with seed {seed} and '{plan}'", S::ABOUT.name);
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Exported { about: S::ABOUT, what, names, log: engine.log().clone(), file }
}

/// One of each system.
fn exported(plan: &str, profile: Profile, seed: u64) -> [Exported; 14] {
    [
        export::<UdpLocal>(plan, profile, seed),
        export::<UdpRemote>(plan, profile, seed),
        export::<UdpBroadcast>(plan, profile, seed),
        export::<TcpSixteen>(plan, profile, seed),
        export::<TcpDeadlock>(plan, profile, seed),
        export::<Greeter>(plan, profile, seed),
        export::<SelectEcho>(plan, profile, seed),
        export::<Greet>(plan, profile, seed),
        export::<Http>(plan, profile, seed),
        export::<HelloTcp>(plan, profile, seed),
        export::<HelloUdp>(plan, profile, seed),
        export::<TcpChat>(plan, profile, seed),
        export::<UdpChat>(plan, profile, seed),
        export::<SuffixEcho>(plan, profile, seed),
    ]
}

/// A file of cargo's own directory for tests.
fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"))
}
