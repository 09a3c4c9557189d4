//! The client: one request, one response, to the end of its body.

use std::time::Duration;

use super::{ClientEvent, check};
use crate::machine::{CloseReason, Conn, ConnectError, Input, Machine, Outbox, Peer, Status};
use crate::parts::speech::Speech;
use crate::time::Instant;
use crate::wire::http::{Body, HeadReader, MAX_BODY_LEN, Response};

/// How many interim responses (1xx) the client reads over.
pub const MAX_INTERIM: u32 = 16;
/// How many of its waits the whole response may take, however lively it drips.
pub const MAX_WAITS: u32 = 60;

/// Asks for one page, at the first of its addresses that can be connected to.
#[derive(Debug)]
pub struct Client {
    /// At least one.
    addresses: Vec<Peer>,
    request: Vec<u8>,
    timeout: Duration,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting(0) ── refused, deadline ──► Connecting(1) ── … ──► Over
///                     └───────── connected ──────────────────┘
///                                    ▼           1xx: the next head
///                                   Head ──────────────────────────────► Head
///                                    ├── the head ──► Body ── whole ──► Over
///                                    └── eof, reset, deadline, nonsense ──┘
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting { address: usize, conn: Conn, give_up_at: Instant },
    Reading { call: Call, part: Part, give_up_at: Instant },
    Over,
}

/// The connection that stands.
#[derive(Clone, Copy, Debug)]
struct Call {
    conn: Conn,
    peer: Peer,
    speech: Speech,
    /// The end of all waiting.
    at_latest: Instant,
}

/// What of the response is read.
#[derive(Debug)]
enum Part {
    Head { reader: HeadReader, interim: u32 },
    Body(Body),
}

/// What is left to do when some bytes have been read.
enum Next {
    GoOn,
    End(ClientEvent, Status),
}

impl Client {
    /// A client that asks `host` for `path`, at `server` or at the next of the other addresses, and waits so long to be
    /// connected to each, and again for each next piece of the answer.
    ///
    /// # Panics
    /// If `host` or `path` does not [fit](super::fits_request).
    pub fn new(server: Peer, fallbacks: &[Peer], host: &str, path: &str, timeout: Duration) -> Self {
        check(host, path);
        let addresses = [&[server], fallbacks].concat();
        Self { addresses, request: request(host, path), timeout, state: State::Idle }
    }

    fn connect(&mut self, address: usize, now: Instant, out: &mut Outbox<ClientEvent>) {
        let conn = out.connect(self.addresses[address]);
        self.state = State::Connecting { address, conn, give_up_at: now + self.timeout };
    }

    /// Tries the next address, if there is one.
    fn failed(&mut self, address: usize, reason: ConnectError, now: Instant, out: &mut Outbox<ClientEvent>) {
        let peer = self.addresses[address];
        if address + 1 < self.addresses.len() {
            out.event(ClientEvent::TryingNext(peer, reason));
            self.connect(address + 1, now, out);
        } else {
            self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
        }
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        if let State::Reading { call, .. } = &self.state {
            out.close(call.conn);
        }
        self.state = State::Over;
        out.event(event);
        out.done(status);
    }

    fn timed_out(&mut self, now: Instant, out: &mut Outbox<ClientEvent>) {
        match self.state {
            State::Connecting { address, conn, .. } => {
                out.abort(conn);
                self.failed(address, ConnectError::TimedOut, now, out);
            }
            State::Reading { call, .. } => {
                out.abort(call.conn);
                let event = if now < call.at_latest {
                    ClientEvent::NoAnswer(self.timeout)
                } else {
                    ClientEvent::TooSlow
                };
                self.state = State::Over;
                self.end(event, Status::Failure, out);
            }
            State::Idle | State::Over => {}
        }
    }
}

/// The bytes of a request.
fn request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
}

impl Part {
    fn head(interim: u32) -> Self {
        Self::Head { reader: HeadReader::default(), interim }
    }

    /// Takes what came.
    fn push(&mut self, mut bytes: &[u8], out: &mut Outbox<ClientEvent>) -> Next {
        loop {
            let whole = match self {
                Self::Head { reader, interim } => match read_head(reader, *interim, &mut bytes, out) {
                    Ok(None) => return Next::GoOn,
                    Ok(Some(next)) => {
                        *self = next;
                        continue;
                    }
                    Err(event) => return Next::End(event, Status::Failure),
                },
                Self::Body(body) => body.push(bytes).map(|_| body.is_complete()),
            };
            return match whole {
                Ok(false) => Next::GoOn,
                Ok(true) => self.finish(),
                Err(error) => Next::End(ClientEvent::BadBody(error), Status::Failure),
            };
        }
    }

    /// What there is, now that nothing more belongs to it.
    fn finish(&mut self) -> Next {
        match std::mem::replace(self, Self::head(0)) {
            Self::Head { reader, .. } => Next::End(ClientEvent::NoBlankLine(reader.len()), Status::Failure),
            Self::Body(body) => match body.finish() {
                Ok(body) => Next::End(ClientEvent::Body(body), Status::Success),
                Err(error) => Next::End(ClientEvent::BadBody(error), Status::Failure),
            },
        }
    }
}

/// Takes the head from the front of `bytes`; gives what comes after it, once it is whole.
fn read_head(
    reader: &mut HeadReader,
    interim: u32,
    bytes: &mut &[u8],
    out: &mut Outbox<ClientEvent>,
) -> Result<Option<Part>, ClientEvent> {
    let head_len = reader.push(bytes).map_err(ClientEvent::BadHead)?;
    *bytes = &bytes[head_len..];
    let Some(head) = reader.head() else { return Ok(None) };
    let response = Response::parse(head).map_err(ClientEvent::BadHead)?;
    if response.is_interim() {
        return if interim < MAX_INTERIM {
            Ok(Some(Part::head(interim + 1)))
        } else {
            Err(ClientEvent::NoFinal)
        };
    }
    out.event(ClientEvent::Head(head.to_vec()));
    let body = Body::new(response.framing, MAX_BODY_LEN).map_err(ClientEvent::BadBody)?;
    Ok(Some(Part::Body(body)))
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&mut self.state, input) {
            (State::Idle, Input::Start { .. }) => self.connect(0, now, out),
            (State::Connecting { .. }, Input::Connected { conn, peer, .. }) => {
                let mut call = Call {
                    conn,
                    peer,
                    speech: Speech::default(),
                    at_latest: now + self.timeout.saturating_mul(MAX_WAITS),
                };
                call.speech.go_on(&[&self.request], conn, out);
                self.state = State::Reading { call, part: Part::head(0), give_up_at: now + self.timeout };
            }
            (State::Connecting { address, .. }, Input::ConnectFailed { reason, .. }) => {
                let address = *address;
                self.failed(address, reason, now, out);
            }
            (State::Reading { call, .. }, Input::Writable { conn }) => {
                call.speech.go_on(&[&self.request], conn, out);
            }
            (State::Reading { call, part, give_up_at }, Input::Received { bytes, .. }) => {
                *give_up_at = call.at_latest.min(now + self.timeout);
                if let Next::End(event, status) = part.push(bytes, out) {
                    self.end(event, status, out);
                }
            }
            (State::Reading { part, .. }, Input::Eof { .. }) => {
                if let Next::End(event, status) = part.finish() {
                    self.end(event, status, out);
                }
            }
            (State::Reading { call, .. }, Input::Closed { reason: CloseReason::Reset, .. }) => {
                let event = ClientEvent::Reset(call.peer);
                self.state = State::Over;
                self.end(event, Status::Failure, out);
            }
            (_, Input::Timeout) => self.timed_out(now, out),
            (_, Input::Stop) => {
                self.state = State::Over;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { give_up_at, .. } | State::Reading { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Over => None,
        }
    }
}
