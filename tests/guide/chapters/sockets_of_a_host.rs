use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};
use std::time::Duration;

/// Answers every datagram from the address that it came to.
struct Echo;

impl Machine for Echo {
    type Command = ();
    type Event = Peer;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Peer>) {
        if let Input::Datagram { local, bytes, .. } = input {
            out.event(local);
            out.reply(bytes);
        }
    }
}

/// Sends one datagram to each address, and reports who answered.
struct Client(Vec<Peer>);

impl Machine for Client {
    type Command = ();
    type Event = Peer;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Peer>) {
        match input {
            Input::Start { .. } => self.0.iter().for_each(|peer| out.send(*peer, b"hello")),
            Input::Datagram { peer, .. } => out.event(peer),
            _ => {}
        }
    }
}

#[test]
fn each_address_answers() {
    let net = Net::new("echo");
    // Two ports over IPv4, and one over IPv6. `Host::peer` is the first of them.
    let server = net.host("server").udp(7).udp(8).udp6(7).machine(|_| Echo);
    let [first, second, v6]: [Peer; 3] =
        ["192.168.0.1:7", "192.168.0.1:8", "[fd00::1]:7"].map(|peer| peer.parse().unwrap());
    assert_eq!(server.peer(), first);
    let client = net.host("client").udp(0).udp6(0).machine(move |_| Client(vec![first, second, v6]));
    net.eventually_within("each address answers", Duration::from_secs(1), move |run| {
        run.events(client) == [first, second, v6] && run.events(server) == [first, second, v6]
    });
    Check::new(net).runs(1).assert();
}
