//! What ends a hunt early.

use crate::fault::FaultKind;
use crate::machine::Peer;

/// Why a hunt cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum HuntError {
    /// Nobody starts the server that is to have this address.
    #[error("'{0}' is the address of no server: write its port, or have it started by --server")]
    NoServer(Peer),
    /// Several runs at a time have one port.
    #[error(
        "with --jobs each run has ports of its own: write port 0 where {0}, and {{server_port}} in --server"
    )]
    OnePort(&'static str),
    /// The plan has a fault of a process that is not started here.
    #[error("--faults: '{}' is for a process that this command starts: {hosts}", .kind.name())]
    NoProcess {
        /// The fault.
        kind: FaultKind,
        /// The processes there are.
        hosts: String,
    },
    /// A command could not be started.
    #[error("cannot start '{command}': {why}")]
    Start {
        /// The command.
        command: String,
        /// What the system said.
        why: String,
    },
    /// A setup or teardown failed.
    #[error("{option}: '{command}' {why}")]
    Failed {
        /// Which of the two.
        option: &'static str,
        /// The command.
        command: String,
        /// How it ended.
        why: String,
    },
    /// The server did not open its port.
    #[error("--server: '{command}' does not open {address}: {why}")]
    NotUp {
        /// The command.
        command: String,
        /// Where it should listen.
        address: Peer,
        /// What became of it.
        why: String,
    },
    /// The proxy could not be started.
    #[error("{text}")]
    Proxy {
        /// Why.
        text: String,
        /// Whether the user can word it better.
        is_usage: bool,
    },
}

impl HuntError {
    /// The exit status: 2 for what the user can word better, else 1.
    pub(in crate::cli) const fn code(&self) -> u8 {
        match self {
            Self::NotUp { .. } | Self::Failed { .. } | Self::Proxy { is_usage: false, .. } => 1,
            _ => 2,
        }
    }
}
