//! `sim`: one run and its transcript.

use std::rc::Rc;

use super::args::{EngineKind, RunFormat, SimArgs};
use super::error::CliError;
use super::output::{self, Tint};
use super::world::{World, with_panic_places};
use crate::check::Search;
use crate::drive;
use crate::engine::Settings;
use crate::fault::{FaultPlan, Resolved};
use crate::machine::Status;
use crate::systems::System;
use crate::transcript::{Look, Transcript};

/// Makes one run.
pub(super) fn run<S: System>(args: &SimArgs) -> Result<Status, CliError> {
    let ladder_only = [("width", args.width.is_some()), ("ascii", args.ascii)];
    if let Some((option, _)) = ladder_only.into_iter().find(|(_, given)| *given)
        && args.format != RunFormat::Ladder
    {
        return Err(CliError::LadderOnly { option });
    }
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
    let settings = Settings { seed: args.seed, plan: prepared.clone(), profile, ..Settings::default() };
    let replay = || {
        let plan = engine.plan(scenario, &settings);
        replay(S::ABOUT.name, args, &format!("--faults {}", output::quoted(&plan.to_string())))
    };
    write(&engine.transcript(scenario, &names), args, replay)?;
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
    // What was drawn is not kept there: the same words draw it again.
    let replay = || replay(S::ABOUT.name, args, &words(args, &world.plan));
    write(&transcript, args, replay)?;
    note_unfired(simulated.unfired.iter().copied(), &names);
    Ok(judge(&simulated.statuses, simulated.log.broken_texts().first().cloned()))
}

fn write<E>(
    transcript: &Transcript<'_, E>,
    args: &SimArgs,
    replay: impl FnOnce() -> String,
) -> Result<(), CliError> {
    let (text, tint) = match args.format {
        RunFormat::Text => (transcript.to_string(), Tint::Lines),
        RunFormat::Json => (transcript.json_lines(), Tint::None),
        RunFormat::Ladder => {
            let width = args.width.unwrap_or_else(|| output::width(args.output.as_deref()));
            (transcript.ladder(Look { width, ascii: args.ascii })?, Tint::Ladder)
        }
        RunFormat::Mermaid => (transcript.mermaid(), Tint::None),
        RunFormat::Svg => (transcript.svg(&args.system), Tint::None),
        RunFormat::Html => (transcript.page(&args.system, &replay()), Tint::None),
    };
    match &args.output {
        Some(path) => output::write_file(path, &text),
        None => Ok(output::print_as(&text, tint)?),
    }
}

/// The line that makes the run again.
fn replay(system: &str, args: &SimArgs, faults: &str) -> String {
    let mut words = vec!["lossproof sim".to_owned(), system.to_owned()];
    words.extend(args.options.words());
    words.push(faults.to_owned());
    words.join(" ")
}

/// The words that chose turmoil, the seed, and what goes wrong at random and by the plan.
fn words(args: &SimArgs, plan: &FaultPlan) -> String {
    let mut words = vec!["--engine turmoil".to_owned(), format!("--seed {}", args.seed)];
    words.extend(args.faults.words(args.loss));
    words.push(format!("--faults {}", output::quoted(&plan.to_string())));
    words.join(" ")
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
