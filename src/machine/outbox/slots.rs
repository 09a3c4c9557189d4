//! The streams of one host: their names, and the room in their send buffers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{Hash, Hasher};

use crate::machine::Conn;

/// What the outbox knows of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Vacant,
    Dialing,
    Open { free_len: u32, short: bool },
    Shut,
}

/// How much room a stream has beyond that of the same stream of another host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lead {
    conn: Conn,
    len: u32,
}

/// All streams by index, each with how many had its index before; the smallest vacant index is claimed next.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<(u32, Slot)>,
    vacant: BinaryHeap<Reverse<u32>>,
}

impl Slots {
    /// Names a new stream.
    pub(super) fn claim(&mut self, slot: Slot) -> Conn {
        let Some(Reverse(index)) = self.vacant.pop() else {
            self.slots.push((0, slot));
            return Conn { index: self.slots.len() as u32 - 1, generation: 0 };
        };
        let (generation, vacant) = &mut self.slots[index as usize];
        *vacant = slot;
        Conn { index, generation: *generation }
    }

    /// The stream of this name, if there is one.
    pub(super) fn get(&self, conn: Conn) -> Option<Slot> {
        match self.slots.get(conn.index()) {
            Some(&(generation, slot)) if generation == conn.generation && slot != Slot::Vacant => Some(slot),
            _ => None,
        }
    }

    /// The stream of this name, to change.
    pub(super) fn get_mut(&mut self, conn: Conn) -> Option<&mut Slot> {
        match self.slots.get_mut(conn.index()) {
            Some((generation, slot)) if *generation == conn.generation && *slot != Slot::Vacant => Some(slot),
            _ => None,
        }
    }

    /// Ends a stream: its index gets the next generation.
    pub(super) fn release(&mut self, conn: Conn) {
        if self.get(conn).is_some() {
            let (generation, slot) = &mut self.slots[conn.index()];
            *generation += 1;
            *slot = Slot::Vacant;
            self.vacant.push(Reverse(conn.index));
        }
    }

    /// Forgets all streams and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.vacant.clear();
    }

    /// Writes all streams; which names are vacant follows from that.
    pub(super) fn fingerprint(&self, mut to: &mut dyn Hasher) {
        self.slots.hash(&mut to);
    }

    /// Takes over the streams of another host.
    pub(super) fn mirror(&mut self, other: &Self) {
        self.slots.clone_from(&other.slots);
        self.vacant.clone_from(&other.vacant);
    }

    /// The streams that are open here and have less room, or are shut, over there.
    pub(super) fn leads_over(&self, other: &Self) -> impl Iterator<Item = Lead> {
        let named = self.slots.iter().enumerate().map(|(index, &(generation, slot))| {
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
    pub(super) fn give_lead(&mut self, lead: Lead) {
        match self.get_mut(lead.conn) {
            Some(Slot::Open { free_len, .. }) => *free_len = free_len.saturating_add(lead.len),
            Some(slot @ Slot::Shut) => *slot = Slot::Open { free_len: lead.len, short: false },
            _ => {}
        }
    }
}
