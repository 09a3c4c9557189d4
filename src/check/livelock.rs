//! Livelocks: a run that comes back to a state in which it was, with nothing new done, and so goes round for ever.

use std::hash::{DefaultHasher, Hasher};

use super::{Broken, Search};
use crate::engine::{Ended, Engine, Keep, Outcome};
use crate::scenario::Property;
use crate::time::Instant;

/// Looks for the state of a run that comes again while a demand is unmet.
///
/// The state is the fingerprint of everything on which it depends what happens next, with times relative to now. Equal
/// states are followed by the same for ever, unless faults are still to come: so it looks only where nothing is drawn,
/// and the fingerprint has the plan's faults that are left. That there is no event in between is asked for, since a
/// property may count events; a run of which it is known that it does not meet the demand need not be so careful.
///
/// A fingerprint costs as much as many steps, and nearly every run tells something again and again. So the search begins
/// where nothing new was done in [`QUIET_STEPS`], and finds a circle that much later. A run whose log is kept is to be
/// read, and so is looked at from its start.
///
/// One state is kept, and exchanged after twice as many steps each time: "An improved Monte Carlo factorization
/// algorithm" (Brent, 1980). The steps from it to its like are the smallest part that repeats. A state is 64 bits of a
/// hash with a fixed key, so that one of 100,000 is taken for another once in 10^14 runs.
struct Watch<'a> {
    properties: &'a [Property],
    /// From when on nothing is drawn; `None` if that never is so.
    from_at: Option<Instant>,
    /// Events in between do not matter.
    is_known_to_fail: bool,
    /// How many events and ends there were when something new was done last, and how many steps ago that was.
    done: (usize, u32),
    quiet_steps: u64,
    /// In how many steps nothing new must have been done.
    least_quiet: u64,
    kept: Kept,
    /// How many steps there were since then, and after how many another one is kept.
    steps: u64,
    most: u64,
    found: Option<Circle>,
}

/// In how many steps nothing new must have been done before states are looked at.
const QUIET_STEPS: u64 = 16;

/// A state, and where the run was in it.
#[derive(Clone, Copy, Default)]
struct Kept {
    /// None before the first.
    state: Option<u64>,
    at: Instant,
    records: usize,
}

/// A part of a run that repeats.
struct Circle {
    kept: Kept,
    until_at: Instant,
    steps: u64,
    /// The name of the first demand that is not met.
    unmet: String,
}

impl Watch<'_> {
    /// Whether the run goes round; to be asked after everything that happens.
    fn sees(&mut self, engine: &Engine<'_>, now: Instant) -> bool {
        let done = (engine.told().len(), engine.ends());
        if !self.is_known_to_fail && self.done != done {
            (self.done, self.quiet_steps, self.kept, self.steps, self.most) =
                (done, 0, Kept::default(), 0, 1);
        }
        self.quiet_steps += 1;
        if self.quiet_steps <= self.least_quiet || self.from_at.is_none_or(|from_at| now < from_at) {
            return false;
        }
        let demands = self.properties.iter().zip(engine.watches());
        let mut unmet = demands.filter(|(property, watch)| property.demand.is_to_be_met() && !watch.met);
        let Some((unmet, _)) = unmet.next() else { return false };
        let mut hasher = DefaultHasher::new();
        if !engine.fingerprint(now, &mut hasher) {
            return false;
        }
        let state = Some(hasher.finish());
        self.steps += 1;
        if self.kept.state == state {
            let (kept, steps) = (self.kept, self.steps);
            self.found = Some(Circle { kept, until_at: now, steps, unmet: unmet.name.clone() });
            return true;
        }
        if self.steps >= self.most {
            self.most *= 2;
            (self.kept, self.steps) = (Kept { state, at: now, records: engine.log().records().len() }, 0);
        }
        false
    }
}

impl Search<'_> {
    /// One run, with the current settings; what does not hold, if something does not.
    pub(super) fn attempt_once(&mut self) -> Result<Outcome, Broken> {
        self.attempt_watched(false)
    }

    /// A run of which it is known that it does not meet a demand, made once more up to where it begins to go round: what
    /// that is called. `None` if it does not, or if it may be that only time is short.
    pub(super) fn goes_round(&mut self, broken: &Broken) -> Option<Broken> {
        let is_demand = |property: &Property| property.demand.is_to_be_met() && property.name == broken.what;
        let went_on = matches!(self.engine.ended(), Some(Ended::TimeLimit | Ended::InputLimit));
        if broken.is_livelock || !went_on || !self.scenario.properties().iter().any(is_demand) {
            return None;
        }
        match self.attempt_watched(true) {
            Err(found) if found.is_livelock && found.what == broken.what => Some(found),
            _ => {
                // The log is to be of the whole run.
                let _ = self.attempt_once();
                None
            }
        }
    }

    fn attempt_watched(&mut self, is_known_to_fail: bool) -> Result<Outcome, Broken> {
        let properties = self.scenario.properties();
        let is_wanted = properties.iter().any(|property| property.demand.is_to_be_met());
        let calm_at = self.settings.plan.schedule.calm_at;
        let quiet_at = if self.settings.is_calm() { Some(Instant::START) } else { calm_at };
        let mut watch = Watch {
            properties,
            from_at: quiet_at.filter(|_| is_wanted),
            is_known_to_fail,
            done: (0, 0),
            quiet_steps: 0,
            least_quiet: if self.settings.keep == Keep::Log { 0 } else { QUIET_STEPS },
            kept: Kept::default(),
            steps: 0,
            most: 1,
            found: None,
        };
        let looks = watch.from_at.is_some();
        let mut sees = |engine: &mut Engine<'_>, now| watch.sees(engine, now);
        let result = self.attempt_until(if looks { Some(&mut sees) } else { None });
        let Some(Circle { kept, until_at, steps, unmet }) = watch.found else { return result };
        let (from_at, span) = (kept.at, until_at.since(kept.at).as_secs_f64());
        let detail = format!(
            "livelock: what happens from {from_at} to {until_at} happens again and again, {steps} steps every {span} s"
        );
        let broken = Broken { is_livelock: true, ..Broken::new(unmet, detail) };
        self.engine.note_circle(kept.records, broken.line());
        Err(broken)
    }
}
