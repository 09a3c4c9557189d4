//! Limits and exemptions for the law checks.

/// Limits of a machine for the law checks, and exemptions from single laws. Each one concerns one law and leaves the
/// others on.
///
/// ```
/// use lossproof::{Cuts, Promises};
///
/// const SERVER: Promises = Promises::DEFAULT.max_messages(5_000).cuts(Cuts::EventsTell);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Promises {
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
    pub(crate) cuts: Cuts,
    pub(crate) moments: Moments,
    pub(crate) is_repeatable: bool,
}

impl Promises {
    /// One input causes at most 1,024 messages and 1 MiB. Nothing depends on where reads end, no message contains a
    /// time, and every run is repeatable.
    pub const DEFAULT: Self = Self {
        max_messages: 1024,
        max_bytes: 1024 * 1024,
        cuts: Cuts::Free,
        moments: Moments::None,
        is_repeatable: true,
    };

    /// The maximum number of datagrams, writes and connects that one input causes (law 8).
    #[must_use]
    pub const fn max_messages(self, max_messages: usize) -> Self {
        Self { max_messages, ..self }
    }

    /// The maximum number of bytes that one input causes to be sent or written (law 8).
    #[must_use]
    pub const fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// What may depend on where reads end (law 4).
    #[must_use]
    pub const fn cuts(self, cuts: Cuts) -> Self {
        Self { cuts, ..self }
    }

    /// Which messages and events contain times, so that a later start changes them (law 5).
    #[must_use]
    pub const fn moments(self, moments: Moments) -> Self {
        Self { moments, ..self }
    }

    /// The machine is not deterministic (law 6), for example because it uses system randomness, as TLS does. Laws 4, 5
    /// and 6 compare a machine with its twin, so all three are off, and a run may not be reproducible.
    #[must_use]
    pub const fn not_repeatable(self) -> Self {
        Self { is_repeatable: false, ..self }
    }
}

impl Default for Promises {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What may depend on where reads end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// Nothing.
    Free,
    /// Events may depend on where reads end; the bytes on the wire may not. Once a stream was split differently, events
    /// are no longer compared.
    EventsTell,
    /// Each read is a message, so law 4 is not checked.
    Matter,
}

/// Which messages contain times, as those of NTP do.
#[derive(Clone, Copy, Debug)]
pub enum Moments {
    /// None: a later start changes nothing but the times of inputs and deadlines.
    None,
    /// Datagrams do. The function blanks their times, and everything else is compared: law 5 stays on.
    Blanked(fn(&mut [u8])),
    /// Anything may, so law 5 is not checked.
    Anywhere,
}
