//! A check, or a shard of one, as a file: whole numbers and texts, so that shards join to the whole exactly; and how they
//! are joined.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::args::CheckArgs;
use super::error::CliError;
use super::failed::Broken;
use super::formats::{self, CheckFormat, Shown};
use super::output;
use super::parts::{self, PartFile};
use super::report::{Example, Question, Report, Untried};
use super::sweep::{self, MergeArgs, SweepError};
use super::value;
use crate::check::{Shard, Tally};
use crate::fault::FaultKind;
use crate::machine::Status;
use crate::time::Instant;

/// What of a check is there for the computers that test a project.
#[derive(Clone, Debug, Args)]
pub(super) struct CiArgs {
    /// Base seed from a text instead: with "$(date +%F)" each night has its own
    #[arg(long, value_name = "TEXT", conflicts_with = "seed", allow_hyphen_values = true, value_parser = value::seed_from)]
    pub(super) seed_from: Option<u64>,
    /// Make only part K of N of the runs, counted from 1; with -o FILE.json for 'lossproof merge'
    #[arg(long, value_name = "K/N", conflicts_with = "exhaustive", allow_hyphen_values = true)]
    pub(super) shard: Option<Shard>,
    /// File for the counts, FILE.json, for 'lossproof merge'; the printed report then has no wall-clock time
    #[arg(short, long, value_name = "FILE", conflicts_with = "exhaustive")]
    pub(super) output: Option<PathBuf>,
    /// Directory that keeps plans that fail; its plans run first
    #[arg(long, value_name = "DIR")]
    pub(super) corpus: Option<PathBuf>,
}

impl CheckArgs {
    /// Where the seeds of the runs come from.
    pub(super) fn seed(&self) -> u64 {
        self.ci.seed_from.unwrap_or(self.seed)
    }
}

/// Why a check is not made, or its parts are not joined.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShardError {
    /// The file's name does not say what it is.
    #[error("-o: a check is written as JSON: end '{0}' in .json")]
    Kind(String),
    /// A sweep has no such form.
    #[error("--format: a sweep is written as text or json; {0} is for parts of a check")]
    Format(&'static str),
}

/// Looks whether the counts can be written to a file of this name.
pub(super) fn check_output(path: Option<&Path>) -> Result<(), ShardError> {
    let is_json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    match path.filter(|path| !is_json(path)) {
        Some(path) => Err(ShardError::Kind(path.display().to_string())),
        None => Ok(()),
    }
}

/// What a check was to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The version of the program that made the runs.
    pub(super) version: String,
    pub(super) system: String,
    /// The words that chose its options.
    pub(super) options: Vec<String>,
    /// The words that chose how the network misbehaves.
    pub(super) network: Vec<String>,
    /// The plan that every run has.
    pub(super) plan: String,
    /// Whether each run was made two times.
    pub(super) twice: bool,
    pub(super) seed: u64,
    /// How many runs the whole check makes.
    pub(super) runs: u64,
    pub(super) hosts: Vec<String>,
    pub(super) properties: Vec<String>,
    pub(super) laws: Vec<String>,
    /// The kinds of fault that were to be drawn, by name, with the words that asked for them.
    pub(super) kinds: Vec<(String, String)>,
    /// Those that were drawn, planned, or neither, before anything has fired.
    pub(super) untried: Untried,
}

impl Asked {
    /// What of it differs from another.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("version", self.version == other.version),
            ("system", self.system == other.system),
            ("list of options", self.options == other.options),
            ("network", (&self.network, &self.kinds) == (&other.network, &other.kinds)),
            ("list of kinds of fault", self.untried == other.untried),
            ("plan", self.plan == other.plan),
            ("use of --twice", self.twice == other.twice),
            ("seed", self.seed == other.seed),
            ("number of runs", self.runs == other.runs),
            ("list of hosts", self.hosts == other.hosts),
            ("list of properties", self.properties == other.properties),
            ("list of laws", self.laws == other.laws),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
    }

    /// What never happened of that, and of the plan.
    fn never(&self, tally: &Tally) -> Vec<String> {
        let fired = |name: &str| {
            let kind = FaultKind::named(name);
            tally.fired_kinds().any(|(other, _)| Some(other) == kind)
        };
        let drawn = self.kinds.iter().filter(|(kind, _)| !fired(kind));
        let drawn = drawn.map(|(kind, word)| format!("{kind} ({word})"));
        let planned = tally.never_fired().map(|fault| format!("{fault} (--faults)"));
        let passed = |name: &&str| tally.queues.keys().any(|(at, ..)| at == name);
        let bottlenecks = self.plan.split("; ").filter_map(|item| item.strip_prefix("bottleneck "));
        let names = bottlenecks.filter_map(|item| item.split(' ').next()).filter(|name| !passed(name));
        drawn.chain(planned).chain(names.map(|name| format!("bottleneck {name} (--faults)"))).collect()
    }

    /// The question of a report on these runs.
    pub(super) fn question(&self, shard: Shard, tally: &Tally) -> Question {
        Question {
            system: self.system.clone(),
            options: self.options.clone(),
            network: self.network.clone(),
            seed: self.seed,
            shard: (shard != Shard::WHOLE).then(|| shard.to_string()),
            properties: self.properties.clone(),
            laws: self.laws.clone(),
            untried: self.untried.after(tally),
            never: self.never(tally),
        }
    }
}

/// The failure that a check ended with.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failed {
    /// When it came in the run that was found first, in nanoseconds.
    pub(super) at_nanos: u64,
    /// The file of the plan that failed, if it was one of the corpus: no other run was made then.
    pub(super) kept: Option<String>,
    /// What the text of the report shows of the transcript.
    pub(super) excerpt: String,
    /// The failure, made small.
    pub(super) broken: Broken,
}

/// The run to show of those that may be shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Candidate {
    /// Whether its client succeeded.
    pub(super) succeeded: bool,
    pub(super) example: Example,
}

impl Candidate {
    /// How much it is worth to be shown.
    const fn rank(&self) -> (bool, u64) {
        (self.succeeded, self.example.faults)
    }
}

/// A check, or a shard of one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// What was to be found out.
    pub(super) check: Asked,
    /// Which of the runs were made: all of the part, or up to the one that failed.
    pub(super) shard: Shard,
    /// What they come to, but for the failure.
    #[serde(with = "super::sums")]
    pub(super) tally: Tally,
    pub(super) failed: Option<Failed>,
    pub(super) example: Option<Candidate>,
}

impl Part {
    /// The report on it, which tells no time by the clock on the wall.
    pub(super) fn report(&self) -> Report {
        let names: Vec<&str> = self.check.hosts.iter().map(String::as_str).collect();
        let failed = |failed: &Failed| {
            let broken = failed.broken.clone().with_excerpt(failed.excerpt.clone());
            (broken, Instant::from_nanos(failed.at_nanos))
        };
        let example = self.example.as_ref().filter(|_| self.failed.is_none());
        let example = example.map(|candidate| candidate.example.clone());
        let mut asked = self.check.question(self.shard, &self.tally);
        if self.failed.as_ref().is_some_and(|failed| failed.kept.is_some()) {
            // The plan of the corpus was made, and nothing was drawn.
            asked.never.clear();
            asked.untried = Untried::default();
        }
        Report::new(asked, &self.tally, &names, example, self.failed.as_ref().map(failed))
    }

    /// Adds the part that comes after this one, as if its runs had been made after those of this one.
    fn append(&mut self, later: Self) {
        // Where a plan of the corpus fails, no run is made, and where a run fails none after it.
        let is_first = |part: &Self| part.failed.as_ref().is_some_and(|failed| failed.kept.is_some());
        if is_first(&later) && !is_first(self) {
            *self = later;
        } else if self.failed.is_none() {
            self.tally.merge(later.tally);
            self.failed = later.failed;
            let own = self.example.take().filter(|_| self.failed.is_none());
            let better = |own: &Candidate, other: &Candidate| other.rank() > own.rank();
            self.example = match (own, later.example) {
                (Some(own), Some(other)) if better(&own, &other) => Some(other),
                (own, other) => own.or(other),
            };
        }
    }

    /// Writes the counts to a file, and the report to standard output; how it ended.
    pub(super) fn end(
        &self,
        report: &Report,
        format: CheckFormat,
        output: Option<&Path>,
    ) -> Result<Status, CliError> {
        if let Some(path) = output {
            output::write_file(path, self.text())?;
        }
        formats::print(format, report, || Shown::new(report, &report.to_string(), false))?;
        Ok(if self.failed.is_none() { Status::Success } else { Status::Failure })
    }
}

impl PartFile for Part {
    const KIND: &'static str = "check";

    fn shard(&self) -> Shard {
        self.shard
    }

    fn difference(&self, other: &Self) -> Option<&'static str> {
        self.check.difference(&other.check)
    }

    fn flaw(&self) -> Option<&'static str> {
        let (range, runs) = (self.shard.range(self.check.runs), self.tally.runs);
        let fits = match &self.failed {
            None => runs == range.end - range.start,
            Some(Failed { kept: Some(_), .. }) => runs == 1,
            Some(failed) => runs > 0 && range.start.checked_add(runs - 1) == Some(failed.broken.run),
        };
        let ended = self.tally.ended.values().copied().map(u128::from).sum::<u128>();
        let fits = fits && ended + u128::from(self.failed.is_some()) == u128::from(runs);
        (!fits).then_some("its counts are not those of its runs")
    }
}

/// What a file of a part is of.
#[derive(Deserialize)]
struct Kind {
    check: Option<serde::de::IgnoredAny>,
}

/// Joins the shards of a check, or of a sweep.
pub(super) fn merge(args: &MergeArgs) -> Result<Status, CliError> {
    let paths = || args.parts.iter().map(AsRef::as_ref);
    let first = paths().next().map(parts::read).transpose().map_err(SweepError::from)?;
    let kind = first.and_then(|text| serde_json::from_str::<Kind>(&text).ok());
    if kind.is_none_or(|kind| kind.check.is_none()) {
        return sweep::merge(args);
    }
    check_output(args.output.as_deref())?;
    output::check_writable(args.output.as_deref())?;
    let parts = parts::gather::<Part>(paths()).map_err(SweepError::from)?.into_iter();
    let whole = parts.reduce(|mut whole, part| {
        whole.append(part);
        whole
    });
    // There is a first part, so there is a whole.
    let Some(whole) = whole else { return Ok(Status::Success) };
    let whole = Part { shard: Shard::WHOLE, ..whole };
    if let Some(Failed { kept: Some(path), .. }) = &whole.failed {
        output::complain(format_args!("note: the kept plan {path} fails"));
    }
    whole.end(&whole.report(), args.format, args.output.as_deref())
}
