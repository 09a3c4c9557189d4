//! What NATs remember in a run.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::session::Flags;
use super::table::{Entry, Table};
use super::{Blocked, Nat};
use crate::host::HostId;
use crate::machine::Peer;
use crate::time::Instant;

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
    /// UDP and TCP have spaces of ports of their own.
    udp: Table,
    tcp: Table,
}

impl NatBox {
    const fn table(&self, transport: Transport) -> &Table {
        match transport {
            Transport::Udp => &self.udp,
            Transport::Tcp => &self.tcp,
        }
    }
}

/// Which of a NAT's two spaces of ports is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
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
            udp: Table::default(),
            tcp: Table::default(),
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

    /// A datagram goes out through a NAT, or a segment with these flags: the address that it has outside.
    pub(crate) fn outward(
        &mut self,
        nat: HostId,
        now: Instant,
        inside: Entry,
        (peer, segment): (Peer, Option<Flags>),
    ) -> Result<Peer, Blocked> {
        let Some(NatBox { nat, public, udp, tcp, .. }) = self.find_mut(nat) else { return Ok(inside.1) };
        let table = if segment.is_some() { tcp } else { udp };
        table.outward(nat, now, inside, (peer, segment)).map(|port| public.with_port(port))
    }

    /// The address that a socket of datagrams inside has for a peer outside, if it has one.
    pub(crate) fn outside(&self, nat: HostId, now: Instant, inside: Entry, peer: Peer) -> Option<Peer> {
        let nat = self.find(nat)?;
        let port = nat.udp.outside(nat.nat.kind, now, inside, peer)?;
        Some(nat.public.with_port(port))
    }

    /// A packet comes to a port of a NAT from outside: who gets it.
    pub(crate) fn inward(
        &self,
        nat: HostId,
        now: Instant,
        (transport, port): (Transport, u16),
        source: Peer,
    ) -> Result<Entry, Blocked> {
        let nat = self.find(nat).ok_or(Blocked::Unmapped)?;
        nat.table(transport).inward(nat.nat.kind, now, port, source)
    }

    /// A NAT has let in a segment with these flags: its connection is not idle.
    #[cfg(feature = "segments")]
    pub(crate) fn came_in(&mut self, nat: HostId, now: Instant, port: u16, segment: (Peer, Flags)) {
        if let Some(NatBox { nat, tcp, .. }) = self.find_mut(nat) {
            tcp.came_in(nat, now, port, segment);
        }
    }

    /// Who has the port of a NAT, or had it last.
    pub(crate) fn owner(&self, nat: HostId, (transport, port): (Transport, u16)) -> Option<HostId> {
        self.find(nat)?.table(transport).owner(port)
    }

    /// Whether a NAT has a mapping that it could forget.
    pub(crate) fn has_mapping(&self, nat: HostId, now: Instant) -> bool {
        self.find(nat).is_some_and(|nat| nat.udp.has_mapping(now) || nat.tcp.has_mapping(now))
    }

    /// A NAT forgets its mappings, and, if it starts anew, which port was the last.
    pub(crate) fn forget(&mut self, nat: HostId, anew: bool) {
        if let Some(nat) = self.find_mut(nat) {
            nat.udp.forget(anew);
            nat.tcp.forget(anew);
        }
    }

    /// Writes everything on which it depends what becomes of later packets, with times relative to now.
    pub(crate) fn fingerprint<H: Hasher>(&self, now: Instant, to: &mut H) {
        self.behind.hash(to);
        for nat in &self.all {
            nat.udp.fingerprint(now, to);
            nat.tcp.fingerprint(now, to);
        }
    }
}
