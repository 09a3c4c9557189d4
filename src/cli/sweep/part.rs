//! What a sweep or a shard of one comes to, as a file: whole numbers only, so that shards join to the whole exactly.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::output::program;
use super::args::Shard;
use crate::check::{Counts, Panicked};
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
    /// A part cannot be read.
    #[error("cannot read '{path}': {}", .source.to_string().to_lowercase().split(" (os error").next().unwrap_or_default())]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is no part.
    #[error("'{path}' is not a part of a sweep: {why}")]
    NotAPart {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Two parts are of different sweeps.
    #[error("'{path}' is of another sweep than '{first}': its {what} differs")]
    Another {
        /// The file.
        path: String,
        /// The first file.
        first: String,
        /// What differs.
        what: &'static str,
    },
    /// A shard is there two times.
    #[error("'{path}' has shard {number}/{of}, which '{other}' has, too: give each once")]
    Doubled {
        /// The file.
        path: String,
        /// The file with the same.
        other: String,
        /// The shard.
        number: u64,
        /// How many there are.
        of: u64,
    },
    /// Shards are not there.
    #[error(
        "{missing} of {of} shards are missing, the first of them {first}/{of}: make it with --shard {first}/{of}"
    )]
    Missing {
        /// How many.
        missing: u64,
        /// The first of them.
        first: u64,
        /// How many there are.
        of: u64,
    },
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
    /// As the text of a file.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    fn read(path: &Path) -> Result<Self, SweepError> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| SweepError::Read { path: name(), source })?;
        let part: Self = serde_json::from_str(&text)
            .map_err(|error| SweepError::NotAPart { path: name(), why: error.to_string() })?;
        match part.flaw() {
            Some(why) => Err(SweepError::NotAPart { path: name(), why: why.to_owned() }),
            None => Ok(part),
        }
    }

    /// What does not fit in it, which only a changed file has.
    fn flaw(&self) -> Option<&'static str> {
        if !self.shard.is_possible() {
            return Some("there is no such shard");
        }
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
        let range = self.shard.range(self.sweep.runs);
        let fits = |counts: &Counts| {
            let ends = u128::from(counts.successes) + u128::from(counts.failures);
            let timed: u128 = counts.millis.values().copied().map(u128::from).sum();
            counts.runs == range.end - range.start
                && ends <= u128::from(counts.runs)
                && timed == u128::from(counts.successes)
        };
        if self.points.iter().all(fits) { None } else { Some("its counts are not those of its runs") }
    }
}

/// Joins the parts of a sweep, all of which must be there, each once.
pub(super) fn join<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Part, SweepError> {
    let mut whole: Option<(String, Part)> = None;
    let mut seen = BTreeMap::new();
    for path in paths {
        let (name, part) = (path.display().to_string(), Part::read(path)?);
        let Shard { number, of } = part.shard;
        if let Some((first, whole)) = &whole {
            let what = part.sweep.difference(&whole.sweep);
            if let Some(what) = what.or_else(|| (of != whole.shard.of).then_some("number of shards")) {
                return Err(SweepError::Another { path: name, first: first.clone(), what });
            }
        }
        if let Some(other) = seen.insert(number, name.clone()) {
            return Err(SweepError::Doubled { path: name, other, number, of });
        }
        match &mut whole {
            None => whole = Some((name, part)),
            Some((_, whole)) => {
                whole.points.iter_mut().zip(&part.points).for_each(|(sum, counts)| sum.merge(counts));
            }
        }
    }
    let Some((_, mut whole)) = whole else { return Err(SweepError::Missing { missing: 1, first: 1, of: 1 }) };
    let of = whole.shard.of;
    let first = seen.keys().zip(1..).find(|(number, place)| **number != *place).map(|(_, place)| place);
    let made = seen.len() as u64;
    if made < of {
        return Err(SweepError::Missing { missing: of - made, first: first.unwrap_or(made + 1), of });
    }
    whole.shard = Shard::WHOLE;
    Ok(whole)
}
