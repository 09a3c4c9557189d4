//! One member at its terminal.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::{ClientEvent, Command, MAX_SAID_LEN, PING, QUIT};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::parts::heartbeat::Heartbeat;
use crate::time::Instant;

/// Pings, says what it is asked to, and tells what it hears, until it leaves.
///
/// Nobody answers a ping, so a refusal is all that tells of a server that is not there. Before anything shows that it
/// is, the first refusal ends the client. Later the server may only be starting again, and the next ping makes the client
/// a member again; two pings in a row that are refused end it.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    ping_every: Duration,
    state: State,
}

/// ```text
///              ┌── the heartbeat: ping ──┐
///              ▼                         │
/// Idle ──► Chatting ─────────────────────┘
///              └── /quit, the end of the input, refused again ──► Over
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Chatting { heartbeat: Heartbeat, refusals: Refusals },
    Over,
}

/// What is known of the last two pings.
#[derive(Clone, Copy, Debug, Hash)]
struct Refusals {
    /// The one before the last was refused, or there was none.
    before: bool,
    /// So was the last.
    last: bool,
}

impl Client {
    /// A client of the server that pings so often.
    pub const fn new(server: Peer, ping_every: Duration) -> Self {
        Self { server, ping_every, state: State::Idle }
    }

    fn ping(&self, out: &mut Outbox<ClientEvent>) {
        out.send(self.server, PING.as_bytes());
        out.event(ClientEvent::Pinging);
    }

    fn leave(&mut self, out: &mut Outbox<ClientEvent>) {
        if let State::Chatting { .. } = self.state {
            out.send(self.server, QUIT.as_bytes());
        }
        self.state = State::Over;
        out.done(Status::Success);
    }

    fn say(&mut self, line: &[u8], out: &mut Outbox<ClientEvent>) {
        if line.trim_ascii() == QUIT.as_bytes() {
            self.leave(out);
        } else {
            // More would be cut off at the server.
            out.send(self.server, &line[..line.len().min(MAX_SAID_LEN)]);
            out.event(ClientEvent::Ready);
        }
    }
}

impl Machine for Client {
    type Command = Command;
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, Command>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&mut self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                let mut heartbeat = Heartbeat::new(self.ping_every, now);
                heartbeat.beat(now);
                let refusals = Refusals { before: true, last: false };
                self.state = State::Chatting { heartbeat, refusals };
                self.ping(out);
                out.event(ClientEvent::Ready);
            }
            (State::Chatting { heartbeat, refusals }, Input::Timeout) => {
                heartbeat.beat(now);
                *refusals = Refusals { before: refusals.last, last: false };
                self.ping(out);
            }
            (State::Chatting { refusals, .. }, Input::Datagram { peer, bytes, .. })
                if peer == self.server =>
            {
                *refusals = Refusals { before: false, last: false };
                out.event(ClientEvent::Heard(bytes.to_vec()));
            }
            (State::Chatting { refusals, .. }, Input::Unreachable { .. }) => {
                if refusals.before {
                    self.state = State::Over;
                    out.event(ClientEvent::NobodyListens(self.server));
                    out.done(Status::Failure);
                } else {
                    refusals.last = true;
                }
            }
            (State::Chatting { .. }, Input::Command(Command::Say(line))) => self.say(line, out),
            (_, Input::Command(Command::Leave) | Input::Stop) => self.leave(out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Chatting { heartbeat, .. } => Some(heartbeat.due_at()),
            State::Idle | State::Over => None,
        }
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        match &self.state {
            State::Idle => to.write_u8(0),
            State::Chatting { heartbeat, refusals } => {
                (1_u8, refusals).hash(&mut to);
                heartbeat.fingerprint(now, to);
            }
            State::Over => to.write_u8(2),
        }
        true
    }
}
