//! What the engine knows of one host.

use super::clock::Clock;
use crate::network::Power;
use crate::time::Instant;

/// One host while it runs, beside what properties see of it.
#[derive(Debug)]
pub(super) struct State {
    /// A machine runs on it.
    pub(super) is_up: bool,
    pub(super) power: Power,
    pub(super) incarnation: u32,
    pub(super) disk: Vec<u8>,
    pub(super) clock: Clock,
    /// The machine's deadline, by its own clock; `FAR_FUTURE` if it has none, since that is as good as never.
    pub(super) deadline: Instant,
    /// For when a timer is in the queue.
    pub(super) timer_at: Option<Instant>,
    /// When it was decided last whether a timer comes first.
    pub(super) tie_at: Option<Instant>,
    /// The machine was asked to stop.
    pub(super) is_stopped: bool,
    /// How many inputs it had at `last_at` since the deadline was looked at.
    pub(super) streak: u32,
    pub(super) last_at: Instant,
}

impl State {
    /// Counts an input among those of its moment.
    #[inline]
    pub(super) fn count_input(&mut self, now: Instant) {
        if self.last_at != now {
            (self.last_at, self.streak) = (now, 0);
        }
        self.streak += 1;
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            is_up: false,
            power: Power::Running,
            incarnation: 0,
            disk: Vec::new(),
            clock: Clock::RIGHT,
            deadline: Instant::FAR_FUTURE,
            timer_at: None,
            tie_at: None,
            is_stopped: false,
            streak: 0,
            last_at: Instant::START,
        }
    }
}
