//! Bytes of a log.

use super::Log;
use crate::machine::{Ecn, Marked};

/// A range of the log's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(super) start: u64,
    pub(super) len: u32,
    /// Whether these are a packet with a segment of TCP.
    pub(super) is_segment: bool,
    /// The ECN field of the datagram whose payload these are.
    pub(super) ecn: Ecn,
}

impl Span {
    /// How many bytes these are.
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether these are none.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Of the payload of a datagram: the ECN field of its IP header.
    pub const fn ecn(self) -> Ecn {
        self.ecn
    }

    /// Whether these are a packet with a segment of TCP, and its IP header.
    pub const fn is_segment(self) -> bool {
        self.is_segment
    }
}

impl Log {
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        Span { start, len: bytes.len() as u32, is_segment: false, ecn: Ecn::NotEct }
    }

    pub(crate) fn keep_marked(&mut self, Marked { bytes, ecn }: Marked<'_>) -> Span {
        Span { ecn, ..self.keep(bytes) }
    }
}
