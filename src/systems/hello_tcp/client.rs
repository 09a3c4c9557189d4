//! The client: three names, each after the greeting of the one before.

use std::time::Duration;

use super::{ClientEvent, END, EXIT, HELLO, WELCOME};
use crate::lawful::Promises;
use crate::machine::{CloseReason, Conn, Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;
use crate::wire::exact::{EarlyEnd, Exact};

/// What the client says, one after another.
pub const NAMES: [&str; 3] = ["Michael", "Tracy", "Sarah"];
/// The most that it says at a time.
const MAX_NAME_LEN: usize = 7;

/// Says its names and reads what the server has to say to each.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    timeout: Duration,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting ──► Welcome ──► Greeting 0, 1, 2 ──the last is whole──► Over
///                     └── refused ──┴─── eof, reset, deadline, no answer ──────────────┘
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting { conn: Conn, give_up_at: Instant },
    Welcome { conn: Conn, welcome: Exact, give_up_at: Instant },
    Greeting { conn: Conn, greeting: Greeting, give_up_at: Instant },
    Over,
}

/// What is read of the answers to one name. The server may have read it in parts, and then greets each by itself.
#[derive(Debug)]
struct Greeting {
    number: usize,
    /// How much of the name was greeted before.
    greeted_len: usize,
    /// What has come of the greeting after that; never longer than one of all the rest.
    text: Vec<u8>,
}

/// What comes of one more byte of a greeting.
enum Heard {
    NothingYet,
    Part,
    Whole,
    Nonsense,
}

impl Greeting {
    const fn of(number: usize) -> Self {
        Self { number, greeted_len: 0, text: Vec::new() }
    }

    /// The part of the name that was not greeted yet.
    fn rest(&self) -> &'static [u8] {
        &NAMES[self.number].as_bytes()[self.greeted_len..]
    }

    /// How long the greeting of all the rest is.
    fn want_len(&self) -> usize {
        HELLO.len() + self.rest().len() + 1
    }

    fn push(&mut self, byte: u8) -> Heard {
        self.text.push(byte);
        if byte != END {
            return if self.text.len() < self.want_len() { Heard::NothingYet } else { Heard::Nonsense };
        }
        let name = self.text.strip_prefix(HELLO).and_then(|rest| rest.strip_suffix(&[END]));
        match name {
            Some(name) if !name.is_empty() && self.rest().starts_with(name) => {
                self.greeted_len += name.len();
                if self.rest().is_empty() { Heard::Whole } else { Heard::Part }
            }
            _ => Heard::Nonsense,
        }
    }
}

impl Client {
    /// What it promises: one name, or the word that ends it.
    pub const PROMISES: Promises = Promises::DEFAULT.max_messages(1).max_bytes(MAX_NAME_LEN);

    /// A client of the server that waits so long to be connected, and again for each thing that the server says.
    pub fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, state: State::Idle }
    }

    /// Whether it has come to its end, and not been stopped before.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = State::Over;
        out.event(event);
        out.done(status);
    }

    /// Says the name of this number, or goodbye after the last.
    fn say(&mut self, conn: Conn, number: usize, now: Instant, out: &mut Outbox<ClientEvent>) {
        // An empty buffer has room for it: all that was said before was answered.
        if let Some(name) = NAMES.get(number) {
            let _fits_len = out.write(conn, name.as_bytes());
            let give_up_at = now + self.timeout;
            self.state = State::Greeting { conn, greeting: Greeting::of(number), give_up_at };
        } else {
            let _fits_len = out.write(conn, EXIT);
            out.close(conn);
            self.state = State::Over;
            out.done(Status::Success);
        }
    }

    fn received(&mut self, bytes: &[u8], now: Instant, out: &mut Outbox<ClientEvent>) {
        for &byte in bytes {
            match &mut self.state {
                State::Welcome { conn, welcome, .. } => {
                    let _taken = welcome.push(&[byte]);
                    match welcome.message() {
                        Some(text) if text == WELCOME => {
                            out.event(ClientEvent::Said(text.to_vec()));
                            let conn = *conn;
                            self.say(conn, 0, now, out);
                        }
                        Some(text) => {
                            let unexpected = ClientEvent::Unexpected(text.to_vec());
                            self.end(unexpected, Status::Failure, out);
                        }
                        None => {}
                    }
                }
                State::Greeting { .. } => self.greeted(byte, now, out),
                State::Idle | State::Connecting { .. } | State::Over => return,
            }
        }
    }

    fn greeted(&mut self, byte: u8, now: Instant, out: &mut Outbox<ClientEvent>) {
        let State::Greeting { conn, greeting, give_up_at } = &mut self.state else { return };
        let heard = greeting.push(byte);
        if matches!(heard, Heard::NothingYet) {
            return;
        }
        let (conn, number, text) = (*conn, greeting.number, std::mem::take(&mut greeting.text));
        *give_up_at = now + self.timeout;
        match heard {
            Heard::Nonsense => self.end(ClientEvent::Unexpected(text), Status::Failure, out),
            Heard::Part | Heard::NothingYet => out.event(ClientEvent::Said(text)),
            Heard::Whole => {
                out.event(ClientEvent::Said(text));
                self.say(conn, number + 1, now, out);
            }
        }
    }

    fn ended(&mut self, conn: Conn, out: &mut Outbox<ClientEvent>) {
        let early = match &self.state {
            State::Welcome { welcome, .. } => welcome.finish().err(),
            State::Greeting { greeting, .. } => {
                Some(EarlyEnd { want_len: greeting.want_len(), got_len: greeting.text.len() })
            }
            State::Idle | State::Connecting { .. } | State::Over => None,
        };
        if let Some(early) = early {
            out.close(conn);
            self.end(ClientEvent::EndedEarly(early), Status::Failure, out);
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                let conn = out.connect(self.server);
                self.state = State::Connecting { conn, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::Connected { conn, .. }) => {
                let welcome = Exact::new(WELCOME.len());
                self.state = State::Welcome { conn, welcome, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            (_, Input::Received { bytes, .. }) => self.received(bytes, now, out),
            (_, Input::Eof { conn }) => self.ended(conn, out),
            (
                State::Welcome { .. } | State::Greeting { .. },
                Input::Closed { reason: CloseReason::Reset, .. },
            ) => self.end(ClientEvent::Reset(self.server), Status::Failure, out),
            (
                State::Connecting { conn, .. } | State::Welcome { conn, .. } | State::Greeting { conn, .. },
                Input::Timeout,
            ) => {
                out.abort(*conn);
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
            }
            (_, Input::Stop) => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { give_up_at, .. }
            | State::Welcome { give_up_at, .. }
            | State::Greeting { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Over => None,
        }
    }
}
