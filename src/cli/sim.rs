//! `sim`: one run and its transcript.

use std::rc::Rc;

use super::args::{EngineKind, Format, SimArgs};
use super::error::CliError;
use super::output;
use super::world::{World, with_panic_places};
use crate::check::Search;
use crate::drive;
use crate::engine::Settings;
use crate::fault::Resolved;
use crate::machine::Status;
use crate::systems::System;
use crate::transcript::Transcript;

/// Makes one run.
pub(super) fn run<S: System>(args: &SimArgs) -> Result<Status, CliError> {
    // A bug brings the faults that show it, unless others are given.
    let plan = args.options.bug(&S::ABOUT)?.map(|bug| bug.plan);
    let plan = args.faults.faults.as_deref().or(plan);
    let world = World::<S>::new(&args.options.options(&S::ABOUT)?, plan)?;
    match args.engine {
        EngineKind::Event => on_events(&world, args),
        EngineKind::Turmoil => on_turmoil(world, args),
    }
}

/// What the properties and the laws have to say is seen while the run goes on: it ends where one is broken.
fn on_events<S: System>(world: &World<S>, args: &SimArgs) -> Result<Status, CliError> {
    let World { scenario, properties, prepared, .. } = world;
    let profile = args.profile();
    let mut search = Search::new(scenario, properties, prepared.clone(), profile, args.seed);
    let (result, places) = with_panic_places(|| search.once(args.seed));
    let broken = result.err().map(|broken| places.complete(broken));
    let (engine, names) = (search.engine(), scenario.names());
    print(&engine.transcript(scenario, &names), args.format)?;
    note_unfired(engine.unfired(), &names);
    Ok(judge(engine.statuses(), broken))
}

fn on_turmoil<S: System>(world: World<S>, args: &SimArgs) -> Result<Status, CliError> {
    let scenario = Rc::new(world.scenario);
    let profile = args.profile();
    let settings = Settings { seed: args.seed, plan: world.prepared, profile, ..Settings::default() };
    let simulated = drive::simulate(&scenario, &settings)?;
    let names = scenario.names();
    let transcript = simulated.transcript(&scenario, &names);
    print(&transcript, args.format)?;
    note_unfired(simulated.unfired.iter().copied(), &names);
    Ok(judge(&simulated.statuses, simulated.log.broken_texts().first().cloned()))
}

fn print<E>(transcript: &Transcript<'_, E>, format: Format) -> Result<(), CliError> {
    let text = match format {
        Format::Text => transcript.to_string(),
        Format::Json => transcript.json_lines(),
    };
    Ok(output::print(&text)?)
}

/// A fault that never fired is evidence of nothing.
fn note_unfired(unfired: impl Iterator<Item = Resolved>, names: &[&str]) {
    for fault in unfired {
        output::complain(format_args!("note: {} never fired", fault.named(names)));
    }
}

fn judge(statuses: &[Option<Status>], broken: Option<String>) -> Status {
    let failed = statuses.contains(&Some(Status::Failure)) || broken.is_some();
    if let Some(broken) = broken {
        output::complain(broken);
    }
    if failed { Status::Failure } else { Status::Success }
}
