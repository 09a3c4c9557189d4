//! `check`: many runs, with the properties and the laws checked in each.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::app::App;
use super::args::CheckArgs;
use super::error::CliError;
use super::failed::Broken;
use super::formats::{self, Shown};
use super::report::{Example, Untried};
use super::shards::{Asked, Candidate, Failed, Part};
use super::sweep::SweepError;
use super::world::World;
use super::{exhaustive, first, interrupt, output, progress, shards, turn};
use crate::check::{Draws, MAX_SHRINK_RUNS, MAX_SHRINK_TIME, Search, Shard, Tally, Tried};
use crate::fault::{Bursts, Chance, Fault, FaultKind, Profile, Spread};
use crate::host::HostId;
use crate::machine::{Law, Status};
use crate::parallel;
use crate::scenario::{Demand, Property, Scenario, Transport};
use crate::{Cuts, Moments};

/// How many runs are made unless told otherwise.
const RUNS: u64 = 1_000_000;
/// Among how many runs the one to show is chosen.
const EXAMPLE_RUNS: u64 = 1_000;

/// Makes many runs, or a part of them.
pub(super) fn run(app: &App, args: &CheckArgs) -> Result<Status, CliError> {
    shards::check_output(args.ci.output.as_deref())?;
    output::check_writable(args.ci.output.as_deref())?;
    interrupt::watch();
    let (options, bug) = (args.options.options(app)?, args.options.bug(app)?);
    let world = World::new(app, &options, bug, args.faults.given())?;
    let kept = first::run(app, args, &world)?;
    if let (Some(max_faults), None) = (args.exhaustive, &kept) {
        return exhaustive::run(app, args, max_faults);
    }
    let (scenario, draws) = (&world.built.scenario, args.draws());
    let planned = world.plan.faults().iter().map(Fault::kind);
    let planned = planned.filter(|kind| scenario.spec().ruled_out.contains(kind));
    let unclaimed: BTreeSet<&str> =
        planned.chain(draws.unclaimed(scenario.spec())).map(FaultKind::name).collect();
    if !unclaimed.is_empty() {
        let kinds = unclaimed.into_iter().collect::<Vec<_>>().join(", ");
        output::complain(format_args!("note: {} does not claim to withstand {kinds}", app.name));
    }
    let (shard, runs) = (args.ci.shard.unwrap_or(Shard::WHOLE), number_of_runs(args, &world)?);
    let drawing = || {
        let search = Search::new(scenario, world.prepared.clone(), Profile::CALM, args.seed());
        search.with_draws(draws.clone())
    };
    let search = || {
        let Some(kept) = &kept else {
            let search = drawing().stop_if(interrupt::is_asked);
            let search = if args.twice { search.twice() } else { search };
            return if args.guided { search.guided() } else { search };
        };
        first::search(args, &world, &kept.prepared)
    };
    let range = shard.range(runs);
    let (mut tally, wall) = match kept.as_ref() {
        Some(kept) => (kept.tally.clone(), Duration::ZERO),
        None if args.guided => make_runs(range.clone(), Some(NonZeroUsize::MIN), search),
        None => make_runs(range.clone(), args.jobs, search),
    };
    let begun_at = clock();
    let in_time = || begun_at.elapsed() < MAX_SHRINK_TIME && !interrupt::is_asked();
    let shrunk =
        tally.failure.as_ref().map(|failure| search().shrink_while(failure, MAX_SHRINK_RUNS, in_time));
    let shrunk = shrunk.map(|shrunk| if args.turn { turn::with_turn(shrunk, &drawing()) } else { shrunk });
    if let Some(shrunk) = &shrunk {
        first::keep(app, args, shrunk);
    }
    let failure = tally.failure.take().zip(shrunk);
    let client = scenario.find(app.client);
    // Fewer than were asked for, if it was interrupted.
    let made = tally.runs;
    let shown = range.start..(range.start + made).min(EXAMPLE_RUNS);
    let example = if failure.is_none() { eventful(&mut drawing(), client, shown) } else { None };
    let check = asked(app, args, &world, runs);
    let failed = failure.map(|(failure, shrunk)| {
        let broken = Broken::new(&shrunk, &check.question(shard, &tally));
        let kept = kept.map(|kept| kept.path.display().to_string());
        Failed { at_nanos: failure.at.as_nanos(), kept, excerpt: broken.excerpt().to_owned(), broken }
    });
    let is_interrupted = failed.is_none() && made < range.end - range.start;
    let part = Part { check, shard, tally, failed, example };
    let (report, output) = (part.report(), args.ci.output.as_deref());
    // What a file goes with is the same on every computer.
    let report = if output.is_none() { report.timed(wall) } else { report };
    if is_interrupted {
        let report = report.interrupted(range.end - range.start);
        formats::print(args.format, &report, || Shown::new(&report, &report.to_string(), true))?;
        return Err(CliError::Interrupted { runs: made, kept: None });
    }
    part.end(&report, args.format, output)
}

/// What is to be found out in so many runs.
fn asked(app: &App, args: &CheckArgs, world: &World, runs: u64) -> Asked {
    let scenario = &world.built.scenario;
    let draws = args.draws();
    let kinds = asked_for(args, &world.transports(), &draws);
    let is_planned = |kind| world.plan.faults().iter().any(|fault| fault.kind() == kind);
    let tried = Tried::new(scenario.spec(), &draws, is_planned);
    Asked {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system: app.name.to_owned(),
        options: args.options.words(),
        network: network_words(args),
        plan: world.plan.to_string(),
        twice: args.twice,
        seed: args.seed(),
        runs,
        hosts: scenario.names().iter().map(|name| (*name).to_owned()).collect(),
        properties: statements(scenario),
        laws: laws(scenario),
        untried: Untried::of(&tried),
        kinds: kinds.into_iter().map(|(kind, word)| (kind.name().to_owned(), word.to_owned())).collect(),
    }
}

/// What is to hold in every run: folds and histories, and properties with when they are to hold.
pub(super) fn statements(scenario: &Scenario) -> Vec<String> {
    let folds = scenario.spec().folds.iter().map(|fold| fold.name.clone());
    folds.chain(scenario.properties().iter().filter_map(statement)).collect()
}

/// A property with when it is to hold, if it is to hold in every run.
fn statement(property: &Property) -> Option<String> {
    let name = property.name();
    match property.demand() {
        Demand::Always => Some(name.to_owned()),
        Demand::Never => Some(format!("never: {name}")),
        Demand::Within(bound) => Some(format!("within {} s: {name}", bound.as_secs_f64())),
        Demand::Converges { within, inputs } => {
            let within = within.as_secs_f64();
            Some(format!("within {within} s and {inputs} inputs of the calm: {name}"))
        }
        Demand::Sometimes => None,
    }
}

/// How many runs are worth making: a plan with a seed makes them all the same.
fn number_of_runs(args: &CheckArgs, world: &World) -> Result<u64, SweepError> {
    let runs = args.runs.unwrap_or(RUNS);
    if world.plan.seed.is_none() || runs == 1 {
        return Ok(runs);
    }
    if args.ci.shard.is_some() {
        return Err(SweepError::Seeded);
    }
    output::complain("note: the plan has a seed, which makes all runs the same: one is made");
    Ok(1)
}

/// Makes the runs, with a progress bar where standard error is a terminal.
fn make_runs<'a>(
    runs: Range<u64>,
    jobs: Option<NonZeroUsize>,
    search: impl Fn() -> Search<'a> + Sync,
) -> (Tally, Duration) {
    let bar = progress::bar(runs.end - runs.start, "{bar:40} {human_pos} of {human_len} runs, {eta} left");
    let begun_at = clock();
    let tally = parallel::runs(runs, progress::threads(jobs), search, |done| bar.set_position(done));
    let wall = begun_at.elapsed();
    bar.finish_and_clear();
    (tally, wall)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a check takes is told to the user, and decides nothing"
)]
pub(super) fn clock() -> Instant {
    Instant::now()
}

/// The run to show: among these the one with most faults whose client succeeded, or with most faults if none did. None of
/// no run.
fn eventful(search: &mut Search<'_>, client: Option<HostId>, runs: Range<u64>) -> Option<Candidate> {
    let mut best = None;
    for run in runs {
        let tally = search.runs(run..run + 1);
        let succeeded = client.is_some_and(|client| tally.ends[client.index()].successes > 0);
        let faults: u64 = tally.fired.iter().sum();
        if best.is_none_or(|(best, most, _)| (succeeded, faults) > (best, most)) {
            best = Some((succeeded, faults, run));
        }
    }
    let (succeeded, faults, run) = best?;
    let (outcome, plan, transcript) = search.show(run);
    Some(Candidate { succeeded, example: Example::new(run, faults, outcome.packets, &plan, &transcript) })
}

/// The kinds of fault that were to be drawn, with the words that asked for them.
fn asked_for(args: &CheckArgs, transports: &[Transport], draws: &Draws) -> Vec<(FaultKind, &'static str)> {
    let Draws::Profiles(profiles) = draws else { return Vec::new() };
    let profile = profiles.first().copied().unwrap_or_default();
    // On a stream a loss is a stall, and so is what comes late.
    let stream = !transports.contains(&Transport::Udp);
    let pick = |datagram| if stream { FaultKind::Stall } else { datagram };
    // An option that was not given is the profile's, if there is one.
    let named = args.faults.profile.is_some();
    let word = |given: bool, word| if named && !given { "--profile" } else { word };
    let (faults, drop, delay) = (&args.faults, pick(FaultKind::Drop), pick(FaultKind::Delay));
    let all = [
        (profile.loss != Chance::NEVER, drop, word(args.loss.is_some(), "--loss")),
        (profile.bursts != Bursts::NONE, drop, "--profile"),
        (
            profile.duplicate != Chance::NEVER,
            FaultKind::Duplicate,
            word(faults.duplicate.is_some(), "--duplicate"),
        ),
        (profile.corrupt != Chance::NEVER, FaultKind::Flip, word(faults.corrupt.is_some(), "--corrupt")),
        (!profile.jitter.is_zero(), delay, word(faults.jitter.is_some(), "--jitter")),
        (profile.reorder != Chance::NEVER || profile.bandwidth.is_some(), delay, "--profile"),
        (profile.spread != Spread::NONE, delay, "--profile"),
    ];
    all.into_iter().filter(|(asked, ..)| *asked).map(|(_, kind, word)| (kind, word)).collect()
}

/// The laws that were held: 4, 5 and 6 only where a host promises what they are about.
pub(super) fn laws(scenario: &Scenario) -> Vec<String> {
    let promises: Vec<_> = scenario.spec().hosts.iter().map(|host| host.promises).collect();
    let held = |law: &Law| match law {
        Law::CutsDoNotMatter => promises.iter().any(|promises| promises.cuts != Cuts::Matter),
        Law::ShiftedInTime => promises.iter().any(|promises| !matches!(promises.moments, Moments::Anywhere)),
        Law::SameInputsSameOutputs => promises.iter().any(|promises| promises.is_repeatable),
        // It is asked for by tests alone.
        Law::WrapsUnseen => false,
        _ => true,
    };
    Law::ALL.into_iter().filter(held).map(|law| format!("{} {}", law.number(), law.text())).collect()
}

/// The words that chose how the network misbehaves.
fn network_words(args: &CheckArgs) -> Vec<String> {
    if matches!(args.draws(), Draws::Swarm) {
        return args.faults.streams_word().into_iter().collect();
    }
    let faults = &args.faults;
    // Without a profile there are losses, said or not, and nothing else.
    let loss = args.loss.or_else(|| faults.profile.is_none().then_some(args.profile().loss));
    let mut words = faults.words(loss);
    if let Some(plan) = &faults.faults {
        words.push(format!("--faults '{plan}'"));
    }
    words
}
