//! What a host keeps of its sockets, and of tasks that wait.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use super::executor::Cell;
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::machine::{CloseReason, Conn, ConnectError, Ecn, Peer};

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
    /// It is bound to any address, and so hears groups.
    pub(super) hears_groups: bool,
    /// The groups that it has joined.
    pub(super) groups: BTreeSet<IpAddr>,
    /// What it sends to a group comes back to its host.
    pub(super) loops: bool,
    /// The sources, lengths and ECN fields of the datagrams that have come.
    pub(super) came: VecDeque<(Peer, usize, Ecn)>,
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

/// The address of a new socket, if no other of its kind has it. For port 0 that is one with the next port that none of
/// them has, so that a late datagram for a socket that was closed does not find another.
pub(super) fn claim(
    local: Peer,
    next_port: &mut u16,
    mut taken: impl Iterator<Item = Peer> + Clone,
) -> io::Result<Peer> {
    if local.port() == Some(0) {
        for _ in FIRST_EPHEMERAL_PORT..=u16::MAX {
            let port = *next_port;
            *next_port = port.checked_add(1).unwrap_or(FIRST_EPHEMERAL_PORT);
            if !taken.clone().any(|other| other.port() == Some(port)) {
                return Ok(local.with_port(port));
            }
        }
        return Err(io::ErrorKind::AddrInUse.into());
    }
    if taken.any(|other| other == local) {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{local} is in use on this host")));
    }
    Ok(local)
}
