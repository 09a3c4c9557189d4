//! One datagram goes back and forth between two hosts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use lossproof::engine::{Engine, Keep, Settings};
use lossproof::scenario::{Nat, NatKind};
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};

/// How many packets one run has: half of them there, half of them back.
pub(crate) const PACKETS: u64 = 10_000;
const PAYLOAD: &[u8; 32] = b"ping pong ping pong ping pong   ";
const LATENCY: Duration = Duration::from_millis(5);
const PORT: u16 = 1060;

struct Ponger;

impl Machine for Ponger {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { bytes, .. } = input {
            out.reply(bytes);
        }
    }
}

struct Pinger {
    server: Peer,
    left: u64,
}

impl Machine for Pinger {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => out.send(self.server, PAYLOAD),
            Input::Datagram { peer, bytes, .. } if peer == self.server => {
                self.left -= 1;
                if self.left == 0 {
                    out.done(Status::Success);
                } else {
                    out.send(peer, bytes);
                }
            }
            _ => {}
        }
    }
}

pub(crate) fn scenario() -> Scenario {
    scenario_behind(false)
}

/// The same, with the client behind a NAT, or not.
pub(crate) fn scenario_behind(nat: bool) -> Scenario {
    let net = Net::new("ping-pong");
    net.latency(LATENCY);
    net.max_time(Duration::MAX);
    let server = net.host("server").udp(PORT).machine(|_| Ponger);
    let mut client = net.host("client").udp(PORT).connected(server);
    if nat {
        client = client.behind(net.nat("home", Nat::new(NatKind::PortRestricted)));
    }
    client.machine(move |boot| Pinger { server: boot.peer(server), left: PACKETS / 2 });
    net.into()
}

/// The same by hand: a heap of events, two structs, buffers that are used again.
pub(crate) mod by_hand {
    use super::{BinaryHeap, LATENCY, PACKETS, PAYLOAD, Reverse};

    #[derive(Default)]
    struct Server {
        answered: u64,
    }

    impl Server {
        fn datagram<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
            self.answered += 1;
            bytes
        }
    }

    struct Client {
        left: u64,
    }

    impl Client {
        fn datagram<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
            self.left -= 1;
            (self.left > 0).then_some(bytes)
        }
    }

    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    struct Arrival {
        at: u64,
        n: u64,
        at_client: bool,
        buffer: usize,
    }

    #[derive(Default)]
    pub(crate) struct World {
        queue: BinaryHeap<Reverse<Arrival>>,
        buffers: Vec<Vec<u8>>,
        free: Vec<usize>,
        packets: u64,
    }

    impl World {
        fn send(&mut self, now: u64, at_client: bool, bytes: &[u8]) {
            let buffer = self.free.pop().unwrap_or_else(|| {
                self.buffers.push(Vec::new());
                self.buffers.len() - 1
            });
            self.buffers[buffer].clear();
            self.buffers[buffer].extend_from_slice(bytes);
            let at = now + LATENCY.as_nanos() as u64;
            self.queue.push(Reverse(Arrival { at, n: self.packets, at_client, buffer }));
            self.packets += 1;
        }

        pub(crate) fn run(&mut self) -> u64 {
            let (mut server, mut client) = (Server::default(), Client { left: PACKETS / 2 });
            self.packets = 0;
            self.send(0, false, PAYLOAD);
            while let Some(Reverse(Arrival { at, at_client, buffer, .. })) = self.queue.pop() {
                let bytes = std::mem::take(&mut self.buffers[buffer]);
                let answer = if at_client { client.datagram(&bytes) } else { Some(server.datagram(&bytes)) };
                if let Some(answer) = answer {
                    self.send(at, !at_client, answer);
                }
                self.buffers[buffer] = bytes;
                self.free.push(buffer);
            }
            assert_eq!(server.answered, PACKETS / 2);
            self.packets
        }
    }
}

fn in_turmoil() -> u64 {
    let mut sim = turmoil::Builder::new()
        .tick_duration(LATENCY)
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .simulation_duration(Duration::from_secs(1_000_000))
        .rng_seed(7)
        .epoch(std::time::UNIX_EPOCH)
        .build();
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    sim.host("server", move || async move {
        let socket = turmoil::net::UdpSocket::bind((any, PORT)).await?;
        let mut buffer = [0; 64];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..len], from).await?;
        }
    });
    sim.client("client", async move {
        let socket = turmoil::net::UdpSocket::bind((any, PORT)).await?;
        let server = turmoil::lookup("server");
        let mut buffer = [0; 64];
        socket.send_to(PAYLOAD, (server, PORT)).await?;
        for _ in 1..PACKETS / 2 {
            let (len, from) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..len], from).await?;
        }
        socket.recv_from(&mut buffer).await?;
        Ok(())
    });
    sim.run().expect("the simulation ends well");
    PACKETS
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ping_pong");
    group.throughput(Throughput::Elements(PACKETS));
    let scenario = scenario();
    for (name, keep) in [("engine", Keep::Outcome), ("engine_log", Keep::Log)] {
        let mut engine = Engine::new(&scenario);
        let settings = Settings { keep, laws: None, ..Settings::default() };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let outcome = engine.run(&settings);
                assert_eq!(outcome.packets, PACKETS);
            });
        });
    }
    let mut world = by_hand::World::default();
    group.bench_function("by_hand", |bencher| {
        bencher.iter(|| assert_eq!(black_box(&mut world).run(), PACKETS));
    });
    group.sample_size(10);
    group.bench_function("turmoil", |bencher| bencher.iter(in_turmoil));
    group.finish();
}
