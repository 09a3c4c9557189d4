//! The clients: one for streams, one for datagrams.

use std::time::Duration;

use super::{ClientEvent, HELLO, TEXT};
use crate::machine::{CloseReason, Conn, ConnectError, Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;
use crate::wire::exact::Exact;

/// Connects and reads the server's thanks, and no further: how long the server holds it afterwards is nothing to it.
#[derive(Debug)]
pub struct StreamClient {
    server: Peer,
    timeout: Duration,
    state: StreamState,
}

/// ```text
/// Idle ──start──► Connecting ──connected──► Reading ──the text──► Over
///                     └──── refused ───────────┴── eof, reset, deadline ──┘
/// ```
#[derive(Debug)]
enum StreamState {
    Idle,
    Connecting { conn: Conn, give_up_at: Instant },
    Reading { conn: Conn, text: Exact, give_up_at: Instant },
    Over,
}

impl StreamClient {
    /// A client of the server that waits so long to be connected, and again for the text.
    pub fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, state: StreamState::Idle }
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = StreamState::Over;
        out.event(event);
        out.done(status);
    }
}

impl Machine for StreamClient {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&mut self.state, input) {
            (StreamState::Idle, Input::Start { .. }) => {
                let conn = out.connect(self.server);
                self.state = StreamState::Connecting { conn, give_up_at: now + self.timeout };
            }
            (StreamState::Connecting { .. }, Input::Connected { conn, .. }) => {
                let text = Exact::new(TEXT.len());
                self.state = StreamState::Reading { conn, text, give_up_at: now + self.timeout };
            }
            (StreamState::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            (StreamState::Reading { conn, text, .. }, Input::Received { bytes, .. }) => {
                let _surplus = text.push(bytes);
                if let Some(text) = text.message() {
                    let heard = ClientEvent::Heard(text.to_vec());
                    out.close(*conn);
                    self.end(heard, Status::Success, out);
                }
            }
            (StreamState::Reading { conn, text, .. }, Input::Eof { .. }) => {
                if let Err(early) = text.finish() {
                    out.close(*conn);
                    self.end(ClientEvent::EndedEarly(early), Status::Failure, out);
                }
            }
            (StreamState::Reading { .. }, Input::Closed { reason: CloseReason::Reset, .. }) => {
                self.end(ClientEvent::Reset(self.server), Status::Failure, out);
            }
            (StreamState::Connecting { conn, .. } | StreamState::Reading { conn, .. }, Input::Timeout) => {
                out.abort(*conn);
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
            }
            (_, Input::Stop) => {
                self.state = StreamState::Over;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            StreamState::Connecting { give_up_at, .. } | StreamState::Reading { give_up_at, .. } => {
                Some(give_up_at)
            }
            StreamState::Idle | StreamState::Over => None,
        }
    }
}

/// Says hello by one datagram and takes one answer, from its server alone.
#[derive(Debug)]
pub struct DatagramClient {
    server: Peer,
    timeout: Duration,
    state: DatagramState,
}

/// ```text
/// Idle ──start──► Waiting ──answer, refusal, or the deadline──► Over
/// ```
#[derive(Debug)]
enum DatagramState {
    Idle,
    Waiting { give_up_at: Instant },
    Over,
}

impl DatagramClient {
    /// A client of the server that waits so long for the answer.
    pub fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, state: DatagramState::Idle }
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = DatagramState::Over;
        out.event(event);
        out.done(status);
    }
}

impl Machine for DatagramClient {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (DatagramState::Idle, Input::Start { .. }) => {
                out.send(self.server, HELLO);
                self.state = DatagramState::Waiting { give_up_at: now + self.timeout };
            }
            (DatagramState::Waiting { .. }, Input::Datagram { peer, bytes, .. }) if peer == self.server => {
                self.end(ClientEvent::Heard(bytes.to_vec()), Status::Success, out);
            }
            (DatagramState::Waiting { .. }, Input::Unreachable { peer, .. }) if peer == self.server => {
                self.end(ClientEvent::NoConnection(peer, ConnectError::Refused), Status::Failure, out);
            }
            (DatagramState::Waiting { .. }, Input::Timeout) => {
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
            }
            (_, Input::Stop) => {
                self.state = DatagramState::Over;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            DatagramState::Waiting { give_up_at } => Some(give_up_at),
            DatagramState::Idle | DatagramState::Over => None,
        }
    }
}
