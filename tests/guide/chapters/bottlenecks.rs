use lossproof::engine::{Engine, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Discipline};
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// Sends a datagram of each length that it is given.
struct Sender(Peer);

impl Machine for Sender {
    type Command = usize;
    type Event = ();

    fn handle(&mut self, input: Input<'_, usize>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Command(&len) = input {
            out.send(self.0, &vec![0; len]);
        }
    }
}

/// Takes what comes.
struct Sink;

impl Machine for Sink {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { .. } = input {
            out.event(());
        }
    }
}

#[test]
fn two_senders_share_a_queue() {
    let net = Net::new("two senders");
    let sink = net.host("sink").udp(7).machine(|_| Sink);
    let [one, other] =
        ["one", "other"].map(|name| net.host(name).udp(0).machine(move |boot| Sender(boot.peer(sink))));

    // At 80,000 bits a second a byte takes 0.1 ms. The queue has room for three datagrams of 1,000 bytes with their headers.
    let wan = Bottleneck::new("wan", Bandwidth::kilobits(80, 3_000)).with(Discipline::DropTail);
    net.bottleneck(wan.direction(one, sink).direction(other, sink));
    for sender in [one, other, one, other] {
        net.command(Instant::START, sender, 972);
    }

    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let transcript = engine.transcript().to_string();
    assert!(transcript.contains("other  lost  #1 → sink: the queue of wan is full"));

    let counts = engine.queue_figures().map(|(.., figures)| (figures.passed, figures.dropped));
    assert_eq!(counts.collect::<Vec<_>>(), [(2, 0), (1, 1)]);
}
