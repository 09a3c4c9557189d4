use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Discipline};
use lossproof::machine::Ecn;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// The sender halves its rate once in this time: a bit more than a round trip.
const ROUND: Duration = Duration::from_millis(20);

/// Sends packets at a rate that grows with each answer. A mark halves it.
struct Sender {
    receiver: Peer,
    /// In packets a second.
    rate: u32,
    halved_at: Instant,
    next_at: Option<Instant>,
}

impl Machine for Sender {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.set_ecn(Ecn::Ect0);
                out.send(self.receiver, &[0; 1_000]);
                self.next_at = Some(now + Duration::from_secs(1) / self.rate);
            }
            Input::Datagram { bytes, .. } if bytes != [Ecn::Ce.bits()] => self.rate += 1,
            Input::Datagram { .. } if now >= self.halved_at + ROUND => {
                self.rate = (self.rate / 2).max(1);
                self.halved_at = now;
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_at
    }
}

/// Answers each packet with the ECN field that it arrived with.
struct Receiver;

impl Machine for Receiver {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { ecn, .. } = input {
            out.reply(&[ecn.bits()]);
        }
    }
}

#[test]
fn a_sender_that_heeds_marks_loses_nothing() {
    let net = Net::new("marks");
    let receiver = net.host("receiver").udp(7).machine(|_| Receiver);
    net.host("sender").udp(0).machine(move |boot| Sender {
        receiver: boot.peer(receiver),
        rate: 100,
        halved_at: Instant::START,
        next_at: None,
    });
    // A packet has 1,028 bytes with its headers: 10 Mbit/s carry 1,216 of them a second.
    let wan = Bottleneck::new("wan", Bandwidth::kilobits(10_000, 256 * 1024)).with(Discipline::Codel);
    net.bottleneck(wan.towards(receiver));
    net.max_time(Duration::from_secs(20));

    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());

    let (.., figures) = engine.queue_figures().next().expect("a flow has passed");
    assert_eq!(figures.dropped, 0);
    assert!((5..50).contains(&figures.marked), "{}", figures.marked);
    let most = 20 * 1_216;
    assert!((most * 8 / 10..=most).contains(&figures.passed), "{}", figures.passed);
    let wait = figures.waits.quantile(95).expect("some have waited");
    assert!(wait < Duration::from_millis(30), "{wait:?}");
}
