//! When to say again that one is still there.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::time::Instant;

/// A beat at once, and then one after each span. It knows when the next is due; who holds it sends.
///
/// ```
/// use lossproof::Instant;
/// use lossproof::parts::heartbeat::Heartbeat;
/// use std::time::Duration;
///
/// let mut heartbeat = Heartbeat::new(Duration::from_secs(5), Instant::START);
/// assert!(heartbeat.beat(Instant::START));
/// assert!(!heartbeat.beat(Instant::from_millis(4_999)));
/// assert!(heartbeat.beat(Instant::from_millis(5_000)));
/// assert_eq!(heartbeat.due_at(), Instant::from_millis(10_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    every: Duration,
    due_at: Instant,
}

impl Heartbeat {
    /// A heartbeat whose first beat is due at `first_at`. A span of zero is one nanosecond, so that time goes on.
    pub fn new(every: Duration, first_at: Instant) -> Self {
        Self { every: every.max(Duration::from_nanos(1)), due_at: first_at }
    }

    /// When the next beat is due.
    pub const fn due_at(&self) -> Instant {
        self.due_at
    }

    /// Writes how far the next beat is from `now`, for [`Machine::fingerprint`](crate::Machine::fingerprint).
    pub fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) {
        (self.every, self.due_at.since(now)).hash(&mut to);
    }

    /// Whether a beat is due at `now`. If so, the next one is due a span after this one was, so that a beat which comes
    /// late shifts none; but beats that were missed are not made up for: the next one is then a whole span away.
    pub fn beat(&mut self, now: Instant) -> bool {
        if now < self.due_at {
            return false;
        }
        self.due_at += self.every;
        if self.due_at <= now {
            self.due_at = now + self.every;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_late_beat_shifts_none_and_missed_ones_are_gone() {
        let mut heartbeat = Heartbeat::new(Duration::from_secs(5), Instant::from_millis(1_000));
        assert_eq!(heartbeat.due_at(), Instant::from_millis(1_000));
        assert!(heartbeat.beat(Instant::from_millis(1_700)));
        assert_eq!(heartbeat.due_at(), Instant::from_millis(6_000));
        assert!(heartbeat.beat(Instant::from_millis(11_000)));
        assert_eq!(heartbeat.due_at(), Instant::from_millis(16_000));
        assert!(heartbeat.beat(Instant::from_millis(30_000)));
        assert_eq!(heartbeat.due_at(), Instant::from_millis(35_000));
    }

    #[test]
    fn without_a_span_time_still_goes_on() {
        let mut heartbeat = Heartbeat::new(Duration::ZERO, Instant::START);
        assert!(heartbeat.beat(Instant::START));
        assert_eq!(heartbeat.due_at(), Instant::from_nanos(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The model: every moment is gone through, and each that is due is a beat.
        #[test]
        fn it_beats_as_a_clock_that_is_looked_at(
            every in 1_u64..8,
            first in 0_u64..8,
            looks in prop::collection::vec(0_u64..20, 1..40),
        ) {
            let mut heartbeat = Heartbeat::new(Duration::from_nanos(every), Instant::from_nanos(first));
            let (mut now, mut next) = (0, first);
            for ahead in looks {
                now += ahead;
                let due = next <= now;
                if due {
                    let missed = next + every <= now;
                    next = if missed { now } else { next } + every;
                }
                prop_assert_eq!(heartbeat.beat(Instant::from_nanos(now)), due);
                prop_assert_eq!(heartbeat.due_at(), Instant::from_nanos(next));
                prop_assert!(heartbeat.due_at() > Instant::from_nanos(now));
            }
        }
    }
}
