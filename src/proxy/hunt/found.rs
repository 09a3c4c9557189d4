//! The runs of a hunt, how far it is, and what it has found.

use crate::fault::{FaultPlan, Profile};
use crate::proxy::{Passed, Proxy, Route};

/// One run that a hunt asks for.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The plan.
    pub plan: FaultPlan,
    /// What may happen beside it.
    pub profile: Profile,
    /// By what it is drawn.
    pub seed: u64,
}

impl Attempt {
    /// A proxy for the run, which records what passes. Faults of processes are not its matter.
    pub fn proxy(&self, routes: impl Into<Vec<Route>>) -> Proxy {
        Proxy::new(routes).faults(self.plan.clone()).profile(self.profile).seed(self.seed).record(true)
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Why it counts as a failure, if it does.
    pub why: Option<String>,
    /// What happened to what was sent.
    pub passed: Passed,
}

/// Where a hunt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A run without faults, which must pass.
    Calm,
    /// The number of the run that is made, from 0, and how many there are.
    Searching(u64, u64),
    /// A run has failed, for this reason; its plan is tried again.
    Failed(u64, &'a str),
    /// How often the plan of a failure failed again, and of how many runs: seldom, so the search goes on.
    Chance(u32, u32),
    /// Fewer faults are tried: the smallest plan that fails by now, and how many runs were made.
    Shrinking(&'a FaultPlan, u64),
    /// The smallest plan is tried again.
    Verifying(&'a FaultPlan),
}

/// A failure, with the smallest plan that was found for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// In which run it was found, from 0.
    pub run: u64,
    /// Why that run counts as a failure.
    pub why: String,
    /// How often its plan failed again, of how many runs.
    pub again: (u32, u32),
    /// How many faults that plan had.
    pub from_faults: usize,
    /// The smallest plan.
    pub plan: FaultPlan,
    /// How often the smallest plan failed, of how many runs.
    pub fails: (u32, u32),
    /// How many runs it took to make it small.
    pub shrink_runs: u64,
    /// Whether nothing was left to be taken out: neither the bound of runs nor that of time had come.
    pub is_minimal: bool,
    /// A failing run of the smallest plan: what it recorded, and why it counts as a failure.
    pub ended: Ended,
}

/// What a hunt has found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Hunted {
    /// All runs passed.
    Held,
    /// A run without any fault failed: there is nothing to hunt for.
    FailsCalm(Ended),
    /// A run failed, and here is why.
    Failed(Box<Found>),
    /// Nothing was drawn: how many runs of the plan failed, how many there were, and the last that failed.
    Replayed(u32, u32, Option<Ended>),
}

/// What came of a hunt.
#[derive(Clone, Debug)]
pub struct Hunting<E> {
    /// What was found. Of a hunt that was ended it is the best so far.
    pub found: Hunted,
    /// How many runs were made before the failure, or in all.
    pub runs: u64,
    /// How many runs failed whose plans did not fail again: chance, it seems.
    pub flukes: u64,
    /// What ended it early.
    pub stopped: Option<E>,
}
