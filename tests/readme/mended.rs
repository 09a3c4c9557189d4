//! The first test of the README, mended: a request has an id, which the server keeps on its disk.

use std::time::Duration;

use lossproof::harness::Verdict;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};

/// Counts requests, each once: it has kept the id of the last.
struct Server {
    count: u32,
    last: Option<u8>,
}

impl Machine for Server {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u32>) {
        if let Input::Datagram { bytes, .. } = input {
            let id = bytes[0];
            if self.last != Some(id) {
                (self.count, self.last) = (self.count + 1, Some(id));
                out.save(&[id]);
                out.event(self.count);
            }
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
            out.send(self.0, &[7]);
            self.1 = Some(now + Duration::from_millis(100));
        } else if let Input::Datagram { .. } = input {
            self.1 = None;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.1
    }
}

/// Makes the check.
pub(super) fn verdict() -> Verdict {
    let net = Net::new("counter");
    let server =
        net.host("server").udp(1060).machine(|boot| Server { count: 0, last: boot.disk().first().copied() });
    net.host("client").udp(0).machine(move |boot| Client(boot.peer(server), None));
    net.never("a request is counted twice", move |run| run.events(server).contains(&2));
    Check::new(net).verdict().expect("nothing is to be read")
}
