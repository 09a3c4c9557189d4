//! Streams that are full at both ends.

use super::end::{End, Standing};
use super::{Segments, Way};
use crate::host::HostId;
use crate::machine::Conn;

/// A stream in one direction on which nothing moves until its reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Full {
    /// The end that holds as much as it can, and is not read.
    reader: u32,
    /// The end that writes to it.
    writer: u32,
}

impl End {
    /// Whether its machine has it, and has not closed it.
    fn is_open(&self) -> bool {
        self.standing == Standing::Open && self.conn.is_some()
    }

    /// Whether its window is closed, and it is not read.
    fn is_full(&self) -> bool {
        self.is_open() && self.paused && self.is_closed()
    }

    /// How many bytes have come, read or not.
    fn received_len(&self) -> u64 {
        self.read_len + self.socket().recv_queue() as u64
    }

    /// Whether its machine knows that this number of bytes has arrived at the peer.
    fn has_heard_of(&self, received_len: u64) -> bool {
        self.written_len == received_len + self.queued_len as u64
            && self.queued_len == self.socket().send_queue()
    }
}

impl Segments {
    /// How many ends are not read.
    pub(crate) fn unread_count(&self) -> usize {
        self.unread.len()
    }

    /// The streams on which nothing moves.
    pub(crate) fn full(&self) -> impl Iterator<Item = Full> {
        let full =
            self.unread.iter().filter_map(|&reader| Some(Full { reader, writer: self.other(reader)? }));
        full.filter(|full| self.is_stuck(*full))
    }

    /// Whether nothing moves on a stream: its reader's buffer is full, and its writer has heard of every byte in it. What is
    /// on the way then are probes of the window, and what has come before.
    pub(crate) fn is_stuck(&self, full: Full) -> bool {
        let (Some(reader), Some(writer)) = (self.end(full.reader), self.end(full.writer)) else {
            return false;
        };
        reader.is_full() && writer.is_open() && writer.has_heard_of(reader.received_len())
    }

    /// Whether the machines have both ends of a stream, and have not closed them.
    pub(crate) fn is_open(&self, Full { reader, writer }: Full) -> bool {
        [reader, writer].into_iter().all(|id| self.end(id).is_some_and(End::is_open))
    }

    /// Who waits that a stream is read, what its machine calls it, who does not read it, and which connection between the
    /// two it is.
    pub(crate) fn wait(&self, full: Full) -> Option<(HostId, Conn, HostId, u32)> {
        let Way { hosts: [writer, reader], number, .. } = self.way(full.writer)?;
        Some((writer, self.conn(full.writer)?, reader, number))
    }

    /// The other end of a stream.
    fn other(&self, id: u32) -> Option<u32> {
        let Way { hosts: [own, peer], number, is_connector, .. } = self.way(id)?;
        let is_other = |other: &u32| {
            self.way(*other).is_some_and(|other| {
                (other.hosts, other.number) == ([peer, own], number) && other.is_connector != is_connector
            })
        };
        self.hosts[peer.index()].ends.iter().copied().find(is_other)
    }
}
