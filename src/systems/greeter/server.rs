//! The servers: one for streams, one for datagrams.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::{ServerEvent, TEXT};
use crate::machine::{Conn, ConnMap, Input, Machine, Outbox, Peer, Status, limits};
use crate::systems::Kind;
use crate::time::Instant;

/// How many connections wait for the one handler at most; one more is turned away.
pub const MAX_WAITING: usize = 1024;

const _: () = assert!(TEXT.len() <= limits::SEND_BUFFER_LEN, "a new connection takes the text whole");

/// Thanks every connection and closes it, without ever reading. So nothing that a client does keeps a handler longer
/// than it is to last.
///
/// ```text
///             its turn has come                  `hold` is over
/// Waiting ───────────────────────► Handled ───────────────────────► closing, nobody's
///    └─ closed by the client ─► gone   └─ closed by the client: the next one's turn
/// ```
///
/// The concurrent kind knows no waiting; without a hold, nobody is ever handled for long enough to be kept.
#[derive(Debug)]
pub struct StreamServer {
    kind: Kind,
    hold: Duration,
    /// Those whose turn has not come, in the order in which they connected.
    waiting: VecDeque<(Conn, Peer)>,
    /// Those that are handled, with the moment at which each is let go.
    handled: ConnMap<(Peer, Instant)>,
    /// The same by moment, the earliest first.
    deadlines: BTreeSet<(Instant, Conn)>,
}

impl StreamServer {
    /// A server whose handlers last so long each.
    pub fn new(kind: Kind, hold: Duration) -> Self {
        Self { kind, hold, waiting: VecDeque::new(), handled: ConnMap::default(), deadlines: BTreeSet::new() }
    }

    /// Begins the handlers whose turn has come.
    fn begin(&mut self, now: Instant, out: &mut Outbox<ServerEvent>) {
        while (self.kind == Kind::Concurrent || self.handled.is_empty())
            && let Some((conn, peer)) = self.waiting.pop_front()
        {
            out.event(ServerEvent::Connected(peer));
            let _fits_len = out.write(conn, TEXT);
            if self.hold.is_zero() {
                out.close(conn);
                out.event(ServerEvent::LetGo(peer));
            } else {
                let due_at = now + self.hold;
                self.handled.insert(conn, (peer, due_at));
                self.deadlines.insert((due_at, conn));
            }
        }
    }

    /// Ends a handler, if there is one for this connection.
    fn let_go(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        if let Some((peer, due_at)) = self.handled.remove(conn) {
            self.deadlines.remove(&(due_at, conn));
            out.close(conn);
            out.event(ServerEvent::LetGo(peer));
        }
    }
}

impl Machine for StreamServer {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Connected { conn, peer, .. } if self.waiting.len() < MAX_WAITING => {
                self.waiting.push_back((conn, peer));
                self.begin(now, out);
            }
            Input::Connected { conn, peer, .. } => {
                out.abort(conn);
                out.event(ServerEvent::TurnedAway(peer));
            }
            Input::Closed { conn, .. } => {
                self.waiting.retain(|(waiting, _)| *waiting != conn);
                self.let_go(conn, out);
                self.begin(now, out);
            }
            Input::Timeout => {
                while let Some(&(due_at, conn)) = self.deadlines.first()
                    && due_at <= now
                {
                    self.let_go(conn, out);
                }
                self.begin(now, out);
            }
            Input::Stop => out.done(Status::Success),
            // What a client says is nothing to the server, nor that it will say no more.
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due_at, _)| *due_at)
    }
}

/// Thanks for every datagram, whatever is in it. There is nothing to wait for and nothing to hold: its handler ends with
/// the answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatagramServer;

impl Machine for DatagramServer {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Datagram { peer, .. } => {
                out.event(ServerEvent::Connected(peer));
                out.reply(TEXT);
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}
