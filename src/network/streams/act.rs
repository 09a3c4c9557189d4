//! What machines, systems and faults do to streams, and how segments leave.

use std::mem;

use super::{End, Segment, Standing, Stream, StreamEnd};
use crate::fault::{Resolved, StreamFault};
use crate::host::{FIRST_EPHEMERAL_PORT, HostId};
use crate::machine::{CloseReason, Conn, ConnectError, Peer, limits};
use crate::network::Network;
use crate::time::Instant;

/// How many ports there are for sockets that ask for none; after the last comes the first again.
const EPHEMERAL_PORTS: u16 = u16::MAX - FIRST_EPHEMERAL_PORT + 1;

/// What a host's machine, or its end, does to its streams.
impl Network {
    /// Opens a connection to another host; `None` if the address belongs to no host, and then a failure is on its way.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        from: HostId,
        conn: Conn,
        _local: Peer,
        to: Option<HostId>,
        peer: Peer,
    ) -> Option<StreamEnd> {
        let to = to.filter(|to| *to != from);
        let port = FIRST_EPHEMERAL_PORT + self.streams.dialed[from.index()] % EPHEMERAL_PORTS;
        self.streams.dialed[from.index()] = port - FIRST_EPHEMERAL_PORT + 1;
        let acceptor = to.unwrap_or(from);
        // There is no connection of a host to itself: those to nowhere are all number 0 there.
        let count = self.streams.between.entry((from.min(acceptor), from.max(acceptor))).or_default();
        let number = *count;
        *count += u32::from(to.is_some());
        let stream = Stream {
            ends: [End::new(from, Some(conn)), End::new(acceptor, None)],
            number,
            ports: [port, peer.port().unwrap_or(0)],
        };
        self.streams.all.push(stream);
        let at = StreamEnd { stream: self.streams.all.len() as u32 - 1, side: 0 };
        self.streams.names[from.index()].insert(conn, at);
        match to {
            Some(_) => self.send_to_peer(now, at, Segment::Syn),
            None => self.send_to_self(now, at, Segment::Failed(ConnectError::Unreachable)),
        }
        to.map(|_| at)
    }

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
            Some(len) if !self.calm => {
                let mut chain = self.streams.end(at).chain;
                let drawn = self.draw_write(now, (from, to, conn), (offset, len), &mut chain);
                self.streams.end_mut(at).chain = chain;
                drawn
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
                let due_at = self.departure(from, to, now) + self.latency(from, to);
                let late_at = self.late((from, to), due_at, span);
                let end = self.streams.end_mut(at);
                end.ready_at = end.ready_at.max(late_at);
                true
            }
            StreamFault::Reset => {
                self.send_to_peer(now, at, Segment::Rst);
                // This end hears of it a latency after the other, or not at all where nothing passes any more.
                if !mem::replace(&mut self.streams.end_mut(at).severed, true) {
                    let passed_at = self.streams.end(at).ready_at;
                    let back_at = self.departure(to, from, passed_at);
                    if back_at < Instant::FAR_FUTURE {
                        let order = self.delivery(back_at + self.latency(to, from), to, from);
                        self.streams.sent.push((order, at, Segment::Rst));
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

    /// Ends the direction that begins here.
    pub(crate) fn shutdown(&mut self, now: Instant, at: StreamEnd) {
        let end = self.streams.end_mut(at);
        if mem::replace(&mut end.fin_sent, true) {
            return;
        }
        let offset = end.sent_len;
        let is_open = self.trail.is_on() && self.trail.is_open() && now < self.calm_at;
        if is_open && !self.streams.end(at).severed {
            let direction = self.direction(at);
            self.trail.note_points(direction, offset, offset + 1, true);
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
                self.streams.end_mut(at).standing = Standing::Gone;
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

    pub(crate) fn pause(&mut self, at: StreamEnd) {
        self.streams.end_mut(at).paused = true;
    }

    /// Lets what arrived meanwhile arrive now.
    pub(crate) fn resume(&mut self, now: Instant, at: StreamEnd) {
        let end = self.streams.end_mut(at);
        end.paused = false;
        end.held_len = 0;
        for (order, segment) in mem::take(&mut end.held) {
            self.streams.sent.push((order.moved_to(now), at, segment));
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
            let is_unread = |(_, segment): &(_, Segment)| matches!(segment, Segment::Data { .. });
            if end.held.iter().any(is_unread) {
                self.reset_peer(now, at);
            } else if end.standing != Standing::Dialing {
                self.shutdown(now, at);
            }
            self.streams.end_mut(at).standing = Standing::Gone;
        }
        self.streams.forget_all(host);
    }

    /// A host goes silent: peers see nothing.
    pub(crate) fn poweroff(&mut self, host: HostId) {
        for at in self.streams.ends_of(host) {
            self.streams.end_mut(at).standing = Standing::Gone;
        }
        self.streams.forget_all(host);
    }

    /// A host starts anew. Where a peer went on sending meanwhile, its retransmissions now meet a system that knows
    /// nothing of the connection, and are answered by a reset.
    pub(crate) fn restart(&mut self, now: Instant, host: HostId) {
        for stream in 0..self.streams.all.len() as u32 {
            for at in [0, 1].map(|side| StreamEnd { stream, side }) {
                let end = self.streams.end_mut(at);
                if end.host == host && mem::take(&mut end.missed) {
                    self.reset_peer(now, at);
                }
            }
        }
    }
}

/// How segments leave.
impl Network {
    /// Once both directions have ended, the connection is over; its machine hears of it next.
    pub(super) fn finish_if_both_ended(&mut self, now: Instant, at: StreamEnd) {
        let end = self.streams.end_mut(at);
        if end.fin_sent && end.eof_seen && !mem::replace(&mut end.finishing, true) {
            self.send_to_self(now, at, Segment::Over(CloseReason::Finished));
        }
    }

    /// Tells the peer that this connection is no more, once.
    pub(super) fn reset_peer(&mut self, now: Instant, at: StreamEnd) {
        self.streams.end_mut(at).standing = Standing::Gone;
        if !self.streams.end(at).severed {
            self.send_to_peer(now, at, Segment::Rst);
            self.streams.end_mut(at).severed = true;
        }
    }

    pub(super) fn send_credit(&mut self, now: Instant, at: StreamEnd, len: u32) {
        let (from, to, _) = self.direction(at);
        let depart_at = self.departure(from, to, now);
        if depart_at < Instant::FAR_FUTURE {
            let order = self.delivery(depart_at + self.latency(from, to), from, to);
            self.streams.sent.push((order, at.other(), Segment::Credit(len)));
            self.streams.note_left(depart_at, at, Segment::Credit(len), Some(order.at()));
        }
    }

    /// Sends a segment after those before it; what can never leave is lost.
    pub(super) fn send_to_peer(&mut self, now: Instant, at: StreamEnd, segment: Segment) {
        let (from, to, _) = self.direction(at);
        let depart_at = self.departure(from, to, now);
        if depart_at == Instant::FAR_FUTURE {
            self.streams.end_mut(at).severed = true;
            self.streams.note_left(now, at, segment, None);
            return;
        }
        let arrive_at = depart_at + self.latency(from, to);
        let end = self.streams.end_mut(at);
        end.ready_at = end.ready_at.max(arrive_at);
        let due_at = end.ready_at;
        let order = self.delivery(due_at, from, to);
        self.streams.sent.push((order, at.other(), segment));
        self.streams.note_left(depart_at, at, segment, Some(due_at));
    }

    pub(super) fn send_to_self(&mut self, at_time: Instant, at: StreamEnd, segment: Segment) {
        let host = self.streams.host(at);
        let order = self.delivery(at_time, host, host);
        self.streams.sent.push((order, at, segment));
    }

    /// When what is ready now can leave: after the partition, if there is one.
    fn departure(&mut self, from: HostId, to: HostId, now: Instant) -> Instant {
        match self.blocked_until(from, to, now) {
            None => now,
            Some(Instant::FAR_FUTURE) => Instant::FAR_FUTURE,
            // It passes then, which is what the heal changes.
            Some(until) => self.departure(from, to, until),
        }
    }

    /// Who sends to whom in the direction that begins at an end, and on which connection.
    fn direction(&self, at: StreamEnd) -> (HostId, HostId, u32) {
        (self.streams.host(at), self.streams.host(at.other()), self.streams.number(at))
    }
}
