//! Machines that send as they are told, machines that send as fast as they may, and machines that answer.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::scenario::Host;
use lossproof::transcript::Carried;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// The headers of a datagram.
pub(crate) const HEADERS: u64 = 28;

/// Sends as many bytes as a command says.
pub(crate) struct Sender(pub(crate) Peer);

impl Machine for Sender {
    type Command = u64;
    type Event = ();

    fn handle(&mut self, input: Input<'_, u64>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Command(&len) = input {
            out.send(self.0, &vec![b'x'; len as usize]);
        }
    }

    /// It has no state.
    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// Tells from which host how many bytes come.
pub(crate) struct Listener;

impl Machine for Listener {
    type Command = ();
    type Event = (String, usize);

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<(String, usize)>) {
        if let Input::Datagram { peer, bytes, .. } = input {
            out.event((peer.to_string(), bytes.len()));
        }
    }

    /// It has no state.
    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// Acknowledges each datagram by its number, the first four bytes.
pub(crate) struct Acknowledger;

impl Machine for Acknowledger {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { bytes, .. } = input {
            out.reply(&bytes[..4.min(bytes.len())]);
        }
    }
}

/// Sends as TCP Reno would in steady state: one packet more each round trip, half as many once one is lost. It begins with
/// twice as many each round trip, and takes a packet for lost when three after it have been acknowledged.
pub(crate) struct Reno {
    peer: Peer,
    /// How many packets may be on their way, in thousandths.
    window: u64,
    /// Below so many it doubles each round trip.
    threshold: u64,
    next: u32,
    /// What is on its way, and how many after it were acknowledged.
    underway: BTreeMap<u32, u32>,
    /// Losses of what was sent before this one count no more.
    recovered: u32,
    deadline: Option<Instant>,
}

const ONE: u64 = 1_000;
const TIMEOUT: Duration = Duration::from_secs(1);
/// So that with its headers a packet is as long as Ethernet has them.
pub(crate) const PAYLOAD_LEN: usize = 1_472;

impl Reno {
    pub(crate) fn new(peer: Peer) -> Self {
        let (window, threshold) = (2 * ONE, u64::MAX);
        Self { peer, window, threshold, next: 0, underway: BTreeMap::new(), recovered: 0, deadline: None }
    }

    fn fill(&mut self, now: Instant, out: &mut Outbox<()>) {
        while (self.underway.len() as u64) < self.window / ONE {
            let mut bytes = vec![0; PAYLOAD_LEN];
            bytes[..4].copy_from_slice(&self.next.to_be_bytes());
            out.send(self.peer, &bytes);
            self.underway.insert(self.next, 0);
            self.next += 1;
        }
        self.deadline = Some(now + TIMEOUT);
    }

    fn lose(&mut self, number: u32) {
        self.underway.remove(&number);
        if number >= self.recovered {
            self.window = (self.window / 2).max(2 * ONE);
            (self.threshold, self.recovered) = (self.window, self.next);
        }
    }
}

impl Machine for Reno {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Datagram { bytes, .. } => {
                let number = u32::from_be_bytes(bytes.try_into().unwrap_or_default());
                if self.underway.remove(&number).is_some() {
                    self.window += if self.window < self.threshold { ONE } else { ONE * ONE / self.window };
                }
                self.underway.range_mut(..number).for_each(|(_, later)| *later += 1);
                let is_lost = |(number, later): (&u32, &u32)| (*later >= 3).then_some(*number);
                let lost: Vec<u32> = self.underway.iter().filter_map(is_lost).collect();
                for number in lost {
                    self.lose(number);
                }
            }
            Input::Timeout => {
                self.underway.clear();
                (self.window, self.threshold, self.recovered) = (2 * ONE, self.window / 2, self.next);
            }
            Input::Start { .. } => {}
            _ => return,
        }
        self.fill(now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// Sends a packet every so often, whatever becomes of it.
pub(crate) struct Steady {
    pub(crate) peer: Peer,
    pub(crate) every: Duration,
    pub(crate) next_at: Option<Instant>,
}

impl Machine for Steady {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if matches!(input, Input::Start { .. } | Input::Timeout) {
            out.send(self.peer, &[0; PAYLOAD_LEN]);
            self.next_at = Some(now + self.every);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_at
    }
}

/// Senders of these names, and a host `server` that tells what it hears.
pub(crate) fn senders<const N: usize>(net: &Net, names: [&str; N]) -> ([Host<Sender>; N], Host<Listener>) {
    let server = net.host("server").udp(7).machine(|_| Listener);
    (names.map(|name| net.host(name).udp(1).machine(move |boot| Sender(boot.peer(server)))), server)
}

/// A run under a plan, with everything kept.
pub(crate) fn run<'s>(scenario: &'s Scenario, plan: &str) -> Engine<'s> {
    let plan = Prepared::new(&plan.parse().unwrap(), scenario).unwrap();
    let mut engine = Engine::new(scenario);
    engine.run(&Settings { plan, ..Settings::default() });
    assert_eq!(engine.violation(), None);
    engine
}

/// The lines of a transcript with one of these words, with single blanks.
pub(crate) fn lines(engine: &Engine<'_>, words: &[&str]) -> Vec<String> {
    let transcript = engine.transcript().to_string();
    let lines = transcript.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.filter(|line| words.contains(&line[2])).map(|line| line.join(" ")).collect()
}

/// The events of the server, each with its moment in milliseconds.
pub(crate) fn heard(engine: &Engine<'_>, server: Host<Listener>) -> Vec<(u64, String, usize)> {
    let (run, times) = (engine.view(), lines(engine, &["event"]));
    let millis = times.iter().map(|line| line.split(' ').next().unwrap().replace('.', "").parse().unwrap());
    millis.zip(run.events(server)).map(|(at, (peer, len))| (at, peer.clone(), *len)).collect()
}

/// When each datagram to the server left, and when it arrived, if it did.
pub(crate) fn journeys(engine: &Engine<'_>) -> Vec<(Instant, Option<Instant>)> {
    let packets = engine.log().packets().iter().map(|(_, packet)| packet);
    let to = engine.scenario().find("server").unwrap();
    let journey = |packet: &lossproof::transcript::Packet| match packet.what {
        Carried::Datagram { arrives_at, .. } if packet.to == to => Some((packet.at, arrives_at[0])),
        _ => None,
    };
    packets.filter_map(journey).collect()
}
