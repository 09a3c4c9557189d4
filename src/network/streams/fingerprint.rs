//! What distinguishes two states of all streams, with times relative to now.

use std::hash::{Hash, Hasher};

use super::{End, Standing, Streams};
use crate::time::Instant;

impl Streams {
    /// Writes all connections, and what later ones are counted from. `with_offsets` says
    /// whether it matters how many bytes were sent; `next_numbers` are those of the hosts.
    pub(in crate::network) fn fingerprint<H: Hasher>(
        &self,
        now: Instant,
        with_offsets: bool,
        next_numbers: &[u64],
        to: &mut H,
    ) {
        let standing = self.standing();
        (self.is_empty(), standing.len()).hash(to);
        for (slot, stream) in standing {
            (slot, stream.number, stream.addresses, stream.gives_up, stream.refused).hash(to);
            if stream.ends[0].standing == Standing::Dialing {
                stream.gives_up_at.since(now).hash(to);
            }
            for end in &stream.ends {
                end.fingerprint(now, with_offsets, next_numbers, to);
            }
        }
        self.between.hash(to);
        self.seen.hash(to);
        self.hosts.iter().for_each(|host| host.dialed.hash(to));
    }
}

impl End {
    fn fingerprint<H: Hasher>(&self, now: Instant, with_offsets: bool, next_numbers: &[u64], to: &mut H) {
        (self.host, self.conn, self.paused, self.held_len, self.releasing).hash(to);
        match self.standing {
            Standing::Dialing => to.write_u8(0),
            Standing::Open => to.write_u8(1),
            Standing::Lingering { discarded_len } => {
                to.write_u8(2);
                to.write_u64(discarded_len);
            }
            Standing::Gone => to.write_u8(3),
        }
        (self.fin_sent, self.eof_seen, self.finishing, self.shuts, self.severed, self.missed).hash(to);
        // Nothing arrives in the past, so a moment that is over is as good as now.
        self.ready_at.since(now).hash(to);
        self.held.len().hash(to);
        for (order, segment) in &self.held {
            (order.place(next_numbers), segment.without_offset()).hash(to);
        }
        if with_offsets {
            self.sent_len.hash(to);
        }
    }
}
