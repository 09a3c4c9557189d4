//! A moment on a host's own clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::tasks::registry::{here, with_hub};
use crate::time;

/// A moment on the clock of a simulated host, as `tokio::time::Instant` is one of the system's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub(super) time::Instant);

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({})", self.0)
    }
}

impl Instant {
    /// What the clock of the host that is running says.
    ///
    /// # Panics
    /// Outside of a simulated host.
    #[track_caller]
    pub fn now() -> Self {
        let key = here().unwrap_or_else(|error| panic!("{error}"));
        // What is dropped after its host went down is told the start.
        Self(with_hub(key, |hub| hub.now).unwrap_or(time::Instant::START))
    }

    /// How long it is since an earlier moment; zero if that is in fact later.
    pub const fn duration_since(&self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// How long it is since an earlier moment, if that is earlier.
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        (earlier <= *self).then(|| self.0.since(earlier.0))
    }

    /// How long it is since an earlier moment; zero if that is in fact later.
    pub const fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// How long it is since this moment.
    ///
    /// # Panics
    /// Outside of a simulated host.
    #[track_caller]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// The moment that much later, if there is one.
    pub fn checked_add(&self, span: Duration) -> Option<Self> {
        let sum = self.0 + span;
        (sum < time::Instant::FAR_FUTURE).then_some(Self(sum))
    }

    /// The moment that much earlier, if there is one.
    pub fn checked_sub(&self, span: Duration) -> Option<Self> {
        let nanos = u128::from(self.0.as_nanos()).checked_sub(span.as_nanos())?;
        u64::try_from(nanos).ok().map(|nanos| Self(time::Instant::from_nanos(nanos)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0 + span)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        self.checked_sub(span).expect("a moment before the start of the run is none")
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, span: Duration) {
        *self = *self - span;
    }
}
