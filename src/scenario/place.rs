//! One host of a net, while it is built.

use std::any::{TypeId, type_name};
#[cfg(feature = "tasks")]
use std::fmt;
use std::marker::PhantomData;

use super::net::{Net, first};
use super::{Datagrams, Host, HostSpec, Role};
use crate::actor::{Kind, Made};
use crate::host::{Boot, FIRST_EPHEMERAL_PORT, HostId};
use crate::lawful::Promises;
use crate::machine::{Machine, Peer};
#[cfg(feature = "tasks")]
use crate::tasks::{Ctx, Task, TaskResult};

/// A host that has a name, and gets its sockets and its machine.
#[derive(Debug)]
#[must_use = "a host needs a machine"]
pub struct Place<'n> {
    pub(super) net: &'n Net,
    pub(super) id: HostId,
}

impl Place<'_> {
    fn with(self, change: impl FnOnce(&mut HostSpec)) -> Self {
        self.net.with(|spec| change(&mut spec.hosts[self.id.index()]));
        self
    }

    /// Opens a datagram socket on this port of the host's IPv4 address; 0 for a port that the system chooses.
    pub fn udp(self, port: u16) -> Self {
        let local = self.id.v4(port);
        self.udp_at(local)
    }

    /// Opens a datagram socket on this port of the host's IPv6 address; 0 for a port that the system chooses.
    pub fn udp6(self, port: u16) -> Self {
        let local = self.id.v6(port);
        self.udp_at(local)
    }

    /// Opens a datagram socket at an address of its own choice: a further one of this host, or the path of a Unix
    /// socket. Port 0 stands for one that the system chooses.
    ///
    /// # Panics
    /// If the address is one that every host has, and of another host, or if the host has this socket already.
    pub fn udp_at(self, local: Peer) -> Self {
        let id = self.id;
        self.with(|host| {
            let taken = |port: u16| host.datagrams.iter().any(|socket| socket.local == local.with_port(port));
            let free =
                (FIRST_EPHEMERAL_PORT..=u16::MAX).find(|port| !taken(*port)).unwrap_or(FIRST_EPHEMERAL_PORT);
            let local = if local.port() == Some(0) { local.with_port(free) } else { local };
            check_own(id, local);
            assert!(host.datagrams.iter().all(|socket| socket.local != local), "{local} is bound twice");
            host.datagrams.push(Datagrams { local, connected: None, hears_groups: true, loops: true });
        })
    }

    /// Connects the last datagram socket to the first one of another host. It then receives only from there, and it
    /// receives refusals, as in an operating system.
    ///
    /// # Panics
    /// If no datagram socket was opened.
    pub fn connected(self, to: impl Into<HostId>) -> Self {
        let to = to.into();
        let peer = self.net.with(|spec| first(to, &spec.hosts[to.index()]));
        self.with(|host| {
            let socket = host.datagrams.last_mut().expect("a datagram socket was opened before");
            socket.connected = Some(peer);
        })
    }

    /// Listens for streams on this port of the host's IPv4 address.
    pub fn listen(self, port: u16) -> Self {
        let local = self.id.v4(port);
        self.listen_at(local)
    }

    /// Listens for streams on this port of the host's IPv6 address.
    pub fn listen6(self, port: u16) -> Self {
        let local = self.id.v6(port);
        self.listen_at(local)
    }

    /// Listens for streams at an address of its own choice: a further one of this host, or the path of a Unix socket.
    ///
    /// # Panics
    /// If the port is 0, if the address is one that every host has, and of another host, or if the host listens there
    /// already.
    pub fn listen_at(self, local: Peer) -> Self {
        let id = self.id;
        self.with(|host| {
            assert!(local.port() != Some(0), "a simulated host listens on a port that others know, not on 0");
            check_own(id, local);
            assert!(!host.listeners.contains(&local), "{local} is bound twice");
            host.listeners.push(local);
        })
    }

    /// Sets limits and exemptions for the law checks on its machine.
    pub fn promises(self, promises: Promises) -> Self {
        self.with(|host| host.promises = promises)
    }

    /// The id of the host before it has a machine, for [`Boot::peer`] in hosts that know each other.
    pub const fn id(&self) -> HostId {
        self.id
    }

    /// Completes the host with a machine. `make` is called for each start and restart, and twice if the laws are
    /// checked, so it must have no state of its own.
    pub fn machine<M: Machine>(self, make: impl Fn(Boot<'_>) -> M + Send + Sync + 'static) -> Host<M> {
        self.actor(Box::new(Made(Box::new(make))))
    }

    /// Completes the host with async code: the future that `run` returns is its first task, and may
    /// [spawn](crate::tokio::spawn) others. It is called for each start and restart. The code imports
    /// [`lossproof::tokio`](crate::tokio) in place of `tokio`.
    ///
    /// It opens its sockets itself. Those that its place was given say under which address others find it.
    ///
    /// ```
    /// use lossproof::tokio::{net::UdpSocket, time};
    /// use lossproof::{Check, Ctx, Net};
    /// use std::time::Duration;
    ///
    /// let net = Net::new("echo");
    /// let server = net.host("server").udp(7).task(|_: Ctx| async {
    ///     let socket = UdpSocket::bind("0.0.0.0:7").await?;
    ///     let mut buffer = [0; 1500];
    ///     loop {
    ///         let (len, peer) = socket.recv_from(&mut buffer).await?;
    ///         socket.send_to(&buffer[..len], peer).await?;
    ///     }
    ///     #[allow(unreachable_code)]
    ///     std::io::Result::Ok(())
    /// });
    /// let client = net.host("client").task(move |ctx: Ctx<usize>| async move {
    ///     let socket = UdpSocket::bind("0.0.0.0:0").await?;
    ///     socket.connect(ctx.address(server)).await?;
    ///     let mut buffer = [0; 1500];
    ///     loop {
    ///         socket.send(b"hello").await?;
    ///         if let Ok(len) = time::timeout(Duration::from_millis(100), socket.recv(&mut buffer)).await {
    ///             ctx.event(len?);
    ///             return std::io::Result::Ok(());
    ///         }
    ///     }
    /// });
    /// net.never("a reply is cut", move |run| run.events(client).iter().any(|len| *len != 5));
    /// Check::new(net).runs(100).loss(0.3).assert();
    /// ```
    #[cfg(feature = "tasks")]
    pub fn task<E, C, F, R>(self, run: impl Fn(Ctx<E, C>) -> F + Send + Sync + 'static) -> Host<Task<E, C>>
    where
        E: PartialEq + fmt::Debug + 'static,
        C: Clone + 'static,
        F: Future<Output = R> + 'static,
        R: TaskResult,
    {
        self.opened_by_tasks(false, run)
    }

    /// Completes the host with async code that uses tokio's own timers and tasks: only its sockets come from
    /// [`lossproof::net`](crate::net).
    ///
    /// All such hosts of a run share one runtime of tokio, whose clock the simulation moves. So they have no clock of
    /// their own, and no twin: laws 4, 5 and 6 are not checked on them.
    #[cfg(feature = "tasks")]
    pub fn tokio<E, C, F, R>(self, run: impl Fn(Ctx<E, C>) -> F + Send + Sync + 'static) -> Host<Task<E, C>>
    where
        E: PartialEq + fmt::Debug + 'static,
        C: Clone + 'static,
        F: Future<Output = R> + 'static,
        R: TaskResult,
    {
        self.opened_by_tasks(true, run)
    }

    #[cfg(feature = "tasks")]
    fn opened_by_tasks<E, C, F, R>(
        self,
        on_tokio: bool,
        run: impl Fn(Ctx<E, C>) -> F + Send + Sync + 'static,
    ) -> Host<Task<E, C>>
    where
        E: PartialEq + fmt::Debug + 'static,
        C: Clone + 'static,
        F: Future<Output = R> + 'static,
        R: TaskResult,
    {
        let id = self.id;
        let mut own = vec![id.v4(0), id.v6(0)];
        let place = self.with(|host| {
            (host.opens, host.on_tokio) = (true, on_tokio);
            if on_tokio {
                host.promises = host.promises.not_repeatable();
            }
            own.extend(
                host.datagrams.iter().map(|socket| socket.local).chain(host.listeners.iter().copied()),
            );
        });
        place.machine(move |boot| Task::new(boot, &own, (id, on_tokio), &run))
    }

    /// Has anything run on the host that plays the role.
    fn actor<R: Role>(self, kind: Box<dyn Kind>) -> Host<R> {
        let id = self.id;
        self.net.with(|spec| {
            let net = spec.net;
            let host = &mut spec.hosts[id.index()];
            host.kind = Some(kind);
            host.role = (TypeId::of::<R>(), type_name::<R>());
            Host { id, net, peer: first(id, host), role: PhantomData }
        })
    }
}

fn check_own(id: HostId, local: Peer) {
    let owner = HostId::at(&local).unwrap_or(id);
    assert!(owner == id, "{local} is the address of host {}", owner.index());
}
