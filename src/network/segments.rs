//! What becomes of a segment of TCP: a packet of its flow, like a datagram.

use super::{Departure, Network, Order};
use crate::host::HostId;
use crate::machine::{Marked, Peer};
use crate::time::Instant;

/// How many bytes of its header a datagram has in UDP. A profile adds them to what it is told of a datagram, and of a
/// segment the header is part of that.
const UDP_HEADER_LEN: usize = 8;

impl Network {
    /// Sends one segment, without its IP header. Numbers, plans and profiles take it for a datagram.
    pub(crate) fn segment(&mut self, now: Instant, from: HostId, to: HostId, segment: &[u8]) -> Departure {
        self.depart(now, (from, to), Marked::plain(segment), segment.len().saturating_sub(UDP_HEADER_LEN))
    }

    /// The order of what a host's own system does then.
    pub(crate) fn own_order(&mut self, at: Instant, host: HostId) -> Order {
        self.delivery(at, host, host)
    }

    /// Whether a host listens for streams at an address of its own.
    pub(crate) fn listens(&self, host: HostId, local: Peer) -> bool {
        self.streams.has_listener(host, local)
    }

    /// The number of the next connection between two hosts.
    pub(crate) fn next_connection(&mut self, from: HostId, to: HostId) -> u32 {
        self.streams.next_between(from, to)
    }
}
