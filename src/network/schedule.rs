//! A plan made ready for running: indexed by what it hits.

use std::collections::BTreeMap;
use std::time::Duration;

use super::windows::Windows;
use crate::fault::{
    ConnectFault, DatagramFault, EVERY_CONN, FaultPlan, Resolved, ResolvedHost, StreamFault, UnknownHost,
    When,
};
use crate::host::HostId;
use crate::steps::step;
use crate::time::Instant;

/// The faults of a plan, resolved and indexed. Made once for any number of runs.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) faults: Vec<Resolved>,
    /// For each flow that has any its faulted datagrams by number.
    datagrams: Vec<((HostId, HostId), Vec<Faulted>)>,
    streams: BTreeMap<(HostId, HostId, u32), StreamFaults>,
    pub(crate) host_faults: Vec<(Instant, ResolvedHost, u32)>,
    pub(super) windows: Windows,
    connects: BTreeMap<(HostId, HostId, u32), (ConnectFault, u32)>,
    /// Hosts that go down at their events, in the order of the hosts.
    downs: Vec<(HostId, Down)>,
    /// Timers that come first, in order.
    timers_first: Vec<(HostId, Instant, u32)>,
    /// From when on no fault hits.
    pub(crate) calm_at: Option<Instant>,
}

/// A datagram of a flow that has a fault: its number, the fault, and the fault's index.
type Faulted = (u64, DatagramFault, u32);

/// How a host goes down at an event of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Down {
    pub(crate) when: When,
    pub(crate) silent: bool,
    pub(crate) back_after: Option<Duration>,
    /// The fault's place in the schedule; none if it was drawn.
    pub(crate) index: Option<u32>,
}

/// The faults of one direction of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamFaults {
    pub(crate) cut_every: Option<(u64, u32)>,
    /// By offset.
    pub(crate) at: Vec<(u64, StreamFault, u32)>,
}

impl Schedule {
    /// Makes a plan ready for hosts of these names.
    pub(crate) fn new(plan: &FaultPlan, names: &[&str]) -> Result<Self, UnknownHost> {
        Ok(Self::of(Resolved::all(plan, names)?, plan.calm, names.len()))
    }

    /// Makes faults ready for this number of hosts; from `calm_at` on none hits.
    pub(crate) fn of(faults: Vec<Resolved>, calm_at: Option<Instant>, host_count: usize) -> Self {
        let mut schedule = Self { faults, calm_at, ..Self::default() };
        let mut datagrams = BTreeMap::new();
        for (fault, index) in schedule.faults.clone().into_iter().zip(0..) {
            schedule.index(&mut datagrams, fault, index);
        }
        schedule.datagrams = datagrams.into_iter().collect();
        for (_, faults) in &mut schedule.datagrams {
            faults.sort_by_key(|&(n, ..)| n);
        }
        schedule.spread();
        for stream in schedule.streams.values_mut() {
            stream.at.sort_by_key(|&(at, ..)| at);
        }
        schedule.downs.sort_by_key(|(host, _)| *host);
        schedule.timers_first.sort_unstable();
        schedule.host_faults.retain(|&(at, ..)| schedule.calm_at.is_none_or(|calm_at| at < calm_at));
        schedule.host_faults.sort_by_key(|&(at, ..)| at);
        schedule.windows = Windows::new(&schedule.host_faults, schedule.calm_at, host_count);
        schedule
    }

    fn index(
        &mut self,
        datagrams: &mut BTreeMap<(HostId, HostId), Vec<Faulted>>,
        fault: Resolved,
        index: u32,
    ) {
        match fault {
            Resolved::Datagram { from, to, n, fault } => {
                datagrams.entry((from, to)).or_default().push((n, fault, index));
            }
            Resolved::Stream { from, to, conn, at, fault } => {
                self.streams.entry((from, to, conn)).or_default().at.push((at, fault, index));
            }
            Resolved::CutEvery { from, to, conn, len } => {
                self.streams.entry((from, to, conn)).or_default().cut_every = Some((len.get(), index));
            }
            Resolved::Connect { from, to, conn, fault } => {
                self.connects.insert((from, to, conn), (fault, index));
            }
            Resolved::Down { host, silent, when, back_after } => {
                self.downs.push((host, Down { when, silent, back_after, index: Some(index) }));
            }
            Resolved::Host { at, fault: ResolvedHost::TimerFirst(host) } => {
                self.timers_first.push((host, at, index));
            }
            Resolved::Host { at, fault } => self.host_faults.push((at, fault, index)),
        }
    }

    /// Puts what is for every connection of a direction beside what is for one: its own goes before it.
    fn spread(&mut self) {
        let every = |(&key, faults): (&(HostId, HostId, u32), &StreamFaults)| {
            (key.2 == EVERY_CONN).then(|| (key, faults.clone()))
        };
        let all: Vec<_> = self.streams.iter().filter_map(every).collect();
        for ((from, to, _), faults) in all {
            for (_, own) in self.streams.range_mut((from, to, 0)..(from, to, EVERY_CONN)) {
                own.cut_every = own.cut_every.or(faults.cut_every);
                let taken: Vec<u64> = own.at.iter().map(|&(at, ..)| at).collect();
                own.at.extend(faults.at.iter().filter(|(at, ..)| !taken.contains(at)));
            }
        }
    }

    /// What becomes of a dial, with the fault's index.
    pub(super) fn connect(&self, from: HostId, to: HostId, conn: u32) -> Option<(ConnectFault, u32)> {
        let found = self.connects.get(&(from, to, conn));
        found.or_else(|| self.connects.get(&(from, to, EVERY_CONN))).copied()
    }

    /// How a host goes down at its events.
    pub(crate) fn downs(&self, host: HostId) -> &[(HostId, Down)] {
        let (begin, end) = (
            self.downs.partition_point(|(other, _)| *other < host),
            self.downs.partition_point(|(other, _)| *other <= host),
        );
        &self.downs[begin..end]
    }

    /// Whether a host goes down at an event.
    pub(crate) const fn has_downs(&self) -> bool {
        !self.downs.is_empty()
    }

    /// Whether a timer comes first at some moment.
    pub(super) const fn has_timers_first(&self) -> bool {
        !self.timers_first.is_empty()
    }

    /// Whether the timer of a host comes first at a moment, and by which fault.
    pub(crate) fn timer_first(&self, host: HostId, at: Instant) -> Option<u32> {
        let place = self.timers_first.partition_point(|&(other, then, _)| (other, then) < (host, at));
        let found = self.timers_first.get(place).filter(|&&(other, then, _)| (other, then) == (host, at));
        found.map(|&(.., index)| index)
    }

    /// The flows that have faulted datagrams, each with the number after the last of them.
    pub(super) fn faults_ends(&self) -> impl Iterator<Item = (HostId, HostId, u64)> {
        let end = |faults: &[Faulted]| faults.last().map_or(0, |&(n, ..)| n.saturating_add(1));
        self.datagrams.iter().map(move |((from, to), faults)| (*from, *to, end(faults)))
    }

    /// Whether a stream has a fault.
    pub(crate) fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Where the faulted datagrams of a flow are, if it has any.
    pub(super) fn faults_place(&self, from: HostId, to: HostId) -> Option<u32> {
        let place = self.datagrams.binary_search_by_key(&(from, to), |(flow, _)| *flow);
        place.ok().map(|place| place as u32)
    }

    /// The fault of one datagram of the flow at this place, with its index.
    pub(super) fn datagram(&self, place: u32, n: u64) -> Option<(DatagramFault, u32)> {
        let faults = &self.datagrams[place as usize].1;
        let place = faults.binary_search_by_key(&n, |&(n, ..)| n).ok()?;
        Some((faults[place].1, faults[place].2))
    }

    /// The faults of one direction of one connection.
    pub(crate) fn stream(&self, from: HostId, to: HostId, conn: u32) -> Option<&StreamFaults> {
        let found = self.streams.get(&(from, to, conn));
        found.or_else(|| self.streams.get(&(from, to, EVERY_CONN)))
    }
}

impl StreamFaults {
    /// The fault at an offset.
    pub(crate) fn here(&self, at: u64) -> Option<(StreamFault, u32)> {
        let place = self.at.binary_search_by_key(&at, |&(at, ..)| at).ok()?;
        Some((self.at[place].1, self.at[place].2))
    }

    /// Whether there is no fault at an offset, nor a cut of which this would be another.
    pub(crate) fn is_free(&self, at: u64, fault: StreamFault) -> bool {
        let is_cut = self.cut_every.is_some_and(|(len, _)| at.is_multiple_of(len));
        self.here(at).is_none() && !(is_cut && fault == StreamFault::Cut)
    }

    /// The first offset after `at` where something is to happen, and the cut at a regular interval that is the reason.
    pub(crate) fn next_after(&self, at: u64) -> Option<(u64, Option<u32>)> {
        let place = self.at.partition_point(|&(offset, ..)| {
            step();
            offset <= at
        });
        let single = self.at.get(place).map(|&(offset, ..)| (offset, None));
        let regular = self.cut_every.and_then(|(len, index)| {
            let offset = (at / len + 1).checked_mul(len)?;
            Some((offset, Some(index)))
        });
        match (single, regular) {
            (Some(single), Some(regular)) => Some(if single.0 <= regular.0 { single } else { regular }),
            (single, regular) => single.or(regular),
        }
    }
}
