//! The clocks of other crates, counted on from a run's [`Instant`].

use std::time::{Duration, Instant as StdInstant};

use crate::time::Instant;

/// The standard library's clock, for a crate that takes `std::time::Instant`.
///
/// The standard library makes a moment only by reading a clock, so one is read for each machine as the base, and all
/// others are counted from it. No answer of the crate depends on the base, and law 5 checks that.
///
/// ```
/// use std::time::Duration;
///
/// use lossproof::Instant;
/// use lossproof::parts::clocks::StdClock;
///
/// let clock = StdClock::new(std::time::Instant::now());
/// let now = Instant::from_millis(40);
/// let due_at = clock.at(now) + Duration::from_millis(2); // what the crate answers
/// assert_eq!(clock.moment(due_at), Instant::from_millis(42));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StdClock(StdInstant);

impl StdClock {
    /// A clock that shows `base` at the start of the run.
    pub const fn new(base: StdInstant) -> Self {
        Self(base)
    }

    /// What the clock shows at a moment of the run.
    ///
    /// # Panics
    /// If the system has no such moment: in practice, centuries after the base.
    pub fn at(&self, now: Instant) -> StdInstant {
        self.0 + now.since_start()
    }

    /// The moment of the run at which the clock shows this: the start of the run, if that is earlier than the base.
    pub fn moment(&self, shown: StdInstant) -> Instant {
        Instant::START + shown.saturating_duration_since(self.0)
    }
}

/// The time between two inputs, for a crate that takes the time that has passed.
///
/// ```
/// use std::time::Duration;
///
/// use lossproof::Instant;
/// use lossproof::parts::clocks::Elapsed;
///
/// let mut elapsed = Elapsed::default();
/// assert_eq!(elapsed.until(Instant::from_millis(500)), Duration::ZERO);
/// assert_eq!(elapsed.until(Instant::from_millis(520)), Duration::from_millis(20));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed(Option<Instant>);

impl Elapsed {
    /// The time since the call before; zero at the first call, so a run may start at any moment.
    pub fn until(&mut self, now: Instant) -> Duration {
        let before = self.0.replace(now);
        before.map_or(Duration::ZERO, |before| now.since(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_before_the_base_is_the_start() {
        #[expect(clippy::disallowed_methods, reason = "any moment will do as the base")]
        let base = StdInstant::now();
        let later = StdClock::new(base + Duration::from_secs(1));
        assert_eq!(later.moment(base), Instant::START);
        assert_eq!(later.at(Instant::from_millis(5)), base + Duration::from_millis(1_005));
    }

    #[test]
    fn no_time_passes_backwards() {
        let mut elapsed = Elapsed::default();
        elapsed.until(Instant::from_millis(5));
        assert_eq!(elapsed.until(Instant::from_millis(3)), Duration::ZERO);
        assert_eq!(elapsed.until(Instant::from_millis(4)), Duration::from_millis(1));
    }
}
