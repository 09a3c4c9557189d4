//! `import`: a capture of packets turned into the run that replays it.
//!
//! A capture that was exported says itself what makes its run again, and is believed if that run gives the same packets.
//! For any other the faults are searched: one by one, each time the one with which the simulation agrees with the
//! capture longest.

mod flows;
mod inputs;
mod lanes;
mod search;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Parser as _};

use super::args::{Cli, Command, EngineKind, SimArgs};
use super::choices::SystemArgs;
use super::error::CliError;
use super::world::World;
use super::{output, sim, value};
use crate::capture::{self, Capture, CaptureError, Frame};
use crate::machine::Status;
use crate::systems::{System, Transport};
use flows::Flow;
use search::Found;

pub(super) const EXAMPLES: &str = "\
Examples:
  lossproof import run.pcapng --as udp-remote
  lossproof import run.pcapng --as udp-remote -o plan.txt
  lossproof import real.pcap --as udp-remote --flow 2";

/// The words after `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The capture: pcapng or pcap
    pub(super) file: PathBuf,
    /// Which system it is of; 'lossproof list' shows all
    #[arg(long = "as", value_name = "SYSTEM")]
    pub(super) system: String,
    /// Which flow, where there are several: its number, as they are listed
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::flow)]
    pub(super) flow: Option<usize>,
    /// Where to write the plan; the line that replays it then names the file
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// The system's own.
    #[command(flatten)]
    pub(super) options: SystemArgs,
}

/// Why a capture could not be turned into a run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    /// The file cannot be read.
    #[error("cannot read '{path}': {why}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// It is no capture that can be read.
    #[error("cannot use '{path}': {why}")]
    Capture {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: CaptureError,
    },
    /// It was exported from another system.
    #[error("the capture is of {0}: import it with --as {0}")]
    OtherSystem(String),
    /// There is nothing of the system in it.
    #[error("there is no {transport} flow in the capture{}", flows::beside(.there, *.others))]
    NoFlow {
        /// What carries the system's messages.
        transport: Transport,
        /// What flows there are.
        there: Vec<Flow>,
        /// How many packets were neither UDP nor TCP.
        others: usize,
    },
    /// There is more than one flow.
    #[error("there are {} flows: choose one with --flow N: {}", .0.len(), flows::listed(.0))]
    SeveralFlows(Vec<Flow>),
    /// There is no flow of this number.
    #[error("--flow: there is no flow {number}: {}", flows::listed(.there))]
    FlowNumber {
        /// The number.
        number: usize,
        /// What flows there are.
        there: Vec<Flow>,
    },
}

/// Turns a capture into the run that replays it.
pub(super) fn run<S: System>(args: &ImportArgs) -> Result<Status, CliError> {
    // Wrong options are said before the file is looked at.
    let options = args.options.options(&S::ABOUT)?;
    let capture = read(&args.file)?;
    if let Some(line) = &capture.replay {
        if let Some(sim) = exported::<S>(line, &capture.frames)? {
            return show(&sim, args, S::ABOUT.name);
        }
        output::complain("note: the capture is not of the run that its comment names: it was changed");
    }
    let transport = S::ABOUT.transport_with(&options);
    let expected = || flows::expected::<S>(&options);
    let flows = flows::choose(&capture, transport, S::ABOUT.port, args.flow, expected)?;
    let seen = lanes::captured(&flows, &capture.frames);
    let inputs = inputs::of(S::ABOUT.name, &seen);
    let words = inputs::added(args.options.words(), inputs);
    let sim = parsed(&format!("lossproof sim {} {}", S::ABOUT.name, words.join(" ")))
        .ok_or_else(|| CliError::Usage("the options cannot be written as words".to_owned()))?;
    let world = World::<S>::new(&sim.options.options(&S::ABOUT)?, None)?;
    let found = search::search(&world.scenario, &seen);
    let plan = found.plan.to_string();
    let sim = SimArgs { faults: super::args::FaultArgs { faults: Some(plan), ..sim.faults }, ..sim };
    show(&sim, args, S::ABOUT.name)?;
    Ok(judge(&found))
}

fn read(path: &Path) -> Result<Capture, ImportError> {
    let text = || output::one_line(&path.display().to_string());
    let why = |error: io::Error| ImportError::File { path: text(), why: super::error::system_text(&error) };
    let bytes = fs::read(path).map_err(why)?;
    capture::read(&bytes).map_err(|why| ImportError::Capture { path: text(), why })
}

/// The run that a capture's comment names, if it gives these packets.
///
/// # Errors
/// If it is of another system.
fn exported<S: System>(line: &str, frames: &[Frame]) -> Result<Option<SimArgs>, CliError> {
    let Some(sim) = parsed(line) else { return Ok(None) };
    if sim.system != S::ABOUT.name {
        return Err(ImportError::OtherSystem(output::one_line(&sim.system)).into());
    }
    // A comment that asks for more than a run was not written by an export, and a run that fails gives no packets.
    let is_plain =
        sim.output.is_none() && !sim.faults.faults.as_deref().is_some_and(|text| text.starts_with('@'));
    let run = |sim: &SimArgs| {
        let ran = sim::simulate::<S, _>(sim, |transcript, replay| Ok(capture::export(transcript, &replay())));
        capture::read(&ran.ok()?.shown).ok()
    };
    let is_same = is_plain && run(&sim).is_some_and(|again| again.frames == frames);
    Ok(is_same.then_some(sim))
}

/// The words of a line that makes a run.
fn parsed(line: &str) -> Option<SimArgs> {
    match Cli::try_parse_from(shlex::split(line)?).ok()?.command {
        Command::Sim(sim) => Some(sim),
        _ => None,
    }
}

/// Prints the line that replays the run, and writes the plan if that is asked for.
fn show(sim: &SimArgs, args: &ImportArgs, system: &str) -> Result<Status, CliError> {
    let mut words = vec![format!("lossproof sim {system}")];
    words.extend(sim.options.words());
    if sim.engine == EngineKind::Turmoil {
        words.push("--engine turmoil".to_owned());
    }
    if sim.seed != 0 {
        words.push(format!("--seed {}", sim.seed));
    }
    words.extend(sim.faults.words(sim.loss));
    let plan = sim.faults.faults.as_deref().unwrap_or_default();
    match &args.output {
        Some(path) => {
            output::write_file(path, format!("{plan}\n"))?;
            words.push(format!("--faults {}", output::quoted(&format!("@{}", path.display()))));
        }
        None => words.push(format!("--faults {}", output::quoted(plan))),
    }
    output::print_as(&format!("{}\n", words.join(" ")), output::Tint::None)?;
    Ok(Status::Success)
}

/// Says how much of a capture the run that was found explains.
fn judge(found: &Found) -> Status {
    let Found { plan, agreeing, total, surplus, differing } = found;
    if !plan.is_empty() {
        output::complain(
            "note: faults are told by what followed from them; what else would have led to the same packets cannot be told",
        );
    }
    if *differing > 0 {
        output::complain(format_args!(
            "note: {differing} packets have the lengths, and not the bytes, of the capture"
        ));
    }
    if agreeing == total && *surplus == 0 {
        return Status::Success;
    }
    if agreeing < total {
        output::complain(format_args!(
            "the run agrees with the first {agreeing} of {total} packets of the capture; what follows could not be told"
        ));
    } else {
        output::complain(format_args!(
            "the run agrees with all {total} packets of the capture, and has {surplus} more that the capture lacks"
        ));
    }
    Status::Failure
}
