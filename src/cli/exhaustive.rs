//! `check --exhaustive`: every schedule of at most so many faults.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::app::App;
use super::args::CheckArgs;
use super::check::{clock, laws, statements};
use super::error::CliError;
use super::failed::Broken;
use super::formats::{self, Shown};
use super::report::{Question, Report, Untried, item};
use super::world::World;
use super::{first, interrupt, progress};
use crate::check::{Draws, Exhaustive, Explored, Fates, Limit, MAX_SHRINK_RUNS, Progress, Tried};
use crate::fault::Fault;
use crate::machine::Status;
use crate::number::{count, thousands};
use crate::parallel;
use crate::scenario::Transport;
use crate::time::Instant;

/// Goes through all schedules.
pub(super) fn run(app: &App, args: &CheckArgs, max_faults: usize) -> Result<Status, CliError> {
    let (options, bug) = (args.options.options(app)?, args.options.bug(app)?);
    let world = World::new(app, &options, bug, args.faults.given())?;
    let scenario = &world.built.scenario;
    let names = scenario.names();
    let fates = match &args.fates {
        Some(text) => Fates::parse(text, &names)?,
        None => usual(&world.transports()),
    };
    let search = Exhaustive::new(scenario, fates.clone(), max_faults)
        .with_seed(args.seed())
        .stop_if(interrupt::is_asked)
        .with_plan(world.plan.clone())?;
    let (jobs, most) = (progress::threads(args.jobs), args.runs.unwrap_or(u64::MAX));
    let (explored, wall) = explore(|progress| parallel::schedules(&search, jobs, most, progress));
    let shrunk = explored.failure.as_ref().map(|failure| search.shrink(failure, MAX_SHRINK_RUNS));
    let is_given = |kind| {
        let planned = world.plan.faults().iter().map(Fault::kind);
        planned.chain(fates.kinds()).any(|given| given == kind)
    };
    let tried = Tried::new(scenario.spec(), &Draws::Profiles(Vec::new()), is_given);
    let asked = Question {
        system: app.name.to_owned(),
        options: args.options.words(),
        network: words(args, max_faults),
        seed: args.seed(),
        shard: None,
        properties: statements(scenario),
        laws: laws(scenario),
        untried: Untried::of(&tried.after(&explored.tally)),
        never: explored.tally.never_fired().map(|fault| format!("{fault} (--faults)")).collect(),
    };
    let failure = shrunk.as_ref().map(|shrunk| (Broken::new(shrunk, &asked), Instant::START));
    if let Some(shrunk) = &shrunk {
        first::keep(app, args, shrunk);
    }
    // The tally has the time of the run that failed.
    let report = Report::new(asked, &explored.tally, &names, None, failure)
        .exhaustive(explored.runs, explored.is_complete)
        .timed(wall);
    let found = Found { report, schedules: Schedules::new(max_faults, &fates, &explored) };
    let shown = || Shown::new(&found.report, &found.to_string(), !explored.is_complete);
    formats::print(args.format, &found, shown)?;
    if explored.limit == Some(Limit::Asked) {
        return Err(CliError::Interrupted { runs: explored.runs, kept: None });
    }
    Ok(if explored.holds() { Status::Success } else { Status::Failure })
}

/// The fates that are tried unless others are given: those of what carries the messages.
fn usual(transports: &[Transport]) -> Fates {
    match transports {
        [Transport::Udp] => Fates { stream: Vec::new(), ..Fates::default() },
        [Transport::Tcp] => Fates { datagram: Vec::new(), ..Fates::default() },
        _ => Fates::default(),
    }
}

/// Explores with a progress bar where standard error is a terminal.
fn explore(search: impl FnOnce(&mut dyn FnMut(&Progress)) -> Explored) -> (Explored, Duration) {
    let bar = progress::bar(0, "{bar:40} {msg}, {human_pos} of {human_len}, {eta} left");
    let begun_at = clock();
    let explored = search(&mut |progress| {
        let Progress { faults, done, of, runs } = *progress;
        bar.set_length(of);
        bar.set_position(done);
        bar.set_message(format!("{}; with {}", count(runs, "run"), count(faults as u64, "fault")));
    });
    let wall = begun_at.elapsed();
    bar.finish_and_clear();
    (explored, wall)
}

/// The words that chose the schedules.
fn words(args: &CheckArgs, max_faults: usize) -> Vec<String> {
    let mut words = vec![format!("--exhaustive {max_faults}")];
    words.extend(args.fates.as_ref().map(|fates| format!("--fates '{fates}'")));
    words.extend(args.faults.streams_word());
    words.extend(args.faults.faults.as_ref().map(|plan| format!("--faults '{plan}'")));
    words
}

/// What was found.
#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    report: Report,
    schedules: Schedules,
}

/// Which schedules were gone through.
#[derive(Serialize)]
struct Schedules {
    max_faults: usize,
    fates: String,
    /// Whether these are all.
    complete: bool,
    /// How many there are, if these are all.
    all: Option<u64>,
    /// How many of them were left out, for they go on as others do.
    saved: u64,
    /// How many runs were broken off where another run had been.
    merged: u64,
    /// How many states were told apart; none if a machine has no fingerprint.
    states: u64,
    /// How many runs had no fault, one, and so on.
    by_faults: Vec<u64>,
}

impl Schedules {
    fn new(max_faults: usize, fates: &Fates, explored: &Explored) -> Self {
        let Explored { runs, saved, merged, states, is_complete, by_faults, .. } = explored;
        Self {
            max_faults,
            fates: fates.to_string(),
            complete: *is_complete,
            all: is_complete.then(|| runs.saturating_add(*saved)),
            saved: *saved,
            merged: *merged,
            states: *states,
            by_faults: by_faults.clone(),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        item(f, "fates", &self.fates)?;
        let by_faults: Vec<String> = self.by_faults.iter().map(|runs| thousands(*runs)).collect();
        item(f, "by count", &format!("{} (of 0, 1, … faults)", by_faults.join(", ")))?;
        let merged = format!("{} broken off in a state where another had been", count(self.merged, "run"));
        match self.states {
            0 if self.max_faults > 1 => item(f, "saved", "nothing: a machine has no fingerprint"),
            _ if self.complete => item(f, "saved", &format!("{}; {merged}", count(self.saved, "schedule"))),
            _ => item(f, "saved", &merged),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (report, schedules) = (&self.report, &self.schedules);
        let (title, most) = (report.title(), count(schedules.max_faults as u64, "fault"));
        match schedules.all {
            // The report on a failure is that of any check.
            _ if report.failure().is_some() => return write!(f, "{report}"),
            Some(all) => writeln!(
                f,
                "PASSED {title}: every schedule of at most {most} ({}), {}",
                thousands(all),
                report.statements()
            )?,
            None => writeln!(
                f,
                "UNFINISHED {title}: of the schedules of at most {most} only {} were made, which passed",
                thousands(report.runs())
            )?,
        }
        schedules.write(f)?;
        report.write_runs(f)?;
        report.write_sums(f)?;
        report.write_statements(f)?;
        report.write_seen(f)
    }
}
