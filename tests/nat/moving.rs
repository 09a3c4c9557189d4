//! Hosts whose addresses change.

use std::time::Duration;

use lossproof::Check;
use lossproof::fault::{Chance, Fault, FaultKind, HostChances, Profile};
use lossproof::scenario::{Host, Nat, NatKind, Net};

use crate::probe::{Probe, run};

const SERVER: &str = "192.168.0.1:7";

fn net() -> (Net, [Host<Probe>; 2]) {
    let net = Net::new("moving");
    let server = net.host("server").udp(7).machine(|_| Probe);
    let client = net.host("client").udp(9).machine(|_| Probe);
    (net, [server, client])
}

#[test]
fn a_host_that_has_moved_is_seen_and_found_at_its_new_address_alone() {
    let (net, [server, client]) = net();
    let sends = [
        (0, client, SERVER, "before"),
        (8, server, "192.168.0.2:9", "on its way"),
        (20, client, SERVER, "echo"),
        (40, server, "192.168.0.2:9", "too late"),
        (60, server, "10.0.1.7:9", "found"),
    ];
    let ([at_server, at_client], lines) = run(net, [server, client], &sends, "at 10ms move client 10.0.1.7");
    assert_eq!(at_server, ["192.168.0.2:9 before", "10.0.1.7:9 echo"]);
    assert_eq!(at_client, ["192.168.0.1:7 echoed", "192.168.0.1:7 found"]);
    let expected =
        ["0.010 - fault move client 10.0.1.7", "0.040 server send \"too late\" → nowhere (192.168.0.2:9)"];
    assert_eq!(lines, expected);
}

#[test]
fn a_host_moves_on_and_back_and_stays_there_through_a_restart() {
    let (net, [server, client]) = net();
    let sends = [(25, client, SERVER, "away"), (45, client, SERVER, "again"), (65, client, SERVER, "home")];
    let plan = "at 10ms move client 10.0.1.7; at 20ms move client 10.0.1.8; at 30ms crash client; \
                at 40ms restart client; at 60ms move client 192.168.0.2";
    let ([at_server, _], _) = run(net, [server, client], &sends, plan);
    assert_eq!(at_server, ["10.0.1.8:9 away", "10.0.1.8:9 again", "192.168.0.2:9 home"]);
}

#[test]
fn nobody_moves_to_an_address_that_somebody_has() {
    let (net, [server, client]) = net();
    let sends = [(20, client, SERVER, "x")];
    let plan =
        "at 10ms move client 192.168.0.1; at 10ms move client 192.168.0.2; at 10ms move client 0.0.0.0";
    let ([at_server, _], lines) = run(net, [server, client], &sends, plan);
    assert_eq!((at_server, lines.len()), (vec!["192.168.0.2:9 x".to_owned()], 0));
}

#[test]
fn whoever_moves_leaves_its_nat() {
    let net = Net::new("leaving");
    let server = net.host("server").udp(7).machine(|_| Probe);
    let home = net.nat("home", Nat::new(NatKind::Symmetric).public([203, 0, 113, 1].into()));
    let client = net.host("client").udp(9).behind(home).machine(|_| Probe);
    let sends = [
        (0, client, SERVER, "x"),
        (20, client, SERVER, "y"),
        (40, server, "10.0.1.7:9", "z"),
        (40, server, "203.0.113.1:20000", "late"),
    ];
    let ([at_server, at_client], _) = run(net, [server, client], &sends, "at 10ms move client 10.0.1.7");
    assert_eq!(at_server, ["203.0.113.1:20000 x", "10.0.1.7:9 y"]);
    assert_eq!(at_client, ["192.168.0.1:7 z"]);
}

/// A move is drawn where a profile says so, recorded as a fact, and found by itself.
#[test]
fn a_drawn_move_is_recorded_and_shrunk() {
    let (net, [server, client]) = net();
    let sends = (1..=20).map(|n| (n * 20, client));
    for (at, host) in sends {
        let send = crate::probe::Send(SERVER.parse().unwrap(), "echo");
        net.command(lossproof::Instant::from_millis(at), host, send);
    }
    net.never("the client is seen somewhere else", move |run| {
        run.events(server).iter().any(|event| !event.starts_with("192.168.0.2:9"))
    });
    let longest = Duration::from_millis(100);
    let hosts = HostChances { moves: Chance::percent(10), max: 3, longest, ..HostChances::NONE };
    let verdict = Check::new(net).profile(Profile { hosts, ..Profile::CALM }).runs(100).verdict().unwrap();
    let failure = verdict.failure().expect("it moves in some run");
    let kinds: Vec<FaultKind> = failure.plan.faults().iter().map(Fault::kind).collect();
    assert_eq!(kinds, [FaultKind::Move], "{verdict}");
}
