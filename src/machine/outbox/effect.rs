//! Effects: what a machine wants, one by one.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use crate::machine::{Conn, Ecn, Peer, Violation, limits};

/// How a machine ended: what the process would exit with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It succeeded.
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

    pub(super) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One effect that a machine wants, as the driver takes it from the [`Outbox`](super::Outbox).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect<'a, E> {
    /// Send one datagram.
    Send {
        /// From which of the host's own addresses.
        local: Peer,
        /// To whom.
        peer: Peer,
        /// The payload.
        bytes: &'a [u8],
        /// The ECN field of its IP header.
        ecn: Ecn,
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
    /// Stop reading from a stream for now, so that a fast sender has to wait.
    Pause {
        /// Which.
        conn: Conn,
    },
    /// Read again.
    Resume {
        /// Which.
        conn: Conn,
    },
    /// Have the datagram sockets of a multicast group's family take what is sent to the group.
    Join {
        /// Its address.
        group: IpAddr,
    },
    /// Have them take it no more.
    Leave {
        /// Its address.
        group: IpAddr,
    },
    /// Make these bytes the durable state, in place of what was saved before.
    Save {
        /// All of it.
        bytes: &'a [u8],
    },
    /// Report an event to the application.
    Event(E),
    /// The machine has ended: give it no more input, close what it left open.
    Done(Status),
    /// A law was broken: stop the run and say so.
    Violation(Violation),
}

/// An [`Effect`] as it is kept: what is large is in the outbox's lists, at these places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(u32, Chunk, Ecn),
    Connect(Conn, u32),
    Write(Conn, Chunk),
    Shutdown(Conn),
    Close(Conn),
    Abort(Conn),
    Pause(Conn),
    Resume(Conn),
    Join(IpAddr),
    Leave(IpAddr),
    Save(Chunk),
    /// The event of this index among all that the outbox has been told.
    Event(u32),
    Done(Status),
    Violation(u32),
}

const _: () = assert!(size_of::<Step>() <= 20);

/// What steps refer to, beside the events.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    pub(super) arena: &'a [u8],
    /// The local address of each datagram, and after it where it goes; of each connect, where it goes.
    pub(super) ways: &'a [Peer],
    pub(super) violations: &'a [Violation],
}

impl Step {
    /// Whether real sockets have all before it leave first: what is saved is durable before what follows it leaves, and who
    /// hears what goes to a group depends on who is in it then.
    #[cfg(feature = "net")]
    pub(super) const fn is_barrier(&self) -> bool {
        matches!(self, Self::Save(_) | Self::Join(_) | Self::Leave(_))
    }

    /// The effect, with its event as `event` finds it by its place.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "whoever asks matches at once: inlined, most of it goes away")]
    pub(super) fn view<'a, F>(&self, lists: Lists<'a>, event: impl FnOnce(u32) -> F) -> Effect<'a, F> {
        let bytes = |chunk: Chunk| &lists.arena[chunk.range()];
        let way = |index: u32| lists.ways[index as usize];
        match *self {
            Self::Send(index, chunk, ecn) => {
                Effect::Send { local: way(index), peer: way(index + 1), bytes: bytes(chunk), ecn }
            }
            Self::Connect(conn, to) => Effect::Connect { conn, peer: way(to) },
            Self::Write(conn, chunk) => Effect::Write { conn, bytes: bytes(chunk) },
            Self::Shutdown(conn) => Effect::Shutdown { conn },
            Self::Close(conn) => Effect::Close { conn },
            Self::Abort(conn) => Effect::Abort { conn },
            Self::Pause(conn) => Effect::Pause { conn },
            Self::Resume(conn) => Effect::Resume { conn },
            Self::Join(group) => Effect::Join { group },
            Self::Leave(group) => Effect::Leave { group },
            Self::Save(chunk) => Effect::Save { bytes: bytes(chunk) },
            Self::Event(index) => Effect::Event(event(index)),
            Self::Done(status) => Effect::Done(status),
            Self::Violation(index) => Effect::Violation(lists.violations[index as usize].clone()),
        }
    }
}

/// An output that cannot be carried out: law 9 forbids it. It has no effect, in simulation or on real sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// A write, or a shutdown, on a connection that is not open for writing.
    NotOpen(Conn),
    /// Anything at all after the machine said that it was done.
    AfterDone,
    /// A datagram to this peer, on a host without a datagram socket of the peer's family.
    NoSocket(Peer),
    /// A datagram from an address that no datagram socket of the host has.
    NotLocal(Peer),
    /// A datagram with more bytes than [`limits`](crate::machine::limits) allow for its family.
    TooLong(usize),
    /// A reply while no datagram was handled.
    NothingToAnswer,
    /// Joining or leaving an address that is no multicast group's.
    NotAGroup(IpAddr),
    /// Joining a group, on a host without a datagram socket of its family.
    NoSocketToJoin(IpAddr),
    /// Joining one group more than [`limits::MAX_GROUPS`](crate::machine::limits::MAX_GROUPS).
    TooManyGroups(IpAddr),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen(conn) => {
                write!(f, "it wrote to connection {conn}, which is not open for writing")
            }
            Self::AfterDone => f.write_str("it put something out after it was done"),
            Self::NoSocket(peer) => {
                write!(f, "it sent a datagram to {peer}, and its host has no datagram socket for that")
            }
            Self::NotLocal(local) => {
                write!(f, "it sent a datagram from {local}, where its host has no datagram socket")
            }
            Self::TooLong(len) => write!(f, "it sent a datagram of {len} bytes, which no network carries"),
            Self::NothingToAnswer => f.write_str("it replied while no datagram was handled"),
            Self::NotAGroup(group) => write!(f, "it joined or left {group}, which is no multicast group"),
            Self::NoSocketToJoin(group) => {
                write!(f, "it joined {group}, and its host has no datagram socket of that family")
            }
            Self::TooManyGroups(group) => {
                let max = limits::MAX_GROUPS;
                write!(f, "it joined {group}, and a host can be in {max} groups")
            }
        }
    }
}

impl Error for Misuse {}
