//! What distinguishes two states of the network, with times relative to now.

use std::hash::{Hash, Hasher};

use super::Network;
use crate::time::Instant;

impl Network {
    /// Writes everything on which it depends what becomes of later sends. Numbers of datagrams and offsets of streams
    /// only name places, so they count only where the plan has faults for such places. What links remember for a profile
    /// is left out: nothing is drawn where states are compared.
    /// `payload` writes one that waits at a bottleneck.
    pub(crate) fn fingerprint<H: Hasher>(
        &self,
        now: Instant,
        to: &mut H,
        mut payload: impl FnMut(u32, &mut H),
    ) {
        self.queues.fingerprint(now, to, &mut payload);
        if self.schedule.windows.changes_after(now) || self.schedule.has_timers_first() {
            now.hash(to);
        }
        let is_calm = now >= self.calm_at;
        if self.schedule.has_downs() && !is_calm {
            self.mishaps.fingerprint(to);
        }
        if !is_calm {
            for (from, to_host, end) in self.schedule.faults_ends() {
                // Where a flow is past its last fault, how far makes no difference.
                self.flows.get(from, to_host).map_or(0, |flow| flow.sent).min(end).hash(to);
            }
        }
        if !self.nats.is_empty() {
            self.nats.fingerprint(now, to);
        }
        let with_offsets = self.schedule.has_streams() && !is_calm;
        self.streams.fingerprint(now, with_offsets, &self.numbers, to);
    }

    /// The next number of each host, if the numbers of what is in flight say more than its order does: where streams
    /// hold something back.
    pub(crate) fn next_numbers(&self) -> Option<&[u64]> {
        (!self.streams.is_empty()).then_some(&self.numbers)
    }
}
