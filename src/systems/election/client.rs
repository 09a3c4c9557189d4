//! One who reads and writes the register.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

use super::group::send;
use super::messages::Message;
use super::{ClientEvent, Command};
use crate::host::Boot;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;

/// How long a client waits for an answer before it asks the next member.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// Does one operation after another, with whoever leads.
///
/// A write is a read and a write that names what was read: it is done only if nobody has written in between. So it is done
/// once, however often its request arrives.
#[derive(Debug)]
pub struct Client {
    members: Vec<Peer>,
    /// Whom it asks: who has answered last, or the next.
    target: Peer,
    rng: Pcg32,
    timeout: Duration,
    /// It has given an operation up.
    has_failed: bool,
    state: State,
}

/// ```text
///                 a command                the value, if it is to be written
/// Idle ──► Ready ──────────► Asking(read) ─────────────────────► Asking(write)
///            ▲                │   ▲  │ the deadline: the next     │
///            │                │   └──┘ member                     │
///            └────────────────┴───────────────────────────────────┘
///              the answer, overtaken, or given up
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Ready,
    Asking {
        operation: Operation,
        /// It was told who leads since it has asked the member whose turn it was.
        is_sent_on: bool,
        asks_at: Instant,
        gives_up_at: Instant,
    },
    Over,
}

#[derive(Clone, Copy, Debug, Hash)]
struct Operation {
    id: u64,
    /// What is to be written, if anything.
    value: Option<u64>,
    /// The request whose write it follows, once that is known.
    after: Option<u64>,
}

impl Operation {
    const fn message(&self) -> Message {
        match (self.value, self.after) {
            (Some(value), Some(after)) => Message::Set { id: self.id, after, value },
            _ => Message::Get { id: self.id },
        }
    }
}

impl Client {
    /// A client of these members that asks the one at `first` to begin with, and gives an operation up after `timeout`.
    ///
    /// # Panics
    /// If there are no members.
    pub fn new(members: Vec<Peer>, first: usize, timeout: Duration, boot: Boot<'_>) -> Self {
        let target = members[first % members.len()];
        let rng = Pcg32::seed_from_u64(boot.seed());
        Self { members, target, rng, timeout, has_failed: false, state: State::Idle }
    }

    fn begin(&mut self, value: Option<u64>, now: Instant, out: &mut Outbox<ClientEvent>) {
        // 0 stands for no write.
        let id = self.rng.next_u64().max(1);
        let operation = Operation { id, value, after: None };
        out.event(ClientEvent::Asked { id, value });
        self.ask(operation, false, now + self.timeout, now, out);
    }

    fn ask(
        &mut self,
        operation: Operation,
        is_sent_on: bool,
        gives_up_at: Instant,
        now: Instant,
        out: &mut Outbox<ClientEvent>,
    ) {
        send(self.target, &operation.message(), out);
        self.state = State::Asking { operation, is_sent_on, asks_at: now + PATIENCE, gives_up_at };
    }

    /// The operation is over.
    fn end(&mut self, event: ClientEvent, out: &mut Outbox<ClientEvent>) {
        self.state = State::Ready;
        out.event(event);
        out.event(ClientEvent::Ready);
    }

    /// Whom it asks is silent, or does not know who leads.
    fn timeout(&mut self, now: Instant, out: &mut Outbox<ClientEvent>) {
        let State::Asking { operation, gives_up_at, .. } = self.state else { return };
        if gives_up_at <= now {
            self.has_failed = true;
            self.end(ClientEvent::GaveUp { id: operation.id }, out);
            return;
        }
        let next = self.members.iter().position(|member| *member == self.target).map_or(0, |at| at + 1);
        self.target = self.members[next % self.members.len()];
        self.ask(operation, false, gives_up_at, now, out);
    }

    fn hear(&mut self, message: Message, now: Instant, out: &mut Outbox<ClientEvent>) {
        let State::Asking { mut operation, is_sent_on, gives_up_at, .. } = self.state else { return };
        let Operation { id, value, after } = operation;
        match message {
            Message::Value { id: of, value: holds, .. } if of == id && value.is_none() => {
                self.end(ClientEvent::Answered { id, value: holds }, out);
            }
            Message::Value { id: of, writer, .. } if of == id && after.is_none() => {
                operation.after = Some(writer);
                self.ask(operation, false, gives_up_at, now, out);
            }
            Message::Done { id: of } if of == id => {
                if let (Some(value), Some(_)) = (value, after) {
                    self.end(ClientEvent::Answered { id, value }, out);
                }
            }
            Message::Overtaken { id: of } if of == id => self.end(ClientEvent::Overtaken { id }, out),
            // Two that name each other would be asked for ever, so it is sent on once.
            Message::Elsewhere { id: of, leader: Some(leader) } if of == id && !is_sent_on => {
                out.event(ClientEvent::SentOn { leader });
                self.target = leader;
                self.ask(operation, true, gives_up_at, now, out);
            }
            _ => {}
        }
    }
}

impl Machine for Client {
    type Command = Command;
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, Command>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                self.state = State::Ready;
                out.event(ClientEvent::Ready);
            }
            (_, Input::Stop | Input::Command(Command::Leave)) => {
                let is_busy = matches!(self.state, State::Asking { .. });
                self.state = State::Over;
                out.done(if is_busy || self.has_failed { Status::Failure } else { Status::Success });
            }
            (State::Ready, Input::Command(Command::Get)) => self.begin(None, now, out),
            (State::Ready, Input::Command(Command::Set(value))) => self.begin(Some(*value), now, out),
            (State::Ready, Input::Command(Command::Unknown)) => {
                out.event(ClientEvent::Unknown);
                out.event(ClientEvent::Ready);
            }
            (State::Asking { .. }, Input::Datagram { peer, bytes, .. }) if peer == self.target => {
                if let Ok(message) = Message::decode(bytes) {
                    self.hear(message, now, out);
                }
            }
            (State::Asking { .. }, Input::Timeout) => self.timeout(now, out),
            // While it is busy it takes no other command.
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asking { asks_at, gives_up_at, .. } => Some(*asks_at.min(gives_up_at)),
            State::Idle | State::Ready | State::Over => None,
        }
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.rng.clone().next_u64(), self.target, self.has_failed).hash(&mut to);
        match &self.state {
            State::Idle => to.write_u8(0),
            State::Ready => to.write_u8(1),
            State::Asking { operation, is_sent_on, asks_at, gives_up_at } => {
                (2_u8, operation, is_sent_on, asks_at.since(now), gives_up_at.since(now)).hash(&mut to);
            }
            State::Over => to.write_u8(3),
        }
        true
    }
}
