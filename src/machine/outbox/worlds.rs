//! What the worlds of this crate ask of what a machine wants done.

use std::hash::{Hash as _, Hasher};

use super::Effects;
use super::effect::{Effect, Misuse, Step};
use super::slots::{Lead, Slot};
use crate::machine::{Conn, Ecn, Peer, Violation};

/// A datagram's payload, and the ECN field of its IP header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) ecn: Ecn,
}

#[cfg(feature = "sim")]
impl<'a> Marked<'a> {
    /// What no mark can be put on.
    pub(crate) const fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, ecn: Ecn::NotEct }
    }
}

/// What the worlds of this crate call, which know nothing of events' types.
#[cfg(any(feature = "sim", feature = "net"))]
impl Effects {
    /// What is to be done from step `mark` on, each event by its index among all that were told.
    pub(crate) fn from(&self, mark: usize) -> impl ExactSizeIterator<Item = Effect<'_, u32>> + Clone {
        let lists = self.lists();
        self.steps[mark..].iter().map(move |step| step.view(lists, |index| index))
    }

    /// What is to be done at one step.
    #[inline]
    pub(crate) fn at(&self, step: usize) -> Effect<'_, u32> {
        self.steps[step].view(self.lists(), |index| index)
    }

    /// The datagram that is to be sent at one step, if there is one: from where, to whom, and its payload. Nothing is copied:
    /// addresses are large, and most of what is done is this.
    #[inline]
    pub(crate) fn datagram(&self, step: usize) -> Option<([&Peer; 2], Marked<'_>)> {
        match self.steps[step] {
            Step::Send(way, chunk, ecn) => {
                let way = way as usize;
                let payload = Marked { bytes: &self.arena[chunk.range()], ecn };
                Some(([&self.ways[way], &self.ways[way + 1]], payload))
            }
            _ => None,
        }
    }

    /// What becomes of streams, and the end: what of all that is to be done changes what may be handed in.
    pub(crate) fn turns_from(&self, mark: usize) -> impl Iterator<Item = Effect<'_, u32>> {
        let lists = self.lists();
        let turns = self.steps[mark..].iter().filter(|step| {
            matches!(step, Step::Pause(_) | Step::Resume(_) | Step::Close(_) | Step::Abort(_) | Step::Done(_))
        });
        turns.map(move |step| step.view(lists, |index| index))
    }

    /// Counts the datagrams, writes, connects and changes of groups from step `mark` on, and their bytes.
    pub(crate) fn weight_from(&self, mark: usize) -> (usize, usize) {
        self.steps[mark..].iter().fold((0, 0), |(messages, bytes_len), step| match step {
            Step::Send(_, chunk, _) | Step::Write(_, chunk) => (messages + 1, bytes_len + chunk.len()),
            Step::Connect(..) | Step::Join(_) | Step::Leave(_) => (messages + 1, bytes_len),
            _ => (messages, bytes_len),
        })
    }

    /// Whether all that is to be done is the same to the byte, in the same steps; `same` compares events by their places.
    /// If not, it may still come to the same.
    pub(crate) fn is_copy_of(&self, other: &Self, same: impl Fn(u32, u32) -> bool) -> bool {
        let is_same = |(ours, theirs): (&Step, &Step)| match (ours, theirs) {
            (Step::Event(ours), Step::Event(theirs)) => same(*ours, *theirs),
            (ours, theirs) => ours == theirs,
        };
        self.steps.len() == other.steps.len()
            && self.arena == other.arena
            && self.ways == other.ways
            && self.violations.is_empty()
            && self.steps.iter().zip(&other.steps).all(is_same)
    }

    /// Whether a law was broken.
    #[cfg(feature = "sim")]
    pub(crate) const fn has_violation(&self) -> bool {
        !self.violations.is_empty()
    }

    /// How many steps there are: what comes later is at this index and beyond.
    pub(crate) const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Forgets what is to be done from step `mark` on.
    #[cfg(feature = "sim")]
    pub(crate) fn truncate(&mut self, mark: usize) {
        self.steps.truncate(mark);
    }

    pub(crate) const fn take_misuse(&mut self) -> Option<Misuse> {
        self.misuse.take()
    }

    /// Whether the machine has said that it is done.
    #[cfg(feature = "net")]
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether a write to a stream was short, and there has been no room since.
    pub(crate) fn is_short(&self, conn: Conn) -> bool {
        matches!(self.slots.get(conn), Some(Slot::Open { short: true, .. }))
    }

    /// Writes what distinguishes the streams and the groups from others.
    pub(crate) fn fingerprint(&self, mut to: &mut dyn Hasher) {
        self.slots.fingerprint(to);
        self.groups.hash(&mut to);
    }

    /// Reports a broken law to whoever drives, even after `done`.
    pub(crate) fn violate(&mut self, violation: Violation) {
        self.steps.push(Step::Violation(self.violations.len() as u32));
        self.violations.push(violation);
    }

    /// Takes over the streams of another outbox, names and room.
    pub(crate) fn mirror_streams(&mut self, other: &mut Self) {
        self.slots.mirror(&mut other.slots);
    }

    /// Finds the streams that have more room here than in the outbox of a machine which is further on.
    pub(crate) fn leads_over(&self, other: &Self, leads: &mut Vec<Lead>) {
        leads.clear();
        leads.extend(self.slots.leads_over(&other.slots));
    }

    /// Gives a stream the room back that it had more.
    pub(crate) fn give_lead(&mut self, lead: Lead) {
        self.slots.give_lead(lead);
    }

    /// The datagrams from step `mark` on, up to the next [barrier](Step::is_barrier): from where, to whom, and the payload.
    #[cfg(feature = "net")]
    pub(crate) fn sends(&self, mark: usize) -> impl Iterator<Item = (Peer, Peer, Marked<'_>)> + Clone {
        let steps = self.steps[mark..].iter().take_while(|step| !step.is_barrier());
        steps.filter_map(|step| match step {
            Step::Send(way, chunk, ecn) => {
                let way = *way as usize;
                let payload = Marked { bytes: &self.arena[chunk.range()], ecn: *ecn };
                Some((self.ways[way], self.ways[way + 1], payload))
            }
            _ => None,
        })
    }

    /// Hands out the effects from step `mark` on, up to the next barrier. Returns the barrier, and the step after it.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn until_barrier<'e>(
        &'e self,
        mark: usize,
        mut each: impl FnMut(Effect<'e, u32>),
    ) -> Option<(Effect<'e, u32>, usize)> {
        let lists = self.lists();
        for (index, step) in (mark + 1..).zip(&self.steps[mark..]) {
            let effect = step.view(lists, |event| event);
            if step.is_barrier() {
                return Some((effect, index));
            }
            each(effect);
        }
        None
    }

    /// Makes writes to one stream that follow one another one write, where their bytes do so, too.
    #[cfg(feature = "net")]
    pub(crate) fn merge_writes(&mut self) {
        self.steps.dedup_by(|next, kept| match (kept, next) {
            (Step::Write(conn, chunk), Step::Write(to, more)) if to == conn && more.start == chunk.end => {
                chunk.end = more.end;
                true
            }
            _ => false,
        });
    }
}
