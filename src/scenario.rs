//! What a simulated run is made of: hosts, how they are linked, and what is asked of them when.

mod commands;

use std::fmt;
use std::time::Duration;

use crate::fault::is_host_name;
use crate::host::{HostId, MAX_HOSTS};
use crate::lawful::{Lawful, Promises};
use crate::machine::{Boot, BoxedMachine, Peer};
use crate::time::Instant;
use crate::transcript::{Decode, Happened, Log, ShowEvent, Transcript};
use commands::Generator;
pub use commands::{ShowCommand, TimedCommand, UnknownCommand};

/// The sockets that a simulated host opens before its machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// A datagram socket. One that is connected to a peer hears of refusals, as an operating system has it.
    Datagram {
        /// The local port.
        port: u16,
        /// The peer that the socket is connected to, if it is.
        connect: Option<Peer>,
    },
    /// A listening stream socket.
    Listener {
        /// The local port.
        port: u16,
    },
    /// None: the machine opens streams itself.
    Dialer,
}

impl Binding {
    /// A datagram socket on this port, connected to nobody.
    pub const fn datagram(port: u16) -> Self {
        Self::Datagram { port, connect: None }
    }
}

/// How a scenario makes the machine of a host: called for each start and restart, and twice where the laws are held,
/// so it may have no state of its own.
pub type Factory<C, E> = Box<dyn Fn(Boot<'_>) -> BoxedMachine<C, E> + Send + Sync>;

/// One simulated host.
pub struct Host<C, E> {
    /// Its name in plans and transcripts.
    pub name: String,
    /// Its sockets.
    pub binding: Binding,
    /// What its machine promises.
    pub promises: Promises,
    make: Factory<C, E>,
}

impl<C: Clone + 'static, E: PartialEq + fmt::Debug + 'static> Host<C, E> {
    /// A machine for this host; with the laws held to it if wanted.
    pub(crate) fn boot(&self, boot: Boot<'_>, laws: Option<Duration>) -> BoxedMachine<C, E> {
        let machine = (self.make)(boot);
        match laws {
            None => machine,
            Some(shift) => Box::new(Lawful::new(machine, (self.make)(boot), self.promises).with_shift(shift)),
        }
    }

    /// A machine for this host with a twin that gets exactly the same, only so much later.
    pub(crate) fn boot_plain(&self, boot: Boot<'_>, shift: Duration) -> BoxedMachine<C, E> {
        let twin = (self.make)(boot);
        Box::new(Lawful::new((self.make)(boot), twin, self.promises).with_shift(shift).plain())
    }
}

impl<C, E> fmt::Debug for Host<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("name", &self.name)
            .field("binding", &self.binding)
            .field("promises", &self.promises)
            .finish_non_exhaustive()
    }
}

/// Hosts with their machines, the links between them, and commands at times: everything of a simulated run but its
/// seed and its faults.
///
/// ```
/// use lossproof::{Binding, Input, Instant, Machine, Outbox, Scenario};
///
/// struct Silent;
/// impl Machine for Silent {
///     type Command = ();
///     type Event = ();
///     fn handle(&mut self, _: Input<'_, ()>, _: Instant, _: &mut Outbox<()>) {}
///     fn deadline(&self) -> Option<Instant> {
///         None
///     }
/// }
///
/// let mut scenario = Scenario::new("silence");
/// let server = scenario.host("server", Binding::Datagram { port: 1060, connect: None }, |_| Box::new(Silent));
/// assert_eq!(scenario.peer(server).to_string(), "192.168.0.1:1060");
/// ```
pub struct Scenario<C, E> {
    /// What it is called.
    pub name: String,
    /// How long a packet takes from host to host, where [`Scenario::set_latency`] says nothing else.
    pub latency: Duration,
    /// Where a run stops at the latest, in virtual time. What is due at this moment still happens.
    pub max_time: Instant,
    /// How many inputs a run hands to machines at most.
    pub max_inputs: u64,
    /// How a transcript shows an event.
    pub show: ShowEvent<E>,
    /// How a transcript shows a message, where its bytes alone say little.
    pub decode: Option<Decode>,
    /// How a transcript shows a command; by its number alone, if this is `None`.
    pub show_command: Option<ShowCommand<C>>,
    hosts: Vec<Host<C, E>>,
    commands: Vec<TimedCommand<C>>,
    generator: Option<Generator<C>>,
    latencies: Vec<(HostId, HostId, Duration)>,
}

impl<C: Clone + 'static, E: PartialEq + fmt::Debug + 'static> Scenario<C, E> {
    /// A scenario without hosts: links of 5 ms, at most a minute of virtual time and 100,000 inputs.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            latency: Duration::from_millis(5),
            max_time: Instant::from_millis(60_000),
            max_inputs: 100_000,
            show: |event, f| write!(f, "{event:?}"),
            decode: None,
            show_command: None,
            hosts: Vec::new(),
            commands: Vec::new(),
            latencies: Vec::new(),
            generator: None,
        }
    }

    /// Adds a host whose machine promises the default.
    pub fn host<F>(&mut self, name: impl Into<String>, binding: Binding, make: F) -> HostId
    where
        F: Fn(Boot<'_>) -> BoxedMachine<C, E> + Send + Sync + 'static,
    {
        self.host_promising(name, binding, Promises::default(), make)
    }

    /// Adds a host whose machine promises something of its own.
    ///
    /// # Panics
    /// If there are [`MAX_HOSTS`] already, or one has this name, or the name is none that a plan can hold: ASCII
    /// letters, digits, `_`, `-` and `.`.
    pub fn host_promising<F>(
        &mut self,
        name: impl Into<String>,
        binding: Binding,
        promises: Promises,
        make: F,
    ) -> HostId
    where
        F: Fn(Boot<'_>) -> BoxedMachine<C, E> + Send + Sync + 'static,
    {
        let name = name.into();
        assert!(self.hosts.len() < MAX_HOSTS, "a scenario has at most {MAX_HOSTS} hosts");
        assert!(self.find(&name).is_none(), "two hosts are called {name}");
        assert!(
            is_host_name(&name),
            "a host is named with ASCII letters, digits, '_', '-' and '.', not {name:?}"
        );
        self.hosts.push(Host { name, binding, promises, make: Box::new(make) });
        HostId(self.hosts.len() as u16 - 1)
    }
}

impl<C, E> Scenario<C, E> {
    /// Sets how long a packet takes from one host to another, in this direction alone. A run whose plan or profile has a
    /// latency takes that one for all links.
    ///
    /// # Panics
    /// If a host is of another scenario, with more hosts.
    pub fn set_latency(&mut self, from: HostId, to: HostId, latency: Duration) {
        assert!(from.index().max(to.index()) < self.hosts.len(), "both hosts are of this scenario");
        self.latencies.push((from, to, latency));
    }

    /// The latencies of single directions, as they were set: the last of a direction holds.
    pub(crate) fn latencies(&self) -> &[(HostId, HostId, Duration)] {
        &self.latencies
    }

    /// The hosts, in order.
    pub fn hosts(&self) -> &[Host<C, E>] {
        &self.hosts
    }

    /// The names of the hosts, in order.
    pub fn names(&self) -> Vec<&str> {
        self.hosts.iter().map(|host| host.name.as_str()).collect()
    }

    /// What a run of this scenario kept, ready to be read. `names` are those of [`Scenario::names`].
    pub(crate) fn transcript<'a>(
        &self,
        names: &'a [&'a str],
        log: &'a Log,
        events: &'a [Happened<E>],
    ) -> Transcript<'a, E> {
        Transcript { names, log, events, show: self.show, decode: self.decode }
    }

    /// The host of this name.
    pub fn find(&self, name: &str) -> Option<HostId> {
        self.hosts.iter().position(|host| host.name == name).map(|index| HostId(index as u16))
    }

    /// The address of a host: the same in every simulated world.
    ///
    /// # Panics
    /// If the host is of another scenario, with more hosts.
    pub fn peer(&self, host: HostId) -> Peer {
        let port = match self.hosts[host.index()].binding {
            Binding::Datagram { port, .. } | Binding::Listener { port } => port,
            Binding::Dialer => 0,
        };
        host.address(port)
    }
}

impl<C, E> fmt::Debug for Scenario<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario")
            .field("name", &self.name)
            .field("latency", &self.latency)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}
