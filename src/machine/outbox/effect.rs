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

/// An [`Effect`] as it is kept: the bytes are in the arena.
#[derive(Debug)]
pub(super) enum Step<E> {
    Send(Peer, Chunk),
    Connect(Conn, Peer),
    Write(Conn, Chunk),
    Shutdown(Conn),
    Close(Conn),
    Abort(Conn),
    Pause(Conn),
    Resume(Conn),
    Save(Chunk),
    Event(E),
    Done(Status),
    Violation(Violation),
}

impl<E> Step<E> {
    /// The effect, with its event as `event` turns it out.
    pub(super) fn view<F>(self, arena: &[u8]) -> Effect<'_, F>
    where
        E: Into<F>,
    {
        match self {
            Self::Send(peer, chunk) => Effect::Send { peer, bytes: &arena[chunk.range()] },
            Self::Connect(conn, peer) => Effect::Connect { conn, peer },
            Self::Write(conn, chunk) => Effect::Write { conn, bytes: &arena[chunk.range()] },
            Self::Shutdown(conn) => Effect::Shutdown { conn },
            Self::Close(conn) => Effect::Close { conn },
            Self::Abort(conn) => Effect::Abort { conn },
            Self::Pause(conn) => Effect::Pause { conn },
            Self::Resume(conn) => Effect::Resume { conn },
            Self::Save(chunk) => Effect::Save { bytes: &arena[chunk.range()] },
            Self::Event(event) => Effect::Event(event.into()),
            Self::Done(status) => Effect::Done(status),
            Self::Violation(violation) => Effect::Violation(violation),
        }
    }

    pub(super) fn by_ref(&self) -> Step<&E> {
        match self {
            Self::Send(peer, chunk) => Step::Send(*peer, *chunk),
            Self::Connect(conn, peer) => Step::Connect(*conn, *peer),
            Self::Write(conn, chunk) => Step::Write(*conn, *chunk),
            Self::Shutdown(conn) => Step::Shutdown(*conn),
            Self::Close(conn) => Step::Close(*conn),
            Self::Abort(conn) => Step::Abort(*conn),
            Self::Pause(conn) => Step::Pause(*conn),
            Self::Resume(conn) => Step::Resume(*conn),
            Self::Save(chunk) => Step::Save(*chunk),
            Self::Event(event) => Step::Event(event),
            Self::Done(status) => Step::Done(*status),
            Self::Violation(violation) => Step::Violation(violation.clone()),
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
