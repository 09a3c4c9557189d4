//! One request, one response, to the end of its body: what clients of HTTP have in common.

use std::time::Duration;

use super::{ClientEvent, MAX_INTERIM, MAX_WAITS};
use crate::machine::{CloseReason, Conn, ConnectError, Effects, Input, Outbox, Peer, Status};
use crate::parts::speech::Speech;
use crate::time::Instant;
use crate::wire::http::{Body, HeadReader, Response};

/// Asks once, at the first of its addresses that can be connected to.
///
/// It is no machine by itself: whoever has it hands it all inputs but `Stop`, and says what its end means.
#[derive(Debug)]
pub(in crate::systems) struct Fetch {
    /// At least one.
    addresses: Vec<Peer>,
    request: Vec<u8>,
    max_body_len: usize,
    timeout: Duration,
    /// That of the final response, once its head is there.
    status: Option<u16>,
    state: State,
}

/// How it has ended: with this event, and well or not.
pub(in crate::systems) type Ended = (ClientEvent, Status);

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
    Head {
        reader: HeadReader,
        interim: u32,
    },
    Body {
        body: Body,
        status: u16,
    },
    /// All, or as much as there will be.
    Over {
        status: Option<u16>,
    },
}

/// What is left to do when some bytes have been read.
enum Next {
    GoOn,
    End(ClientEvent, Status),
}

impl Fetch {
    /// Sends this request to the first of these addresses, of which there is one at least, and waits so long to be connected to
    /// each, and again for each next piece of the answer. Of its body it takes so many bytes at most.
    pub(in crate::systems) const fn new(
        addresses: Vec<Peer>,
        request: Vec<u8>,
        max_body_len: usize,
        timeout: Duration,
    ) -> Self {
        Self { addresses, request, max_body_len, timeout, status: None, state: State::Idle }
    }

    /// The status of the final response, once its head is there.
    pub(in crate::systems) const fn status(&self) -> Option<u16> {
        self.status
    }

    /// Ends it where it is, and closes its connection if one stands.
    pub(in crate::systems) fn stop(&mut self, out: &mut Effects) {
        if let State::Reading { call, .. } = &self.state {
            out.close(call.conn);
        }
        self.state = State::Over;
    }

    fn connect(&mut self, address: usize, now: Instant, out: &mut Effects) {
        let conn = out.connect(self.addresses[address]);
        self.state = State::Connecting { address, conn, give_up_at: now + self.timeout };
    }

    /// Tries the next address, if there is one.
    fn failed<E: From<ClientEvent>>(
        &mut self,
        address: usize,
        reason: ConnectError,
        now: Instant,
        out: &mut Outbox<E>,
    ) -> Option<Ended> {
        let peer = self.addresses[address];
        if address + 1 < self.addresses.len() {
            out.event(ClientEvent::TryingNext(peer, reason).into());
            self.connect(address + 1, now, out);
            None
        } else {
            self.state = State::Over;
            Some((ClientEvent::NoConnection(peer, reason), Status::Failure))
        }
    }

    fn timed_out<E: From<ClientEvent>>(&mut self, now: Instant, out: &mut Outbox<E>) -> Option<Ended> {
        match self.state {
            State::Connecting { address, conn, .. } => {
                out.abort(conn);
                self.failed(address, ConnectError::TimedOut, now, out)
            }
            State::Reading { call, .. } => {
                out.abort(call.conn);
                let event = if now < call.at_latest {
                    ClientEvent::NoAnswer(self.timeout)
                } else {
                    ClientEvent::TooSlow
                };
                self.state = State::Over;
                Some((event, Status::Failure))
            }
            State::Idle | State::Over => None,
        }
    }

    /// Handles an input; gives its end, once it has come.
    pub(in crate::systems) fn handle<E: From<ClientEvent>>(
        &mut self,
        input: Input<'_, ()>,
        now: Instant,
        out: &mut Outbox<E>,
    ) -> Option<Ended> {
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
                return self.failed(address, reason, now, out);
            }
            (State::Reading { call, .. }, Input::Writable { conn }) => {
                call.speech.go_on(&[&self.request], conn, out);
            }
            (State::Reading { call, part, give_up_at }, Input::Received { bytes, .. }) => {
                *give_up_at = call.at_latest.min(now + self.timeout);
                let next = part.push(bytes, self.max_body_len, out);
                self.status = part.status();
                return self.ended(next, out);
            }
            (State::Reading { part, .. }, Input::Eof { .. }) => {
                let next = part.finish();
                return self.ended(next, out);
            }
            (State::Reading { call, .. }, Input::Closed { reason: CloseReason::Reset, .. }) => {
                let event = ClientEvent::Reset(call.peer);
                self.state = State::Over;
                return Some((event, Status::Failure));
            }
            (_, Input::Timeout) => return self.timed_out(now, out),
            _ => {}
        }
        None
    }

    fn ended(&mut self, next: Next, out: &mut Effects) -> Option<Ended> {
        match next {
            Next::GoOn => None,
            Next::End(event, status) => {
                self.stop(out);
                Some((event, status))
            }
        }
    }

    /// When the next timeout is due.
    pub(in crate::systems) const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { give_up_at, .. } | State::Reading { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Over => None,
        }
    }
}

impl Part {
    fn head(interim: u32) -> Self {
        Self::Head { reader: HeadReader::default(), interim }
    }

    /// The status of the final response, once its head is there.
    const fn status(&self) -> Option<u16> {
        match self {
            Self::Head { .. } => None,
            Self::Body { status, .. } => Some(*status),
            Self::Over { status } => *status,
        }
    }

    /// Takes what came.
    fn push<E: From<ClientEvent>>(
        &mut self,
        mut bytes: &[u8],
        max_body_len: usize,
        out: &mut Outbox<E>,
    ) -> Next {
        loop {
            let whole = match self {
                Self::Head { reader, interim } => {
                    match read_head((reader, *interim), max_body_len, &mut bytes, out) {
                        Ok(None) => return Next::GoOn,
                        Ok(Some(next)) => {
                            *self = next;
                            continue;
                        }
                        Err(event) => return Next::End(event, Status::Failure),
                    }
                }
                Self::Body { body, .. } => body.push(bytes).map(|_| body.is_complete()),
                Self::Over { .. } => return Next::GoOn,
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
        let over = Self::Over { status: self.status() };
        match std::mem::replace(self, over) {
            Self::Over { .. } => Next::GoOn,
            Self::Head { reader, .. } => Next::End(ClientEvent::NoBlankLine(reader.len()), Status::Failure),
            Self::Body { body, .. } => match body.finish() {
                Ok(body) => Next::End(ClientEvent::Body(body), Status::Success),
                Err(error) => Next::End(ClientEvent::BadBody(error), Status::Failure),
            },
        }
    }
}

/// Takes the head from the front of `bytes`; gives what comes after it, once it is whole.
fn read_head<E: From<ClientEvent>>(
    (reader, interim): (&mut HeadReader, u32),
    max_body_len: usize,
    bytes: &mut &[u8],
    out: &mut Outbox<E>,
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
    out.event(ClientEvent::Head(head.to_vec()).into());
    let body = Body::new(response.framing, max_body_len).map_err(ClientEvent::BadBody)?;
    Ok(Some(Part::Body { body, status: response.status }))
}
