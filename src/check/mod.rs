//! Searching for a run that violates a property or a law.
//!
//! A [`Search`] runs a scenario once for each seed of a range, with faults drawn at random and recorded as they are
//! drawn, so every failure is an explicit plan. It is single-threaded and reads no clock; [`parallel`](crate::parallel)
//! spreads it over threads. In a test, use [`Check`](crate::Check), which does all of it.

mod draws;
pub(crate) mod exhaustive;
mod explain;
mod guided;
mod livelock;
mod measure;
mod neighbours;
mod prefix;
mod relocate;
mod shard;
mod shrink;
mod tally;
mod turn;
mod twice;

use std::ops::Range;

use guided::Guide;

pub use draws::{Draws, Tried};
pub use exhaustive::{
    DownFate, Exhaustive, Explored, Fates, FatesError, Limit, MAX_BRANCHES, MAX_SENDS, Progress,
};
pub use measure::{Counts, Measure, Panicked};
pub use shard::{Shard, ShardError};
pub use shrink::{MAX_SHRINK_RUNS, MAX_SHRINK_TIME, Shrunk};
pub use tally::{Ends, Tally};
pub use turn::{
    MAX_CURVE_LINES, MAX_TURN_RUNS, MAX_TURN_STEPS, MAX_TURN_TIME, Share, TURN_RUNS, Turn, Turned,
};

use crate::engine::{Broken, Doing, Engine, IsKnown, Keep, Outcome, Prepared, Settings};
use crate::fault::{FaultKind, FaultPlan, Links, Profile};
use crate::machine::Law;
use crate::panics;
use crate::scenario::{Demand, Scenario};
use crate::seed::mix;
use crate::time::Instant;
use crate::transcript::Recording;

/// A run that violates a property or a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which run of the search it was, from 0.
    pub run: u64,
    /// The property's name, or the law.
    pub broken: String,
    /// What was observed.
    pub detail: String,
    /// The plan that reproduces the run.
    pub plan: FaultPlan,
    /// The generated commands of the run: number, time, host and text of each.
    pub commands: Vec<String>,
    /// How many datagrams and segments of data were sent until then.
    pub packets: u64,
    /// When it was.
    pub at: Instant,
    /// What happened, up to the step that broke it.
    pub transcript: String,
    /// The same with all that was recorded, to be drawn.
    pub recording: Recording,
}

/// Runs a scenario with many seeds and checks the laws and the properties in each run.
///
/// ```
/// # #[cfg(feature = "systems")] {
/// use lossproof::Scenario;
/// use lossproof::check::Search;
/// use lossproof::engine::Prepared;
/// use lossproof::fault::{Chance, Profile};
/// use lossproof::systems::{Options, udp_remote};
///
/// let scenario = Scenario::from(udp_remote::net(&Options::default()));
/// let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
/// let mut search = Search::new(&scenario, Prepared::default(), loss, 7);
/// assert_eq!(search.runs(0..1_000).failure, None);
/// # }
/// ```
#[derive(Debug)]
pub struct Search<'s> {
    scenario: &'s Scenario,
    settings: Settings,
    /// How profiles are drawn; that of the settings if there is none.
    draws: Draws,
    base_seed: u64,
    engine: Engine<'s>,
    /// What made the first of two runs that are to be the same, if each is made two times.
    first: Option<Engine<'s>>,
    /// Whether each run is made two times for its counters to wrap in the second.
    wraps: bool,
    /// What it has learnt, if that has a say in later runs.
    guide: Option<Guide>,
    /// Whether it is to end.
    stop_if: StopIf,
    /// The kinds of fault that an exhaustive search tries.
    fates: Vec<FaultKind>,
}

/// Returns whether the search must stop; called before each run.
pub type StopIf = fn() -> bool;

/// Nobody ends it.
const NEVER: StopIf = || false;

impl<'s> Search<'s> {
    /// Creates a search with planned and random faults. Run `n` has a seed that follows from `base_seed` and `n`,
    /// unless the plan brings one.
    pub fn new(scenario: &'s Scenario, plan: Prepared, profile: Profile, base_seed: u64) -> Self {
        let settings = Settings { plan, profile, keep: Keep::Events, ..Settings::default() };
        let engine = Engine::new(scenario);
        let draws = Draws::Profiles(Vec::new());
        Self {
            scenario,
            settings,
            draws,
            base_seed,
            engine,
            first: None,
            wraps: false,
            guide: None,
            stop_if: NEVER,
            fates: Vec::new(),
        }
    }

    /// The same search, with the faults of each run drawn so; without a profile, by the one that it had.
    #[must_use]
    pub fn with_draws(mut self, draws: Draws) -> Self {
        let spec = self.scenario.spec();
        if let Some(calm_at) = draws.calm_at(spec) {
            self.settings.plan = self.settings.plan.with_calm(calm_at, spec.hosts.len());
        }
        self.draws = draws;
        self
    }

    /// The same search, with faults of their own on single links.
    #[must_use]
    pub fn with_links(mut self, links: Links) -> Self {
        self.settings.links = links;
        self
    }

    /// The same search, which makes no further run once this says so: what it has found by then is all.
    #[must_use]
    pub const fn stop_if(mut self, stop_if: StopIf) -> Self {
        self.stop_if = stop_if;
        self
    }

    /// The same search without the laws: faster, and it finds only what breaks a property.
    #[must_use]
    pub const fn without_laws(mut self) -> Self {
        self.settings.laws = None;
        self
    }

    /// The seed of one run of the search.
    pub const fn seed_of(&self, run: u64) -> u64 {
        mix(self.base_seed, run)
    }

    /// Makes the runs of a range, up to the first failure, or until [`Self::stop_if`] stops them.
    pub fn runs(&mut self, range: Range<u64>) -> Tally {
        let mut tally = self.no_runs();
        let plan = self.settings.plan.clone();
        for run in range {
            if (self.stop_if)() {
                break;
            }
            self.settings.seed = self.seed_of(run);
            self.take_profile();
            self.take_prefix(&plan);
            match self.attempt() {
                Ok(outcome) => {
                    self.add_to(&mut tally, &outcome);
                    self.learn(&plan);
                }
                Err(broken) => {
                    tally.runs += 1;
                    tally.failure = Some(self.explain(run, broken));
                    break;
                }
            }
        }
        // A run may have begun with more than the plan that all have.
        self.settings.plan = plan;
        tally
    }

    /// Draws the faults of the next run by the profile whose turn it is.
    fn take_profile(&mut self) {
        if let Some(profile) = self.draws.profile(self.settings.seed, self.scenario.spec()) {
            self.settings.profile = profile;
        }
    }

    /// The tally of no run: the faults of the plan, none of which has fired so far, and what was not seen yet.
    fn no_runs(&self) -> Tally {
        let names = self.scenario.names();
        let faults = self.settings.plan.schedule.faults.iter();
        let mut tally = Tally::new(names.len());
        tally.planned = faults.map(|fault| (fault.named(&names), 0)).collect();
        let sometimes = self.scenario.properties().iter();
        let sometimes = sometimes.filter(|property| property.demand == Demand::Sometimes);
        tally.sometimes = sometimes.map(|property| (property.name.clone(), 0)).collect();
        tally
    }

    /// Adds the last run, which came to its end.
    fn add_to(&self, tally: &mut Tally, outcome: &Outcome) {
        tally.add(outcome, self.engine.statuses());
        tally.saw(self.engine.planned_fired(), self.seen_sometimes());
        tally.add_gave_up(self.engine.gave_up());
        tally.add_queues(self.engine.queue_figures());
    }

    /// For each thing that is to be seen sometimes, whether the last run showed it.
    fn seen_sometimes(&self) -> impl Iterator<Item = bool> {
        let watched = self.scenario.properties().iter().zip(self.engine.watches());
        let sometimes = watched.filter(|(property, _)| property.demand == Demand::Sometimes);
        sometimes.map(|(_, watch)| watch.met)
    }

    /// The run of this number once more, with its log kept: its outcome, its plan and its transcript.
    pub fn show(&mut self, run: u64) -> (Outcome, FaultPlan, String) {
        self.settings.seed = self.seed_of(run);
        self.take_profile();
        let settings = Settings { keep: Keep::Log, ..self.settings.clone() };
        let outcome = self.engine.run(&settings);
        (outcome, self.engine.plan(&settings), self.engine.transcript().to_string())
    }

    /// The run of one seed, unless the plan brings another, with its log kept: [`Search::engine`] has it afterwards.
    ///
    /// # Errors
    /// Describes the property or the law that is violated, if one is.
    pub fn once(&mut self, seed: u64) -> Result<Outcome, String> {
        let before = (self.settings.seed, self.settings.keep);
        (self.settings.seed, self.settings.keep) = (seed, Keep::Log);
        let result = self.attempt().map_err(|broken| self.blame(broken).line());
        (self.settings.seed, self.settings.keep) = before;
        result
    }

    /// The failure of the run that [`Search::once`] makes, if it fails.
    pub fn failure_of(&mut self, seed: u64) -> Option<Failure> {
        let before = std::mem::replace(&mut self.settings.seed, seed);
        let failure = self.attempt().err().map(|broken| self.explain(0, broken));
        self.settings.seed = before;
        failure
    }

    /// The engine, with what the last run left.
    pub const fn engine(&self) -> &Engine<'s> {
        &self.engine
    }

    /// One run, up to where `is_known`, asked after everything that happens with the moment, knows that the rest holds.
    fn attempt_until(&mut self, is_known: Option<IsKnown<'_>>) -> Result<Outcome, Broken> {
        if self.engine.is_spoiled() {
            let Engine { plain_twins, first_number, looks_at_fingerprints, .. } = self.engine;
            self.engine = Engine::new(self.scenario);
            (self.engine.plain_twins, self.engine.first_number) = (plain_twins, first_number);
            self.engine.looks_at_fingerprints = looks_at_fingerprints;
        }
        let (engine, settings) = (&mut self.engine, &self.settings);
        let outcome = match panics::catch(|| engine.run_until(settings, is_known)) {
            Ok(outcome) => outcome,
            // A panic is a finding like any other.
            Err(panic) => {
                return Err(panicked(self.scenario, self.engine.doing(), &panic));
            }
        };
        // A property is only judged on lawful machines, and of two things that one step breaks the law counts.
        if let Some((host, violation)) = self.engine.violation() {
            let spec = &self.scenario.spec().hosts[host.index()];
            // Code for tokio is seldom written to be made again.
            let compares = matches!(violation.law, Law::ShiftedInTime | Law::SameInputsSameOutputs);
            let hint = if spec.opens && compares { NOT_REPEATABLE } else { "" };
            let detail = format!("{}: {}{hint}", spec.name, violation.detail);
            return Err(Broken::new(violation.law.to_string(), detail));
        }
        if let Some(broken) = self.engine.take_broken() {
            return Err(broken);
        }
        if let Some(deadlock) = self.engine.deadlock() {
            return Err(Broken::new("deadlock", deadlock.text(&self.scenario.names())));
        }
        Ok(outcome)
    }
}

/// Why code on a host of tasks may not be repeatable.
const NOT_REPEATABLE: &str = "; likely causes: `tokio::select!` without `biased;`, a HashMap, random numbers or a clock of \
     the system's";

/// What a panic is called: by whose code it was.
fn panicked(scenario: &Scenario, doing: Doing, panic: &panics::Caught) -> Broken {
    let names = scenario.names();
    let place = panic.place.as_ref().map_or_else(String::new, |place| format!(" (at {place})"));
    let said = format!("{}{place}", panic.said);
    let no_panic = |detail| Broken::panic(Law::NoPanic.to_string(), detail);
    match doing {
        Doing::Making(host, at) => no_panic(format!("{}: it was made at {at}: {said}", names[host.index()])),
        Doing::Handling(host, input, at) => {
            no_panic(format!("{}: it was handed {input} at {at}: {said}", names[host.index()]))
        }
        Doing::Judging(index) => {
            let name = &scenario.properties()[index].name;
            Broken::panic(name, format!("the property itself panicked: {said}"))
        }
        Doing::Folding(index) => {
            let name = &scenario.spec().folds[index].name;
            Broken::panic(name, format!("the property itself panicked: {said}"))
        }
        #[cfg(feature = "tasks")]
        Doing::Advancing(until) => no_panic(format!("a task of tokio's spawn, until {until}: {said}")),
        Doing::Generating => Broken::panic("commands", format!("generating them panicked: {said}")),
        Doing::Nothing => no_panic(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Input, Machine, Outbox};
    use crate::scenario::Net;

    /// Tells, and then panics, as it is commanded.
    struct Fragile;

    impl Machine for Fragile {
        type Command = bool;
        type Event = ();

        fn handle(&mut self, input: Input<'_, bool>, _: Instant, out: &mut Outbox<()>) {
            if let Input::Command(panics) = input {
                assert!(!panics, "in the middle of a run");
                out.event(());
            }
        }
    }

    /// What the engine remembers beyond a run is gone with it.
    #[test]
    fn an_engine_in_which_something_has_panicked_is_not_used_again() {
        let net = Net::new("fragile");
        let host = net.host("host").machine(|_| Fragile);
        net.generate(move |seed, commands| {
            if seed == 0 {
                commands.give(Instant::from_millis(1), host, false);
                commands.give(Instant::from_millis(2), host, true);
            }
        });
        net.always("it asks how many inputs there were", move |run| {
            run.events(host).is_empty() || run.inputs() > 0
        });
        let scenario = Scenario::from(net);
        let mut search = Search::new(&scenario, Prepared::default(), Profile::default(), 0);
        let said = search.once(0).unwrap_err();
        assert!(said.contains("in the middle of a run"), "{said}");
        assert!(search.engine.was_read().inputs && search.engine.is_spoiled());
        search.once(1).unwrap();
        assert!(!search.engine.was_read().inputs && !search.engine.is_spoiled());
    }
}
