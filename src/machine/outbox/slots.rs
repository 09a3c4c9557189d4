//! The streams of one host: their names, and the room in their send buffers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::machine::Conn;

/// What the outbox knows of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Vacant,
    Dialing,
    Open { free_len: u32, short: bool },
    Shut,
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

    /// Takes over the streams of another host.
    pub(super) fn mirror(&mut self, other: &Self) {
        self.slots.clone_from(&other.slots);
        self.vacant.clone_from(&other.vacant);
    }
}
