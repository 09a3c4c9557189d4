//! The clock of the host that is running, as libraries want it: by the standard library's `Instant`.

use std::time::Instant as StdInstant;

use lossproof::tokio::time::Instant;

/// Two moments that are the same, one on each clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base: StdInstant,
    start: Instant,
}

impl Clock {
    /// Begins at any moment of the machine's own clock: only spans count.
    pub(crate) fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "any moment will do as that at which the run starts")]
        let base = StdInstant::now();
        Self { base, start: Instant::now() }
    }

    pub(crate) fn now(&self) -> StdInstant {
        self.base + Instant::now().duration_since(self.start)
    }

    /// The host's moment that is this one.
    pub(crate) fn at(&self, moment: StdInstant) -> Instant {
        self.start + moment.saturating_duration_since(self.base)
    }
}
