//! The corpus of a check: the plans that failed once, which are run first, and kept when they fail.

use std::path::PathBuf;

use super::app::App;
use super::args::CheckArgs;
use super::error::CliError;
use super::output::complain;
use super::world::World;
use crate::check::{Search, Shrunk, Tally};
use crate::engine::Prepared;
use crate::fault::{FaultPlan, Profile};
use crate::harness::corpus::{self, Kept};
use crate::harness::read_trace;
use crate::scenario::Scenario;

/// A plan of the corpus that fails.
pub(super) struct Failing {
    /// Its file.
    pub(super) path: PathBuf,
    /// What its run comes to.
    pub(super) tally: Tally,
    /// The plan, made ready.
    pub(super) prepared: Prepared,
}

/// Makes the runs of the plans that were kept, up to the first that fails, if there is a corpus.
pub(super) fn run(app: &App, args: &CheckArgs, world: &World) -> Result<Option<Failing>, CliError> {
    let Some(directory) = &args.ci.corpus else { return Ok(None) };
    let plans = corpus::plans(directory, Some(app.name))
        .map_err(|(path, source)| CliError::Corpus { path: path.display().to_string(), source })?;
    for kept in plans {
        match ready(&kept, &world.built.scenario) {
            Ok((plan, prepared)) => {
                if let Some(tally) = make(args, world, &kept, &plan, &prepared) {
                    complain(format_args!("note: the kept plan {} fails", kept.path.display()));
                    return Ok(Some(Failing { path: kept.path, tally, prepared }));
                }
            }
            // It was written by no hand, and there may be none to remove it.
            Err(error) => {
                let path = kept.path.display();
                complain(format_args!("note: the kept plan {path} is passed over: {error}"));
            }
        }
    }
    Ok(None)
}

/// Reads a plan that was kept for this system.
fn ready(kept: &Kept, scenario: &Scenario) -> Result<(FaultPlan, Prepared), Box<dyn std::error::Error>> {
    let mut plan = FaultPlan::read(&kept.text, &mut read_trace)?;
    // A plan that needs no seed was shrunk with this one.
    plan.seed = plan.seed.or(Some(0));
    let prepared = Prepared::new(&plan, scenario)?;
    scenario.check_commands(&plan)?;
    Ok((plan, prepared))
}

/// What makes the one run of a plan.
pub(super) fn search<'w>(args: &CheckArgs, world: &'w World, prepared: &Prepared) -> Search<'w> {
    let search = Search::new(&world.built.scenario, prepared.clone(), Profile::CALM, 0);
    if args.twice { search.twice() } else { search }
}

/// Makes the run of a plan that was kept; what it comes to, if it fails.
fn make(
    args: &CheckArgs,
    world: &World,
    kept: &Kept,
    plan: &FaultPlan,
    prepared: &Prepared,
) -> Option<Tally> {
    let mut search = search(args, world, prepared);
    if kept.has_hits() {
        // Whether it holds is told by the tally.
        let _ = search.once(0);
        if let Some(note) = kept.moved(plan, &search.engine().transcript()) {
            complain(format_args!("note: {note}"));
        }
    }
    Some(search.runs(0..1)).filter(|tally| tally.failure.is_some())
}

/// Keeps the plan of a failure, if there is a corpus.
pub(super) fn keep(app: &App, args: &CheckArgs, Shrunk { failure, .. }: &Shrunk) {
    let Some(directory) = &args.ci.corpus else { return };
    match corpus::keep(directory, app.name, &failure.plan, &failure.recording.transcript()) {
        Ok(None) => {}
        Ok(Some(path)) => complain(format_args!("note: the plan is kept in {}", path.display())),
        Err((path, error)) => {
            let (path, why) = (path.display(), super::error::system_text(&error));
            complain(format_args!("note: the plan cannot be kept in {path}: {why}"));
        }
    }
}
