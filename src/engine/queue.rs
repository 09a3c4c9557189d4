//! What is due, in order, and what is on its way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

use crate::host::HostId;
use crate::machine::Peer;
use crate::network::Order;

/// One thing that is due. What is large is kept beside the queue, at these places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The fault of this place among those of hosts.
    Fault(u32),
    /// What of all that was drawn for hosts has this place.
    Drawn(u32),
    /// A host that went down at an event starts anew.
    Back,
    /// Nothing goes wrong any more.
    Calm,
    Command(u32),
    /// A datagram of [`Flights`].
    Datagram(u32),
    /// The refusal of a datagram: a flight without bytes.
    Refusal(u32),
    /// A segment of a stream, by its place in [`World`](super::World)'s slab.
    Stream(u32),
    Timer,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) order: Order,
    pub(crate) event: Event,
}

// A heap moves its entries again and again.
const _: () = assert!(size_of::<Entry>() <= 32);

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

/// A datagram on its way, or word that nobody took one.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// Who sent it.
    pub(crate) from: HostId,
    /// Its number in the flow.
    pub(crate) n: u64,
    /// From which of the sender's addresses. Of a refusal: where the datagram had been sent.
    pub(crate) source: Peer,
    /// To which of the receiver's addresses.
    pub(crate) to: Peer,
    pub(crate) bytes: Vec<u8>,
}

/// Datagrams on their way, in buffers that are used again.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    all: Vec<Flight>,
    free: Vec<u32>,
}

impl Flights {
    /// Keeps one; says where.
    pub(super) fn store(&mut self, flight: (HostId, u64, Peer, Peer), bytes: &[u8]) -> u32 {
        let (from, n, source, to) = flight;
        let Some(index) = self.free.pop() else {
            self.all.push(Flight { from, n, source, to, bytes: bytes.to_vec() });
            return self.all.len() as u32 - 1;
        };
        let kept = &mut self.all[index as usize];
        (kept.from, kept.n, kept.source, kept.to) = (from, n, source, to);
        kept.bytes.clear();
        kept.bytes.extend_from_slice(bytes);
        index
    }

    pub(crate) fn get(&self, index: u32) -> &Flight {
        &self.all[index as usize]
    }

    pub(super) fn bytes_mut(&mut self, index: u32) -> &mut Vec<u8> {
        &mut self.all[index as usize].bytes
    }

    /// Takes the bytes of one out, and gives a buffer back for them.
    pub(super) fn land(&mut self, index: u32, into: &mut Vec<u8>) {
        mem::swap(&mut self.all[index as usize].bytes, into);
        self.free.push(index);
    }

    pub(super) fn reset(&mut self) {
        self.free.clear();
        self.free.extend((0..self.all.len() as u32).rev());
    }
}

/// Values that are named by their places for a while.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    all: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }
}

impl<T: Copy> Slab<T> {
    pub(super) fn store(&mut self, value: T) -> u32 {
        let Some(index) = self.free.pop() else {
            self.all.push(value);
            return self.all.len() as u32 - 1;
        };
        self.all[index as usize] = value;
        index
    }

    pub(crate) fn get(&self, index: u32) -> T {
        self.all[index as usize]
    }

    pub(super) fn take(&mut self, index: u32) -> T {
        self.free.push(index);
        self.all[index as usize]
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.free.clear();
    }
}
