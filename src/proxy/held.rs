//! What is held back until it may leave, in the order in which it may.

use std::collections::BTreeMap;

use tokio::sync::Notify;

use crate::time::Instant;

/// Things that wait, each for its moment. What waits for the same moment leaves in the order in which it came.
#[derive(Debug)]
pub(super) struct Held<T> {
    queue: BTreeMap<(Instant, u64), T>,
    next: u64,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { queue: BTreeMap::new(), next: 0 }
    }
}

impl<T> Held<T> {
    /// Has something wait; tells `earlier` if it is the next now.
    pub(super) fn push(&mut self, due_at: Instant, what: T, earlier: &Notify) {
        if self.due_at().is_none_or(|first_at| due_at < first_at) {
            earlier.notify_one();
        }
        self.queue.insert((due_at, self.next), what);
        self.next += 1;
    }

    /// The next that may leave by now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<T> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next may leave.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((due_at, _), _)| *due_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_leaves_in_order_and_nothing_else() {
        let (mut held, notify) = (Held::default(), Notify::new());
        let at = Instant::from_millis;
        for (millis, what) in [(5, 'a'), (3, 'b'), (5, 'c'), (9, 'd')] {
            held.push(at(millis), what, &notify);
        }
        assert_eq!(held.due_at(), Some(at(3)));
        let left: String = std::iter::from_fn(|| held.pop(at(8))).collect();
        assert_eq!((left.as_str(), held.due_at()), ("bac", Some(at(9))));
    }
}
