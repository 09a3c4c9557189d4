//! The simulated network: what becomes of a datagram or of the bytes of a stream, and in which order things arrive.
//!
//! It is a pure model. It holds no payloads and hands nothing to machines: a world tells it what its machines did, and
//! it says what arrives where and when. Two worlds use it, the event engine and the driver on turmoil, so that
//! the same plan means the same in both.

mod bottleneck;
mod codel;
mod datagrams;
mod figures;
mod fingerprint;
mod flows;
mod link;
mod mishaps;
mod order;
mod queues;
mod rift;
mod schedule;
#[cfg(feature = "segments")]
mod segments;
mod streams;
#[cfg(test)]
mod tests;
mod trail;
mod windows;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use datagrams::{Departure, Passing};
pub use figures::{FlowFigures, Waits};
pub(crate) use mishaps::GoesDown;
pub(crate) use order::{Class, Order};
pub(crate) use queues::{Queued, Released};
pub(crate) use schedule::Schedule;
pub(crate) use streams::{Delivery, Left, Segment, StreamEnd, Streams};
pub(crate) use trail::{Sent, Trail};

use flows::Flows;
use mishaps::Mishaps;
use queues::Queues;

use crate::fault::{Bottleneck, FaultKind, Links, Profile, Resolved, ResolvedHost};
use crate::host::HostId;
use crate::machine::Peer;
use crate::nat::Boxes;
use crate::time::Instant;

/// Whether a host can take what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// Its machine runs.
    Running,
    /// Its machine has ended or crashed; the operating system still answers for it.
    Exited,
    /// It is silent.
    Off,
}

/// How often each kind of fault fired, by [`FaultKind`].
pub type Fired = [u64; FaultKind::ALL.len()];

/// What lies between hosts, and what it does to packets.
#[derive(Debug)]
pub(crate) struct Terrain<'a> {
    /// How long a packet takes.
    pub(crate) latency: Duration,
    /// How long it takes in single directions.
    pub(crate) latencies: &'a [(HostId, HostId, Duration)],
    pub(crate) seed: u64,
    /// In this number of steps at the beginning nothing is drawn.
    pub(crate) draws_after: u64,
    /// What is drawn.
    pub(crate) profile: Profile,
    /// What is drawn in single directions.
    pub(crate) links: &'a Links,
    /// The queues that several flows share: the scenario's and the plan's.
    pub(crate) bottlenecks: [&'a [Arc<Bottleneck>]; 2],
    pub(crate) schedule: &'a Arc<Schedule>,
}

/// What may happen to packets in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Weather {
    /// Faults are drawn.
    #[default]
    Rough,
    /// Nothing is drawn. The plan may part hosts, and a search may decide about packets.
    Calm,
    /// What has no fault of the plan passes.
    Clear,
}

/// Everything between the hosts of one run.
#[derive(Debug, Default)]
pub(crate) struct Network {
    host_count: usize,
    latency: Duration,
    /// Whether a flow has another.
    has_latencies: bool,
    seed: u64,
    profile: Profile,
    /// The profiles of flows that have their own.
    profiles: Vec<Profile>,
    /// Whether a profile wants flows to remember.
    has_memory: bool,
    weather: Weather,
    pub(crate) schedule: Arc<Schedule>,
    /// From when on no fault hits.
    calm_at: Instant,
    /// How often each fault of the schedule fired.
    fired: Vec<bool>,
    /// In which step each of them first changed something or was due; 0 for none.
    hits: Vec<u64>,
    /// Which step of the run it is, from 1. A world that counts none stays at 0.
    step: u64,
    /// In this number of them at the beginning nothing is drawn.
    draws_after: u64,
    /// For each flow that has windows, how many of them are over, with their heals fired.
    healed: Vec<usize>,
    drawn: Vec<Resolved>,
    tally: Fired,
    /// The next number of each host: what it sends at one moment arrives in this order.
    numbers: Vec<u64>,
    flows: Flows,
    queues: Queues,
    mishaps: Mishaps,
    pub(crate) streams: Streams,
    /// The NATs between hosts. They are made anew by whoever has some.
    pub(crate) nats: Boxes,
    /// What a search decides about the sends, and hears of them.
    pub(crate) trail: Trail,
    /// How many datagrams and segments of data were sent.
    pub(crate) packets: u64,
}

impl Network {
    /// Makes the network anew, in the memory of the one before. `listeners` has for each host the addresses at which it
    /// listens, none of them a wildcard.
    pub(crate) fn reset<L>(&mut self, listeners: impl ExactSizeIterator<Item = L>, terrain: &Terrain<'_>)
    where
        L: IntoIterator<Item = Peer>,
    {
        self.host_count = listeners.len();
        self.latency = terrain.latency;
        self.seed = terrain.seed;
        self.profile = terrain.profile;
        if !Arc::ptr_eq(&self.schedule, terrain.schedule) {
            self.schedule = Arc::clone(terrain.schedule);
        }
        self.calm_at = self.schedule.calm_at.unwrap_or(Instant::FAR_FUTURE);
        refill(&mut self.fired, self.schedule.faults.len(), false);
        refill(&mut self.hits, self.schedule.faults.len(), 0);
        (self.step, self.draws_after) = (0, terrain.draws_after);
        refill(&mut self.healed, self.schedule.windows.flow_count(), 0);
        self.drawn.clear();
        self.tally = [0; FaultKind::ALL.len()];
        refill(&mut self.numbers, self.host_count, 0);
        let chances = terrain.profile.hosts;
        let chances = if self.nats.is_empty() { chances.without_nats() } else { chances };
        self.mishaps.reset(chances, self.host_count);
        self.reset_flows(terrain);
        self.streams.reset(listeners);
        self.trail.rewind();
        let is_parted = self.schedule.windows.flow_count() > 0 || self.mishaps.may_draw();
        let is_clear = !self.trail.is_on() && !is_parted && self.queues.is_empty();
        if self.weather == Weather::Calm && is_clear {
            self.weather = Weather::Clear;
        }
        self.packets = 0;
    }

    fn reset_flows(&mut self, terrain: &Terrain<'_>) {
        self.queues.reset(terrain);
        self.flows.reset(self.host_count, self.queues.ways());
        let is_here = |host: HostId| {
            assert!(host.index() < self.host_count, "a link is between hosts of the scenario");
        };
        terrain.latencies.iter().for_each(|&(from, to, _)| [from, to].into_iter().for_each(is_here));
        terrain.links.all().iter().for_each(|&(from, to, _)| [from, to].into_iter().for_each(is_here));
        self.queues.ways().for_each(|(way, _)| way.into_iter().flatten().for_each(is_here));
        self.has_latencies = false;
        // That of a link's own profile goes before the scenario's.
        for (from, to, latency) in terrain.latencies.iter().copied().chain(terrain.links.latencies()) {
            self.has_latencies = true;
            self.flow(from, to).latency = latency;
        }
        self.profiles.clear();
        for &(from, to, profile) in terrain.links.all() {
            self.flow(from, to).profile = Some(self.profiles.len() as u32);
            self.profiles.push(profile);
        }
        let all = || self.profiles.iter().chain([&self.profile]);
        self.has_memory = all().any(Profile::has_memory);
        self.weather = if all().all(Profile::is_calm) { Weather::Calm } else { Weather::Rough };
    }

    /// When and in which order something arrives that leaves then.
    fn arrival(&mut self, depart_at: Instant, from: HostId, to: HostId) -> Order {
        let at = depart_at + self.latency(from, to);
        self.delivery(at, from, to)
    }

    #[inline]
    fn delivery(&mut self, at: Instant, from: HostId, to: HostId) -> Order {
        Order::new(at, to, Class::Delivery, from, self.number(from))
    }

    #[inline]
    fn number(&mut self, host: HostId) -> u64 {
        let next = &mut self.numbers[host.index()];
        *next += 1;
        *next - 1
    }

    /// Notes that a fault of the schedule changed something.
    pub(crate) fn fire(&mut self, index: u32) {
        self.reach(index);
        if !std::mem::replace(&mut self.fired[index as usize], true) {
            self.tally[self.schedule.faults[index as usize].kind() as usize] += 1;
        }
    }

    /// Notes that a fault of the schedule is due in this step, whether it changes something or not.
    pub(crate) fn reach(&mut self, index: u32) {
        let hit = &mut self.hits[index as usize];
        *hit = if *hit == 0 { self.step } else { *hit };
    }

    /// In which step each fault of the schedule first changed something or was due; 0 for none.
    pub(crate) fn hits(&self) -> &[u64] {
        &self.hits
    }

    /// How many steps the run has had so far.
    pub(crate) const fn steps(&self) -> u64 {
        self.step
    }

    /// The next step of the run begins: whether it is the first in which something is drawn, of a run that waited for it.
    #[inline]
    pub(crate) fn begin_step(&mut self) -> bool {
        self.step += 1;
        self.draws_after > 0 && self.step == self.draws_after + 1
    }

    /// Whether nothing is drawn yet.
    #[inline]
    pub(crate) const fn waits(&self) -> bool {
        self.draws_after > 0 && self.step <= self.draws_after
    }

    /// Notes a fault that was drawn, and so fired.
    fn draw(&mut self, fault: Resolved) {
        self.tally[fault.kind() as usize] += 1;
        self.drawn.push(fault);
    }

    /// How often each kind of fault fired.
    pub(crate) const fn tally(&self) -> &Fired {
        &self.tally
    }

    /// Takes what was drawn since it was last taken.
    #[cfg(feature = "proxy")]
    pub(crate) fn take_drawn(&mut self) -> Vec<Resolved> {
        std::mem::take(&mut self.drawn)
    }

    /// Whether something was drawn since it was last taken.
    #[cfg(feature = "proxy")]
    pub(crate) const fn has_drawn(&self) -> bool {
        !self.drawn.is_empty()
    }

    /// For each fault of the schedule whether it changed something.
    pub(crate) fn planned_fired(&self) -> &[bool] {
        &self.fired
    }

    /// The faults of the schedule that never changed anything.
    pub(crate) fn unfired(&self) -> impl Iterator<Item = Resolved> {
        self.schedule.faults.iter().zip(&self.fired).filter(|(_, fired)| !**fired).map(|(fault, _)| *fault)
    }

    /// The faults of the schedule, then those that were drawn: as a plan they make the same run again.
    pub(crate) fn faults(&self) -> impl Iterator<Item = Resolved> {
        self.schedule.faults.iter().chain(&self.drawn).copied()
    }

    /// The host fault of this place, with its index in the schedule.
    pub(crate) fn host_fault(&self, place: u32) -> (ResolvedHost, u32) {
        let (_, fault, index) = self.schedule.host_faults[place as usize];
        (fault, index)
    }

    /// The host faults, with their order and their index in the schedule.
    pub(crate) fn host_faults(&self) -> impl Iterator<Item = (Order, ResolvedHost, u32)> {
        self.schedule.host_faults.iter().map(|&(at, fault, index)| {
            let host = fault.host();
            (Order::new(at, host, Class::Fault, host, u64::from(index)), fault, index)
        })
    }
}

fn refill<T: Copy>(vec: &mut Vec<T>, len: usize, value: T) {
    vec.clear();
    vec.resize(len, value);
}
