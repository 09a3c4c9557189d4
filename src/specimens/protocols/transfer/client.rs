//! The client: it opens a connection and sends its messages.

use std::time::Duration;

use super::{Bug, MESSAGES, RESEND_AFTER, ROOM};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::specimens::protocols::{hex, parsed, words};
use crate::time::Instant;

/// The longest wait, in those of the first.
const MAX_UNITS: u16 = 4;

/// How often it asks in vain until it can be taken for cut off.
const CUT_OFF_AFTER: u32 = 100;

/// The message of this number on a connection.
pub(super) fn text(id: u32, number: u32) -> String {
    format!("{id:08x}-{number}")
}

/// ```text
/// Idle ──start──► Opening ──syn-ack──► Open ──all is acknowledged──► Over
///                    ▲                   │
///                    └── no: a new id ───┘
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Opening { again_at: Instant },
    Open { sending: Sending, again_at: Option<Instant> },
    Over,
}

/// How far an open connection is.
#[derive(Clone, Copy, Debug)]
struct Sending {
    /// The first that is not acknowledged.
    base: u32,
    /// The next to be sent for the first time.
    next: u32,
    /// The first for which there is no room.
    limit: u32,
    /// What the server calls itself since its last start.
    server: u32,
    /// How often it has confirmed.
    confirmed: u32,
}

/// Sends its messages, each again until it is acknowledged.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    id: u32,
    state: State,
    /// The wait of the timer, in those of the first.
    units: u16,
    /// How often it has sent something again since it heard of the server.
    in_vain: u32,
    bug: Option<Bug>,
}

impl Client {
    pub(super) const fn new(server: Peer, id: u32, bug: Option<Bug>) -> Self {
        Self { server, id, state: State::Idle, units: 1, in_vain: 0, bug }
    }

    /// Whether it has asked so often in vain that nobody can be there.
    pub const fn is_cut_off(&self) -> bool {
        self.in_vain >= CUT_OFF_AFTER
    }

    fn tell(&self, word: &str, out: &mut Outbox<()>) {
        out.send_fmt(self.server, format_args!("{word} {:08x}", self.id));
    }

    fn confirm(&self, server: u32, out: &mut Outbox<()>) {
        out.send_fmt(self.server, format_args!("confirm {:08x} {server:08x}", self.id));
    }

    fn send(&self, number: u32, out: &mut Outbox<()>) {
        out.send_fmt(self.server, format_args!("data {:08x} {number} {}", self.id, text(self.id, number)));
    }

    /// The wait from now on; it is doubled for the next time.
    fn wait(&mut self) -> Duration {
        let wait = RESEND_AFTER * u32::from(self.units.min(MAX_UNITS));
        self.units = match self.bug {
            Some(Bug::BackoffOverflows) => self.units.wrapping_mul(2),
            _ => self.units.saturating_mul(2),
        };
        wait
    }

    fn open(&mut self, now: Instant, out: &mut Outbox<()>) {
        self.tell("syn", out);
        self.state = State::Opening { again_at: now + self.wait() };
    }

    /// Opens another connection, since this one is gone.
    fn open_anew(&mut self, now: Instant, out: &mut Outbox<()>) {
        (self.id, self.units) = (self.id.wrapping_add(1), 1);
        self.open(now, out);
    }

    /// The server has answered the first flight, perhaps again.
    fn opened(&mut self, server: u32, now: Instant, out: &mut Outbox<()>) {
        match &mut self.state {
            State::Opening { .. } => {
                self.confirm(server, out);
                self.proceed(Sending { base: 0, next: 0, limit: ROOM, server, confirmed: 1 }, now, out);
            }
            // The server has started anew, and knows nothing of what it had.
            State::Open { sending, .. } if sending.server != server => {
                self.tell("no", out);
                self.open_anew(now, out);
            }
            State::Open { sending, .. } => {
                let is_silent = match self.bug {
                    Some(Bug::ConfirmsOnce) => true,
                    Some(Bug::ConfirmsTwice) => sending.confirmed >= 2,
                    _ => false,
                };
                if !is_silent {
                    sending.confirmed = sending.confirmed.saturating_add(1);
                    self.confirm(server, out);
                }
            }
            State::Idle | State::Over => {}
        }
    }

    /// Sends what there is room for, and starts the timer anew.
    fn proceed(&mut self, mut sending: Sending, now: Instant, out: &mut Outbox<()>) {
        while sending.next < sending.limit.min(MESSAGES) {
            self.send(sending.next, out);
            sending.next += 1;
        }
        self.units = 1;
        let waits = sending.base < sending.next || self.bug != Some(Bug::NeverProbes);
        let again_at = waits.then(|| now + self.wait());
        self.state = State::Open { sending, again_at };
    }

    fn acknowledged(&mut self, number: u32, room: u32, now: Instant, out: &mut Outbox<()>) {
        let State::Open { mut sending, again_at } = self.state else { return };
        let limit = number.saturating_add(room);
        let is_news =
            number > sending.base || (limit > sending.limit && self.bug != Some(Bug::SkipsWindowUpdates));
        if number > sending.next || !is_news {
            if self.bug == Some(Bug::EveryAckRestartsTheTimer) && again_at.is_some() {
                self.units = 1;
                self.state = State::Open { sending, again_at: Some(now + self.wait()) };
            }
            return;
        }
        sending.base = sending.base.max(number);
        sending.limit = sending.limit.max(limit);
        if sending.base == MESSAGES {
            self.state = State::Over;
            out.done(Status::Success);
        } else {
            self.proceed(sending, now, out);
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<()>) {
        self.in_vain += 1;
        match self.state {
            State::Opening { .. } => self.open(now, out),
            State::Open { sending, .. } => {
                if sending.base < sending.next {
                    self.send(sending.base, out);
                } else {
                    self.tell("probe", out);
                }
                self.state = State::Open { sending, again_at: Some(now + self.wait()) };
            }
            State::Idle | State::Over => {}
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => self.open(now, out),
            Input::Timeout => self.timeout(now, out),
            Input::Datagram { bytes, .. } => {
                self.in_vain = 0;
                let mut words = words(bytes);
                let (word, id) = (words.next(), hex(words.next()));
                match (word, id) {
                    (Some("syn-ack"), Some(id)) if id == self.id => {
                        if let Some(server) = hex(words.next()) {
                            self.opened(server, now, out);
                        }
                    }
                    (Some("syn-ack"), Some(id)) => out.reply_fmt(format_args!("no {id:08x}")),
                    (Some("ack"), Some(id)) if id == self.id => {
                        if let (Some(number), Some(room)) = (parsed(words.next()), parsed(words.next())) {
                            self.acknowledged(number, room, now, out);
                        }
                    }
                    (Some("no"), Some(id)) if id == self.id && matches!(self.state, State::Open { .. }) => {
                        self.open_anew(now, out);
                    }
                    _ => {}
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Opening { again_at } => Some(again_at),
            State::Open { again_at, .. } => again_at,
            State::Idle | State::Over => None,
        }
    }
}
