//! Searches in nets with NATs: what is drawn, recorded, shrunk and enumerated, and what is refused by name.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::Fates;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Chance, DatagramFault, Fault, FaultKind, HostChances, Profile};
use lossproof::scenario::{Host, Nat, NatKind, Net};
use lossproof::{Check, FaultPlan, Input, Instant, Machine, Outbox, Peer, Scenario};

use crate::probe::{Probe, Send};

const EVERY: Duration = Duration::from_millis(100);
const ANSWERS: u32 = 5;

/// Asks every 100 ms until it has been answered five times.
struct Client {
    server: Peer,
    answers: u32,
    next: Option<Instant>,
}

impl Machine for Client {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<u32>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.send(self.server, b"ask");
                self.next = Some(now + EVERY);
            }
            Input::Datagram { .. } => {
                self.answers += 1;
                out.event(self.answers);
                if self.answers == ANSWERS {
                    self.next = None;
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.server, self.answers, self.next.map(|next| next.since(now))).hash(&mut to);
        true
    }
}

/// Answers. A server with the bug takes it that a client stays where it was first seen.
#[derive(Default)]
struct Server {
    pins: bool,
    client: Option<Peer>,
}

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { peer, .. } = input {
            let client = *self.client.get_or_insert(peer);
            out.send(if self.pins { client } else { peer }, b"answer");
        }
    }

    fn fingerprint(&self, _: Instant, mut to: &mut dyn Hasher) -> bool {
        self.client.hash(&mut to);
        true
    }
}

fn net(pins: bool) -> (Net, Host<Client>) {
    let net = Net::new("answers");
    net.max_time(Duration::from_secs(20));
    let server = net.host("server").udp(7).machine(move |_| Server { pins, client: None });
    let home = net.nat("home", Nat::new(NatKind::PortRestricted));
    let client = net.host("client").udp(0).behind(home);
    let client = client.machine(move |boot| Client { server: boot.peer(server), answers: 0, next: None });
    (net, client)
}

/// The same, where it is to be answered in time.
fn answered(pins: bool) -> Net {
    let (net, client) = net(pins);
    net.eventually_within("it is answered five times", Duration::from_secs(20), move |run| {
        run.events(client).contains(&ANSWERS)
    });
    net
}

/// Rebinds and reboots, and nothing else.
fn forgetful() -> Profile {
    let often = Chance::percent(10);
    let longest = Duration::from_millis(400);
    let hosts = HostChances { rebind: often, reboot: often, max: 4, longest, ..HostChances::NONE };
    Profile { hosts, ..Profile::CALM }
}

#[test]
fn a_swarm_forgets_mappings_and_says_so() {
    let (net, client) = net(false);
    net.always("answers count from one", move |run| !run.events(client).contains(&0));
    let verdict = Check::new(net).runs(1_000).assert();
    let fired: Vec<FaultKind> = verdict.faults().fired.iter().map(|(kind, _)| *kind).collect();
    assert!(fired.contains(&FaultKind::Rebind) && fired.contains(&FaultKind::Reboot), "{}", verdict.faults());
    assert!(!fired.contains(&FaultKind::Move));
}

#[test]
fn where_there_is_no_nat_none_is_tried() {
    let net = Net::new("plain");
    let server = net.host("server").udp(7).machine(|_| Server::default());
    let client = net.host("client").udp(0);
    client.machine(move |boot| Client { server: boot.peer(server), answers: 0, next: None });
    let verdict = Check::new(net).runs(200).verdict().unwrap();
    let text = verdict.faults().to_string();
    assert!(!text.contains("rebind") && !text.contains("reboot") && !text.contains("move"), "{text}");
}

#[test]
fn a_server_that_pins_an_address_fails_by_one_rebind() {
    let verdict = Check::new(answered(true)).profile(forgetful()).runs(1_000).verdict().unwrap();
    let failure = verdict.failure().expect("the bug is found");
    let kinds: Vec<FaultKind> = failure.plan.faults().iter().map(Fault::kind).collect();
    assert_eq!(kinds, [FaultKind::Rebind], "{verdict}");
    assert!(verdict.to_string().contains("no mapping"), "{verdict}");
    Check::new(answered(false)).profile(forgetful()).runs(1_000).assert();
}

/// Whatever the number of threads, a search finds the same.
#[test]
fn threads_make_no_difference() {
    let verdict = |jobs| {
        let check = Check::new(answered(true)).profile(forgetful()).runs(200).jobs(jobs);
        let verdict = check.verdict().unwrap();
        (format!("{:?}", verdict.tally()), verdict.failure().map(|failure| failure.plan.to_string()))
    };
    assert_eq!(verdict(1), verdict(2));
}

/// A run with what a profile draws, and one with the plan that it has recorded, are the same to the letter.
#[test]
fn what_is_drawn_is_recorded_and_replays() {
    let scenario = Scenario::from(net(false).0);
    let mut engine = Engine::new(&scenario);
    let mut told = 0;
    for seed in 0..50 {
        let drawn = Settings { seed, profile: forgetful(), ..Settings::default() };
        engine.run(&drawn);
        let (plan, transcript) = (engine.plan(&drawn), engine.transcript().to_string());
        let plan: FaultPlan = plan.to_string().parse().unwrap();
        told += plan.len();
        let planned =
            Settings { seed, plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
        engine.run(&planned);
        assert_eq!(engine.transcript().to_string(), transcript, "{plan}");
        engine.run(&drawn);
        assert_eq!(engine.transcript().to_string(), transcript, "{seed}");
    }
    assert!(told > 50, "{told}");
}

/// A client behind a symmetric NAT that opens a second mapping if a word reaches it, and remembers nothing of that; and a
/// host that is sent to later, and so sees which port comes next.
fn forgets_what_it_opened() -> (Net, Host<Probe>) {
    let net = Net::new("ports");
    let server = net.host("server").udp(7).machine(|_| Probe);
    let seer = net.host("seer").udp(8).machine(|_| Probe);
    net.host("other").udp(9).machine(|_| Probe);
    let home = net.nat("home", Nat::new(NatKind::Symmetric).public([203, 0, 113, 1].into()));
    let client = net.host("client").udp(9).behind(home).machine(|_| Probe);
    let at = |at, host, to: &str, text| {
        net.command(Instant::from_millis(at), host, Send(to.parse().unwrap(), text));
    };
    at(0, client, "192.168.0.1:7", "hello");
    at(20, server, "203.0.113.1:20000", "tell 192.168.0.3:9");
    at(100, client, "192.168.0.2:8", "later");
    (net, seer)
}

#[test]
fn a_fingerprint_has_the_mappings_of_a_nat() {
    let (net, seer) = forgets_what_it_opened();
    net.never("the second port is seen", move |run| {
        run.events(seer).iter().any(|event| event.starts_with("203.0.113.1:20001"))
    });
    let fates = Fates { datagram: vec![DatagramFault::Drop], ..Fates::none() };
    let verdict = Check::new(net).exhaustive(1).fates(fates).verdict().unwrap();
    let failure = verdict.failure().expect("the lost word is found");
    assert_eq!(failure.plan.to_string(), "v2; server>client #0 drop");
}

#[cfg(feature = "turmoil")]
#[test]
fn turmoil_refuses_a_nat_by_name() {
    let error = lossproof::drive::simulate(&Scenario::from(net(false).0), &Settings::default()).unwrap_err();
    assert_eq!(error.to_string(), "turmoil has no NAT, and home is one; use the event engine");
    let settings = |plan: &str, scenario: &Scenario| Settings {
        plan: Prepared::new(&plan.parse().unwrap(), scenario).unwrap(),
        ..Settings::default()
    };
    let plain = Net::new("plain");
    plain.host("a").udp(7).machine(|_| Server::default());
    let plain = Scenario::from(plain);
    let error = lossproof::drive::simulate(&plain, &settings("at 1s move a 10.0.0.1", &plain)).unwrap_err();
    assert_eq!(error.to_string(), "turmoil cannot have the fault 'move'; use the event engine");
}
