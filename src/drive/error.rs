//! What can keep a machine from running on real sockets, in one plain line each.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use rustix::io::Errno;

#[cfg(feature = "sim")]
use crate::fault::{FaultKind, UnknownHost};
use crate::machine::{Peer, Violation};

/// Why a machine could not be driven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The socket could not be opened.
    #[error("cannot {action} {peer}: {}", opening(.peer, .source))]
    Open {
        /// What was tried: "listen on", "bind" or "connect to".
        action: &'static str,
        /// Where.
        peer: Box<Peer>,
        /// What the system said.
        source: io::Error,
    },
    /// A broadcast or a multicast could not be sent. (Any other datagram that cannot be sent is lost, as datagrams may be.)
    #[error("cannot send to {peer}: {}", sending(.peer, .source))]
    Send {
        /// Where to.
        peer: Box<Peer>,
        /// What the system said.
        source: io::Error,
    },
    /// A multicast group could not be joined or left.
    #[error("cannot {action} {group}: {}", joining(.source))]
    Group {
        /// What was tried: "join" or "leave".
        action: &'static str,
        /// The group.
        group: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A multicast group was joined, and no socket of its family can hear it.
    #[error("cannot join {group}: no multicast comes to a socket of one address, as {local}; {}", any_address(.local))]
    Unheard {
        /// The group.
        group: IpAddr,
        /// Where the first socket of the family is bound.
        local: Box<Peer>,
    },
    /// The socket does not work any more.
    #[error("the socket failed: {}", lower(.0))]
    Socket(io::Error),
    /// The runtime could not be made.
    #[error("cannot start: {}", lower(.0))]
    Start(io::Error),
    /// The machine broke a law.
    #[error("{0}")]
    Broken(Violation),
    /// The machine saves its state, and nobody has said where to.
    #[error("the machine saves its state and has nowhere to: give its setup a store")]
    NoStore,
    /// The file with the machine's state could not be read or written.
    #[error("cannot {action} {}: {}", .path.display(), storing(.source))]
    Store {
        /// What was tried: "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The plan names a host that is neither this process nor the others.
    #[cfg(feature = "sim")]
    #[error(transparent)]
    UnknownHost(#[from] UnknownHost),
    /// The plan has a fault that real sockets cannot have.
    #[cfg(feature = "sim")]
    #[error("real sockets cannot have the fault '{}'; take it out of the plan", .0.name())]
    NotOnSockets(FaultKind),
    /// The plan has a queue that several flows share.
    #[cfg(feature = "sim")]
    #[error("real sockets cannot have the bottleneck '{0}'; take it out of the plan")]
    Bottleneck(String),
    /// The plan says what streams are made of.
    #[error("real sockets have real streams; take 'streams' out of the plan")]
    Streams,
}

/// Whether the system refused a datagram because it is a broadcast. (A firewall says EPERM, which is of the same kind.)
pub(super) fn needs_broadcast(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::ACCESS)
}

/// Why a socket could not be opened, in words that help.
fn opening(peer: &Peer, error: &io::Error) -> String {
    let of_unix = matches!(peer, Peer::Unix(_));
    let text = match error.kind() {
        io::ErrorKind::AddrInUse if of_unix => "the address is in use; choose another path",
        io::ErrorKind::AddrInUse => "the address is in use; choose another port, or 0 for any",
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
        io::ErrorKind::PermissionDenied if of_unix => {
            "permission denied; choose a path that may be written to"
        }
        io::ErrorKind::PermissionDenied => "permission denied; ports below 1024 need privileges",
        io::ErrorKind::NotFound if of_unix => "no such file or directory; check the path",
        io::ErrorKind::ConnectionRefused if of_unix => "nobody has that socket open; start the server first",
        _ => return lower(error),
    };
    text.to_owned()
}

/// Why a group could not be joined or left, in words that help.
fn joining(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        // No route leads there, and nobody has said which card does.
        Some(Errno::NODEV) => "no network card leads there; name one in the setup's 'multicast'".to_owned(),
        Some(Errno::NOBUFS) => "the system allows no more groups; raise its limit, or join fewer".to_owned(),
        _ => lower(error),
    }
}

/// How a socket hears groups.
fn any_address(local: &Peer) -> String {
    let any = if matches!(local, Peer::V6 { .. }) { "[::]" } else { "0.0.0.0" };
    let port = local.port().unwrap_or(0);
    format!("bind it to {any}:{port}, and connect it to nobody")
}

/// Why a broadcast or a multicast could not be sent, in words that help.
fn sending(peer: &Peer, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NetworkUnreachable if peer.ip().is_some_and(|ip| ip.is_multicast()) => {
            "network unreachable; name a network card in the setup's 'multicast'".to_owned()
        }
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        _ if needs_broadcast(error) => {
            "permission denied; a broadcast needs the socket's broadcast option".to_owned()
        }
        _ => lower(error),
    }
}

/// Why a state could not be read or written, in words that help.
fn storing(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such directory; make it first".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; choose a path that may be written to".to_owned()
        }
        io::ErrorKind::IsADirectory => "that is a directory; name a file in it".to_owned(),
        _ => lower(error),
    }
}

fn lower(error: &io::Error) -> String {
    error.to_string().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send_error(source: io::Error) -> String {
        DriveError::Send { peer: Box::new("255.255.255.255:1060".parse().unwrap()), source }.to_string()
    }

    /// S20: the two ways in which a system refuses a broadcast, and a firewall, which the option does not help against.
    #[test]
    fn a_broadcast_that_is_refused_says_what_to_do() {
        assert_eq!(
            send_error(Errno::ACCESS.into()),
            "cannot send to 255.255.255.255:1060: permission denied; a broadcast needs the socket's broadcast option"
        );
        assert_eq!(
            send_error(io::ErrorKind::NetworkUnreachable.into()),
            "cannot send to 255.255.255.255:1060: network unreachable"
        );
        assert_eq!(
            send_error(io::ErrorKind::PermissionDenied.into()),
            "cannot send to 255.255.255.255:1060: permission denied"
        );
    }

    #[test]
    fn a_group_that_nothing_leads_to_says_what_to_do() {
        let group = |errno: Errno| {
            let source = errno.into();
            DriveError::Group { action: "join", group: [239, 1, 2, 3].into(), source }.to_string()
        };
        assert_eq!(
            group(Errno::NODEV),
            "cannot join 239.1.2.3: no network card leads there; name one in the setup's 'multicast'"
        );
        assert_eq!(
            group(Errno::NOBUFS),
            "cannot join 239.1.2.3: the system allows no more groups; raise its limit, or join fewer"
        );
        let source = io::ErrorKind::NetworkUnreachable.into();
        let send = DriveError::Send { peer: Box::new("[ff02::fb]:5353".parse().unwrap()), source };
        assert_eq!(
            send.to_string(),
            "cannot send to [ff02::fb]:5353: network unreachable; name a network card in the setup's 'multicast'"
        );
    }

    #[test]
    fn what_cannot_be_opened_says_what_to_do() {
        let open = |peer: &str, kind: io::ErrorKind| {
            DriveError::Open { action: "bind", peer: Box::new(peer.parse().unwrap()), source: kind.into() }
                .to_string()
        };
        assert_eq!(
            open("127.0.0.1:80", io::ErrorKind::PermissionDenied),
            "cannot bind 127.0.0.1:80: permission denied; ports below 1024 need privileges"
        );
        assert_eq!(
            open("unix:/socket", io::ErrorKind::PermissionDenied),
            "cannot bind unix:/socket: permission denied; choose a path that may be written to"
        );
    }
}
