//! What bounds a search.

use std::fmt;

use crate::number::count;

/// How many runs are kept from which others can branch off, unless told otherwise: some 600 MB.
pub const MAX_BRANCHES: usize = 1 << 22;
/// How many sends of the runs of one level are kept, at which others can branch off, unless told otherwise: some 600 MB.
pub const MAX_SENDS: usize = 1 << 24;

/// A run has a number of 32 bits.
pub(super) const MAX_NODES: usize = u32::MAX as usize;

/// How much of a search is kept in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) branches: usize,
    pub(super) sends: usize,
}

/// What ended a search before all schedules were gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The search may make this many runs at most.
    Runs(u64),
    /// So many runs are kept from which others can branch off ([`MAX_BRANCHES`]).
    Branches(usize),
    /// So many sends of the runs of one level are kept, at which others can branch off ([`MAX_SENDS`]).
    Sends(usize),
    /// It was [to stop](super::Exhaustive::stop_if).
    Asked,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runs(most) => f.write_str(&count(*most, "run")),
            Self::Branches(most) => write!(f, "{} kept to branch off from", count(*most as u64, "run")),
            Self::Sends(most) => write!(f, "{} kept to branch off at", count(*most as u64, "send")),
            Self::Asked => f.write_str("what was asked for from outside"),
        }
    }
}
