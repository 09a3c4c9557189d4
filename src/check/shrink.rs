//! From a run that failed to the smallest that fails in the same way.

use std::collections::BTreeSet;
use std::time::Duration;

use super::relocate::Sends;
use super::twice::NOT_DETERMINISTIC;
use super::{Broken, Draws, Failure, NEVER, Search, Turn};
use crate::engine::{Engine, Keep, Prepared, Settings};
use crate::fault::shrink::PlanTree;
use crate::fault::{FaultKind, FaultPlan, Profile};

/// The default limit on the number of runs for shrinking.
pub const MAX_SHRINK_RUNS: u64 = 20_000;
/// The default limit on the time for shrinking.
pub const MAX_SHRINK_TIME: Duration = Duration::from_mins(1);

/// A shrunk failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest run that breaks the same property or law. Its `run` is that of the failure it comes from.
    pub failure: Failure,
    /// How many faults there were at first.
    pub from_faults: usize,
    /// How many generated commands there were at first.
    pub from_commands: usize,
    /// How many runs it took.
    pub runs: u64,
    /// Whether nothing more can be taken away: without any one of its faults or generated commands the failure does not
    /// come. False if it ended before that at a bound.
    pub is_minimal: bool,
    /// When it was lost, once that was asked for: see [`Shrunk::with_turn`]. A [`Check`](crate::Check) asks, but not of what
    /// it finds exhaustively, where nothing is drawn.
    pub turn: Option<Turn>,
}

impl<'s> Search<'s> {
    /// Makes a failure of this scenario smaller: takes faults and generated commands out of its plan, and the seed, and
    /// makes the faults that are left weaker, as long as the same property or law is broken. Makes at most `max_runs`
    /// runs, each with one plan.
    ///
    /// ```
    /// # #[cfg(feature = "systems")] {
    /// use lossproof::Scenario;
    /// use lossproof::check::Search;
    /// use lossproof::engine::Prepared;
    /// use lossproof::fault::{Chance, Profile};
    /// use lossproof::systems::udp_remote::{self, Client, ClientEvent};
    /// use lossproof::systems::Options;
    ///
    /// let net = udp_remote::net(&Options::default()).without_properties();
    /// let client = net.find::<Client>("client");
    /// net.never("the client gives up", move |run| run.events(client).contains(&ClientEvent::GaveUp));
    /// let scenario = Scenario::from(net);
    /// let loss = Profile { loss: Chance::percent(70), ..Profile::default() };
    /// let mut search = Search::new(&scenario, Prepared::default(), loss, 0);
    /// let failure = search.runs(0..1_000).failure.expect("some run has no luck");
    /// let shrunk = search.shrink(&failure, 1_000);
    /// // Five requests were sent in vain, and no four losses do it.
    /// assert_eq!((shrunk.failure.plan.len(), shrunk.is_minimal), (5, true));
    /// # }
    /// ```
    pub fn shrink(&self, failure: &Failure, max_runs: u64) -> Shrunk {
        self.shrink_while(failure, max_runs, || true)
    }

    /// Makes a failure smaller as [`Search::shrink`] does, but only while `goes_on`, which is asked before each run: by
    /// whoever has a clock.
    ///
    /// A smallest plan of its kind need not be a smallest one: other faults may do with fewer. So where more than one is left,
    /// runs around it are tried, too: with some of its faults, and others that are drawn.
    pub fn shrink_while(
        &self,
        failure: &Failure,
        max_runs: u64,
        mut goes_on: impl FnMut() -> bool,
    ) -> Shrunk {
        let first = self.shrink_one(failure, max_runs, &mut goes_on);
        self.look_around(failure, first, max_runs, &mut goes_on)
    }

    /// Makes one failure smaller, by what can be taken out of its own plan.
    pub(super) fn shrink_one(
        &self,
        failure: &Failure,
        max_runs: u64,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Shrunk {
        let mut attempts = Attempts { search: self.alone(), broken: &failure.broken, runs: 0 };
        let (from_faults, from_commands) = (failure.plan.len(), failure.commands.len());
        let mut seedless = failure.plan.clone();
        seedless.seed = None;
        if self.scenario.spec().generator.is_some() {
            // Another seed would give other commands, so it is no commands that do not need one.
            seedless.commands = Some(BTreeSet::new());
        }
        let root = if attempts.fails(&seedless) {
            attempts.without_unfired(seedless)
        } else {
            self.with_all_commands(&failure.plan)
        };
        let mut tree = PlanTree::new(root).with_kinds(self.kinds(&failure.plan));
        let mut more = tree.simplify();
        while more && attempts.runs < max_runs && goes_on() {
            let plan = tree.current().clone();
            let fails = attempts.fails(&plan)
                || match attempts.relocated(tree.best(), &plan) {
                    Some(moved) if attempts.fails(&moved) => {
                        tree.replace(moved);
                        true
                    }
                    _ => false,
                };
            more = if fails { tree.simplify() } else { tree.complicate() };
        }
        let (runs, best) = (attempts.runs, tree.best().clone());
        let failure = attempts.explained(&best, failure);
        Shrunk { failure, from_faults, from_commands, runs, is_minimal: !more, turn: None }
    }

    /// The kinds of fault that the runs were allowed, and those of this plan.
    fn kinds(&self, plan: &FaultPlan) -> Vec<FaultKind> {
        let (spec, settings) = (self.scenario.spec(), &self.settings);
        let is_drawn =
            |kind| self.draws.draws(kind, spec) || settings.profile.draws(kind) || settings.links.draws(kind);
        let is_allowed = |kind: &FaultKind| {
            is_drawn(*kind)
                || self.fates.contains(kind)
                || plan.faults().iter().any(|fault| fault.kind() == *kind)
        };
        FaultKind::ALL.into_iter().filter(is_allowed).collect()
    }

    /// The plan with a list of the commands that it gives, if they are generated.
    fn with_all_commands(&self, plan: &FaultPlan) -> FaultPlan {
        let mut plan = plan.clone();
        if self.scenario.spec().generator.is_some() && plan.commands.is_none() {
            plan.commands = Some(self.scenario.generated(plan.seed.unwrap_or(0)).collect());
        }
        plan
    }

    /// A search of the same scenario, over links as long, in which nothing is drawn.
    pub(super) fn alone(&self) -> Search<'s> {
        let settings = Settings {
            seed: 0,
            profile: Profile::default(),
            links: self.settings.links.calm(),
            keep: Keep::Events,
            ..self.settings.clone()
        };
        Search {
            scenario: self.scenario,
            settings,
            draws: Draws::Profiles(Vec::new()),
            base_seed: 0,
            engine: Engine::new(self.scenario),
            first: self.first.is_some().then(|| Engine::new(self.scenario)),
            wraps: self.wraps,
            guide: None,
            stop_if: NEVER,
            fates: self.fates.clone(),
        }
    }
}

/// Runs of single plans.
struct Attempts<'s, 'b> {
    search: Search<'s>,
    /// What is to be broken.
    broken: &'b str,
    runs: u64,
}

impl Attempts<'_, '_> {
    /// Whether a plan breaks the same.
    fn fails(&mut self, plan: &FaultPlan) -> bool {
        self.runs += 1;
        self.attempt(plan).is_some_and(|broken| broken.what == self.broken)
    }

    /// The plan, which has just failed, without the faults that never fired, if it fails as well without them all.
    fn without_unfired(&mut self, plan: FaultPlan) -> FaultPlan {
        let mut fired = self.search.engine.planned_fired().iter();
        // After a panic there is no run to tell of.
        if fired.len() != plan.len() || fired.clone().all(|fired| *fired) {
            return plan;
        }
        let mut less = plan.clone();
        less.retain(|_| fired.next().is_some_and(|fired| *fired));
        if self.fails(&less) { less } else { plan }
    }

    fn attempt(&mut self, plan: &FaultPlan) -> Option<Broken> {
        // The plan names the hosts of the scenario, for it is a part of one that was drawn for it.
        self.search.settings.plan = Prepared::new(plan, self.search.scenario).ok()?;
        let broken = self.search.attempt().err()?;
        Some(if broken.is_panic { broken } else { self.search.blame(broken) })
    }

    /// A plan that was made of `best` by taking commands out, with its faults at the datagrams at which they were
    /// before; `None` if that is where they are.
    fn relocated(&mut self, best: &FaultPlan, less: &FaultPlan) -> Option<FaultPlan> {
        if best.commands == less.commands {
            return None;
        }
        let before = self.sends(best)?;
        let names = self.search.scenario.names();
        let mut plan = less.clone();
        // A fault that is moved changes what is sent after it, so each pass is right about one more at least.
        for _ in 0..=less.len() {
            let moved = before.moved(less, &self.sends(&plan)?, &names);
            if moved == plan {
                return Some(plan).filter(|plan| plan != less);
            }
            plan = moved;
        }
        None
    }

    /// When what was sent in the run of a plan; `None` if a machine panics in it.
    fn sends(&mut self, plan: &FaultPlan) -> Option<Sends> {
        self.runs += 1;
        let keep = std::mem::replace(&mut self.search.settings.keep, Keep::Log);
        let broken = self.attempt(plan);
        self.search.settings.keep = keep;
        let panicked = broken.is_some_and(|broken| broken.is_panic);
        (!panicked).then(|| Sends::of(self.search.engine.log()))
    }

    /// The failure that the smallest plan makes; the first one, if it does not come again.
    fn explained(&mut self, best: &FaultPlan, first: &Failure) -> Failure {
        match self.attempt(best) {
            Some(broken) if broken.what == self.broken => {
                // What comes out differently each time is best told as it was just now.
                let raw = if broken.what == NOT_DETERMINISTIC {
                    broken
                } else {
                    self.search.attempt().err().unwrap_or(broken)
                };
                let failure = self.search.explain(first.run, raw);
                // A plan that needs no seed is shown without one.
                Failure { plan: best.clone(), ..failure }
            }
            _ => first.clone(),
        }
    }
}
