//! What is to hold, looked at after every input.

use std::cell::Cell;

use super::{Engine, Settings};
use crate::host::HostId;
use crate::scenario::{Demand, FoldVerdict, Property, Reads, Run};
use crate::time::Instant;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) what: String,
    pub(crate) detail: String,
    /// The run was ended, since it goes round.
    pub(crate) is_livelock: bool,
    /// The run was left in its middle, since something panicked.
    pub(crate) is_panic: bool,
}

impl Broken {
    pub(crate) fn new(what: impl Into<String>, detail: String) -> Self {
        Self { what: what.into(), detail, is_livelock: false, is_panic: false }
    }

    /// A panic.
    pub(crate) fn panic(what: impl Into<String>, detail: String) -> Self {
        Self { is_panic: true, ..Self::new(what, detail) }
    }

    /// Whether it is the same as another time. One of them may have been ended before its end, where that was clear sooner.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self == other || (self.what == other.what && (self.is_livelock || other.is_livelock))
    }

    /// The same, with who waits for whom if anybody does.
    pub(crate) fn because_of(mut self, waits: &str) -> Self {
        if !waits.is_empty() {
            self.detail = format!("{}; {waits}", self.detail);
        }
        self
    }

    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.what, self.detail)
    }
}

/// What is known of a property in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    /// What it read when it was judged last: until some of that changes it holds or not as it did.
    reads: Reads,
    /// It was met, if it demands something in time, or sometimes.
    pub(crate) met: bool,
}

/// What is judged in a run, so that nothing else need be asked after each input.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judges {
    /// There are properties to ask.
    pub(super) properties: bool,
    /// There are folds to step.
    pub(super) folds: bool,
}

/// In whose code the engine is, so that a panic can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Nothing,
    /// A factory makes the machine of a host.
    Making(HostId, Instant),
    /// The machine of a host handles an input of this kind.
    Handling(HostId, &'static str, Instant),
    /// The property of this place is judged.
    Judging(usize),
    /// The fold of this place is stepped, or judged at the end.
    Folding(usize),
    /// Tasks run that tokio's own `spawn` has made, until the next thing happens at this moment.
    #[cfg(feature = "tasks")]
    Advancing(Instant),
    /// The commands of the run are generated.
    Generating,
}

impl Engine<'_> {
    /// Nothing has been judged in this run so far.
    pub(super) fn reset_judgement(&mut self, settings: &Settings) {
        let spec = self.scenario.spec();
        self.judges = Judges {
            properties: settings.properties && !spec.properties.is_empty(),
            folds: settings.properties && spec.hosts.iter().any(|host| !host.folds.is_empty()),
        };
        self.watches.clear();
        self.watches.resize(spec.properties.len(), Watch { reads: Reads::ALL, met: false });
        if settings.properties {
            spec.folds.iter().zip(&mut self.folds).for_each(|(fold, state)| (fold.renew)(&mut **state));
        }
        (self.changed, self.was_told) = (Reads::ALL, 0);
        self.judged_at = None;
        self.broken = None;
        self.gave_up.clear();
    }

    /// The run as a property sees it.
    pub(super) fn look(&self, at: Instant) -> Run<'_> {
        let net = self.scenario.spec().net();
        Run { slots: &self.slots, at, net, inputs: self.inputs_since_calm(), reads: Cell::default() }
    }

    /// Judges every property of which something has changed; ends the run at the first that does not hold.
    #[inline]
    pub(super) fn judge(&mut self, now: Instant) {
        if self.judged_at != Some(now) || self.changed != Reads::default() {
            self.judge_all(now);
        }
    }

    #[inline(never)]
    fn judge_all(&mut self, now: Instant) {
        self.judged_at = Some(now);
        let properties = &self.scenario.spec().properties;
        let mut changed = std::mem::take(&mut self.changed);
        changed.news = std::mem::replace(&mut self.was_told, changed.events) | changed.events;
        if self.ended.is_some() || self.broken.is_some() {
            return;
        }
        for (index, property) in properties.iter().enumerate() {
            let is_new = self.watches[index].reads.meets(changed);
            if !(is_new || property.demand.is_to_be_met()) {
                continue;
            }
            if let Some(broken) = self.judge_one(index, property, now, is_new) {
                self.fail(now, broken);
                return;
            }
        }
    }

    fn judge_one(&mut self, index: usize, property: &Property, now: Instant, is_new: bool) -> Option<Broken> {
        let watch = self.watches[index];
        if watch.met && property.demand.is_to_be_met() && !self.is_before_calm(property.demand, now) {
            return None;
        }
        let broken = |detail: String| Some(Broken::new(&property.name, detail));
        match property.demand {
            Demand::Always if is_new => match self.ask(index, property, now) {
                Some(seen) if seen.is_empty() => broken(format!("it did not hold at {now}")),
                Some(seen) => broken(format!("{seen}, at {now}")),
                None => None,
            },
            Demand::Never if is_new && self.ask(index, property, now).is_none() => {
                broken(format!("it happened at {now}"))
            }
            Demand::Sometimes if is_new && !watch.met => {
                self.watches[index].met = self.ask(index, property, now).is_none();
                None
            }
            Demand::Within(bound) => {
                if now.since(self.begun_at) > bound {
                    return broken(format!("not within {} s", bound.as_secs_f64()));
                }
                if is_new {
                    self.watches[index].met = self.ask(index, property, now).is_none();
                }
                None
            }
            Demand::Converges { within, inputs } => {
                let calm_at = self.calm_at();
                let late = now.since(calm_at) > within;
                if now >= calm_at && (late || self.inputs_since_calm() > inputs) {
                    let bound =
                        if late { format!("{} s", within.as_secs_f64()) } else { format!("{inputs} inputs") };
                    return broken(format!("not converged: not within {bound} after the calm at {calm_at}"));
                }
                if is_new {
                    // Until the calm it may come and go.
                    self.watches[index].met = self.ask(index, property, now).is_none();
                }
                None
            }
            _ => None,
        }
    }

    fn calm_at(&self) -> Instant {
        self.world.network.schedule.calm_at.unwrap_or(Instant::START)
    }

    fn is_before_calm(&self, demand: Demand, now: Instant) -> bool {
        matches!(demand, Demand::Converges { .. }) && now < self.calm_at()
    }

    /// What a property sees that does not hold, if it does not.
    fn ask(&mut self, index: usize, property: &Property, now: Instant) -> Option<String> {
        self.doing = Doing::Judging(index);
        let run = self.look(now);
        let seen = property.broken(&run);
        let reads = run.reads.get();
        self.watches[index].reads = reads;
        self.was_read.inputs |= reads.inputs;
        self.was_read.states |= reads.states;
        self.was_read.events |= reads.events;
        self.doing = Doing::Nothing;
        seen
    }

    fn fail(&mut self, now: Instant, broken: Broken) {
        let host = self.world.told.last().map_or(HostId(0), |(_, host, _)| *host);
        self.world.broken(now, host, broken.line());
        self.broken = Some(broken);
        self.ended.get_or_insert(super::Ended::Failed);
    }

    /// Takes what a step of a fold has come to.
    pub(super) fn note_fold(&mut self, fold: usize, verdict: FoldVerdict, now: Instant) {
        match verdict {
            FoldVerdict::Holds => {}
            FoldVerdict::Broken(seen) => {
                let name = &self.scenario.spec().folds[fold].name;
                if self.broken.is_none() {
                    self.broken = Some(Broken::new(name, format!("{seen}, at {now}")));
                }
            }
            FoldVerdict::GaveUp(why) => {
                let name = self.scenario.spec().folds[fold].name.clone();
                self.gave_up.push((name, why));
            }
        }
    }

    /// Ends the run if a fold has failed, unless a law was broken in the same step.
    pub(super) fn end_by_fold(&mut self, now: Instant) {
        if self.ended.is_none()
            && let Some(broken) = self.broken.take()
        {
            self.fail(now, broken);
        }
    }

    /// Judges what is judged at the end of a run alone.
    pub(super) fn judge_end(&mut self) {
        let folds = &self.scenario.spec().folds;
        for (index, fold) in folds.iter().enumerate() {
            self.doing = Doing::Folding(index);
            for test in &fold.at_end {
                let verdict = test(&*self.folds[index]);
                self.note_fold(index, verdict, self.last_at);
            }
        }
        self.doing = Doing::Nothing;
        if let Some(broken) = self.broken.take() {
            self.world.broken(self.last_at, HostId(0), broken.line());
            self.broken = Some(broken);
        }
    }

    /// What should have happened and did not, now that the run is over.
    pub(super) fn judge_unmet(&mut self) {
        let properties = &self.scenario.spec().properties;
        let mut all = properties.iter().zip(&self.watches);
        let is_cut_off = matches!(self.ended, Some(super::Ended::TimeLimit | super::Ended::InputLimit));
        // Where a host was started anew, its time may not be over.
        let (begun_at, last_at) = (self.begun_at, self.scenario.spec().max_time);
        let may_come = |demand: Demand| match demand {
            Demand::Within(bound) => {
                is_cut_off && begun_at > Instant::START && last_at.since(begun_at) < bound
            }
            _ => false,
        };
        let late = all.find(|(property, watch)| {
            property.demand.is_to_be_met() && !watch.met && !may_come(property.demand)
        });
        if let Some((property, _)) = late {
            let why = match self.ended {
                Some(super::Ended::TimeLimit) => "the scenario's time is over",
                Some(super::Ended::InputLimit) => "the scenario's inputs are used up",
                _ => "nothing is left to happen",
            };
            let named = if let Demand::Converges { .. } = property.demand { "not converged: " } else { "" };
            let detail = format!("{named}it has not happened, and {why} at {}", self.last_at);
            let waits = self.waits_text(&self.scenario.names());
            #[cfg(feature = "tasks")]
            let waits = self.with_waits_of_tasks(waits);
            self.broken = Some(Broken::new(&property.name, detail).because_of(&waits));
        }
    }
}
