//! The clock of one host, which may be ahead, stand still, or go too fast or too slowly.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::fault::Rate;
use crate::time::Instant;

/// What a host takes for the time, as a function of what it is. Both begin at the same moment, and neither goes back.
///
/// ```text
///  local │            ╱  a rate of its own
///        │      ___╱     stands still until `since`
///        │    ╱
///        │  ╱  right
///        └──────────────── real
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// From when on it goes; until then it stands still.
    since: Instant,
    /// What it says then.
    local: Instant,
    rate: Rate,
}

impl Clock {
    /// A clock that goes right.
    pub(super) const RIGHT: Self = Self { since: Instant::START, local: Instant::START, rate: Rate::RIGHT };

    /// What it says at `now`.
    #[inline]
    pub(super) fn at(&self, now: Instant) -> Instant {
        if self.rate == Rate::RIGHT {
            return now.rebased(self.since, self.local);
        }
        self.local + scaled(now.since(self.since), self.rate.parts(), Rate::PARTS)
    }

    /// When it says at least `local`: the first such moment.
    #[inline]
    pub(super) fn when(&self, local: Instant) -> Instant {
        if self.rate == Rate::RIGHT {
            return local.rebased(self.local, self.since);
        }
        let left = local.since(self.local);
        let due_at = self.since + scaled(left, Rate::PARTS, self.rate.parts());
        // Rounded down, so it may be a nanosecond too early.
        if self.at(due_at) < local { due_at + Duration::from_nanos(1) } else { due_at }
    }

    /// Has it jump ahead.
    pub(super) fn skew(&mut self, ahead: Duration) {
        self.local += ahead;
    }

    /// Has it stand still for so long from `now` on.
    pub(super) fn lag(&mut self, now: Instant, behind: Duration) {
        let local = self.at(now);
        (self.since, self.local) = (now.max(self.since) + behind, local);
    }

    /// Has it go at another rate from `now` on.
    pub(super) fn drift(&mut self, now: Instant, rate: Rate) {
        let local = self.at(now);
        (self.since, self.local, self.rate) = (self.since.max(now), local, rate);
    }

    /// Writes all on which it depends what it says later, with times relative to `now`.
    pub(super) fn fingerprint<H: Hasher>(&self, now: Instant, to: &mut H) {
        let ahead = self.at(now).as_nanos().wrapping_sub(now.as_nanos());
        let gone = u128::from(now.since(self.since).as_nanos() as u64) * u128::from(self.rate.parts());
        (ahead, self.since.since(now), self.rate, gone % u128::from(Rate::PARTS)).hash(to);
    }
}

/// `span * parts / of`, rounded down, at most what a span of a run can be.
fn scaled(span: Duration, parts: u32, of: u32) -> Duration {
    let nanos = span.as_nanos() * u128::from(parts) / u128::from(of);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(count: u64) -> Instant {
        Instant::from_millis(count)
    }

    #[test]
    fn a_clock_stands_still_and_then_goes_on_behind() {
        let mut clock = Clock::RIGHT;
        clock.lag(millis(100), Duration::from_millis(50));
        let said = [99, 100, 120, 150, 160].map(|now| clock.at(millis(now)).as_nanos() / 1_000_000);
        assert_eq!(said[1..], [100, 100, 100, 110]);
        assert_eq!(clock.when(millis(110)), millis(160));
        clock.lag(millis(120), Duration::from_millis(10));
        assert_eq!(clock.at(millis(170)), millis(110), "it stands still for both");
    }

    #[test]
    fn a_clock_drifts_from_where_it_is() {
        let mut clock = Clock::RIGHT;
        clock.skew(Duration::from_secs(1));
        clock.drift(millis(100), "1.5".parse().unwrap());
        assert_eq!((clock.at(millis(100)), clock.at(millis(300))), (millis(1_100), millis(1_400)));
        assert_eq!(clock.when(millis(1_400)), millis(300));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// It never goes back, and a deadline is met at the first moment at which it is reached.
        #[test]
        fn what_is_due_is_due_first_then(
            rate in 500_000_u32..=2_000_000,
            at in 0_u64..10_000_000_000,
            more in 0_u64..10_000_000_000,
            behind in 0_u64..1_000_000_000,
        ) {
            let mut clock = Clock::RIGHT;
            clock.drift(Instant::from_nanos(at), Rate::millionths(rate).unwrap());
            clock.lag(Instant::from_nanos(at / 2 + at), Duration::from_nanos(behind));
            let local = clock.at(Instant::from_nanos(at)) + Duration::from_nanos(more);
            let due_at = clock.when(local);
            prop_assert!(clock.at(due_at) >= local);
            if due_at > clock.since {
                prop_assert!(clock.at(Instant::from_nanos(due_at.as_nanos() - 1)) < local);
            }
        }
    }
}
