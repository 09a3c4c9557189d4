//! What a simulated run is made of: hosts, links, commands with their times, and properties.
//!
//! A [`Net`] builds it, a [`Scenario`] is what comes of it. Hosts are typed: [`Place::machine`] gives a [`Host`] of the
//! machine's type, and what is asked of that host (its events, its state, commands to it) has the machine's types.

mod bottleneck;
mod commands;
mod fold;
mod history;
mod nats;
mod net;
mod others;
mod place;
mod property;
mod run;

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use commands::Timed;
pub use commands::{Commands, UnknownCommand};
pub use fold::{Fold, Sent};
pub(crate) use fold::{FoldSpec, HostFolds, Verdict as FoldVerdict};
pub use history::{History, MAX_HISTORY_STATES, Model, Operation};
pub use net::Net;
pub use place::Place;
pub use property::{Answer, Demand, Property};
pub use run::Run;
pub(crate) use run::{Reads, Slot};

use crate::actor::{Events, Kind};
use crate::fault::{Bottleneck, Fault, FaultKind, FaultPlan, HostFault, StreamKind};
use crate::host::HostId;
use crate::lawful::{Decode, Promises};
use crate::machine::{Machine, Peer};
pub use crate::nat::{
    Blocked, FIRST_MAPPED_PORT, MAPPING_TIMEOUT, MAX_MAPPINGS, Nat, NatKind, TCP_TIMEOUT,
    TCP_TRANSITORY_TIMEOUT,
};
use crate::time::Instant;
use commands::Generator;

/// The types of a host's commands and events. Every machine is one.
pub trait Role: 'static {
    /// The type of its commands.
    type Command: 'static;
    /// The type of its events.
    type Event: PartialEq + fmt::Debug + 'static;
    /// What it is.
    type State: 'static;
}

impl<M: Machine> Role for M {
    type Command = M::Command;
    type Event = M::Event;
    type State = M;
}

/// Names a host of one net, with what runs on it. A copy of it may go into any closure and to any thread.
pub struct Host<R> {
    id: HostId,
    /// Of which net it is.
    net: u32,
    peer: Peer,
    role: PhantomData<fn() -> R>,
}

impl<R> Host<R> {
    /// Its simulated address: that of its first socket, or port 0 without one. A machine that also runs on real sockets
    /// asks [`Boot::peer`](crate::Boot::peer) for it.
    pub const fn peer(self) -> Peer {
        self.peer
    }

    /// Its name, whatever runs on it.
    pub const fn id(self) -> HostId {
        self.id
    }
}

impl<R> Clone for Host<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Host<R> {}

impl<R> From<Host<R>> for HostId {
    fn from(host: Host<R>) -> Self {
        host.id
    }
}

impl<R> fmt::Debug for Host<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({}, {})", self.id.index(), self.peer)
    }
}

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// A datagram socket of a simulated host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagrams {
    pub(crate) local: Peer,
    /// The only peer that it hears, if it is connected; then it hears of refusals, too, as an operating system has it.
    pub(crate) connected: Option<Peer>,
    /// Whether it hears the groups that its host is in. A socket of async code does not that is bound to one address.
    pub(crate) hears_groups: bool,
    /// Whether what it sends to a group comes back to its host.
    pub(crate) loops: bool,
}

/// How a host's events are shown.
type Show = Box<dyn Fn(&dyn Events, usize, &mut fmt::Formatter<'_>) -> fmt::Result + Send + Sync>;

/// One simulated host.
pub(crate) struct HostSpec {
    pub(crate) name: String,
    pub(crate) datagrams: Vec<Datagrams>,
    pub(crate) listeners: Vec<Peer>,
    /// The NAT that it is, if it is one.
    pub(crate) nat: Option<Nat>,
    /// The NAT that it is behind.
    pub(crate) behind: Option<HostId>,
    /// What runs here opens its sockets itself: those above only give the host its address.
    pub(crate) opens: bool,
    /// It uses tokio's own timers and tasks: see [`Place::tokio`].
    pub(crate) on_tokio: bool,
    pub(crate) promises: Promises,
    /// The type of its role.
    pub(crate) role: (TypeId, &'static str),
    pub(crate) kind: Option<Box<dyn Kind>>,
    show: Option<Show>,
    pub(crate) folds: HostFolds,
}

impl HostSpec {
    /// The datagram sockets that it begins with.
    pub(crate) fn own_datagrams(&self) -> Vec<Datagrams> {
        if self.opens { Vec::new() } else { self.datagrams.clone() }
    }

    /// Where it listens from the beginning.
    pub(crate) fn own_listeners(&self) -> impl Iterator<Item = Peer> {
        self.listeners.iter().copied().filter(|_| !self.opens)
    }

    /// The address of its first socket.
    fn first(&self) -> Option<Peer> {
        let datagrams = self.datagrams.first().map(|socket| socket.local);
        datagrams.or_else(|| self.listeners.first().copied())
    }

    /// One of its events, to be written.
    #[cfg(feature = "cli")]
    pub(crate) fn shown<'a>(&'a self, events: &'a dyn Events, index: usize) -> impl fmt::Display + 'a {
        struct Shown<'a>(&'a HostSpec, &'a dyn Events, usize);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.show(self.1, self.2 as u32, f)
            }
        }
        Shown(self, events, index)
    }

    /// Writes one of its events.
    pub(crate) fn show(&self, events: &dyn Events, index: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.show {
            Some(show) => show(events, index as usize, f),
            None => events.show(index as usize, f),
        }
    }
}

/// All of a scenario.
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) latency: Duration,
    pub(crate) streams: StreamKind,
    /// The latencies of single directions, in the order of the calls: the last one for a direction wins.
    pub(crate) latencies: Vec<(HostId, HostId, Duration)>,
    /// The queues that several flows share.
    pub(crate) bottlenecks: Vec<Arc<Bottleneck>>,
    pub(crate) max_time: Instant,
    pub(crate) max_inputs: u64,
    pub(crate) decode: Option<Decode>,
    pub(crate) hosts: Vec<HostSpec>,
    pub(crate) commands: Vec<Timed>,
    pub(crate) generator: Option<Generator>,
    pub(crate) shows_commands: bool,
    pub(crate) properties: Vec<Property>,
    pub(crate) folds: Vec<FoldSpec>,
    /// What the protocol does not claim to withstand.
    pub(crate) ruled_out: Vec<FaultKind>,
    /// Of which net this is.
    net: u32,
    /// The first address of each host.
    pub(crate) peers: Vec<Peer>,
    /// The names of the hosts.
    pub(crate) names: Arc<[String]>,
    /// The hosts of the addresses that are not those that every host has, each with port 0.
    others: BTreeMap<Peer, HostId>,
}

/// Hosts with their machines, the links between them, commands with their times, and properties: everything of a
/// simulated run but its seed and its faults. It is what a [`Net`] becomes; copies of it are the same one.
///
/// ```
/// use lossproof::scenario::Net;
/// use lossproof::{Input, Instant, Machine, Outbox, Scenario};
///
/// struct Silent;
/// impl Machine for Silent {
///     type Command = ();
///     type Event = ();
///     fn handle(&mut self, _: Input<'_, ()>, _: Instant, _: &mut Outbox<()>) {}
/// }
///
/// let net = Net::new("silence");
/// let server = net.host("server").udp(1060).machine(|_| Silent);
/// assert_eq!(server.peer().to_string(), "192.168.0.1:1060");
/// assert_eq!(Scenario::from(net).names(), ["server"]);
/// ```
#[derive(Clone)]
pub struct Scenario(Arc<Spec>);

impl Scenario {
    pub(crate) fn spec(&self) -> &Spec {
        &self.0
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The names of the hosts, in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.hosts.iter().map(|host| host.name.as_str()).collect()
    }

    /// The host of this name.
    pub fn find(&self, name: &str) -> Option<HostId> {
        self.0.hosts.iter().position(|host| host.name == name).map(|index| HostId(index as u16))
    }

    /// The address of a host: the same in the engine and on turmoil.
    ///
    /// # Panics
    /// If the host is of another scenario, with more hosts.
    pub fn peer(&self, host: impl Into<HostId>) -> Peer {
        self.0.peers[host.into().index()]
    }

    /// What carries messages to a host: what its sockets are of, the first first.
    #[cfg(feature = "capture")]
    pub(crate) fn transports(&self, host: HostId) -> Vec<Transport> {
        let spec = &self.0.hosts[host.index()];
        let kinds =
            [(spec.datagrams.is_empty(), Transport::Udp), (spec.listeners.is_empty(), Transport::Tcp)];
        kinds.into_iter().filter(|(none, _)| !none).map(|(_, kind)| kind).collect()
    }

    /// The properties, except folds and histories.
    pub fn properties(&self) -> &[Property] {
        &self.0.properties
    }

    /// The numbers of the commands that are generated from a seed.
    pub(crate) fn generated(&self, seed: u64) -> std::ops::Range<u32> {
        let own = self.0.commands.len() as u32;
        own..own + self.0.generate(seed).len() as u32
    }

    /// Checks that every command in a plan is one that is generated. For a plan without a seed this cannot be checked,
    /// and it is accepted.
    ///
    /// # Errors
    /// [`UnknownCommand`] if one is not.
    pub fn check_commands(&self, plan: &FaultPlan) -> Result<(), UnknownCommand> {
        let Some(given) = &plan.commands else { return Ok(()) };
        if self.0.generator.is_none() {
            return Err(UnknownCommand::NoneGenerated);
        }
        let Some(seed) = plan.seed else { return Ok(()) };
        let generated = self.generated(seed);
        match given.iter().find(|number| !generated.contains(number)) {
            Some(&number) => Err(UnknownCommand::NotGenerated { number, seed, generated }),
            None => Ok(()),
        }
    }
}

/// A plan changes the clock of a host that has no clock of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "host '{host}' runs on tokio's clock, which all such hosts share: leave skew and drift to hosts made by `task`"
)]
pub struct SharedClock {
    /// The host.
    pub host: String,
}

impl Scenario {
    /// Checks that every clock that a plan changes belongs to one host alone.
    ///
    /// # Errors
    /// [`SharedClock`] if one is not.
    pub fn check_clocks(&self, plan: &FaultPlan) -> Result<(), SharedClock> {
        let mut clocks = plan.faults().iter().filter_map(|fault| match fault {
            Fault::Host { fault: HostFault::Skew { host, .. }, .. }
            | Fault::Host { fault: HostFault::Lag { host, .. }, .. }
            | Fault::Host { fault: HostFault::Drift { host, .. }, .. } => Some(host),
            _ => None,
        });
        let is_shared = |name: &&String| self.0.hosts.iter().any(|host| host.on_tokio && host.name == **name);
        clocks.find(is_shared).map_or(Ok(()), |host| Err(SharedClock { host: host.clone() }))
    }
}

impl Spec {
    /// Of which net it is.
    pub(crate) const fn net(&self) -> u32 {
        self.net
    }

    /// The host that has this address, if there is one.
    #[inline]
    pub(crate) fn host_at(&self, peer: &Peer) -> Option<HostId> {
        let host = HostId::at(peer).filter(|host| host.index() < self.hosts.len());
        host.or_else(|| self.others.get(&peer.with_port(0)).copied())
    }

    /// The address from which a host opens a stream to this peer, without a port.
    pub(crate) fn dials_from(&self, host: HostId, peer: Peer) -> Peer {
        let spec = &self.hosts[host.index()];
        let own = spec.datagrams.iter().map(|socket| &socket.local).chain(&spec.listeners);
        match peer {
            Peer::V4 { .. } => own.copied().find(|own| own.is_like(&peer)).unwrap_or_else(|| host.v4(0)),
            Peer::V6 { .. } => own.copied().find(|own| own.is_like(&peer)).unwrap_or_else(|| host.v6(0)),
            Peer::Unix(_) => Peer::Unix(crate::machine::UnixPath::UNNAMED),
        }
        .with_port(0)
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scenario({:?}, {:?})", self.0.name, self.names())
    }
}
