//! The server: each connection has a pause of its own.

use std::mem;
use std::time::Duration;

use super::{END, EXIT, HELLO, ServerEvent, WELCOME};
use crate::lawful::{Cuts, Promises};
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status};
use crate::parts::per_conn::PerConn;
use crate::time::Instant;

/// The most that one read brings: a longer slice of the stream is several reads.
pub const MAX_NAME_LEN: usize = 1024;
/// The longest greeting.
const MAX_GREETING_LEN: usize = HELLO.len() + MAX_NAME_LEN + 1;
/// How many connections of a simulated run have their pauses end at one moment, at most.
const MAX_AT_ONCE: usize = 16;

/// Serves each connection by a [`Call`] of its own.
#[derive(Debug)]
pub struct Server {
    calls: PerConn<Call>,
}

impl Server {
    /// What it promises: a greeting for each connection whose pause ends; what a read brings is a message.
    pub const PROMISES: Promises = Promises::DEFAULT
        .max_messages(MAX_AT_ONCE)
        .max_bytes(MAX_AT_ONCE * MAX_GREETING_LEN)
        .cuts(Cuts::Matter);

    /// A server that thinks for so long about each name.
    pub fn new(pause: Duration) -> Self {
        Self { calls: PerConn::new(move |peer| Call::new(peer, pause)) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { .. } => out.event(ServerEvent::WaitingForConnection),
            Input::Stop => out.done(Status::Success),
            input => out.pass_on(&mut self.calls, input, now),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.calls.deadline()
    }
}

/// One connection of the server.
#[derive(Debug)]
pub struct Call {
    peer: Peer,
    pause: Duration,
    state: State,
}

/// While it thinks, and while a greeting does not fit, the stream is paused. So `unread` is at most the rest of one slice
/// ([`MAX_READ_LEN`](crate::machine::limits::MAX_READ_LEN)).
///
/// ```text
///          ┌───── nothing is left unread ─────┬───────────┐
/// Listening ── a read ──► Thinking ── 1 s ──► greets ──► Holding, until there is room
///     │                      │ ▲── the next read ──┴───────────┘
///     │ eof                  │ 1 s, of exit
///     ▼                      ▼
///   Ending ──── 1 s ───► Over, closed ◄── reset, from everywhere
/// ```
#[derive(Debug)]
enum State {
    Listening,
    Thinking { conn: Conn, name: Vec<u8>, unread: Vec<u8>, heard_at: Instant },
    Holding { conn: Conn, unsent: Vec<u8>, unread: Vec<u8> },
    Ending { conn: Conn, close_at: Instant },
    Over,
}

impl Call {
    fn new(peer: Peer, pause: Duration) -> Self {
        Self { peer, pause, state: State::Listening }
    }

    /// Begins to think about the next name, or listens again if there is none.
    fn think(&mut self, conn: Conn, mut name: Vec<u8>, now: Instant, out: &mut Outbox<ServerEvent>) {
        if name.is_empty() {
            self.state = State::Listening;
            out.resume(conn);
            return;
        }
        let unread = name.split_off(name.len().min(MAX_NAME_LEN));
        out.event(ServerEvent::Heard { peer: self.peer, name: name.clone() });
        self.state = State::Thinking { conn, name, unread, heard_at: now };
    }

    /// What it has come to, unless that is to close.
    fn greet(&self, name: Vec<u8>, after: Duration, out: &mut Outbox<ServerEvent>) -> Option<Vec<u8>> {
        let greeting = (name != EXIT).then(|| [HELLO, &name, &[END]].concat())?;
        out.event(ServerEvent::Greeted { peer: self.peer, name, after });
        Some(greeting)
    }

    /// Writes what fits of a greeting.
    fn send(
        &mut self,
        conn: Conn,
        greeting: &[u8],
        unread: Vec<u8>,
        now: Instant,
        out: &mut Outbox<ServerEvent>,
    ) {
        let fits_len = out.write(conn, greeting);
        if fits_len < greeting.len() {
            self.state = State::Holding { conn, unsent: greeting[fits_len..].to_vec(), unread };
        } else {
            self.think(conn, unread, now, out);
        }
    }

    fn close(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        self.state = State::Over;
        out.close(conn);
        out.event(ServerEvent::Gone(self.peer));
    }
}

impl Machine for Call {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match (mem::replace(&mut self.state, State::Over), input) {
            (State::Over, _) => {}
            (_, Input::Closed { .. }) => out.event(ServerEvent::Gone(self.peer)),
            (State::Listening, Input::Connected { conn, peer, .. }) => {
                self.state = State::Listening;
                out.event(ServerEvent::Accepted(peer));
                // It fits: nothing was written before.
                let _fits_len = out.write(conn, WELCOME);
            }
            (State::Listening, Input::Received { conn, bytes }) => {
                out.pause(conn);
                self.think(conn, bytes.to_vec(), now, out);
            }
            (State::Listening, Input::Eof { conn }) => {
                self.state = State::Ending { conn, close_at: now + self.pause };
            }
            (State::Thinking { conn, name, unread, heard_at }, Input::Timeout) => {
                match self.greet(name, now.since(heard_at), out) {
                    Some(greeting) => self.send(conn, &greeting, unread, now, out),
                    None => self.close(conn, out),
                }
            }
            (State::Holding { conn, unsent, unread }, Input::Writable { .. }) => {
                self.send(conn, &unsent, unread, now, out);
            }
            (State::Ending { conn, .. }, Input::Timeout) => self.close(conn, out),
            (state, _) => self.state = state,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Thinking { heard_at, .. } => Some(heard_at + self.pause),
            State::Ending { close_at, .. } => Some(close_at),
            State::Listening | State::Holding { .. } | State::Over => None,
        }
    }
}
