//! What is due, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::fault::ResolvedHost;
use crate::host::HostId;
use crate::machine::Peer;
use crate::network::{Order, Segment, StreamEnd};

/// One thing that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Fault(ResolvedHost, u32),
    /// Nothing goes wrong any more.
    Calm,
    Command(u32),
    Datagram {
        from: HostId,
        n: u64,
        port: u16,
        payload: u32,
    },
    Refusal {
        from: HostId,
        peer: Peer,
    },
    Stream(StreamEnd, Segment),
    Timer,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) order: Order,
    pub(crate) event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

pub(crate) type Queue = BinaryHeap<Reverse<Entry>>;
