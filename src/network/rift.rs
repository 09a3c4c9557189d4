//! A partition that is drawn.

use super::Network;
use crate::fault::{Resolved, ResolvedHost};
use crate::host::HostId;
use crate::seed::{below, mix};
use crate::time::Instant;

/// How many hosts are split in two groups at most, without one: each pair is a fault of its own.
const MAX_SPLIT: usize = 8;

/// A partition that was drawn, of one pair of hosts or of several.
#[derive(Debug, Default)]
pub(super) struct Rift {
    /// Whom it keeps apart, each with whether it has stopped something, and so was recorded.
    pub(super) faults: Vec<(ResolvedHost, bool)>,
    begin_at: Instant,
    end_at: Instant,
    /// Its heal was recorded.
    is_healed: bool,
}

/// Whether a partition stops what is sent from one host to another.
fn stops(fault: ResolvedHost, from: HostId, to: HostId) -> bool {
    match fault {
        ResolvedHost::Partition(a, b) => (from, to) == (a, b) || (from, to) == (b, a),
        ResolvedHost::PartitionOneWay(a, b) => (from, to) == (a, b),
        ResolvedHost::Isolate(host) => from != to && (from == host || to == host),
        _ => false,
    }
}

impl Network {
    /// Draws a partition for later: of a host from all, from another, or in one direction, or of all hosts in two groups.
    pub(super) fn draw_partition(
        &mut self,
        host: HostId,
        bits: u64,
        (begin_at, end_at): (Instant, Instant),
        now: Instant,
    ) {
        let Some(others) = self.host_count.checked_sub(1).filter(|others| *others > 0) else { return };
        let rift = &mut self.mishaps.rift;
        let is_open = !rift.faults.is_empty() && rift.end_at >= now;
        // A heal ends all partitions, so there is one at a time, and none beside those of a plan.
        if is_open || self.schedule.windows.flow_count() > 0 {
            return;
        }
        let other = HostId(below(mix(bits, 0), others as u64) as u16);
        let other = if other >= host { HostId(other.0 + 1) } else { other };
        rift.faults.clear();
        match below(mix(bits, 1), 8) {
            0 if others > 1 => rift.faults.push((ResolvedHost::Isolate(host), false)),
            1..=4 if (2..MAX_SPLIT).contains(&others) => {
                let is_ours = |host: u16| mix(mix(bits, 2), u64::from(host)).is_multiple_of(2);
                let hosts = 0..self.host_count as u16;
                let pairs = hosts.clone().flat_map(|a| (a + 1..self.host_count as u16).map(move |b| (a, b)));
                let apart = pairs.filter(|(a, b)| is_ours(*a) != is_ours(*b));
                let faults = apart.map(|(a, b)| (ResolvedHost::Partition(HostId(a), HostId(b)), false));
                rift.faults.extend(faults);
            }
            5 => rift.faults.push((ResolvedHost::PartitionOneWay(host, other), false)),
            6 => rift.faults.push((ResolvedHost::PartitionOneWay(other, host), false)),
            _ => rift.faults.push((ResolvedHost::Partition(host, other), false)),
        }
        if rift.faults.is_empty() {
            return;
        }
        (rift.begin_at, rift.end_at, rift.is_healed) = (begin_at, end_at, false);
        self.mishaps.later.extend(rift.faults.iter().map(|(fault, _)| (begin_at, *fault)));
        self.mishaps.later.push((end_at, ResolvedHost::Heal));
        self.mishaps.left -= 1;
    }

    /// If the partition that was drawn stops what is sent now: until when.
    pub(super) fn blocked_by_rift(&mut self, from: HostId, to: HostId, now: Instant) -> Option<Instant> {
        let rift = &mut self.mishaps.rift;
        let (begin_at, end_at) = (rift.begin_at, rift.end_at);
        if now < begin_at || now >= end_at || now >= self.calm_at {
            return None;
        }
        let (fault, fired) = rift.faults.iter_mut().find(|(fault, _)| stops(*fault, from, to))?;
        let fault = *fault;
        if !std::mem::replace(fired, true) {
            let heals = end_at < self.calm_at && !std::mem::replace(&mut rift.is_healed, true);
            self.draw(Resolved::Host { at: begin_at, fault });
            if heals {
                self.draw(Resolved::Host { at: end_at, fault: ResolvedHost::Heal });
            }
        }
        Some(end_at.min(self.calm_at))
    }
}
