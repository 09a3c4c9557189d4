//! A scene of two hosts, played in a world.

use lossproof::drive::simulate;
use lossproof::engine::{Ended, Engine, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::machine::Law;
use lossproof::scenario::{Host, Place};
use lossproof::{Boot, Instant, Net, Peer, Promises, Scenario, Status, TWIN_SHIFT};

use crate::puppet::{Ask, Puppet, Script};
use crate::sockets;

/// Where a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    Engine,
    Turmoil,
    Sockets,
}

/// One of the two hosts.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) script: Script,
    /// How many datagram sockets it has.
    pub(crate) datagrams: u16,
    /// Whether the first of them is connected to the other host.
    pub(crate) is_connected: bool,
    pub(crate) listens: bool,
    /// Whether real sockets are bound so that they hear groups.
    pub(crate) hears_groups: bool,
}

impl Side {
    /// A host without sockets: it dials, or takes no part.
    pub(crate) const fn dialer(script: Script) -> Self {
        Self { script, datagrams: 0, is_connected: false, listens: false, hears_groups: false }
    }

    pub(crate) const fn datagrams(script: Script, datagrams: u16) -> Self {
        Self { datagrams, ..Self::dialer(script) }
    }

    pub(crate) const fn listener(script: Script) -> Self {
        Self { listens: true, ..Self::dialer(script) }
    }
}

/// Two hosts, of which the first knows the other's addresses, and what happens to them.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) a: Side,
    pub(crate) b: Side,
    /// What happens to the network; on real sockets, to what `a` sends.
    pub(crate) plan: &'static str,
    /// When `a` is asked to stop.
    pub(crate) stop_at: Option<u64>,
    /// What is asked of `a` by the application.
    pub(crate) asks: Vec<(u64, Ask)>,
    /// Whether the laws are checked, where they can be.
    pub(crate) laws: bool,
}

/// How a scene went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Played {
    /// What `a` and `b` told.
    pub(crate) a: Vec<String>,
    pub(crate) b: Vec<String>,
    pub(crate) statuses: [Option<Status>; 2],
    /// The law that was broken.
    pub(crate) law: Option<Law>,
    /// Why `a` could not run, in words.
    pub(crate) error: Option<String>,
}

impl Scene {
    pub(crate) fn new(a: Side, b: Side) -> Self {
        Self { a, b, plan: "", stop_at: None, asks: Vec::new(), laws: true }
    }

    /// One datagram socket on each host.
    pub(crate) fn datagrams(a: Script, b: Script) -> Self {
        Self::new(Side::datagrams(a, 1), Side::datagrams(b, 1))
    }

    /// The second host listens for streams.
    pub(crate) fn streams(a: Script, b: Script) -> Self {
        Self::new(Side::dialer(a), Side::listener(b))
    }

    pub(crate) fn plan(self, plan: &'static str) -> Self {
        Self { plan, ..self }
    }

    /// Plays the scene to its end.
    pub(crate) fn play(&self, cell: crate::Cell) -> Played {
        match cell.world {
            World::Engine => self.in_engine(),
            World::Turmoil => self.on_turmoil(),
            World::Sockets => sockets::play(self),
        }
    }

    /// The same hosts as a net.
    pub(crate) fn net(&self) -> (Net, [Host<Puppet>; 2]) {
        let net = Net::new("worlds");
        let (a, b) = (net.host("a"), net.host("b"));
        let b = sockets_of(b, &self.b);
        let b_id = b.id();
        let (b_script, count) = (self.b.script, self.b.datagrams);
        let b = b.machine(move |boot| Puppet::new(b_script, Vec::new(), boot.disk()));
        let mut a = sockets_of(a, &self.a);
        if self.a.is_connected {
            a = a.connected(b);
        }
        let a_script = self.a.script;
        let a = a.machine(move |boot: Boot<'_>| {
            let first = boot.peer(b_id);
            let others = (0..count.max(1)).map(|n| first.with_port(first.port().unwrap_or(0) + n));
            Puppet::new(a_script, others.collect(), boot.disk())
        });
        for host in [a, b] {
            net.show(host, |event, f| f.write_str(event));
        }
        for &(at, ask) in &self.asks {
            net.command(Instant::from_millis(at), a, ask);
        }
        (net, [a, b])
    }

    fn settings(&self, scenario: &Scenario) -> Settings {
        let stop = self.stop_at.map(|at| format!("at {at}ms stop a"));
        let plan: Vec<&str> =
            stop.as_deref().into_iter().chain((!self.plan.is_empty()).then_some(self.plan)).collect();
        let plan: FaultPlan = plan.join("; ").parse().unwrap();
        let plan = Prepared::new(&plan, scenario).unwrap();
        Settings { plan, laws: self.laws.then_some(TWIN_SHIFT), ..Settings::default() }
    }

    fn in_engine(&self) -> Played {
        let (net, [a, b]) = self.net();
        let scenario = Scenario::from(net);
        let mut engine = Engine::new(&scenario);
        let ended = engine.run(&self.settings(&scenario)).ended;
        let (a, b) = (engine.view().events(a).to_vec(), engine.view().events(b).to_vec());
        let statuses = engine.statuses();
        Played { a, b, statuses: [statuses[0], statuses[1]], law: law(ended), error: None }
    }

    fn on_turmoil(&self) -> Played {
        let (net, [a, b]) = self.net();
        let scenario = Scenario::from(net);
        match simulate(&scenario, &self.settings(&scenario)) {
            Err(error) => Played {
                a: Vec::new(),
                b: Vec::new(),
                statuses: [None; 2],
                law: None,
                error: Some(error.to_string()),
            },
            Ok(run) => Played {
                a: run.events(a).to_vec(),
                b: run.events(b).to_vec(),
                statuses: [run.statuses[0], run.statuses[1]],
                law: law(run.outcome.ended),
                error: None,
            },
        }
    }
}

fn law(ended: Ended) -> Option<Law> {
    match ended {
        Ended::Broken(law) => Some(law),
        _ => None,
    }
}

/// The first port of a host's sockets. Further ones follow.
const PORT: u16 = 1060;

fn sockets_of<'n>(place: Place<'n>, side: &Side) -> Place<'n> {
    let place = (0..side.datagrams).fold(place, |place, n| place.udp(PORT + n));
    let place = if side.listens { place.listen(PORT) } else { place };
    // A machine that writes as much as fits does so whenever there is room.
    place.promises(Promises::DEFAULT.max_bytes(4 * 1024 * 1024))
}

/// Where nobody is.
pub(crate) fn nowhere() -> Peer {
    "255.255.255.255:9".parse().unwrap()
}
