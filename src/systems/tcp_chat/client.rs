//! The client of tcp-chat.

use std::time::Duration;

use super::{ClientEvent, Command, QUIT};
use crate::lawful::{Cuts, Promises};
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status, limits};
use crate::parts::backlog::Backlog;
use crate::time::Instant;
use crate::wire::utf8::Utf8;

/// How many bytes wait at most that the server does not take.
pub const MAX_UNSENT_LEN: usize = 128 * 1024;

/// Says what it is asked to say, a newline after each line, and tells what it hears.
///
/// It leaves after `/quit`, or when nothing more is to be said, once all that it said is out and the server has ended
/// its own side too: what is still on its way is heard.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    timeout: Duration,
    unsent: Backlog,
    heard: Utf8,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting ──connected──► Talking ──quit, leave──► Leaving
///                     │                        │                        │
///                     └─ refused, deadline ────┴─── eof, reset ─────────┴─ deadline ──► Over
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting { conn: Conn, give_up_at: Instant },
    Talking { conn: Conn },
    Leaving { conn: Conn, give_up_at: Instant },
    Over,
}

impl Client {
    /// What it promises: what it hears, it tells as it comes.
    pub const PROMISES: Promises = Promises::DEFAULT
        .max_messages(Backlog::MAX_FLUSH_WRITES)
        .max_bytes(limits::SEND_BUFFER_LEN)
        .cuts(Cuts::EventsTell);

    /// A client of the server that waits so long to be connected, and again for the end when it leaves.
    pub const fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, unsent: Backlog::new(MAX_UNSENT_LEN), heard: Utf8::new(), state: State::Idle }
    }

    fn say(&mut self, conn: Conn, line: &[u8], now: Instant, out: &mut Outbox<ClientEvent>) {
        let quits = line.trim_ascii() == QUIT;
        let line = [line, b"\n"].concat();
        if self.unsent.len() + line.len() > MAX_UNSENT_LEN {
            out.event(ClientEvent::Unsaid(self.server));
        } else {
            out.event(ClientEvent::Saying(String::from_utf8_lossy(&line).into_owned()));
            // There is room for all of it, as was just seen.
            let _ = self.unsent.write(conn, &line, out);
        }
        if quits {
            self.leave(conn, now, out);
        } else if self.unsent.is_empty() {
            out.event(ClientEvent::HandedOver);
        }
    }

    fn leave(&mut self, conn: Conn, now: Instant, out: &mut Outbox<ClientEvent>) {
        self.state = State::Leaving { conn, give_up_at: now + self.timeout };
        if self.unsent.is_empty() {
            out.shutdown(conn);
        }
    }

    fn flush(&mut self, conn: Conn, out: &mut Outbox<ClientEvent>) {
        let is_out = self.unsent.flush(conn, out);
        match self.state {
            State::Talking { .. } if is_out => out.event(ClientEvent::HandedOver),
            State::Leaving { .. } if is_out => out.shutdown(conn),
            _ => {}
        }
    }

    fn hear(text: String, out: &mut Outbox<ClientEvent>) {
        if !text.is_empty() {
            out.event(ClientEvent::Heard(text));
        }
    }

    fn end(&mut self, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = State::Over;
        out.done(status);
    }
}

impl Machine for Client {
    type Command = Command;
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, Command>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                let conn = out.connect(self.server);
                self.state = State::Connecting { conn, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::Connected { conn, local, .. }) => {
                self.state = State::Talking { conn };
                out.event(ClientEvent::Connected(local));
                out.event(ClientEvent::HandedOver);
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                out.event(ClientEvent::NoConnection(peer, reason));
                self.end(Status::Failure, out);
            }
            (State::Connecting { conn, .. }, Input::Command(Command::Leave)) => {
                out.abort(*conn);
                self.end(Status::Success, out);
            }
            (&State::Talking { conn }, Input::Command(Command::Say(line))) => self.say(conn, line, now, out),
            (&State::Talking { conn }, Input::Command(Command::Leave)) => self.leave(conn, now, out),
            (State::Talking { .. } | State::Leaving { .. }, Input::Received { bytes, .. }) => {
                Self::hear(self.heard.push(bytes), out);
            }
            (_, Input::Writable { conn }) => self.flush(conn, out),
            (State::Talking { .. } | State::Leaving { .. }, Input::Eof { .. }) => {
                Self::hear(self.heard.finish().to_owned(), out);
                self.end(Status::Success, out);
            }
            // The rest of what is told is lost, and so is half a character.
            (State::Talking { .. } | State::Leaving { .. }, Input::Closed { .. }) => {
                self.end(Status::Success, out);
            }
            (&State::Connecting { conn, .. }, Input::Timeout) => {
                out.abort(conn);
                out.event(ClientEvent::NoAnswer(self.timeout));
                self.end(Status::Failure, out);
            }
            (&State::Leaving { conn, .. }, Input::Timeout) => {
                if self.unsent.is_empty() {
                    // All is said and out: a server that leaves its side open has nothing more to tell.
                    self.end(Status::Success, out);
                } else {
                    out.abort(conn);
                    out.event(ClientEvent::NoAnswer(self.timeout));
                    self.end(Status::Failure, out);
                }
            }
            (_, Input::Stop) => self.end(Status::Success, out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { give_up_at, .. } | State::Leaving { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Talking { .. } | State::Over => None,
        }
    }
}
