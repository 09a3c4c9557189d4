//! The log of a run, written where it is wanted.

use std::mem;

use super::{Keep, World};
use crate::fault::Resolved;
use crate::host::HostId;
use crate::machine::{Marked, Peer};
use crate::network::{Departure, Left, Order, Segment, StreamEnd};
use crate::time::Instant;
use crate::transcript::{Carried, Link, Packet, Part, Span, What};

impl World<'_> {
    /// Records what was sent, and what becomes of it.
    #[cold]
    pub(super) fn record_send(
        &mut self,
        host: HostId,
        to: HostId,
        departure: &Departure,
        way: ([&Peer; 2], bool),
        payload: Marked<'_>,
        now: Instant,
    ) {
        let span = self.log.keep_marked(payload);
        self.record_left_span(host, to, departure, way, span, now);
    }

    /// The same, of what the log has already.
    pub(super) fn record_left_span(
        &mut self,
        host: HostId,
        to: HostId,
        departure: &Departure,
        ([&local, &peer], broadcast): ([&Peer; 2], bool),
        span: Span,
        now: Instant,
    ) {
        let n = departure.n;
        self.record_group((host, to, n), &peer);
        self.log.push(now, host, What::Send { to, n, bytes: span });
        let arrives_at = departure.arrivals.map(|arrival| arrival.map(Order::at));
        let what = Carried::Datagram { n, bytes: span, broadcast, arrives_at };
        self.log.push_packet(Packet { at: now, from: host, to, addresses: [local, peer], what });
        if let Some(fault) = departure.fault {
            self.record(now, host, What::Fault(Resolved::Datagram { from: host, to, n, fault }));
        }
    }

    /// Records what has left on streams.
    pub(super) fn record_left(&mut self) {
        let mut left = mem::take(&mut self.network.streams.left);
        let streams = &self.network.streams;
        for Left { at, from, segment, arrives_at } in left.drain(..) {
            let what = match segment {
                Segment::Syn => Part::Syn,
                Segment::SynAck => Part::SynAck,
                Segment::Ack => Part::Ack,
                Segment::Failed(_) => Part::Refusal,
                Segment::Data { offset, len } => Part::Data { offset, len },
                Segment::Fin => Part::Fin,
                Segment::Rst => Part::Rst,
                Segment::Credit(len) => Part::Taken(len),
                // These leave no host.
                Segment::Over(_) | Segment::LingerOver => continue,
            };
            let (number, is_connector) = (streams.number(from), from.side == 0);
            let what = Carried::Segment { number, is_connector, part: what, arrives_at };
            let addresses = [from, from.other()].map(|end| streams.outer_address(end));
            let [from, to] = [from, from.other()].map(|end| streams.host(end));
            self.log.push_packet(Packet { at, from, to, addresses, what });
        }
        self.network.streams.left = left;
    }

    /// Records that something does not hold.
    pub(super) fn broken(&mut self, now: Instant, host: HostId, text: String) {
        if self.keep == Keep::Log {
            self.log.broken(now, host, text);
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, now: Instant, host: HostId, what: What) {
        if self.keep == Keep::Log {
            self.log.push(now, host, what);
        }
    }

    pub(super) fn record_bytes(
        &mut self,
        now: Instant,
        host: HostId,
        bytes: &[u8],
        what: impl FnOnce(Span) -> What,
    ) {
        if self.keep == Keep::Log {
            let span = self.log.keep(bytes);
            self.log.push(now, host, what(span));
        }
    }

    pub(super) fn record_link(&mut self, now: Instant, host: HostId, at: StreamEnd, what: fn(Link) -> What) {
        if self.keep == Keep::Log {
            let link = self.link(at);
            self.record(now, host, what(link));
        }
    }

    /// Records the faults of streams that have just fired.
    #[inline]
    pub(super) fn record_marks(&mut self, now: Instant, host: HostId) {
        if !self.network.streams.marks.is_empty() {
            self.record_fired(now, host);
        }
    }

    #[cold]
    fn record_fired(&mut self, now: Instant, host: HostId) {
        let marks = mem::take(&mut self.network.streams.marks);
        for &mark in &marks {
            self.record(now, host, What::Fault(mark));
        }
        self.network.streams.marks = marks;
        self.network.streams.marks.clear();
    }

    pub(super) fn link(&self, at: StreamEnd) -> Link {
        let streams = &self.network.streams;
        Link { peer: streams.host(at.other()), number: streams.number(at) }
    }
}
