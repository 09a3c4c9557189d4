//! Steps of a run, and a run that goes on at random after one of them.

use super::{Engine, Keep, Prepared};
use crate::time::Instant;

/// The rest of a run that goes on at random: the run is what its plan makes it, up to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// In this number of steps at the beginning nothing is drawn. A step is a host's start, or one entry of the queue.
    pub(crate) after: u64,
    /// Where what is drawn after them comes from. Machines and commands keep the seed of the run.
    pub(crate) seed: u64,
}

/// How far a run is before one of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How many records the log has.
    pub(crate) records: usize,
    /// How many inputs were handed to machines, how much was sent, and when something happened last.
    pub(crate) so_far: (u64, u64, Instant),
}

impl Prepared {
    /// The same, with the rest of the run drawn. Of the worlds only the event engine counts steps.
    pub(crate) fn with_rest(&self, rest: Rest) -> Self {
        Self { rest: Some(rest), ..self.clone() }
    }
}

impl Engine<'_> {
    /// A host is started, or the next entry of the queue is due.
    pub(super) fn begin_step(&mut self) {
        let parts = self.world.network.begin_step();
        if !parts && self.world.keep != Keep::Log {
            return;
        }
        let records = self.world.log.records().len();
        let mark = Mark { records, so_far: self.so_far() };
        if parts {
            self.parted = Some(mark);
        }
        if self.world.keep == Keep::Log {
            self.marks.push(mark);
        }
    }

    /// For each of the plan's faults, in its order, in which step it first changed something, or was due as a fault of a
    /// host. The first step is 1; 0 if it came to neither.
    pub(crate) fn hits(&self) -> &[u64] {
        self.world.network.hits()
    }

    /// How far the last run was before each of its steps, if its log was kept.
    pub(crate) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    fn so_far(&self) -> (u64, u64, Instant) {
        (self.inputs, self.packets(), self.last_at)
    }

    /// How far the last run was when it began to go on at random after `steps` steps, or when it ended there; `None` if it
    /// came to neither.
    pub(crate) fn so_far_after(&self, steps: u64) -> Option<(u64, u64, Instant)> {
        let ended = || (self.world.network.steps() == steps).then(|| self.so_far());
        self.parted.map(|mark| mark.so_far).or_else(ended)
    }
}
