//! Going through every schedule of at most so many faults.
//!
//! A host that goes down in the middle of its work, and a timer that comes first, are faults at such places too: at each
//! input of a host, before what it sends.
//!
//! Listing plans blindly is waste: most name packets that are never sent. The tree of the schedules that differ grows
//! from runs instead. The run without faults shows what is sent; each send, with each fate of a declared list, gives a
//! run with one fault; what that sends after its fault gives runs with two; and so on. As a run is determined by its
//! faults, and the next fault always comes at a later send, each schedule is met exactly once.
//!
//! The runs with fewer faults come first, so the first failure is one with the fewest. It keeps as little as this
//! order allows: of the schedules with the most faults nothing, for nothing branches off from them.
//!
//! It is done on one thread. Which states were seen before depends on the order of the runs, and so would the count.

mod fates;
mod limit;
mod states;
mod tree;

use std::ops::ControlFlow;

pub use fates::{DownFate, Fates, FatesError};
pub use limit::{Limit, MAX_BRANCHES, MAX_SENDS};

use super::{Broken, Failure, Search, Shrunk, Tally};
use crate::engine::{Engine, Prepared, Sent};
use crate::fault::{FaultPlan, Profile, Resolved, UnknownHost};
use crate::scenario::{Demand, Property, Scenario};
use limit::{MAX_NODES, Room};
use states::States;
use tree::{Level, Tree};

/// How many runs pass between two reports of progress.
const RUNS_PER_REPORT: u64 = 1024;

/// Runs a scenario with every schedule of at most so many faults, and holds the laws and the properties to each run.
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
#[derive(Debug)]
pub struct Exhaustive<'s> {
    search: Search<'s>,
    /// The faults that are in every schedule.
    plan: FaultPlan,
    fates: Fates,
    max_faults: usize,
    merges: bool,
    room: Room,
}

/// What came of an [`Exhaustive`] search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// How many runs were made, each of another schedule, the failed one included.
    pub runs: u64,
    /// How many of them were broken off, for they came to a state in which another run had been.
    pub merged: u64,
    /// How many schedules were left out, for they branch off behind such a state: `runs` and these are all schedules.
    /// Zero unless the search is complete.
    pub saved: u64,
    /// How many different states were met where faults were left; zero if a machine has no fingerprint.
    pub states: u64,
    /// How many runs had no fault, one fault, and so on.
    pub by_faults: Vec<u64>,
    /// Whether all schedules were gone through. If not, a limit was reached, or something does not hold.
    pub is_complete: bool,
    /// The limit that was reached, if that ended it.
    pub limit: Option<Limit>,
    /// The sums over the runs that came to their end.
    pub tally: Tally,
    /// The first run in which something does not hold: none has fewer faults. [`Search::shrink`] takes it.
    pub failure: Option<Failure>,
}

impl Explored {
    /// Whether everything holds in every schedule.
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
        Self { search, plan: FaultPlan::default(), fates, max_faults, merges: true, room }
    }

    /// The same in a world with a plan: its seed, its link, and its faults, which are in every schedule and do not count.
    ///
    /// # Errors
    /// [`UnknownHost`] if the plan names a host that the scenario does not have.
    pub fn with_plan(mut self, plan: FaultPlan) -> Result<Self, UnknownHost> {
        self.search.settings.plan = Prepared::new(&plan, self.search.scenario)?;
        self.plan = plan;
        Ok(self)
    }

    /// The same with another seed for the machines, unless the plan has one.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.search.settings.seed = seed;
        self
    }

    /// The same without the laws: faster, and it finds only what breaks a property.
    #[must_use]
    pub fn without_laws(mut self) -> Self {
        self.search = self.search.without_laws();
        self
    }

    /// The same with so much room in memory: for runs from which others can branch off, [`MAX_BRANCHES`] unless given,
    /// and for the sends of those of one level, [`MAX_SENDS`] unless given. A search that needs more ends, and says so.
    #[must_use]
    pub const fn max_kept(mut self, branches: usize, sends: usize) -> Self {
        self.room = Room { branches: if branches < MAX_NODES { branches } else { MAX_NODES }, sends };
        self
    }

    /// The same, with every run made to its end, whether its states were seen before or not.
    #[must_use]
    pub const fn without_merging(mut self) -> Self {
        self.merges = false;
        self
    }

    /// Makes the runs, at most `max_runs`, up to the first that fails. `progress` is told now and then how far it is.
    pub fn run(&mut self, max_runs: u64, mut progress: impl FnMut(&Progress)) -> Explored {
        let converges = |property: &Property| matches!(property.demand(), Demand::Converges { .. });
        let with_inputs = self.plan.calm.is_some() || self.search.scenario.properties().iter().any(converges);
        let mut walk = self.walk(max_runs, with_inputs);
        let mut is_complete = self.go_through(&mut walk, &mut progress).is_continue();
        // Where the number of inputs can make a difference, states merge only if it is the same. Also where something was
        // found: what was broken off before may have failed with fewer faults.
        if !with_inputs && self.depends_on_inputs(&walk) {
            let mut again = self.walk(max_runs, true);
            let all = self.go_through(&mut again, &mut progress).is_continue();
            // Less is merged, so a limit may come before what was found.
            if all || again.explored.failure.is_some() || walk.explored.failure.is_none() {
                (walk, is_complete) = (again, all);
            }
        }
        let mut explored = walk.explored;
        explored.states = walk.states.len() as u64;
        explored.is_complete = is_complete;
        if is_complete {
            explored.saved = walk.tree.schedules(self.max_faults).saturating_sub(explored.runs);
        }
        explored
    }

    /// Makes a failure smaller, as [`Search::shrink`] does. No fault of a first failure can be taken away, but one may
    /// become weaker.
    pub fn shrink(&self, failure: &Failure, max_runs: u64) -> Shrunk {
        self.search.shrink(failure, max_runs)
    }

    /// Nothing found yet.
    fn walk(&self, max_runs: u64, with_inputs: bool) -> Walk {
        let explored = Explored {
            runs: 0,
            merged: 0,
            saved: 0,
            states: 0,
            by_faults: vec![0; self.max_faults + 1],
            is_complete: false,
            limit: None,
            tally: self.search.no_runs(),
            failure: None,
        };
        Walk {
            explored,
            tree: Tree::default(),
            states: States::new(with_inputs),
            max_runs,
            offsets: Vec::new(),
            most_inputs: 0,
            most_behind: 0,
            reads_inputs: false,
        }
    }

    /// Whether a run that was recognised might have ended by the bound on inputs, or a property looks at their number:
    /// then it goes on otherwise than the run whose state it came to, which had had fewer.
    ///
    /// A run that was broken off would have had as many inputs as the other at its end, and as many more as it was
    /// behind; so would what branches off from it. Both are bounded by the greatest there are.
    fn depends_on_inputs(&self, walk: &Walk) -> bool {
        let max_inputs = self.search.scenario.spec().max_inputs;
        let may_end = walk.most_inputs.saturating_add(walk.most_behind) >= max_inputs;
        walk.explored.merged > 0 && (may_end || walk.reads_inputs)
    }

    /// All levels of the tree, each from the one before.
    fn go_through(&mut self, walk: &mut Walk, progress: &mut impl FnMut(&Progress)) -> ControlFlow<()> {
        let mut level = Level::default();
        self.make(walk, 0, &[], &mut level)?;
        let (mut decisions, mut children) = (Vec::new(), Vec::new());
        for faults in 1..=self.max_faults {
            let mut next = Level::default();
            let (mut done, of) = (0, level.children);
            for (parent, sends) in level.iter() {
                if faults < self.max_faults {
                    walk.tree.open(parent);
                }
                walk.tree.decisions(parent, &mut decisions);
                children.clear();
                // A long stream may have millions; one more than can be made tells that not all were.
                let most = walk.runs_left().saturating_add(1);
                for &sent in sends {
                    self.fates.each(sent, &self.search.settings.plan, |fault| {
                        if (children.len() as u64) < most {
                            children.push(fault);
                        }
                    });
                }
                for &fault in &children {
                    decisions.push(fault);
                    self.make(walk, parent, &decisions, &mut next)?;
                    decisions.pop();
                    done += 1;
                    let runs = walk.explored.runs;
                    if runs.is_multiple_of(RUNS_PER_REPORT) || done == of {
                        progress(&Progress { faults, done, of, runs });
                    }
                }
            }
            level = next;
        }
        ControlFlow::Continue(())
    }

    /// Makes the run of one schedule, and adds it to its level if it can have children. Breaks off if it cannot be
    /// made, or fails.
    fn make(
        &mut self,
        walk: &mut Walk,
        parent: u32,
        decisions: &[Resolved],
        level: &mut Level,
    ) -> ControlFlow<()> {
        if walk.runs_left() == 0 {
            walk.explored.limit = Some(Limit::Runs(walk.max_runs));
            return ControlFlow::Break(());
        }
        let run = walk.explored.runs;
        walk.explored.runs += 1;
        walk.explored.by_faults[decisions.len()] += 1;
        let can_branch = decisions.len() < self.max_faults;
        let looks = can_branch && self.merges;
        let mut tail = None;
        walk.states.begin();
        let looks_at_hosts = (!self.fates.down.is_empty(), self.fates.timer_first);
        self.search.engine.trail().follow(decisions, self.fates.payload, looks_at_hosts);
        let states = &mut walk.states;
        let mut is_known = |engine: &Engine<'_>, now| {
            if looks && engine.is_open() {
                tail = states.recognise(engine, now);
            }
            tail.is_some()
        };
        let result = self.search.attempt_until(if looks { Some(&mut is_known) } else { None });
        walk.reads_inputs |= self.search.engine.reads_inputs();
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(broken) => {
                walk.explored.failure = Some(self.explain(run, decisions, broken));
                return ControlFlow::Break(());
            }
        };
        let engine = &self.search.engine;
        debug_assert!(engine.is_open(), "every fault is at a send that really happens");
        if let Some(seen) = tail {
            walk.explored.merged += 1;
            walk.most_behind = walk.most_behind.max(seen.behind);
        } else {
            walk.most_inputs = walk.most_inputs.max(outcome.inputs);
            self.search.add_to(&mut walk.explored.tally, &outcome);
        }
        if can_branch {
            let sends = engine.sends();
            let children = walk.count(sends, &self.fates, &self.search.settings.plan);
            let node = (parent, decisions.last().copied());
            let Some(run) = walk.tree.push(node, children, tail, self.room) else {
                walk.explored.limit = Some(Limit::Branches(self.room.branches));
                return ControlFlow::Break(());
            };
            walk.states.keep(run, &walk.offsets, tail.map_or(0, |seen| seen.behind));
            if !level.push(run, sends, children, self.room) {
                walk.explored.limit = Some(Limit::Sends(self.room.sends));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Makes a failed run again by its plan, and says which law or property it is about.
    fn explain(&mut self, run: u64, decisions: &[Resolved], broken: Broken) -> Failure {
        let names = self.search.scenario.names();
        let mut plan = self.plan.clone();
        plan.seed = Some(self.search.settings.effective_seed());
        // Each decision is at a place of its own, and has hosts of the scenario: nothing is refused.
        let _ = plan.try_extend(decisions.iter().map(|fault| fault.named(&names)));
        let prepared = Prepared::new(&plan, self.search.scenario).unwrap_or_default();
        let before = std::mem::replace(&mut self.search.settings.plan, prepared);
        self.search.engine = Engine::new(self.search.scenario);
        // A run that is made to its end may turn out to go round for ever; that says more.
        let broken = match self.search.attempt() {
            Err(again) if again.what == broken.what => again,
            _ => broken,
        };
        let failure = self.search.explain(run, broken);
        self.search.settings.plan = before;
        failure
    }
}

/// What a search has found so far.
struct Walk {
    explored: Explored,
    tree: Tree,
    states: States,
    max_runs: u64,
    /// How many children a run has before each of its sends, and in all.
    offsets: Vec<u32>,
    /// How many inputs a run had at most that was made to its end.
    most_inputs: u64,
    /// How many inputs more a run had had, at most, than the one whose state it came to, and that one than the one whose
    /// state it came to, and so on.
    most_behind: u64,
    /// A property has asked how many there were.
    reads_inputs: bool,
}

impl Walk {
    const fn runs_left(&self) -> u64 {
        self.max_runs - self.explored.runs
    }

    /// How many children a run has that sent this.
    fn count(&mut self, sends: &[Sent], fates: &Fates, plan: &Prepared) -> u32 {
        let mut children = 0;
        self.offsets.clear();
        self.offsets.push(0);
        for &sent in sends {
            children += fates.count(sent, plan);
            self.offsets.push(children);
        }
        children
    }
}
