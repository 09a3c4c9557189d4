//! What NATs remember in a run.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::{Blocked, FIRST_MAPPED_PORT, MAX_MAPPINGS, Nat, NatKind};
use crate::host::HostId;
use crate::machine::Peer;
use crate::time::Instant;

/// With so many mappings those that have run out are dropped for the first time.
const FIRST_CLEAN: usize = 64;

/// Where a datagram comes in: the host, and which of its sockets.
pub(crate) type Entry = (HostId, Peer);

/// All NATs of a run.
#[derive(Debug, Default)]
pub(crate) struct Boxes {
    all: Vec<NatBox>,
    /// Which hosts are behind which.
    behind: BTreeMap<HostId, HostId>,
}

/// One NAT with its mappings.
#[derive(Debug)]
struct NatBox {
    /// The host that stands for it.
    host: HostId,
    nat: Nat,
    public: Peer,
    /// By the port that it gave.
    mappings: BTreeMap<u16, Mapping>,
    /// The port of each mapping, by who sends, and to whom if each destination has its own.
    ports: BTreeMap<(Entry, Option<Peer>), u16>,
    /// The place of the next port.
    next: u16,
    /// Who had each port last. It survives the mapping, so that what is sent to it still has a receiver by which it is
    /// counted.
    owners: BTreeMap<u16, HostId>,
    /// With so many mappings, those that have run out are dropped, which changes nothing but the memory.
    clean_at: usize,
}

#[derive(Debug)]
struct Mapping {
    inside: Entry,
    to: Option<Peer>,
    /// When something went out last.
    last_at: Instant,
    /// When something went out last to each of those that may answer. Not kept where everybody may.
    sent: BTreeMap<Peer, Instant>,
}

impl Boxes {
    /// Forgets everything, and has these NATs, for each the host that stands for it, and these hosts behind which of them.
    pub(crate) fn reset(
        &mut self,
        nats: impl Iterator<Item = (HostId, Nat, Peer)>,
        behind: impl Iterator<Item = (HostId, HostId)>,
    ) {
        self.all.clear();
        self.behind.clear();
        self.behind.extend(behind);
        self.all.extend(nats.map(|(host, nat, public)| NatBox {
            host,
            nat,
            public,
            mappings: BTreeMap::new(),
            ports: BTreeMap::new(),
            next: 0,
            owners: BTreeMap::new(),
            clean_at: FIRST_CLEAN,
        }));
    }

    fn find(&self, host: HostId) -> Option<&NatBox> {
        self.all.iter().find(|nat| nat.host == host)
    }

    fn find_mut(&mut self, host: HostId) -> Option<&mut NatBox> {
        self.all.iter_mut().find(|nat| nat.host == host)
    }

    /// The NAT that a host is behind.
    pub(crate) fn of(&self, host: HostId) -> Option<HostId> {
        self.behind.get(&host).copied()
    }

    /// A host is behind a NAT no more.
    pub(crate) fn leave(&mut self, host: HostId) {
        self.behind.remove(&host);
    }

    /// Whether a NAT lets in what comes from inside for its own outside.
    pub(crate) fn hairpins(&self, nat: HostId) -> bool {
        self.find(nat).is_some_and(|nat| nat.nat.hairpins)
    }

    /// Whether this host is a NAT.
    pub(crate) fn is_nat(&self, host: HostId) -> bool {
        self.find(host).is_some()
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A datagram goes out through a NAT: the address that it has outside.
    pub(crate) fn outward(
        &mut self,
        nat: HostId,
        now: Instant,
        inside: Entry,
        peer: Peer,
    ) -> Result<Peer, Blocked> {
        self.find_mut(nat).map_or(Ok(inside.1), |nat| nat.outward(now, inside, peer))
    }

    /// The address that a socket inside has for a peer outside, if it has one.
    pub(crate) fn outside(&self, nat: HostId, now: Instant, inside: Entry, peer: Peer) -> Option<Peer> {
        let nat = self.find(nat)?;
        let port = nat.ports.get(&nat.key(inside, peer))?;
        let stands = nat.mappings.get(port).is_some_and(|mapping| nat.lasts(mapping.last_at, now));
        stands.then(|| nat.public.with_port(*port))
    }

    /// A datagram comes to a port of a NAT from outside: who gets it.
    pub(crate) fn inward(
        &self,
        nat: HostId,
        now: Instant,
        port: u16,
        source: Peer,
    ) -> Result<Entry, Blocked> {
        self.find(nat).map_or(Err(Blocked::Unmapped), |nat| nat.inward(now, port, source))
    }

    /// Who has the port of a NAT, or had it last.
    pub(crate) fn owner(&self, nat: HostId, port: u16) -> Option<HostId> {
        self.find(nat)?.owners.get(&port).copied()
    }

    /// Whether a NAT has a mapping that it could forget.
    pub(crate) fn has_mapping(&self, nat: HostId, now: Instant) -> bool {
        let lasts = |nat: &NatBox| nat.mappings.values().any(|mapping| nat.lasts(mapping.last_at, now));
        self.find(nat).is_some_and(lasts)
    }

    /// A NAT forgets its mappings, and, if it starts anew, which port was the last.
    pub(crate) fn forget(&mut self, nat: HostId, anew: bool) {
        let Some(nat) = self.find_mut(nat) else { return };
        nat.mappings.clear();
        nat.ports.clear();
        if anew {
            nat.next = 0;
        }
    }

    /// Writes everything on which it depends what becomes of later datagrams, with times relative to now. What has run out
    /// counts no more.
    pub(crate) fn fingerprint<H: Hasher>(&self, now: Instant, to: &mut H) {
        self.behind.hash(to);
        for nat in &self.all {
            for (port, mapping) in nat.mappings.iter().filter(|(_, mapping)| nat.lasts(mapping.last_at, now))
            {
                (port, mapping.inside, mapping.to, now - mapping.last_at).hash(to);
                for (peer, at) in mapping.sent.iter().filter(|(_, at)| nat.lasts(**at, now)) {
                    (peer, now - *at).hash(to);
                }
            }
            nat.next.hash(to);
            nat.owners.hash(to);
        }
    }
}

impl NatBox {
    /// Whether something still holds that was used last then.
    fn lasts(&self, last_at: Instant, now: Instant) -> bool {
        now - last_at < self.nat.timeout
    }

    /// What a mapping is for.
    fn key(&self, inside: Entry, peer: Peer) -> (Entry, Option<Peer>) {
        (inside, (self.nat.kind == NatKind::Symmetric).then_some(peer))
    }

    /// What a mapping remembers of those that were sent to.
    fn filter(&self, peer: Peer) -> Option<Peer> {
        match self.nat.kind {
            NatKind::FullCone => None,
            NatKind::AddressRestricted => Some(peer.with_port(0)),
            NatKind::PortRestricted | NatKind::Symmetric => Some(peer),
        }
    }

    fn outward(&mut self, now: Instant, inside: Entry, peer: Peer) -> Result<Peer, Blocked> {
        let key = self.key(inside, peer);
        let known = self.ports.get(&key).copied();
        let lasts = |port: &u16| self.lasts(self.mappings[port].last_at, now);
        let port = known.filter(lasts).map_or_else(|| self.map(now, key), Ok)?;
        let filter = self.filter(peer);
        if let Some(mapping) = self.mappings.get_mut(&port) {
            mapping.last_at = now;
            mapping.sent.extend(filter.map(|filter| (filter, now)));
        }
        Ok(self.public.with_port(port))
    }

    /// Makes a new mapping; gives its port.
    fn map(&mut self, now: Instant, key: (Entry, Option<Peer>)) -> Result<u16, Blocked> {
        if self.mappings.len() >= self.clean_at {
            self.forget_what_ran_out(now);
            self.clean_at = FIRST_CLEAN.max(2 * self.mappings.len());
        }
        let port = self.next_port(now).ok_or(Blocked::Full)?;
        let (inside, to) = key;
        let before = self.mappings.insert(port, Mapping { inside, to, last_at: now, sent: BTreeMap::new() });
        if let Some(Mapping { inside, to, .. }) = before
            && self.ports.get(&(inside, to)) == Some(&port)
        {
            self.ports.remove(&(inside, to));
        }
        self.ports.insert(key, port);
        self.owners.insert(port, inside.0);
        Ok(port)
    }

    fn inward(&self, now: Instant, port: u16, source: Peer) -> Result<Entry, Blocked> {
        let mapping = self.mappings.get(&port).filter(|mapping| self.lasts(mapping.last_at, now));
        let mapping = mapping.ok_or(Blocked::Unmapped)?;
        let is_let_in = match self.filter(source) {
            None => true,
            Some(filter) => mapping.sent.get(&filter).is_some_and(|at| self.lasts(*at, now)),
        };
        if is_let_in { Ok(mapping.inside) } else { Err(Blocked::Filtered) }
    }

    fn forget_what_ran_out(&mut self, now: Instant) {
        let timeout = self.nat.timeout;
        let lasts = |at: Instant| now - at < timeout;
        self.mappings.retain(|_, mapping| {
            mapping.sent.retain(|_, at| lasts(*at));
            lasts(mapping.last_at)
        });
        let mappings = &self.mappings;
        self.ports.retain(|_, port| mappings.contains_key(port));
    }

    /// The port after the one that was given last, or the next that is free: what has run out takes none.
    fn next_port(&mut self, now: Instant) -> Option<u16> {
        for _ in 0..MAX_MAPPINGS {
            let port = FIRST_MAPPED_PORT + self.next;
            self.next = (self.next + 1) % MAX_MAPPINGS;
            if self.mappings.get(&port).is_none_or(|mapping| !self.lasts(mapping.last_at, now)) {
                return Some(port);
            }
        }
        None
    }
}
