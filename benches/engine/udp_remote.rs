//! Whole runs of udp-remote with five drops: the client sends five times, all is lost, and it gives up after 3.1 s.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use lossproof::check::Search;
use lossproof::engine::{Ended, Engine, Keep, Prepared, Settings};
use lossproof::fault::{FaultPlan, Profile};
use lossproof::systems::Options;
use lossproof::systems::udp_remote::{self, MESSAGE};
use lossproof::{Instant, Scenario};

/// Every request is lost: the server is never heard of.
const REQUESTS: &str = "client>server #0 drop; client>server #1 drop; client>server #2 drop; \
                        client>server #3 drop; client>server #4 drop";
/// Two requests and three replies are lost: more packets, the same end.
const REPLIES: &str = "client>server #0 drop; client>server #1 drop; server>client #0 drop; \
                       server>client #1 drop; server>client #2 drop";
/// How many requests and replies are lost, from the first on, in each of the plans.
pub(crate) const LOST: [(&str, &str, [u64; 2]); 2] =
    [("requests", REQUESTS, [5, 0]), ("replies", REPLIES, [2, 3])];

const LATENCY: Duration = Duration::from_millis(5);
const WAITS_MS: [u64; 5] = [100, 200, 400, 800, 1_600];
const GIVEN_UP: Instant = Instant::from_millis(3_100);
const PORT: u16 = 1060;

/// The same by hand: a heap of events, two structs, buffers that are used again.
pub(crate) mod by_hand {
    use super::{BinaryHeap, LATENCY, MESSAGE, Reverse, WAITS_MS, Write};

    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum What {
        Request(usize),
        Reply(usize),
        Timer,
    }

    #[derive(Default)]
    struct Client {
        sent: usize,
        resend_at: u64,
        replied: bool,
    }

    #[derive(Default)]
    pub(crate) struct World {
        queue: BinaryHeap<Reverse<(u64, u64, What)>>,
        buffers: Vec<Vec<u8>>,
        free: Vec<usize>,
        number: u64,
        /// How many requests and replies there were.
        flows: [u64; 2],
        client: Client,
        answer: String,
    }

    impl World {
        fn push(&mut self, at: u64, what: What) {
            self.queue.push(Reverse((at, self.number, what)));
            self.number += 1;
        }

        /// Sends one datagram, unless it is one of those that are lost.
        fn send(&mut self, now: u64, flow: usize, lost: [u64; 2], bytes: &[u8]) {
            self.flows[flow] += 1;
            if self.flows[flow] <= lost[flow] {
                return;
            }
            let buffer = self.free.pop().unwrap_or_else(|| {
                self.buffers.push(Vec::new());
                self.buffers.len() - 1
            });
            self.buffers[buffer].clear();
            self.buffers[buffer].extend_from_slice(bytes);
            let what = if flow == 0 { What::Request(buffer) } else { What::Reply(buffer) };
            self.push(now + LATENCY.as_nanos() as u64, what);
        }

        /// The client's next try; false if there is none.
        fn ask(&mut self, now: u64, lost: [u64; 2]) -> bool {
            let Some(wait) = WAITS_MS.get(self.client.sent) else { return false };
            self.client.sent += 1;
            self.client.resend_at = now + wait * 1_000_000;
            self.send(now, 0, lost, MESSAGE.as_bytes());
            self.push(self.client.resend_at, What::Timer);
            true
        }

        /// When it ended, and whether there was a reply.
        pub(crate) fn run(&mut self, lost: [u64; 2]) -> (u64, bool) {
            self.queue.clear();
            (self.number, self.flows, self.client) = (0, [0; 2], Client::default());
            self.ask(0, lost);
            while let Some(Reverse((now, _, what))) = self.queue.pop() {
                match what {
                    What::Request(buffer) => {
                        let mut answer = std::mem::take(&mut self.answer);
                        answer.clear();
                        let len = self.buffers[buffer].len();
                        write!(answer, "Your data was {len} bytes long").expect("a string takes all");
                        self.send(now, 1, lost, answer.as_bytes());
                        self.answer = answer;
                        self.free.push(buffer);
                    }
                    What::Reply(buffer) => {
                        self.client.replied = self.buffers[buffer].starts_with(b"Your data was ");
                        self.free.push(buffer);
                        return (now, true);
                    }
                    What::Timer if now == self.client.resend_at => {
                        if !self.ask(now, lost) {
                            return (now, self.client.replied);
                        }
                    }
                    What::Timer => {}
                }
            }
            unreachable!("the client ends first");
        }
    }
}

fn in_turmoil(lost: [u64; 2]) {
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .rng_seed(7)
        .epoch(std::time::UNIX_EPOCH)
        .build();
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    sim.host("server", move || async move {
        let socket = turmoil::net::UdpSocket::bind((any, PORT)).await?;
        let mut buffer = [0; 1_024];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await?;
            let answer = format!("Your data was {len} bytes long");
            socket.send_to(answer.as_bytes(), from).await?;
        }
    });
    sim.client("client", async move {
        let socket = turmoil::net::UdpSocket::bind((any, PORT)).await?;
        let server = turmoil::lookup("server");
        let mut buffer = [0; 1_024];
        let [lost_requests, mut lost_replies] = lost;
        for (request, wait) in (0..).zip(WAITS_MS) {
            if request >= lost_requests {
                socket.send_to(MESSAGE.as_bytes(), (server, PORT)).await?;
            }
            let replied = tokio::time::timeout(Duration::from_millis(wait), async {
                loop {
                    let received = socket.recv_from(&mut buffer).await?;
                    if lost_replies == 0 {
                        return Ok::<_, std::io::Error>(received);
                    }
                    lost_replies -= 1;
                }
            });
            assert!(replied.await.is_err(), "every try is lost");
        }
        Ok(())
    });
    sim.run().expect("the simulation ends well");
}

pub(crate) fn prepared(plan: &str, scenario: &Scenario) -> Prepared {
    let plan: FaultPlan = plan.parse().expect("the plan can be read");
    Prepared::new(&plan, scenario).expect("the plan names hosts of the scenario")
}

fn bench_plan(criterion: &mut Criterion, (name, plan, lost): (&str, &str, [u64; 2])) {
    let scenario = Scenario::from(udp_remote::net(&Options::default()));
    let plan = prepared(plan, &scenario);
    let mut group = criterion.benchmark_group(format!("udp_remote_five_drops/{name}"));
    group.throughput(Throughput::Elements(1));
    for (name, keep) in [("engine", Keep::Outcome), ("engine_log", Keep::Log)] {
        let mut engine = Engine::new(&scenario);
        let settings =
            Settings { plan: plan.clone(), keep, laws: None, properties: false, ..Settings::default() };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let outcome = engine.run(&settings);
                assert_eq!((outcome.ended, outcome.at), (Ended::Quiet, GIVEN_UP));
            });
        });
    }
    let mut search = Search::new(&scenario, plan, Profile::default(), 7);
    group.bench_function("check", |bencher| {
        bencher.iter_custom(|runs| {
            let begin = now();
            let tally = search.runs(0..runs);
            let span = begin.elapsed();
            assert_eq!((tally.runs, tally.failure), (runs, None));
            span
        });
    });
    let mut world = by_hand::World::default();
    group.bench_function("by_hand", |bencher| {
        bencher.iter(|| assert_eq!(black_box(&mut world).run(lost), (GIVEN_UP.as_nanos(), false)));
    });
    group.sample_size(10);
    group.bench_function("turmoil", |bencher| bencher.iter(|| in_turmoil(lost)));
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "this measures how much real time passes")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

pub(crate) fn bench(criterion: &mut Criterion) {
    for plan in LOST {
        bench_plan(criterion, plan);
    }
}
