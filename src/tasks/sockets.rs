//! What a host keeps of its sockets, and of tasks that wait.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use super::executor::Cell;
use crate::machine::{CloseReason, Conn, ConnectError, Peer};

/// A task that was spawned and has not run yet.
pub(super) struct Spawned {
    pub(super) future: Pin<Box<dyn Future<Output = ()>>>,
    pub(super) cell: Arc<Cell>,
}

/// Tasks that wait for the same thing.
#[derive(Default)]
pub(super) struct Waiting(Vec<Waker>);

impl Waiting {
    /// Adds a task, unless it waits already.
    pub(super) fn add(&mut self, waker: &Waker) {
        if !self.0.iter().any(|other| other.will_wake(waker)) {
            self.0.push(waker.clone());
        }
    }

    pub(super) fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A datagram socket.
pub(super) struct Datagrams {
    pub(super) local: Peer,
    pub(super) connected: Option<Peer>,
    /// The sources and lengths of the datagrams that have come.
    pub(super) came: VecDeque<(Peer, usize)>,
    /// Their bytes.
    pub(super) bytes: VecDeque<u8>,
    /// The peer refused a datagram, and nobody knows yet.
    pub(super) is_refused: bool,
    pub(super) readers: Waiting,
}

/// Where a host listens.
pub(super) struct Listener {
    pub(super) local: Peer,
    /// The streams that nobody has accepted yet, with the address of each peer.
    pub(super) backlog: VecDeque<(usize, Peer)>,
    pub(super) accepting: Waiting,
}

/// How far a stream has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Dialing,
    Failed(ConnectError),
    Open,
    Closed(CloseReason),
}

/// One end of a stream.
pub(super) struct Stream {
    pub(super) conn: Conn,
    pub(super) standing: Standing,
    pub(super) addresses: [Peer; 2],
    pub(super) unread: VecDeque<u8>,
    pub(super) is_paused: bool,
    pub(super) has_eof: bool,
    pub(super) is_shut: bool,
    pub(super) readers: Waiting,
    pub(super) writers: Waiting,
}
