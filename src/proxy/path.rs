//! What lies between one client and its server: the same network model that simulated runs have, asked in real time.

use std::sync::Arc;
use std::time::Duration;

use super::planned::Planned;
use crate::fault::{Links, Profile, Resolved, ResolvedHost};
use crate::host::HostId;
use crate::network::{Network, Schedule, Terrain};
use crate::seed::{self, mix};

/// The client and the server, as the model of the two knows them.
pub(super) const CLIENT: HostId = HostId(0);
pub(super) const SERVER: HostId = HostId(1);

/// A direction between a client and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To the server.
    Up,
    /// To the client.
    Down,
}

impl Way {
    /// Who sends, and to whom.
    pub(super) const fn ends(self) -> (HostId, HostId) {
        match self {
            Self::Up => (CLIENT, SERVER),
            Self::Down => (SERVER, CLIENT),
        }
    }

    /// The same of two things, the client's first: the sender's, then the receiver's.
    pub(super) const fn order<T: Copy>(self, [client, server]: [T; 2]) -> [T; 2] {
        match self {
            Self::Up => [client, server],
            Self::Down => [server, client],
        }
    }
}

/// What is drawn and planned, the same for all clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    pub(super) seed: u64,
    pub(super) profile: Profile,
    pub(super) latency: Duration,
}

/// What lies between a client and its server.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) network: Network,
    /// Where the faults of its schedule are in the plan.
    places: Vec<u32>,
    /// What both are called, the client first.
    pub(super) names: [String; 2],
    /// What they are in the record of what passed, if they are in it.
    pub(super) hosts: Option<[HostId; 2]>,
}

impl Path {
    /// A path between hosts of these names. What is drawn for it depends on the seed and on the client's name alone.
    pub(super) fn new(names: [String; 2], planned: &Planned, weather: &Weather) -> Self {
        let [client, server] = &names;
        let (faults, places) = planned.between(client, server).into_iter().unzip();
        let schedule = Arc::new(Schedule::of(faults, planned.plan.calm, 2));
        let terrain = Terrain {
            latency: weather.latency,
            latencies: &[],
            seed: mix(weather.seed, seed::of_bytes(client.as_bytes())),
            draws_after: 0,
            profile: weather.profile,
            links: &Links::default(),
            bottlenecks: [&[], &[]],
            schedule: &schedule,
        };
        let mut network = Network::default();
        network.reset([[], []].into_iter(), &terrain);
        Self { network, places, names, hosts: None }
    }

    /// The places in the plan of those faults that changed something.
    pub(super) fn fired(&self) -> impl Iterator<Item = u32> {
        let fired = self.network.planned_fired().iter().zip(&self.places);
        fired.filter(|(fired, _)| **fired).map(|(_, place)| *place)
    }
}

/// A fault of a path, with these hosts in the place of client and server.
pub(super) fn of_hosts(fault: Resolved, hosts: [HostId; 2]) -> Resolved {
    let host = |host: HostId| hosts[host.index()];
    match fault {
        Resolved::Datagram { from, to, n, fault } => {
            Resolved::Datagram { from: host(from), to: host(to), n, fault }
        }
        Resolved::Stream { from, to, conn, at, fault } => {
            Resolved::Stream { from: host(from), to: host(to), conn, at, fault }
        }
        Resolved::CutEvery { from, to, conn, len } => {
            Resolved::CutEvery { from: host(from), to: host(to), conn, len }
        }
        Resolved::Connect { from, to, conn, fault } => {
            Resolved::Connect { from: host(from), to: host(to), conn, fault }
        }
        Resolved::Host { at, fault } => {
            let fault = match fault {
                ResolvedHost::Partition(a, b) => ResolvedHost::Partition(host(a), host(b)),
                ResolvedHost::PartitionOneWay(a, b) => ResolvedHost::PartitionOneWay(host(a), host(b)),
                ResolvedHost::Isolate(one) => ResolvedHost::Isolate(host(one)),
                // A plan with other faults of hosts is refused.
                other => other,
            };
            Resolved::Host { at, fault }
        }
        other @ Resolved::Down { .. } => other,
    }
}
