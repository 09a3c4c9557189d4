//! What a leader knows: who hears it, until when it may answer reads, and what a majority keeps.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::group::{Group, reply, send};
use super::messages::{Durable, Message, Register, Version};
use super::{MemberEvent, Timing};
use crate::machine::{Outbox, Peer};
use crate::time::Instant;

/// How many beats a leader remembers that may still be answered. An answer to an earlier one extends no lease.
pub const MAX_ROUNDS: usize = 64;

/// What a leader knows in its term.
#[derive(Clone, Debug)]
pub(super) struct Reign {
    /// The number of the next beat, and when the last ones were sent, the earliest first.
    next_round: u64,
    sent: VecDeque<Instant>,
    /// What is known of each member, itself among them.
    others: Vec<Other>,
    /// Until when it may answer reads, if it ever could.
    lease_until: Option<Instant>,
    /// What a majority keeps, of this term.
    committed: Option<Register>,
    /// Who waits until a majority keeps its write.
    asker: Option<Asker>,
    beats_at: Instant,
}

/// A client that waits.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Asker {
    pub(super) peer: Peer,
    pub(super) id: u64,
}

#[derive(Clone, Copy, Debug, Default, Hash)]
struct Other {
    /// When the last beat was *sent* that it has heard.
    heard: Option<Instant>,
    keeps: Version,
}

impl Reign {
    pub(super) fn new(members: usize) -> Self {
        Self {
            next_round: 0,
            sent: VecDeque::new(),
            others: vec![Other::default(); members],
            lease_until: None,
            committed: None,
            asker: None,
            beats_at: Instant::START,
        }
    }

    pub(super) const fn lease_until(&self) -> Option<Instant> {
        self.lease_until
    }

    pub(super) const fn beats_at(&self) -> Instant {
        self.beats_at
    }

    /// Whether a majority keeps what this leader has.
    pub(super) fn is_settled(&self, register: &Register) -> bool {
        self.committed.is_some_and(|committed| committed == *register)
    }

    /// Tells all that it is there, and what the register is. What is saved of it has been saved before.
    pub(super) fn beat(
        &mut self,
        group: &Group,
        timing: &Timing,
        durable: &Durable,
        now: Instant,
        out: &mut Outbox<MemberEvent>,
    ) {
        let round = self.next_round;
        self.next_round += 1;
        if self.sent.len() == MAX_ROUNDS {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        self.beats_at = now + timing.beat;
        if group.len() > 1 {
            group.send_to_others(
                &Message::Beat { term: durable.term, round, register: durable.register },
                out,
            );
        }
        // It hears itself.
        let version = durable.register.version;
        self.heard(group.own(), round, version, (group, timing), durable, now, out);
    }

    /// A member has heard a beat, and keeps this.
    #[expect(clippy::too_many_arguments, reason = "the member's parts, which it cannot lend as a whole")]
    pub(super) fn heard(
        &mut self,
        from: usize,
        round: u64,
        version: Version,
        (group, timing): (&Group, &Timing),
        durable: &Durable,
        now: Instant,
        out: &mut Outbox<MemberEvent>,
    ) {
        let other = &mut self.others[from];
        other.keeps = other.keeps.max(version);
        let back = self.next_round.checked_sub(round).map(|back| back as usize);
        let index = back.filter(|back| *back > 0).and_then(|back| self.sent.len().checked_sub(back));
        if let Some(sent_at) = index.map(|index| self.sent[index]) {
            other.heard = other.heard.max(Some(sent_at));
        }
        self.extend(group.majority(), timing.lease, durable.term, now, out);
        self.commit(group.majority(), durable, out);
    }

    /// The lease is counted from the sending of the last beat that a majority has heard: their promises, which are longer,
    /// began after that.
    fn extend(
        &mut self,
        majority: usize,
        lease: Duration,
        term: u64,
        now: Instant,
        out: &mut Outbox<MemberEvent>,
    ) {
        let mut heard: Vec<Option<Instant>> = self.others.iter().map(|other| other.heard).collect();
        heard.sort_unstable();
        let Some(heard_at) = heard[heard.len() - majority] else { return };
        let until = Some(heard_at + lease);
        if until > self.lease_until {
            self.lease_until = until;
            let left = (heard_at + lease).since(now);
            if !left.is_zero() {
                out.event(MemberEvent::LeaseHeld { term, left });
            }
        }
    }

    /// What a majority keeps will stay.
    fn commit(&mut self, majority: usize, durable: &Durable, out: &mut Outbox<MemberEvent>) {
        let register = durable.register;
        let keep = self.others.iter().filter(|other| other.keeps >= register.version).count();
        if keep < majority || self.is_settled(&register) {
            return;
        }
        self.committed = Some(register);
        out.event(MemberEvent::Wrote { term: durable.term, value: register.value });
        if let Some(Asker { peer, id }) = self.asker.take_if(|asker| asker.id == register.writer) {
            send(peer, &Message::Done { id }, out);
        }
    }

    /// Answers a read, if the lease is held: nobody else can have written since.
    pub(super) fn get(&self, id: u64, now: Instant, out: &mut Outbox<MemberEvent>) {
        let holds = self.lease_until.is_some_and(|until| now < until);
        match self.committed.filter(|_| holds) {
            Some(Register { writer, value, .. }) => {
                out.event(MemberEvent::Read { value });
                reply(&Message::Value { id, writer, value }, out);
            }
            None => reply(&Message::Elsewhere { id, leader: None }, out),
        }
    }

    /// What the register becomes by a write, if it may be done now.
    pub(super) fn set(
        &mut self,
        asker: Asker,
        (after, value): (u64, u64),
        durable: &Durable,
        out: &mut Outbox<MemberEvent>,
    ) -> Option<Register> {
        let register = durable.register;
        let (id, is_settled) = (asker.id, self.is_settled(&register));
        if register.writer == id {
            // It comes again: it was done, or is being done.
            if is_settled {
                reply(&Message::Done { id }, out);
            } else {
                self.asker = Some(asker);
            }
            return None;
        }
        // One after another. Who waits asks again.
        if !is_settled {
            return None;
        }
        if register.writer != after || id == 0 {
            reply(&Message::Overtaken { id }, out);
            return None;
        }
        self.asker = Some(asker);
        let version = Version { term: durable.term, number: register.version.number + 1 };
        Some(Register { version, writer: id, value })
    }

    pub(super) fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) {
        // Moments of the past count by how far they are back, those to come by how far they are away.
        let apart = |at: &Instant| (now.since(*at), at.since(now));
        (self.next_round, self.committed, self.asker, self.beats_at.since(now)).hash(&mut to);
        self.sent.iter().map(apart).for_each(|apart| apart.hash(&mut to));
        self.lease_until.as_ref().map(apart).hash(&mut to);
        for other in &self.others {
            (other.heard.as_ref().map(apart), other.keeps).hash(&mut to);
        }
    }
}
