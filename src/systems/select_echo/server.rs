//! The server: one machine for all connections, for what it waits for is any event at all.

use std::time::Duration;

use super::ServerEvent;
use crate::lawful::{Cuts, Promises};
use crate::machine::{CloseReason, Conn, ConnMap, Input, Machine, Outbox, Peer, Status, limits};
use crate::parts::holdback::Holdback;
use crate::time::Instant;

/// Echoes on each connection, and ends when nothing has happened for too long.
#[derive(Debug)]
pub struct Server {
    idle: Duration,
    calls: ConnMap<Call>,
    started_at: Instant,
    /// When it ends, unless something happens before; none before it has started and after it has ended.
    idle_at: Option<Instant>,
}

/// One connection.
///
/// ```text
///        ┌────── room again ◄──────┐
/// reading ── the echo does not fit ─► queueing
///    └─ eof ─► closing
/// ```
#[derive(Debug)]
struct Call {
    peer: Peer,
    /// What is to be written still; at most what one read brought, for meanwhile there is none.
    queue: Holdback,
    is_closing: bool,
}

impl Server {
    /// What it promises: one write for each read, or for each time that there is room again.
    pub const PROMISES: Promises =
        Promises::DEFAULT.max_messages(1).max_bytes(limits::MAX_READ_LEN).cuts(Cuts::EventsTell);

    /// A server that ends after so long without any event.
    pub fn new(idle: Duration) -> Self {
        Self { idle, calls: ConnMap::default(), started_at: Instant::START, idle_at: None }
    }

    fn received(&mut self, conn: Conn, bytes: &[u8], out: &mut Outbox<ServerEvent>) {
        let Some(call) = self.calls.get_mut(conn).filter(|call| !call.is_closing) else { return };
        out.event(ServerEvent::Heard { peer: call.peer, text: bytes.to_vec() });
        let written_len = call.queue.write(conn, bytes, out);
        call.echoed(&bytes[..written_len], out);
    }

    fn writable(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        let Some(call) = self.calls.get_mut(conn).filter(|call| !call.is_closing) else { return };
        let written = call.queue.flush(conn, out);
        call.echoed(&written, out);
    }

    fn eof(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        let Some(call) = self.calls.get_mut(conn) else { return };
        // Nothing is queued: the end of a paused stream comes only after it is resumed.
        call.is_closing = true;
        out.event(ServerEvent::Closing(call.peer));
        out.close(conn);
    }

    /// Whether the original would have noticed: of a connection that it has closed itself it hears nothing more.
    fn closed(&mut self, conn: Conn, reason: CloseReason, out: &mut Outbox<ServerEvent>) -> bool {
        let call = self.calls.remove(conn).filter(|_| reason == CloseReason::Reset);
        if let Some(call) = &call {
            out.event(ServerEvent::Exception(call.peer));
        }
        call.is_some()
    }
}

impl Call {
    /// Tells what was written just now.
    fn echoed(&self, written: &[u8], out: &mut Outbox<ServerEvent>) {
        if !written.is_empty() {
            out.event(ServerEvent::Echoed { peer: self.peer, text: written.to_vec() });
        }
        if self.queue.is_empty() {
            out.event(ServerEvent::QueueEmpty(self.peer));
        }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { .. } => self.started_at = now,
            Input::Connected { conn, peer, .. } => {
                self.calls.insert(conn, Call { peer, queue: Holdback::default(), is_closing: false });
                out.event(ServerEvent::Connection(peer));
            }
            Input::Received { conn, bytes } => self.received(conn, bytes, out),
            Input::Writable { conn } => self.writable(conn, out),
            Input::Eof { conn } => self.eof(conn, out),
            Input::Closed { conn, reason } => {
                if !self.closed(conn, reason, out) {
                    return;
                }
            }
            Input::Timeout => {
                self.idle_at = None;
                out.event(ServerEvent::TimedOut { up: now.since(self.started_at) });
                out.done(Status::Success);
                return;
            }
            Input::Stop => {
                self.idle_at = None;
                out.done(Status::Success);
                return;
            }
            _ => return,
        }
        // One event of the original's loop is over.
        self.idle_at = Some(now + self.idle);
        out.event(ServerEvent::Waiting { up: now.since(self.started_at) });
    }

    fn deadline(&self) -> Option<Instant> {
        self.idle_at
    }
}
