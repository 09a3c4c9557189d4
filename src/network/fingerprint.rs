//! What distinguishes two states of the network, with times relative to now.

use std::hash::{Hash, Hasher};

use super::Network;
use crate::time::Instant;

impl Network {
    /// Writes everything on which it depends what becomes of later sends. Numbers of datagrams and offsets of streams
    /// only name places, so they count only where the plan has faults for such places.
    pub(crate) fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) {
        if !self.schedule.windows.is_empty() {
            now.hash(&mut to);
        }
        if self.schedule.has_datagrams() {
            self.flows.hash(&mut to);
        }
        self.streams.fingerprint(now, self.schedule.has_streams(), &self.numbers, to);
    }

    /// The next number of each host, if the numbers of what is in flight say more than its order does: where streams
    /// hold something back.
    pub(crate) fn next_numbers(&self) -> Option<&[u64]> {
        (!self.streams.is_empty()).then_some(&self.numbers)
    }
}
