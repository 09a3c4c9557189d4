//! The first test of the README, and what it finds.

use std::time::Duration;

use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};

/// Counts every request.
struct Counter(u32);

impl Machine for Counter {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u32>) {
        if let Input::Datagram { .. } = input {
            self.0 += 1;
            out.event(self.0);
            out.reply(b"counted");
        }
    }
}

/// Asks again every 100 ms until it is answered.
struct Client {
    server: Peer,
    ask_at: Option<Instant>,
}

impl Machine for Client {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.send(self.server, b"count me");
                self.ask_at = Some(now + Duration::from_millis(100));
            }
            Input::Datagram { .. } => {
                self.ask_at = None;
                out.event("answered");
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

fn net() -> Net {
    let net = Net::new("counter");
    let server = net.host("server").udp(1060).machine(|_| Counter(0));
    let client =
        net.host("client").udp(0).machine(move |boot| Client { server: boot.peer(server), ask_at: None });
    net.never("a request is counted twice", move |run| run.events(server).contains(&2));
    net.eventually_within("the client is answered", Duration::from_secs(60), move |run| {
        run.events(client).contains(&"answered")
    });
    net
}

#[test]
fn it_is_found_made_small_and_told() {
    let verdict = Check::new(net()).loss(0.3).verdict().unwrap();
    println!("{verdict}");
    let failure = verdict.failure().unwrap();
    assert_eq!(failure.plan.to_string(), "v1; server>client #0 drop");
    assert!(Check::new(net()).named("calm").verdict().unwrap().holds());
}
