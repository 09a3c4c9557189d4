//! The result of a check.

use std::path::PathBuf;
use std::time::Duration;

use super::files::Name;
use crate::check::{Failure, Shard, ShardError, Shrunk, Tally, Tried};
use crate::fault::{ParseError, UnknownHost};
use crate::scenario::{SharedClock, UnknownCommand};

/// The result of a [`Check`](super::Check): it passed, it failed, or it is vacuous, because its runs test less than
/// they seem. `Display` has the report.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub(super) name: Name,
    pub(super) tally: Tally,
    pub(super) shrunk: Option<Shrunk>,
    /// How long the runs took, by the clock on the wall.
    pub(super) wall: Duration,
    /// What ended the shrinking, if it was not done.
    pub(super) limit: String,
    /// What the runs lack, a line each.
    pub(super) lacking: String,
    pub(super) tried: Tried,
    /// Whether faults of all kinds were drawn, since nobody has said which.
    pub(super) is_swarm: bool,
    /// Which part of the runs was made, if not all were.
    pub(super) shard: Option<Shard>,
    /// What was demanded and did not happen in that part, a line each.
    pub(super) untold: String,
    pub(super) notes: Vec<String>,
}

impl Verdict {
    pub(super) fn new(
        name: Name,
        tally: Tally,
        shrunk: Option<Shrunk>,
        (wall, limit): (Duration, String),
        lacking: String,
    ) -> Self {
        let (untold, notes) = (String::new(), Vec::new());
        Self {
            name,
            tally,
            shrunk,
            wall,
            limit,
            lacking,
            tried: Tried::default(),
            is_swarm: false,
            shard: None,
            untold,
            notes,
        }
    }

    pub(super) fn lacking(mut self, lacking: &str) -> Self {
        if self.shrunk.is_none() {
            self.lacking.push_str(lacking);
        }
        self
    }

    pub(super) fn tried(self, tried: Tried, is_swarm: bool) -> Self {
        Self { tried, is_swarm, ..self }
    }

    /// Which kinds of fault had an effect and how often, and which were tried in vain or not at all.
    pub const fn faults(&self) -> &Tried {
        &self.tried
    }

    pub(super) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Whether nothing failed, and what was demanded was tested.
    pub fn holds(&self) -> bool {
        self.shrunk.is_none() && !self.is_vacuous()
    }

    /// Whether nothing failed, and the runs test less than they seem: no run was made, runs were cut off, or something
    /// that was demanded never happened.
    pub fn is_vacuous(&self) -> bool {
        !self.lacking.is_empty()
    }

    /// Which part of the runs was made, if not all were: see [`Check::shard`](super::Check::shard).
    pub const fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// Notes on the result, one line each: stored plans that now hit other packets, or no longer fit, and where a new
    /// plan was stored.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The statistics of the runs.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The first failure, shrunk.
    pub const fn shrunk(&self) -> Option<&Shrunk> {
        self.shrunk.as_ref()
    }

    /// The first failure, shrunk, without how it was shrunk.
    pub fn failure(&self) -> Option<&Failure> {
        self.shrunk.as_ref().map(|shrunk| &shrunk.failure)
    }
}

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A plan cannot be read.
    #[error("{origin}: {source}")]
    Plan {
        /// Where it is from.
        origin: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A plan is for other hosts.
    #[error("{origin}: {source}")]
    Host {
        /// Where it is from.
        origin: String,
        /// Which host it names.
        source: UnknownHost,
    },
    /// A plan has commands that do not exist.
    #[error("{origin}: {source}")]
    Command {
        /// Where it is from.
        origin: String,
        /// Which command it gives.
        source: UnknownCommand,
    },
    /// A plan changes a clock that a host does not have.
    #[error("{origin}: {source}")]
    Clock {
        /// Where it is from.
        origin: String,
        /// Which host it names.
        source: SharedClock,
    },
    /// A file of a plan cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An environment variable does not name a part of the runs.
    #[error("{name}: {source}")]
    Shard {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        source: ShardError,
    },
    /// An environment variable is not a number.
    #[error("{name}: '{text}' is not a whole number from 0 to {max}", max = u64::MAX)]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        text: String,
    },
}
