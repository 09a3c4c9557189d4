//! Building a scenario.

use std::any::{Any, TypeId};
use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::history::{History, Model};
use super::{
    Answer, Commands, Demand, Fold, Host, HostFolds, HostSpec, Place, Property, Role, Run, Scenario, Spec,
};
use crate::actor::AnyCommand;
use crate::fault::{FaultKind, StreamKind, is_host_name};
use crate::host::{HostId, MAX_HOSTS};
use crate::lawful::{Decode, Promises};
use crate::machine::Peer;
use crate::time::Instant;

/// Builds a [`Scenario`]: the hosts, the commands they receive, and the properties.
///
/// All of it goes through `&self`, so that several hosts can be begun before one is completed: hosts that know each
/// other take each other's [`Place::id`]. It begins with links of 5 ms, at most a minute of virtual time, and at most
/// 100,000 inputs.
///
/// ```
/// use std::time::Duration;
///
/// use lossproof::scenario::Net;
/// use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
///
/// struct Client(Peer);
/// impl Machine for Client {
///     type Command = ();
///     type Event = Vec<u8>;
///     fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<Vec<u8>>) {
///         match input {
///             Input::Start { .. } => out.send(self.0, b"hello"),
///             Input::Datagram { bytes, .. } => out.event(bytes.to_vec()),
///             _ => {}
///         }
///     }
/// }
///
/// struct Echo;
/// impl Machine for Echo {
///     type Command = ();
///     type Event = ();
///     fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
///         if let Input::Datagram { bytes, .. } = input {
///             out.reply(bytes);
///         }
///     }
/// }
///
/// let net = Net::new("echo");
/// let server = net.host("server").udp(7).machine(|_| Echo);
/// let client = net.host("client").udp(0).machine(move |boot| Client(boot.peer(server)));
/// net.eventually_within("the client is answered", Duration::from_secs(1), move |run| {
///     run.events(client).contains(&b"hello".to_vec())
/// });
/// ```
pub struct Net(RefCell<Spec>);

impl From<Net> for Scenario {
    /// # Panics
    /// If a host was begun and has no machine.
    fn from(net: Net) -> Self {
        let mut spec = net.0.into_inner();
        let empty = spec.hosts.iter().find(|host| host.kind.is_none()).map(|host| host.name.as_str());
        assert!(empty.is_none(), "host '{}' has no machine: call `machine`", empty.unwrap_or_default());
        spec.peers = (0..).zip(&spec.hosts).map(|(index, host)| first(HostId(index), host)).collect();
        spec.names = spec.hosts.iter().map(|host| host.name.clone()).collect();
        let mut others = BTreeMap::new();
        for (index, host) in (0..).zip(&spec.hosts) {
            let own = host.datagrams.iter().map(|socket| socket.local).chain(host.listeners.iter().copied());
            let own = own.chain(host.public());
            for address in own.filter(|address| HostId::at(address).is_none()) {
                let before = others.insert(address.with_port(0), HostId(index));
                assert!(before.is_none_or(|other| other.0 == index), "two hosts have the address {address}");
            }
        }
        spec.others = others;
        Self(Arc::new(spec))
    }
}

/// Where a host is, for those that ask for it by its name.
pub(super) fn first(id: HostId, host: &HostSpec) -> Peer {
    host.first().or_else(|| host.public()).unwrap_or_else(|| id.v4(0))
}

impl Net {
    /// A net without hosts.
    pub fn new(name: impl Into<String>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(RefCell::new(Spec {
            name: name.into(),
            latency: Duration::from_millis(5),
            latencies: Vec::new(),
            bottlenecks: Vec::new(),
            streams: StreamKind::Model,
            max_time: Instant::from_millis(60_000),
            max_inputs: 100_000,
            decode: None,
            hosts: Vec::new(),
            commands: Vec::new(),
            generator: None,
            shows_commands: false,
            properties: Vec::new(),
            folds: Vec::new(),
            ruled_out: Vec::new(),
            net: NEXT.fetch_add(1, Ordering::Relaxed),
            peers: Vec::new(),
            names: Arc::default(),
            others: BTreeMap::new(),
        }))
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Spec) -> T) -> T {
        change(&mut self.spec())
    }

    pub(super) fn with_host<R>(&self, host: Host<R>, change: impl FnOnce(&mut HostSpec)) {
        change(&mut self.host_spec(host.net, host.id));
    }

    // These are apart from the two above, which are compiled for each closure.
    fn spec(&self) -> RefMut<'_, Spec> {
        self.0.borrow_mut()
    }

    fn host_spec(&self, net: u32, host: HostId) -> RefMut<'_, HostSpec> {
        RefMut::map(self.spec(), |spec| {
            assert!(net == spec.net, "this handle is of a host of another net");
            &mut spec.hosts[host.index()]
        })
    }

    /// Begins a host.
    ///
    /// # Panics
    /// If there are [`MAX_HOSTS`] already, if another host has this name, or if the name has other characters than
    /// ASCII letters, digits, `_`, `-` and `.`.
    pub fn host(&self, name: impl Into<String>) -> Place<'_> {
        let name = name.into();
        let index = self.with(|spec| {
            assert!(spec.hosts.len() < MAX_HOSTS, "a net has at most {MAX_HOSTS} hosts");
            assert!(spec.hosts.iter().all(|host| host.name != name), "two hosts are called {name}");
            assert!(
                is_host_name(&name),
                "a host is named with ASCII letters, digits, '_', '-' and '.', not {name:?}"
            );
            spec.hosts.push(HostSpec {
                name,
                datagrams: Vec::new(),
                listeners: Vec::new(),
                nat: None,
                behind: None,
                opens: false,
                on_tokio: false,
                promises: Promises::DEFAULT,
                role: (TypeId::of::<()>(), "()"),
                kind: None,
                show: None,
                folds: HostFolds::default(),
            });
            spec.hosts.len() as u16 - 1
        });
        Place { net: self, id: HostId(index) }
    }

    /// What streams are made of, where a plan says nothing else: the [model](StreamKind::Model), unless told otherwise.
    pub fn streams(&self, kind: StreamKind) {
        self.with(|spec| spec.streams = kind);
    }

    /// Sets the one-way latency of all links without a [`Net::link_latency`] of their own.
    pub fn latency(&self, latency: Duration) {
        self.with(|spec| spec.latency = latency);
    }

    /// Sets the latency from one host to another, in this direction only. A latency in the plan or profile of a run
    /// overrides this one.
    pub fn link_latency(&self, from: impl Into<HostId>, to: impl Into<HostId>, latency: Duration) {
        self.with(|spec| spec.latencies.push((from.into(), to.into(), latency)));
    }

    /// The maximum simulated time of a run. Events at exactly this time are still processed.
    pub fn max_time(&self, max_time: Duration) {
        self.with(|spec| spec.max_time = Instant::START + max_time);
    }

    /// The maximum number of inputs of a run, over all machines.
    pub fn max_inputs(&self, max_inputs: u64) {
        self.with(|spec| spec.max_inputs = max_inputs);
    }

    /// Declares kinds of fault that the protocol does not claim to survive, such as clocks that jump if its leases
    /// depend on clocks. No check draws them, unless a profile or a plan has them, and each verdict names them.
    pub fn rules_out(&self, kinds: impl IntoIterator<Item = FaultKind>) {
        self.with(|spec| spec.ruled_out.extend(kinds));
    }

    /// Sets how transcripts and reports show a message whose bytes are not text.
    pub fn decode(&self, decode: Decode) {
        self.with(|spec| spec.decode = Some(decode));
    }

    /// Sets how transcripts show the events of a host. The default is `Debug`.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn show<R: Role>(
        &self,
        host: Host<R>,
        show: impl Fn(&R::Event, &mut fmt::Formatter<'_>) -> fmt::Result + Send + Sync + 'static,
    ) {
        self.with_host(host, |spec| {
            spec.show = Some(Box::new(move |events, index, f| {
                let events: &dyn Any = events;
                match events.downcast_ref::<Vec<R::Event>>() {
                    Some(events) => show(&events[index], f),
                    None => Ok(()),
                }
            }));
        });
    }

    /// Gives a command to a host's machine at a time, in every run.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn command<R: Role<Command: AnyCommand>>(&self, at: Instant, host: Host<R>, command: R::Command) {
        self.with(|spec| {
            let mut commands = Commands { list: Vec::new(), net: spec.net };
            commands.give(at, host, command);
            spec.commands.append(&mut commands.list);
        });
    }

    /// Generates further commands for each run, as a function of its seed and of nothing else: the same seed must give
    /// the same commands, or no failure can be reproduced.
    ///
    /// A search draws a seed for each run, so each run gets other commands. They are numbered after the net's own.
    /// Shrinking keeps only the commands that the failure needs: the plan lists them, as in `commands 1,4`
    /// ([`FaultPlan::commands`](crate::FaultPlan)). So a property must be true without any one of them: let the machine
    /// report a command as an event.
    ///
    /// ```
    /// use lossproof::scenario::Net;
    /// use lossproof::{Input, Instant, Machine, Outbox};
    ///
    /// /// Adds up what it is told.
    /// struct Sum(u64);
    /// impl Machine for Sum {
    ///     type Command = u64;
    ///     type Event = u64;
    ///     fn handle(&mut self, input: Input<'_, u64>, _: Instant, out: &mut Outbox<u64>) {
    ///         if let Input::Command(number) = input {
    ///             self.0 += number;
    ///             out.event(self.0);
    ///         }
    ///     }
    /// }
    ///
    /// let net = Net::new("sums");
    /// let sum = net.host("sum").machine(|_| Sum(0));
    /// net.generate(move |seed, commands| {
    ///     (0..seed % 4).for_each(|n| commands.give(Instant::from_millis(10 * n), sum, n));
    /// });
    /// ```
    pub fn generate(&self, make: impl Fn(u64, &mut Commands) + Send + Sync + 'static) {
        self.with(|spec| {
            spec.generator = Some(Box::new(make));
            spec.shows_commands = true;
        });
    }

    /// Shows commands in transcripts as `Debug` has them, and not by their numbers alone. Generated ones always are.
    pub fn show_commands(&self) {
        self.with(|spec| spec.shows_commands = true);
    }

    fn property<A: Answer>(
        &self,
        name: impl Into<String>,
        demand: Demand,
        test: impl Fn(&Run<'_>) -> A + Send + Sync + 'static,
    ) {
        let name = name.into();
        assert!(!self.has_property(&name), "two properties are called {name:?}");
        self.with(|spec| spec.properties.push(Property::new(name, demand, test)));
    }

    /// States a property that is true after every input.
    ///
    /// # Panics
    /// If another property has this name, here and below.
    pub fn always<A: Answer>(
        &self,
        name: impl Into<String>,
        test: impl Fn(&Run<'_>) -> A + Send + Sync + 'static,
    ) {
        self.property(name, Demand::Always, test);
    }

    /// States a property that is false after every input.
    pub fn never(&self, name: impl Into<String>, test: impl Fn(&Run<'_>) -> bool + Send + Sync + 'static) {
        self.property(name, Demand::Never, test);
    }

    /// States a property that is true at some time within this span. The span begins with the run, and again whenever a
    /// host restarts. Afterwards the property may be false.
    pub fn eventually_within<A: Answer>(
        &self,
        name: impl Into<String>,
        within: Duration,
        test: impl Fn(&Run<'_>) -> A + Send + Sync + 'static,
    ) {
        self.property(name, Demand::Within(within), test);
    }

    /// States a property that is true soon after the faults stop: within the span, and within the number of inputs of
    /// all machines. The plan ([`calm`](crate::fault::FaultPlan::calm)) or [`Check::calm_at`](crate::Check::calm_at)
    /// sets the time at which faults stop. In a run without a calm, the span begins with the run.
    pub fn converges_within<A: Answer>(
        &self,
        name: impl Into<String>,
        within: Duration,
        inputs: u64,
        test: impl Fn(&Run<'_>) -> A + Send + Sync + 'static,
    ) {
        self.property(name, Demand::Converges { within, inputs }, test);
    }

    /// States a situation that at least one run should reach, so that you know that the runs test it: a client gives
    /// up, a queue is full, a second retry is needed.
    pub fn sometimes<A: Answer>(
        &self,
        name: impl Into<String>,
        test: impl Fn(&Run<'_>) -> A + Send + Sync + 'static,
    ) {
        self.property(name, Demand::Sometimes, test);
    }

    /// Begins a property with a state of its own: see [`Fold`].
    ///
    /// # Panics
    /// If another property has this name, here and below.
    pub fn fold<S: Hash + 'static>(
        &self,
        name: impl Into<String>,
        init: impl Fn() -> S + Send + Sync + 'static,
    ) -> Fold<'_, S> {
        Fold::new(self, name.into(), init)
    }

    /// Begins a property that judges operations by a sequential model of what they do: see [`History`].
    pub fn history<M: Model>(&self, name: impl Into<String>, model: M) -> History<'_, M> {
        History::new(self, name.into(), model)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = self.0.borrow();
        write!(f, "Net({:?}, {} hosts)", spec.name, spec.hosts.len())
    }
}
