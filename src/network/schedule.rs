//! A plan made ready for running: indexed by what it hits.

use std::collections::BTreeMap;

use super::windows::Windows;
use crate::fault::{DatagramFault, FaultPlan, Resolved, ResolvedHost, StreamFault, UnknownHost};
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
    /// From when on no fault hits.
    pub(crate) calm_at: Option<Instant>,
}

/// A datagram of a flow that has a fault: its number, the fault, and the fault's index.
type Faulted = (u64, DatagramFault, u32);

/// The faults of one direction of one connection.
#[derive(Debug, Default)]
pub(crate) struct StreamFaults {
    pub(crate) cut_every: Option<(u64, u32)>,
    /// By offset.
    pub(crate) at: Vec<(u64, StreamFault, u32)>,
}

impl Schedule {
    /// Makes a plan ready for hosts of these names.
    pub(crate) fn new(plan: &FaultPlan, names: &[&str]) -> Result<Self, UnknownHost> {
        let mut schedule =
            Self { faults: Resolved::all(plan, names)?, calm_at: plan.calm, ..Self::default() };
        let mut datagrams = BTreeMap::new();
        for (fault, index) in schedule.faults.clone().into_iter().zip(0..) {
            schedule.index(&mut datagrams, fault, index);
        }
        schedule.datagrams = datagrams.into_iter().collect();
        for (_, faults) in &mut schedule.datagrams {
            faults.sort_by_key(|&(n, ..)| n);
        }
        for stream in schedule.streams.values_mut() {
            stream.at.sort_by_key(|&(at, ..)| at);
        }
        schedule.host_faults.retain(|&(at, ..)| schedule.calm_at.is_none_or(|calm_at| at < calm_at));
        schedule.host_faults.sort_by_key(|&(at, ..)| at);
        schedule.windows = Windows::new(&schedule.host_faults, schedule.calm_at);
        Ok(schedule)
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
            Resolved::Host { at, fault } => self.host_faults.push((at, fault, index)),
        }
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
        self.streams.get(&(from, to, conn))
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

    /// The first offset after `at` where something is to happen, and the cut every so many bytes that is the reason.
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
