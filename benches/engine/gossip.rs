//! Hosts that tell one another of what they have seen: how what one input costs grows with the number of hosts.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use lossproof::engine::{Engine, Keep, Settings};
use lossproof::scenario::Place;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// How many hosts there are.
pub(crate) const HOSTS: [usize; 4] = [10, 100, 1_000, 10_000];
/// How many others each host knows, and how many of these it tells at a time.
const KNOWN: usize = 8;
const TOLD: usize = 3;
/// How many inputs a run has, about.
const INPUTS: u64 = 400_000;

/// Tells three of its eight neighbours, in turn, of the greatest number that it has seen.
struct Gossip {
    known: Vec<Peer>,
    next: usize,
    seen: u64,
    tell_at: Instant,
    every: Duration,
}

impl Machine for Gossip {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => self.tell_at = now + self.every,
            Input::Timeout => {
                self.tell_at = now + self.every;
                for _ in 0..TOLD {
                    out.send(self.known[self.next % self.known.len()], &self.seen.to_be_bytes());
                    self.next += 1;
                }
            }
            Input::Datagram { bytes, .. } => {
                if let Ok(bytes) = bytes.try_into() {
                    self.seen = self.seen.max(u64::from_be_bytes(bytes)) + 1;
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.tell_at)
    }
}

/// So many hosts, for so long that there are as many inputs as with any other number.
pub(crate) fn scenario(hosts: usize) -> Scenario {
    let net = Net::new("gossip");
    net.max_inputs(u64::MAX);
    let rounds = INPUTS / (hosts * (TOLD + 1)) as u64 + 2;
    net.max_time(Duration::from_millis(100 * rounds));
    let places: Vec<_> = (0..hosts).map(|index| net.host(format!("host-{index}")).udp(1)).collect();
    let ids: Vec<_> = places.iter().map(Place::id).collect();
    for (index, place) in places.into_iter().enumerate() {
        let known: Vec<_> = (1..=KNOWN).map(|n| ids[(index + 7 * n * n + n) % hosts]).collect();
        place.machine(move |boot| Gossip {
            known: known.iter().map(|id| boot.peer(*id)).collect(),
            next: 0,
            seen: 0,
            tell_at: Instant::START,
            // Not all at one moment.
            every: Duration::from_micros(100_000 + boot.seed() % 1_000),
        });
    }
    net.into()
}

pub(crate) const SETTINGS: fn() -> Settings =
    || Settings { keep: Keep::Outcome, laws: None, ..Settings::default() };

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gossip");
    group.sample_size(10);
    for hosts in HOSTS {
        let (scenario, settings) = (scenario(hosts), SETTINGS());
        let mut engine = Engine::new(&scenario);
        group.throughput(Throughput::Elements(engine.run(&settings).inputs));
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter(|| engine.run(&settings));
        });
    }
    group.finish();
}
