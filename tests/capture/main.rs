//! Captures: what is exported holds what the transcript has and satisfies other readers, and what is imported makes
//! the run again.

mod addresses;
#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "../command/mod.rs"]
mod command;
mod commands;
mod files;
mod foreign;
mod links;
mod mutated;
mod packets;
mod tshark;
mod wild;

use lossproof::Scenario;
use lossproof::capture;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{FaultPlan, Profile};
use lossproof::scenario::Net;
use lossproof::systems::{
    About, Options, election, geocode, greet, greeter, hello_tcp, hello_udp, http, select_echo, suffix_echo,
    tcp_chat, tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
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

fn export((about, net): System, plan: &str, profile: Profile, seed: u64) -> Exported {
    // More than a send buffer holds.
    let options = Options { bytes: 150_000, ..Options::default() };
    let scenario = Scenario::from(net(&options));
    let names = scenario.names();
    let plan = plan.replace('C', names[1]).replace('S', names[0]);
    let parsed: FaultPlan = plan.parse().unwrap();
    let prepared = Prepared::new(&parsed, &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    let settings = Settings { seed, plan: prepared, profile, laws: None, ..Settings::default() };
    engine.run(&Settings { properties: false, ..settings });
    let file = capture::export(&engine.transcript(), "lossproof sim");
    let what = format!("{} with seed {seed} and '{plan}'", about.name);
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Exported { about, what, names, log: engine.log().clone(), file }
}

/// A system, and what builds it.
type System = (About, fn(&Options) -> Net);

/// All systems.
const SYSTEMS: [System; 16] = [
    (udp_local::ABOUT, udp_local::net),
    (udp_remote::ABOUT, udp_remote::net),
    (udp_broadcast::ABOUT, udp_broadcast::net),
    (tcp_sixteen::ABOUT, tcp_sixteen::net),
    (tcp_deadlock::ABOUT, tcp_deadlock::net),
    (greeter::ABOUT, greeter::net),
    (select_echo::ABOUT, select_echo::net),
    (greet::ABOUT, greet::net),
    (http::ABOUT, http::net),
    (hello_tcp::ABOUT, hello_tcp::net),
    (hello_udp::ABOUT, hello_udp::net),
    (tcp_chat::ABOUT, tcp_chat::net),
    (udp_chat::ABOUT, udp_chat::net),
    (suffix_echo::ABOUT, suffix_echo::net),
    (geocode::ABOUT, geocode::net),
    (election::ABOUT, election::net),
];

/// One of each system.
fn exported(plan: &str, profile: Profile, seed: u64) -> [Exported; 16] {
    SYSTEMS.map(|system| export(system, plan, profile, seed))
}

/// A file of cargo's own directory for tests.
fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"))
}
