//! The deadlines of many, the earliest first.

use std::collections::BTreeSet;

use crate::time::Instant;

/// The deadlines of a machine's parts: the earliest is found at once, however many there are.
///
/// Who has a deadline keeps it, and tells of each change; so there is no second map from each to its deadline.
///
/// ```
/// use lossproof::Instant;
/// use lossproof::parts::deadlines::Deadlines;
///
/// let mut deadlines = Deadlines::default();
/// let (early_at, late_at) = (Instant::from_millis(10), Instant::from_millis(20));
/// deadlines.change("first", None, Some(late_at));
/// deadlines.change("second", None, Some(early_at));
/// assert_eq!(deadlines.first(), Some(early_at));
/// assert_eq!(deadlines.due(early_at), ["second"]);
///
/// deadlines.change("second", Some(early_at), None);
/// assert_eq!(deadlines.first(), Some(late_at));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines<K>(BTreeSet<(Instant, K)>);

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Copy + Ord> Deadlines<K> {
    /// Notes that a deadline is another one now, or none.
    pub fn change(&mut self, key: K, before: Option<Instant>, after: Option<Instant>) {
        if before == after {
            return;
        }
        if let Some(before_at) = before {
            self.0.remove(&(before_at, key));
        }
        if let Some(after_at) = after {
            self.0.insert((after_at, key));
        }
    }

    /// The earliest.
    pub fn first(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Those whose deadline has come, the earliest first; of the same moment, the lowest first.
    pub fn due(&self, now: Instant) -> Vec<K> {
        self.0.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect()
    }
}
