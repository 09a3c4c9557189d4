//! The mappings of one NAT, those of UDP or those of TCP.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::session::{Flags, Session};
use super::{Blocked, FIRST_MAPPED_PORT, MAX_MAPPINGS, Nat, NatKind};
use crate::host::HostId;
use crate::machine::Peer;
use crate::time::Instant;

/// At this number of mappings a table drops for the first time those that have run out.
const FIRST_CLEAN: usize = 64;

/// Where a packet comes in: the host, and which of its sockets.
pub(crate) type Entry = (HostId, Peer);

/// The mappings of one transport.
#[derive(Debug)]
pub(super) struct Table {
    /// By the port that was given.
    mappings: BTreeMap<u16, Mapping>,
    /// The port of each mapping, by who sends, and to whom if each destination has its own.
    ports: BTreeMap<(Entry, Option<Peer>), u16>,
    /// The place of the next port.
    next: u16,
    /// Who had each port last. It survives the mapping, so that what is sent to it still has a receiver by which it is
    /// counted.
    owners: BTreeMap<u16, HostId>,
    /// At this number of mappings the table drops those that have run out. That changes nothing but the memory.
    clean_at: usize,
}

#[derive(Debug)]
struct Mapping {
    inside: Entry,
    to: Option<Peer>,
    /// Until when it lasts.
    until_at: Instant,
    /// Who may answer, each with what it has to do with it. Of datagrams not kept where everybody may.
    peers: BTreeMap<Peer, Pass>,
}

/// What a mapping has for a peer.
#[derive(Clone, Copy, Debug, Default)]
struct Pass {
    until_at: Instant,
    /// The connection, where it is one of TCP.
    session: Session,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            mappings: BTreeMap::new(),
            ports: BTreeMap::new(),
            next: 0,
            owners: BTreeMap::new(),
            clean_at: FIRST_CLEAN,
        }
    }
}

impl Mapping {
    fn lasts(&self, now: Instant) -> bool {
        now < self.until_at
    }

    fn sends_datagram(&mut self, nat: &Nat, now: Instant, peer: Peer) {
        self.until_at = now + nat.timeout;
        let key = match nat.kind {
            NatKind::FullCone => return,
            NatKind::AddressRestricted => peer.with_port(0),
            NatKind::PortRestricted | NatKind::Symmetric => peer,
        };
        self.peers.entry(key).or_default().until_at = self.until_at;
    }

    /// A segment passes, in one direction or the other. The mapping lasts as long as one of its connections.
    fn passes_segment(&mut self, nat: &Nat, now: Instant, peer: Peer, (flags, is_outward): (Flags, bool)) {
        let pass = self.peers.entry(peer).or_default();
        pass.session.pass(flags, is_outward);
        pass.until_at = now + pass.session.timeout(nat);
        self.until_at = self.peers.values().map(|pass| pass.until_at).max().unwrap_or(now);
    }

    fn lets_in(&self, kind: NatKind, now: Instant, source: Peer) -> bool {
        match kind {
            NatKind::FullCone => true,
            NatKind::AddressRestricted => {
                let ports = source.with_port(0)..=source.with_port(u16::MAX);
                self.peers.range(ports).any(|(_, pass)| now < pass.until_at)
            }
            NatKind::PortRestricted | NatKind::Symmetric => {
                self.peers.get(&source).is_some_and(|pass| now < pass.until_at)
            }
        }
    }
}

/// What a mapping is for.
fn key(kind: NatKind, inside: Entry, peer: Peer) -> (Entry, Option<Peer>) {
    (inside, (kind == NatKind::Symmetric).then_some(peer))
}

impl Table {
    /// A packet goes out: a datagram, or a segment with these flags. Says which port it has outside.
    pub(super) fn outward(
        &mut self,
        nat: &Nat,
        now: Instant,
        inside: Entry,
        (peer, segment): (Peer, Option<Flags>),
    ) -> Result<u16, Blocked> {
        let key = key(nat.kind, inside, peer);
        let known = self.ports.get(&key).copied().filter(|port| self.mappings[port].lasts(now));
        let port = known.map_or_else(|| self.map(now, key), Ok)?;
        if let Some(mapping) = self.mappings.get_mut(&port) {
            match segment {
                None => mapping.sends_datagram(nat, now, peer),
                Some(flags) => mapping.passes_segment(nat, now, peer, (flags, true)),
            }
        }
        Ok(port)
    }

    /// The port that a socket inside has for a peer outside, if it has one.
    pub(super) fn outside(&self, kind: NatKind, now: Instant, inside: Entry, peer: Peer) -> Option<u16> {
        let port = self.ports.get(&key(kind, inside, peer)).copied()?;
        self.mappings.get(&port).is_some_and(|mapping| mapping.lasts(now)).then_some(port)
    }

    /// A packet comes to a port: who gets it.
    pub(super) fn inward(
        &self,
        kind: NatKind,
        now: Instant,
        port: u16,
        source: Peer,
    ) -> Result<Entry, Blocked> {
        let mapping = self.mappings.get(&port).filter(|mapping| mapping.lasts(now));
        let mapping = mapping.ok_or(Blocked::Unmapped)?;
        if mapping.lets_in(kind, now, source) { Ok(mapping.inside) } else { Err(Blocked::Filtered) }
    }

    /// A segment has come in that was let in.
    #[cfg(feature = "segments")]
    pub(super) fn came_in(&mut self, nat: &Nat, now: Instant, port: u16, (source, flags): (Peer, Flags)) {
        if let Some(mapping) = self.mappings.get_mut(&port) {
            mapping.passes_segment(nat, now, source, (flags, false));
        }
    }

    /// Who has a port, or had it last.
    pub(super) fn owner(&self, port: u16) -> Option<HostId> {
        self.owners.get(&port).copied()
    }

    /// Whether there is a mapping that could be forgotten.
    pub(super) fn has_mapping(&self, now: Instant) -> bool {
        self.mappings.values().any(|mapping| mapping.lasts(now))
    }

    /// Forgets all mappings. With `anew` it also begins again at the first port.
    pub(super) fn forget(&mut self, anew: bool) {
        self.mappings.clear();
        self.ports.clear();
        if anew {
            self.next = 0;
        }
    }

    /// Writes everything on which it depends what becomes of later packets, with times relative to now. What has run out
    /// counts no more.
    pub(super) fn fingerprint<H: Hasher>(&self, now: Instant, to: &mut H) {
        for (port, mapping) in self.mappings.iter().filter(|(_, mapping)| mapping.lasts(now)) {
            (port, mapping.inside, mapping.to, mapping.until_at - now).hash(to);
            for (peer, pass) in mapping.peers.iter().filter(|(_, pass)| now < pass.until_at) {
                (peer, pass.until_at - now, pass.session).hash(to);
            }
        }
        self.next.hash(to);
        self.owners.hash(to);
    }

    /// Makes a new mapping; gives its port.
    fn map(&mut self, now: Instant, key: (Entry, Option<Peer>)) -> Result<u16, Blocked> {
        if self.mappings.len() >= self.clean_at {
            self.forget_what_ran_out(now);
            self.clean_at = FIRST_CLEAN.max(2 * self.mappings.len());
        }
        let port = self.next_port(now).ok_or(Blocked::Full)?;
        let (inside, to) = key;
        let new = Mapping { inside, to, until_at: now, peers: BTreeMap::new() };
        let before = self.mappings.insert(port, new);
        if let Some(Mapping { inside, to, .. }) = before
            && self.ports.get(&(inside, to)) == Some(&port)
        {
            self.ports.remove(&(inside, to));
        }
        self.ports.insert(key, port);
        self.owners.insert(port, inside.0);
        Ok(port)
    }

    fn forget_what_ran_out(&mut self, now: Instant) {
        self.mappings.retain(|_, mapping| {
            mapping.peers.retain(|_, pass| now < pass.until_at);
            mapping.lasts(now)
        });
        let mappings = &self.mappings;
        self.ports.retain(|_, port| mappings.contains_key(port));
    }

    /// The port after the one that was given last, or the next that is free: what has run out takes none.
    fn next_port(&mut self, now: Instant) -> Option<u16> {
        for _ in 0..MAX_MAPPINGS {
            let port = FIRST_MAPPED_PORT + self.next;
            self.next = (self.next + 1) % MAX_MAPPINGS;
            if self.mappings.get(&port).is_none_or(|mapping| !mapping.lasts(now)) {
                return Some(port);
            }
        }
        None
    }
}
