//! Streams without machines: what costs how much, and what becomes of single segments.

mod addresses;
mod handshake;
mod held;
mod standing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Delivery, Segment, StreamEnd};
use crate::fault::{FaultPlan, Links, Profile};
use crate::host::HostId;
use crate::machine::{Conn, Peer};
use crate::network::{Network, Order, Power, Schedule, Terrain};
use crate::time::Instant;

pub(super) const A: HostId = HostId(0);
pub(super) const B: HostId = HostId(1);
/// The port at which every host but the first listens.
const PORT: u16 = 7;
pub(super) const LATENCY: Duration = Duration::from_millis(5);

/// A network with the least that a world has: what was sent waits for its turn.
pub(super) struct Wire {
    pub(super) network: Network,
    queue: BTreeMap<Order, (StreamEnd, Segment)>,
    pub(super) power: Vec<Power>,
    /// How many segments were put into the queue.
    pub(super) queued: u64,
    /// How many connections were named.
    named: u32,
}

impl Wire {
    /// All hosts but the first listen at one port.
    pub(super) fn new(host_count: usize, plan: &str) -> Self {
        let listens = |host: HostId| if host == A { Vec::new() } else { vec![host.v4(PORT)] };
        Self::listening((0..host_count).map(|host| listens(HostId(host as u16))).collect(), plan)
    }

    /// Each host listens at these addresses.
    pub(super) fn listening(addresses: Vec<Vec<Peer>>, plan: &str) -> Self {
        let host_count = addresses.len();
        let names: Vec<String> = (0..host_count).map(|host| format!("h{host}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan: FaultPlan = plan.parse().unwrap();
        let terrain = Terrain {
            latency: LATENCY,
            latencies: &[],
            seed: 0,
            draws_after: 0,
            profile: Profile::CALM,
            links: &Links::default(),
            bottlenecks: [&[], &[]],
            schedule: &Arc::new(Schedule::new(&plan, &names).unwrap()),
        };
        let mut network = Network::default();
        network.reset(addresses.into_iter(), &terrain);
        let power = vec![Power::Running; host_count];
        Self { network, queue: BTreeMap::new(), power, queued: 0, named: 0 }
    }

    /// A name that no connection has had.
    pub(super) fn conn(&mut self) -> Conn {
        self.named += 1;
        Conn { index: self.named - 1, generation: 0 }
    }

    pub(super) fn connect(&mut self, now: Instant, from: HostId, to: HostId) -> StreamEnd {
        let conn = self.conn();
        let at = self.network.connect(now, from, conn, from.v4(0), Some(to), to.v4(PORT));
        self.enqueue();
        at
    }

    /// Does something to the network.
    pub(super) fn act(&mut self, act: impl FnOnce(&mut Network)) {
        act(&mut self.network);
        self.enqueue();
    }

    fn enqueue(&mut self) {
        for (order, at, segment) in self.network.streams.sent.drain(..) {
            self.queued += 1;
            assert!(self.queue.insert(order, (at, segment)).is_none(), "two have one place");
        }
    }

    /// Hands in what is due next.
    pub(super) fn step(&mut self) -> Option<(Instant, StreamEnd, Option<Delivery>)> {
        let (order, (at, segment)) = self.queue.pop_first()?;
        let power = self.power[order.host().index()];
        let delivery = self.network.arrive(order, at, segment, power);
        match delivery {
            Some(Delivery::Accepted) => {
                let conn = self.conn();
                self.network.streams.name(at, conn);
            }
            Some(Delivery::Failed(_) | Delivery::Closed(_)) => self.network.streams.forget(at),
            _ => {}
        }
        self.enqueue();
        Some((order.at(), at, delivery))
    }

    /// Hands in everything, and says what came of it.
    pub(super) fn run(&mut self) -> Vec<(Instant, StreamEnd, Delivery)> {
        let mut deliveries = Vec::new();
        while let Some((now, at, delivery)) = self.step() {
            deliveries.extend(delivery.map(|delivery| (now, at, delivery)));
        }
        deliveries
    }
}
