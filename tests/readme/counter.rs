use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};
use std::time::Duration;

/// Counts requests.
struct Server(u32);

impl Machine for Server {
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

/// Repeats its request every 100 ms until it gets a reply.
struct Client(Peer, Option<Instant>);

impl Machine for Client {
    type Command = ();
    type Event = ();
    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if let Input::Start { .. } | Input::Timeout = input {
            out.send(self.0, b"count");
            self.1 = Some(now + Duration::from_millis(100));
        } else if let Input::Datagram { .. } = input {
            self.1 = None;
        }
    }
    fn deadline(&self) -> Option<Instant> {
        self.1
    }
}

#[test]
#[ignore = "it fails, which is what the README shows"]
fn a_request_is_counted_once() {
    let net = Net::new("counter");
    let server = net.host("server").udp(1060).machine(|_| Server(0));
    net.host("client").udp(0).machine(move |boot| Client(boot.peer(server), None));
    net.never("a request is counted twice", move |run| run.events(server).contains(&2));
    Check::new(net).assert();
}
