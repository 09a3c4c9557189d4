//! What machines, systems and faults do to streams.

use std::mem;

use super::{Segment, Standing, StreamEnd};
use crate::fault::{Resolved, StreamFault};
use crate::host::HostId;
use crate::machine::{CloseReason, limits};
use crate::network::Network;
use crate::time::Instant;

/// What a host's machine, or its end, does to its streams.
impl Network {
    /// Writes bytes; says how many of them are carried, for a reset may fall among them.
    pub(crate) fn write(&mut self, now: Instant, at: StreamEnd, len: u32) -> u32 {
        let offset = self.streams.end(at).sent_len;
        let end_offset = offset + u64::from(len);
        let was_open = self.trail.is_open();
        let mut here = offset;
        while here < end_offset {
            let len_there = if here > offset { None } else { Some(len) };
            if !self.pass_point(now, at, here, len_there) {
                break;
            }
            let next = if now < self.calm_at { self.next_cut(at, here, end_offset) } else { end_offset };
            self.packets += 1;
            let len = (next - here) as u32;
            self.send_to_peer(now, at, Segment::Data { offset: here, len });
            here = next;
        }
        if self.trail.is_on() && now < self.calm_at {
            self.note_points(now, at, (offset, here), was_open);
        }
        self.streams.end_mut(at).sent_len = end_offset;
        (here - offset) as u32
    }

    /// Tells the trail at which of these offsets, of which bytes were sent, a fault may be.
    fn note_points(&mut self, now: Instant, at: StreamEnd, (offset, here): (u64, u64), was_open: bool) {
        let (from, to, conn) = self.direction(at);
        if from == to {
            return;
        }
        // Where nothing passes any more, what was written is lost whole, and no fault behind its beginning is met.
        let is_lost = self.departure(from, to, now) == Instant::FAR_FUTURE;
        let end_offset = if is_lost { here.min(offset + 1) } else { here };
        if self.trail.is_open() {
            self.trail.note_points((from, to, conn), offset, end_offset, was_open);
        }
    }

    /// Applies the fault at one offset of a direction, where a write of this length begins, or inside of one; false if
    /// nothing goes on from here.
    fn pass_point(&mut self, now: Instant, at: StreamEnd, offset: u64, begins: Option<u32>) -> bool {
        if self.streams.end(at).severed {
            return false;
        }
        if now >= self.calm_at {
            return true;
        }
        let (from, to, conn) = self.direction(at);
        let drawn = match begins {
            // No network lies between a host and itself.
            Some(len) if !self.is_spared(from, to) => {
                let mut chain = self.streams.end(at).chain;
                let drawn = self.draw_write(now, (from, to, conn), (offset, len), &mut chain);
                self.streams.end_mut(at).chain = chain;
                drawn
            }
            None if !self.trail.is_on() && self.draws_reset((from, to, conn), offset) => {
                Some(StreamFault::Reset)
            }
            _ => None,
        };
        let planned = self.schedule.stream(from, to, conn).and_then(|faults| faults.here(offset));
        let (fault, index) = match planned {
            Some((fault, index)) => (fault, Some(index)),
            None if self.trail.is_on() => match self.trail.offset((from, to, conn), offset) {
                Some(fault) => (fault, None),
                None => return true,
            },
            None => match drawn {
                Some(fault) => (fault, None),
                None => return true,
            },
        };
        if fault == StreamFault::Cut && begins.is_some() {
            return true;
        }
        let resolved = Resolved::Stream { from, to, conn, at: offset, fault };
        match index {
            Some(index) => self.fire(index),
            None => self.draw(resolved),
        }
        self.streams.marks.push(resolved);
        match fault {
            StreamFault::Cut => true,
            StreamFault::Stall(span) => {
                let latency = self.latency(from, to);
                let due_at = self.departure(from, to, now) + latency;
                let late_at = self.late(latency, due_at, span);
                let end = self.streams.end_mut(at);
                end.ready_at = end.ready_at.max(late_at);
                true
            }
            StreamFault::Reset => {
                // This end hears of it a latency after the other, or not at all where nothing passes any more.
                if let Some(passed_at) = self.send_reset(now, at) {
                    let back_at = self.departure(to, from, passed_at);
                    if back_at < Instant::FAR_FUTURE {
                        let order = self.arrival(back_at, to, from);
                        self.streams.queue(order, at, Segment::Rst);
                        self.streams.note_left(back_at, at.other(), Segment::Rst, Some(order.at()));
                    }
                }
                false
            }
        }
    }

    /// Where the segment that begins at `here` ends.
    fn next_cut(&mut self, at: StreamEnd, here: u64, end_offset: u64) -> u64 {
        let (from, to, conn) = self.direction(at);
        let next = self.schedule.stream(from, to, conn).and_then(|faults| faults.next_after(here));
        let decided = self.trail.next_offset((from, to, conn)).filter(|offset| *offset > here);
        let next = match (next, decided) {
            (Some(planned), Some(decided)) if planned.0 <= decided => Some(planned),
            (_, Some(decided)) => Some((decided, None)),
            (planned, None) => planned,
        };
        let drawn_len =
            if self.trail.is_on() { None } else { self.draw_cut((from, to, conn), here, end_offset - here) };
        let drawn_at = drawn_len.map(|len| here + len);
        if let Some(offset) = drawn_at.filter(|offset| next.is_none_or(|(planned, _)| planned > *offset)) {
            // A reset there says more.
            if !self.draws_reset((from, to, conn), offset) {
                let cut = Resolved::Stream { from, to, conn, at: offset, fault: StreamFault::Cut };
                self.draw(cut);
                self.streams.marks.push(cut);
            }
            return offset;
        }
        match next {
            Some((offset, regular)) if offset < end_offset => {
                if let Some(index) = regular
                    && !self.fired[index as usize]
                {
                    self.streams.marks.push(self.schedule.faults[index as usize]);
                    self.fire(index);
                }
                offset
            }
            _ => end_offset,
        }
    }

    /// Ends the direction that begins here, at once or as soon as the connection stands.
    pub(crate) fn shutdown(&mut self, now: Instant, at: StreamEnd) {
        let end = self.streams.end_mut(at);
        if end.standing == Standing::Dialing {
            end.shuts = true;
            return;
        }
        if mem::replace(&mut end.fin_sent, true) {
            return;
        }
        let offset = end.sent_len;
        let is_open = self.trail.is_on() && self.trail.is_open() && now < self.calm_at;
        if is_open && !self.streams.end(at).severed {
            self.note_points(now, at, (offset, offset + 1), true);
        }
        if self.pass_point(now, at, offset, Some(0)) {
            self.send_to_peer(now, at, Segment::Fin);
        }
        self.finish_if_both_ended(now, at);
    }

    /// Closes a connection in good order. True if it was only being dialed, and nothing more will be heard of it.
    pub(crate) fn close(&mut self, now: Instant, at: StreamEnd) -> bool {
        match self.streams.end(at).standing {
            Standing::Dialing => return self.abort(now, at),
            Standing::Lingering { .. } | Standing::Gone => return false,
            Standing::Open => self.streams.end_mut(at).standing = Standing::Lingering { discarded_len: 0 },
        }
        self.shutdown(now, at);
        self.resume(now, at);
        if !self.streams.end(at).finishing {
            self.send_to_self(now + limits::MAX_LINGER, at, Segment::LingerOver);
        }
        false
    }

    /// Resets a connection. True if it was only being dialed, and nothing more will be heard of it.
    pub(crate) fn abort(&mut self, now: Instant, at: StreamEnd) -> bool {
        match self.streams.end(at).standing {
            Standing::Gone => false,
            Standing::Dialing => {
                self.streams.gone(at);
                self.streams.forget(at);
                true
            }
            Standing::Open | Standing::Lingering { .. } => {
                self.reset_peer(now, at);
                self.send_to_self(now, at, Segment::Over(CloseReason::Aborted));
                false
            }
        }
    }

    /// A host's machine has ended: the system closes its connections in good order.
    pub(crate) fn exit(&mut self, now: Instant, host: HostId) {
        for at in self.streams.ends_of(host) {
            self.close(now, at);
        }
        self.streams.forget_all(host);
    }

    /// A host's process dies: peers see an end, or a reset where it had not read everything (RFC 1122 4.2.2.13).
    pub(crate) fn crash(&mut self, now: Instant, host: HostId) {
        for at in self.streams.ends_of(host) {
            let end = self.streams.end(at);
            // It has not read everything.
            if end.held_len > 0 {
                self.reset_peer(now, at);
            } else if end.standing != Standing::Dialing {
                self.shutdown(now, at);
            }
            self.streams.gone(at);
        }
        self.streams.forget_all(host);
    }

    /// A host goes silent: peers see nothing.
    pub(crate) fn poweroff(&mut self, host: HostId) {
        for at in self.streams.ends_of(host) {
            self.streams.gone(at);
        }
        self.streams.forget_all(host);
    }

    /// A host starts anew. Where a peer went on sending meanwhile, its retransmissions now meet a system that knows
    /// nothing of the connection, and are answered by a reset.
    pub(crate) fn restart(&mut self, now: Instant, host: HostId) {
        for at in self.streams.take_missed(host) {
            self.reset_peer(now, at);
        }
    }
}
