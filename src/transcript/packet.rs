//! What left hosts, as somebody who listens on each host's own line would see it.
//!
//! Records say what machines did and were told. Packets say what the systems below them sent on the way: handshakes,
//! acknowledgements, ends and resets, each with the moment at which it leaves and that at which it arrives.

use super::Span;
use crate::host::HostId;
use crate::machine::Peer;
use crate::time::Instant;

/// A packet that left a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it left. What is held back by a partition leaves once that is over.
    pub at: Instant,
    /// Who sent it.
    pub from: HostId,
    /// To whom.
    pub to: HostId,
    /// The addresses, the sender's first.
    pub addresses: [Peer; 2],
    /// What it carries.
    pub what: Carried,
}

impl Packet {
    /// The ports, the sender's first; 0 where the address has none.
    pub fn ports(&self) -> [u16; 2] {
        self.addresses.map(|address| address.port().unwrap_or(0))
    }

    /// Moves all its moments.
    #[cfg(feature = "cli")]
    pub(super) fn shift(&mut self, span: std::time::Duration) {
        self.at += span;
        match &mut self.what {
            Carried::Datagram { arrives_at, .. } => {
                arrives_at.iter_mut().flatten().for_each(|at| *at += span);
            }
            Carried::Refusal { arrives_at, .. } => *arrives_at += span,
            Carried::Segment { arrives_at, .. } => arrives_at.iter_mut().for_each(|at| *at += span),
        }
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// A datagram, or a segment of TCP.
    Datagram {
        /// Its number in the flow.
        n: u64,
        /// Its payload as it left, or the packet with the segment.
        bytes: Span,
        /// Whether it is a broadcast, which has such a packet for each receiver.
        broadcast: bool,
        /// When it arrives: not at all, once or twice.
        arrives_at: [Option<Instant>; 2],
    },
    /// Word that nobody took a datagram.
    Refusal {
        /// The number of the datagram, in the other direction.
        n: u64,
        /// When it arrives.
        arrives_at: Instant,
    },
    /// A segment of a stream, as the model has it.
    Segment {
        /// Which connection between the two hosts, from 0. Where there is no such host it is 0, and the
        /// sender is the receiver.
        number: u32,
        /// Whether its sender is the one that opened the connection.
        is_connector: bool,
        /// What it is.
        part: Part,
        /// When it arrives, unless it never does.
        arrives_at: Option<Instant>,
    },
}

/// What a segment of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first of the handshake.
    Syn,
    /// The second of the handshake.
    SynAck,
    /// The third of the handshake.
    Ack,
    /// Instead of the second: nobody listens.
    Refusal,
    /// Bytes.
    Data {
        /// The offset of the first byte in this direction.
        offset: u64,
        /// How many.
        len: u32,
    },
    /// The end of this direction.
    Fin,
    /// The connection is no more.
    Rst,
    /// So many bytes of the other direction were taken.
    Taken(u32),
}

#[cfg(feature = "cli")]
impl super::Log {
    /// Moves all moments.
    pub(super) fn shift(&mut self, span: std::time::Duration) {
        for record in &mut self.records {
            record.at += span;
        }
        for (_, packet) in &mut self.packets {
            packet.shift(span);
        }
    }
}
