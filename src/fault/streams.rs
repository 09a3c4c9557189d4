//! What streams are made of.

use std::fmt;

/// What the streams of a run are made of. The text of a plan has it as `streams model` or `streams segments`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamKind {
    /// Bytes in order, which the faults of streams cut, stall and reset. Fast, and without packets.
    #[default]
    Model,
    /// TCP's segments (RFC 9293), no packet longer than this. Each is a packet of its flow, with a number among its
    /// datagrams, and the faults of datagrams hit it. The streams of Unix sockets stay as in the model.
    #[cfg(feature = "segments")]
    Segments(Mtu),
}

impl StreamKind {
    /// Segments in packets as long as on Ethernet.
    #[cfg(feature = "segments")]
    pub const SEGMENTS: Self = Self::Segments(Mtu::ETHERNET);

    /// Whether streams are made of segments.
    pub const fn is_segments(self) -> bool {
        !matches!(self, Self::Model)
    }
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model => f.write_str("model"),
            #[cfg(feature = "segments")]
            Self::Segments(Mtu::ETHERNET) => f.write_str("segments"),
            #[cfg(feature = "segments")]
            Self::Segments(mtu) => write!(f, "segments {}", mtu.get()),
        }
    }
}

/// How long a packet with a segment is at most, with its IP header, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mtu(u16);

impl Mtu {
    /// That of Ethernet: 1,500 bytes.
    pub const ETHERNET: Self = Self(1_500);
    /// The least: headers of IPv6 and TCP, and the 48 bytes of data that smoltcp wants a peer to take.
    pub const MIN: Self = Self(108);

    /// So many bytes; `None` if these are fewer than [`Mtu::MIN`].
    pub const fn new(len: u16) -> Option<Self> {
        if len < Self::MIN.0 { None } else { Some(Self(len)) }
    }

    /// How many bytes.
    pub const fn get(self) -> u16 {
        self.0
    }
}
