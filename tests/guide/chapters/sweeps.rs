use lossproof::check::{Counts, Measure};
use lossproof::engine::Prepared;
use lossproof::{Chance, Input, Instant, Machine, Net, Outbox, Peer, Profile, Scenario, Status};
use std::time::Duration;

/// Asks up to five times, 100 ms apart.
struct Client {
    server: Peer,
    asked: u32,
    ask_at: Option<Instant>,
}

impl Machine for Client {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } | Input::Timeout if self.asked < 5 => {
                out.send(self.server, b"?");
                (self.asked, self.ask_at) = (self.asked + 1, Some(now + Duration::from_millis(100)));
            }
            Input::Timeout => {
                self.ask_at = None;
                out.done(Status::Failure);
            }
            Input::Datagram { .. } => {
                self.ask_at = None;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { .. } = input {
            out.reply(b"!");
        }
    }
}

#[test]
fn five_attempts_succeed_as_often_as_the_formula_says() {
    const RUNS: u64 = 4_000;
    let net = Net::new("five attempts");
    let server = net.host("server").udp(1060).machine(|_| Server);
    let client = net.host("client").udp(0);
    let client = client.machine(move |boot| Client { server: boot.peer(server), asked: 0, ask_at: None });
    let scenario = Scenario::from(net);

    for percent in [0_u32, 30, 60] {
        let faults = Profile { loss: Chance::percent(percent), ..Profile::default() };
        let mut measure = Measure::new(&scenario, client, Prepared::default(), faults, 0);

        // Two parts, perhaps computed on two computers, add up to the whole.
        let mut counts: Counts = measure.runs(0..RUNS / 3).unwrap();
        counts.merge(&measure.runs(RUNS / 3..RUNS).unwrap());
        assert_eq!(counts, measure.runs(0..RUNS).unwrap());

        // An attempt succeeds if neither its request nor its reply is lost.
        let p = f64::from(percent) / 100.0;
        let expected = 1.0 - (1.0 - (1.0 - p).powi(2)).powi(5);
        let success = counts.successes as f64 / RUNS as f64;
        let error = (expected * (1.0 - expected) / RUNS as f64).sqrt();
        assert!((success - expected).abs() <= 3.0 * error, "{percent}%: {success}, expected {expected}");
        // The median time to a reply: the first, second or third attempt, and 10 ms for the way there and back.
        assert!(matches!(counts.percentile(50), Some(10 | 110 | 210)));
    }
}
