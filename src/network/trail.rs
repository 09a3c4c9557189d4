//! Which sends really happen, and what a search decides about each.
//!
//! A search that goes through all schedules has a run made with the faults that it has decided, in the order of their
//! sends, and hears which sends came after the last of them: these are the next places for a fault.

use crate::fault::{DatagramFault, Resolved, StreamFault};
use crate::host::HostId;

/// Something that was sent, and may be hit by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// A datagram of `len` bytes, the `n`-th of its flow.
    Datagram { from: HostId, to: HostId, n: u64, len: u32 },
    /// Bytes of a stream: so many points from the offset `at` on. Before the first of them the stream may be cut only
    /// if that is `inside` of what was written at once.
    Stream { from: HostId, to: HostId, conn: u32, at: u64, points: u32, inside: bool },
}

/// What was decided about the sends of a run, and what was sent after that.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    on: bool,
    /// Whether a datagram with this payload may be hit; none: any may.
    payload: Option<fn(&[u8]) -> bool>,
    /// Faults of datagrams and streams, in the order in which their sends happen.
    decisions: Vec<Resolved>,
    next: usize,
    pub(crate) sends: Vec<Sent>,
}

impl Trail {
    /// From the next run on these faults happen, and what is sent after them is noted.
    pub(crate) fn follow(&mut self, decisions: &[Resolved], payload: Option<fn(&[u8]) -> bool>) {
        (self.on, self.payload) = (true, payload);
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
        payload: &[u8],
    ) -> Option<DatagramFault> {
        match self.decisions.get(self.next) {
            None => {
                if from != to && self.payload.is_none_or(|may_be_hit| may_be_hit(payload)) {
                    self.sends.push(Sent::Datagram { from, to, n, len: payload.len() as u32 });
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
