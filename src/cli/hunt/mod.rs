//! `hunt`: runs of a real program behind a proxy until one fails, and the smallest plan with which it does.

mod error;
mod faults;
mod places;
mod port;
mod process;
mod report;
mod run;
mod words;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::check::clock;
use super::error::CliError;
use super::interrupt;
use super::output;
use super::progress;
use super::relayed::{self, Trouble as Words};
use super::value;
use crate::fault::FaultKind;
use crate::machine::Status;
use crate::proxy::{Hunt, Hunted, Progress, Route, Trouble};
pub(super) use error::HuntError;
use report::Asked;
use run::{Runner, Stopped};

/// What the help of `hunt` shows.
pub(super) const EXAMPLES: &str = "\
Examples:
  lossproof hunt udp 127.0.0.1:0 127.0.0.1:1060 --loss 30% -- ./client.py 127.0.0.1 {port}
  lossproof hunt udp 127.0.0.1:0 127.0.0.1:0 --server './server.py {server_port}' -- ./client.py {port}
  lossproof hunt tcp 127.0.0.1:0 127.0.0.1:8080 --kinds cut,stall,reset --runs 500 -- ./test.sh {addr}
  lossproof hunt udp 127.0.0.1:0 127.0.0.1:1060 --faults 'server>client-1 #0 drop' -- ./client.py {port}

In COMMAND, --server, --setup and --teardown {port} stands for the port that the proxy listens on, {addr} for
the whole address, {port2} and {addr2} for those of the second pair, and {server_port} for the server's port,
which is any if the pair has 0. None of them goes through a shell. The command's environment has LOSSPROOF_PORT,
LOSSPROOF_ADDR and LOSSPROOF_SERVER_PORT.

Exit status: 0 all runs passed; 1 a run failed; 2 wrong usage; 130 interrupted, with the best so far.";

/// How many runs are made to find a failure.
const RUNS: u64 = 100;
/// How many runs of one plan are made where nothing is drawn.
const REPLAYS: u64 = 10;

/// The words after `hunt`.
#[derive(Debug, Args)]
pub(super) struct HuntArgs {
    /// Pairs of addresses: 'udp LISTEN TO', 'tcp LISTEN TO' or 'unix:PATH TO'; after each may stand client=NAME and server=NAME
    #[arg(required = true, value_name = "PAIR", num_args = 1..)]
    pub(super) routes: Vec<String>,
    #[command(flatten)]
    pub(super) trouble: Words,
    /// Number of runs [default: 100; with --faults alone 10]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::runs)]
    runs: Option<u64>,
    /// Kinds of random fault, separated by commas, if no probability is given; of processes crash and pause [default:
    /// drop,duplicate,delay,cut,stall]
    #[arg(long, value_name = "LIST", value_parser = words::kinds)]
    pub(super) kinds: Option<words::Kinds>,
    /// Time limit of the command; one that takes longer has failed
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = value::timeout)]
    pub(super) limit: Duration,
    /// Command that starts a server for each run; the program starts once the server's port is open
    #[arg(long, value_name = "COMMAND", value_parser = words::command)]
    pub(super) server: Option<words::Words>,
    /// A command that runs before each run
    #[arg(long, value_name = "COMMAND", value_parser = words::command)]
    pub(super) setup: Option<words::Words>,
    /// A command that runs after each run
    #[arg(long, value_name = "COMMAND", value_parser = words::command)]
    pub(super) teardown: Option<words::Words>,
    /// Number of runs at a time [default: 1]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Maximum number of runs for shrinking
    #[arg(long, value_name = "N", default_value = "1000", allow_hyphen_values = true, value_parser = value::runs)]
    shrink_runs: u64,
    /// Maximum time for shrinking
    #[arg(long, value_name = "SPAN", default_value = "1min", value_parser = value::timeout)]
    shrink_for: Duration,
    /// The program to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
}

/// Hunts, and tells what was found.
pub(super) fn run(args: &HuntArgs) -> Result<Status, CliError> {
    let routes = relayed::routes(&args.routes)?;
    let jobs = args.jobs.unwrap_or(NonZeroUsize::MIN);
    check_ports(args, &routes, jobs)?;
    let plan = args.trouble.plan()?;
    let trouble = trouble(args, !plan.is_empty());
    let is_replay = matches!(trouble, Trouble::Nothing);
    interrupt::watch_to_the_end();
    let runner = Runner::new(args, routes.clone())?;
    runner.check(&plan)?;
    let runs = args.runs.unwrap_or(if is_replay { REPLAYS } else { RUNS });
    let hunt = Hunt::new()
        .faults(plan)
        .trouble(trouble)
        .seed(args.trouble.seed)
        .runs(runs)
        .jobs(jobs)
        .hosts(runner.server_name(), runner.processes())
        .max_shrink(args.shrink_runs, args.shrink_for);
    let begun_at = clock();
    let bar = progress::bar(runs, "{elapsed} {msg}");
    let mut tell = |progress: Progress<'_>| bar.set_message(shown(progress));
    let hunting = hunt.run(&|attempt| runner.run(attempt), &mut tell);
    bar.finish_and_clear();
    let interrupted = match hunting.stopped {
        None => false,
        Some(Stopped::Interrupted) => true,
        Some(Stopped::Wrong(ref error)) => {
            // What was found before is worth more than why it goes no further.
            if !matches!(hunting.found, Hunted::Failed(_)) {
                return Err(error.clone().into());
            }
            output::complain(error);
            false
        }
    };
    let asked = Asked { args, tally: runner.tally(), wall: begun_at.elapsed(), interrupted };
    let failed = asked.report(&hunting)?;
    match (interrupted, failed) {
        (true, _) => Err(CliError::HuntInterrupted),
        (false, true) => Ok(Status::Failure),
        (false, false) => Ok(Status::Success),
    }
}

/// What is drawn: what is asked for, or the usual kinds, or nothing where there is a plan.
fn trouble(args: &HuntArgs, has_plan: bool) -> Trouble {
    match &args.kinds {
        Some(words::Kinds(kinds)) => Trouble::Kinds(kinds.clone()),
        None if args.trouble.says_draws() => Trouble::Profile(args.trouble.profile()),
        None if has_plan => Trouble::Nothing,
        None => Trouble::Kinds(BTreeSet::from(Trouble::USUAL)),
    }
}

/// Runs that are made at a time cannot have one port.
fn check_ports(args: &HuntArgs, routes: &[Route], jobs: NonZeroUsize) -> Result<(), HuntError> {
    let is_any = |peer: &crate::machine::Peer| peer.port() == Some(0);
    if let Some(route) = routes.iter().find(|route| is_any(&route.to))
        && args.server.is_none()
    {
        return Err(HuntError::NoServer(route.to));
    }
    if jobs.get() == 1 {
        return Ok(());
    }
    if routes.iter().any(|route| !is_any(&route.listen)) {
        return Err(HuntError::OnePort("the pair listens"));
    }
    if args.server.is_some() && routes.iter().any(|route| !is_any(&route.to)) {
        return Err(HuntError::OnePort("the server is"));
    }
    Ok(())
}

/// Where a hunt is, in one line.
fn shown(progress: Progress<'_>) -> String {
    match progress {
        Progress::Calm => "a run without faults".to_owned(),
        Progress::Searching(run, runs) => format!("run {} of {runs}", run + 1),
        Progress::Failed(run, why) => format!("run {} failed ({why}): its plan again", run + 1),
        Progress::Chance(fails, runs) => format!("that plan fails {fails} of {runs}: is there a better one?"),
        Progress::Shrinking(plan, runs) => {
            format!("shrinking, {runs} runs; {} faults: {}", plan.len(), output::one_line(&plan.to_string()))
        }
        Progress::Verifying(plan) => format!("the smallest again: {plan}"),
    }
}

/// The faults that processes have, which are no matter of the proxy.
const OF_PROCESSES: [FaultKind; 5] =
    [FaultKind::Stop, FaultKind::Crash, FaultKind::Restart, FaultKind::Pause, FaultKind::Resume];
