//! What a sweep or a shard of one comes to, as a file: whole numbers only, so that shards join to the whole exactly.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::output::program;
use super::super::parts::{PartError, PartFile, gather, part};
use crate::check::{Counts, Panicked, Shard};
use crate::fault::Chance;

/// Why a sweep is not made, or its parts are not joined.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum SweepError {
    /// There would be too many points.
    #[error("--step: that makes {0} losses; at most 1001 are possible: write a longer step")]
    Points(u128),
    /// All runs would be the same.
    #[error("--faults: the plan has a seed, which makes all runs the same: leave it out")]
    Seeded,
    /// The file's name does not say what it is to be.
    #[error("-o: cannot tell from '{0}' what to write: end it in .svg, .html or .json")]
    Kind(String),
    /// A shard is no whole that could be shown.
    #[error("-o: a shard is written as JSON: end '{0}' in .json")]
    ShardKind(String),
    /// A machine panicked.
    #[error("at loss {loss} {panicked}; '{} check' with this loss makes it small", program())]
    Panicked {
        /// The loss.
        loss: Chance,
        /// The run.
        panicked: Panicked,
    },
    /// The plots cannot be drawn.
    #[error("cannot draw the plots: {0}")]
    Draw(String),
    /// The file to go on from is of something else.
    #[error("--continue: '{path}' is of another sweep: its {what} differs")]
    Another {
        /// The file.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// Parts that are not finished make no part.
    #[error(
        "-o: shards that were interrupted make no part that can be gone on from: write FILE.svg or FILE.html"
    )]
    Unfinished,
    /// Its parts do not fit.
    #[error(transparent)]
    Parts(#[from] PartError),
}

/// What a sweep was to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// The version of the program that made the runs.
    pub(super) version: String,
    /// The system.
    pub(super) system: String,
    /// The words that chose its options.
    pub(super) options: Vec<String>,
    /// The words that chose what goes wrong beside the losses.
    pub(super) network: Vec<String>,
    /// Where the seeds came from.
    pub(super) seed: u64,
    /// How many runs the whole sweep makes at each loss.
    pub(super) runs: u64,
    /// The losses.
    pub(super) losses: Vec<String>,
    /// For each loss the share of successes by the closed form, in parts of [`SHARE`]; if there is a form.
    pub(super) expected: Option<Vec<u64>>,
}

/// What is one in a share that is written as a whole number.
pub(super) const SHARE: u64 = 1_000_000_000_000_000;

impl Question {
    /// What of it differs from another.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("version", self.version == other.version),
            ("system", self.system == other.system),
            ("list of options", self.options == other.options),
            ("network", self.network == other.network),
            ("seed", self.seed == other.seed),
            ("number of runs", self.runs == other.runs),
            ("list of losses", self.losses == other.losses),
            ("closed form", self.expected == other.expected),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
    }
}

/// A sweep, or a shard of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// What was to be found out.
    pub(super) sweep: Question,
    /// Which of the runs were made.
    pub(super) shard: Shard,
    /// What they come to at each loss.
    pub(super) points: Vec<Counts>,
}

impl Part {
    /// How many runs it has at each loss if all were made.
    pub(super) fn each(&self) -> u64 {
        let range = self.shard.range(self.sweep.runs);
        range.end - range.start
    }

    /// How many runs were made in all.
    pub(super) fn made(&self) -> u64 {
        self.points.iter().map(|counts| counts.runs).sum()
    }

    /// Whether all were made. Of a sweep that was interrupted, each loss has the first of its runs, or none.
    pub(super) fn is_finished(&self) -> bool {
        self.points.iter().all(|counts| counts.runs == self.each())
    }

    /// Reads the part from which a sweep that asks the same goes on.
    pub(super) fn read(path: &Path, sweep: &Question, shard: Shard) -> Result<Self, SweepError> {
        let part: Self = part(path)?;
        let shard = (part.shard != shard).then_some("shard");
        match part.sweep.difference(sweep).or(shard) {
            Some(what) => Err(SweepError::Another { path: path.display().to_string(), what }),
            None => Ok(part),
        }
    }
}

impl PartFile for Part {
    const KIND: &'static str = "sweep";

    fn shard(&self) -> Shard {
        self.shard
    }

    fn difference(&self, other: &Self) -> Option<&'static str> {
        self.sweep.difference(&other.sweep)
    }

    fn flaw(&self) -> Option<&'static str> {
        let points = self.sweep.losses.len();
        if points == 0
            || self.points.len() != points
            || self.sweep.expected.as_ref().is_some_and(|expected| expected.len() != points)
        {
            return Some("it has not one point for each loss");
        }
        if self.sweep.losses.iter().any(|loss| loss.parse::<Chance>().is_err()) {
            return Some("a loss is no probability");
        }
        let each = self.each();
        let fits = |counts: &Counts| {
            let ends = u128::from(counts.successes) + u128::from(counts.failures);
            let timed: u128 = counts.millis.values().copied().map(u128::from).sum();
            counts.runs <= each && ends <= u128::from(counts.runs) && timed == u128::from(counts.successes)
        };
        if self.points.iter().all(fits) { None } else { Some("its counts are not those of its runs") }
    }
}

/// Joins the parts of a sweep, all of which must be there, each once; says how many of them are not finished.
pub(super) fn join<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(Part, usize), PartError> {
    let parts = gather::<Part>(paths)?;
    let unfinished = parts.iter().filter(|part| !part.is_finished()).count();
    let parts = parts.into_iter();
    let whole = parts.reduce(|mut whole, part| {
        whole.points.iter_mut().zip(&part.points).for_each(|(sum, counts)| sum.merge(counts));
        whole
    });
    let whole = whole.ok_or(PartError::Missing { missing: 1, first: 1, of: 1 })?;
    Ok((Part { shard: Shard::WHOLE, ..whole }, unfinished))
}
