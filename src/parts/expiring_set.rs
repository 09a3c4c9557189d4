//! Members that expire unless they are refreshed.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::time::Instant;

/// A set whose members expire: each is alive for a span after it was refreshed last, that moment included.
///
/// A member that has expired stays until [`pop_expired`](ExpiringSet::pop_expired) takes it, so that whoever holds the
/// set can tell of each; take them before anything else is asked of the set at a moment. The set holds no more members
/// than it was told, whoever asks to join, and it goes through them in the order of their keys.
///
/// ```
/// use lossproof::Instant;
/// use lossproof::parts::expiring_set::{ExpiringSet, Refreshed};
/// use std::time::Duration;
///
/// let mut members = ExpiringSet::new(Duration::from_secs(10), 100);
/// assert_eq!(members.refresh("first", Instant::START), Refreshed::Joined);
/// assert_eq!(members.pop_expired(Instant::from_millis(10_000)), None);
/// assert_eq!(members.deadline(), Some(Instant::from_millis(10_001)));
/// assert_eq!(members.pop_expired(Instant::from_millis(10_001)), Some("first"));
/// ```
#[derive(Clone, Debug)]
pub struct ExpiringSet<K> {
    span: Duration,
    max_len: usize,
    refreshed_at: BTreeMap<K, Instant>,
    /// The same the other way round: who is next to expire comes first.
    by_age: BTreeSet<(Instant, K)>,
}

/// What became of a [`refresh`](ExpiringSet::refresh).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It is a member now.
    Joined,
    /// It was a member, and stays one for longer.
    Prolonged,
    /// It is none, and cannot become one: the set is full.
    Full,
}

/// How long after the span the deadline is: expired is who was silent for longer than the span, and clocks in
/// milliseconds are to agree on it.
const GRAIN: Duration = Duration::from_millis(1);

impl<K: Copy + Ord> ExpiringSet<K> {
    /// Creates an empty set of at most `max_len` members. Each one expires `span` after its last refresh.
    pub const fn new(span: Duration, max_len: usize) -> Self {
        Self { span, max_len, refreshed_at: BTreeMap::new(), by_age: BTreeSet::new() }
    }

    /// The same with room for this many members. Those that are there stay.
    #[must_use]
    pub fn max_len(mut self, max_len: usize) -> Self {
        self.max_len = max_len;
        self
    }

    /// Refreshes a member, or adds a new one.
    pub fn refresh(&mut self, key: K, now: Instant) -> Refreshed {
        let before = self.refreshed_at.get(&key).copied();
        if before.is_none() && self.refreshed_at.len() >= self.max_len {
            return Refreshed::Full;
        }
        if let Some(before_at) = before {
            self.by_age.remove(&(before_at, key));
        }
        self.refreshed_at.insert(key, now);
        self.by_age.insert((now, key));
        if before.is_some() { Refreshed::Prolonged } else { Refreshed::Joined }
    }

    /// Lets a member go; false if it was none.
    pub fn remove(&mut self, key: K) -> bool {
        match self.refreshed_at.remove(&key) {
            Some(before_at) => self.by_age.remove(&(before_at, key)),
            None => false,
        }
    }

    /// Takes out the member that has been expired for longest, if one is expired at `now`.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let (refreshed_at, key) = self.by_age.first().copied()?;
        if now.since(refreshed_at) <= self.span {
            return None;
        }
        self.remove(key);
        Some(key)
    }

    /// Takes out the member that was refreshed longest ago, whether it is expired or not.
    pub fn pop_oldest(&mut self) -> Option<K> {
        let (_, key) = self.by_age.first().copied()?;
        self.remove(key);
        Some(key)
    }

    /// When a member will have expired, if none is refreshed before: a millisecond after its last moment.
    pub fn deadline(&self) -> Option<Instant> {
        self.by_age.first().map(|(refreshed_at, _)| *refreshed_at + self.span + GRAIN)
    }

    /// The members, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = K> {
        self.refreshed_at.keys().copied()
    }

    /// Whether this is a member.
    pub fn contains(&self, key: K) -> bool {
        self.refreshed_at.contains_key(&key)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.refreshed_at.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.refreshed_at.is_empty()
    }

    /// Writes the members with their ages at `now`, for [`Machine::fingerprint`](crate::Machine::fingerprint).
    pub fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher)
    where
        K: Hash,
    {
        self.by_age.len().hash(&mut to);
        for (refreshed_at, key) in &self.by_age {
            (now.since(*refreshed_at), key).hash(&mut to);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    /// S80.
    #[test]
    fn the_span_is_alive_to_its_last_moment() {
        let mut members = ExpiringSet::new(SPAN, 2);
        members.refresh(1, Instant::from_millis(500));
        let last_at = Instant::from_millis(10_500);
        assert_eq!((members.pop_expired(last_at), members.len()), (None, 1));
        assert_eq!(members.deadline(), Some(last_at + Duration::from_millis(1)));
        assert_eq!(members.pop_expired(last_at + Duration::from_nanos(1)), Some(1));
        assert_eq!((members.deadline(), members.is_empty()), (None, true));
    }

    #[test]
    fn a_full_set_keeps_its_members_and_takes_no_more() {
        let mut members = ExpiringSet::new(SPAN, 2);
        assert_eq!(members.refresh(1, Instant::START), Refreshed::Joined);
        assert_eq!(members.refresh(2, Instant::START), Refreshed::Joined);
        assert_eq!(members.refresh(3, Instant::START), Refreshed::Full);
        assert_eq!(members.refresh(1, Instant::from_millis(1)), Refreshed::Prolonged);
        assert!(!members.remove(3) && members.remove(2));
        assert_eq!(members.refresh(3, Instant::START), Refreshed::Joined);
        assert_eq!(members.iter().collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn the_oldest_expires_first_and_equals_by_their_keys() {
        let mut members = ExpiringSet::new(SPAN, 9);
        for (key, millis) in [(3, 0), (5, 1), (4, 1), (1, 2)] {
            members.refresh(key, Instant::from_millis(millis));
        }
        let now = Instant::from_millis(10_002);
        let expired: Vec<i32> = std::iter::from_fn(|| members.pop_expired(now)).collect();
        assert_eq!(expired, [3, 4, 5]);
        assert!(members.contains(1));
    }

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Refresh(u8),
        Remove(u8),
        Wait(u64),
    }

    fn any_act() -> impl Strategy<Value = Act> {
        prop_oneof![
            3 => (0_u8..6).prop_map(Act::Refresh),
            1 => (0_u8..6).prop_map(Act::Remove),
            3 => prop_oneof![0_u64..3, Just(10), Just(11), 0_u64..25].prop_map(Act::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The model: a list of pairs that is gone through each time.
        #[test]
        fn it_is_a_list_that_is_gone_through(acts in prop::collection::vec(any_act(), 1..60)) {
            let (span, max_len) = (Duration::from_millis(10), 4);
            let mut members = ExpiringSet::new(span, max_len);
            let mut model: Vec<(u8, u64)> = Vec::new();
            let mut now = 0;
            for act in acts {
                match act {
                    Act::Refresh(key) => {
                        let is_full = model.len() == max_len;
                        let expected = match model.iter_mut().find(|(of, _)| *of == key) {
                            Some((_, at)) => {
                                *at = now;
                                Refreshed::Prolonged
                            }
                            None if is_full => Refreshed::Full,
                            None => {
                                model.push((key, now));
                                Refreshed::Joined
                            }
                        };
                        prop_assert_eq!(members.refresh(key, Instant::from_millis(now)), expected);
                    }
                    Act::Remove(key) => {
                        let before = model.len();
                        model.retain(|(of, _)| *of != key);
                        prop_assert_eq!(members.remove(key), model.len() < before);
                    }
                    Act::Wait(millis) => now += millis,
                }
                let mut expired: Vec<(u64, u8)> =
                    model.iter().filter(|(_, at)| now > at + 10).map(|(key, at)| (*at, *key)).collect();
                expired.sort_unstable();
                model.retain(|(_, at)| now <= at + 10);
                let popped: Vec<u8> =
                    std::iter::from_fn(|| members.pop_expired(Instant::from_millis(now))).collect();
                prop_assert_eq!(popped, expired.iter().map(|(_, key)| *key).collect::<Vec<_>>());
                let mut keys: Vec<u8> = model.iter().map(|(key, _)| *key).collect();
                keys.sort_unstable();
                prop_assert_eq!(members.iter().collect::<Vec<_>>(), keys);
                let due = model.iter().map(|(_, at)| at + 11).min();
                prop_assert_eq!(members.deadline(), due.map(Instant::from_millis));
            }
        }
    }
}
