//! The bottlenecks of a run, and how datagrams get into them and out.

use std::hash::Hasher;
use std::sync::Arc;

use super::bottleneck::{Left, Queue, Waiting};
use super::figures::FlowFigures;
use super::order::Class;
use super::{Departure, Network, Order, Terrain};
use crate::fault::{Bottleneck, DatagramFault, Profile};
use crate::host::HostId;
use crate::machine::{Ecn, Marked};
use crate::time::Instant;

/// The orders of queues at one moment come after those of a plan's faults, and before those of what was drawn.
const FIRST_QUEUE: u64 = 1 << 31;

/// All bottlenecks.
#[derive(Debug, Default)]
pub(super) struct Queues {
    all: Vec<Queue>,
    /// What has left one: memory that is used again.
    left: Vec<Left>,
}

/// What a datagram finds at the bottleneck of this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// Room: it is to be put there.
    Taken(u32),
    /// None.
    Full(u32),
}

/// A datagram that has left a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Released {
    pub(crate) from: HostId,
    pub(crate) to: HostId,
    /// What the world calls its payload; none if its link loses it.
    pub(crate) payload: Option<u32>,
    /// What becomes of it; none if the queue has dropped it.
    pub(crate) departure: Option<Departure>,
    /// Its number in the flow.
    pub(crate) n: u64,
    /// The ECN field with which it arrives.
    pub(crate) ecn: Ecn,
}

impl Queues {
    /// Empty queues. The plan's go before the scenario's where a direction passes both, and instead of those of the same
    /// name.
    pub(super) fn reset(&mut self, terrain: &Terrain<'_>) {
        let [scenario, plan] = terrain.bottlenecks;
        let is_replaced = |other: &&Arc<Bottleneck>| plan.iter().all(|own| own.name() != other.name());
        self.all.clear();
        self.all.extend(scenario.iter().filter(is_replaced).chain(plan).map(Queue::new));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The directions that pass one, with its place; the last that fits a direction holds.
    pub(super) fn ways(&self) -> impl Iterator<Item = ([Option<HostId>; 2], u32)> {
        let ways = |(place, queue): (u32, &Queue)| {
            queue.spec.ways.iter().map(move |way| (*way, place)).collect::<Vec<_>>()
        };
        (0..).zip(&self.all).flat_map(ways)
    }

    /// What is called how.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|queue| queue.spec.name())
    }

    pub(super) fn fingerprint<H: Hasher>(
        &self,
        now: Instant,
        to: &mut H,
        payload: &mut impl FnMut(u32, &mut H),
    ) {
        self.all.iter().for_each(|queue| queue.fingerprint(now, to, payload));
    }
}

impl Network {
    /// The names of the bottlenecks, in order.
    pub(crate) fn bottlenecks(&self) -> impl Iterator<Item = &str> {
        self.queues.names()
    }

    /// What the flows have met at each bottleneck, in the order of their hosts.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (&str, HostId, HostId, &FlowFigures)> {
        self.queues.all.iter().flat_map(|queue| {
            queue.figures.iter().map(|(&(from, to), figures)| (queue.spec.name(), from, to, figures))
        })
    }

    /// Whether a datagram of this length has room in the bottleneck of its flow.
    pub(super) fn asks_for_room(
        &mut self,
        now: Instant,
        flow: (HostId, HostId),
        place: u32,
        len: usize,
    ) -> Queued {
        let is_full = self.queues.all[place as usize].refuses(now, flow, Profile::datagram_len(len));
        if is_full { Queued::Full(place) } else { Queued::Taken(place) }
    }

    /// Puts a datagram into a queue that has room for it. Returns when the queue must be served, if nobody knew that
    /// before.
    pub(crate) fn put(
        &mut self,
        now: Instant,
        (from, to): (HostId, HostId),
        (place, departure): (u32, &Departure),
        (Marked { bytes, ecn }, payload): (Marked<'_>, u32),
    ) -> Option<Order> {
        let (n, fault, len) = (departure.n, departure.fault, Profile::datagram_len(bytes.len()));
        let packet = Waiting { from, to, n, len, fault, payload, ecn, since: now };
        let at = self.queues.all[place as usize].put(packet)?;
        Some(queue_order(at, place))
    }

    /// Serves a queue: `released` gets what has left it. Says when it is to be served next, if anything waits.
    pub(crate) fn serve(&mut self, now: Instant, place: u32, released: &mut Vec<Released>) -> Option<Order> {
        let mut left = std::mem::take(&mut self.queues.left);
        let next_at = self.queues.all[place as usize].serve(now, &mut left);
        for one in left.drain(..) {
            let (Left::Passed(packet) | Left::Dropped(packet)) = one;
            let Waiting { from, to, n, fault, payload, ecn, .. } = packet;
            let departure = match one {
                Left::Passed(_) => {
                    let latency = self.latency(from, to);
                    let arrivals = self.arrivals(now, (from, to, latency), fault);
                    Some(Departure { n, arrivals, fault, queued: None })
                }
                Left::Dropped(_) => None,
            };
            let payload = (fault != Some(DatagramFault::Drop)).then_some(payload);
            let ecn = departure.map_or(ecn, |departure| departure.ecn(ecn));
            released.push(Released { from, to, payload, departure, n, ecn });
        }
        self.queues.left = left;
        next_at.map(|at| queue_order(at, place))
    }
}

fn queue_order(at: Instant, place: u32) -> Order {
    Order::new(at, HostId(0), Class::Fault, HostId(0), FIRST_QUEUE + u64::from(place))
}
