//! Making a check.

use std::ops::Range;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Check, CheckError, RUNS, Verdict, files, read_trace, replay};
use crate::check::{Draws, Exhaustive, MAX_TURN_RUNS, MAX_TURN_TIME, Search, Shard, Shrunk, Tally, Tried};
use crate::engine::Prepared;
use crate::fault::{FaultPlan, Profile};
use crate::number::{count, span};
use crate::{parallel, seed};

/// The variable with a plan to run instead of all else.
pub(super) const REPLAY: &str = "LOSSPROOF_REPLAY";
/// The variable with the number of runs.
const RUNS_VARIABLE: &str = "LOSSPROOF_RUNS";
/// The variable with the seed.
const SEED: &str = "LOSSPROOF_SEED";
/// The variable with a text that the seed is made of.
const SEED_FROM: &str = "LOSSPROOF_SEED_FROM";
/// The variable with the part of the runs that is to be made.
const SHARD: &str = "LOSSPROOF_SHARD";
/// The variable that the runner of GitHub Actions sets.
const GITHUB: &str = "GITHUB_ACTIONS";

/// Says once in a process that lossproof is not optimised, if so: beside the first report.
fn say_if_slow() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if cfg!(unoptimised) && !SAID.swap(true, Ordering::Relaxed) {
        eprintln!(
            "note: lossproof itself is not optimised here. With these lines in Cargo.toml tests run several times faster:\n\
             [profile.dev.package.lossproof]\nopt-level = 3"
        );
    }
}

/// What a check lacks that makes none.
const NO_RUNS: &str = "  runs\n";

impl Check {
    /// Makes the runs, and panics if one of them fails, or if they do not test what was demanded. The panic has the
    /// place of the call.
    ///
    /// # Panics
    /// With the report, if a run breaks a law or a property; with what is lacking, if the check is vacuous. With one line
    /// that says what to do, if a plan or a variable cannot be read, or a plan is for other hosts.
    #[expect(clippy::must_use_candidate, reason = "most tests want no more than that nothing fails")]
    #[track_caller]
    pub fn assert(&self) -> Verdict {
        let mut verdict = match self.verdict() {
            Ok(verdict) => verdict,
            Err(error) => panic!("{error}"),
        };
        if let Some(directory) = &self.corpus {
            verdict.notes.extend(files::keep(directory, &verdict));
        }
        let files = match (verdict.shrunk(), verdict.tally().runs) {
            (Some(_), _) => files::write(&verdict),
            // Another check is made again, so nothing is known of this one.
            (None, 0) => String::new(),
            // Another part may have failed, and be what the files are of.
            (None, _) if verdict.shard().is_some() => String::new(),
            (None, _) => files::remove(&verdict),
        };
        if verdict.holds() {
            files::tell(&verdict);
            return verdict;
        }
        if variable(GITHUB).is_some_and(|is_there| is_there == "true") {
            eprintln!("{}", verdict.annotation(Location::caller()));
        }
        say_if_slow();
        panic!("{verdict}{files}");
    }

    /// Makes the runs, and returns the result. It does not panic and writes no file.
    ///
    /// # Errors
    /// If a plan or a variable cannot be read, or a plan is for other hosts.
    pub fn verdict(&self) -> Result<Verdict, CheckError> {
        let taken = replay::taken().map(|plan| ("the plan to replay", plan));
        let replayed = taken.or_else(|| variable(REPLAY).map(|plan| (REPLAY, plan)));
        if let Some((origin, plan)) = replayed {
            return match self.name.own(&plan) {
                Some(plan) => {
                    let (_, prepared) = self.read(plan, origin)?;
                    Ok(self.judge(|| self.replaying(&prepared), 0..1))
                }
                // It is another check of this test that is made again.
                None => Ok(self.found(Tally::new(0), None, Duration::ZERO, String::new())),
            };
        }
        // The only part is the whole.
        let shard = shard()?.or(self.shard).filter(|shard| *shard != Shard::WHOLE);
        let (seed, runs) = (seed()?.unwrap_or(self.seed), number(RUNS_VARIABLE)?.or(self.runs));
        let (failed, notes) = self.make_kept()?;
        let verdict = match (failed, self.exhaustive) {
            (Some(failed), _) => failed,
            (None, Some(max_faults)) => self.explore(shard, max_faults, seed, runs)?,
            (None, None) => self.draw(shard, seed, runs.unwrap_or(RUNS))?,
        };
        let tried = self.tried().after(verdict.tally());
        let is_swarm = self.exhaustive.is_none() && self.draws.is_none();
        Ok(verdict.with_notes(notes).tried(tried, is_swarm))
    }

    /// What the runs try.
    fn tried(&self) -> Tried {
        let planned = |kind| self.plan.faults().iter().any(|fault| fault.kind() == kind);
        let linked = |kind| self.links.all().iter().any(|(.., profile)| profile.draws(kind));
        let fated = |kind| self.exhaustive.is_some() && self.fates.kinds().any(|fate| fate == kind);
        let draws = if self.exhaustive.is_some() { Draws::Profiles(Vec::new()) } else { self.draws() };
        Tried::new(self.scenario.spec(), &draws, |kind| planned(kind) || linked(kind) || fated(kind))
    }

    /// Makes runs with faults that are drawn: all, or a part.
    fn draw(&self, shard: Option<Shard>, seed: u64, runs: u64) -> Result<Verdict, CheckError> {
        let prepared = self.prepared(&self.plan, "the plan")?;
        let search = || {
            let search = self.search(prepared.clone(), self.draws(), seed);
            if self.guided { search.guided() } else { search }
        };
        let range = shard.unwrap_or(Shard::WHOLE).range(runs);
        let mut verdict = self.judge(search, range);
        let never = self.demands.never(verdict.tally());
        let lacking = if runs == 0 { NO_RUNS.to_owned() } else { self.lacking(verdict.tally()) };
        match shard {
            Some(_) => (verdict.shard, verdict.untold) = (shard, never),
            None => verdict = verdict.lacking(&never),
        }
        Ok(verdict.lacking(&lacking))
    }

    /// Makes all runs of at most `max_faults` faults, or leaves them to the first part.
    fn explore(
        &self,
        shard: Option<Shard>,
        max_faults: usize,
        seed: u64,
        runs: Option<u64>,
    ) -> Result<Verdict, CheckError> {
        if let Some(shard) = shard.filter(|shard| shard.number() > 1) {
            let mut verdict = self.found(Tally::new(0), None, Duration::ZERO, String::new());
            let untold = format!("  every schedule: shard 1/{} makes them all\n", shard.of());
            (verdict.shard, verdict.untold) = (Some(shard), untold);
            return Ok(verdict);
        }
        let verdict = self.go_through(max_faults, seed, runs.unwrap_or(u64::MAX))?;
        let tally = verdict.tally();
        let lacking = match tally.runs {
            0 => NO_RUNS.to_owned(),
            _ => self.demands.never(tally) + &self.lacking(tally),
        };
        Ok(verdict.lacking(&lacking))
    }

    /// What the runs lack, whatever was demanded of them.
    fn lacking(&self, tally: &Tally) -> String {
        let spec = self.scenario.spec();
        let draws = !self.draws().is_calm() || !self.links.all().is_empty();
        let tests = self.exhaustive.is_some()
            || draws
            || !self.plan.is_empty()
            || spec.generator.is_some()
            || !spec.commands.is_empty()
            || !spec.properties.is_empty()
            || !spec.folds.is_empty();
        self.demands.lacking(tally, tests)
    }

    /// Reads a plan that is to be made again.
    pub(super) fn read(&self, plan: &str, origin: &str) -> Result<(FaultPlan, Prepared), CheckError> {
        let parsed = FaultPlan::read(plan, &mut read_trace);
        let mut plan =
            parsed.map_err(|error| CheckError::Plan { origin: origin.to_owned(), source: error })?;
        // A plan that needs no seed was shrunk with this one.
        plan.seed = plan.seed.or(Some(0));
        let prepared = self.prepared(&plan, origin)?;
        Ok((plan, prepared))
    }

    /// What makes the one run of a plan.
    pub(super) fn replaying(&self, prepared: &Prepared) -> Search<'_> {
        self.search(prepared.clone(), Draws::Profiles(Vec::new()), 0).with_links(self.links.calm())
    }

    fn prepared(&self, plan: &FaultPlan, origin: &str) -> Result<Prepared, CheckError> {
        let plan = self.with_calm(plan);
        let origin = || origin.to_owned();
        let prepared = Prepared::new(&plan, &self.scenario)
            .map_err(|source| CheckError::Host { origin: origin(), source })?;
        let commands = self.scenario.check_commands(&plan);
        commands.map_err(|source| CheckError::Command { origin: origin(), source })?;
        let clocks = self.scenario.check_clocks(&plan);
        clocks.map_err(|source| CheckError::Clock { origin: origin(), source })?;
        Ok(prepared)
    }

    fn with_calm(&self, plan: &FaultPlan) -> FaultPlan {
        let mut plan = plan.clone();
        plan.calm = plan.calm.or(self.calm_at);
        plan
    }

    /// How faults are drawn: in every way, unless somebody has said how.
    fn draws(&self) -> Draws {
        self.draws.clone().map_or(Draws::Swarm, Draws::Profiles)
    }

    fn search(&self, prepared: Prepared, draws: Draws, seed: u64) -> Search<'_> {
        let search = Search::new(&self.scenario, prepared, Profile::default(), seed);
        let search = search.with_draws(draws).with_links(self.links.clone());
        let search = if self.laws { search } else { search.without_laws() };
        match (self.twice, self.wraps) {
            (_, true) => search.wrapping(),
            (true, false) => search.twice(),
            (false, false) => search,
        }
    }

    /// Makes the runs; makes the first that fails small.
    pub(super) fn judge<'s>(&'s self, search: impl Fn() -> Search<'s> + Sync, runs: Range<u64>) -> Verdict {
        let begun_at = clock();
        // What a guided search finds depends on the runs before.
        let jobs = if self.guided { 1 } else { self.jobs.get() };
        let tally = parallel::runs(runs, jobs, &search, |_| {});
        let wall = begun_at.elapsed();
        let begun_at = clock();
        let in_time = || begun_at.elapsed() < self.max_shrink_time;
        let shrunk = tally
            .failure
            .as_ref()
            .map(|failure| search().shrink_while(failure, self.max_shrink_runs, in_time))
            .map(|shrunk| self.with_turn(shrunk));
        self.found(tally, shrunk, wall, String::new())
    }

    /// Adds when the run was lost, by runs that go on as those of the check.
    fn with_turn(&self, shrunk: Shrunk) -> Shrunk {
        let begun_at = clock();
        let in_time = || begun_at.elapsed() < MAX_TURN_TIME.min(self.max_shrink_time);
        let search = self.search(Prepared::default(), self.draws(), self.seed);
        let turn = search.turn_while(&shrunk.failure, MAX_TURN_RUNS.min(self.max_shrink_runs), in_time);
        shrunk.with_turn(turn)
    }

    /// Makes every run of at most `max_faults` faults.
    fn go_through(&self, max_faults: usize, seed: u64, max_runs: u64) -> Result<Verdict, CheckError> {
        let begun_at = clock();
        let plan = self.with_calm(&self.plan);
        self.prepared(&plan, "the plan")?;
        let exhaustive = Exhaustive::new(&self.scenario, self.fates.clone(), max_faults).with_seed(seed);
        let exhaustive = if self.laws { exhaustive } else { exhaustive.without_laws() };
        let exhaustive = exhaustive
            .with_plan(plan)
            .map_err(|source| CheckError::Host { origin: "the plan".to_owned(), source })?;
        let explored = parallel::schedules(&exhaustive, self.jobs.get(), max_runs, |_| {});
        let wall = begun_at.elapsed();
        let shrunk =
            explored.failure.as_ref().map(|failure| exhaustive.shrink(failure, self.max_shrink_runs));
        let unfinished = explored.limit.map_or_else(String::new, |limit| {
            format!(
                "  the schedules beyond the first {}: the limit is {limit}\n",
                count(explored.runs, "run")
            )
        });
        let tally = Tally { runs: explored.runs, failure: explored.failure, ..explored.tally };
        Ok(self.found(tally, shrunk, wall, unfinished))
    }

    fn found(&self, tally: Tally, shrunk: Option<Shrunk>, wall: Duration, lacking: String) -> Verdict {
        let limit = match &shrunk {
            Some(shrunk) if shrunk.runs >= self.max_shrink_runs => {
                format!("the limit of {} was reached", count(self.max_shrink_runs, "run"))
            }
            _ => format!("the time of {} was over", span(self.max_shrink_time.as_secs_f64())),
        };
        Verdict::new(self.name.clone(), tally, shrunk, (wall, limit), lacking)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a check takes is told to the user and bounds how small a failure is made; no run sees it"
)]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// A variable of the environment, if it is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A variable that holds a number.
fn number(name: &'static str) -> Result<Option<u64>, CheckError> {
    let Some(text) = variable(name) else { return Ok(None) };
    let number = text.trim().parse();
    number.map(Some).map_err(|_| CheckError::Variable { name, text })
}

/// The seed that the environment has: the number, or else the one that is made of a text.
fn seed() -> Result<Option<u64>, CheckError> {
    let of_text = || variable(SEED_FROM).map(|text| seed::of_bytes(text.trim().as_bytes()));
    Ok(number(SEED)?.or_else(of_text))
}

/// The part of the runs that the environment has.
fn shard() -> Result<Option<Shard>, CheckError> {
    let Some(text) = variable(SHARD) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|source| CheckError::Shard { name: SHARD, source })
}
