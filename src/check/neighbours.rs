//! Looking for a smaller failure around a shrunk one.
//!
//! Taking away faults ends where none of those that are left can go: in a plan of five losses, of which two others would have
//! done. Runs with some of the same faults, and others that are drawn as the search draws them, fail more often than runs
//! with none of them, and by other ways.

use super::{Failure, Search, Shrunk};
use crate::engine::{Keep, Prepared};
use crate::fault::FaultPlan;
use crate::seed::mix;

/// How many runs are tried around a failure of this many faults, and how many that fail are made small at most.
const fn effort(faults: usize) -> (u64, u32) {
    match faults {
        0 | 1 => (0, 0),
        2..=4 => (1_000, 6),
        _ => (8_000, 16),
    }
}

/// The place of these runs among all that a failure's run decides.
const AROUND: u64 = u64::MAX - 4;

impl<'s> Search<'s> {
    /// Tries runs around a failure that was made small, as long as that finds smaller ones and `max_runs` and `goes_on` let it.
    pub(super) fn look_around(
        &self,
        failure: &Failure,
        first: Shrunk,
        max_runs: u64,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Shrunk {
        let mut best = first;
        if self.draws_nothing() {
            return best;
        }
        let mut around = self.around();
        let (mut tries, mut found) = (0, 0);
        while best.is_minimal && best.runs < max_runs {
            let (max_tries, max_found) = effort(best.failure.plan.len());
            if tries >= max_tries || found >= max_found || !goes_on() {
                break;
            }
            tries += 1;
            best.runs += 1;
            let seed = mix(mix(self.seed_of(failure.run), AROUND), tries);
            let Some(other) = around.neighbour(&best.failure.plan, seed, &failure.broken, failure.run) else {
                continue;
            };
            found += 1;
            let smaller = self.shrink_one(&other, max_runs - best.runs, goes_on);
            best.runs += smaller.runs;
            if smaller.is_minimal && size(&smaller.failure) < size(&best.failure) {
                let Shrunk { from_faults, from_commands, runs, .. } = best;
                best = Shrunk { from_faults, from_commands, runs, ..smaller };
                (tries, found) = (0, 0);
            }
        }
        best
    }

    /// A search that draws as this one, and has no plan of its own.
    fn around(&self) -> Search<'s> {
        let mut around = self.alone();
        around.settings.clone_from(&self.settings);
        around.settings.keep = Keep::Events;
        around.draws = self.draws.clone();
        around
    }

    /// Whether nothing is drawn in any run.
    fn draws_nothing(&self) -> bool {
        self.draws.is_calm() && self.settings.is_calm()
    }

    /// A run with some of the faults of a plan, and others that are drawn, if it breaks the same.
    fn neighbour(&mut self, plan: &FaultPlan, seed: u64, broken: &str, run: u64) -> Option<Failure> {
        let mut some = FaultPlan::default();
        // The latency was in a plan; faults are taken from one.
        let _ = some.set_link(plan.link());
        some.calm = plan.calm;
        some.set_bottlenecks(plan.bottlenecks().iter().cloned());
        let bits = mix(seed, 0);
        // None, a quarter, a half or three quarters of them.
        let kept = bits % 4;
        for (n, fault) in (1..).zip(plan.faults()) {
            if mix(bits, n) % 4 < kept {
                let _ = some.push(fault.clone());
            }
        }
        self.settings.plan = Prepared::new(&some, self.scenario).ok()?;
        self.settings.seed = seed;
        self.take_profile();
        let found = self.attempt().err()?;
        let found = if found.is_panic { found } else { self.blame(found) };
        (found.what == broken).then(|| self.explain(run, found))
    }
}

/// How large a failure is: what somebody reads, the most important first.
fn size(failure: &Failure) -> (usize, usize, u64) {
    (failure.plan.len(), failure.commands.len(), failure.packets)
}
