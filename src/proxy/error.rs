//! What can keep a proxy from starting, in one plain line each.

use crate::drive::DriveError;
use crate::fault::{FaultKind, UnknownHost};
use crate::machine::Peer;

/// Why a proxy could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It relays nothing.
    #[error("a proxy needs a pair of addresses: where it listens, and where to")]
    NoRoute,
    /// A name that plans could not have.
    #[error("'{}' is not a name for a plan; use ASCII letters, digits, '_', '-' and '.'", .0.escape_debug())]
    Name(String),
    /// A server that is called as a client may be.
    #[error("a server cannot be called '{0}': a client may have that name")]
    SameName(String),
    /// Datagrams of Unix sockets, or from one family to another.
    #[error("datagrams go between internet addresses: '{0}' is none; relay it as a stream")]
    NotInet(Peer),
    /// The plan names a host that can never be there.
    #[error("{0}, and so on")]
    UnknownHost(#[from] UnknownHost),
    /// The plan has a fault that only hosts have.
    #[error("a proxy cannot have the fault '{}': it stands between hosts; take it out of the plan", .0.name())]
    NotBetween(FaultKind),
    /// The plan has a queue that several flows share.
    #[error("a proxy cannot have the bottleneck '{0}': take it out of the plan")]
    Bottleneck(String),
    /// The plan gives commands.
    #[error("a proxy has no commands: take 'commands' out of the plan")]
    Commands,
    /// The plan says what streams are made of.
    #[error("a proxy relays real streams: take 'streams' out of the plan")]
    Streams,
    /// A socket could not be opened.
    #[error(transparent)]
    Open(#[from] DriveError),
    /// The thread could not be started.
    #[error("cannot start the proxy: {0}")]
    Thread(std::io::Error),
}
