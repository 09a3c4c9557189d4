//! The one order in which things happen, the same in every world.

use std::cmp::Ordering;

use crate::host::{HostId, MAX_HOSTS};
use crate::time::Instant;

/// What kind of thing happens; at one moment and host the kinds come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Fault,
    Command,
    Delivery,
    Timer,
}

/// Where something stands among all that happens in a run: by time, then host, then class, then source host, then the
/// source's own number. Packed, for it is compared more often than anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    at: Instant,
    /// From the top: 14 bits host, 2 bits class, 14 bits source, 34 bits number.
    rest: u64,
}

impl Order {
    /// Both parts as one number: compared without a branch.
    #[inline]
    const fn key(self) -> u128 {
        (self.at.as_nanos() as u128) << 64 | self.rest as u128
    }
}

impl PartialOrd for Order {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn lt(&self, other: &Self) -> bool {
        self.key() < other.key()
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        self.key() <= other.key()
    }
}

impl Ord for Order {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

const SOURCE_SHIFT: u32 = 34;
const CLASS_SHIFT: u32 = 48;
const HOST_SHIFT: u32 = 50;

/// The greatest number that something of one source may have.
pub(super) const MAX_NUMBER: u64 = (1 << SOURCE_SHIFT) - 1;

const _: () =
    assert!(MAX_HOSTS == 1 << (u64::BITS - HOST_SHIFT) && MAX_HOSTS == 1 << (CLASS_SHIFT - SOURCE_SHIFT));

impl Order {
    pub(crate) const fn new(at: Instant, host: HostId, class: Class, source: HostId, number: u64) -> Self {
        debug_assert!(number <= MAX_NUMBER);
        let rest = (host.0 as u64) << HOST_SHIFT
            | (class as u64) << CLASS_SHIFT
            | (source.0 as u64) << SOURCE_SHIFT
            | number;
        Self { at, rest }
    }

    pub(crate) const fn at(self) -> Instant {
        self.at
    }

    pub(crate) const fn host(self) -> HostId {
        HostId((self.rest >> HOST_SHIFT) as u16)
    }

    /// Who is hit by whom in which class, and how long before the source's next number, out of those of all hosts:
    /// equal where two orders differ by time alone, and by how much was sent before.
    pub(crate) fn place(self, next_numbers: &[u64]) -> (u64, u64) {
        let number = self.rest & ((1 << SOURCE_SHIFT) - 1);
        let source = (self.rest >> SOURCE_SHIFT) as usize & ((1 << (CLASS_SHIFT - SOURCE_SHIFT)) - 1);
        (self.rest >> SOURCE_SHIFT, next_numbers[source].wrapping_sub(number))
    }

    /// Whether it is a timer's that comes last at its moment, as timers do.
    pub(crate) const fn is_timer_last(self) -> bool {
        (self.rest >> CLASS_SHIFT) & 3 == Class::Timer as u64
    }

    /// Who is hit by whom in which class.
    pub(crate) const fn pair(self) -> u64 {
        self.rest >> SOURCE_SHIFT
    }

    /// The same, for another host.
    pub(crate) const fn moved_on(self, host: HostId) -> Self {
        let rest = self.rest & ((1 << HOST_SHIFT) - 1);
        Self { at: self.at, rest: rest | (host.0 as u64) << HOST_SHIFT }
    }

    /// The same, at another moment.
    pub(crate) const fn moved_to(self, at: Instant) -> Self {
        Self { at, rest: self.rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_then_host_then_class_then_source_then_number() {
        let (low, high) = (HostId(0), HostId(MAX_HOSTS as u16 - 1));
        let at = Instant::from_millis;
        let most = MAX_NUMBER;
        let ascending = [
            Order::new(at(1), low, Class::Fault, high, most),
            Order::new(at(1), low, Class::Command, low, 0),
            Order::new(at(1), low, Class::Delivery, low, 0),
            Order::new(at(1), low, Class::Delivery, low, most),
            Order::new(at(1), low, Class::Delivery, high, 0),
            Order::new(at(1), low, Class::Timer, low, 0),
            Order::new(at(1), high, Class::Fault, low, 0),
            Order::new(at(2), low, Class::Fault, low, 0),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b));
        assert_eq!((ascending[6].at(), ascending[6].host()), (at(1), high));
        assert_eq!(ascending[0].moved_on(high), Order::new(at(1), high, Class::Fault, high, most));
        assert_eq!(ascending[6].moved_on(low), Order::new(at(1), low, Class::Fault, low, 0));
        assert_eq!(ascending[0].moved_to(at(2)), Order::new(at(2), low, Class::Fault, high, most));
    }
}
