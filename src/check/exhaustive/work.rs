//! Making the runs of a batch: what each thread does.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::states::{Eye, Fresh, Seen, States};
use super::tree::Tree;
use super::{Exhaustive, Fates, Search, Tally};
use crate::engine::{Broken, Engine, FINGERPRINTS_EVERY, Outcome, Prepared, Sent};
use crate::fault::Resolved;
use crate::machine::Status;
use crate::scenario::Reads;

/// In this number of runs fingerprints are looked at (law 11), and later in one of [`FINGERPRINTS_EVERY`].
const LOOKED_AT: u64 = 1024;

/// What all threads see: the runs that are to be made, and what is known when they are.
#[derive(Debug, Default)]
pub(crate) struct Board {
    shared: RwLock<Shared>,
    /// The first run of the batch that has failed: those after it need not be made.
    failed: AtomicUsize,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) tree: Tree,
    pub(super) states: States,
    /// The runs of the batch: each has one fault more than another one, none at the root.
    pub(super) jobs: Vec<(u32, Option<Resolved>)>,
    /// How many runs there were before.
    pub(super) runs: u64,
    /// Whether runs can branch off from these.
    pub(super) can_branch: bool,
    /// Whether they are broken off where another one was.
    pub(super) merges: bool,
}

impl Board {
    fn read(&self) -> RwLockReadGuard<'_, Shared> {
        // Whoever has panicked ends the search.
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called between batches alone.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Shared> {
        self.failed.store(usize::MAX, Ordering::Relaxed);
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of some runs of a batch, in order, up to the first that failed.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) runs: u64,
    /// The runs from which others can branch off; none if none can.
    pub(super) branches: Vec<Branch>,
    /// The sums over the others.
    pub(super) sums: Sums,
    pub(super) broken: Option<Broken>,
    /// What properties have read.
    pub(super) reads: Reads,
}

/// Sums over runs.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) tally: Tally,
    /// How many were broken off.
    pub(super) merged: u64,
    /// How many inputs a run had at most that was made to its end.
    pub(super) most_inputs: u64,
    /// How many inputs more a run had had, at most, than the one whose state it came to, and that one than the one whose
    /// state it came to, and so on.
    pub(super) most_behind: u64,
}

impl Sums {
    pub(super) const fn new(tally: Tally) -> Self {
        Self { tally, merged: 0, most_inputs: 0, most_behind: 0 }
    }

    /// Adds those of later runs.
    pub(super) fn merge(&mut self, later: Self) {
        // A tally of none has faults of those that were broken off.
        let runs = self.tally.runs + later.tally.runs;
        self.tally.runs = self.tally.runs.max(1);
        self.tally.merge(later.tally);
        self.tally.runs = runs;
        self.merged += later.merged;
        self.most_inputs = self.most_inputs.max(later.most_inputs);
        self.most_behind = self.most_behind.max(later.most_behind);
    }

    /// Adds a run that was broken off.
    fn add_merged(&mut self, seen: Seen, outcome: &Outcome, planned: &[bool]) {
        self.merged += 1;
        self.most_behind = self.most_behind.max(seen.behind);
        self.tally.add_faults(outcome, planned);
    }
}

/// A run from which others can branch off.
#[derive(Debug)]
pub(super) struct Branch {
    ending: Ending,
    /// Where it was broken off, if it was.
    pub(super) tail: Option<Seen>,
    pub(super) sends: Vec<Sent>,
    /// How many children it has before each of its sends, and in all.
    pub(super) offsets: Vec<u32>,
    /// Its states that were not known.
    pub(super) fresh: Vec<Fresh>,
}

/// How a run went.
#[derive(Debug)]
struct Ending {
    outcome: Outcome,
    statuses: Vec<Option<Status>>,
    planned: Vec<bool>,
    /// For each thing that is to be seen sometimes, whether it was.
    sometimes: Vec<bool>,
    gave_up: Vec<(String, String)>,
}

impl Branch {
    /// How many children it has.
    pub(super) fn children(&self) -> u32 {
        self.offsets.last().copied().unwrap_or_default()
    }

    /// Breaks it off where it came to a state that a run before it in the batch had come to.
    pub(super) fn recognise(&mut self, states: &States) {
        let mut all = self.fresh.iter().enumerate();
        let found = all.find_map(|(place, fresh)| Some((place, states.get(fresh.state)?.by(fresh.inputs))));
        if let Some((place, seen)) = found {
            self.tail = Some(seen);
            let sends = self.fresh[place].sends;
            self.sends.truncate(sends);
            self.offsets.truncate(sends + 1);
            self.fresh.truncate(place);
        }
    }

    /// Keeps its states, as those of the run of this number.
    pub(super) fn keep(&self, run: u32, states: &mut States) {
        let behind = self.tail.map_or(0, |seen| seen.behind);
        for &Fresh { state, sends, inputs } in &self.fresh {
            states.keep(state, Seen { run, offset: self.offsets[sends], inputs, behind });
        }
    }

    /// Adds it.
    pub(super) fn add_to(&self, sums: &mut Sums) {
        let Ending { outcome, statuses, planned, sometimes, gave_up } = &self.ending;
        if let Some(seen) = self.tail {
            return sums.add_merged(seen, outcome, planned);
        }
        sums.most_inputs = sums.most_inputs.max(outcome.inputs);
        sums.tally.add(outcome, statuses);
        sums.tally.saw(planned, sometimes.iter().copied());
        sums.tally.add_gave_up(gave_up);
    }
}

/// Makes runs of batches.
pub(crate) struct Worker<'s> {
    search: Search<'s>,
    fates: Fates,
    eye: Eye,
    /// The faults of the run that is made.
    decisions: Vec<Resolved>,
}

impl<'s> Exhaustive<'s> {
    /// What one thread makes its runs with.
    pub(crate) fn worker(&self) -> Worker<'s> {
        let search = self.search();
        Worker { search, fates: self.fates.clone(), eye: Eye::default(), decisions: Vec::new() }
    }
}

impl Worker<'_> {
    /// Makes these runs of a batch.
    pub(crate) fn work(&mut self, board: &Board, runs: Range<usize>) -> Part {
        let shared = board.read();
        let sums = Sums::new(self.search.no_runs());
        let mut part = Part { runs: 0, branches: Vec::new(), sums, broken: None, reads: Reads::default() };
        self.search.engine.forget_reads();
        for run in runs {
            if run > board.failed.load(Ordering::Relaxed) {
                break;
            }
            part.runs += 1;
            if let Err(broken) = self.make(&shared, run, &mut part) {
                board.failed.fetch_min(run, Ordering::Relaxed);
                part.broken = Some(broken);
                break;
            }
        }
        part.reads = self.search.engine.was_read();
        part
    }

    /// Makes one run of the batch.
    fn make(&mut self, shared: &Shared, run: usize, part: &mut Part) -> Result<(), Broken> {
        let Shared { tree, states, jobs, can_branch, .. } = shared;
        let (parent, fault) = jobs[run];
        tree.decisions(parent, fault, &mut self.decisions);
        let number = shared.runs + run as u64;
        let looks_at_fingerprints = number < LOOKED_AT || number.is_multiple_of(FINGERPRINTS_EVERY);
        let looks_at_hosts = (!self.fates.down.is_empty(), self.fates.timer_first);
        let engine = &mut self.search.engine;
        engine.looks_at_fingerprints = Some(looks_at_fingerprints);
        engine.trail().follow(&self.decisions, self.fates.payload, looks_at_hosts);
        self.eye.begin(&self.decisions);
        let (eye, mut tail) = (&mut self.eye, None);
        let mut is_known = |engine: &mut Engine<'_>, now| {
            tail = eye.look(states, engine, now, *can_branch);
            tail.is_some()
        };
        let result = self.search.attempt_until(if shared.merges { Some(&mut is_known) } else { None });
        let outcome = result?;
        let engine = &self.search.engine;
        debug_assert!(engine.is_open(), "every fault is at a send that really happens");
        if *can_branch {
            let branch = self.branch(outcome, tail);
            part.branches.push(branch);
        } else if let Some(seen) = tail {
            part.sums.add_merged(seen, &outcome, engine.planned_fired());
        } else {
            part.sums.most_inputs = part.sums.most_inputs.max(outcome.inputs);
            self.search.add_to(&mut part.sums.tally, &outcome);
        }
        Ok(())
    }

    /// What is kept of the last run, from which others can branch off.
    fn branch(&self, outcome: Outcome, tail: Option<Seen>) -> Branch {
        let engine = &self.search.engine;
        let ending = Ending {
            outcome,
            statuses: engine.statuses().to_vec(),
            planned: engine.planned_fired().to_vec(),
            sometimes: self.search.seen_sometimes().collect(),
            gave_up: engine.gave_up().to_vec(),
        };
        let sends = engine.sends().to_vec();
        let offsets = offsets(&sends, &self.fates, &self.search.settings.plan);
        Branch { ending, tail, sends, offsets, fresh: self.eye.fresh.clone() }
    }
}

/// How many children a run has that sent this, before each send and in all.
fn offsets(sends: &[Sent], fates: &Fates, plan: &Prepared) -> Vec<u32> {
    let mut children = 0;
    let mut offsets = Vec::with_capacity(sends.len() + 1);
    offsets.push(0);
    for &sent in sends {
        children += fates.count(sent, plan);
        offsets.push(children);
    }
    offsets
}
