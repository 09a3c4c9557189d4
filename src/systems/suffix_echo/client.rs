//! The client of suffix-echo.

use std::time::Duration;

use super::{ClientEvent, Command, Reply};
use crate::lawful::Promises;
use crate::machine::{CloseReason, Conn, Input, Machine, Outbox, Peer, Status, limits};
use crate::parts::backlog::Backlog;
use crate::time::Instant;

/// The longest line that is sent, in bytes.
pub const MAX_LINE_LEN: usize = 64 * 1024;

/// Asks its user for a line, sends it, and asks again once the reply is whole. What comes unasked is nobody's reply.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    timeout: Duration,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting ──connected──► Asking ◄──a line, and the whole reply──► Waiting
///                     │                        │                                        │
///                     └─ refused, deadline ────┴─── leave, eof, reset ──────────────────┴─ deadline ──► Over
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting { conn: Conn, give_up_at: Instant },
    Asking { conn: Conn },
    Waiting { conn: Conn, reply: Reply, unsent: Backlog, give_up_at: Instant },
    Over,
}

impl Client {
    /// What it promises: a line at a time.
    pub const PROMISES: Promises =
        Promises::DEFAULT.max_messages(Backlog::MAX_FLUSH_WRITES).max_bytes(limits::SEND_BUFFER_LEN);

    /// A client of the server that waits so long to be connected, and again for each reply.
    pub const fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, state: State::Idle }
    }

    fn ask(&mut self, conn: Conn, out: &mut Outbox<ClientEvent>) {
        self.state = State::Asking { conn };
        out.event(ClientEvent::Prompt);
    }

    fn send(&mut self, conn: Conn, line: &[u8], now: Instant, out: &mut Outbox<ClientEvent>) {
        let mut unsent = Backlog::new(MAX_LINE_LEN);
        if line.len() > MAX_LINE_LEN {
            out.event(ClientEvent::TooLong(line.len()));
        }
        // One of no bytes has no reply.
        if line.is_empty() || line.len() > MAX_LINE_LEN {
            return self.ask(conn, out);
        }
        // Told first: what has left was told, wherever the client crashes.
        out.event(ClientEvent::Sent(line.to_vec()));
        if unsent.write(conn, line, out).is_err() {
            return self.ask(conn, out);
        }
        let reply = Reply::new(line);
        self.state = State::Waiting { conn, reply, unsent, give_up_at: now + self.timeout };
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = State::Over;
        out.event(event);
        out.done(status);
    }
}

impl Machine for Client {
    type Command = Command;
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, Command>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&mut self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                let conn = out.connect(self.server);
                self.state = State::Connecting { conn, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::Connected { conn, local, .. }) => {
                out.event(ClientEvent::Connected(local));
                self.ask(conn, out);
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            (&mut State::Asking { conn }, Input::Command(Command::Send(line))) => {
                self.send(conn, line, now, out);
            }
            (State::Asking { .. }, Input::Eof { .. } | Input::Closed { .. }) => {
                self.end(ClientEvent::Gone(self.server), Status::Failure, out);
            }
            (State::Waiting { conn, reply, .. }, Input::Received { bytes, .. }) => {
                let conn = *conn;
                match reply.push(bytes) {
                    Ok(false) => {}
                    Ok(true) => {
                        out.event(ClientEvent::Replied(reply.bytes().to_vec()));
                        self.ask(conn, out);
                    }
                    Err(_) => {
                        let event = ClientEvent::NoEcho(String::from_utf8_lossy(reply.bytes()).into_owned());
                        out.close(conn);
                        self.end(event, Status::Failure, out);
                    }
                }
            }
            (State::Waiting { unsent, .. }, Input::Writable { conn }) => _ = unsent.flush(conn, out),
            (State::Waiting { .. }, Input::Eof { .. }) => {
                self.end(ClientEvent::GoneInReply(self.server), Status::Failure, out);
            }
            (State::Waiting { .. }, Input::Closed { reason: CloseReason::Reset, .. }) => {
                self.end(ClientEvent::Reset(self.server), Status::Failure, out);
            }
            (&mut (State::Connecting { conn, .. } | State::Waiting { conn, .. }), Input::Timeout) => {
                out.abort(conn);
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
            }
            (State::Over, _) => {}
            (_, Input::Stop | Input::Command(Command::Leave)) => {
                self.state = State::Over;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { give_up_at, .. } | State::Waiting { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Asking { .. } | State::Over => None,
        }
    }
}
