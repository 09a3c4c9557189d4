//! What is due later, the earliest first.

use std::collections::BTreeMap;

use crate::time::Instant;

/// Timers with values: a queue by time, for a crate that hands out its timers and wants each one back when it is due.
///
/// Those of the same moment come in the order in which they were set. [`Deadlines`](super::deadlines::Deadlines) fits better
/// where each part of a machine has one deadline that moves.
///
/// ```
/// use lossproof::Instant;
/// use lossproof::parts::timers::Timers;
///
/// let mut timers = Timers::default();
/// timers.set(Instant::from_millis(20), "probe");
/// timers.set(Instant::from_millis(10), "ack");
/// assert_eq!(timers.first(), Some(Instant::from_millis(10)));
///
/// let now = Instant::from_millis(15);
/// assert_eq!(timers.pop_due(now), Some("ack"));
/// assert_eq!(timers.pop_due(now), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers<T> {
    queue: BTreeMap<(Instant, u64), T>,
    /// How many were set.
    set_count: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { queue: BTreeMap::new(), set_count: 0 }
    }
}

impl<T> Timers<T> {
    /// Has something come due at a moment.
    pub fn set(&mut self, at: Instant, timer: T) {
        self.queue.insert((at, self.set_count), timer);
        self.set_count += 1;
    }

    /// When the earliest is due: the deadline of a machine that has only these.
    pub fn first(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out the earliest that is due, if one is. Call it until it gives none; a timer that is set meanwhile and is due
    /// comes too.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let earliest = self.queue.first_entry()?;
        (earliest.key().0 <= now).then(|| earliest.remove())
    }

    /// Takes back all that this holds for.
    pub fn cancel(&mut self, mut is_cancelled: impl FnMut(&T) -> bool) {
        self.queue.retain(|_, timer| !is_cancelled(timer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_of_one_moment_come_in_the_order_in_which_they_were_set() {
        let mut timers = Timers::default();
        let at = Instant::from_millis(10);
        for timer in ["a", "b", "c", "d"] {
            timers.set(at, timer);
        }
        timers.cancel(|timer| *timer == "c");
        assert_eq!(timers.pop_due(Instant::from_nanos(at.as_nanos() - 1)), None);
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(at)).collect();
        assert_eq!((due, timers.first()), (vec!["a", "b", "d"], None));
    }
}
