//! The contract between a machine and its drivers.
//!
//! A [`Machine`] has the logic of one side of a protocol and nothing else: no clock, no I/O, no randomness of its own.
//! It receives everything that happens as an [`Input`], together with the current time. It puts the effects that it
//! wants into an [`Outbox`]. Its deadline is the time of its next timeout.
//!
//! One table says what each input and each effect does in the event engine, on turmoil and on real sockets: [`worlds`].

mod conn;
mod ecn;
mod handshake;
mod input;
mod law;
#[cfg_attr(
    not(feature = "sim"),
    allow(dead_code, unused_imports, reason = "what drivers of this crate call has no caller then")
)]
mod outbox;
mod peer;
#[doc = include_str!("worlds.md")]
pub mod worlds {}

use std::any::Any;
use std::fmt::Debug;
use std::hash::Hasher;

pub use conn::{Conn, ConnMap};
pub use ecn::Ecn;
pub use handshake::HandshakeError;
pub use input::{CloseReason, ConnectError, Input};
pub use law::{Law, Violation};
#[cfg(feature = "sim")]
pub(crate) use outbox::Lead;
#[cfg(any(feature = "sim", feature = "net"))]
pub(crate) use outbox::Marked;
#[cfg(feature = "tasks")]
pub(crate) use outbox::{Bound, BoundDatagrams};
pub use outbox::{Chunk, Effect, Effects, Misuse, Outbox, Outlet, Status};
pub use peer::{Peer, PeerError, UnixPath};

use crate::time::Instant;

/// Limits that are the same in simulation and on real sockets.
pub mod limits {
    use std::time::Duration;

    use super::Peer;

    /// The longest payload of a datagram over IPv4: 65,535 less the headers of IP and UDP (RFC 768). Unix sockets have
    /// the same bound, though systems allow more.
    pub const MAX_DATAGRAM_LEN: usize = 65_507;
    /// The longest payload of a datagram over IPv6: 65,535 less the header of UDP (RFC 8200 section 3).
    pub const MAX_DATAGRAM_LEN_V6: usize = 65_527;

    /// The longest payload of a datagram to this peer.
    pub const fn max_datagram_len(peer: &Peer) -> usize {
        match peer {
            Peer::V6 { .. } => MAX_DATAGRAM_LEN_V6,
            Peer::V4 { .. } | Peer::Unix(_) => MAX_DATAGRAM_LEN,
        }
    }

    /// How many multicast groups a host can be in (Linux: `net.ipv4.igmp_max_memberships`).
    pub const MAX_GROUPS: usize = 20;
    /// The maximum number of bytes in flight in one direction of a stream. In simulation a byte counts until the peer's
    /// machine has read it; on real sockets, until the kernel has accepted it.
    pub const SEND_BUFFER_LEN: usize = 64 * 1024;
    /// The longest slice of a stream that a machine receives in one input.
    pub const MAX_READ_LEN: usize = 64 * 1024;
    /// The maximum time until a connection is established.
    pub const MAX_CONNECT: Duration = Duration::from_secs(30);
    /// How long a connection waits after `close` for the peer to close its side.
    pub const MAX_LINGER: Duration = Duration::from_secs(2);
    /// How many bytes a connection discards after `close` before it stops waiting for the peer.
    pub const MAX_LINGER_LEN: u64 = 1024 * 1024;
    /// The maximum number of inputs between two checks of the deadline, so that a flood cannot starve a timer.
    pub const MAX_INPUTS_PER_LOOK: u32 = 64;
}

/// One side of a protocol (client or server), without clock, I/O or randomness.
///
/// Every machine must follow the laws in [`Law`]; every simulated run checks them. Handlers do not fail: report a
/// mistake of the peer as an event, and give up with [`Outbox::done`](Effects::done) and a failure.
///
/// ```
/// use lossproof::{Input, Instant, Machine, Outbox};
///
/// /// Answers every datagram with its length.
/// struct Length;
///
/// impl Machine for Length {
///     type Command = ();
///     type Event = ();
///
///     fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
///         if let Input::Datagram { bytes, .. } = input {
///             out.reply_fmt(format_args!("{}", bytes.len()));
///         }
///     }
/// }
/// ```
pub trait Machine: Any {
    /// What the application requests from it.
    type Command: 'static;
    /// What it reports to the application.
    type Event: PartialEq + Debug + 'static;

    /// Handles one input at `now`. All effects go to `out`.
    fn handle(&mut self, input: Input<'_, Self::Command>, now: Instant, out: &mut Outbox<Self::Event>);

    /// The time of the next [`Input::Timeout`], if there is one. It must change only inside [`Machine::handle`].
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Hashes the state into `to`, with times relative to `now`. Returns `false` if the machine does not support it.
    /// Two machines with equal fingerprints must behave equally from here on. An exhaustive search uses it to recognise
    /// states that it has seen, and every search to detect livelocks.
    fn fingerprint(&self, _now: Instant, _to: &mut dyn Hasher) -> bool {
        false
    }

    /// For a machine around another one: the inner machine. Properties see it as the state of the host.
    fn shows(&self) -> Option<&dyn Any> {
        None
    }
}

impl<M: Machine + ?Sized> Machine for Box<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, Self::Command>, now: Instant, out: &mut Outbox<Self::Event>) {
        (**self).handle(input, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        (**self).fingerprint(now, to)
    }

    fn shows(&self) -> Option<&dyn Any> {
        (**self).shows()
    }
}

/// A boxed machine with these commands and events, so that machines of several types can play one role.
pub type BoxedMachine<C, E> = Box<dyn Machine<Command = C, Event = E>>;
