//! The async driver: the same machines on real sockets and on turmoil's simulated network.

use std::io;

use crate::machine::Peer;

/// The socket that a machine on the real network gets before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A datagram socket.
    Datagram {
        /// Where it is bound; port 0 for one that the system chooses.
        bind: Peer,
        /// The peer that it is connected to, if it is: the system then drops what comes from elsewhere, and tells of
        /// refusals.
        connect: Option<Peer>,
    },
    /// A listening stream socket.
    Listener {
        /// Where it is bound; port 0 for one that the system chooses.
        bind: Peer,
    },
    /// None: the machine opens streams itself.
    Dialer,
}

/// Why a machine could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The socket could not be opened.
    #[error("cannot {action} {peer}: {}", plain(.source))]
    Open {
        /// What was tried: "listen on", "bind" or "connect to".
        action: &'static str,
        /// Where.
        peer: Peer,
        /// What the system said.
        source: io::Error,
    },
    /// The socket does not work any more.
    #[error("the socket failed: {}", plain(.0))]
    Socket(io::Error),
    /// The machine broke a law.
    #[error("{0}")]
    Broken(crate::machine::Violation),
}

/// What the system said, in words that help.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use; choose another port, or 0 for any".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; ports below 1024 need privileges".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}
