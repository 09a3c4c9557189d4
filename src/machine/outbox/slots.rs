//! The streams of one host: their names, and the room in their send buffers.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use crate::machine::Conn;

/// What the outbox knows of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Vacant,
    /// It was asked for; `shut` if this direction is to end as soon as it stands.
    Dialing {
        shut: bool,
    },
    Open {
        free_len: u32,
        short: bool,
    },
    Shut,
}

/// How much room a stream has beyond that of the same stream of another host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lead {
    conn: Conn,
    len: u32,
}

/// All streams by index, each with how many had its index before; the smallest vacant index is claimed next.
#[derive(Debug)]
pub(super) struct Slots {
    all: Vec<(u32, Slot)>,
    vacant: BTreeSet<u32>,
    changes: Changes,
}

/// What has changed since other slots were made the same as these, or these the same as others.
#[derive(Debug)]
enum Changes {
    /// Nobody asks.
    Unwatched,
    /// These indexes at most.
    Of(Vec<u32>),
}

impl Changes {
    #[inline]
    fn note(&mut self, index: u32) {
        if let Self::Of(indexes) = self
            && indexes.last() != Some(&index)
        {
            indexes.push(index);
        }
    }
}

impl Slots {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), vacant: BTreeSet::new(), changes: Changes::Unwatched }
    }

    /// Names a new stream.
    pub(super) fn claim(&mut self, slot: Slot) -> Conn {
        let Some(index) = self.vacant.pop_first() else {
            self.all.push((0, slot));
            let index = self.all.len() as u32 - 1;
            self.changes.note(index);
            return Conn { index, generation: 0 };
        };
        let (generation, vacant) = &mut self.all[index as usize];
        *vacant = slot;
        self.changes.note(index);
        Conn { index, generation: *generation }
    }

    /// The stream of this name, if there is one.
    pub(super) fn get(&self, conn: Conn) -> Option<Slot> {
        match self.all.get(conn.index()) {
            Some(&(generation, slot)) if generation == conn.generation && slot != Slot::Vacant => Some(slot),
            _ => None,
        }
    }

    /// The stream of this name, to change.
    pub(super) fn get_mut(&mut self, conn: Conn) -> Option<&mut Slot> {
        match self.all.get_mut(conn.index()) {
            Some((generation, slot)) if *generation == conn.generation && *slot != Slot::Vacant => {
                self.changes.note(conn.index);
                Some(slot)
            }
            _ => None,
        }
    }

    /// Ends a stream: its index gets the next generation.
    pub(super) fn release(&mut self, conn: Conn) {
        if self.get(conn).is_some() {
            let (generation, slot) = &mut self.all[conn.index()];
            *generation += 1;
            *slot = Slot::Vacant;
            self.vacant.insert(conn.index);
            self.changes.note(conn.index);
        }
    }

    /// Forgets all streams and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        // An empty set costs something, too, and this is done for each run.
        if !self.vacant.is_empty() {
            self.vacant.clear();
        }
        self.changes = Changes::Unwatched;
    }

    /// Writes all streams; which names are vacant follows from that.
    #[cfg(any(feature = "sim", feature = "net"))]
    pub(super) fn fingerprint(&self, mut to: &mut dyn Hasher) {
        self.all.hash(&mut to);
    }

    /// Takes over the streams of another host; says how many were looked at. Only those that have changed on either
    /// side since the last time, if it was the same two.
    #[cfg(any(feature = "sim", feature = "net"))]
    pub(super) fn mirror(&mut self, other: &mut Self) -> usize {
        if let (Changes::Of(ours), Changes::Of(theirs)) = (&mut self.changes, &mut other.changes) {
            if ours.is_empty() && theirs.is_empty() {
                return 0;
            }
            self.all.resize(other.all.len(), (0, Slot::Vacant));
            let looked = ours.len() + theirs.len();
            for index in ours.drain(..).chain(theirs.drain(..)) {
                // What was claimed here alone is not over there.
                let Some(&theirs) = other.all.get(index as usize) else {
                    self.vacant.remove(&index);
                    continue;
                };
                self.all[index as usize] = theirs;
                if theirs.1 == Slot::Vacant {
                    self.vacant.insert(index);
                } else {
                    self.vacant.remove(&index);
                }
            }
            return looked;
        }
        self.all.clone_from(&other.all);
        self.vacant.clone_from(&other.vacant);
        (self.changes, other.changes) = (Changes::Of(Vec::new()), Changes::Of(Vec::new()));
        self.all.len()
    }

    /// The streams that are open here and have less room, or are shut, over there.
    #[cfg(any(feature = "sim", feature = "net"))]
    pub(super) fn leads_over(&self, other: &Self) -> impl Iterator<Item = Lead> {
        let named = self.all.iter().enumerate().map(|(index, &(generation, slot))| {
            let conn = Conn { index: index as u32, generation };
            (conn, slot, other.get(conn))
        });
        named.filter_map(|(conn, here, there)| {
            let len = match (here, there) {
                (Slot::Open { free_len, .. }, Some(Slot::Open { free_len: less, .. })) => {
                    free_len.checked_sub(less).filter(|len| *len > 0)?
                }
                (Slot::Open { free_len, .. }, Some(Slot::Shut)) => free_len,
                _ => return None,
            };
            Some(Lead { conn, len })
        })
    }

    /// Adds the room of a lead to a stream that is open, or opens it.
    #[cfg(any(feature = "sim", feature = "net"))]
    pub(super) fn give_lead(&mut self, lead: Lead) {
        match self.get_mut(lead.conn) {
            Some(Slot::Open { free_len, .. }) => *free_len = free_len.saturating_add(lead.len),
            Some(slot @ Slot::Shut) => *slot = Slot::Open { free_len: lead.len, short: false },
            _ => {}
        }
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;

    const OPEN: Slot = Slot::Open { free_len: 9, short: false };

    /// Twins take over streams at every input, so this must not cost all that a host has.
    #[test]
    fn only_what_has_changed_is_looked_at() {
        let (mut ours, mut theirs) = (Slots::new(), Slots::new());
        let all: Vec<Conn> = (0..1_000).map(|_| theirs.claim(OPEN)).collect();
        assert_eq!(ours.mirror(&mut theirs), 1_000, "at first");
        assert_eq!(ours.mirror(&mut theirs), 0);
        theirs.release(all[7]);
        *ours.get_mut(all[8]).unwrap() = Slot::Shut;
        assert_eq!(ours.mirror(&mut theirs), 2);
        assert_eq!((ours.get(all[7]), ours.get(all[8])), (None, Some(OPEN)));
        assert_eq!(ours.claim(OPEN), theirs.claim(OPEN), "the same name is free");
        let only_here = ours.claim(OPEN);
        ours.mirror(&mut theirs);
        assert_eq!(ours.get(only_here), None);
        assert_eq!(ours.claim(OPEN), theirs.claim(OPEN));
    }
}
