//! Time without a clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A moment: nanoseconds since the start of the run.
///
/// There is no `now()`. Time reaches a machine only as an argument, so the same inputs at the same times give the same
/// outputs, wherever and whenever the machine runs.
///
/// Arithmetic saturates at [`Instant::FAR_FUTURE`], 584 years after the start. A deadline that far away is treated as
/// no deadline, and no input can overflow one.
///
/// ```
/// use lossproof::Instant;
/// use std::time::Duration;
///
/// let sent_at = Instant::START + Duration::from_millis(100);
/// assert_eq!(sent_at.to_string(), "0.100");
/// assert_eq!(sent_at.since(Instant::START), Duration::from_millis(100));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The start of the run.
    pub const START: Self = Self(0);
    /// The last moment there is; sums that would pass it stay here.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The moment that is as long after `to` as this one is after `from`: what a clock says that said `to` at `from`.
    /// In 64 bits, as this is done for each input.
    #[cfg(feature = "sim")]
    #[inline]
    pub(crate) const fn rebased(self, from: Self, to: Self) -> Self {
        Self(to.0.saturating_add(self.0.saturating_sub(from.0)))
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The span from the start of the run to this moment.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The span from `earlier` to this moment; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[inline]
    fn add(self, span: Duration) -> Self {
        // In 64 bits, for this is done for each packet.
        let nanos =
            span.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(span.subsec_nanos()));
        Self(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The same as [`Instant::since`].
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// Seconds with three decimals, and with six or nine where three would not tell the moment.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if nanos.is_multiple_of(1_000_000) {
            write!(f, "{seconds}.{:03}", nanos / 1_000_000)
        } else if nanos.is_multiple_of(1_000) {
            write!(f, "{seconds}.{:06}", nanos / 1_000)
        } else {
            write!(f, "{seconds}.{nanos:09}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_takes_only_the_decimals_it_needs() {
        assert_eq!(Instant::from_millis(3_100).to_string(), "3.100");
        assert_eq!(Instant::from_nanos(1_000).to_string(), "0.000001");
        assert_eq!(Instant::from_nanos(1).to_string(), "0.000000001");
    }

    #[test]
    fn sums_stay_at_the_far_future() {
        assert_eq!(Instant::FAR_FUTURE + Duration::from_nanos(1), Instant::FAR_FUTURE);
        assert_eq!(Instant::START + Duration::MAX, Instant::FAR_FUTURE);
        let one_before = Instant::from_nanos(u64::MAX - 1);
        assert_eq!(one_before + Duration::from_nanos(1), Instant::FAR_FUTURE);
    }

    #[test]
    fn a_span_back_in_time_is_zero() {
        assert_eq!(Instant::START.since(Instant::from_millis(1)), Duration::ZERO);
        assert_eq!(Instant::from_millis(3) - Instant::from_millis(1), Duration::from_millis(2));
    }
}
