//! `sim`: one run and its transcript.

use std::io::{self, IsTerminal as _};

use super::app::App;
use super::args::{EngineKind, RunFormat, SimArgs};
use super::error::CliError;
use super::output::{self, Tint};
use super::report::FlowAt;
use super::turn;
use super::world::World;
use crate::capture;
use crate::check::Search;
use crate::drive;
use crate::engine::Settings;
use crate::fault::{Fault, FaultPlan, Profile};
use crate::machine::Status;
use crate::number::count;
use crate::scenario::Transport;
use crate::transcript::{Look, Transcript};

/// How many faults that never fired are named; of the rest the number is told.
const MAX_UNFIRED_SHOWN: usize = 10;

/// Makes one run.
pub(super) fn run(app: &App, args: &SimArgs) -> Result<Status, CliError> {
    let ladder_only = [("width", args.width.is_some()), ("ascii", args.ascii)];
    if let Some((option, _)) = ladder_only.into_iter().find(|(_, given)| *given)
        && args.format != RunFormat::Ladder
    {
        return Err(CliError::LadderOnly { option });
    }
    if args.turn && args.engine != EngineKind::Event {
        return Err(CliError::TurnOnTurmoil);
    }
    if args.format == RunFormat::Pcapng && args.output.is_none() && io::stdout().is_terminal() {
        return Err(CliError::Binary);
    }
    let ran = simulate(app, args, |transcript, replay| write(transcript, args, replay))?;
    // A fault that never fired is evidence of nothing.
    for fault in ran.unfired.iter().take(MAX_UNFIRED_SHOWN) {
        output::complain(format_args!("note: {fault} never fired"));
    }
    let more = ran.unfired.len().saturating_sub(MAX_UNFIRED_SHOWN);
    if more > 0 {
        output::complain(format_args!("note: {} more never fired", count(more as u64, "fault")));
    }
    if args.format == RunFormat::Pcapng {
        note_dissector(app, &ran.world)?;
    }
    let failed = ran.statuses.contains(&Some(Status::Failure)) || ran.broken.is_some();
    if let Some(broken) = ran.broken {
        output::complain(broken);
    }
    Ok(if failed { Status::Failure } else { Status::Success })
}

/// A run that was made.
pub(super) struct Ran<T> {
    /// Of what it was.
    world: World,
    /// What was made of its transcript.
    pub(super) shown: T,
    /// The faults that never fired.
    unfired: Vec<Fault>,
    statuses: Vec<Option<Status>>,
    broken: Option<String>,
}

/// Makes one run and shows its transcript, with the line that makes the run again.
pub(super) fn simulate<T>(
    app: &App,
    args: &SimArgs,
    show: impl FnOnce(&Transcript<'_>, &dyn Fn() -> String) -> Result<T, CliError>,
) -> Result<Ran<T>, CliError> {
    let (options, bug) = (args.options.options(app)?, args.options.bug(app)?);
    // A bug brings the faults that show it, unless others are given.
    let plan = args.faults.faults.as_deref().or_else(|| bug.map(|bug| bug.plan));
    let world = World::new(app, &options, bug, (plan, args.faults.streams))?;
    match args.engine {
        EngineKind::Event => on_events(world, args, show),
        EngineKind::Turmoil => on_turmoil(world, args, show),
    }
}

/// What the properties and the laws have to say is seen while the run goes on: it ends where one is broken.
fn on_events<T>(
    world: World,
    args: &SimArgs,
    show: impl FnOnce(&Transcript<'_>, &dyn Fn() -> String) -> Result<T, CliError>,
) -> Result<Ran<T>, CliError> {
    let (scenario, profile) = (world.built.scenario.clone(), args.profile());
    let mut search = Search::new(&scenario, world.prepared.clone(), profile, args.seed);
    let broken = search.once(args.seed).err();
    let turned = args.turn.then(|| {
        let rest = Search::new(&scenario, world.prepared.clone(), Profile::CALM, args.seed);
        turn::of_run(&mut search, &rest.with_draws(args.rest()), args.seed)
    });
    // The run that was made last is that which is shown.
    let broken = if turned.is_some() { search.once(args.seed).err() } else { broken };
    let engine = search.engine();
    let settings = Settings { seed: args.seed, plan: world.prepared.clone(), profile, ..Settings::default() };
    let replay = || {
        let plan = engine.plan(&settings);
        replay(args, &format!("--faults {}", output::quoted(&plan.to_string())))
    };
    let transcript = match &turned {
        Some(Some((failure, _))) => failure.recording.transcript(),
        _ => engine.transcript(),
    };
    let shown = show(&transcript, &replay)?;
    match turned {
        Some(Some((_, line))) => output::complain(line),
        Some(None) => output::complain("note: the run passes, so it has no turn"),
        None => {}
    }
    for bottleneck in world.plan.bottlenecks() {
        if engine.queue_figures().all(|(at, ..)| at != bottleneck.name()) {
            output::complain(format_args!("note: nothing has passed the bottleneck {}", bottleneck.name()));
        }
    }
    for (at, from, to, figures) in engine.queue_figures() {
        output::complain(format_args!("queue: {}", FlowAt::new(at, (from, to), figures, &scenario.names())));
    }
    let unfired = engine.unfired().map(|fault| fault.named(&scenario.names())).collect();
    Ok(Ran { world, shown, unfired, statuses: engine.statuses().to_vec(), broken })
}

fn on_turmoil<T>(
    world: World,
    args: &SimArgs,
    show: impl FnOnce(&Transcript<'_>, &dyn Fn() -> String) -> Result<T, CliError>,
) -> Result<Ran<T>, CliError> {
    let scenario = world.built.scenario.clone();
    let profile = args.profile();
    let settings = Settings { seed: args.seed, plan: world.prepared.clone(), profile, ..Settings::default() };
    let simulated = drive::simulate(&scenario, &settings)?;
    // What was drawn is not kept there: the same words draw it again.
    let replay = || replay(args, &words(args, &world.plan));
    let shown = show(&simulated.transcript(), &replay)?;
    let unfired = simulated.unfired.iter().map(|fault| fault.named(&scenario.names())).collect();
    let broken = simulated.log.broken_texts().first().cloned();
    Ok(Ran { world, shown, unfired, statuses: simulated.statuses, broken })
}

fn write(transcript: &Transcript<'_>, args: &SimArgs, replay: &dyn Fn() -> String) -> Result<(), CliError> {
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
        RunFormat::Pcapng => {
            let left_out = capture::left_out(transcript);
            if left_out > 0 {
                output::complain(format_args!("note: {left_out} packets of unix sockets are left out"));
            }
            let bytes = capture::export(transcript, &replay());
            return match &args.output {
                Some(path) => output::write_file(path, &bytes),
                None => Ok(output::print_bytes(&bytes)?),
            };
        }
    };
    match &args.output {
        Some(path) => output::write_file(path, &text),
        None => Ok(output::print_as(&text, tint)?),
    }
}

/// What tshark 4 takes a port for, of those that systems use, if it is not what they speak there.
const TAKEN: [(u16, &str); 1] = [(9999, "tplink-smarthome")];

/// Says with which option tshark shows the bytes themselves.
fn note_dissector(app: &App, world: &World) -> Result<(), CliError> {
    let (server, taken) = (world.built.server(app)?, world.built.port(app));
    if let Some((port, protocol)) = TAKEN.iter().find(|(port, _)| *port == taken) {
        let transports = app.transports(&world.built.scenario, server);
        let option = |transport: &Transport| format!("-d {transport}.port=={port},data");
        let options = transports.iter().map(option).collect::<Vec<_>>().join(" ");
        output::complain(format_args!("note: tshark takes port {port} for {protocol}: give it {options}"));
    }
    Ok(())
}

/// The line that makes the run again.
fn replay(args: &SimArgs, faults: &str) -> String {
    let mut words = vec![format!("{} sim {}", output::program(), args.system)];
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
