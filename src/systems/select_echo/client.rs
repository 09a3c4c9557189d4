//! The client: the same round on four connections, three times.

use std::time::Duration;

use super::ClientEvent;
use crate::lawful::Promises;
use crate::machine::{CloseReason, Conn, Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;
use crate::wire::exact::Exact;

/// How many connections the client opens.
pub const SOCKETS: usize = 4;
/// What it says in each round, before the number of the message.
pub const MESSAGES: [&str; 3] = ["This is the message", "It will be sent", "in parts "];
/// No message is longer than this.
const MAX_MESSAGE_LEN: usize = 32;

/// The message of one connection in one round, both from 0.
fn message(round: usize, socket: usize) -> String {
    format!("{} version {}", MESSAGES[round], round * SOCKETS + socket + 1)
}

/// Says a message on each connection and reads a reply from each, then the next.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    timeout: Duration,
    /// Its connections, in order.
    conns: Vec<Conn>,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting ──all connected──► Round 0, 1, 2 ──all replies──► Over
///                     └──── refused ─────────────────┴── eof, reset, deadline ──┘
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting {
        connected: usize,
        give_up_at: Instant,
    },
    Round {
        number: usize,
        /// The reply of each connection, as far as it has come.
        replies: [Exact; SOCKETS],
        /// How many of them, from the first on, are told.
        told: usize,
        give_up_at: Instant,
    },
    Over,
}

impl Client {
    /// What it promises: a message for each connection.
    pub const PROMISES: Promises =
        Promises::DEFAULT.max_messages(SOCKETS).max_bytes(SOCKETS * MAX_MESSAGE_LEN);

    /// A client of the server that waits so long to be connected, and again for each reply.
    pub fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, conns: Vec::new(), state: State::Idle }
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = State::Over;
        out.event(event);
        out.done(status);
    }

    /// Says the messages of a round, or ends after the last.
    fn begin_round(&mut self, number: usize, now: Instant, out: &mut Outbox<ClientEvent>) {
        if number == MESSAGES.len() {
            for conn in &self.conns {
                out.event(ClientEvent::ClosingSocket(self.server));
                out.close(*conn);
            }
            self.state = State::Over;
            out.done(Status::Success);
            return;
        }
        for (socket, conn) in self.conns.iter().enumerate() {
            let text = message(number, socket);
            // An empty buffer has room for it: all that was said before was answered.
            let _fits_len = out.write(*conn, text.as_bytes());
            out.event(ClientEvent::Sending { peer: self.server, text });
        }
        let replies = std::array::from_fn(|socket| Exact::new(message(number, socket).len()));
        self.state = State::Round { number, replies, told: 0, give_up_at: now + self.timeout };
    }

    fn received(&mut self, conn: Conn, bytes: &[u8], now: Instant, out: &mut Outbox<ClientEvent>) {
        let Some(socket) = self.conns.iter().position(|known| *known == conn) else { return };
        let mut rest = bytes;
        while let State::Round { number, replies, told, give_up_at } = &mut self.state {
            let taken_len = replies[socket].push(rest);
            rest = &rest[taken_len..];
            if taken_len == 0 {
                // What comes beyond the reply answers nothing.
                return;
            }
            let told_before = *told;
            while let Some(reply) = replies.get(*told).and_then(Exact::message) {
                out.event(ClientEvent::Received { peer: self.server, text: reply.to_vec() });
                *told += 1;
            }
            if *told > told_before {
                *give_up_at = now + self.timeout;
            }
            if *told == SOCKETS {
                let next = *number + 1;
                self.begin_round(next, now, out);
            }
        }
    }

    fn ended(&mut self, conn: Conn, out: &mut Outbox<ClientEvent>) {
        let Some(socket) = self.conns.iter().position(|known| *known == conn) else { return };
        let next = match &self.state {
            State::Connecting { .. } => Exact::new(message(0, socket).len()),
            // After its last reply it may end; before, the one to the next message is missing.
            State::Round { number, replies, .. } if replies[socket].is_complete() => {
                if *number + 1 == MESSAGES.len() {
                    return;
                }
                Exact::new(message(*number + 1, socket).len())
            }
            State::Round { replies, .. } => replies[socket].clone(),
            State::Idle | State::Over => return,
        };
        if let Err(early) = next.finish() {
            out.event(ClientEvent::ClosingSocket(self.server));
            self.end(ClientEvent::EndedEarly(early), Status::Failure, out);
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&mut self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                out.event(ClientEvent::Connecting);
                self.conns = (0..SOCKETS).map(|_| out.connect(self.server)).collect();
                self.state = State::Connecting { connected: 0, give_up_at: now + self.timeout };
            }
            (State::Connecting { connected, .. }, Input::Connected { .. }) => {
                *connected += 1;
                if *connected == SOCKETS {
                    self.begin_round(0, now, out);
                }
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            (State::Round { .. }, Input::Received { conn, bytes }) => self.received(conn, bytes, now, out),
            (_, Input::Eof { conn }) => self.ended(conn, out),
            (
                State::Connecting { .. } | State::Round { .. },
                Input::Closed { reason: CloseReason::Reset, .. },
            ) => self.end(ClientEvent::Reset(self.server), Status::Failure, out),
            (State::Connecting { .. } | State::Round { .. }, Input::Timeout) => {
                for conn in &self.conns {
                    out.abort(*conn);
                }
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
            }
            (_, Input::Stop) => {
                self.state = State::Over;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { give_up_at, .. } | State::Round { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Over => None,
        }
    }
}
