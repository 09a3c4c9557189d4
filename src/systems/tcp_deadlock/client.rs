//! The client.

use std::time::Duration;

use super::{ClientEvent, TEXT};
use crate::lawful::Promises;
use crate::machine::{CloseReason, Conn, Input, Machine, Outbox, Peer, Status, limits};
use crate::time::Instant;
use crate::wire::exact::EarlyEnd;

/// The most that the client puts into one write.
const MAX_WRITE_LEN: usize = 1024 * TEXT.len();
/// Texts for one write, from any place in the first.
type Texts = [u8; MAX_WRITE_LEN + TEXT.len()];
/// What is sent, and what is to come back.
static TEXTS: Texts = texts(*TEXT);
static ANSWERS: Texts = texts(*b"CAPITALIZE THIS!");

#[expect(clippy::large_stack_arrays, reason = "it is made when the program is compiled")]
const fn texts(text: [u8; TEXT.len()]) -> Texts {
    let mut texts = [0; MAX_WRITE_LEN + TEXT.len()];
    let mut index = 0;
    while index < texts.len() {
        texts[index] = text[index % TEXT.len()];
        index += 1;
    }
    texts
}

/// How many bytes at the begin of these are the answer from this offset on.
fn right_len(bytes: &[u8], offset: u64) -> usize {
    let mut right_len = 0;
    for piece in bytes.chunks(MAX_WRITE_LEN) {
        let expected = &ANSWERS[phase(offset + right_len as u64)..];
        if !expected.starts_with(piece) {
            let same = expected.iter().zip(piece).take_while(|(expected, byte)| expected == byte);
            return right_len + same.count();
        }
        right_len += piece.len();
    }
    right_len
}

/// Where in a text a byte of the stream is.
const fn phase(offset: u64) -> usize {
    (offset % TEXT.len() as u64) as usize
}

/// Sends its texts and checks what comes back, both at once.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    /// How many bytes it sends: whole texts.
    whole_len: u64,
    timeout: Duration,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting ──connected──► Talking ──eof──► Over
///                     └──── refused ───────────┴── reset, a wrong byte, deadline ──┘
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting { conn: Conn, give_up_at: Instant },
    Talking { conn: Conn, sent_len: u64, received_len: u64, give_up_at: Instant },
    Over,
}

impl Client {
    /// What it promises: whole blocks of texts into one send buffer, and a rest before and after them.
    pub const PROMISES: Promises = Promises::DEFAULT
        .max_messages(limits::SEND_BUFFER_LEN / MAX_WRITE_LEN + 1)
        .max_bytes(limits::SEND_BUFFER_LEN);

    /// A client of the server that sends at least so many bytes, and gives up where nothing can be written or read for
    /// so long.
    pub fn new(server: Peer, bytes: u64, timeout: Duration) -> Self {
        let text_len = TEXT.len() as u64;
        let whole_len = bytes.div_ceil(text_len).saturating_mul(text_len);
        Self { server, whole_len, timeout, state: State::Idle }
    }

    /// Whether it has talked to the end, and not been stopped before.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = State::Over;
        out.event(event);
        out.done(status);
    }

    /// Says what it will send.
    pub(crate) fn connected(&mut self, conn: Conn, now: Instant, out: &mut Outbox<ClientEvent>) {
        out.event(ClientEvent::Sending(self.whole_len));
        let give_up_at = now + self.timeout;
        self.state = State::Talking { conn, sent_len: 0, received_len: 0, give_up_at };
    }

    /// Writes as much as fits.
    pub(crate) fn send(&mut self, now: Instant, out: &mut Outbox<ClientEvent>) {
        let State::Talking { conn, sent_len, give_up_at, .. } = &mut self.state else { return };
        *give_up_at = now + self.timeout;
        while *sent_len < self.whole_len {
            let left_len = usize::try_from(self.whole_len - *sent_len).unwrap_or(usize::MAX);
            let begin = phase(*sent_len);
            let bytes = &TEXTS[begin..begin + left_len.min(MAX_WRITE_LEN)];
            let fits_len = out.write(*conn, bytes);
            *sent_len += fits_len as u64;
            if fits_len < bytes.len() {
                return;
            }
        }
        out.shutdown(*conn);
    }

    fn received(&mut self, bytes: &[u8], now: Instant, out: &mut Outbox<ClientEvent>) {
        let State::Talking { conn, sent_len, received_len, give_up_at } = &mut self.state else { return };
        *give_up_at = now + self.timeout;
        // Nobody answers what was not sent yet.
        let unanswered_len = usize::try_from(*sent_len - *received_len).unwrap_or(usize::MAX);
        let right_len = right_len(&bytes[..bytes.len().min(unanswered_len)], *received_len);
        *received_len += right_len as u64;
        if right_len < bytes.len() {
            let (conn, at) = (*conn, *received_len);
            out.abort(conn);
            self.end(ClientEvent::Wrong(at), Status::Failure, out);
        }
    }

    fn eof(&mut self, out: &mut Outbox<ClientEvent>) {
        let State::Talking { conn, sent_len, received_len, .. } = self.state else { return };
        out.close(conn);
        if received_len == self.whole_len {
            self.end(ClientEvent::Finished { sent_len, received_len }, Status::Success, out);
        } else {
            let early = EarlyEnd { want_len: self.whole_len as usize, got_len: received_len as usize };
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
                self.connected(conn, now, out);
                self.send(now, out);
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            (State::Talking { .. }, Input::Writable { .. }) => self.send(now, out),
            (State::Talking { .. }, Input::Received { bytes, .. }) => self.received(bytes, now, out),
            (State::Talking { .. }, Input::Eof { .. }) => self.eof(out),
            (State::Talking { .. }, Input::Closed { reason: CloseReason::Reset, .. }) => {
                self.end(ClientEvent::Reset(self.server), Status::Failure, out);
            }
            (State::Connecting { conn, .. } | State::Talking { conn, .. }, Input::Timeout) => {
                out.abort(*conn);
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
            }
            (_, Input::Stop) => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { give_up_at, .. } | State::Talking { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Over => None,
        }
    }
}
