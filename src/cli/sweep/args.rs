//! The words of `sweep` and `merge`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::super::args::{FaultArgs, Format};
use super::super::choices::SystemArgs;
use super::super::formats::CheckFormat;
use super::super::value;
use crate::check::Shard;
use crate::fault::{Chance, ChanceError};

/// The most losses that a sweep goes through.
const MAX_POINTS: u128 = 1001;

/// What the help of `sweep` shows.
pub(in super::super) const SWEEP_EXAMPLES: &str = "\
Examples:
  lossproof sweep udp-remote
  lossproof sweep udp-remote --loss 0%..60% --step 5% --runs 1000000 -o report.html
  lossproof sweep tcp-sixteen --loss 0%..20% --step 2% --profile lte --format json
  lossproof sweep udp-remote --shard 3/8 -o part-3.json   (after all eight: lossproof merge)

Neither the laws nor the properties are held here: that is for 'lossproof check', whose runs with
the same loss and seed are the same. --bug plants the bug alone. Equal arguments give equal bytes,
on any number of threads and in any number of shards.";

/// What the help of `merge` shows.
pub(in super::super) const MERGE_EXAMPLES: &str = "\
Examples:
  lossproof merge part-*.json
  lossproof merge part-*.json -o report.html

What it writes has the same bytes as the whole sweep, or the whole check with -o, made at once. Of a
check the exit status is that of the whole, too.";

/// The words after `sweep`.
#[derive(Debug, Args)]
pub(in super::super) struct SweepArgs {
    /// Which system; 'lossproof list' shows all
    pub(in super::super) system: String,
    /// Loss rates to measure, as FROM..TO, or a single one
    #[arg(long, value_name = "FROM..TO", default_value = "0%..60%", allow_hyphen_values = true, value_parser = losses)]
    pub(super) loss: (Chance, Chance),
    /// Step between loss rates
    #[arg(long, value_name = "P", default_value = "5%", allow_hyphen_values = true, value_parser = step)]
    pub(super) step: Chance,
    /// Number of runs at each loss rate
    #[arg(long, value_name = "N", default_value = "100000", allow_hyphen_values = true, value_parser = value::runs)]
    pub(super) runs: u64,
    /// Base seed; the seeds of the runs are the same at each loss rate
    #[arg(long, value_name = "N", default_value = "0", allow_hyphen_values = true, value_parser = value::seed)]
    pub(super) seed: u64,
    /// What else goes wrong.
    #[command(flatten)]
    pub(super) faults: FaultArgs,
    /// Make only part K of N of the runs, counted from 1, and write it to -o FILE.json for 'lossproof merge'
    #[arg(long, value_name = "K/N", requires = "output", allow_hyphen_values = true)]
    pub(super) shard: Option<Shard>,
    /// Continue an interrupted sweep, or shard of one, that had the same options
    #[arg(long = "continue", value_name = "FILE")]
    pub(super) go_on: Option<PathBuf>,
    /// Number of threads [default: the number of processors]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::jobs)]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Format of the table
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Where to write plots (FILE.svg, FILE.html) or the counts (FILE.json)
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// The system's own.
    #[arg(skip)]
    pub(in super::super) options: SystemArgs,
}

/// The words after `merge`.
#[derive(Debug, Args)]
pub(in super::super) struct MergeArgs {
    /// The files of all shards, in any order
    #[arg(value_name = "PART", required = true)]
    pub(in super::super) parts: Vec<PathBuf>,
    /// Format of the table or the report; junit and github are for a check
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(in super::super) format: CheckFormat,
    /// Where to write plots (FILE.svg, FILE.html; not of a check) or the counts (FILE.json)
    #[arg(short, long, value_name = "FILE")]
    pub(in super::super) output: Option<PathBuf>,
}

/// Why a text is not a value of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordError {
    /// It is no range of losses.
    #[error("cannot use '{text}': write FROM..TO, such as 0%..60%: {why}")]
    Range {
        /// The text.
        text: String,
        /// What is wrong with one of the two.
        why: ChanceError,
    },
    /// It goes down.
    #[error("cannot use '{0}': the first loss is more than the last")]
    Down(String),
    /// It is no probability.
    #[error("{0}")]
    Chance(#[from] ChanceError),
    /// It leads nowhere.
    #[error("a step must be more than 0%")]
    NoStep,
}

/// Reads a range of losses.
fn losses(text: &str) -> Result<(Chance, Chance), WordError> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let chance = |part: &str| part.parse().map_err(|why| WordError::Range { text: text.to_owned(), why });
    let (from, to): (Chance, Chance) = (chance(from)?, chance(to)?);
    if from > to { Err(WordError::Down(text.to_owned())) } else { Ok((from, to)) }
}

/// Reads a step.
fn step(text: &str) -> Result<Chance, WordError> {
    let step = text.parse()?;
    if step == Chance::NEVER { Err(WordError::NoStep) } else { Ok(step) }
}

/// The losses of a range, or how many there are if those are too many.
pub(super) fn points((from, to): (Chance, Chance), step: Chance) -> Result<Vec<Chance>, u128> {
    let count = (to.parts() - from.parts()) / step.parts() + 1;
    if count > MAX_POINTS {
        return Err(count);
    }
    let loss = |n| Chance::ratio(from.parts() + n * step.parts(), u128::from(Chance::PARTS));
    Ok((0..count).filter_map(loss).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_losses_of_a_range_are_exact_and_end_with_it() {
        let texts = |range, by| -> Vec<String> {
            points(losses(range).unwrap(), step(by).unwrap())
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(texts("0%..0.3", "0.1"), ["0%", "10%", "20%", "30%"]);
        assert_eq!(texts("5%..20%", "10%"), ["5%", "15%"]);
        assert_eq!(texts("90%..100%", "100%"), ["90%"]);
        assert_eq!(texts("30%", "5%"), ["30%"]);
        assert_eq!(points(losses("0%..100%").unwrap(), step("0.05%").unwrap()), Err(2001));
    }
}
