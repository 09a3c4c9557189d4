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
pub(crate) enum Idle {
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
    /// How often it was awake since it tried to sleep, and how many tries are left.
    awake: u32,
    trials: u32,
}

impl Pace {
    /// Looks may be short, and each costs no more than a few microseconds then.
    const MAX_LOOKS: u32 = 128;
    /// How many inputs are handed in before others have their turn.
    const MAX_INPUTS: u32 = 8 * limits::MAX_INPUTS_PER_LOOK;
    /// How long the driver stays awake, in a thread of its own: as long as it takes to be woken, where a processor sleeps.
    const MAX_GLANCES: Duration = Duration::from_micros(100);
    /// What comes later than that, with the wake, was not to be had by staying awake.
    const MAX_SLEEP: Duration = Duration::from_micros(200);
    /// What comes sooner has woken the driver cheaply: whoever sends it shares the processor, which it needs.
    const MIN_SLEEP: Duration = Duration::from_micros(20);
    /// From which score on it pays, and how far it goes.
    const PAYS: u32 = 8;
    const MAX_SCORE: u32 = 32;
    /// How often it stays awake before it finds out again what a sleep costs, and how often it sleeps then: often enough to
    /// bring the score down.
    const MAX_AWAKE: u32 = 1024;
    const TRIALS: u32 = 3;

    pub(super) const fn new(thread: Thread) -> Self {
        Self { thread, looks: 0, inputs: 0, idle_since: None, score: 0, awake: 0, trials: 0 }
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
            let was_awake = self.pays() && self.trials == 0;
            let has_paid = if was_awake {
                waited < Self::MAX_GLANCES
            } else {
                (Self::MIN_SLEEP..Self::MAX_SLEEP).contains(&waited)
            };
            if has_paid {
                self.score = (self.score + 1).min(Self::MAX_SCORE);
            } else {
                self.score /= 2;
            }
            self.trials = self.trials.saturating_sub(1);
            self.awake += u32::from(was_awake);
            if self.awake == Self::MAX_AWAKE {
                (self.awake, self.trials) = (0, Self::TRIALS);
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
        if self.pays() && self.trials == 0 && is_early { Idle::Glance } else { Idle::Sleep }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace that has waited for so long, in this way.
    fn waited(pace: &mut Pace, span: Duration) -> Idle {
        let idle = pace.idle();
        pace.idle_since = pace.idle_since.map(|since| since - span);
        pace.looked(1);
        idle
    }

    #[test]
    fn it_stays_awake_where_a_sleep_takes_long_though_something_comes_soon() {
        let mut pace = Pace::new(Thread::Own);
        let (sleep, awake) = (Duration::from_micros(60), Duration::from_micros(10));
        for _ in 0..Pace::PAYS {
            assert_eq!(waited(&mut pace, sleep), Idle::Sleep);
        }
        for _ in 0..Pace::MAX_AWAKE {
            assert_eq!(waited(&mut pace, awake), Idle::Glance);
        }
        // It finds out what a sleep costs now: as much as before, or so little that it sleeps from now on.
        let mut cheap = Pace { idle_since: None, ..pace };
        for _ in 0..Pace::TRIALS {
            assert_eq!(waited(&mut pace, sleep), Idle::Sleep);
            assert_eq!(waited(&mut cheap, awake), Idle::Sleep);
        }
        assert_eq!((waited(&mut pace, awake), waited(&mut cheap, awake)), (Idle::Glance, Idle::Sleep));
    }

    #[test]
    fn it_sleeps_where_things_come_seldom_or_the_thread_is_shared() {
        let mut pace = Pace::new(Thread::Own);
        for _ in 0..100 {
            assert_eq!(waited(&mut pace, Pace::MAX_SLEEP), Idle::Sleep);
        }
        let mut shared = Pace::new(Thread::Shared);
        for _ in 0..100 {
            assert_eq!(waited(&mut shared, Duration::from_micros(60)), Idle::Sleep);
        }
    }

    #[test]
    fn it_gives_up_to_stay_awake_after_a_while() {
        let mut pace = Pace { score: Pace::MAX_SCORE, ..Pace::new(Thread::Own) };
        assert_eq!(pace.idle(), Idle::Glance);
        pace.idle_since = pace.idle_since.map(|since| since - Pace::MAX_GLANCES);
        assert_eq!(pace.idle(), Idle::Sleep);
        // And altogether, if that happens again and again.
        pace.looked(1);
        for _ in 0..2 {
            assert_eq!(waited(&mut pace, Duration::ZERO), Idle::Glance);
            pace.score = Pace::PAYS;
            waited(&mut pace, Pace::MAX_GLANCES);
            assert!(!pace.pays());
            pace.score = Pace::MAX_SCORE;
        }
    }

    #[test]
    fn others_have_their_turn_after_so_many_looks_or_inputs() {
        for (inputs, looks) in [(1, Pace::MAX_LOOKS), (limits::MAX_INPUTS_PER_LOOK, 8)] {
            let mut pace = Pace::new(Thread::Own);
            for look in 0..looks {
                assert!(!pace.is_over(), "{look}");
                pace.looked(inputs);
            }
            assert!(pace.is_over());
            pace.yielded();
            assert!(!pace.is_over());
        }
    }
}
