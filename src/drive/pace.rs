//! When the driver lets others have their turn, and how it waits.

use std::time::Duration;

use super::driver::clock;
use crate::machine::limits;

/// Whose thread the driver runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thread {
    /// Its own: nobody else's task is on its runtime.
    Own,
    /// Others may have tasks in it.
    Shared,
}

/// How to wait when nothing is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// Not yet: something is likely to come in less time than it takes to sleep and be woken. Look again.
    Glance,
    /// Until something wakes.
    Sleep,
}

/// How much was done since others on the runtime had their turn, and whether it pays to stay awake.
pub(super) struct Pace {
    thread: Thread,
    looks: u32,
    inputs: u32,
    /// Since when nothing is there.
    idle_since: Option<tokio::time::Instant>,
    /// How often it has paid, or would have paid, to stay awake; half as often each time it would not have.
    score: u32,
}

impl Pace {
    /// Looks may be short, and each costs no more than a few microseconds then.
    const MAX_LOOKS: u32 = 128;
    /// How many inputs are handed in before others have their turn.
    const MAX_INPUTS: u32 = 8 * limits::MAX_INPUTS_PER_LOOK;
    /// How long the driver stays awake, in a thread of its own: as long as it takes to be woken, where a processor sleeps.
    const MAX_GLANCES: Duration = Duration::from_micros(50);
    /// What comes sooner has woken the driver cheaply: whoever sends it shares the processor, which it needs.
    const MIN_SLEEP: Duration = Duration::from_micros(20);
    /// From which score on it pays, and how far it goes.
    const PAYS: u32 = 8;
    const MAX_SCORE: u32 = 32;

    pub(super) const fn new(thread: Thread) -> Self {
        Self { thread, looks: 0, inputs: 0, idle_since: None, score: 0 }
    }

    /// Whether it is the others' turn.
    pub(super) const fn is_over(&self) -> bool {
        self.looks >= Self::MAX_LOOKS || self.inputs >= Self::MAX_INPUTS
    }

    /// The others have their turn now.
    pub(super) const fn yielded(&mut self) {
        (self.looks, self.inputs) = (0, 0);
    }

    /// Notes a look that has handed in so many inputs.
    pub(super) fn looked(&mut self, inputs: u32) {
        self.looks += 1;
        self.inputs += inputs;
        if let Some(since) = self.idle_since.take() {
            let waited = clock() - since;
            // A sleep takes as long as the glances before it, and as the wake after it.
            let is_short = waited < 2 * Self::MAX_GLANCES;
            if is_short && (self.pays() || waited >= Self::MIN_SLEEP) {
                self.score = (self.score + 1).min(Self::MAX_SCORE);
            } else {
                self.score /= 2;
            }
        }
    }

    const fn pays(&self) -> bool {
        self.score >= Self::PAYS
    }

    /// Nothing is there: how to wait for it.
    pub(super) fn idle(&mut self) -> Idle {
        if self.thread == Thread::Shared {
            return Idle::Sleep;
        }
        let now = clock();
        let since = *self.idle_since.get_or_insert(now);
        let is_early = now - since < Self::MAX_GLANCES;
        if self.pays() && is_early { Idle::Glance } else { Idle::Sleep }
    }
}
