use lossproof::scenario::{Nat, NatKind};
use lossproof::{Check, FaultPlan, Input, Instant, Machine, Net, Outbox, Peer};
use std::time::Duration;

/// Sends a heartbeat at this interval, and reports what the server pushes.
struct Client(Peer, Duration, Option<Instant>);

impl Machine for Client {
    type Command = ();
    type Event = Peer;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Peer>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.send(self.0, b"alive");
                self.2 = Some(now + self.1);
            }
            Input::Datagram { peer, .. } => out.event(peer),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.2
    }
}

/// Pushes to the address from which the last heartbeat came.
#[derive(Default)]
struct Server(Option<Peer>);

impl Machine for Server {
    type Command = ();
    type Event = Peer;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Peer>) {
        match (input, self.0) {
            (Input::Datagram { peer, .. }, _) => {
                self.0 = Some(peer);
                out.event(peer);
            }
            (Input::Command(()), Some(client)) => out.send(client, b"news"),
            _ => {}
        }
    }
}

/// The client is behind a NAT that forgets a mapping after 30 s. The server pushes after 50 s.
fn net(heartbeat: Duration) -> Net {
    let net = Net::new("news");
    net.max_time(Duration::from_mins(1));
    let server = net.host("server").udp(7).machine(|_| Server::default());
    let home = Nat::new(NatKind::PortRestricted).timeout(Duration::from_secs(30));
    let home = net.nat("home", home.public([203, 0, 113, 7].into()));
    let client = net.host("client").udp(0).behind(home);
    let client = client.machine(move |boot| Client(boot.peer(server), heartbeat, None));
    net.command(Instant::from_millis(50_000), server, ());
    net.always("the server sees the address of the NAT", move |run| {
        run.events(server).iter().all(|peer| peer.to_string().starts_with("203.0.113.7:"))
    });
    net.eventually_within("the news arrives", Duration::from_mins(1), move |run| {
        !run.events(client).is_empty()
    });
    net
}

#[test]
fn a_heartbeat_keeps_the_mapping() {
    let plan = |text: &str| text.parse::<FaultPlan>().unwrap();
    let check =
        |heartbeat, text| Check::new(net(Duration::from_secs(heartbeat))).plan(plan(text)).runs(1).loss(0.0);
    check(20, "v2").assert();
    // The mapping ends at 30 s, and the push dies at the NAT.
    let verdict = check(60, "v2").verdict().unwrap();
    assert!(verdict.to_string().contains("home    drop  server>client #0: no mapping"), "{verdict}");
    // A new port, too, is known after the next heartbeat, but not before it.
    check(20, "at 30s rebind home").assert();
    assert!(!check(20, "at 45s rebind home").verdict().unwrap().holds());
}
