//! The async driver: the same machines on real sockets and on turmoil's simulated network.
//!
//! [`run`] drives one machine on the operating system's sockets, as many as its [`Setup`] has. `simulate` (feature
//! `turmoil`) runs a whole scenario on turmoil, each host driven by the same loop over turmoil's sockets.
//!
//! The loop and the ports know nothing of a machine's type: it stands behind an edge, and they are compiled once.

mod datagrams;
mod direct;
mod driven;
mod driver;
mod error;
mod gathered;
#[cfg(feature = "sim")]
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "the command line is what calls it"))]
mod hosted;
mod inbox;
mod links;
mod listener;
mod net;
#[cfg(feature = "sim")]
mod outgoing;
mod pace;
mod ready;
#[cfg(feature = "proxy")]
pub(crate) mod relayed;
mod silence;
#[cfg(feature = "turmoil")]
mod simulated;
mod sockets;
mod store;
mod stream;
mod system;
mod unix;
#[cfg(not(feature = "sim"))]
mod unplanned;
mod workers;

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::task::unconstrained;
use tracing::info;

pub use error::DriveError;
#[cfg(feature = "cli")]
pub(crate) use hosted::{Audience, check_free, run_host, run_host_workers};
#[cfg(feature = "sim")]
pub use outgoing::LocalFaults;
#[cfg(feature = "turmoil")]
pub use simulated::{MAX_TURMOIL_HOSTS, SimulateError, Simulated, simulate};
pub use store::Store;
pub use workers::run_workers;

use crate::machine::{Input, Machine, Peer, Status};
use direct::{Direct, Room};
use driven::{Driven, Typed};
use net::Manner;
use outgoing::Outgoing;
use pace::Thread;
#[cfg(not(feature = "sim"))]
use unplanned as outgoing;

/// A socket that a machine on the real network gets before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// A datagram socket.
    Datagram {
        /// Where it is bound; port 0 for one that the system chooses. A wildcard address (`0.0.0.0`, `[::]`) stands for
        /// all of the family: each datagram tells which one it came to, and is answered from there. The file of a Unix
        /// socket is there as long as the machine runs; one that a crash has left behind is replaced.
        bind: Peer,
        /// The peer to which it is connected, if any: the system then drops datagrams from elsewhere, and reports
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
}

impl Endpoint {
    /// A datagram socket that is not connected, and sends no broadcasts.
    pub const fn datagram(bind: Peer) -> Self {
        Self::Datagram { bind, connect: None, broadcast: false }
    }

    /// A listening stream socket.
    pub const fn listener(bind: Peer) -> Self {
        Self::Listener { bind }
    }

    /// Where it is bound.
    pub const fn bind(&self) -> Peer {
        match *self {
            Self::Datagram { bind, .. } | Self::Listener { bind } => bind,
        }
    }

    /// The same, bound elsewhere.
    const fn at(self, bind: Peer) -> Self {
        match self {
            Self::Datagram { connect, broadcast, .. } => Self::Datagram { bind, connect, broadcast },
            Self::Listener { .. } => Self::Listener { bind },
        }
    }
}

/// By which network card the datagram sockets of a machine take part in multicast, and how far what they send goes. What
/// is not said is the system's choice.
///
/// Both what is sent to groups and what is [joined](crate::machine::Effects::join) goes by that card. A socket hears groups
/// if it is bound to any address (`0.0.0.0`, `[::]`) and not connected. A machine can send to a group of which it is a
/// member. It then gets its own datagram, and so do all other members on this computer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Multicast {
    /// For IPv4, an address of the card: 127.0.0.1 keeps all of it on this computer.
    pub v4: Option<Ipv4Addr>,
    /// For IPv6, the number of the card, as `ip link` shows it.
    pub v6: Option<u32>,
    /// The time to live of what is sent, over IPv6 its hop limit: each router takes one off. Without a value it is 1,
    /// and nothing leaves this network.
    pub hops: Option<u8>,
}

impl From<Endpoint> for Vec<Endpoint> {
    fn from(endpoint: Endpoint) -> Self {
        vec![endpoint]
    }
}

/// The configuration of a machine on real sockets.
///
/// ```
/// use lossproof::drive::{Endpoint, Setup};
///
/// // One machine with two datagram sockets and a listener. It can dial, too.
/// let sockets = [
///     Endpoint::datagram("0.0.0.0:1060".parse()?),
///     Endpoint::datagram("[::]:1060".parse()?),
///     Endpoint::listener("127.0.0.1:1061".parse()?),
/// ];
/// let setup = Setup::<()>::new(sockets);
/// assert_eq!(setup.sockets.len(), 3);
/// # Ok::<(), lossproof::machine::PeerError>(())
/// ```
#[derive(Debug)]
pub struct Setup<C> {
    /// Its sockets, in the order in which they are opened: where several could send a datagram, the first does. An IPv6
    /// wildcard takes IPv4 as well, unless another of them is for IPv4.
    pub sockets: Vec<Endpoint>,
    /// Whether others may be bound to the same addresses (`SO_REUSEPORT`): the system then spreads the peers over them,
    /// and each peer of a datagram socket, and each stream, stays with one. Not for Unix sockets.
    pub shared: bool,
    /// How its datagram sockets take part in multicast.
    pub multicast: Multicast,
    /// Whether the machine reads the ECN field of datagrams; if not, all come as [`Ecn::NotEct`](crate::machine::Ecn). A
    /// datagram then takes up to 4% more of the processor's time. Only Linux tells it.
    pub reads_ecn: bool,
    /// A fault plan for what it sends, if there is one.
    #[cfg(feature = "sim")]
    pub faults: Option<LocalFaults>,
    /// Commands of the application while the machine runs. Each one becomes an [`Input::Command`], unless the machine
    /// is done. When all senders are dropped, the run goes on without commands.
    pub commands: Option<Receiver<C>>,
    /// Where it is kept what the machine saves.
    pub store: Option<Store>,
    /// How many accepted streams there are at one time; as many as the system has descriptors for, if that is not said.
    /// When one more comes, the stream whose peer was silent longest is let go, unless something is on its way out of it
    /// or the machine does not listen to it; if all are like that, who comes is turned away.
    pub max_accepted: Option<NonZeroUsize>,
    /// For how long the peer of an accepted stream may be silent before it is let go; for ever, if that is not said, as
    /// long as there is room.
    pub max_silence: Option<Duration>,
}

impl<C> Setup<C> {
    /// Sockets without faults, commands and store. One [`Endpoint`] will do, too.
    pub fn new(sockets: impl Into<Vec<Endpoint>>) -> Self {
        Self {
            sockets: sockets.into(),
            shared: false,
            multicast: Multicast::default(),
            reads_ecn: false,
            #[cfg(feature = "sim")]
            faults: None,
            commands: None,
            store: None,
            max_accepted: None,
            max_silence: None,
        }
    }

    /// No sockets: the machine opens streams itself.
    pub fn dialer() -> Self {
        Self::new([])
    }

    /// Takes what depends on the type of commands apart from the rest.
    fn split(self) -> (Option<Receiver<C>>, Means) {
        let Self {
            sockets, shared, reads_ecn, multicast, commands, store, max_accepted, max_silence, ..
        } = self;
        let means = Means {
            sockets,
            manner: Manner { shared, reads_ecn, multicast },
            #[cfg(feature = "sim")]
            faults: self.faults,
            store,
            room: Room { max_accepted, max_silence },
        };
        (commands, means)
    }
}

/// What a [`Setup`] has beside commands.
struct Means {
    sockets: Vec<Endpoint>,
    manner: Manner,
    #[cfg(feature = "sim")]
    faults: Option<LocalFaults>,
    store: Option<Store>,
    room: Room,
}

/// Who is told the addresses that are bound.
type Opened<'a> = Box<dyn FnOnce(&[Peer]) + 'a>;

/// Drives a machine on real sockets until it is done, and blocks meanwhile. Ctrl-C and SIGTERM become
/// [`Input::Stop`].
///
/// `opened` is called with the bound addresses, in the order of the setup's sockets, before the first input. `event` is
/// called for every event, after all other effects of the same input are done.
///
/// A machine that is done has [`limits::MAX_LINGER`](crate::machine::limits::MAX_LINGER) for what is still on its way out,
/// and for its peers to end their streams; with neither, the run ends at once.
///
/// # Errors
/// If the sockets cannot be opened or fail, the plan cannot be applied, the machine saves and there is no store or it
/// fails, or a [`Lawful`](crate::Lawful) machine breaks a law. What peers do is never an error.
pub fn run<M: Machine>(
    machine: M,
    setup: Setup<M::Command>,
    opened: impl FnOnce(&[Peer]),
    event: impl FnMut(M::Event),
) -> Result<Status, DriveError> {
    let (commands, means) = setup.split();
    run_driven(&mut Typed::new(machine, commands, event), means, Box::new(opened))
}

/// Drives a machine on real sockets until it is done, on the current tokio runtime. When the future `stop` completes,
/// the machine receives [`Input::Stop`], once.
///
/// # Errors
/// As [`run`].
pub async fn run_until<M: Machine>(
    machine: M,
    setup: Setup<M::Command>,
    opened: impl FnOnce(&[Peer]),
    event: impl FnMut(M::Event),
    stop: impl Future<Output = ()>,
) -> Result<Status, DriveError> {
    let (commands, means) = setup.split();
    let mut driven = Typed::new(machine, commands, event);
    drive_until(&mut driven, means, Box::new(opened), pin!(stop), Thread::Shared).await
}

/// Drives until the machine is done or a signal comes, and blocks meanwhile.
fn run_driven(driven: &mut dyn Driven, means: Means, opened: Opened<'_>) -> Result<Status, DriveError> {
    runtime()?.block_on(async {
        let stop = stop_signal().map_err(DriveError::Start)?;
        drive_until(driven, means, opened, pin!(stop), Thread::Own).await
    })
}

async fn drive_until(
    driven: &mut dyn Driven,
    means: Means,
    opened: Opened<'_>,
    stop: Pin<&mut dyn Future<Output = ()>>,
    thread: Thread,
) -> Result<Status, DriveError> {
    #[cfg(feature = "sim")]
    let outgoing = means.faults.as_ref().map(Outgoing::new).transpose()?;
    #[cfg(not(feature = "sim"))]
    let outgoing: Option<Outgoing> = None;
    let Means { sockets, manner, store, room, .. } = means;
    let mut port = Direct::open(&sockets, manner, outgoing, store, room).await?;
    if thread == Thread::Own {
        port.may_wait();
    }
    let (locals, datagrams) = (port.locals(), port.datagram_locals());
    for local in &locals {
        info!(%local, "opened");
    }
    opened(&locals);
    driven.effects().open(&datagrams);
    // As in simulation, datagram sockets go first.
    let nowhere = Peer::V4 { ip: Ipv4Addr::UNSPECIFIED, port: 0 };
    let local = datagrams.first().or(locals.first()).copied().unwrap_or(nowhere);
    unconstrained(driver::drive(driven, &mut port, Input::Start { local }, stop, thread)).await
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
