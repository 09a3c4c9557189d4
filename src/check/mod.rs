//! Searching for a run in which something does not hold.
//!
//! A [`Search`] runs a scenario once for each seed of a range, with faults drawn at random and recorded as they are
//! drawn, so that what fails is an explicit plan from the beginning. It is single-threaded and reads no clock;
//! [`parallel`](crate::parallel) spreads it over threads.

mod exhaustive;
mod explain;
mod livelock;
mod measure;
mod property;
mod relocate;
mod shrink;
mod tally;
mod twice;

use std::any::Any;
use std::cell::Cell;
use std::fmt::Debug;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use exhaustive::{Exhaustive, Explored, Fates, FatesError, Progress};
pub use measure::{Counts, Measure, Panicked};
pub use property::{Demand, Property};
pub use shrink::{MAX_SHRINK_RUNS, MAX_SHRINK_TIME, Shrunk};
pub use tally::{Ends, Tally};

pub use crate::engine::View;
use crate::engine::{Ended, Engine, Keep, Outcome, Prepared, Settings};
use crate::fault::{FaultPlan, Links, Profile};
use crate::machine::Law;
use crate::scenario::Scenario;
use crate::seed::mix;
use crate::time::Instant;
use crate::transcript::Recording;

/// A run in which something does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which run of the search it was, from 0.
    pub run: u64,
    /// The property's name, or the law.
    pub broken: String,
    /// What was seen.
    pub detail: String,
    /// Everything that makes the run again.
    pub plan: FaultPlan,
    /// The generated commands that the run was given: number, moment, host and text of each.
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

/// Runs a scenario with many seeds and holds the laws and the properties to each run.
///
/// ```
/// use lossproof::check::Search;
/// use lossproof::engine::Prepared;
/// use lossproof::fault::{Chance, Profile};
/// use lossproof::systems::{Options, System, udp_remote::UdpRemote};
///
/// let options = Options::default();
/// let (scenario, properties) = (UdpRemote::scenario(&options), UdpRemote::properties(&options));
/// let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
/// let mut search = Search::new(&scenario, &properties, Prepared::default(), loss, 7);
/// assert_eq!(search.runs(0..1_000).failure, None);
/// ```
#[derive(Debug)]
pub struct Search<'a, C, E> {
    scenario: &'a Scenario<C, E>,
    properties: &'a [Property<E>],
    settings: Settings,
    base_seed: u64,
    engine: Engine<C, E>,
    /// What made the first of two runs that are to be the same, if each is made two times.
    first: Option<Engine<C, E>>,
    /// For each property that demands something in time, or sometimes, whether this run has met it.
    met: Vec<bool>,
}

impl<'a, C: Clone + 'static, E: PartialEq + Debug + 'static> Search<'a, C, E> {
    /// A search with these faults, known and drawn. Run `n` has a seed that follows from `base_seed` and `n`, unless the
    /// plan brings one.
    pub fn new(
        scenario: &'a Scenario<C, E>,
        properties: &'a [Property<E>],
        plan: Prepared,
        profile: Profile,
        base_seed: u64,
    ) -> Self {
        let settings = Settings { plan, profile, keep: Keep::Events, ..Settings::default() };
        let met = vec![false; properties.len()];
        Self { scenario, properties, settings, base_seed, engine: Engine::default(), first: None, met }
    }

    /// The same search, with faults of their own on single links.
    #[must_use]
    pub fn with_links(mut self, links: Links) -> Self {
        self.settings.links = links;
        self
    }

    /// The same search without the laws: faster, and it finds only what breaks a property.
    #[must_use]
    pub fn without_laws(mut self) -> Self {
        self.settings.laws = None;
        self
    }

    /// The seed of one run of the search.
    pub fn seed_of(&self, run: u64) -> u64 {
        mix(self.base_seed, run)
    }

    /// Makes the runs of a range, up to the first that fails.
    pub fn runs(&mut self, range: Range<u64>) -> Tally {
        let mut tally = self.no_runs();
        for run in range {
            self.settings.seed = self.seed_of(run);
            match self.attempt() {
                Ok(outcome) => self.add_to(&mut tally, &outcome),
                Err(broken) => {
                    tally.runs += 1;
                    tally.failure = Some(self.explain(run, broken));
                    break;
                }
            }
        }
        tally
    }

    /// The tally of no run: the faults of the plan, none of which has fired so far, and what was not seen yet.
    fn no_runs(&self) -> Tally {
        let names = self.scenario.names();
        let faults = self.settings.plan.schedule.faults.iter();
        let mut tally = Tally::new(names.len());
        tally.planned = faults.map(|fault| (fault.named(&names), 0)).collect();
        tally.sometimes = self.sometimes().map(|(property, _)| (property.name.clone(), 0)).collect();
        tally
    }

    /// Adds the last run, which came to its end.
    fn add_to(&self, tally: &mut Tally, outcome: &Outcome) {
        tally.add(outcome, self.engine.statuses());
        tally.saw(self.engine.planned_fired(), self.sometimes().map(|(_, met)| met));
    }

    /// Each property that is to hold sometimes, with whether the last run met it.
    fn sometimes(&self) -> impl Iterator<Item = (&Property<E>, bool)> {
        let met = self.properties.iter().zip(self.met.iter().copied());
        met.filter(|(property, _)| property.demand == Demand::Sometimes)
    }

    /// The run of this number once more, with its log kept: its outcome, its plan and its transcript.
    pub fn show(&mut self, run: u64) -> (Outcome, FaultPlan, String) {
        let settings = Settings { seed: self.seed_of(run), keep: Keep::Log, ..self.settings.clone() };
        let outcome = self.engine.run(self.scenario, &settings);
        let names = self.scenario.names();
        let transcript = self.engine.transcript(self.scenario, &names).to_string();
        (outcome, self.engine.plan(self.scenario, &settings), transcript)
    }

    /// The run of one seed, unless the plan brings another, with its log kept: [`Search::engine`] has it afterwards.
    ///
    /// # Errors
    /// What does not hold, if something does not.
    pub fn once(&mut self, seed: u64) -> Result<Outcome, String> {
        let before = (self.settings.seed, self.settings.keep);
        (self.settings.seed, self.settings.keep) = (seed, Keep::Log);
        let result = self.attempt().map_err(|broken| self.blame(broken).line());
        (self.settings.seed, self.settings.keep) = before;
        result
    }

    /// The engine, with what the last run left.
    pub const fn engine(&self) -> &Engine<C, E> {
        &self.engine
    }

    /// One run, up to where `is_known`, asked after everything that happens, knows that the rest holds. It is told the
    /// moment, and which demands are met.
    fn attempt_until(
        &mut self,
        mut is_known: impl FnMut(&Engine<C, E>, Instant, &[Cell<bool>]) -> bool,
    ) -> Result<Outcome, Broken> {
        let (engine, met) = (&mut self.engine, &mut self.met);
        let (scenario, properties, settings) = (self.scenario, self.properties, &self.settings);
        met.fill(false);
        let met = Cell::from_mut(met.as_mut_slice()).as_slice_of_cells();
        let calm_at = settings.plan.schedule.calm_at.unwrap_or(Instant::START);
        let mut broken = None;
        let observer = |view: &View<'_, E>| match judge(properties, met, view, calm_at) {
            None => ControlFlow::Continue(()),
            Some(found) => {
                let line = found.line();
                broken = Some(found);
                ControlFlow::Break(line)
            }
        };
        let run = AssertUnwindSafe(|| {
            engine.run_watched(scenario, settings, observer, |engine, now| is_known(engine, now, met))
        });
        // A panic is a finding like any other, and is reported as one; the engine is not used again after it.
        let outcome = match catch_unwind(run) {
            Ok(outcome) => outcome,
            Err(panic) => {
                return Err(Broken::new(Law::NoPanic.to_string(), panic_text(&*panic)));
            }
        };
        if let Some(broken) = broken {
            return Err(broken);
        }
        if let Some(deadlock) = self.engine.deadlock() {
            let detail = deadlock.text(&self.scenario.names());
            return Err(Broken::new("deadlock", detail));
        }
        if let Some((_, violation)) = self.engine.violation() {
            let (what, detail) = (violation.law.to_string(), violation.detail.clone());
            return Err(Broken::new(what, detail));
        }
        if outcome.ended == Ended::Stopped {
            return Ok(outcome);
        }
        match unmet(self.properties, &self.met, &outcome) {
            Some(broken) => Err(broken.because_of(&self.engine.waits_text(&self.scenario.names()))),
            None => Ok(outcome),
        }
    }
}

/// Something that does not hold.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    what: String,
    detail: String,
    /// The run was ended, since it goes round.
    is_livelock: bool,
}

impl Broken {
    fn new(what: impl Into<String>, detail: String) -> Self {
        Self { what: what.into(), detail, is_livelock: false }
    }

    /// Whether it is the same as another time; one of them may have been ended before its end.
    fn is_like(&self, other: &Self) -> bool {
        self == other || (self.what == other.what && self.is_livelock != other.is_livelock)
    }

    /// The same, with who waits for whom if anybody does.
    fn because_of(mut self, waits: &str) -> Self {
        if !waits.is_empty() {
            self.detail = format!("{}; {waits}", self.detail);
        }
        self
    }

    fn line(&self) -> String {
        format!("{}: {}", self.what, self.detail)
    }
}

/// Looks at a run after an event.
fn judge<E>(
    properties: &[Property<E>],
    met: &[Cell<bool>],
    view: &View<'_, E>,
    calm_at: Instant,
) -> Option<Broken> {
    for (property, met) in properties.iter().zip(met) {
        match property.demand {
            Demand::Always if !property.holds(view) => {
                return Some(Broken::new(&property.name, format!("it did not hold at {}", view.now)));
            }
            Demand::Never if property.holds(view) => {
                return Some(Broken::new(&property.name, format!("it happened at {}", view.now)));
            }
            Demand::Within(bound) if !met.get() => {
                let in_time = view.now.since_start() <= bound;
                if in_time && property.holds(view) {
                    met.set(true);
                } else if !in_time {
                    return Some(Broken::new(
                        &property.name,
                        format!("not within {} s", bound.as_secs_f64()),
                    ));
                }
            }
            // Until then it may come and go.
            Demand::Converges { .. } if view.now < calm_at => met.set(property.holds(view)),
            Demand::Converges { within, inputs } if !met.get() => {
                let late = view.now.since(calm_at) > within;
                if !late && view.inputs <= inputs && property.holds(view) {
                    met.set(true);
                } else if late || view.inputs > inputs {
                    let bound =
                        if late { format!("{} s", within.as_secs_f64()) } else { format!("{inputs} inputs") };
                    return Some(Broken::new(&property.name, not_converged(&bound, calm_at)));
                }
            }
            Demand::Sometimes if !met.get() => met.set(property.holds(view)),
            _ => {}
        }
    }
    None
}

fn not_converged(bound: &str, calm_at: Instant) -> String {
    format!("not converged: not within {bound} after the calm at {calm_at}")
}

/// What should have happened and did not, now that the run is over.
fn unmet<E>(properties: &[Property<E>], met: &[bool], outcome: &Outcome) -> Option<Broken> {
    let late = properties.iter().zip(met).find(|(property, met)| property.demand.is_to_be_met() && !**met);
    late.map(|(property, _)| {
        let why = match outcome.ended {
            Ended::Quiet => "nothing is left to happen",
            Ended::TimeLimit => "the scenario's time is over",
            _ => "the scenario's inputs are used up",
        };
        let named = if let Demand::Converges { .. } = property.demand { "not converged: " } else { "" };
        Broken::new(&property.name, format!("{named}it has not happened, and {why} at {}", outcome.at))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
        .to_owned()
}
