//! Links that carry so much and no more.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use super::trace::{OPPORTUNITY_LEN, Trace};
use crate::time::Instant;

/// How much one direction of a link carries, and how much waits before it.
///
/// ```
/// use lossproof::fault::Bandwidth;
///
/// // Ten megabits a second, behind a queue of 64 KiB.
/// let slow = Bandwidth::kilobits(10_000, 64 * 1024);
/// assert_eq!(slow, Bandwidth::bits(10_000_000, 65_536));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth(Pace);

/// How fast bytes leave, and how many the queue holds: together, so that it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many bits a second.
    Bits(NonZeroU64, u32),
    /// As it was recorded.
    Trace(Trace, u32),
}

const _: () = assert!(size_of::<Option<Bandwidth>>() <= 16);

impl Bandwidth {
    /// A bandwidth in bits a second, behind a queue of this many bytes. What has not left yet waits in the queue, the
    /// rest of the packet on its way out too; a link that is idle takes a packet of any length.
    ///
    /// # Panics
    /// If no bits pass: that is a partition.
    pub const fn bits(bits_per_second: u64, queue_len: u32) -> Self {
        match NonZeroU64::new(bits_per_second) {
            Some(bits_per_second) => Self(Pace::Bits(bits_per_second, queue_len)),
            None => panic!("a link carries at least one bit a second: use a partition instead"),
        }
    }

    /// A bandwidth in thousands of bits a second, behind a queue of this many bytes: see [`Bandwidth::bits`].
    ///
    /// # Panics
    /// If no bits pass, or more than `u64::MAX` of them.
    pub const fn kilobits(kilobits_per_second: u64, queue_len: u32) -> Self {
        match kilobits_per_second.checked_mul(1_000) {
            Some(bits_per_second) => Self::bits(bits_per_second, queue_len),
            None => panic!("so many bits a second cannot be counted"),
        }
    }

    /// As much as a trace says, behind a queue of `queue_len` bytes. The part of a packet that has not left yet
    /// takes room in the queue. An idle link takes a packet of any length.
    pub const fn trace(trace: Trace, queue_len: u32) -> Self {
        Self(Pace::Trace(trace, queue_len))
    }
}

impl Bandwidth {
    /// How fast bytes leave.
    pub(crate) const fn pace(self) -> Pace {
        self.0
    }

    /// How many bytes the queue holds.
    pub(crate) const fn queue_len(self) -> u32 {
        match self.0 {
            Pace::Bits(_, queue_len) | Pace::Trace(_, queue_len) => queue_len,
        }
    }
}

/// `rate 1000000 queue 65536` or `trace @NAME queue 65536`, as texts of links have it.
impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Pace::Bits(bits, queue_len) => write!(f, "rate {bits} queue {queue_len}"),
            Pace::Trace(trace, queue_len) => write!(f, "{trace} queue {queue_len}"),
        }
    }
}

/// How much one direction has to carry still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backlog {
    /// In billionths of a bit, of which a link of one bit a second carries one each nanosecond: so nothing is rounded.
    work: u128,
    /// When that was so.
    at: Instant,
}

/// One byte, in billionths of a bit.
const BYTE: u128 = 8_000_000_000;
/// What one opportunity of a trace carries, in the same.
const OPPORTUNITY: u128 = OPPORTUNITY_LEN as u128 * BYTE;

impl Backlog {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self { work: 0, at: Instant::START };

    /// Takes a packet, if there is room; says after how long its last bit has left.
    pub(crate) fn offer(&mut self, bandwidth: Bandwidth, now: Instant, len: u64) -> Option<Duration> {
        self.drain(bandwidth, now);
        let waiting = self.work.saturating_add(u128::from(len) * BYTE);
        if self.work > 0 && waiting > u128::from(bandwidth.queue_len()) * BYTE {
            return None;
        }
        Some(self.push(bandwidth, now, len))
    }

    /// Takes bytes, room or not; says after how long the last bit has left.
    pub(crate) fn push(&mut self, bandwidth: Bandwidth, now: Instant, len: u64) -> Duration {
        self.drain(bandwidth, now);
        self.work = self.work.saturating_add(u128::from(len) * BYTE);
        match bandwidth.0 {
            Pace::Bits(bits, _) => {
                let nanos = self.work.div_ceil(u128::from(bits.get()));
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
            Pace::Trace(trace, _) => {
                let missed = trace.count_until(now);
                trace.moment(missed.saturating_add(self.work.div_ceil(OPPORTUNITY))).since(now)
            }
        }
    }

    /// Takes away what has left since.
    fn drain(&mut self, bandwidth: Bandwidth, now: Instant) {
        let carried = match bandwidth.0 {
            Pace::Bits(bits, _) => {
                u128::from(now.as_nanos().saturating_sub(self.at.as_nanos())) * u128::from(bits.get())
            }
            Pace::Trace(trace, _) => {
                let opportunities = trace.count_until(now).saturating_sub(trace.count_until(self.at));
                opportunities.saturating_mul(OPPORTUNITY)
            }
        };
        (self.work, self.at) = (self.work.saturating_sub(carried), self.at.max(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_packet_waits_for_those_before_it() {
        // A byte a millisecond.
        let (link, mut backlog) = (Bandwidth::kilobits(8, 1_000), Backlog::EMPTY);
        let at = Instant::from_millis;
        assert_eq!(backlog.offer(link, at(0), 10), Some(millis(10)));
        assert_eq!(backlog.offer(link, at(0), 5), Some(millis(15)));
        assert_eq!(backlog.offer(link, at(12), 1), Some(millis(4)));
        assert_eq!(backlog.offer(link, at(16), 1), Some(millis(1)), "it was idle from then on");
        assert_eq!(backlog.offer(link, at(900), 1), Some(millis(1)), "and saves nothing up");
    }

    #[test]
    fn the_queue_is_full_at_its_bound_and_not_a_byte_before() {
        let (link, at) = (Bandwidth::kilobits(8, 100), Instant::from_millis);
        let mut backlog = Backlog::EMPTY;
        assert_eq!(backlog.offer(link, at(0), 60), Some(millis(60)));
        assert_eq!(backlog.offer(link, at(0), 41), None, "a byte too much");
        assert_eq!(backlog.offer(link, at(0), 40), Some(millis(100)), "what was refused took no room");
        assert_eq!(backlog.offer(link, at(0), 1), None);
        assert_eq!(backlog.offer(link, at(1), 1), Some(millis(100)), "a byte has left");
        // A nanosecond earlier it had not.
        assert_eq!(backlog.offer(link, Instant::from_nanos(1_999_999), 1), None);
        assert_eq!(backlog.offer(link, at(2), 1), Some(millis(100)));
    }

    #[test]
    fn an_idle_link_takes_any_packet() {
        let (link, mut backlog) = (Bandwidth::kilobits(8, 0), Backlog::EMPTY);
        assert_eq!(backlog.offer(link, Instant::START, 1_000), Some(millis(1_000)));
        assert_eq!(backlog.offer(link, Instant::from_nanos(999_999_999), 1), None);
        assert_eq!(backlog.offer(link, Instant::from_millis(1_000), 1), Some(millis(1)));
    }

    #[test]
    fn bytes_of_streams_wait_and_are_not_lost() {
        let (link, mut backlog) = (Bandwidth::kilobits(8, 10), Backlog::EMPTY);
        assert_eq!(backlog.push(link, Instant::START, 1_000), millis(1_000));
        assert_eq!(backlog.push(link, Instant::START, 1_000), millis(2_000));
        assert_eq!(backlog.offer(link, Instant::START, 1), None, "datagrams share the link");
    }

    #[test]
    fn packets_leave_at_the_opportunities_of_a_trace() {
        let trace = Trace::new("backlog", "3\n10\n10\n20\n").unwrap();
        let (link, at) = (Bandwidth::trace(trace, 6_000), Instant::from_millis);
        let mut backlog = Backlog::EMPTY;
        assert_eq!(backlog.offer(link, at(0), 1_500), Some(millis(3)));
        // Both fit the next, and the one after them takes what is left of it and a second.
        assert_eq!(backlog.offer(link, at(0), 500), Some(millis(10)));
        assert_eq!(backlog.offer(link, at(1), 500), Some(millis(9)));
        assert_eq!(backlog.offer(link, at(1), 2_000), Some(millis(9)));
        assert_eq!(backlog.offer(link, at(1), 1_500), Some(millis(19)));
        assert_eq!(backlog.offer(link, at(1), 1), None, "the queue is full");
        assert_eq!(backlog.offer(link, at(3), 1), Some(millis(20)), "one has left: the next round begins");
        assert_eq!(
            backlog.offer(link, at(20), 1_500),
            Some(millis(10)),
            "what is left of one goes to the next"
        );
        assert_eq!(backlog.offer(link, at(30), 1_500), Some(millis(10)), "it came as the opportunity went");
    }

    #[test]
    fn a_backlog_that_cannot_be_counted_any_more_is_the_longest() {
        let slow = Bandwidth::bits(1, u32::MAX);
        let mut backlog = Backlog { work: u128::MAX, at: Instant::START };
        assert_eq!(backlog.offer(slow, Instant::START, u64::MAX), None);
        assert_eq!(backlog.push(slow, Instant::START, u64::MAX), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn the_slowest_and_the_fastest_can_be_reckoned_with() {
        let mut backlog = Backlog::EMPTY;
        let slow = Bandwidth::bits(1, u32::MAX);
        assert_eq!(backlog.offer(slow, Instant::START, 1), Some(Duration::from_secs(8)));
        assert_eq!(backlog.push(slow, Instant::START, u64::MAX), Duration::from_nanos(u64::MAX));
        let mut backlog = Backlog::EMPTY;
        let fast = Bandwidth::bits(u64::MAX, u32::MAX);
        assert_eq!(backlog.offer(fast, Instant::FAR_FUTURE, 65_535), Some(Duration::from_nanos(1)));
        assert_eq!(
            backlog.offer(fast, Instant::START, 1),
            Some(Duration::from_nanos(1)),
            "a clock gone back"
        );
    }
}
