//! Which of the streams that were accepted has been silent longest.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::machine::{Conn, ConnMap};
use crate::time::Instant;

/// When the peer of each was last heard. That changes with every read, so the order is looked at only when it is asked
/// for: until then a stream stands where it stood.
#[derive(Default)]
pub(super) struct Silence {
    heard_at: ConnMap<Heard>,
    listed: BTreeSet<(Instant, Conn)>,
}

#[derive(Clone, Copy)]
struct Heard {
    at: Instant,
    listed_at: Instant,
}

impl Silence {
    /// Notes a stream that was accepted.
    pub(super) fn begin(&mut self, conn: Conn, now: Instant) {
        self.heard_at.insert(conn, Heard { at: now, listed_at: now });
        self.listed.insert((now, conn));
    }

    /// Notes that its peer was heard; nothing, of one that was not accepted.
    pub(super) fn heard(&mut self, conn: Conn, now: Instant) {
        if let Some(heard) = self.heard_at.get_mut(conn) {
            heard.at = now;
        }
    }

    /// Forgets a stream.
    pub(super) fn end(&mut self, conn: Conn) {
        if let Some(heard) = self.heard_at.remove(conn) {
            self.listed.remove(&(heard.listed_at, conn));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// The one that has been silent longest, and since when, out of those that may be chosen.
    pub(super) fn longest(&mut self, mut may: impl FnMut(Conn) -> bool) -> Option<(Instant, Conn)> {
        let mut from = Bound::Unbounded;
        loop {
            let &(listed_at, conn) = self.listed.range((from, Bound::Unbounded)).next()?;
            let heard = self.heard_at.get_mut(conn)?;
            if heard.at > listed_at {
                heard.listed_at = heard.at;
                self.listed.remove(&(listed_at, conn));
                self.listed.insert((heard.at, conn));
            } else if may(conn) {
                return Some((listed_at, conn));
            } else {
                from = Bound::Excluded((listed_at, conn));
            }
        }
    }

    /// A moment before which none has been silent for longer than since then.
    pub(super) fn since(&self) -> Option<Instant> {
        self.listed.first().map(|(listed_at, _)| *listed_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_heard_last_comes_last_and_who_may_not_be_chosen_is_passed_over() {
        let conn = |index| Conn { index, generation: 0 };
        let at = Instant::from_millis;
        let mut silence = Silence::default();
        for index in 0..4 {
            silence.begin(conn(index), at(u64::from(index)));
        }
        silence.heard(conn(0), at(10));
        silence.heard(conn(9), at(10));
        assert_eq!((silence.len(), silence.since()), (4, Some(at(0))));
        assert_eq!(silence.longest(|_| true), Some((at(1), conn(1))));
        assert_eq!(silence.longest(|other| other != conn(1)), Some((at(2), conn(2))));
        silence.heard(conn(1), at(11));
        silence.end(conn(2));
        silence.end(conn(3));
        assert_eq!(silence.longest(|_| true), Some((at(10), conn(0))));
        assert_eq!(silence.longest(|_| false), None);
        silence.end(conn(0));
        silence.end(conn(1));
        assert_eq!((silence.longest(|_| true), silence.len(), silence.since()), (None, 0, None));
    }
}
