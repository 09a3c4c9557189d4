//! What is held back at an end that is paused, and how it is let go.

use super::{Segment, StreamEnd, Streams};
use crate::machine::limits;
use crate::network::{Network, Order};
use crate::time::Instant;

/// What a machine does.
impl Network {
    pub(crate) fn pause(&mut self, at: StreamEnd) {
        self.streams.end_mut(at).paused = true;
    }

    /// Lets what arrived meanwhile arrive now.
    pub(crate) fn resume(&mut self, now: Instant, at: StreamEnd) {
        self.streams.end_mut(at).paused = false;
        self.release(now, at);
        self.streams.check_held(at);
    }

    /// Lets the first segment that is held arrive now, if the end is not paused. The one after it is let go once it has
    /// arrived: so a machine that pauses again after each has each of them queued once or twice, and not all each time.
    pub(super) fn release(&mut self, now: Instant, at: StreamEnd) {
        let end = self.streams.end_mut(at);
        if end.paused || end.releasing {
            return;
        }
        if let Some(&(order, segment)) = end.held.front() {
            end.releasing = true;
            self.streams.full.remove(&at);
            self.streams.queue(order.moved_to(now), at, segment);
        }
    }
}

impl Streams {
    /// Notes that a segment is held at an end that is not read: after all others, or in its old place if it was on its
    /// way from there.
    pub(super) fn hold(&mut self, at: StreamEnd, order: Order, segment: Segment) {
        let end = self.end_mut(at);
        if end.is_released(order) {
            end.releasing = false;
        } else {
            end.held_len += segment.len();
            end.held.push_back((order, segment));
        }
        if self.is_full(at) {
            self.full.insert(at);
        }
    }

    /// Notes that a segment has arrived, so that it is not held any more if it was.
    pub(super) fn unhold(&mut self, at: StreamEnd, order: Order) {
        let end = self.end_mut(at);
        if end.is_released(order) {
            end.releasing = false;
            end.held_len -= end.held.pop_front().map_or(0, |(_, segment)| segment.len());
        }
    }

    /// Holds what is always so of what is held.
    pub(super) fn check_held(&self, at: StreamEnd) {
        let end = self.end(at);
        debug_assert!(end.held.is_empty() || end.paused || end.releasing, "an end that reads holds nothing");
        let held_len = || end.held.iter().map(|(_, segment)| segment.len()).sum::<u32>();
        // The sum of many is not cheap.
        debug_assert!(end.held.len() > 8 || end.held_len == held_len(), "the length is that of what is held");
    }

    /// Whether what arrives at an end is held back there, for it is paused.
    #[cfg(feature = "turmoil")]
    pub(crate) fn is_holding(&self, at: StreamEnd) -> bool {
        self.is_open(at) && self.end(at).paused
    }

    /// Whether an end holds as much as its peer may send, and is not read.
    pub(crate) fn is_full(&self, at: StreamEnd) -> bool {
        let end = self.end(at);
        let is_unread = self.is_open(at) && end.paused && !end.releasing;
        is_unread && end.held_len as usize >= limits::SEND_BUFFER_LEN
    }

    /// The ends that are full.
    pub(crate) fn full(&self) -> impl Iterator<Item = StreamEnd> {
        self.full
            .iter()
            .copied()
            .inspect(|&at| debug_assert!(self.is_full(at), "an end that reads is not full"))
    }

    /// How many ends are full.
    pub(crate) fn full_count(&self) -> usize {
        self.full.len()
    }
}
