//! Exhaustive search: every combination of at most *k* faults.
//!
//! A host that goes down in the middle of its work, and a timer that comes first, are faults at such places too: at each
//! input of a host, before what it sends.
//!
//! Listing plans blindly is waste: most name packets that are never sent. The tree of the schedules that differ grows
//! from runs instead. The run without faults shows what is sent; each send, with each fate of a declared list, gives a
//! run with one fault; what that sends after its fault gives runs with two; and so on. As a run is determined by its
//! faults, and the next fault always comes at a later send, each schedule is met exactly once.
//!
//! The runs with fewer faults come first, so the first failure is one with the fewest. It keeps as little as this order
//! allows: nothing of the schedules with the most faults, because nothing branches from them.
//!
//! The runs are made in batches, on any number of threads ([`parallel::schedules`](crate::parallel::schedules)): each run
//! of a batch is looked at with the states that were known before the batch. Then the batch is gone through in order, and a
//! run that came to a state of one before it counts as if it had been broken off there. So the same is found, and counted,
//! as if they were made one after another.

mod fates;
mod lead;
mod limit;
mod states;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod work;

pub use fates::{DownFate, Fates, FatesError};
pub use limit::{Limit, MAX_BRANCHES, MAX_SENDS};

use super::{Failure, NEVER, Search, Shrunk, StopIf, Tally};
use crate::engine::{Prepared, Settings};
use crate::fault::{FaultPlan, Profile, UnknownHost};
use crate::scenario::Scenario;
use limit::{MAX_NODES, Room};
pub(crate) use work::Board;

/// How many runs there are in a batch, or a few more. Of those from which others can branch off few, since they know
/// nothing of one another while they are made; of the others many, which have nothing to know.
const BATCH: [usize; 2] = [512, 4096];

/// Runs a scenario with every combination of at most *k* faults, and checks the laws and the properties in each run. A
/// result is complete for these faults under this timing: other delays are not tried.
///
/// ```
/// # #[cfg(feature = "systems")] {
/// use lossproof::check::{Exhaustive, Fates};
/// use lossproof::Scenario;
/// use lossproof::systems::{Options, udp_remote};
///
/// let scenario = Scenario::from(udp_remote::net(&Options { ids: true, ..Options::default() }));
/// let explored = Exhaustive::new(&scenario, Fates::default(), 2).run(10_000, |_| ());
/// // Three requests and three replies, each lost, doubled or late: 18 schedules of one fault.
/// assert_eq!(explored.by_faults[..2], [1, 18]);
/// assert!(explored.holds());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Exhaustive<'s> {
    scenario: &'s Scenario,
    settings: Settings,
    /// The faults that are in every schedule.
    plan: FaultPlan,
    fates: Fates,
    max_faults: usize,
    merges: bool,
    room: Room,
    batch: [usize; 2],
    stop_if: StopIf,
}

/// What came of an [`Exhaustive`] search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// How many runs were made, each of another schedule, the failed one included.
    pub runs: u64,
    /// How many of them were broken off, because they reached a state that another run had reached before.
    pub merged: u64,
    /// How many schedules were left out, because they branch from such a state: `runs + saved` is the number of all
    /// schedules. Zero unless the search is complete.
    pub saved: u64,
    /// How many different states were met where faults were left; zero if a machine has no fingerprint.
    pub states: u64,
    /// How many runs had no fault, one fault, and so on.
    pub by_faults: Vec<u64>,
    /// Whether all schedules were tried. If not, a limit was reached, or a run failed.
    pub is_complete: bool,
    /// The limit that was reached, if that ended it.
    pub limit: Option<Limit>,
    /// The sums over the runs that came to their end. Faults are counted in those too that were broken off.
    pub tally: Tally,
    /// The first failing run: none has fewer faults. Pass it to [`Search::shrink`].
    pub failure: Option<Failure>,
}

impl Explored {
    /// Whether every schedule was tried and passed.
    pub const fn holds(&self) -> bool {
        self.is_complete && self.failure.is_none()
    }
}

/// How far an [`Exhaustive`] search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many faults the schedules have that are being made.
    pub faults: usize,
    /// How many of these are made.
    pub done: u64,
    /// How many of these there are.
    pub of: u64,
    /// How many runs were made in all.
    pub runs: u64,
}

impl<'s> Exhaustive<'s> {
    /// A search through all schedules of at most `max_faults` faults, out of these for each send. The seed is 0.
    pub fn new(scenario: &'s Scenario, fates: Fates, max_faults: usize) -> Self {
        let search = Search::new(scenario, Prepared::default(), Profile::default(), 0);
        let fates = fates.distinct();
        let room = Room { branches: MAX_BRANCHES, sends: MAX_SENDS };
        let plan = FaultPlan::default();
        Self {
            scenario,
            settings: search.settings,
            plan,
            fates,
            max_faults,
            merges: true,
            room,
            batch: BATCH,
            stop_if: NEVER,
        }
    }

    /// The same with a plan: its seed, its latency, and its faults, which are in every schedule and do not count.
    ///
    /// # Errors
    /// [`UnknownHost`] if the plan names a host that the scenario does not have.
    pub fn with_plan(mut self, plan: FaultPlan) -> Result<Self, UnknownHost> {
        self.settings.plan = Prepared::new(&plan, self.scenario)?;
        self.plan = plan;
        Ok(self)
    }

    /// The same with another seed for the machines, unless the plan has one.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// The same without the laws: faster, and it finds only what breaks a property.
    #[must_use]
    pub const fn without_laws(mut self) -> Self {
        self.settings.laws = None;
        self
    }

    /// The same with so much room in memory: for runs from which others can branch off, [`MAX_BRANCHES`] unless given,
    /// and for the sends of those of one level, [`MAX_SENDS`] unless given. A search that needs more ends, and says so.
    #[must_use]
    pub const fn max_kept(mut self, branches: usize, sends: usize) -> Self {
        self.room = Room { branches: if branches < MAX_NODES { branches } else { MAX_NODES }, sends };
        self
    }

    /// The same, which ends before it makes more runs once this says so.
    #[must_use]
    pub const fn stop_if(mut self, stop_if: StopIf) -> Self {
        self.stop_if = stop_if;
        self
    }

    /// The same, with every run made to its end, whether its states were seen before or not.
    #[must_use]
    pub const fn without_merging(mut self) -> Self {
        self.merges = false;
        self
    }

    /// Makes the runs, at most `max_runs`, up to the first that fails. `progress` is called now and then with the
    /// progress.
    ///
    /// They are made on this thread; [`parallel::schedules`](crate::parallel::schedules) spreads them over several.
    pub fn run(&self, max_runs: u64, progress: impl FnMut(&Progress)) -> Explored {
        let board = Board::default();
        let mut worker = self.worker();
        self.lead(&board, &mut |runs| vec![worker.work(&board, 0..runs)], max_runs, progress)
    }

    /// Makes a failure smaller, as [`Search::shrink`] does. No fault of a first failure can be taken away, but one may
    /// become weaker.
    pub fn shrink(&self, failure: &Failure, max_runs: u64) -> Shrunk {
        self.search().shrink(failure, max_runs)
    }

    /// What makes runs with these settings.
    fn search(&self) -> Search<'s> {
        let Settings { plan, profile, seed, .. } = &self.settings;
        let mut search = Search::new(self.scenario, plan.clone(), *profile, *seed);
        search.settings = self.settings.clone();
        search.fates = self.fates.kinds().collect();
        search
    }
}
