//! A queue that several flows share: what waits in it, what leaves it when, and what it drops.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::codel::{Codel, Head};
use super::figures::FlowFigures;
use crate::fault::{Bottleneck, DatagramFault, Discipline, OPPORTUNITY_LEN, Pace};
use crate::host::HostId;
use crate::machine::Ecn;
use crate::time::Instant;

/// One byte, in billionths of a bit: so nothing is rounded.
const BYTE: u128 = 8_000_000_000;

/// A datagram in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) from: HostId,
    pub(super) to: HostId,
    /// Its number in the flow.
    pub(super) n: u64,
    /// How long it is with its headers.
    pub(super) len: u64,
    /// What its link does to it behind the queue.
    pub(super) fault: Option<DatagramFault>,
    /// What the world calls its payload.
    pub(super) payload: u32,
    /// The ECN field of its IP header.
    pub(super) ecn: Ecn,
    /// When it came.
    pub(super) since: Instant,
}

/// What has left a queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left {
    Passed(Waiting),
    Dropped(Waiting),
}

/// One bottleneck in a run.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) spec: Arc<Bottleneck>,
    waiting: VecDeque<Waiting>,
    waiting_len: u64,
    codel: Codel,
    /// What is on its way out, and when its last bit has left, or how much of it is left for a trace's opportunities.
    leaving: Option<Waiting>,
    done_at: Instant,
    left_len: u64,
    /// How many opportunities of a trace are over.
    seen: u128,
    pub(super) figures: BTreeMap<(HostId, HostId), FlowFigures>,
}

impl Queue {
    /// An empty one.
    pub(super) fn new(spec: &Arc<Bottleneck>) -> Self {
        Self {
            spec: Arc::clone(spec),
            waiting: VecDeque::new(),
            waiting_len: 0,
            codel: Codel::NEW,
            leaving: None,
            done_at: Instant::START,
            left_len: 0,
            seen: 0,
            figures: BTreeMap::new(),
        }
    }

    /// Whether a packet that comes now has no room. It is counted as dropped then.
    pub(super) fn refuses(&mut self, now: Instant, (from, to): (HostId, HostId), len: u64) -> bool {
        if self.is_idle() {
            return false;
        }
        let rest = match self.spec.bandwidth.pace() {
            Pace::Bits(bits, _) if self.leaving.is_some() => {
                self.done_at.since(now).as_nanos() * u128::from(bits.get())
            }
            Pace::Bits(..) => 0,
            Pace::Trace(..) => u128::from(self.left_len) * BYTE,
        };
        let wanted = rest.saturating_add(u128::from(self.waiting_len + len) * BYTE);
        let is_full = wanted > u128::from(self.spec.bandwidth.queue_len()) * BYTE;
        if is_full {
            self.figures.entry((from, to)).or_default().dropped += 1;
        }
        is_full
    }

    /// Takes a packet that has room; says when something leaves next, if nothing waited for that before.
    pub(super) fn put(&mut self, packet: Waiting) -> Option<Instant> {
        let (now, was_idle) = (packet.since, self.is_idle());
        self.waiting_len += packet.len;
        self.waiting.push_back(packet);
        if !was_idle {
            return None;
        }
        match self.spec.bandwidth.pace() {
            // What comes into an empty queue has not waited: it is not dropped.
            Pace::Bits(..) => self.begin(now, &mut Vec::new()),
            Pace::Trace(trace, _) => {
                self.seen = trace.count_until(now);
                Some(trace.moment(self.seen + 1))
            }
        }
    }

    /// Has those leave whose time has come; says when the next do.
    pub(super) fn serve(&mut self, now: Instant, left: &mut Vec<Left>) -> Option<Instant> {
        let Pace::Trace(trace, _) = self.spec.bandwidth.pace() else {
            left.extend(self.leaving.take().map(Left::Passed));
            return self.begin(now, left);
        };
        let count = trace.count_until(now);
        let room = count.saturating_sub(self.seen).saturating_mul(u128::from(OPPORTUNITY_LEN));
        let mut room = u64::try_from(room).unwrap_or(u64::MAX);
        self.seen = count;
        while room > 0 {
            if self.leaving.is_none() {
                self.leaving = self.take(now, left);
            }
            let Some(packet) = self.leaving else { break };
            let part = self.left_len.min(room);
            (self.left_len, room) = (self.left_len - part, room - part);
            if self.left_len == 0 {
                left.push(Left::Passed(packet));
                self.leaving = None;
            }
        }
        let next_at = trace.moment(self.seen.saturating_add(1));
        (!self.is_idle() && next_at > now).then_some(next_at)
    }

    fn is_idle(&self) -> bool {
        self.leaving.is_none() && self.waiting.is_empty()
    }

    /// Begins with the next packet; says when its last bit will have left.
    fn begin(&mut self, now: Instant, left: &mut Vec<Left>) -> Option<Instant> {
        self.leaving = self.take(now, left);
        let (Some(packet), Pace::Bits(bits, _)) = (self.leaving, self.spec.bandwidth.pace()) else {
            return None;
        };
        let nanos = (u128::from(packet.len) * BYTE).div_ceil(u128::from(bits.get()));
        self.done_at = now + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(self.done_at)
    }

    /// Takes the next packet that is to be sent out of the queue.
    fn take(&mut self, now: Instant, left: &mut Vec<Left>) -> Option<Waiting> {
        let (waiting, waiting_len) = (&mut self.waiting, &mut self.waiting_len);
        let mut next = || {
            let packet = waiting.pop_front()?;
            *waiting_len -= packet.len;
            Some(Head { packet, since: packet.since, behind_len: *waiting_len })
        };
        let figures = &mut self.figures;
        let drop = |packet: Waiting| {
            let figures = figures.entry((packet.from, packet.to)).or_default();
            if packet.ecn.is_capable() {
                figures.marked += 1;
                return Some(Waiting { ecn: packet.ecn.marked(), ..packet });
            }
            figures.dropped += 1;
            left.push(Left::Dropped(packet));
            None
        };
        let packet = match self.spec.discipline {
            Discipline::DropTail => next().map(|head| head.packet),
            Discipline::Codel => self.codel.dequeue(now, next, drop),
        };
        if let Some(packet) = packet {
            let figures = self.figures.entry((packet.from, packet.to)).or_default();
            figures.passed += 1;
            figures.waits.add(now.since(packet.since));
            self.left_len = packet.len;
        }
        packet
    }

    /// Writes everything on which it depends what leaves it when, with times relative to now; of payloads and faults what
    /// `payload` writes.
    pub(super) fn fingerprint<H: Hasher>(
        &self,
        now: Instant,
        to: &mut H,
        payload: &mut impl FnMut(u32, &mut H),
    ) {
        let is_timed = match self.spec.bandwidth.pace() {
            Pace::Bits(..) => false,
            Pace::Trace(trace, _) => {
                trace.phase(now).hash(to);
                true
            }
        };
        if self.spec.discipline == Discipline::Codel {
            self.codel.fingerprint(now, to);
        }
        (self.done_at.since(now), if is_timed { self.left_len } else { 0 }).hash(to);
        (self.leaving.is_some(), self.waiting.len()).hash(to);
        for packet in self.leaving.iter().chain(&self.waiting) {
            let Waiting { from, to: receiver, len, fault, since, .. } = *packet;
            let waited = (self.spec.discipline == Discipline::Codel).then(|| now.since(since));
            (from, receiver, len, waited, packet.ecn).hash(to);
            // What is lost behind the queue has no payload.
            if fault != Some(DatagramFault::Drop) {
                fault.hash(to);
                payload(packet.payload, to);
            }
        }
    }
}
