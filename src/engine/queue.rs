//! What is due, in order, and what is on its way.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::mem;

use crate::host::HostId;
use crate::machine::{Ecn, Marked, Peer};
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
    /// What is due at the bottleneck of this place.
    Queue(u32),
    /// A packet with a segment of TCP, which is a flight.
    #[cfg(feature = "segments")]
    Packet(u32),
    /// An end of a stream of segments is due: by its serial number.
    #[cfg(feature = "segments")]
    End(u32),
    Timer,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) order: Order,
    pub(crate) event: Event,
}

// A heap moves its entries again and again.
const _: () = assert!(size_of::<Entry>() <= 24);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

/// What is due, the first first.
///
/// A message is often answered by one that is due next. So that this costs no way through the heap, one entry may stand
/// before it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Due before all others, if it is there.
    front: Option<Entry>,
    rest: BinaryHeap<Reverse<Entry>>,
}

impl Queue {
    /// Adds what is due there.
    #[inline]
    pub(crate) fn push(&mut self, order: Order, event: Event) {
        let entry = Entry { order, event };
        let goes_first = |other: &Entry| entry < *other;
        match &mut self.front {
            Some(front) if goes_first(front) => {
                let second = std::mem::replace(front, entry);
                self.rest.push(Reverse(second));
            }
            front @ None if self.rest.peek().is_none_or(|Reverse(first)| goes_first(first)) => {
                *front = Some(entry);
            }
            _ => self.rest.push(Reverse(entry)),
        }
    }

    /// Takes out what is due first.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        self.front.take().or_else(|| self.rest.pop().map(|Reverse(entry)| entry))
    }

    /// What is due first.
    pub(crate) fn peek(&self) -> Option<&Entry> {
        self.front.as_ref().or_else(|| self.rest.peek().map(|Reverse(entry)| entry))
    }

    /// All of it, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.front.iter().chain(self.rest.iter().map(|Reverse(entry)| entry))
    }

    /// Whether nothing is due.
    #[cfg(feature = "turmoil")]
    pub(crate) fn is_empty(&self) -> bool {
        self.front.is_none() && self.rest.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.front = None;
        self.rest.clear();
    }
}

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
    /// The ECN field of its IP header.
    pub(crate) ecn: Ecn,
}

/// Datagrams on their way, in buffers that are used again.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    all: Vec<Flight>,
    free: Vec<u32>,
}

impl Flights {
    /// Keeps one; says where.
    #[inline]
    pub(super) fn store(&mut self, (from, n): (HostId, u64), way: [&Peer; 2], payload: Marked<'_>) -> u32 {
        let ([source, to], Marked { bytes, ecn }) = (way, payload);
        let Some(index) = self.free.pop() else {
            self.all.push(Flight { from, n, source: *source, to: *to, bytes: bytes.to_vec(), ecn });
            return self.all.len() as u32 - 1;
        };
        let kept = &mut self.all[index as usize];
        kept.from = from;
        kept.n = n;
        kept.source = *source;
        kept.to = *to;
        kept.ecn = ecn;
        kept.bytes.clear();
        kept.bytes.extend_from_slice(bytes);
        index
    }

    /// Keeps another that is the same; says where.
    pub(super) fn copy(&mut self, index: u32) -> u32 {
        let Flight { from, n, source, to, bytes, ecn } = self.get(index).clone();
        self.store((from, n), [&source, &to], Marked { bytes: &bytes, ecn })
    }

    pub(crate) fn get(&self, index: u32) -> &Flight {
        &self.all[index as usize]
    }

    pub(super) fn bytes_mut(&mut self, index: u32) -> &mut Vec<u8> {
        &mut self.all[index as usize].bytes
    }

    /// Sets the ECN field of one.
    pub(super) fn mark(&mut self, index: u32, ecn: Ecn) {
        self.all[index as usize].ecn = ecn;
    }

    /// Takes the bytes of one out, and gives a buffer back for them. The rest of it stays until the next is stored.
    #[inline]
    pub(super) fn land(&mut self, index: u32, into: &mut Vec<u8>) -> &Flight {
        self.free.push(index);
        let flight = &mut self.all[index as usize];
        mem::swap(&mut flight.bytes, into);
        flight
    }

    /// Takes the bytes of one out, while it is told. Their buffer is to be given back.
    #[inline]
    pub(super) fn take_bytes(&mut self, index: u32) -> Vec<u8> {
        mem::take(&mut self.all[index as usize].bytes)
    }

    /// Gives a buffer back to one, and the place of that.
    #[inline]
    pub(super) fn give_back(&mut self, index: u32, bytes: Vec<u8>) {
        self.all[index as usize].bytes = bytes;
        self.free.push(index);
    }

    /// Gives the place of one back. What it was stays until the next is stored.
    pub(super) fn free(&mut self, index: u32) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Class;
    use crate::seed::{below, mix};
    use crate::time::Instant;

    /// Whatever is put in and taken out in between, it comes as from a sorted list.
    #[test]
    fn what_is_due_first_comes_first() {
        let (mut queue, mut sorted) = (Queue::default(), Vec::new());
        let order = |at, n| Order::new(Instant::from_nanos(at), HostId(0), Class::Delivery, HostId(0), n);
        for n in 0..10_000 {
            let bits = mix(7, n);
            if below(bits, 5) < 2 + n / 5_000 {
                let first = if sorted.is_empty() { None } else { Some(sorted.remove(0)) };
                assert_eq!(queue.pop().map(|entry| entry.order), first);
            } else {
                let order = order(below(mix(bits, 1), 50), n);
                queue.push(order, Event::Timer);
                sorted.insert(sorted.partition_point(|other| *other < order), order);
            }
            assert_eq!(queue.peek().map(|entry| entry.order), sorted.first().copied());
            assert_eq!(queue.iter().count(), sorted.len());
        }
    }
}
