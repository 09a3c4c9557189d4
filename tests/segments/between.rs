//! Segments where something lies between the hosts: a shared queue, a NAT, an address that changes.

use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Chance, Discipline, Profile, StreamKind};
use lossproof::scenario::{Host, Nat, NatKind};
use lossproof::{FaultPlan, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// How many bytes are transferred.
const LEN: usize = 100_000;

/// Writes all, and closes.
struct Sender {
    to: Peer,
    left_len: usize,
}

impl Machine for Sender {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => _ = out.connect(self.to),
            Input::Connected { conn, .. } | Input::Writable { conn } if self.left_len > 0 => {
                self.left_len -= out.write(conn, &vec![b'x'; self.left_len]);
                if self.left_len == 0 {
                    out.close(conn);
                }
            }
            _ => {}
        }
    }
}

/// Tells who has dialed, and each length that it has read.
#[derive(Default)]
struct Receiver {
    read_len: usize,
}

impl Machine for Receiver {
    type Command = ();
    /// The peer, as this host sees it, and how many bytes it has sent.
    type Event = (Option<Peer>, usize);

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Self::Event>) {
        match input {
            Input::Connected { peer, .. } => out.event((Some(peer), 0)),
            Input::Received { bytes, .. } => {
                self.read_len += bytes.len();
                out.event((None, self.read_len));
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

/// A sender, behind a NAT of this kind if there is one, and a receiver, whose streams are made of segments; they share a
/// queue, if there is one.
fn net(nat: Option<NatKind>, wan: Option<Bottleneck>) -> (Net, Host<Receiver>) {
    let net = Net::new("between");
    net.streams(StreamKind::SEGMENTS);
    net.max_time(Duration::from_mins(2));
    let receiver = net.host("receiver").listen(7).machine(|_| Receiver::default());
    if let Some(wan) = wan {
        net.bottleneck(wan);
    }
    let nat = nat.map(|kind| net.nat("home", Nat::new(kind)));
    let sender = net.host("sender");
    let sender = if let Some(nat) = nat { sender.behind(nat) } else { sender };
    sender.machine(move |boot| Sender { to: boot.peer(receiver), left_len: LEN });
    (net, receiver)
}

/// How many bytes have come, and the transcript.
fn run(net: Net, receiver: Host<Receiver>, plan: &str, profile: Profile) -> (usize, String, FaultPlan, u64) {
    let scenario = Scenario::from(net);
    let plan: FaultPlan = plan.parse().expect("a plan");
    let settings = Settings {
        seed: 7,
        plan: Prepared::new(&plan, &scenario).expect("the plan is for this net"),
        profile,
        laws: None,
        ..Settings::default()
    };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    assert_eq!(engine.broken(), None, "{}", engine.transcript());
    let dropped = engine.queue_figures().map(|(.., figures)| figures.dropped).sum();
    let len = engine.view().events(receiver).iter().map(|(_, len)| *len).max().unwrap_or_default();
    (len, engine.transcript().to_string(), engine.plan(&settings), dropped)
}

#[test]
fn segments_wait_at_a_bottleneck_and_are_lost_there() {
    for discipline in [Discipline::DropTail, Discipline::Codel] {
        let wan = || Bottleneck::new("wan", Bandwidth::bits(1_000_000, 12_000)).with(discipline).everywhere();
        let narrow = || net(None, Some(wan()));
        let (made, receiver) = narrow();
        let profile = Profile { loss: Chance::percent(2), ..Profile::CALM };
        let (len, transcript, plan, dropped) = run(made, receiver, "", profile);
        assert_eq!(len, LEN, "{transcript}");
        assert!(dropped > 0 && transcript.contains("wan"), "{transcript}");
        // 8 bits a byte at a million bits a second, and more for headers.
        let last = transcript.lines().last().expect("it has lines");
        assert!(
            last.split(' ').next().is_some_and(|at| at.parse::<f64>().is_ok_and(|at| at > 0.8)),
            "{last}"
        );
        // Replayed, it is the same.
        let (made, receiver) = narrow();
        assert_eq!(run(made, receiver, &plan.to_string(), Profile::CALM).1, transcript);
    }
}

#[test]
fn segments_pass_a_nat_and_a_queue_behind_it() {
    let wan = || Bottleneck::new("wan", Bandwidth::bits(1_000_000, 12_000)).everywhere();
    for (wan, loss) in [(None, 0), (Some(wan()), 2)] {
        let (made, receiver) = net(Some(NatKind::PortRestricted), wan);
        let profile = Profile { loss: Chance::percent(loss), ..Profile::CALM };
        let (len, transcript, ..) = run(made, receiver, "", profile);
        assert_eq!(len, LEN, "{transcript}");
        // The receiver sees the NAT, which is the second host.
        assert!(
            transcript.contains("SYN") && transcript.contains("ip: 192.168.0.2, port: 20000"),
            "{transcript}"
        );
    }
}

#[test]
fn a_stream_of_a_host_that_moves_goes_silent() {
    let wan = || Some(Bottleneck::new("wan", Bandwidth::bits(1_000_000, 64_000)).everywhere());
    let (made, receiver) = net(None, wan());
    let (len, transcript, ..) = run(made, receiver, "at 400ms move sender 10.0.1.7", Profile::CALM);
    assert!((1_000..LEN / 2).contains(&len), "{len}\n{transcript}");
    let (made, receiver) = net(None, wan());
    assert_eq!(run(made, receiver, "", Profile::CALM).0, LEN);
}
