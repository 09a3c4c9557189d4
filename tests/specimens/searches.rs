//! The searches, each of which has a try at a specimen.

use std::fmt;

use lossproof::check::{Draws, Exhaustive, Failure, Fates, Search, Shrunk};
use lossproof::engine::Prepared;
use lossproof::fault::{Fault, FaultPlan, Flow, HostFault, Profile, StreamFault, strategy};
use lossproof::{Instant, Scenario};
use proptest::collection::vec;
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::fuzzed::INPUTS;
use crate::{World, fuzzed, models};

/// How many cases a model has for one specimen.
pub(crate) const CASES: u64 = 400;
/// How many runs the default check has.
pub(crate) const RUNS: u64 = 2_000;
/// How many plans of any faults are tried.
pub(crate) const PLANS: u64 = 1_000;
/// How many runs the exhaustive search has, and how many faults.
pub(crate) const EXHAUSTIVE_RUNS: u64 = 1_000;
pub(crate) const MAX_FAULTS: usize = 5;
/// How many failures a search makes small at most, to find a smaller one than the first.
const MAX_FAILURES: usize = 4;
const MAX_SHRINK_RUNS: u64 = 1_000;
/// How many runs there are until the first failure.
const MAX_RUNS: u64 = 200_000;
/// How many faults a plan of arbitrary faults has at most.
const MAX_PLAN_LEN: usize = 8;

/// What a search has found.
#[derive(Debug)]
pub(crate) enum Cell {
    /// The runs that failed, from 1, each with the number of faults that it was shrunk to: the first one, and after it
    /// those that came to fewer. None, if none failed.
    Tried(Vec<(u64, usize)>),
    /// The first input that showed it, from 1. Nothing was made small.
    Seen(u64),
    /// It is none for this specimen.
    Untried,
}

impl Cell {
    /// The fewest faults.
    pub(crate) fn fewest(&self) -> Option<usize> {
        match self {
            Self::Tried(found) => found.last().map(|(_, faults)| *faults),
            Self::Seen(_) | Self::Untried => None,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untried => f.pad(""),
            Self::Seen(input) => f.pad(&input.to_string()),
            Self::Tried(found) if found.is_empty() => f.pad("-"),
            Self::Tried(found) => {
                let found: Vec<_> = found.iter().map(|(run, faults)| format!("{run}→{faults}")).collect();
                f.pad(&found.join(" "))
            }
        }
    }
}

/// What the searches have found of one specimen.
pub(crate) struct Row {
    pub(crate) swarm: Cell,
    pub(crate) plans: Cell,
    pub(crate) exhaustive: Cell,
    pub(crate) model: Cell,
    pub(crate) fuzz: Cell,
    /// What the smallest plan known breaks.
    pub(crate) broken: String,
    /// Whether it breaks nothing more without one of its faults, and nothing where all machines are right.
    pub(crate) is_minimal: bool,
}

/// All searches of a specimen.
pub(crate) fn row(world: &World) -> Row {
    let smallest = world.smallest();
    let without_one = (0..smallest.len()).map(|index| {
        let mut less = smallest.clone();
        less.remove(index);
        less
    });
    Row {
        swarm: drawn(world),
        plans: if world.fewer() > 1 { Cell::Untried } else { plans(world) },
        exhaustive: if world.fewer() > 1 { Cell::Untried } else { exhaustive(world) },
        model: models::cell(world.specimen),
        fuzz: fuzzed::cell(world.system, world.bug, INPUTS / world.fewer()),
        broken: of_smallest(world).broken,
        is_minimal: right_holds(world, &smallest)
            && without_one.into_iter().all(|less| of_plan(world, &less).is_none()),
    }
}

/// Collects failures as long as they become smaller than those before.
struct Found {
    enough: usize,
    /// How many failures are made small at most.
    max: usize,
    runs: Vec<(u64, usize)>,
    failures: usize,
}

impl Found {
    fn new(world: &World) -> Self {
        let max = if world.is_of_protocol() {
            MAX_FAILURES
        } else {
            (MAX_FAILURES / world.fewer() as usize).max(1)
        };
        Self { enough: world.smallest().len(), max, runs: Vec::new(), failures: 0 }
    }

    /// Takes one more; whether that is enough.
    fn add(&mut self, run: u64, shrunk: &Shrunk) -> bool {
        let faults = shrunk.failure.plan.len();
        if self.runs.last().is_none_or(|(_, before)| faults < *before) {
            self.runs.push((run + 1, faults));
        }
        self.failures += 1;
        faults <= self.enough || self.failures == self.max
    }
}

/// What `lossproof check` does where nobody says more, with this seed.
pub(crate) fn swarm(world: &World, seed: u64) -> Search<'_> {
    Search::new(&world.scenario, Prepared::default(), Profile::CALM, seed).with_draws(Draws::Swarm)
}

/// To how many faults the first failure of the default check with this seed is shrunk, if there is one.
pub(crate) fn first_of_swarm(world: &World, seed: u64) -> Option<usize> {
    let mut search = swarm(world, seed);
    let failure = search.runs(0..MAX_RUNS).failure?;
    Some(search.shrink(&failure, MAX_SHRINK_RUNS).failure.plan.len())
}

/// Faults that are drawn as `lossproof check` draws them.
fn drawn(world: &World) -> Cell {
    let (mut search, mut found, mut next) = (swarm(world, 0), Found::new(world), 0);
    while let Some(failure) = search.runs(next..RUNS / world.fewer()).failure {
        next = failure.run + 1;
        // Of long runs fewer: what is found there is told, and is none of the smallest.
        let max_runs = if world.is_of_protocol() { MAX_SHRINK_RUNS } else { MAX_SHRINK_RUNS / world.fewer() };
        if found.add(failure.run, &search.shrink(&failure, max_runs)) {
            break;
        }
    }
    Cell::Tried(found.runs)
}

/// Plans of faults of any kind, crashes and cuts among them.
fn plans(world: &World) -> Cell {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..Config::default()
    });
    let plan = any_plan(&world.scenario.names());
    let mut found = Found::new(world);
    for run in 0..PLANS / world.fewer() {
        let plan = plan.new_tree(&mut runner).expect("there is always a plan").current();
        let mut search = search_of(&world.scenario, &plan);
        let Some(failure) = search.runs(0..1).failure else { continue };
        let shrunk = search.shrink(&failure, MAX_SHRINK_RUNS);
        // Not all that is stated holds where a client is started again.
        let is_of_bug = [&plan, &shrunk.failure.plan].into_iter().all(|plan| right_holds(world, plan));
        if is_of_bug && found.add(run, &shrunk) {
            break;
        }
    }
    Cell::Tried(found.runs)
}

/// Any plan for these hosts. Dialogues are short, so faults come early more often than not.
fn any_plan(names: &[&str]) -> impl Strategy<Value = FaultPlan> + use<> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let pairs = names.iter().flat_map(|from| names.iter().map(move |to| (from, to)));
    let flows: Vec<Flow> =
        pairs.filter(|(from, to)| from != to).map(|(from, to)| Flow::new(from, to)).collect();
    let flow = || select(flows.clone());
    let datagram = (flow(), 0..6_u64, strategy::datagram_fault())
        .prop_map(|(flow, n, fault)| Fault::Datagram { flow, n, fault });
    let reset = (flow(), 0..32_u64).prop_map(|(flow, at)| Fault::Stream {
        flow,
        conn: 0,
        at,
        fault: StreamFault::Reset,
    });
    let partition = (flow(), 0..40_u64).prop_map(|(flow, millis)| {
        let (at, fault) = (Instant::from_millis(millis), HostFault::PartitionOneWay(flow));
        Fault::Host { at, fault }
    });
    let early = prop_oneof![3 => datagram, 3 => reset, 1 => partition];
    let early = vec(early, 0..=MAX_PLAN_LEN / 2);
    (strategy::plan(&names, MAX_PLAN_LEN / 2), early).prop_map(|(mut plan, early)| {
        // With a link of its own a plan may need fewer faults, but is none that is easier to read.
        plan.set_link(None).expect("a plan without a link is one");
        // Where a fault is already, it stays.
        for fault in early {
            let _ = plan.push(fault);
        }
        plan
    })
}

fn exhaustive(world: &World) -> Cell {
    let search = Exhaustive::new(&world.scenario, Fates::default(), MAX_FAULTS);
    let failure = search.run(EXHAUSTIVE_RUNS / world.fewer(), |_| ()).failure;
    let faults = |failure: &Failure| search.shrink(failure, MAX_SHRINK_RUNS).failure.plan.len();
    Cell::Tried(failure.iter().map(|failure| (failure.run + 1, faults(failure))).collect())
}

/// What the one run of a plan breaks, if anything.
pub(crate) fn of_plan(world: &World, plan: &FaultPlan) -> Option<Failure> {
    search_of(&world.scenario, plan).runs(0..1).failure
}

/// What the smallest plan known breaks.
pub(crate) fn of_smallest(world: &World) -> Failure {
    of_plan(world, &world.smallest()).expect("the smallest plan known shows the bug")
}

/// Whether the right machines break nothing in the run of a plan.
fn right_holds(world: &World, plan: &FaultPlan) -> bool {
    search_of(&world.right, plan).runs(0..1).failure.is_none()
}

/// A search whose runs are all that of the plan.
fn search_of<'s>(scenario: &'s Scenario, plan: &FaultPlan) -> Search<'s> {
    let mut plan = plan.clone();
    plan.seed = plan.seed.or(Some(0));
    let plan = Prepared::new(&plan, scenario).expect("the plan names the scenario's hosts");
    Search::new(scenario, plan, Profile::default(), 0)
}
