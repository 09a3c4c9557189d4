//! What a packet passes beside its link: NATs, and addresses that change.

use std::net::Ipv4Addr;

use super::groups::is_group;
use super::moves::Owner;
use super::{Event, Keep, Order, World};
use crate::host::HostId;
use crate::machine::{Conn, Marked, Peer};
use crate::nat::{Blocked, Flags, Transport};
use crate::network::StreamEnd;
use crate::time::Instant;
use crate::transcript::What;

/// A datagram that goes from a host, with its two addresses.
type Leaving<'a> = (HostId, [Peer; 2], Marked<'a>);

/// Which way a packet takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    /// To this host, which sees it come from this address.
    To(HostId, Peer),
    /// Only to the first of these hosts, a NAT; it is for the second.
    Dies(HostId, HostId, Blocked),
    Nowhere,
}

impl World<'_> {
    /// The host that has this address now, if there is one.
    pub(super) fn host_now_at(&self, peer: &Peer) -> Option<HostId> {
        match self.moves.owner(peer) {
            Owner::Moved(host) => Some(host),
            Owner::Nobody => None,
            Owner::AsEver => self.spec.host_at(peer),
        }
    }

    /// Sends a datagram where a NAT may be on its way.
    #[cold]
    pub(super) fn send_by_paths(&mut self, host: HostId, way: [&Peer; 2], payload: Marked<'_>, now: Instant) {
        let [local, peer] = [self.moves.wire(host, *way[0]), *way[1]];
        let way = [&local, &peer];
        if peer.ip() == Some(Ipv4Addr::BROADCAST.into()) || is_group(&peer) {
            return self.send_to_all(host, way, payload, now);
        }
        match self.route(now, host, [local, peer], None) {
            Route::To(to, source) => self.send_to(host, to, [&source, &peer], payload, now),
            Route::Dies(nat, to, why) => self.die(nat, (host, [local, peer], payload), to, why, now),
            Route::Nowhere => self.send_nowhere(host, peer, payload, now),
        }
    }

    /// Which way a packet takes that leaves a host between these addresses: a datagram, or a segment with these flags. A
    /// NAT on its way has it pass.
    pub(super) fn route(
        &mut self,
        now: Instant,
        host: HostId,
        [local, peer]: [Peer; 2],
        segment: Option<Flags>,
    ) -> Route {
        let (nats, to) = (&self.network.nats, self.host_now_at(&peer));
        let (nat, outer) = (nats.of(host), to.filter(|to| nats.is_nat(*to)));
        let is_translated = matches!(peer, Peer::V4 { .. });
        let is_near = outer.is_none() && to.is_some_and(|to| nats.of(to) == nat || to == host);
        if !is_translated || is_near {
            return to.map_or(Route::Nowhere, |to| Route::To(to, local));
        }
        let transport = if segment.is_some() { Transport::Tcp } else { Transport::Udp };
        let receiver = match (outer, peer.port()) {
            // A segment comes to a port that nobody has had: to the NAT.
            (Some(outer), Some(port)) => {
                nats.owner(outer, (transport, port)).or_else(|| segment.is_some().then_some(outer))
            }
            _ => to,
        };
        if let (Some(receiver), Some(nat)) = (receiver, nat)
            && outer == Some(nat)
            && !nats.hairpins(nat)
        {
            return Route::Dies(nat, receiver, Blocked::Hairpin);
        }
        let nats = &mut self.network.nats;
        let source = nat.map_or(Ok(local), |nat| nats.outward(nat, now, (host, local), (peer, segment)));
        let Some(receiver) = receiver else { return Route::Nowhere };
        match (source, nat, nats.of(receiver)) {
            (Err(why), Some(nat), _) => Route::Dies(nat, receiver, why),
            (_, _, Some(inner)) if outer.is_none() => Route::Dies(inner, receiver, Blocked::Private),
            (source, ..) => Route::To(receiver, source.unwrap_or(local)),
        }
    }

    /// Sends a datagram to an address that is no host's: a broadcast, one to a group, or one that nobody gets.
    #[cold]
    pub(super) fn send_to_all(
        &mut self,
        host: HostId,
        [local, &peer]: [&Peer; 2],
        payload: Marked<'_>,
        now: Instant,
    ) {
        match peer.ip() {
            Some(group) if group.is_multicast() => {
                return self.send_to_group(host, [local, &peer], group, payload, now);
            }
            Some(ip) if ip == Ipv4Addr::BROADCAST => {}
            _ => return self.send_nowhere(host, peer, payload, now),
        }
        for to in (0..self.spec.hosts.len()).map(|index| HostId(index as u16)).filter(|to| *to != host) {
            if self.has_paths && !self.is_near(host, to) {
                continue;
            }
            for index in 0..self.sockets[to.index()].len() {
                let at = self.sockets[to.index()][index].local;
                if at.is_like(&peer) && at.port() == peer.port() {
                    self.send_through(host, to, ([local, &at], true), payload, now);
                }
            }
        }
    }

    /// Sends a datagram that nobody gets.
    pub(super) fn send_nowhere(&mut self, host: HostId, peer: Peer, payload: Marked<'_>, now: Instant) {
        if self.keep == Keep::Log {
            let bytes = self.log.keep_marked(payload);
            self.log.push(now, host, What::SendNowhere { peer, bytes });
        }
    }

    /// Opens a stream to whoever has an address, if anybody has.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        host: HostId,
        conn: Conn,
        peer: Peer,
    ) -> (StreamEnd, Option<HostId>) {
        let local = self.spec.dials_from(host, peer);
        if self.has_paths {
            return self.connect_by_paths(now, host, conn, [local, peer]);
        }
        let to = self.spec.host_at(&peer);
        (self.network.connect(now, host, conn, local, to, peer), to)
    }

    /// Opens a stream where a NAT may be on its way: says to whom.
    fn connect_by_paths(
        &mut self,
        now: Instant,
        host: HostId,
        conn: Conn,
        [local, peer]: [Peer; 2],
    ) -> (StreamEnd, Option<HostId>) {
        let nats = &self.network.nats;
        let (nat, owner) = (nats.of(host), self.host_now_at(&peer));
        let is_near = owner.is_some_and(|to| !nats.is_nat(to) && nats.of(to) == nat);
        let passes = !is_near && matches!(peer, Peer::V4 { .. });
        // What stands before a host that cannot be reached is silent.
        let to = owner.map(|to| nats.of(to).filter(|_| passes).unwrap_or(to));
        let at = self.network.connect(now, host, conn, self.moves.wire(host, local), to, peer);
        if let (true, Some(nat)) = (passes, nat) {
            let inside = (host, self.network.streams.address(at));
            if let Ok(seen) = self.network.nats.outward(nat, now, inside, (peer, Some(Flags::SYN))) {
                self.network.streams.see(at, seen);
            }
        }
        (at, to)
    }

    /// A NAT forgets its mappings, and what passes it on streams comes through no more.
    pub(super) fn forget_mappings(&mut self, nat: HostId, anew: bool) {
        self.network.nats.forget(nat, anew);
        for host in self.inside(nat) {
            self.network.silence(host, true);
        }
    }

    /// Whether a NAT has anything to forget.
    pub(super) fn has_mappings(&self, nat: HostId, now: Instant) -> bool {
        let nats = &self.network.nats;
        nats.has_mapping(nat, now)
            || self.inside(nat).iter().any(|host| self.network.streams.is_translated(*host))
    }

    /// The hosts behind a NAT.
    fn inside(&self, nat: HostId) -> Vec<HostId> {
        let hosts = (0..self.spec.hosts.len()).map(|index| HostId(index as u16));
        hosts.filter(|host| self.network.nats.of(*host) == Some(nat)).collect()
    }

    /// Whether a broadcast or a multicast reaches a host: it passes no NAT.
    pub(super) fn is_near(&self, host: HostId, to: HostId) -> bool {
        self.network.nats.of(host) == self.network.nats.of(to)
    }

    /// A datagram dies at a NAT before it gets onto its link.
    fn die(&mut self, nat: HostId, leaving: Leaving<'_>, to: HostId, why: Blocked, now: Instant) {
        let (from, [local, peer], payload) = leaving;
        let departure = self.network.stopped(from, to);
        if self.keep == Keep::Log {
            self.record_send(from, to, &departure, ([&local, &peer], false), payload, now);
            self.record(now, nat, What::Dropped { from, to, n: departure.n, why });
        }
    }

    /// Nobody at the host has the address that a datagram has come to: whether that was the host's before it moved, or is a
    /// NAT's, which has let it in, so that it is due again at who gets it, or has not.
    pub(super) fn passes_nat(&mut self, order: Order, flight: u32) -> bool {
        let now = order.at();
        let flight = self.flights.get(flight);
        let (from, n, source, to) = (flight.from, flight.n, flight.source, flight.to);
        let nats = &self.network.nats;
        if self.moves.owner(&to) == Owner::Nobody {
            // Its receiver has left that address.
            return true;
        }
        let Some(nat) = self.host_now_at(&to).filter(|host| nats.is_nat(*host)) else { return false };
        match nats.inward(nat, now, (Transport::Udp, to.port().unwrap_or(0)), source) {
            Ok((host, inside)) => {
                let (bytes, ecn) = (flight.bytes.clone(), flight.ecn);
                let payload = Marked { bytes: &bytes, ecn };
                let flight = self.flights.store((from, n), [&source, &inside], payload);
                self.queue.push(order.moved_on(host), Event::Datagram(flight));
            }
            Err(why) => self.record(now, nat, What::Dropped { from, to: order.host(), n, why }),
        }
        true
    }

    /// The addresses of a datagram that nobody took, as its sender knows them: its own, and where it sent it.
    pub(super) fn as_sent(
        &self,
        (from, host): (HostId, HostId),
        [source, local]: [Peer; 2],
        now: Instant,
    ) -> Option<[Peer; 2]> {
        let nats = &self.network.nats;
        if self.is_near(from, host) && self.host_now_at(&source) == Some(from) {
            return Some([source, local]);
        }
        let sent_to = match nats.of(host) {
            Some(nat) => nats.outside(nat, now, (host, local), source)?,
            None => local,
        };
        match nats.of(from) {
            Some(nat) => {
                let (_, inside) = nats.inward(nat, now, (Transport::Udp, source.port()?), sent_to).ok()?;
                Some([inside, sent_to])
            }
            None => Some([source, sent_to]),
        }
    }
}
