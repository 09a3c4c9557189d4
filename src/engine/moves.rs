//! Hosts whose addresses change while a run goes on.
//!
//! A machine names its sockets by the addresses that they were opened at, and goes on doing so: its host moves under it, as
//! under a socket that is bound to any address. What leaves has the new address, and what is for the new address comes to
//! the socket that it was before.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::World;
use crate::host::HostId;
use crate::machine::Peer;
#[cfg(feature = "tasks")]
use crate::machine::{Bound, BoundDatagrams};
#[cfg(feature = "tasks")]
use crate::scenario::Datagrams;

/// The addresses that are not where the scenario has them. All are without a port.
#[derive(Debug, Default, Hash)]
pub(crate) struct Moves {
    /// Who has an address now; nobody, if its host has left it.
    owners: BTreeMap<Peer, Option<HostId>>,
    /// For each host that has moved, its first IPv4 address, and the one that it has now.
    homes: BTreeMap<HostId, [Peer; 2]>,
}

/// Who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Whoever has it in the scenario.
    AsEver,
    /// This host, which has moved there.
    Moved(HostId),
    /// Its host has left it.
    Nobody,
}

impl Moves {
    /// Whether no host has moved.
    pub(super) fn is_empty(&self) -> bool {
        self.homes.is_empty()
    }

    /// Who has an address.
    pub(super) fn owner(&self, address: &Peer) -> Owner {
        match self.owners.get(&address.with_port(0)) {
            Some(Some(host)) => Owner::Moved(*host),
            Some(None) => Owner::Nobody,
            None => Owner::AsEver,
        }
    }

    /// The address that a socket of a host has outside.
    pub(super) fn wire(&self, host: HostId, local: Peer) -> Peer {
        self.other(host, local, [0, 1])
    }

    /// One of the two addresses for the other, if this is that.
    fn other(&self, host: HostId, local: Peer, [from, to]: [usize; 2]) -> Peer {
        match (self.homes.get(&host), local.port()) {
            (Some(home), Some(port)) if home[from] == local.with_port(0) => home[to].with_port(port),
            _ => local,
        }
    }
}

impl World<'_> {
    /// What the machine of a host calls its socket that has this address.
    #[inline]
    pub(super) fn name_of(&self, host: HostId, local: Peer) -> Peer {
        if self.moves.is_empty() { local } else { self.moves.other(host, local, [1, 0]) }
    }

    /// Whether nobody has an address.
    pub(super) fn is_free(&self, ip: Ipv4Addr) -> bool {
        let is_usable = !ip.is_unspecified() && !ip.is_broadcast();
        is_usable && self.host_now_at(&Peer::V4 { ip, port: 0 }).is_none()
    }

    /// Gives a host another address in place of its first of IPv4, and takes it out of its NAT. Nothing more leaves on
    /// its streams, in either direction.
    pub(super) fn move_host(&mut self, host: HostId, ip: Ipv4Addr) {
        let first = self.spec.dials_from(host, host.v4(0));
        let [_, before] = self.moves.homes.get(&host).copied().unwrap_or([first, first]);
        let now = Peer::V4 { ip, port: 0 };
        self.moves.owners.insert(before, None);
        self.moves.owners.insert(now, Some(host));
        self.moves.homes.insert(host, [first, now]);
        let moved = |local: Peer| match local.port() {
            Some(port) if local.with_port(0) == before => now.with_port(port),
            _ => local,
        };
        for socket in &mut self.sockets[host.index()] {
            socket.local = moved(socket.local);
        }
        self.network.streams.move_listeners(host, moved);
        self.network.nats.leave(host);
        self.network.silence(host, false);
        self.has_paths = true;
    }

    /// A host has these sockets from now on, if they have changed.
    #[cfg(feature = "tasks")]
    #[inline]
    pub(super) fn rebind(&mut self, host: HostId, bound: Option<Bound>) {
        let Some(bound) = bound else { return };
        let moves = &self.moves;
        let sockets = bound.datagrams.iter();
        let sockets = sockets.map(|&BoundDatagrams { local, connected, hears_groups, loops }| Datagrams {
            local: moves.wire(host, local),
            connected,
            hears_groups,
            loops,
        });
        self.sockets[host.index()].clear();
        self.sockets[host.index()].extend(sockets);
        let listeners = bound.listeners.iter().map(|local| moves.wire(host, *local));
        self.network.streams.listen(host, listeners);
    }
}
