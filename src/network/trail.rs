//! Which sends really happen, and what a search decides about each.
//!
//! A search that goes through all schedules has a run made with the faults that it has decided, in the order of their
//! sends, and hears which sends came after the last of them: these are the next places for a fault.

use super::schedule::Down;
use crate::fault::{DatagramFault, Resolved, ResolvedHost, StreamFault, When};
use crate::host::HostId;
use crate::machine::{Ecn, Marked};
use crate::time::Instant;

/// Something that was sent, and may be hit by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// A datagram of `len` bytes, the `n`-th of its flow.
    Datagram { from: HostId, to: HostId, n: u64, len: u32, ecn: Ecn },
    /// Bytes of a stream: this number of points from the offset `at` on. Before the first of them the stream may be cut only
    /// if that is `inside` of what was written at once.
    Stream { from: HostId, to: HostId, conn: u32, at: u64, points: u32, inside: bool },
    /// An event of a host at which it may go down.
    Turn { host: HostId, when: When },
    /// A timer that is due with something else.
    Tie { host: HostId, at: Instant },
}

/// What was decided about the sends of a run, and what was sent after that.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    on: bool,
    /// Whether a datagram with this payload may be hit; none: any may.
    payload: Option<fn(&[u8]) -> bool>,
    /// Whether the events of hosts are noted, and whether ties are.
    hosts: (bool, bool),
    /// Faults, in the order in which their sends and events happen.
    decisions: Vec<Resolved>,
    next: usize,
    pub(crate) sends: Vec<Sent>,
}

impl Trail {
    /// From the next run on these faults happen, and what is sent after them is noted.
    pub(crate) fn follow(
        &mut self,
        decisions: &[Resolved],
        payload: Option<fn(&[u8]) -> bool>,
        hosts: (bool, bool),
    ) {
        (self.on, self.payload, self.hosts) = (true, payload, hosts);
        self.decisions.clear();
        self.decisions.extend_from_slice(decisions);
    }

    /// A new run begins.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
        self.sends.clear();
    }

    /// Whether somebody follows.
    pub(crate) const fn is_on(&self) -> bool {
        self.on
    }

    /// How much of what was decided has happened.
    pub(crate) const fn decided(&self) -> usize {
        self.next
    }

    /// Whether all has happened that was decided, so that what comes now is open.
    pub(crate) const fn is_open(&self) -> bool {
        self.next == self.decisions.len()
    }

    /// Decides about one datagram, or notes it.
    pub(super) fn datagram(
        &mut self,
        from: HostId,
        to: HostId,
        n: u64,
        Marked { bytes, ecn }: Marked<'_>,
    ) -> Option<DatagramFault> {
        match self.decisions.get(self.next) {
            None => {
                if from != to && self.payload.is_none_or(|may_be_hit| may_be_hit(bytes)) {
                    self.sends.push(Sent::Datagram { from, to, n, len: bytes.len() as u32, ecn });
                }
                None
            }
            Some(&Resolved::Datagram { from: sender, to: receiver, n: number, fault })
                if (sender, receiver, number) == (from, to, n) =>
            {
                self.next += 1;
                Some(fault)
            }
            Some(_) => None,
        }
    }

    /// Whether something may be decided about the events of hosts.
    #[inline]
    pub(crate) const fn looks_at_turns(&self) -> bool {
        self.hosts.0
    }

    /// Whether something may be decided about ties.
    #[inline]
    pub(crate) const fn looks_at_ties(&self) -> bool {
        self.hosts.1
    }

    /// How a host goes down next, if that is what is decided next.
    pub(super) fn next_down(&self, host: HostId) -> Option<Down> {
        match self.decisions.get(self.next) {
            Some(&Resolved::Down { host: other, silent, when, back_after }) if other == host => {
                Some(Down { when, silent, back_after, index: None })
            }
            _ => None,
        }
    }

    /// What was decided next has happened.
    pub(super) const fn take_next(&mut self) {
        self.next += 1;
    }

    /// Notes an event at which a host may go down. Not to be called while something is still to be decided.
    pub(super) fn note_turn(&mut self, host: HostId, when: When) {
        self.sends.push(Sent::Turn { host, when });
    }

    /// Decides whether the timer of a host comes before what is due with it, or notes that it may.
    pub(crate) fn tie(&mut self, host: HostId, at: Instant) -> bool {
        let first = Resolved::Host { at, fault: ResolvedHost::TimerFirst(host) };
        match self.decisions.get(self.next) {
            None => {
                self.sends.push(Sent::Tie { host, at });
                false
            }
            Some(next) if *next == first => {
                self.next += 1;
                true
            }
            Some(_) => false,
        }
    }

    /// The offset in one direction of a connection about which something is decided next.
    pub(super) fn next_offset(&self, direction: (HostId, HostId, u32)) -> Option<u64> {
        match self.decisions.get(self.next) {
            Some(&Resolved::Stream { from, to, conn, at, .. }) if (from, to, conn) == direction => Some(at),
            _ => None,
        }
    }

    /// Decides about one offset.
    pub(super) fn offset(&mut self, direction: (HostId, HostId, u32), offset: u64) -> Option<StreamFault> {
        match self.decisions.get(self.next) {
            Some(&Resolved::Stream { from, to, conn, at, fault })
                if (from, to, conn) == direction && at == offset =>
            {
                self.next += 1;
                Some(fault)
            }
            _ => None,
        }
    }

    /// Notes the points of a write from `offset` to before `end_offset`, or those of them that are behind the last
    /// decision, if that was about one of them. Not to be called while something is still to be decided.
    pub(super) fn note_points(
        &mut self,
        (from, to, conn): (HostId, HostId, u32),
        offset: u64,
        end_offset: u64,
        was_open: bool,
    ) {
        let at = match self.decisions.last() {
            Some(&Resolved::Stream { at, .. }) if !was_open => at + 1,
            _ => offset,
        };
        let inside = at > offset;
        if at < end_offset {
            let points = (end_offset - at) as u32;
            self.sends.push(Sent::Stream { from, to, conn, at, points, inside });
        }
    }
}
