//! What becomes of a datagram.

use std::time::Duration;

use super::{Network, Order, Queued, Weather};
use crate::fault::{DatagramFault, Resolved};
use crate::host::HostId;
use crate::machine::{Ecn, Marked};
use crate::time::Instant;

/// What becomes of a datagram, if that is quickly told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passing {
    /// It arrives as it is: its number in the flow, and when and in which order.
    Arrives(u64, Order),
    Lost,
    /// It was not sent. [`Network::datagram`] knows.
    Unknown,
}

/// What the network did to one datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// Its number in the flow.
    pub(crate) n: u64,
    /// When and in which order it arrives: not at all, once, or twice.
    pub(crate) arrivals: [Option<Order>; 2],
    /// The fault that changed it.
    pub(crate) fault: Option<DatagramFault>,
    /// What it finds at the bottleneck of its flow, if that has one: then it arrives later, if at all.
    pub(crate) queued: Option<Queued>,
}

impl Departure {
    /// Whether what arrives is not what was sent.
    #[cfg(feature = "proxy")]
    pub(crate) const fn is_altered(&self) -> bool {
        matches!(self.fault, Some(DatagramFault::Flip { .. } | DatagramFault::Truncate(_)))
    }

    /// What becomes of the ECN field on its link.
    pub(crate) const fn ecn(&self, sent: Ecn) -> Ecn {
        match self.fault {
            Some(DatagramFault::Mark) => sent.marked(),
            Some(DatagramFault::Bleach) => Ecn::NotEct,
            _ => sent,
        }
    }

    /// Makes the payload what arrives.
    pub(crate) fn alter(&self, payload: &mut Vec<u8>) {
        match self.fault {
            Some(DatagramFault::Flip { at, mask }) => {
                if let Some(byte) = payload.get_mut(at as usize) {
                    *byte ^= mask;
                }
            }
            Some(DatagramFault::Truncate(len)) => payload.truncate(len as usize),
            _ => {}
        }
    }
}

impl Network {
    /// Sends one datagram where nothing can happen to it but a drop of the plan.
    #[inline]
    pub(crate) fn pass(&mut self, now: Instant, from: HostId, to: HostId) -> Passing {
        if self.weather != Weather::Clear {
            return Passing::Unknown;
        }
        let flow = self.flows.at(from, to, (self.latency, &self.schedule));
        let (n, due_at) = (flow.sent, now + flow.latency);
        let planned = flow.faults.and_then(|faults| self.schedule.datagram(faults, n));
        if planned.is_some_and(|(fault, _)| fault != DatagramFault::Drop || now >= self.calm_at) {
            return Passing::Unknown;
        }
        flow.sent += 1;
        self.packets += 1;
        match planned {
            Some((_, index)) => {
                self.fire(index);
                Passing::Lost
            }
            None => Passing::Arrives(n, self.delivery(due_at, from, to)),
        }
    }

    /// Sends one datagram. If it is to wait at a bottleneck, it arrives once that has it.
    pub(crate) fn datagram(
        &mut self,
        now: Instant,
        from: HostId,
        to: HostId,
        payload: Marked<'_>,
    ) -> Departure {
        self.depart(now, (from, to), payload, payload.bytes.len())
    }

    /// Sends one packet of a flow, of which profiles are told this length.
    pub(super) fn depart(
        &mut self,
        now: Instant,
        (from, to): (HostId, HostId),
        payload: Marked<'_>,
        told_len: usize,
    ) -> Departure {
        self.packets += 1;
        let flow = self.flow(from, to);
        let (n, latency, faults, bottleneck) = (flow.sent, flow.latency, flow.faults, flow.bottleneck);
        flow.sent += 1;
        let lost = Departure { n, arrivals: [None, None], fault: None, queued: None };
        if self.blocked_until(from, to, now).is_some() {
            return lost;
        }
        let queued = bottleneck.map(|place| self.asks_for_room(now, (from, to), place, payload.bytes.len()));
        if let Some(Queued::Full(_)) = queued {
            return Departure { queued, ..lost };
        }
        let is_calm = now >= self.calm_at;
        let fault = if is_calm { None } else { self.fate(now, (from, to), (n, faults), (payload, told_len)) };
        if queued.is_some() {
            return Departure { fault, queued, ..lost };
        }
        Departure { fault, arrivals: self.arrivals(now, (from, to, latency), fault), ..lost }
    }

    /// When a datagram arrives that enters its link now, and on which this fault comes.
    pub(super) fn arrivals(
        &mut self,
        now: Instant,
        (from, to, latency): (HostId, HostId, Duration),
        fault: Option<DatagramFault>,
    ) -> [Option<Order>; 2] {
        let due_at = now + latency;
        match fault {
            Some(DatagramFault::Drop) => [None, None],
            Some(DatagramFault::Duplicate) => {
                [Some(self.delivery(due_at, from, to)), Some(self.delivery(due_at, from, to))]
            }
            Some(DatagramFault::Delay(late)) => {
                [Some(self.delivery(self.late(latency, due_at, late), from, to)), None]
            }
            _ => [Some(self.delivery(due_at, from, to)), None],
        }
    }

    /// Counts one datagram that does not get onto its link.
    pub(crate) fn stopped(&mut self, from: HostId, to: HostId) -> Departure {
        self.packets += 1;
        let flow = self.flow(from, to);
        flow.sent += 1;
        Departure { n: flow.sent - 1, arrivals: [None, None], fault: None, queued: None }
    }

    /// When something arrives that is so much later than it would be: once all is calm, nothing is late any more.
    pub(super) fn late(&self, latency: Duration, due_at: Instant, late: Duration) -> Instant {
        (due_at + late).min(due_at.max(self.calm_at + latency))
    }

    /// The fault of one datagram, if it changes it: the plan's, or else one that is drawn. `faults` are the plan's for
    /// its flow.
    fn fate(
        &mut self,
        now: Instant,
        (from, to): (HostId, HostId),
        (n, faults): (u64, Option<u32>),
        (payload, told_len): (Marked<'_>, usize),
    ) -> Option<DatagramFault> {
        let Marked { bytes, ecn } = payload;
        let len = bytes.len();
        let is_spared = self.is_spared(from, to);
        let drawn = if is_spared { None } else { self.draw_datagram(now, (from, to), n, (told_len, ecn)) };
        let (fault, index) = match faults.and_then(|faults| self.schedule.datagram(faults, n)) {
            Some((fault, index)) => (fault, Some(index)),
            None if self.trail.is_on() => (self.trail.datagram(from, to, n, payload)?, None),
            None => (drawn?, None),
        };
        let changes = match fault {
            DatagramFault::Flip { at, .. } => (at as usize) < len,
            DatagramFault::Truncate(kept_len) => (kept_len as usize) < len,
            DatagramFault::Mark => ecn.marked() != ecn,
            DatagramFault::Bleach => ecn.is_capable(),
            DatagramFault::Drop | DatagramFault::Duplicate | DatagramFault::Delay(_) => true,
        };
        if !changes {
            return None;
        }
        match index {
            Some(index) => self.fire(index),
            None => self.draw(Resolved::Datagram { from, to, n, fault }),
        }
        Some(fault)
    }

    /// Tells the sender of a datagram that nobody took it.
    pub(crate) fn refusal(&mut self, now: Instant, from: HostId, to: HostId) -> Option<Order> {
        match self.blocked_until(from, to, now) {
            Some(_) => None,
            None => Some(self.arrival(now, from, to)),
        }
    }
}
