//! How segments leave.

use std::mem;

use super::{Segment, StreamEnd};
use crate::host::HostId;
use crate::machine::CloseReason;
use crate::network::Network;
use crate::time::Instant;

/// How segments leave.
impl Network {
    /// Once both directions have ended, the connection is over; its machine hears of it next.
    pub(super) fn finish_if_both_ended(&mut self, now: Instant, at: StreamEnd) {
        let end = self.streams.end_mut(at);
        if end.fin_sent && end.eof_seen && !mem::replace(&mut end.finishing, true) {
            self.send_to_self(now, at, Segment::Over(CloseReason::Finished));
        }
    }

    /// Tells the peer that this connection is no more, once. That overtakes what is late: a reset waits for a partition, but
    /// destroys what is unread, wherever that is.
    pub(super) fn reset_peer(&mut self, now: Instant, at: StreamEnd) {
        self.streams.gone(at);
        self.send_reset(now, at);
    }

    /// Tells the peer that nobody waits for its end any more. That loses nothing of what was written before.
    pub(super) fn leave_peer(&mut self, now: Instant, at: StreamEnd) {
        self.streams.gone(at);
        if !self.streams.end(at).severed {
            self.send_to_peer(now, at, Segment::Rst);
            self.streams.end_mut(at).severed = true;
        }
    }

    /// Cuts the direction that begins here, unless it is cut already, and says when the peer hears of it.
    pub(super) fn send_reset(&mut self, now: Instant, at: StreamEnd) -> Option<Instant> {
        let end = self.streams.end_mut(at);
        if end.severed {
            return None;
        }
        // What comes after this comes to an end that is gone.
        end.ready_at = Instant::START;
        let due_at = self.send_to_peer(now, at, Segment::Rst);
        self.streams.end_mut(at).severed = true;
        due_at
    }

    pub(super) fn send_credit(&mut self, now: Instant, at: StreamEnd, len: u32) {
        let (from, to, _) = self.direction(at);
        let depart_at = self.departure(from, to, now);
        if depart_at < Instant::FAR_FUTURE {
            let order = self.arrival(depart_at, from, to);
            self.streams.queue(order, at.other(), Segment::Credit(len));
            self.streams.note_left(depart_at, at, Segment::Credit(len), Some(order.at()));
        }
    }

    /// Sends a segment, and says when it arrives; what can never leave is lost. It comes after those
    /// before it.
    pub(super) fn send_to_peer(&mut self, now: Instant, at: StreamEnd, segment: Segment) -> Option<Instant> {
        debug_assert!(!self.streams.end(at).severed, "nothing leaves where a direction is cut");
        let (from, to, _) = self.direction(at);
        let depart_at = self.departure(from, to, now);
        if depart_at == Instant::FAR_FUTURE {
            self.streams.end_mut(at).severed = true;
            self.streams.note_left(now, at, segment, None);
            return None;
        }
        let arrive_at = depart_at + self.latency(from, to);
        let ready_at = &mut self.streams.end_mut(at).ready_at;
        let due_at = arrive_at.max(*ready_at);
        *ready_at = due_at;
        let order = self.delivery(due_at, from, to);
        self.streams.queue(order, at.other(), segment);
        self.streams.note_left(depart_at, at, segment, Some(due_at));
        Some(due_at)
    }

    pub(super) fn send_to_self(&mut self, at_time: Instant, at: StreamEnd, segment: Segment) {
        let host = self.streams.host(at);
        let order = self.delivery(at_time, host, host);
        self.streams.queue(order, at, segment);
    }

    /// When what is ready now can leave: after the partition, if there is one.
    pub(super) fn departure(&mut self, from: HostId, to: HostId, now: Instant) -> Instant {
        match self.blocked_until(from, to, now) {
            None => now,
            Some(Instant::FAR_FUTURE) => Instant::FAR_FUTURE,
            // It passes then, which is what the heal changes.
            Some(until) => self.departure(from, to, until),
        }
    }

    /// Who sends to whom in the direction that begins at an end, and on which connection.
    pub(super) fn direction(&self, at: StreamEnd) -> (HostId, HostId, u32) {
        (self.streams.host(at), self.streams.host(at.other()), self.streams.number(at))
    }
}
