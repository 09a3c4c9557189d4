//! What a machine wants done, one thing at a time.

use std::ops::Range;

use crate::machine::{Conn, Peer, Violation};

/// How a machine ended: what the process would exit with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It did what it was for.
    Success,
    /// It gave up.
    Failure,
}

impl Status {
    /// The exit status of a process: 0 or 1.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
        }
    }
}

/// Bytes that were put into an outbox once, to be sent to many. Good until the outbox is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Chunk {
    /// How many bytes it has.
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it has none.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The first `len` bytes of it.
    pub(super) const fn prefix(self, len: u32) -> Self {
        Self { start: self.start, end: self.start + len }
    }

    const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One thing that a machine wants done, as whoever drives it takes it from the [`Outbox`](super::Outbox).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<'a, E> {
    /// Send one datagram.
    Send {
        /// To whom.
        peer: Peer,
        /// The payload.
        bytes: &'a [u8],
    },
    /// Open a stream.
    Connect {
        /// Its name.
        conn: Conn,
        /// To whom.
        peer: Peer,
    },
    /// Write to a stream; there is room for all of it.
    Write {
        /// Which.
        conn: Conn,
        /// What.
        bytes: &'a [u8],
    },
    /// Say that nothing more will be written to a stream.
    Shutdown {
        /// Which.
        conn: Conn,
    },
    /// Flush a stream, shut it down, discard input until its end, then report `Closed`.
    Close {
        /// Which.
        conn: Conn,
    },
    /// Reset a stream.
    Abort {
        /// Which.
        conn: Conn,
    },
    /// Deliver nothing more of a stream for now, so that back-pressure reaches the peer.
    Pause {
        /// Which.
        conn: Conn,
    },
    /// Deliver again.
    Resume {
        /// Which.
        conn: Conn,
    },
    /// Make these bytes the durable state, in place of what was saved before.
    Save {
        /// All of it.
        bytes: &'a [u8],
    },
    /// Tell the application.
    Event(E),
    /// The machine has ended: give it no more input, close what it left open.
    Done(Status),
    /// A law was broken: stop the run and say so.
    Violation(Violation),
}

/// An [`Effect`] as it is kept: what is large is in the outbox's lists, at these places.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Send(u32, Chunk),
    Connect(Conn, u32),
    Write(Conn, Chunk),
    Shutdown(Conn),
    Close(Conn),
    Abort(Conn),
    Pause(Conn),
    Resume(Conn),
    Save(Chunk),
    Event(u32),
    Done(Status),
    Violation(u32),
}

/// What steps refer to, beside the events.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    pub(super) arena: &'a [u8],
    pub(super) peers: &'a [Peer],
    pub(super) violations: &'a [Violation],
}

impl Step {
    /// The effect, with its event as `event` finds it by its place.
    pub(super) fn view<'a, F>(&self, lists: Lists<'a>, event: impl FnOnce(usize) -> F) -> Effect<'a, F> {
        let bytes = |chunk: Chunk| &lists.arena[chunk.range()];
        let peer = |index: u32| lists.peers[index as usize];
        match *self {
            Self::Send(to, chunk) => Effect::Send { peer: peer(to), bytes: bytes(chunk) },
            Self::Connect(conn, to) => Effect::Connect { conn, peer: peer(to) },
            Self::Write(conn, chunk) => Effect::Write { conn, bytes: bytes(chunk) },
            Self::Shutdown(conn) => Effect::Shutdown { conn },
            Self::Close(conn) => Effect::Close { conn },
            Self::Abort(conn) => Effect::Abort { conn },
            Self::Pause(conn) => Effect::Pause { conn },
            Self::Resume(conn) => Effect::Resume { conn },
            Self::Save(chunk) => Effect::Save { bytes: bytes(chunk) },
            Self::Event(index) => Effect::Event(event(index as usize)),
            Self::Done(status) => Effect::Done(status),
            Self::Violation(index) => Effect::Violation(lists.violations[index as usize].clone()),
        }
    }
}

/// Something sent where nothing can be sent any more: what law 9 forbids. It had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// A write, or a shutdown, on a connection that is not open for writing.
    #[error("it wrote to connection {0}, which is not open for writing")]
    NotOpen(Conn),
    /// Anything at all after the machine said that it was done.
    #[error("it put something out after it was done")]
    AfterDone,
}
