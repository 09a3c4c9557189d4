//! `import`: a capture of packets turned into the run that replays it.
//!
//! A capture that was exported says itself what makes its run again, and is believed if that run gives the same packets.
//! For any other the faults are [found](crate::capture::explain).

mod inputs;
mod link;
mod source;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::app::App;
use super::args::{EngineKind, Run, SimArgs};
use super::choices::SystemArgs;
use super::error::CliError;
use super::program::{Asked, Program};
use super::world::Built;
use super::{interrupt, output, sim, value};
use crate::capture::{self, CaptureError, ExplainError, Explained, Frame, LinkError};
use crate::machine::Status;

pub(super) const EXAMPLES: &str = "\
Examples:
  lossproof import run.pcapng --as udp-remote
  lossproof import run.pcapng --as udp-remote -o plan.txt
  lossproof import real.pcap --as udp-remote --flow 2
  lossproof import real.pcap.gz --as-link -o real.link      (then: check … --profile @real.link)";

/// The words after `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The capture: pcapng or pcap, or one of these packed by gzip; '-' reads standard input
    pub(super) file: PathBuf,
    /// System of the capture; 'lossproof list' shows all
    #[arg(long = "as", value_name = "SYSTEM", required_unless_present = "as_link")]
    pub(super) system: Option<String>,
    /// Measure how the packets of a flow are lost and late, and write that as a link for --profile
    #[arg(long, conflicts_with = "system")]
    pub(super) as_link: bool,
    /// Number of the flow, if there are several
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::flow)]
    pub(super) flow: Option<usize>,
    /// File for the plan, or the link; the replay line then names the file
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// The system's own.
    #[arg(skip)]
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
    /// The plan would go where the capture is.
    #[error("-o: '{0}' is the capture itself: write to another file")]
    Source(String),
    /// Ctrl-C ended the search.
    #[error(
        "interrupted: the plan that was found so far agrees with the first {agreeing} of {total} packets"
    )]
    Interrupted {
        /// With how many it agrees.
        agreeing: usize,
        /// How many there are.
        total: usize,
    },
    /// It was exported from another system.
    #[error("the capture is of {0}: import it with --as {0}")]
    OtherSystem(String),
    /// There is more than one flow.
    #[error("there are {} flows: choose one with --flow N: {}", .0.len(), capture::listed(.0))]
    SeveralFlows(Vec<capture::Flow>),
    /// There is no flow of this number.
    #[error("--flow: {0}")]
    FlowNumber(ExplainError),
    /// Nothing tells what was lost.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// There is nothing of the system in it.
    #[error(transparent)]
    NoFlow(ExplainError),
}

impl From<ExplainError> for ImportError {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::SeveralFlows(flows) => Self::SeveralFlows(flows),
            number @ ExplainError::FlowNumber { .. } => Self::FlowNumber(number),
            none @ ExplainError::NoFlow { .. } => Self::NoFlow(none),
        }
    }
}

/// Turns a capture into the run that replays it.
pub(super) fn run(program: &Program, args: &ImportArgs) -> Result<Status, CliError> {
    let Some(system) = &args.system else { return link::run(args) };
    let app = program.find(system)?;
    // Wrong options are said before the file is looked at.
    let options = args.options.options(app)?;
    let bug = args.options.bug(app)?;
    let captured = source::read(&args.file, args.output.as_deref())?;
    if let Some(line) = &captured.replay {
        if let Some(sim) = exported(program, app, line, &captured.frames)? {
            return show(&sim, args);
        }
        output::complain("note: the capture is not of the run that its comment names: it was changed");
    }
    let built = Built::new(app, &options, bug);
    let server = built.server(app)?;
    let seen = capture::seen(&built.scenario, server, &captured, args.flow).map_err(ImportError::from)?;
    let words = inputs::added(args.options.words(), inputs::of(app.name, &seen));
    let sim = parsed(program, &format!("{} sim {} {}", output::program(), app.name, words.join(" ")))
        .ok_or_else(|| CliError::Usage("the options cannot be written as words".to_owned()))?;
    let built = Built::new(app, &sim.options.options(app)?, bug);
    interrupt::watch();
    let found = capture::found(&built.scenario, server, &seen, &interrupt::is_asked);
    let plan = found.plan.to_string();
    let sim = SimArgs { faults: super::args::FaultArgs { faults: Some(plan), ..sim.faults }, ..sim };
    show(&sim, args)?;
    if interrupt::is_asked() && !found.is_whole() {
        let Explained { agreeing, total, .. } = found;
        return Err(ImportError::Interrupted { agreeing, total }.into());
    }
    Ok(judge(&found))
}

/// The run that a capture's comment names, if it gives these packets.
///
/// # Errors
/// If it is of another system.
fn exported(program: &Program, app: &App, line: &str, frames: &[Frame]) -> Result<Option<SimArgs>, CliError> {
    let Some(sim) = parsed(program, line) else { return Ok(None) };
    if sim.system != app.name {
        return Err(ImportError::OtherSystem(output::one_line(&sim.system)).into());
    }
    // A comment that asks for more than a run was not written by an export, and a run that fails gives no packets.
    let is_plain =
        sim.output.is_none() && !sim.faults.faults.as_deref().is_some_and(|text| text.starts_with('@'));
    let run = |sim: &SimArgs| {
        let ran = sim::simulate(app, sim, |transcript, replay| Ok(capture::export(transcript, &replay())));
        capture::read(&ran.ok()?.shown).ok()
    };
    // Other packets in the file change the numbers of these.
    let same = |(again, seen): (&Frame, &Frame)| *again == Frame { packet: again.packet, ..seen.clone() };
    let is_same = is_plain
        && run(&sim).is_some_and(|again| {
            again.frames.len() == frames.len() && again.frames.iter().zip(frames).all(same)
        });
    Ok(is_same.then_some(sim))
}

/// The words of a line that makes a run.
fn parsed(program: &Program, line: &str) -> Option<SimArgs> {
    let asked = program.parse(shlex::split(line)?.into_iter().map(OsString::from)).ok()?.1;
    match asked {
        Asked::Run(run) => match *run {
            Run::Sim(sim) => Some(sim),
            _ => None,
        },
        _ => None,
    }
}

/// Prints the line that replays the run, and writes the plan if that is asked for.
fn show(sim: &SimArgs, args: &ImportArgs) -> Result<Status, CliError> {
    let mut words = vec![format!("{} sim {}", output::program(), sim.system)];
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
fn judge(found: &Explained) -> Status {
    let Explained { plan, agreeing, total, surplus, differing, notes } = found;
    for note in notes {
        output::complain(format_args!("note: {note}"));
    }
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
    if found.is_whole() {
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
