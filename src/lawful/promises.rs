//! What a machine promises beyond the laws' own words.

/// What a machine promises beyond the laws' own words, each said by itself: to give one up gives up no other.
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
    /// One input causes at most 1,024 messages and 1 MiB, nothing depends on cuts, no message carries a moment, and all
    /// can be made again.
    pub const DEFAULT: Self = Self {
        max_messages: 1024,
        max_bytes: 1024 * 1024,
        cuts: Cuts::Free,
        moments: Moments::None,
        is_repeatable: true,
    };

    /// How many datagrams, writes and connects one input causes at most (law 8).
    #[must_use]
    pub const fn max_messages(self, max_messages: usize) -> Self {
        Self { max_messages, ..self }
    }

    /// How many bytes one input causes to be sent or written at most (law 8).
    #[must_use]
    pub const fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// What may depend on how a stream is cut into slices (law 4).
    #[must_use]
    pub const fn cuts(self, cuts: Cuts) -> Self {
        Self { cuts, ..self }
    }

    /// Which messages and events carry moments, so that a later start changes them (law 5).
    #[must_use]
    pub const fn moments(self, moments: Moments) -> Self {
        Self { moments, ..self }
    }

    /// Two machines that are made and fed equally need not put out the same (law 6). One that draws from the system does
    /// not, as TLS does. Laws 4, 5 and 6 compare a machine with its twin, so none of the three can be checked then, and a
    /// run may not come again.
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

/// What may depend on how a stream is cut into slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// Nothing.
    Free,
    /// Events tell of single reads; the bytes on the wire stay the same. Once a stream was cut elsewhere, events are no
    /// longer compared.
    EventsTell,
    /// Each read is a message, so law 4 is not checked.
    Matter,
}

/// Which messages carry moments, as those of NTP do.
#[derive(Clone, Copy, Debug)]
pub enum Moments {
    /// None: a later start changes nothing but the moments of inputs and deadlines.
    None,
    /// Datagrams do. The function blanks their moments, and all else is compared: law 5 stays.
    Blanked(fn(&mut [u8])),
    /// Anything may, so law 5 is not checked.
    Anywhere,
}
