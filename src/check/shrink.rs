//! From a run that failed to the smallest that fails in the same way.

use std::fmt::Debug;

use proptest::strategy::ValueTree;

use super::{Broken, Failure, Search};
use crate::engine::{Engine, Keep, Prepared, Settings};
use crate::fault::shrink::PlanTree;
use crate::fault::{FaultPlan, Links, Profile};
use crate::machine::Law;

/// A failure made small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest run that breaks the same property or law. Its `run` is that of the failure it comes from.
    pub failure: Failure,
    /// How many faults there were at first.
    pub from_faults: usize,
    /// How many runs it took.
    pub runs: u64,
    /// Whether nothing more can be taken away: without any one of its faults the failure does not come. False if the
    /// bound on runs was reached before.
    pub is_minimal: bool,
}

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Search<'_, C, E> {
    /// Makes a failure of this scenario smaller: takes faults out of its plan, and the seed, and makes those that are
    /// left weaker, as long as the same property or law is broken. Makes at most `max_runs` runs, each with one plan.
    ///
    /// ```
    /// use lossproof::check::{Property, Search};
    /// use lossproof::engine::Prepared;
    /// use lossproof::fault::{Chance, Profile};
    /// use lossproof::systems::udp_remote::{Event, UdpRemote};
    /// use lossproof::systems::{Options, System};
    ///
    /// let scenario = UdpRemote::scenario(&Options::default());
    /// let hopeful = [Property::never("the client gives up", |view| {
    ///     view.events.iter().any(|happened| happened.event == Event::GaveUp)
    /// })];
    /// let loss = Profile { loss: Chance::percent(70), ..Profile::default() };
    /// let mut search = Search::new(&scenario, &hopeful, Prepared::default(), loss, 0);
    /// let failure = search.runs(0..1_000).failure.expect("some run has no luck");
    /// let shrunk = search.shrink(&failure, 1_000);
    /// // Five requests were sent in vain, and no four losses do it.
    /// assert_eq!((shrunk.failure.plan.len(), shrunk.is_minimal), (5, true));
    /// ```
    pub fn shrink(&self, failure: &Failure, max_runs: u64) -> Shrunk {
        let mut attempts = Attempts { search: self.alone(), broken: &failure.broken, runs: 0 };
        let from_faults = failure.plan.len();
        let mut seedless = failure.plan.clone();
        seedless.seed = None;
        let root = if attempts.fails(&seedless) { seedless } else { failure.plan.clone() };
        let mut tree = PlanTree::new(root);
        let mut more = tree.simplify();
        while more && attempts.runs < max_runs {
            more = if attempts.fails(&tree.current()) { tree.simplify() } else { tree.complicate() };
        }
        let (runs, best) = (attempts.runs, tree.best().clone());
        let failure = attempts.explained(&best, failure);
        Shrunk { failure, from_faults, runs, is_minimal: !more }
    }

    /// A search of the same scenario in which nothing is drawn.
    fn alone(&self) -> Search<'_, C, E> {
        let settings = Settings {
            seed: 0,
            profile: Profile::default(),
            links: Links::default(),
            keep: Keep::Events,
            ..self.settings.clone()
        };
        let met = self.met.clone();
        Search {
            scenario: self.scenario,
            properties: self.properties,
            settings,
            base_seed: 0,
            engine: Engine::default(),
            met,
        }
    }
}

/// Runs of single plans.
struct Attempts<'a, 'b, C, E> {
    search: Search<'a, C, E>,
    /// What is to be broken.
    broken: &'b str,
    runs: u64,
}

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Attempts<'_, '_, C, E> {
    /// Whether a plan breaks the same.
    fn fails(&mut self, plan: &FaultPlan) -> bool {
        self.runs += 1;
        self.attempt(plan).is_some_and(|broken| broken.what == self.broken)
    }

    fn attempt(&mut self, plan: &FaultPlan) -> Option<Broken> {
        // The plan names the hosts of the scenario, for it is a part of one that was drawn for it.
        self.search.settings.plan = Prepared::new(plan, &self.search.scenario.names()).ok()?;
        let broken = self.search.attempt().err()?;
        if broken.what == Law::NoPanic.to_string() {
            // A run that was left in its middle leaves nothing that can be used again.
            self.search.engine = Engine::default();
            return Some(broken);
        }
        Some(self.search.blame(broken))
    }

    /// The failure that the smallest plan makes; the first one, if it does not come again.
    fn explained(&mut self, best: &FaultPlan, first: &Failure) -> Failure {
        match self.attempt(best) {
            Some(broken) if broken.what == self.broken => {
                let raw = self.search.attempt().err().unwrap_or(broken);
                let failure = self.search.explain(first.run, raw);
                // A plan that needs no seed is shown without one.
                Failure { plan: best.clone(), ..failure }
            }
            _ => first.clone(),
        }
    }
}
