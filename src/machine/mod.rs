//! The contract between a machine and its worlds.
//!
//! A [`Machine`] holds the logic of one end of a protocol and nothing else: no clock, no I/O, no randomness of
//! its own. Each thing that happens is given to it as an [`Input`] with the moment at which it happened; what it
//! wants done it puts into an [`Outbox`]; when it wants to be woken it says by its deadline.
//!
//! What each input and each effect does in the event engine, on turmoil and on real sockets is one table: [`worlds`].

mod conn;
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
pub use handshake::HandshakeError;
pub use input::{CloseReason, ConnectError, Input};
pub use law::{Law, Violation};
#[cfg(feature = "tasks")]
pub(crate) use outbox::Bound;
#[cfg(feature = "sim")]
pub(crate) use outbox::Lead;
pub use outbox::{Chunk, Effect, Effects, Misuse, Outbox, Outlet, Status};
pub use peer::{Peer, PeerError, UnixPath};

use crate::time::Instant;

/// Bounds that every world keeps.
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

    /// How many bytes of a stream are on their way at most: written, and not yet taken by the peer's machine in
    /// simulation, or by the kernel on real sockets.
    pub const SEND_BUFFER_LEN: usize = 64 * 1024;
    /// The longest slice in which a stream is handed to a machine.
    pub const MAX_READ_LEN: usize = 64 * 1024;
    /// How long a connection may take until it stands.
    pub const MAX_CONNECT: Duration = Duration::from_secs(30);
    /// How long a connection that this end has closed waits for the peer's own end.
    pub const MAX_LINGER: Duration = Duration::from_secs(2);
    /// How many bytes a connection that this end has closed discards before it gives up on the peer's end.
    pub const MAX_LINGER_LEN: u64 = 1024 * 1024;
    /// How many inputs pass at most between two looks at the deadline, so that a flood cannot starve a timer.
    pub const MAX_INPUTS_PER_LOOK: u32 = 64;
}

/// One end of a protocol, without clock, I/O or randomness.
///
/// The laws of [`Law`] say what every machine keeps; every simulated run checks them. Handlers do not fail: what a peer
/// does wrong is an event, what this end cannot do is [`Outbox::done`](Effects::done) with a failure.
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
    /// What the application asks of it.
    type Command: 'static;
    /// What it tells the application.
    type Event: PartialEq + Debug + 'static;

    /// Takes one input at `now`; everything that it wants done goes to `out`.
    fn handle(&mut self, input: Input<'_, Self::Command>, now: Instant, out: &mut Outbox<Self::Event>);

    /// When [`Input::Timeout`] is due next, if ever. It changes only by [`Machine::handle`].
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Writes what distinguishes this state from others to `to`, with times relative to `now`, and says whether
    /// it did. Two machines with equal fingerprints must behave equally from here on. Exhaustive search uses it
    /// to recognise states that it has seen, and every search to tell a livelock.
    fn fingerprint(&self, _now: Instant, _to: &mut dyn Hasher) -> bool {
        false
    }

    /// For a machine around another one: the machine that it stands for. That is what properties see as the state of
    /// the host.
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

/// A machine of which only its commands and events are known: so that one role can be played by several.
pub type BoxedMachine<C, E> = Box<dyn Machine<Command = C, Event = E>>;
