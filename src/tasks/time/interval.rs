//! Ticks.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Instant;
use super::sleep::{Sleep, sleep_until};

/// What happens to missed ticks, as in tokio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// They come at once, one after the other.
    #[default]
    Burst,
    /// The next one comes a period after the late one.
    Delay,
    /// They are left out, and the next one comes where it would have come.
    Skip,
}

/// Ticks at once, and then with this period.
///
/// # Panics
/// If the period is zero, or outside of a simulated host.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at this moment, and then with this period.
///
/// # Panics
/// If the period is zero, or outside of a simulated host.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "the period of an interval is not zero");
    Interval { sleep: sleep_until(start), period, missed: MissedTickBehavior::Burst }
}

/// A future for each tick.
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick; its moment.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|context| self.poll_tick(context)).await
    }

    /// The next tick, as part of a poll.
    pub fn poll_tick(&mut self, context: &mut Context<'_>) -> Poll<Instant> {
        if self.sleep.poll_elapsed(context).is_pending() {
            return Poll::Pending;
        }
        let (due_at, now) = (self.sleep.deadline(), Instant::now());
        let next = match self.missed {
            MissedTickBehavior::Burst => due_at + self.period,
            MissedTickBehavior::Delay => now + self.period,
            MissedTickBehavior::Skip => {
                let late = now.duration_since(due_at).as_nanos() % self.period.as_nanos();
                now + self.period - Duration::from_nanos(late as u64)
            }
        };
        self.sleep = sleep_until(next);
        Poll::Ready(due_at)
    }

    /// Has the next tick come a period from now.
    pub fn reset(&mut self) {
        self.sleep = sleep_until(Instant::now() + self.period);
    }

    /// Has the next tick come now.
    pub fn reset_immediately(&mut self) {
        self.sleep = sleep_until(Instant::now());
    }

    /// Sets the time of the next tick.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.sleep = sleep_until(deadline);
    }

    /// Has the next tick come this span from now.
    pub fn reset_after(&mut self, after: Duration) {
        self.sleep = sleep_until(Instant::now() + after);
    }

    /// The period.
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// What happens to missed ticks.
    pub const fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what happens to missed ticks.
    pub const fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }
}
