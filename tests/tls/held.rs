//! The classic systems with TLS around their machines: their properties and all laws hold.

use lossproof::fault::{Chance, FaultKind, Profile};
use lossproof::systems::{Options, greet, http, select_echo, suffix_echo};
use lossproof::{Check, Net, Promises};

use crate::secured::{calls, serves};

fn greet_net() -> Net {
    let net = greet::net(&Options::default());
    serves::<greet::Server>(&net, net.find("server"), Promises::DEFAULT);
    for client in ["client-1", "client-2"] {
        calls::<greet::Client>(&net, net.find(client), Promises::DEFAULT);
    }
    net
}

fn select_echo_net() -> Net {
    let net = select_echo::net(&Options::default());
    serves::<select_echo::Server>(&net, net.find("server"), select_echo::Server::PROMISES);
    calls::<select_echo::Client>(&net, net.find("client"), select_echo::Client::PROMISES);
    net
}

fn suffix_echo_net() -> Net {
    let net = suffix_echo::net(&Options::default());
    serves::<suffix_echo::Server>(&net, net.find("server"), suffix_echo::Server::PROMISES);
    calls::<suffix_echo::Client>(&net, net.find("client"), suffix_echo::Client::PROMISES);
    net
}

fn http_net(path: &str) -> Net {
    let net = http::net(&Options { path: path.to_owned(), ..Options::default() });
    serves::<http::Server>(&net, net.find("server"), Promises::DEFAULT);
    calls::<http::Client>(&net, net.find("client"), Promises::DEFAULT);
    net
}

/// Streams that are cut, that stall and that are reset.
pub(crate) fn rough() -> Profile {
    let share = |percent| Chance::percent(percent);
    Profile {
        loss: share(10),
        cut: share(40),
        reset: share(3),
        refuse: share(3),
        jitter: std::time::Duration::from_millis(20),
        ..Profile::default()
    }
}

/// Holds under rough streams, and under everything that can be drawn.
fn assert_holds(net: fn() -> Net, runs: u64) {
    let faults = [FaultKind::Cut, FaultKind::Stall, FaultKind::Reset, FaultKind::Refuse];
    Check::new(net()).named("rough").profile(rough()).runs(runs).demand_faults(faults).assert();
    Check::new(net()).named("swarm").runs(runs).assert();
}

/// S112.
#[test]
fn greet_holds() {
    assert_holds(greet_net, 300);
}

#[test]
fn select_echo_holds() {
    assert_holds(select_echo_net, 100);
}

#[test]
fn suffix_echo_holds() {
    assert_holds(suffix_echo_net, 200);
}

#[test]
fn http_holds() {
    assert_holds(|| http_net("/"), 200);
    assert_holds(|| http_net("/close"), 200);
    assert_holds(|| http_net("/large"), 50);
}

/// Every byte of the handshake and of what follows comes alone.
#[test]
fn single_bytes_change_nothing() {
    for (net, plan) in [
        (greet_net(), "server>client-1 cut every 1 byte; client-1>server cut every 1 byte"),
        (select_echo_net(), "server>client cut every 1 byte; client>server cut every 1 byte"),
        (http_net("/close"), "server>client cut every 1 byte; client>server cut every 1 byte"),
    ] {
        Check::new(net).plan(plan.parse().expect("a plan")).runs(2).assert();
    }
}

/// A run with TLS comes again, to the byte.
#[test]
fn runs_come_again() {
    Check::new(greet_net()).profile(rough()).twice().runs(50).assert();
}
