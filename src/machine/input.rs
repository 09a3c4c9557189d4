//! The inputs of a machine.

use std::fmt;

use super::{Conn, Ecn, HandshakeError, Peer};

/// One thing that happened.
///
/// Every driver keeps these promises:
/// - `Start` arrives first and once; after [`Outbox::done`](crate::machine::Effects::done) nothing arrives.
/// - Each `Connected` is followed by exactly one `Closed`, the last input of that connection, whichever side closed it;
///   each [`Outbox::connect`](crate::machine::Effects::connect) by exactly one `Connected` or `ConnectFailed`, unless
///   the machine aborted it before.
/// - `Eof` arrives at most once for a connection, and no `Received` after it.
/// - While a connection is paused, no `Received` and no `Eof` of it arrives; `Writable` and `Closed` still do.
///
/// Bytes and commands are borrowed for the call: a machine must copy them to keep them.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
// Its own tag, and not one inside of an address: so addresses are copied whole. In parts, a processor waits for each.
#[repr(u8)]
pub enum Input<'a, C: ?Sized> {
    /// The run begins. `local` is the address of the host's first socket, or port 0 where it has none;
    /// [`Outbox::sockets`](crate::Outbox) has all of its datagram sockets.
    Start {
        /// The machine's own address.
        local: Peer,
    },
    /// A command of the application.
    Command(&'a C),
    /// The deadline is reached. A timeout never arrives earlier.
    Timeout,
    /// The run should end (Ctrl-C): say goodbye, then be done.
    Stop,
    /// A datagram arrived.
    Datagram {
        // First, since fields keep their order here: beside the tag it takes no room.
        /// The ECN field of its IP header.
        ecn: Ecn,
        /// Its source.
        peer: Peer,
        /// The address of the host at which it arrived. [`Outbox::reply`](crate::Outbox) answers from there.
        local: Peer,
        /// Its payload: 0 to 65,507 bytes over IPv4, to 65,527 over IPv6.
        bytes: &'a [u8],
    },
    /// A datagram sent to this peer was refused: nobody listens there (ICMP port unreachable, RFC 1122 4.1.3.3).
    Unreachable {
        /// Where it was sent.
        peer: Peer,
        /// From which of the host's own addresses.
        local: Peer,
    },
    /// A connection is established, outgoing or accepted.
    Connected {
        /// Its handle from now on.
        conn: Conn,
        /// The other end.
        peer: Peer,
        /// This end.
        local: Peer,
    },
    /// An outgoing connection failed. Its handle may be reused.
    ConnectFailed {
        /// What [`Outbox::connect`](crate::machine::Effects::connect) called it.
        conn: Conn,
        /// Where it should have gone.
        peer: Peer,
        /// Why.
        reason: ConnectError,
    },
    /// Bytes of a stream, in order: any slice of it, never empty.
    Received {
        /// The stream.
        conn: Conn,
        /// The slice.
        bytes: &'a [u8],
    },
    /// The peer has finished sending on this stream. This machine can still write.
    Eof {
        /// The stream.
        conn: Conn,
    },
    /// There is room again in the send buffer of a stream, after a write that did not fit whole.
    Writable {
        /// The stream.
        conn: Conn,
    },
    /// The connection is over. Its handle may be reused.
    Closed {
        /// Which.
        conn: Conn,
        /// How it ended.
        reason: CloseReason,
    },
}

// It is handed in by value, for each packet.
const _: () = assert!(size_of::<Input<'_, [u64; 100]>>() <= 72);

// A derive would ask it of the command.
impl<C: ?Sized> Clone for Input<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for Input<'_, C> {}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both directions ended cleanly.
    Finished,
    /// The peer reset it, or the network did.
    Reset,
    /// This machine reset it with [`Outbox::abort`](crate::machine::Effects::abort).
    Aborted,
    /// This machine closed it, and the peer did not close its side within the [`limits`](crate::machine::limits).
    LingerExpired,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Reset => "reset",
            Self::Aborted => "aborted",
            Self::LingerExpired => "linger expired",
        })
    }
}

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there.
    Refused,
    /// There is no such host, or no way to it.
    Unreachable,
    /// No answer arrived within the time limit.
    TimedOut,
    /// It stood, but the handshake on it failed. Only a machine around this one says so, as `Tls` does; no world does.
    Handshake(HandshakeError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable => f.write_str("host unreachable"),
            Self::TimedOut => f.write_str("connecting timed out"),
            Self::Handshake(why) => why.fmt(f),
        }
    }
}
