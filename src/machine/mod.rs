//! The contract between a machine and its worlds.
//!
//! A [`Machine`] holds the logic of one end of a protocol and nothing else: no clock, no I/O, no randomness of
//! its own. Each thing that happens is given to it as an [`Input`] with the moment at which it happened; what it
//! wants done it puts into an [`Outbox`]; when it wants to be woken it says by its deadline.

mod conn;
mod input;
mod law;
mod outbox;
mod peer;

use std::fmt::Debug;
use std::hash::Hasher;

pub use conn::{Conn, ConnMap};
pub use input::{CloseReason, ConnectError, Input};
pub use law::{Law, Violation};
pub(crate) use outbox::Lead;
pub use outbox::{Chunk, Effect, Misuse, Outbox, Status};
pub use peer::{Peer, PeerError, UnixPath};

use crate::time::Instant;

/// Bounds that every world keeps.
pub mod limits {
    use std::time::Duration;

    /// The longest payload of a datagram over IPv4: 65,535 less the headers of IP and UDP (RFC 768).
    pub const MAX_DATAGRAM_LEN: usize = 65_507;
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
/// The nine laws of [`Law`] say what every machine keeps; [`Lawful`](crate::Lawful) checks them. Handlers do not
/// fail: what a peer does wrong is an event, what this end cannot do is [`Outbox::done`] with a failure.
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
///         if let Input::Datagram { peer, bytes } = input {
///             out.send_fmt(peer, format_args!("{}", bytes.len()));
///         }
///     }
///
///     fn deadline(&self) -> Option<Instant> {
///         None
///     }
/// }
/// ```
pub trait Machine {
    /// What the application asks of it.
    type Command: Clone;
    /// What it tells the application.
    type Event: PartialEq + Debug;

    /// Takes one input at `now`; everything that it wants done goes to `out`.
    fn handle(&mut self, input: Input<'_, Self::Command>, now: Instant, out: &mut Outbox<Self::Event>);

    /// When [`Input::Timeout`] is due next, if ever. It changes only by [`Machine::handle`].
    fn deadline(&self) -> Option<Instant>;

    /// Writes what distinguishes this state from others to `to`, with times relative to `now`, and says whether
    /// it did. Two machines with equal fingerprints must behave equally from here on. Exhaustive search uses it
    /// to recognise states that it has seen, and every search to tell a livelock.
    fn fingerprint(&self, _now: Instant, _to: &mut dyn Hasher) -> bool {
        false
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
}

/// A machine whose type is not known: the roles of one system share their commands and events, and this lets one
/// run hold them all.
pub type BoxedMachine<C, E> = Box<dyn Machine<Command = C, Event = E>>;

/// What a factory gets to make a machine from. A restart makes a new machine.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// How many machines ran on this host before, in this run.
    pub incarnation: u32,
    /// Where the machine's randomness comes from, through a generator with a fixed stream. Differs from host to
    /// host and from incarnation to incarnation.
    pub seed: u64,
    /// What the machine before saved last by [`Outbox::save`]; empty if nothing. A save is durable at once, so a crash
    /// and a loss of power keep the same.
    pub disk: &'a [u8],
}
