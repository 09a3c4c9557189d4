//! The async driver: the same machines on real sockets and on turmoil's simulated network.
//!
//! [`run`] drives one machine on the operating system's sockets. `simulate` (feature `turmoil`) runs a whole scenario on
//! turmoil, each host driven by the same loop over turmoil's sockets.

mod datagrams;
mod direct;
mod driver;
mod error;
mod inbox;
mod links;
mod listener;
mod net;
mod outgoing;
mod ready;
#[cfg(feature = "turmoil")]
mod simulated;
mod sockets;
mod stream;
mod system;
mod unix;
mod workers;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tracing::info;

pub use error::DriveError;
pub use outgoing::LocalFaults;
#[cfg(feature = "turmoil")]
pub use simulated::{MAX_TURMOIL_HOSTS, SimulateError, Simulated, simulate};
pub use workers::run_workers;

use crate::machine::{Input, Machine, Peer, Status};
use direct::Direct;
use outgoing::Outgoing;

/// The socket that a machine on the real network gets before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A datagram socket.
    Datagram {
        /// Where it is bound; port 0 for one that the system chooses. The file of a Unix socket is there as long as the
        /// machine runs; one that a crash has left behind is replaced.
        bind: Peer,
        /// The peer that it is connected to, if it is: the system then drops what comes from elsewhere, and tells of
        /// refusals.
        connect: Option<Peer>,
        /// Whether it may send broadcasts (IPv4 only).
        broadcast: bool,
    },
    /// A listening stream socket.
    Listener {
        /// Where it is bound; port 0 for one that the system chooses. The file of a Unix socket is there as long as the
        /// machine runs; one that a crash has left behind is replaced.
        bind: Peer,
    },
    /// None: the machine opens streams itself.
    Dialer,
}

impl Endpoint {
    /// The same, bound elsewhere.
    const fn at(self, bind: Peer) -> Self {
        match self {
            Self::Datagram { connect, broadcast, .. } => Self::Datagram { bind, connect, broadcast },
            Self::Listener { .. } => Self::Listener { bind },
            Self::Dialer => Self::Dialer,
        }
    }
}

/// What a machine on real sockets gets.
#[derive(Debug)]
pub struct Setup<C> {
    /// Its socket.
    pub endpoint: Endpoint,
    /// Whether others may be bound to the same address (`SO_REUSEPORT`): the system then spreads the peers over them, and
    /// each peer of a datagram socket, and each stream, stays with one. Not for Unix sockets.
    pub shared: bool,
    /// What becomes of what it sends, if a plan is to decide that.
    pub faults: Option<LocalFaults>,
    /// What the application asks of the machine while it runs, each handed in as [`Input::Command`] unless the machine is
    /// done. When the senders are gone nothing more is asked, and the run goes on.
    pub commands: Option<Receiver<C>>,
}

impl<C> Setup<C> {
    /// A socket without faults and commands.
    pub const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, shared: false, faults: None, commands: None }
    }
}

/// Drives a machine on real sockets until it is done, and blocks meanwhile. Ctrl-C and SIGTERM become
/// [`Input::Stop`].
///
/// `opened` is told the address before anything comes in; `event` everything that the machine tells.
///
/// # Errors
/// If the sockets cannot be opened or fail, the plan cannot be applied, or a [`Lawful`](crate::Lawful) machine breaks a
/// law. What peers do is never an error.
pub fn run<M: Machine>(
    machine: M,
    setup: Setup<M::Command>,
    opened: impl FnOnce(Peer),
    event: impl FnMut(M::Event),
) -> Result<Status, DriveError> {
    runtime()?.block_on(async {
        let stop = stop_signal().map_err(DriveError::Start)?;
        run_until(machine, setup, opened, event, stop).await
    })
}

/// Drives a machine on real sockets until it is done, on the current tokio runtime. When `stop` ends, the machine gets
/// [`Input::Stop`], once.
///
/// # Errors
/// As [`run`].
pub async fn run_until<M: Machine>(
    machine: M,
    setup: Setup<M::Command>,
    opened: impl FnOnce(Peer),
    event: impl FnMut(M::Event),
    stop: impl Future<Output = ()>,
) -> Result<Status, DriveError> {
    let Setup { endpoint, shared, faults, commands } = setup;
    let outgoing = faults.as_ref().map(Outgoing::new).transpose()?;
    let mut port = Direct::<system::System, _>::open(endpoint, shared, outgoing, event).await?;
    let local = port.local().unwrap_or_else(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0).into());
    info!(%local, "opened");
    opened(local);
    driver::drive(machine, &mut port, Input::Start { local }, commands, stop).await
}

/// A runtime on this thread alone: what comes in, what it causes and what goes out need no other.
fn runtime() -> Result<Runtime, DriveError> {
    Builder::new_current_thread().enable_all().build().map_err(DriveError::Start)
}

/// Ends with the first Ctrl-C or SIGTERM.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
