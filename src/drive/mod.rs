//! The async driver: the same machines on real sockets and on turmoil's simulated network.

use std::io;

use crate::engine::{Outcome, Settings};
use crate::fault::{FaultPlan, Resolved};
use crate::machine::{Machine, Peer, Status};
use crate::scenario::Scenario;
use crate::transcript::{Happened, Log};

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

/// The faults that one host of a plan meets on the real network.
#[derive(Clone, Debug)]
pub struct LocalFaults {
    /// The plan.
    pub plan: FaultPlan,
    /// This host's name in the plan.
    pub own: String,
    /// The other's.
    pub peer: String,
}

/// Drives a machine on real sockets until it is done; blocks. Ctrl-C and SIGTERM become `Input::Stop`.
///
/// # Errors
/// [`DriveError`] if the socket cannot be opened or fails, or the machine breaks a law.
#[expect(clippy::result_large_err, reason = "it is returned once, at the end of a program")]
pub fn run<M: Machine>(
    machine: M,
    endpoint: Endpoint,
    faults: Option<LocalFaults>,
    opened: impl FnOnce(Peer),
    event: impl FnMut(M::Event),
) -> Result<Status, DriveError> {
    let _ = (machine, endpoint, faults, opened, event);
    Err(DriveError::Socket(io::Error::other("the driver is a stub")))
}

/// What a run on turmoil left.
#[derive(Debug)]
pub struct Simulated<E> {
    /// How it went.
    pub outcome: Outcome,
    /// What happened.
    pub log: Log,
    /// The events.
    pub events: Vec<Happened<E>>,
    /// For each host how its machine ended, if it did.
    pub statuses: Vec<Option<Status>>,
    /// The plan's faults that never changed anything.
    pub unfired: Vec<Resolved>,
}

/// Why a scenario cannot run on turmoil.
#[derive(Debug, thiserror::Error)]
#[error("the turmoil engine is a stub")]
pub struct SimulateError;

/// Runs a scenario on turmoil's simulated network.
///
/// # Errors
/// [`SimulateError`] for what turmoil cannot do.
pub fn simulate<C, E>(scenario: &Scenario<C, E>, settings: &Settings) -> Result<Simulated<E>, SimulateError> {
    let _ = (scenario, settings);
    Err(SimulateError)
}
