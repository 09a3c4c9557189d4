use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::{FaultPlan, Input, Instant, Machine, Net, Outbox, Peer, Scenario};
use std::time::Duration;

/// Counts datagrams, and saves the count.
struct Counter(u8);

impl Machine for Counter {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u8>) {
        if let Input::Datagram { .. } = input {
            self.0 += 1;
            out.save(&[self.0]);
            out.event(self.0);
        }
    }
}

/// Sends each text that it is given.
struct Client(Peer);

impl Machine for Client {
    type Command = &'static str;
    type Event = ();

    fn handle(&mut self, input: Input<'_, &'static str>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Command(text) = input {
            out.send(self.0, text.as_bytes());
        }
    }
}

#[test]
fn the_count_survives_a_crash() {
    let net = Net::new("counter");
    // The first byte that the last machine on this host saved, or 0.
    let server = net.host("server").udp(1060);
    let server = server.machine(|boot| Counter(boot.disk().first().copied().unwrap_or(0)));
    let client = net.host("client").udp(0).machine(move |boot| Client(boot.peer(server)));
    net.link_latency(client, server, Duration::from_millis(20));
    for second in 0..4 {
        net.command(Instant::from_millis(1_000 * second), client, "count");
    }

    let scenario = Scenario::from(net);
    let plan: FaultPlan = "at 1500ms crash server; at 2500ms restart server".parse().unwrap();
    let settings = Settings { plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);

    // The third datagram found no server. The count goes on where it was.
    assert_eq!(engine.view().events(server), [1, 2, 3]);
    let transcript = engine.transcript().to_string();
    assert!(transcript.contains("3.020  server  event 3\n"), "{transcript}");
}
