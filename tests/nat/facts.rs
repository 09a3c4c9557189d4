//! What a NAT does to single datagrams, and what plans do to it.

use lossproof::scenario::{Host, Nat, NatKind, Net};

use crate::probe::{Probe, run};

/// A server and a third host in the open, and two clients behind one NAT, which is at 203.0.113.1.
fn home(nat: Nat) -> (Net, [Host<Probe>; 4]) {
    let net = Net::new("home");
    let server = net.host("server").udp(7).machine(|_| Probe);
    let third = net.host("third").udp(8).machine(|_| Probe);
    let home = net.nat("home", nat.public([203, 0, 113, 1].into()));
    let clients = ["a", "b"].map(|name| net.host(name).udp(9).behind(home).machine(|_| Probe));
    (net, [server, third, clients[0], clients[1]])
}

const SERVER: &str = "192.168.0.1:7";
const A: &str = "192.168.0.4:9";
const B: &str = "192.168.0.5:9";
/// Where the first mapping is seen.
const OUTER: &str = "203.0.113.1:20000";

#[test]
fn a_reply_comes_back_and_what_others_send_goes_by_the_kind() {
    for (kind, deaths) in [(NatKind::FullCone, 0), (NatKind::AddressRestricted, 1), (NatKind::Symmetric, 1)] {
        let (net, [server, third, a, b]) = home(Nat::new(kind));
        let sends = [(0, a, SERVER, "echo"), (50, third, OUTER, "guess")];
        let ([at_server, at_a, at_b], lines) = run(net, [server, a, b], &sends, "");
        assert_eq!(at_server, [format!("{OUTER} echo")]);
        assert_eq!(at_a[0], format!("{SERVER} echoed"));
        assert_eq!((at_a.len(), lines.len(), at_b.len()), (2 - deaths, deaths, 0), "{kind}: {lines:?}");
        if deaths == 1 {
            assert_eq!(lines[0], "0.055 home drop third>a #0: filtered");
        }
    }
}

#[test]
fn hosts_behind_one_nat_reach_each_other_directly_and_by_its_outside_if_it_lets_them() {
    for hairpins in [false, true] {
        let nat = Nat::new(NatKind::FullCone);
        let (net, [server, _, a, b]) = home(if hairpins { nat.hairpin() } else { nat });
        let sends = [(0, a, SERVER, "x"), (50, b, A, "near"), (60, b, OUTER, "echo")];
        let ([at_a, at_b, _], lines) = run(net, [a, b, server], &sends, "");
        let outer_of_b = "203.0.113.1:20001";
        if hairpins {
            assert_eq!(at_a, [format!("{B} near"), format!("{outer_of_b} echo")]);
            assert_eq!(at_b, [format!("{OUTER} echoed")]);
            assert_eq!(lines, [""; 0]);
        } else {
            assert_eq!((at_a, at_b), (vec![format!("{B} near")], vec![]));
            assert_eq!(lines, ["0.060 home drop b>a #1: no hairpin"]);
        }
    }
}

#[test]
fn what_is_inside_is_not_reached_from_outside() {
    let (net, [server, _, a, b]) = home(Nat::new(NatKind::FullCone));
    let sends = [(0, server, A, "x"), (10, server, "203.0.113.1:20000", "y"), (20, a, "10.9.9.9:1", "z")];
    let ([at_a, at_b], lines) = run(net, [a, b], &sends, "");
    assert_eq!((at_a.len(), at_b.len()), (0, 0));
    let expected = [
        "0.000 home drop server>a #0: private address",
        "0.010 server send \"y\" → nowhere (203.0.113.1:20000)",
        "0.020 a send \"z\" → nowhere (10.9.9.9:1)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_goes_nowhere_opens_a_mapping_all_the_same() {
    let (net, [server, _, a, _]) = home(Nat::new(NatKind::FullCone));
    let sends = [(0, a, "10.9.9.9:1", "x"), (10, server, OUTER, "y")];
    let ([at_a], _) = run(net, [a], &sends, "");
    assert_eq!(at_a, [format!("{SERVER} y")]);
}

#[test]
fn a_broadcast_stays_inside_or_outside() {
    let net = Net::new("broadcast");
    let sends_all = |name: &str| net.host(name).udp(9);
    let (one, other) = (sends_all("one").machine(|_| Probe), sends_all("other").machine(|_| Probe));
    let home = net.nat("home", Nat::new(NatKind::FullCone));
    let [a, b] = ["a", "b"].map(|name| net.host(name).udp(9).behind(home).machine(|_| Probe));
    let sends = [(0, one, "255.255.255.255:9", "out"), (10, a, "255.255.255.255:9", "in")];
    let (told, _) = run(net, [one, other, a, b], &sends, "");
    assert_eq!(told.map(|told| told.len()), [0, 1, 0, 1]);
}

/// A connected socket behind a NAT hears that nobody listens; and that comes from where it had sent.
#[test]
fn a_refusal_is_translated_back() {
    let net = Net::new("refusal");
    let server = net.host("server").udp(7).machine(|_| Probe);
    let gone = net.host("gone").machine(|_| Probe);
    let home = net.nat("home", Nat::new(NatKind::PortRestricted));
    let a = net.host("a").udp(9).connected(server).behind(home).machine(|_| Probe);
    let sends = [(0, a, SERVER, "x")];
    let ([at_a, _], _) = run(net, [a, gone], &sends, "at 1ms crash server");
    assert_eq!(at_a, [format!("{SERVER} unreachable")]);
}

#[test]
fn a_rebind_kills_the_old_port_and_gives_another() {
    let (net, [server, _, a, _]) = home(Nat::new(NatKind::FullCone));
    let sends = [
        (0, a, SERVER, "x"),
        (20, server, OUTER, "too late"),
        (40, a, SERVER, "echo"),
        (60, server, OUTER, "too late"),
    ];
    let ([at_server, at_a], lines) = run(net, [server, a], &sends, "at 10ms rebind home");
    assert_eq!(at_server, [format!("{OUTER} x"), "203.0.113.1:20001 echo".to_owned()]);
    assert_eq!(at_a, [format!("{SERVER} echoed")]);
    let expected = [
        "0.010 - fault rebind home",
        "0.025 home drop server>a #0: no mapping",
        "0.065 home drop server>a #2: no mapping",
    ];
    assert_eq!(lines, expected);
}

/// After a reboot ports are given from the first on, so another host may get one that a server still takes for the old one's.
#[test]
fn after_a_reboot_one_host_may_get_what_is_for_another() {
    let (net, [server, _, a, b]) = home(Nat::new(NatKind::FullCone));
    let sends = [(0, a, SERVER, "a"), (20, b, SERVER, "b"), (30, server, OUTER, "for a")];
    let ([at_a, at_b], lines) = run(net, [a, b], &sends, "at 10ms reboot home");
    assert_eq!((at_a, at_b), (vec![], vec![format!("{SERVER} for a")]));
    assert_eq!(lines, ["0.010 - fault reboot home"]);
}

#[test]
fn a_nat_without_mappings_has_nothing_to_forget() {
    let (net, [server, _, a, _]) = home(Nat::new(NatKind::FullCone));
    let sends = [(20, a, SERVER, "echo")];
    let plan = "at 10ms rebind home; at 10ms reboot home; at 10ms rebind a; at 10ms crash home";
    let ([_, at_a], lines) = run(net, [server, a], &sends, plan);
    assert_eq!((at_a.len(), lines.len()), (1, 0), "{lines:?}");
}

#[test]
fn a_plan_keeps_apart_the_hosts_at_both_ends() {
    let (net, [server, _, a, _]) = home(Nat::new(NatKind::FullCone));
    let sends = [(0, a, SERVER, "echo"), (20, a, SERVER, "echo")];
    let ([_, at_a], lines) = run(net, [server, a], &sends, "server>a #0 drop");
    assert_eq!(at_a, [format!("{SERVER} echoed")]);
    assert_eq!(lines, ["0.005 - fault server>a #0 drop"]);
}
