//! Leading a search: which runs are made, in batches, and what they come to, in order.

use std::ops::ControlFlow;

use super::limit::Limit;
use super::states::{Rule, States};
use super::tree::{Level, Tree};
use super::work::{Board, Branch, Part, Sums};
use super::{Exhaustive, Explored, Failure, Progress};
use crate::check::Broken;
use crate::engine::{Engine, Prepared};
use crate::fault::Resolved;
use crate::machine::Law;
use crate::scenario::{Demand, Reads};

/// Makes this number of runs of a batch, and gives what came of them: parts, in order.
pub(crate) type Crew<'a> = &'a mut dyn FnMut(usize) -> Vec<Part>;

impl Exhaustive<'_> {
    /// Makes the runs, at most `max_runs`, up to the first that fails.
    pub(crate) fn lead(
        &self,
        board: &Board,
        crew: Crew<'_>,
        max_runs: u64,
        mut progress: impl FnMut(&Progress),
    ) -> Explored {
        let (reads, moments) = self.scout();
        let mut rule = Rule::new(reads, moments);
        let mut lead = Lead::new(self, board, crew, rule, max_runs);
        let mut is_complete = lead.go_through(&mut progress).is_continue();
        // Where the number of inputs can make a difference, states merge only if it is the same; and where more is read
        // than was thought, only if all of that is. Also where something was found: what was broken off before may have
        // failed with fewer faults.
        while lead.walk.limit != Some(Limit::Asked)
            && let Some(stricter) = lead.stricter(rule)
        {
            rule = stricter;
            let walk = lead.walk;
            lead = Lead::new(self, board, lead.crew, rule, max_runs);
            let all = lead.go_through(&mut progress).is_continue();
            // Less is merged, so a limit may come before what was found.
            if all || lead.walk.failure.is_some() || walk.failure.is_none() {
                is_complete = all;
            } else {
                lead.walk = walk;
                break;
            }
        }
        lead.walk.explored(self.max_faults, board, is_complete)
    }

    /// What properties read in the run without a fault, and how many moments that has.
    fn scout(&self) -> (Reads, u64) {
        let mut search = self.search();
        let (mut moments, mut last_at) = (0, None);
        let mut count = |_: &mut Engine<'_>, now| {
            moments += u64::from(last_at.replace(now) != Some(now));
            false
        };
        // If it fails, it will fail again.
        let _ = search.attempt_until(Some(&mut count));
        (search.engine.was_read(), moments)
    }

    /// Makes a failed run again by its plan, and says which law or property it is about.
    fn explain(&self, run: u64, decisions: &[Resolved], broken: Broken) -> Failure {
        let names = self.scenario.names();
        let mut plan = self.plan.clone();
        plan.seed = Some(self.settings.effective_seed());
        // Each decision is at a place of its own, and has hosts of the scenario: nothing is refused.
        let _ = plan.try_extend(decisions.iter().map(|fault| fault.named(&names)));
        let mut search = self.search();
        search.settings.plan = Prepared::new(&plan, self.scenario).unwrap_or_default();
        // A run that is made to its end may turn out to go round for ever; that says more. And now its fingerprints are
        // looked at, which perhaps they were not.
        let untrue = Law::FingerprintsAreTrue.to_string();
        let broken = match search.attempt() {
            Err(again) if again.what == broken.what || again.what == untrue => again,
            _ => broken,
        };
        search.explain(run, broken)
    }
}

/// What a search has found so far.
struct Walk {
    runs: u64,
    by_faults: Vec<u64>,
    sums: Sums,
    limit: Option<Limit>,
    failure: Option<Failure>,
    /// What properties have read.
    reads: Reads,
}

impl Walk {
    /// What is told of it.
    fn explored(self, max_faults: usize, board: &Board, is_complete: bool) -> Explored {
        let shared = board.write();
        let schedules = if is_complete { shared.tree.schedules(max_faults) } else { 0 };
        Explored {
            runs: self.runs,
            merged: self.sums.merged,
            saved: schedules.saturating_sub(self.runs),
            states: shared.states.len() as u64,
            by_faults: self.by_faults,
            is_complete,
            limit: self.limit,
            tally: self.sums.tally,
            failure: self.failure,
        }
    }
}

/// Who goes through the tree.
struct Lead<'a> {
    exhaustive: &'a Exhaustive<'a>,
    board: &'a Board,
    crew: Crew<'a>,
    max_runs: u64,
    walk: Walk,
    /// Whose children were added last.
    opened: Option<u32>,
}

impl<'a> Lead<'a> {
    /// Nothing found yet.
    fn new(
        exhaustive: &'a Exhaustive<'a>,
        board: &'a Board,
        crew: Crew<'a>,
        rule: Rule,
        max_runs: u64,
    ) -> Self {
        let mut shared = board.write();
        (shared.tree, shared.states) = (Tree::default(), States::new(rule));
        drop(shared);
        let walk = Walk {
            runs: 0,
            by_faults: vec![0; exhaustive.max_faults + 1],
            sums: Sums::new(exhaustive.search().no_runs()),
            limit: None,
            failure: None,
            reads: Reads::default(),
        };
        Self { exhaustive, board, crew, max_runs, walk, opened: None }
    }

    const fn runs_left(&self) -> u64 {
        self.max_runs - self.walk.runs
    }

    /// To how many inputs none of them can make a difference, unless a property looks at their number: runs end by a bound
    /// on them, and so may the time to converge.
    fn max_inputs(&self) -> u64 {
        let scenario = self.exhaustive.scenario;
        let converges = scenario.properties().iter().filter_map(|property| match property.demand {
            Demand::Converges { inputs, .. } => Some(inputs),
            _ => None,
        });
        converges.chain([scenario.spec().max_inputs]).min().unwrap_or_default()
    }

    /// The rule for another search, if this one broke off runs that may have gone on otherwise than the runs whose states
    /// they came to.
    ///
    /// A run that was broken off would have had as many inputs at its end as that other one, and at most as many more as it
    /// was behind; so would what branches off from it. Both are bounded by the greatest there are.
    fn stricter(&self, rule: Rule) -> Option<Rule> {
        let Walk { sums, reads, .. } = &self.walk;
        let may_end = sums.most_inputs.saturating_add(sums.most_behind) >= self.max_inputs();
        let by_inputs = !rule.with_inputs && (may_end || reads.inputs);
        let by_reads = (reads.events & !rule.reads.events) | (reads.states & !rule.reads.states) != 0;
        if sums.merged == 0 || !(by_inputs || by_reads) {
            return None;
        }
        let with_inputs = rule.with_inputs || by_inputs;
        let reads = if by_reads { Reads::ALL } else { rule.reads };
        Some(Rule { with_inputs, reads, ..rule })
    }

    /// All levels of the tree, each from the one before.
    fn go_through(&mut self, progress: &mut impl FnMut(&Progress)) -> ControlFlow<()> {
        let Exhaustive { max_faults, fates, settings, batch, .. } = self.exhaustive;
        let mut level = Level::default();
        self.make(0, vec![(0, None)], &mut level)?;
        for faults in 1..=*max_faults {
            let most = batch[usize::from(faults == *max_faults)];
            let mut next = Level::default();
            let (mut done, of) = (0, level.children);
            let mut jobs = Vec::new();
            for (parent, sends) in level.iter() {
                for &sent in sends {
                    // A long stream may have millions; one more than can be made tells that not all were.
                    let left = self.runs_left().saturating_add(1);
                    fates.each(sent, &settings.plan, |fault| {
                        if (jobs.len() as u64) < left {
                            jobs.push((parent, Some(fault)));
                        }
                    });
                    if jobs.len() >= most {
                        done += jobs.len() as u64;
                        self.make(faults, std::mem::take(&mut jobs), &mut next)?;
                        progress(&Progress { faults, done, of, runs: self.walk.runs });
                    }
                }
            }
            if !jobs.is_empty() {
                done += jobs.len() as u64;
                self.make(faults, jobs, &mut next)?;
                progress(&Progress { faults, done, of, runs: self.walk.runs });
            }
            level = next;
        }
        ControlFlow::Continue(())
    }

    /// Makes a batch of runs, each with this number of faults. Adds every run that can have children to their level. Breaks
    /// off at the first run that fails or cannot be made.
    fn make(
        &mut self,
        faults: usize,
        mut jobs: Vec<(u32, Option<Resolved>)>,
        level: &mut Level,
    ) -> ControlFlow<()> {
        if (self.exhaustive.stop_if)() {
            self.walk.limit = Some(Limit::Asked);
            return ControlFlow::Break(());
        }
        let left = usize::try_from(self.runs_left()).unwrap_or(usize::MAX);
        let all_can_be_made = jobs.len() <= left;
        jobs.truncate(left);
        let runs = jobs.len();
        let first = self.walk.runs;
        let mut shared = self.board.write();
        (shared.jobs, shared.runs) = (jobs, first);
        shared.can_branch = faults < self.exhaustive.max_faults;
        // What stores nothing need not look where nothing is stored.
        shared.merges = self.exhaustive.merges && (shared.can_branch || shared.states.len() > 0);
        drop(shared);
        for part in (self.crew)(runs) {
            self.take(faults, (self.walk.runs - first) as usize, part, level)?;
        }
        if all_can_be_made {
            return ControlFlow::Continue(());
        }
        self.walk.limit = Some(Limit::Runs(self.max_runs));
        ControlFlow::Break(())
    }

    /// Takes what came of some runs of a batch, the first of which has this place in it.
    fn take(&mut self, faults: usize, first: usize, part: Part, level: &mut Level) -> ControlFlow<()> {
        let Part { runs, branches, sums, broken, reads } = part;
        self.walk.reads.add(reads);
        let failed = u64::from(broken.is_some());
        let leaves = runs - failed - branches.len() as u64;
        self.walk.sums.merge(sums);
        for (place, branch) in (first..).zip(branches) {
            self.count(faults, 1);
            self.add(place, branch, level)?;
        }
        self.count(faults, leaves);
        let Some(broken) = broken else { return ControlFlow::Continue(()) };
        let run = self.walk.runs;
        self.count(faults, 1);
        let mut decisions = Vec::new();
        let shared = self.board.write();
        let (parent, fault) = shared.jobs[first + (runs - failed) as usize];
        shared.tree.decisions(parent, fault, &mut decisions);
        drop(shared);
        self.walk.failure = Some(self.exhaustive.explain(run, &decisions, broken));
        ControlFlow::Break(())
    }

    fn count(&mut self, faults: usize, runs: u64) {
        self.walk.runs += runs;
        self.walk.by_faults[faults] += runs;
    }

    /// Adds a run that can have children.
    fn add(&mut self, place: usize, mut branch: Branch, level: &mut Level) -> ControlFlow<()> {
        let room = self.exhaustive.room;
        let mut shared = self.board.write();
        let shared = &mut *shared;
        if self.exhaustive.merges {
            branch.recognise(&shared.states);
        }
        branch.add_to(&mut self.walk.sums);
        let (parent, fault) = shared.jobs[place];
        if fault.is_some() && self.opened.replace(parent) != Some(parent) {
            shared.tree.open(parent);
        }
        let children = branch.children();
        let Some(run) = shared.tree.push((parent, fault), children, branch.tail, room) else {
            self.walk.limit = Some(Limit::Branches(room.branches));
            return ControlFlow::Break(());
        };
        branch.keep(run, &mut shared.states);
        if level.push(run, &branch.sends, children, room) {
            return ControlFlow::Continue(());
        }
        self.walk.limit = Some(Limit::Sends(room.sends));
        ControlFlow::Break(())
    }
}
