//! The server: every byte comes back in upper case.

use super::ServerEvent;
use crate::lawful::Promises;
use crate::machine::{Input, Machine, Outbox, Peer, Status, limits};
use crate::parts::holdback::Holdback;
use crate::parts::per_conn::PerConn;
use crate::time::Instant;

/// Serves each connection by a [`Call`] of its own.
#[derive(Debug)]
pub struct Server {
    calls: PerConn<Call>,
}

impl Server {
    /// What it promises: one write for each read, or for each time that there is room again.
    pub const PROMISES: Promises = Promises::DEFAULT.max_messages(1).max_bytes(limits::MAX_READ_LEN);
}

impl Default for Server {
    fn default() -> Self {
        Self { calls: PerConn::new(Call::new) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Stop => out.done(Status::Success),
            input => out.pass_on(&mut self.calls, input, now),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.calls.deadline()
    }
}

/// One connection of the server.
///
/// ```text
///        ┌────── room again ◄──────┐
/// reading ── the answer does not fit ─► holding back
///    ├─ eof ─► closing
///    └─ reset ─► over
/// ```
#[derive(Debug)]
pub struct Call {
    peer: Peer,
    /// How many bytes were read.
    len: u64,
    /// The answers that the client has not taken yet; at most those to one read.
    held: Holdback,
    is_over: bool,
}

impl Call {
    fn new(peer: Peer) -> Self {
        Self { peer, len: 0, held: Holdback::default(), is_over: false }
    }
}

impl Machine for Call {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            _ if self.is_over => {}
            Input::Connected { peer, .. } => out.event(ServerEvent::Accepted(peer)),
            Input::Received { conn, bytes } => {
                // Each byte is answered by itself, so a read longer than the original's 1024 bytes is several of them.
                self.len += bytes.len() as u64;
                self.held.write(conn, &bytes.to_ascii_uppercase(), out);
            }
            Input::Writable { conn } => _ = self.held.flush(conn, out),
            Input::Eof { conn } => {
                self.is_over = true;
                out.close(conn);
                out.event(ServerEvent::Processed { peer: self.peer, len: self.len });
            }
            Input::Closed { .. } => {
                self.is_over = true;
                out.event(ServerEvent::Reset(self.peer));
            }
            _ => {}
        }
    }
}
