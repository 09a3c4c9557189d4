//! The client: it asks as much as its credit allows.

use std::time::Duration;

use super::{ANSWER, ASK, Bug, CREDIT, REQUESTS, RETURN, TIMEOUT};
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;

/// How long it waits before it dials again.
const PAUSE: Duration = Duration::from_millis(100);

/// What the client tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// A request was answered: its number, and the answer.
    Answered(usize, String),
    /// A request was given up.
    GaveUp(usize),
    /// Something came that is no frame.
    NoFrame,
}

#[derive(Debug)]
enum State {
    Idle,
    Dialing { conn: Conn, give_up_at: Instant },
    Open { conn: Conn, asked: usize, credit: usize, read: Vec<u8>, give_up_at: Option<Instant> },
    Pausing { dial_at: Instant },
    Over,
}

/// Asks its requests, several at a time.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    /// The first that is not answered.
    next: usize,
    state: State,
    bug: Option<Bug>,
}

impl Client {
    pub(super) const fn new(server: Peer, bug: Option<Bug>) -> Self {
        Self { server, next: 0, state: State::Idle, bug }
    }

    fn dial(&mut self, now: Instant, out: &mut Outbox<ClientEvent>) {
        self.state = State::Dialing { conn: out.connect(self.server), give_up_at: now + TIMEOUT };
    }

    /// Asks as far as the credit goes.
    fn ask(&mut self, now: Instant, out: &mut Outbox<ClientEvent>) {
        let State::Open { conn, asked, credit, give_up_at, .. } = &mut self.state else { return };
        while *asked < REQUESTS {
            let text = format!("request {asked}");
            let cost = text.len() + 1;
            if cost > *credit {
                break;
            }
            let mut frame = vec![ASK, text.len() as u8, 0];
            frame.extend_from_slice(text.as_bytes());
            // What is asked and not answered fits into any buffer.
            let _fits_len = out.write(*conn, &frame);
            (*asked, *credit) = (*asked + 1, *credit - cost);
        }
        *give_up_at = (self.next < *asked).then(|| now + TIMEOUT);
    }

    fn received(&mut self, bytes: &[u8], now: Instant, out: &mut Outbox<ClientEvent>) {
        if let State::Open { read, .. } = &mut self.state {
            read.extend_from_slice(bytes);
        }
        while let State::Open { conn, credit, read, .. } = &mut self.state {
            match read[..] {
                [RETURN, amount, ..] => {
                    *credit += usize::from(amount);
                    read.drain(..2);
                    if self.next == REQUESTS {
                        continue;
                    }
                }
                [ANSWER, len, ref rest @ ..] if rest.len() >= usize::from(len) => {
                    let text = String::from_utf8_lossy(&rest[..usize::from(len)]).into_owned();
                    read.drain(..2 + usize::from(len));
                    out.event(ClientEvent::Answered(self.next, text));
                    self.next += 1;
                    if self.next == REQUESTS {
                        out.close(*conn);
                        return self.end(Status::Success, out);
                    }
                }
                [] | [RETURN | ANSWER] | [ANSWER, ..] => return,
                _ => {
                    out.event(ClientEvent::NoFrame);
                    out.abort(*conn);
                    return self.end(Status::Failure, out);
                }
            }
            self.ask(now, out);
        }
    }

    fn end(&mut self, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = State::Over;
        out.done(status);
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<ClientEvent>) {
        match &mut self.state {
            State::Pausing { .. } => self.dial(now, out),
            State::Open { read, give_up_at, .. }
                if self.bug == Some(Bug::TimesOutInTheHeader) && read.len() <= 1 =>
            {
                read.clear();
                *give_up_at = Some(now + TIMEOUT);
            }
            State::Open { conn, .. } if self.bug == Some(Bug::KeepsTheConnection) => {
                out.event(ClientEvent::GaveUp(self.next));
                self.next += 1;
                if self.next == REQUESTS {
                    out.abort(*conn);
                    self.end(Status::Failure, out);
                } else {
                    self.ask(now, out);
                }
            }
            State::Dialing { conn, .. } | State::Open { conn, .. } => {
                out.abort(*conn);
                self.dial(now, out);
            }
            State::Idle | State::Over => {}
        }
    }

    fn is_of(&self, of: Conn) -> bool {
        match self.state {
            State::Open { conn, .. } | State::Dialing { conn, .. } => conn == of,
            State::Idle | State::Pausing { .. } | State::Over => false,
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match input {
            Input::Start { .. } => self.dial(now, out),
            Input::Connected { conn, .. } if self.is_of(conn) => {
                let (asked, read) = (self.next, Vec::new());
                self.state = State::Open { conn, asked, credit: CREDIT, read, give_up_at: None };
                self.ask(now, out);
            }
            Input::Received { conn, bytes } if self.is_of(conn) => self.received(bytes, now, out),
            Input::ConnectFailed { conn, .. } | Input::Closed { conn, .. } | Input::Eof { conn }
                if self.is_of(conn) =>
            {
                out.abort(conn);
                self.state = State::Pausing { dial_at: now + PAUSE };
            }
            Input::Timeout => self.timeout(now, out),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Dialing { give_up_at, .. } => Some(give_up_at),
            State::Open { give_up_at, .. } => give_up_at,
            State::Pausing { dial_at } => Some(dial_at),
            State::Idle | State::Over => None,
        }
    }
}
