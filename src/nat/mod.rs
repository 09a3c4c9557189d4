//! Network address translation (NAT) for datagrams and for segments of TCP, as a pure state machine: what stands between
//! some hosts and all others.
//!
//! The words are those of RFC 4787 (UDP) and RFC 5382 (TCP), the kinds those of RFC 3489 section 5, by which most people
//! know them.

mod boxes;
#[cfg(feature = "segments")]
mod packet;
mod session;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

pub(crate) use boxes::{Boxes, Transport};
#[cfg(feature = "segments")]
pub(crate) use packet::{flags, translate};
pub(crate) use session::Flags;

/// The first port that a NAT gives. It gives each port in turn.
pub const FIRST_MAPPED_PORT: u16 = 20_000;
/// How many mappings one NAT has at a time for UDP, and how many for TCP, each with a port of its own.
pub const MAX_MAPPINGS: u16 = 16_384;
/// How long a mapping lasts that nothing passes outwards, where nobody says otherwise: RFC 4787 section 4.3 asks for two minutes
/// at least.
pub const MAPPING_TIMEOUT: Duration = Duration::from_mins(2);
/// For how long a TCP connection may be idle before its mapping is forgotten, where nobody says otherwise: RFC 5382
/// section 5 asks for two hours and four minutes at least, so that the keep-alives of RFC 1122, two hours apart, hold it.
pub const TCP_TIMEOUT: Duration = Duration::from_mins(124);
/// The same for a connection that is not established, or no more: RFC 5382 section 5 asks for four minutes at least.
pub const TCP_TRANSITORY_TIMEOUT: Duration = Duration::from_mins(4);

/// How a NAT maps and filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatKind {
    /// One port for each socket inside, and whoever knows it may send to it: endpoint-independent mapping and filtering.
    FullCone,
    /// One port for each socket inside, which lets in hosts that the socket has sent to: endpoint-independent mapping,
    /// address-dependent filtering.
    AddressRestricted,
    /// One port for each socket inside, which lets in the addresses and ports that the socket has sent to:
    /// endpoint-independent mapping, address-and-port-dependent filtering.
    PortRestricted,
    /// A port of its own for each address and port that a socket inside sends to, which lets in nobody else:
    /// address-and-port-dependent mapping and filtering.
    Symmetric,
}

impl NatKind {
    /// All kinds, from the one that lets in most to the one that lets in least.
    pub const ALL: [Self; 4] =
        [Self::FullCone, Self::AddressRestricted, Self::PortRestricted, Self::Symmetric];
}

/// As the field writes it: `full-cone`.
impl fmt::Display for NatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FullCone => "full-cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::Symmetric => "symmetric",
        })
    }
}

/// A NAT: how it maps and filters, how long it remembers, and what it does with what comes from inside for its own
/// outside.
///
/// ```
/// use std::time::Duration;
///
/// use lossproof::scenario::{Nat, NatKind};
///
/// let strict = Nat::new(NatKind::Symmetric).timeout(Duration::from_secs(30));
/// let lenient = Nat::new(NatKind::FullCone).hairpin().public([203, 0, 113, 7].into());
/// assert_ne!(strict, lenient);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat {
    pub(crate) kind: NatKind,
    pub(crate) timeout: Duration,
    pub(crate) tcp_timeout: Duration,
    pub(crate) tcp_transitory_timeout: Duration,
    pub(crate) hairpins: bool,
    pub(crate) public: Option<Ipv4Addr>,
}

impl Nat {
    /// A NAT of this kind that forgets a mapping of UDP after [`MAPPING_TIMEOUT`], one of TCP after [`TCP_TIMEOUT`] or
    /// [`TCP_TRANSITORY_TIMEOUT`], and lets nothing from inside back in. Its public address is that which it has as a host of
    /// its net.
    pub const fn new(kind: NatKind) -> Self {
        Self {
            kind,
            timeout: MAPPING_TIMEOUT,
            tcp_timeout: TCP_TIMEOUT,
            tcp_transitory_timeout: TCP_TRANSITORY_TIMEOUT,
            hairpins: false,
            public: None,
        }
    }

    /// How long a mapping of UDP lasts after the last datagram that went out through it. What comes in does not make it
    /// last longer (RFC 4787 section 4.3). A mapping of exactly this age is over.
    #[must_use]
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long a mapping of TCP lasts after the last segment of an established connection, in either direction: one that
    /// has heard both sides, no reset, and not both ends. A mapping of exactly this age is over. Streams have segments
    /// where [`StreamKind::Segments`](crate::fault::StreamKind) says so; those of the model last until a rebind.
    #[must_use]
    pub const fn tcp_timeout(self, timeout: Duration) -> Self {
        Self { tcp_timeout: timeout, ..self }
    }

    /// How long a mapping of TCP lasts after the last segment of a connection that is not established, or no more.
    #[must_use]
    pub const fn tcp_transitory_timeout(self, timeout: Duration) -> Self {
        Self { tcp_transitory_timeout: timeout, ..self }
    }

    /// Lets what comes from inside for one of its mappings back in, with its outer address as the source (RFC 4787 section
    /// 6).
    #[must_use]
    pub const fn hairpin(self) -> Self {
        Self { hairpins: true, ..self }
    }

    /// Gives it this public address.
    #[must_use]
    pub const fn public(self, address: Ipv4Addr) -> Self {
        Self { public: Some(address), ..self }
    }
}

/// Why a datagram or a segment died at a NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Blocked {
    /// No mapping has the port that it was for, or none any more.
    Unmapped,
    /// The mapping does not let its sender in.
    Filtered,
    /// It came from inside for the outside of the same NAT, which does not let it back in.
    Hairpin,
    /// No port was left for a new mapping.
    Full,
    /// It came from outside for an address that is known inside alone.
    Private,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unmapped => "no mapping",
            Self::Filtered => "filtered",
            Self::Hairpin => "no hairpin",
            Self::Full => "no port left",
            Self::Private => "private address",
        })
    }
}
