//! Statistics of many runs.

use std::collections::BTreeMap;

use super::Failure;
use crate::engine::{Ended, Fired, FlowFigures, Outcome};
use crate::fault::{Fault, FaultKind};
use crate::host::HostId;
use crate::machine::Status;

/// How the machine of one host ended, over many runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// With success.
    pub successes: u64,
    /// With a failure.
    pub failures: u64,
    /// Not at all.
    pub running: u64,
}

/// The sums over many runs. Tallies of parts, merged in order, are the tally of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many runs there were, the failed one included.
    pub runs: u64,
    /// How much virtual time they took, in nanoseconds.
    pub virtual_nanos: u128,
    /// How many inputs machines were given.
    pub inputs: u64,
    /// How many datagrams and segments of data were sent.
    pub packets: u64,
    /// How often each kind of fault fired, by [`FaultKind`].
    pub fired: Fired,
    /// The plan's faults, each with the number of runs in which it had an effect.
    pub planned: Vec<(Fault, u64)>,
    /// The [`sometimes`](crate::scenario::Net::sometimes) properties, each with the number of runs that reached it.
    pub sometimes: Vec<(String, u64)>,
    /// Why the runs ended.
    pub ended: BTreeMap<Ended, u64>,
    /// For each host how its machine ended.
    pub ends: Vec<Ends>,
    /// The histories that could not be judged, each with why, and in how many runs.
    pub gave_up: BTreeMap<(String, String), u64>,
    /// What the datagrams of each flow have met at each bottleneck, by its name.
    pub queues: BTreeMap<(String, HostId, HostId), FlowFigures>,
    /// The first run that failed. Its faults and packets, and what was seen in it, are not in the sums.
    pub failure: Option<Failure>,
}

impl Tally {
    /// Creates the tally of no run, for a scenario with this number of hosts.
    pub fn new(hosts: usize) -> Self {
        Self { ends: vec![Ends::default(); hosts], ..Self::default() }
    }

    /// Adds one run.
    pub fn add(&mut self, outcome: &Outcome, statuses: &[Option<Status>]) {
        self.runs += 1;
        self.virtual_nanos += u128::from(outcome.at.as_nanos());
        self.inputs += outcome.inputs;
        self.packets += outcome.packets;
        for (sum, fired) in self.fired.iter_mut().zip(outcome.fired) {
            *sum += fired;
        }
        *self.ended.entry(outcome.ended).or_default() += 1;
        for (ends, status) in self.ends.iter_mut().zip(statuses) {
            match status {
                Some(Status::Success) => ends.successes += 1,
                Some(Status::Failure) => ends.failures += 1,
                None => ends.running += 1,
            }
        }
    }

    /// Adds what one run has shown: for each fault of the plan whether it fired, and for each `sometimes` whether it was
    /// seen.
    pub(super) fn saw(&mut self, fired: &[bool], seen: impl Iterator<Item = bool>) {
        for ((_, runs), fired) in self.planned.iter_mut().zip(fired) {
            *runs += u64::from(*fired);
        }
        for ((_, runs), seen) in self.sometimes.iter_mut().zip(seen) {
            *runs += u64::from(seen);
        }
    }

    /// Adds the faults of a run that was broken off, and nothing else: it is no run of its own.
    pub(super) fn add_faults(&mut self, outcome: &Outcome, planned: &[bool]) {
        for (sum, fired) in self.fired.iter_mut().zip(outcome.fired) {
            *sum += fired;
        }
        self.saw(planned, std::iter::empty());
    }

    /// Adds what of one run could not be judged.
    pub(super) fn add_gave_up(&mut self, histories: &[(String, String)]) {
        for history in histories {
            *self.gave_up.entry(history.clone()).or_default() += 1;
        }
    }

    /// Adds what flows have met at bottlenecks in one run.
    pub(super) fn add_queues<'a>(
        &mut self,
        figures: impl Iterator<Item = (&'a str, HostId, HostId, &'a FlowFigures)>,
    ) {
        for (at, from, to, figures) in figures {
            self.queues.entry((at.to_owned(), from, to)).or_default().merge(figures);
        }
    }

    /// The number of runs that the limit on inputs cut off before their end.
    pub fn cut_off(&self) -> u64 {
        self.ended.get(&Ended::InputLimit).copied().unwrap_or(0)
    }

    /// Adds the runs that came after these; nothing comes after a failure. To the tally of no run at all, a tally is
    /// added as it is. A sum of more than 64 bits, which no real runs have, is the greatest there is.
    pub fn merge(&mut self, later: Self) {
        if self.failure.is_some() {
            return;
        }
        if self.runs == 0 {
            *self = later;
            return;
        }
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.runs, later.runs);
        self.virtual_nanos = self.virtual_nanos.saturating_add(later.virtual_nanos);
        add(&mut self.inputs, later.inputs);
        add(&mut self.packets, later.packets);
        for (sum, fired) in self.fired.iter_mut().zip(later.fired) {
            add(sum, fired);
        }
        for ((_, sum), (_, runs)) in self.planned.iter_mut().zip(later.planned) {
            add(sum, runs);
        }
        for ((_, sum), (_, runs)) in self.sometimes.iter_mut().zip(later.sometimes) {
            add(sum, runs);
        }
        for (ended, runs) in later.ended {
            add(self.ended.entry(ended).or_default(), runs);
        }
        for (ends, more) in self.ends.iter_mut().zip(later.ends) {
            add(&mut ends.successes, more.successes);
            add(&mut ends.failures, more.failures);
            add(&mut ends.running, more.running);
        }
        for (history, runs) in later.gave_up {
            add(self.gave_up.entry(history).or_default(), runs);
        }
        for (flow, figures) in &later.queues {
            self.queues.entry(flow.clone()).or_default().merge(figures);
        }
        self.failure = later.failure;
    }

    /// The kinds of fault that fired, with how often.
    pub fn fired_kinds(&self) -> impl Iterator<Item = (FaultKind, u64)> {
        FaultKind::ALL.into_iter().zip(self.fired).filter(|(_, times)| *times > 0)
    }

    /// The plan's faults that changed nothing in any run: they are evidence of nothing.
    pub fn never_fired(&self) -> impl Iterator<Item = &Fault> {
        self.planned.iter().filter(|(_, runs)| *runs == 0).map(|(fault, _)| fault)
    }

    /// The `sometimes` properties that no run reached.
    pub fn never_seen(&self) -> impl Iterator<Item = &str> {
        self.sometimes.iter().filter(|(_, runs)| *runs == 0).map(|(name, _)| name.as_str())
    }
}
