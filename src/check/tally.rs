//! What many runs come to.

use std::collections::BTreeMap;

use super::Failure;
use crate::engine::{Ended, Fired, Outcome};
use crate::fault::FaultKind;
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
    /// Why the runs ended.
    pub ended: BTreeMap<Ended, u64>,
    /// For each host how its machine ended.
    pub ends: Vec<Ends>,
    /// The first run that failed. Its faults and packets are not in the sums.
    pub failure: Option<Failure>,
}

impl Tally {
    /// The tally of no run of a scenario with so many hosts.
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

    /// Adds the runs that came after these; nothing comes after a failure.
    pub fn merge(&mut self, later: Self) {
        if self.failure.is_some() {
            return;
        }
        self.runs += later.runs;
        self.virtual_nanos += later.virtual_nanos;
        self.inputs += later.inputs;
        self.packets += later.packets;
        for (sum, fired) in self.fired.iter_mut().zip(later.fired) {
            *sum += fired;
        }
        for (ended, runs) in later.ended {
            *self.ended.entry(ended).or_default() += runs;
        }
        for (ends, more) in self.ends.iter_mut().zip(later.ends) {
            ends.successes += more.successes;
            ends.failures += more.failures;
            ends.running += more.running;
        }
        self.failure = later.failure;
    }

    /// The kinds of fault that fired, with how often.
    pub fn fired_kinds(&self) -> impl Iterator<Item = (FaultKind, u64)> {
        FaultKind::ALL.into_iter().zip(self.fired).filter(|(_, times)| *times > 0)
    }
}
