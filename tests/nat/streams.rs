//! Streams through NATs, and of hosts that move.

use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::machine::{Conn, ConnectError};
use lossproof::scenario::{Host, Nat, NatKind, Net};
use lossproof::{Input, Instant, Machine, Outbox, Peer, Scenario};

const EVERY: Duration = Duration::from_millis(100);

/// What an end tells.
#[derive(Debug, PartialEq)]
enum Told {
    /// It stands: the peer, and its own address.
    Stands(Peer, Peer),
    /// So many bytes have come.
    Came(usize),
    /// It does not come to be.
    Failed(ConnectError),
}

/// Dials, if it is told whom, and writes a byte each 100 ms to whoever is connected to it.
struct End {
    dials: Option<Peer>,
    conn: Option<Conn>,
    next: Option<Instant>,
}

impl Machine for End {
    type Command = ();
    type Event = Told;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Start { .. } => {
                if let Some(peer) = self.dials {
                    out.connect(peer);
                }
            }
            Input::Connected { conn, peer, local } => {
                (self.conn, self.next) = (Some(conn), Some(now + EVERY));
                out.event(Told::Stands(peer, local));
            }
            Input::ConnectFailed { reason, .. } => out.event(Told::Failed(reason)),
            Input::Timeout => {
                if let Some(conn) = self.conn {
                    let _ = out.write(conn, b"x");
                }
                self.next = Some(now + EVERY);
            }
            Input::Received { bytes, .. } => out.event(Told::Came(bytes.len())),
            Input::Closed { .. } => (self.conn, self.next) = (None, None),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }
}

fn end(dials: Option<Peer>) -> End {
    End { dials, conn: None, next: None }
}

/// A server, and a client behind a NAT that dials it, or the NAT itself, or an own address of the client, which the server
/// dials then.
fn net() -> (Net, [Host<End>; 2]) {
    let net = Net::new("streams");
    net.max_time(Duration::from_mins(1));
    let server = net.host("server").listen(80).machine(|_| end(None));
    let home = net.nat("home", Nat::new(NatKind::Symmetric).public([203, 0, 113, 1].into()));
    let client = net.host("client").behind(home).machine(move |boot| end(Some(boot.peer(server))));
    (net, [server, client])
}

/// What both ends told, each with its second, and the transcript.
fn run(net: Net, hosts: [Host<End>; 2], plan: &str) -> [Vec<(f64, String)>; 2] {
    let scenario = Scenario::from(net);
    let settings =
        Settings { plan: Prepared::new(&plan.parse().unwrap(), &scenario).unwrap(), ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    let run = engine.view();
    hosts.map(|host| {
        let times = run.times(host).iter().map(|at| at.since_start().as_secs_f64());
        times.zip(run.events(host)).map(|(at, told)| (at, format!("{told:?}"))).collect()
    })
}

/// When bytes came last.
fn last_byte(told: &[(f64, String)]) -> f64 {
    told.iter().rfind(|(_, told)| told.starts_with("Came")).map_or(0.0, |(at, _)| *at)
}

#[test]
fn a_dial_out_is_seen_with_the_nats_address() {
    let (net, hosts) = net();
    let [server, client] = run(net, hosts, "");
    let [seen, own] = ["203.0.113.1:20000", "192.168.0.3:49152"].map(|text| text.parse::<Peer>().unwrap());
    let listens: Peer = "192.168.0.1:80".parse().unwrap();
    assert_eq!(server[0].1, format!("{:?}", Told::Stands(seen, listens)));
    assert_eq!(client[0].1, format!("{:?}", Told::Stands(listens, own)));
    assert!(last_byte(&server) > 59.0 && last_byte(&client) > 59.0);
}

#[test]
fn a_stream_is_silent_in_both_directions_once_its_nat_has_forgotten_it() {
    for fault in ["rebind", "reboot"] {
        let (net, hosts) = net();
        let [server, client] = run(net, hosts, &format!("at 2s {fault} home"));
        // Nobody is told: a real system gives up after a quarter of an hour.
        let lasts = [last_byte(&server), last_byte(&client)];
        assert!(lasts.iter().all(|at| (1.9..2.1).contains(at)), "{fault}: {lasts:?}");
        assert!(client.iter().all(|(_, told)| !told.starts_with("Failed")));
    }
}

#[test]
fn a_stream_is_silent_in_both_directions_once_one_end_has_moved() {
    for host in ["client", "server"] {
        let (net, hosts) = net();
        let [server, client] = run(net, hosts, &format!("at 2s move {host} 10.0.1.7"));
        let lasts = [last_byte(&server), last_byte(&client)];
        assert!(lasts.iter().all(|at| (1.9..2.1).contains(at)), "{host}: {lasts:?}");
    }
}

/// RFC 5382 section 4.3: a NAT does not answer a connection that nobody inside has asked for.
#[test]
fn a_dial_to_a_nat_or_to_what_is_behind_it_meets_silence() {
    for to in ["203.0.113.1:20000", "192.168.0.2:80"] {
        let net = Net::new("inward");
        net.max_time(Duration::from_secs(200));
        let home = net.nat("home", Nat::new(NatKind::FullCone).public([203, 0, 113, 1].into()));
        let inside = net.host("inside").listen(80).behind(home).machine(|_| end(None));
        let outside = net.host("outside").machine(move |_| end(Some(to.parse().unwrap())));
        let [inside, outside] = run(net, [inside, outside], "");
        assert_eq!(inside.len(), 0);
        assert_eq!(outside.len(), 1, "{outside:?}");
        assert_eq!(outside[0].1, format!("{:?}", Told::Failed(ConnectError::TimedOut)), "{to}");
    }
}

#[test]
fn hosts_behind_one_nat_dial_each_other_directly() {
    let net = Net::new("near");
    net.max_time(Duration::from_secs(1));
    let home = net.nat("home", Nat::new(NatKind::Symmetric));
    let server = net.host("server").listen(80).behind(home).machine(|_| end(None));
    let client = net.host("client").behind(home).machine(move |boot| end(Some(boot.peer(server))));
    let [server, _] = run(net, [server, client], "");
    assert!(server[0].1.contains("192.168.0.3"), "{server:?}");
}

/// A host that has moved dials from its new address, and is dialed there.
#[test]
fn new_streams_have_the_new_address() {
    let net = Net::new("moved");
    net.max_time(Duration::from_secs(5));
    let server = net.host("server").listen(80).machine(|_| end(None));
    let client = net.host("client").machine(move |boot| end(Some(boot.peer(server))));
    let [told, _] =
        run(net, [server, client], "at 0s move client 10.0.1.7; at 1s crash client; at 2s restart client");
    let stands: Vec<_> = told.iter().filter(|(_, told)| told.starts_with("Stands")).collect();
    assert!(stands[1].1.contains("10.0.1.7"), "{stands:?}");

    let net = Net::new("moved");
    net.max_time(Duration::from_secs(5));
    let server = net.host("server").listen(80).machine(|_| end(None));
    let client = net.host("client");
    let client = client.machine(move |boot| {
        let moved = "10.0.1.7:80".parse().unwrap();
        end(Some(if boot.incarnation() == 0 { boot.peer(server) } else { moved }))
    });
    let plan = "at 1s move server 10.0.1.7; at 2s crash client; at 3s restart client";
    let [told, _] = run(net, [server, client], plan);
    assert_eq!(told.iter().filter(|(_, told)| told.starts_with("Stands")).count(), 2, "{told:?}");
    assert!(last_byte(&told) > 4.8);
}
