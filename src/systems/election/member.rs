//! One of the members.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

use super::group::{Group, reply};
use super::messages::{Durable, Message, Register, Version};
use super::reign::{Asker, Reign};
use super::state::State;
use super::{MemberEvent, Timing};
use crate::host::Boot;
use crate::machine::{Effects, Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;

/// By how much further apart candidates stand again than followers stand: those who have shared the votes are likely to be
/// so close together that the latency of the network keeps one from hearing of the other in time.
const SPREAD: u32 = 4;

/// Follows, stands for election or leads, and keeps what it may not forget.
#[derive(Debug)]
pub struct Member {
    group: Group,
    timing: Timing,
    rng: Pcg32,
    /// What the disk had when it started, until it has started.
    disk: Vec<u8>,
    durable: Durable,
    state: State,
}

impl Member {
    /// The member at the address `own` of those at all of these, which may have `own` among them or not.
    pub fn new(own: Peer, others: &[Peer], timing: Timing, boot: Boot<'_>) -> Self {
        Self {
            group: Group::new(own, others),
            timing,
            rng: Pcg32::seed_from_u64(boot.seed()),
            disk: boot.disk().to_vec(),
            durable: Durable::default(),
            state: State::Idle,
        }
    }

    /// Whether it leads.
    pub const fn leads(&self) -> bool {
        self.state.reign().is_some()
    }

    /// All members, itself among them, by their addresses.
    pub fn peers(&self) -> &[Peer] {
        self.group.all()
    }

    /// Whether it leads, and its register is that of a majority.
    pub fn is_settled(&self) -> bool {
        self.state.reign().is_some_and(|reign| reign.is_settled(&self.durable.register))
    }

    /// What it may not forget, as its disk has it.
    pub const fn durable(&self) -> &Durable {
        &self.durable
    }

    /// How long it waits before it stands: hardly ever the same for two, or they would stand together for ever.
    fn patience(&mut self, most: Duration) -> Duration {
        let jitter = most.as_millis() as u64;
        let drawn = if jitter == 0 { 0 } else { self.rng.next_u64() % jitter };
        self.timing.promise + Duration::from_millis(1 + drawn)
    }

    fn save(&self, out: &mut Effects) {
        out.save(&self.durable.encode());
    }

    fn start(&mut self, local: Peer, now: Instant, out: &mut Outbox<MemberEvent>) {
        let Ok(durable) = Durable::decode(&self.disk) else {
            self.state = State::Over;
            out.event(MemberEvent::Unreadable);
            out.done(Status::Failure);
            return;
        };
        let is_new = self.disk.is_empty();
        self.disk = Vec::new();
        self.durable = durable;
        out.event(MemberEvent::Started { local, members: self.group.len() as u64 });
        // One that was there before may have told a leader that it is heard, and does not know it any more.
        let promised_until = if is_new { now } else { now + self.timing.promise };
        if self.group.len() == 1 {
            self.stand(now, out);
        } else {
            let stands_at = now + self.patience(self.timing.jitter);
            self.state = State::Follower { leader: None, promised_until, stands_at };
        }
    }

    /// Becomes a candidate in the next term.
    fn stand(&mut self, now: Instant, out: &mut Outbox<MemberEvent>) {
        self.durable.term += 1;
        self.durable.voted = Some(self.group.own() as u64);
        self.save(out);
        let term = self.durable.term;
        out.event(MemberEvent::Stood { term });
        out.event(MemberEvent::Voted { term, candidate: self.group.own() as u64 });
        let (asks_at, gives_up_at) =
            (now + self.timing.beat, now + self.patience(self.timing.jitter * SPREAD));
        self.state = State::Candidate { voters: BTreeSet::new(), asks_at, gives_up_at };
        if self.group.len() > 1 {
            self.group.send_to_others(&self.question(), out);
        }
        self.count(self.group.own(), now, out);
    }

    const fn question(&self) -> Message {
        Message::Ask { term: self.durable.term, version: self.durable.register.version }
    }

    /// Takes a vote for this term.
    fn count(&mut self, voter: usize, now: Instant, out: &mut Outbox<MemberEvent>) {
        let State::Candidate { voters, .. } = &mut self.state else { return };
        // A vote that comes twice is one.
        voters.insert(voter);
        if voters.len() >= self.group.majority() {
            self.lead(now, out);
        }
    }

    /// Leads from now on. What it has of the register is written anew in its own term: only what a majority has of this
    /// term is known to stay (Raft, section 5.4.2).
    fn lead(&mut self, now: Instant, out: &mut Outbox<MemberEvent>) {
        let term = self.durable.term;
        self.durable.register.version = Version { term, number: 0 };
        self.save(out);
        out.event(MemberEvent::BecameLeader { term });
        let mut reign = Reign::new(self.group.len());
        reign.beat(&self.group, &self.timing, &self.durable, now, out);
        self.state = State::Leader(reign);
    }

    /// Enters a later term, in which it has no vote given and knows no leader. A lease that it has it does not use any more,
    /// and yet keeps what it stands for: until it is over, it votes for nobody. The caller saves.
    fn enter(&mut self, term: u64, now: Instant, out: &mut Outbox<MemberEvent>) {
        let was_leader = self.state.reign().is_some();
        self.durable.term = term;
        self.durable.voted = None;
        let later = now + self.patience(self.timing.jitter);
        let (promised_until, stands_at) = match &self.state {
            // A follower goes on waiting: a candidate who cannot win would hold it back in each of its terms.
            State::Follower { promised_until, stands_at, .. } => (*promised_until, *stands_at),
            State::Leader(reign) => (reign.lease_until().unwrap_or(now), later),
            State::Idle | State::Candidate { .. } | State::Over => (now, later),
        };
        if was_leader {
            out.event(MemberEvent::SteppedDown { term });
        }
        self.state = State::Follower { leader: None, promised_until, stands_at };
    }

    /// A candidate asks for a vote.
    fn asked(
        &mut self,
        from: usize,
        term: u64,
        version: Version,
        now: Instant,
        out: &mut Outbox<MemberEvent>,
    ) {
        // Not even the term is taken, so that one who does not hear the leader brings nobody out of order.
        if self.state.is_bound(now) {
            return;
        }
        if term < self.durable.term {
            self.group.send(from, &Message::Later { term: self.durable.term }, out);
            return;
        }
        let is_later = term > self.durable.term;
        if is_later {
            self.enter(term, now, out);
        }
        let candidate = Some(from as u64);
        let may_vote = self.durable.voted.is_none_or(|voted| Some(voted) == candidate)
            && version >= self.durable.register.version;
        let is_first = may_vote && self.durable.voted.is_none();
        if is_first {
            self.durable.voted = candidate;
        }
        // A vote is on the disk before it is given, or a start anew would give another one.
        if is_later || is_first {
            self.save(out);
        }
        if is_first {
            out.event(MemberEvent::Voted { term, candidate: from as u64 });
        }
        if may_vote {
            if is_first {
                let patience = self.patience(self.timing.jitter);
                if let State::Follower { stands_at, .. } = &mut self.state {
                    *stands_at = now + patience;
                }
            }
            self.group.send(from, &Message::Vote { term }, out);
        }
    }

    /// A leader is there.
    fn beaten(
        &mut self,
        from: usize,
        (term, round): (u64, u64),
        register: Register,
        now: Instant,
        out: &mut Outbox<MemberEvent>,
    ) {
        if term < self.durable.term {
            self.group.send(from, &Message::Later { term: self.durable.term }, out);
            return;
        }
        let mut is_changed = term > self.durable.term;
        if is_changed {
            self.enter(term, now, out);
        }
        let known = match &self.state {
            State::Follower { leader, .. } => *leader,
            State::Candidate { .. } => None,
            // There is one leader in a term.
            State::Leader(_) | State::Idle | State::Over => return,
        };
        let patience = self.patience(self.timing.jitter);
        self.state = State::Follower {
            leader: Some(from),
            promised_until: now + self.timing.promise,
            stands_at: now + patience,
        };
        // A leader writes the register anew when it begins, so what it has is later than all of earlier terms.
        if register.version > self.durable.register.version {
            self.durable.register = register;
            is_changed = true;
        }
        if is_changed {
            self.save(out);
        }
        if known != Some(from) {
            out.event(MemberEvent::Follows { term, leader: from as u64 });
        }
        let version = self.durable.register.version;
        self.group.send(from, &Message::Heard { term, round, version }, out);
    }

    /// Another member says something.
    fn hear(&mut self, from: usize, message: Message, now: Instant, out: &mut Outbox<MemberEvent>) {
        match message {
            Message::Ask { term, version } => self.asked(from, term, version, now, out),
            Message::Beat { term, round, register } => self.beaten(from, (term, round), register, now, out),
            Message::Vote { term } if term == self.durable.term => self.count(from, now, out),
            Message::Later { term } if term > self.durable.term => {
                self.enter(term, now, out);
                self.save(out);
            }
            Message::Heard { term, round, version } if term == self.durable.term => {
                if let State::Leader(reign) = &mut self.state {
                    reign.heard(from, round, version, (&self.group, &self.timing), &self.durable, now, out);
                }
            }
            _ => {}
        }
    }

    /// A client asks, or whoever says what clients say.
    fn serve(&mut self, peer: Peer, message: Message, now: Instant, out: &mut Outbox<MemberEvent>) {
        let (Message::Get { id } | Message::Set { id, .. }) = message else { return };
        let State::Leader(reign) = &mut self.state else {
            let leader = match &self.state {
                State::Follower { leader: Some(leader), .. } => Some(self.group.all()[*leader]),
                _ => None,
            };
            reply(&Message::Elsewhere { id, leader }, out);
            return;
        };
        match message {
            Message::Get { .. } => reign.get(id, now, out),
            Message::Set { after, value, .. } => {
                let asker = Asker { peer, id };
                if let Some(register) = reign.set(asker, (after, value), &self.durable, out) {
                    self.durable.register = register;
                    out.save(&self.durable.encode());
                    reign.beat(&self.group, &self.timing, &self.durable, now, out);
                }
            }
            _ => {}
        }
    }

    /// Has a leader tell that it is there, however long ago it did so last.
    #[cfg(test)]
    pub(super) fn beat_now(&mut self, now: Instant, out: &mut Outbox<MemberEvent>) {
        if let State::Leader(reign) = &mut self.state {
            reign.beat(&self.group, &self.timing, &self.durable, now, out);
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<MemberEvent>) {
        let question = self.question();
        match &mut self.state {
            State::Follower { .. } => self.stand(now, out),
            State::Candidate { gives_up_at, .. } if *gives_up_at <= now => self.stand(now, out),
            State::Candidate { voters, asks_at, .. } => {
                *asks_at = now + self.timing.beat;
                for index in (0..self.group.len()).filter(|index| !voters.contains(index)) {
                    self.group.send(index, &question, out);
                }
            }
            State::Leader(reign) => reign.beat(&self.group, &self.timing, &self.durable, now, out),
            State::Idle | State::Over => {}
        }
    }
}

impl Machine for Member {
    type Command = ();
    type Event = MemberEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<MemberEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { local }) => self.start(local, now, out),
            (_, Input::Stop) => {
                self.state = State::Over;
                out.done(Status::Success);
            }
            (State::Idle | State::Over, _) => {}
            (_, Input::Timeout) => self.timeout(now, out),
            (_, Input::Datagram { peer, bytes, .. }) => {
                let Ok(message) = Message::decode(bytes) else { return };
                match self.group.all().iter().position(|member| *member == peer) {
                    Some(from) if from != self.group.own() => self.hear(from, message, now, out),
                    _ => self.serve(peer, message, now, out),
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.state.deadline()
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        // What the generator gives next tells it from others.
        (self.rng.clone().next_u64(), &self.disk, &self.durable).hash(&mut to);
        self.state.fingerprint(now, to);
        true
    }
}
