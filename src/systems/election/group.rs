//! Who the members are, and how one speaks to the others.

use super::messages::{Message, Sealed};
use crate::machine::{Effects, Peer};

/// All members, in the order of their addresses, which is the same at each of them.
#[derive(Debug)]
pub(super) struct Group {
    all: Vec<Peer>,
    own: usize,
}

impl Group {
    /// The member at `own` of those at all of these, which may have `own` among them or not.
    pub(super) fn new(own: Peer, others: &[Peer]) -> Self {
        let mut all = [&[own], others].concat();
        all.sort_unstable();
        all.dedup();
        let own = all.iter().position(|peer| *peer == own).unwrap_or_default();
        Self { all, own }
    }

    pub(super) fn all(&self) -> &[Peer] {
        &self.all
    }

    /// How many are more than half of the members.
    pub(super) const fn majority(&self) -> usize {
        self.all.len() / 2 + 1
    }

    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) const fn own(&self) -> usize {
        self.own
    }

    pub(super) fn send(&self, to: usize, message: &Message, out: &mut Effects) {
        send(self.all[to], message, out);
    }

    pub(super) fn send_to_others(&self, message: &Message, out: &mut Effects) {
        let chunk = out.put_fmt(format_args!("{}", Sealed(message)));
        for (index, peer) in self.all.iter().enumerate() {
            if index != self.own {
                out.send_chunk(*peer, chunk);
            }
        }
    }
}

/// Sends a message.
pub(super) fn send(peer: Peer, message: &Message, out: &mut Effects) {
    out.send_fmt(peer, format_args!("{}", Sealed(message)));
}

/// Answers a client whose datagram is being handled.
pub(super) fn reply(message: &Message, out: &mut Effects) {
    out.reply_fmt(format_args!("{}", Sealed(message)));
}
