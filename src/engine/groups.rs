//! Multicast: who is in which group, and what is sent to a group.
//!
//! Each member has a copy of its own, a datagram of the flow to it with its own number, so whatever befalls a datagram
//! befalls one copy alone. The sender has one too, if it is a member. A copy leaves for whoever is a member then, and is
//! taken by whoever still is. How routers learn of a membership (IGMP, MLD) is no part of this: one begins and ends at once.

use std::net::IpAddr;
use std::ops::Bound;

use super::queue::Flight;
use super::{Keep, Order, World};
use crate::host::HostId;
use crate::machine::{Marked, Peer};
use crate::network::Power;
use crate::scenario::Datagrams;
use crate::time::Instant;
use crate::transcript::What;

impl World<'_> {
    /// A host is in a group from now on.
    pub(super) fn join(&mut self, now: Instant, host: HostId, group: IpAddr) {
        self.groups.insert((group, host));
        self.record(now, host, What::Join(group));
    }

    /// A host is in a group no more.
    pub(super) fn leave(&mut self, now: Instant, host: HostId, group: IpAddr) {
        self.groups.remove(&(group, host));
        self.record(now, host, What::Leave(group));
    }

    /// The machine of a host is no more, and with it its memberships.
    pub(super) fn leave_all(&mut self, host: HostId) {
        if !self.groups.is_empty() {
            self.groups.retain(|(_, member)| *member != host);
        }
    }

    /// Sends a datagram to every member of a group that has a socket for it.
    pub(super) fn send_to_group(
        &mut self,
        host: HostId,
        [local, peer]: [&Peer; 2],
        group: IpAddr,
        payload: Marked<'_>,
        now: Instant,
    ) {
        let last = (group, HostId(u16::MAX));
        let mut next = Bound::Included((group, HostId(0)));
        let is_mute = self.sockets[host.index()].iter().any(|socket| socket.local == *local && !socket.loops);
        let mut is_heard = false;
        while let Some(&(_, to)) = self.groups.range((next, Bound::Included(last))).next() {
            next = Bound::Excluded((group, to));
            let is_apart = (self.has_paths && !self.is_near(host, to)) || (is_mute && to == host);
            if !is_apart && listens(&self.sockets[to.index()], peer).is_some() {
                is_heard = true;
                self.send_to(host, to, [local, peer], payload, now);
            }
        }
        if !is_heard {
            self.send_nowhere(host, *peer, payload, now);
        }
    }

    /// At which of its addresses a host takes a datagram for a group that is due, if it does. Nobody refuses one.
    #[cold]
    pub(super) fn takes_for_group(&mut self, order: Order, power: Power, flight: u32) -> Option<Peer> {
        let Flight { to, .. } = self.flights.get(flight);
        let is_member = power == Power::Running && self.groups.contains(&(to.ip()?, order.host()));
        let local = listens(&self.sockets[order.host().index()], to).filter(|_| is_member)?;
        if self.keep == Keep::Log {
            self.record_recv(order, flight);
        }
        Some(local)
    }

    /// The socket's address that a datagram for a host is for: where it goes, or where the host hears the group.
    #[cfg(feature = "turmoil")]
    pub(crate) fn lands_at(&self, host: HostId, to: Peer) -> Peer {
        let sockets = &self.sockets[host.index()];
        Some(to).filter(is_group).and_then(|group| listens(sockets, &group)).unwrap_or(to)
    }

    /// Keeps that a datagram goes to a group, if it does.
    pub(super) fn record_group(&mut self, flow: (HostId, HostId, u64), to: &Peer) {
        if self.keep == Keep::Log && is_group(to) {
            self.log.keep_group(flow, *to);
        }
    }
}

/// The first socket that takes what is sent to a group and its port. A connected one has the one address from which it is
/// connected, and systems hand it nothing that came to another.
fn listens(sockets: &[Datagrams], to: &Peer) -> Option<Peer> {
    let is_one = |socket: &&Datagrams| {
        socket.hears_groups
            && socket.connected.is_none()
            && socket.local.is_like(to)
            && socket.local.port() == to.port()
    };
    sockets.iter().find(is_one).map(|socket| socket.local)
}

/// Whether an address is a group's.
pub(super) fn is_group(peer: &Peer) -> bool {
    peer.ip().as_ref().is_some_and(IpAddr::is_multicast)
}
