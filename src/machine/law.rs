//! The laws that every machine must follow, as names.

use std::error::Error;
use std::fmt;

/// One law of the contract; [`Lawful`](crate::Lawful) checks them while a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Law {
    /// Law 1: time does not go back.
    TimeGoesOn = 1,
    /// Law 3: a timeout at the deadline handles everything due: the next deadline is strictly later, or none. (The
    /// simulator and the drivers keep the second law: a timeout is handed in only when it is due.)
    TimerAdvances = 3,
    /// Law 4: where a stream is split into slices does not change the output.
    CutsDoNotMatter,
    /// Law 5: a start at another time moves all times by the same amount and changes nothing else.
    ShiftedInTime,
    /// Law 6: the same inputs give the same outputs.
    SameInputsSameOutputs,
    /// Law 7: no input makes it panic.
    NoPanic,
    /// Law 8: what one input can cause is bounded.
    BoundedOutput,
    /// Law 9: a machine emits nothing that cannot be done: nothing on a stream after `Closed`, nothing at all after
    /// `done`, no datagram that no socket can send. [`Misuse`](super::Misuse) lists what that is.
    SilentAfterTheEnd,
    /// Law 10, for checks that [ask for it](crate::Check::wrapping): counters that wrap change nothing but their own numbers.
    WrapsUnseen,
    /// Law 11: fingerprints are true. Two states of a machine with equal fingerprints emit the same for the same input.
    /// Searches check this in one of 32 runs.
    FingerprintsAreTrue,
}

impl Law {
    /// Every law, by number.
    pub const ALL: [Self; 10] = [
        Self::TimeGoesOn,
        Self::TimerAdvances,
        Self::CutsDoNotMatter,
        Self::ShiftedInTime,
        Self::SameInputsSameOutputs,
        Self::NoPanic,
        Self::BoundedOutput,
        Self::SilentAfterTheEnd,
        Self::WrapsUnseen,
        Self::FingerprintsAreTrue,
    ];

    /// The law's number in the documentation, from 1.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The law in one sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::TimeGoesOn => "time does not go back",
            Self::TimerAdvances => "a timeout at the deadline leaves a later deadline, or none",
            Self::CutsDoNotMatter => "where a stream is split into slices does not change the output",
            Self::ShiftedInTime => "a start at another time changes nothing but the times",
            Self::SameInputsSameOutputs => "the same inputs give the same outputs",
            Self::NoPanic => "no input makes the machine panic",
            Self::BoundedOutput => "what one input can cause is bounded",
            Self::SilentAfterTheEnd => {
                "the machine emits nothing that cannot be done, as after closed or after done"
            }
            Self::WrapsUnseen => "counters that wrap change nothing but their own numbers",
            Self::FingerprintsAreTrue => {
                "two states with equal fingerprints emit the same for the same input"
            }
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "law {} ({})", self.number(), self.text())
    }
}

/// A law that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// What was seen, and what should have been.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken: {}", self.law, self.detail)
    }
}

impl Error for Violation {}
