//! The directions between hosts, of which only those that have packets take memory and time.

use std::time::Duration;

use super::link::Link;
use super::{Network, Schedule};
use crate::host::HostId;
use crate::steps::step;

/// What is known of one direction between two hosts.
#[derive(Debug)]
pub(super) struct Flow {
    to: HostId,
    /// How long a packet takes.
    pub(super) latency: Duration,
    /// How many datagrams it has had.
    pub(super) sent: u64,
    /// Where the network has its profile; none: it has that of all.
    pub(super) profile: Option<u32>,
    /// Where the schedule has the faults of its datagrams, if it has any.
    pub(super) faults: Option<u32>,
    /// Which bottleneck it passes, if one.
    pub(super) bottleneck: Option<u32>,
    /// What it remembers, if a profile wants a memory.
    pub(super) link: Link,
}

impl Flow {
    /// Before the first packet.
    const fn new(to: HostId, latency: Duration, faults: Option<u32>) -> Self {
        Self { to, latency, sent: 0, profile: None, faults, bottleneck: None, link: Link::NEW }
    }
}

/// All flows that have had a packet, or differ from the others.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// For each source its flows by destination.
    by_source: Vec<Vec<Flow>>,
    /// The sources that have any.
    sources: Vec<HostId>,
    /// The directions that pass a bottleneck, with its place.
    ways: Vec<(Way, u32)>,
}

/// Some directions: from this host or any, to this host or any.
type Way = [Option<HostId>; 2];

impl Flows {
    /// Forgets all flows, and keeps their memory. These directions pass bottlenecks; the last that fits one holds.
    pub(super) fn reset(&mut self, host_count: usize, ways: impl Iterator<Item = (Way, u32)>) {
        self.ways.clear();
        self.ways.extend(ways);
        for source in self.sources.drain(..) {
            step();
            self.by_source[source.index()].clear();
        }
        self.by_source.resize_with(host_count, Vec::new);
    }

    /// A flow, if it is known.
    pub(super) fn get(&self, from: HostId, to: HostId) -> Option<&Flow> {
        let flows = self.by_source.get(from.index())?;
        Self::place(flows, to).ok().map(|place| &flows[place])
    }

    /// Where a flow is among those of its source, or where it belongs.
    #[inline]
    fn place(flows: &[Flow], to: HostId) -> Result<usize, usize> {
        match flows {
            // Most hosts talk to one.
            [only] if only.to == to => Ok(0),
            _ => flows.binary_search_by_key(&to, |flow| flow.to),
        }
    }

    /// A flow, made if it is not known: with this latency, and the faults that the schedule has for it.
    #[inline]
    pub(super) fn at(
        &mut self,
        from: HostId,
        to: HostId,
        (latency, schedule): (Duration, &Schedule),
    ) -> &mut Flow {
        let place = match Self::place(&self.by_source[from.index()], to) {
            Ok(place) => place,
            Err(place) => {
                self.insert(from, place, Flow::new(to, latency, schedule.faults_place(from, to)));
                place
            }
        };
        &mut self.by_source[from.index()][place]
    }

    #[cold]
    fn insert(&mut self, from: HostId, place: usize, mut flow: Flow) {
        let is_on_way = |(way, _): &&(Way, u32)| {
            let [way_from, way_to] = *way;
            way_from.is_none_or(|host| host == from) && way_to.is_none_or(|host| host == flow.to)
        };
        // No network lies between a host and itself.
        let way = self.ways.iter().rfind(is_on_way).filter(|_| from != flow.to);
        flow.bottleneck = way.map(|(_, place)| *place);
        let flows = &mut self.by_source[from.index()];
        if flows.is_empty() {
            self.sources.push(from);
        }
        flows.insert(place, flow);
    }

    /// How many flows there is memory for.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.by_source.iter().map(Vec::capacity).sum()
    }
}

impl Network {
    /// What is known of a flow.
    #[inline]
    pub(super) fn flow(&mut self, from: HostId, to: HostId) -> &mut Flow {
        self.flows.at(from, to, (self.latency, &self.schedule))
    }

    /// How long a packet takes.
    pub(super) fn latency(&mut self, from: HostId, to: HostId) -> Duration {
        if self.has_latencies { self.flow(from, to).latency } else { self.latency }
    }
}
