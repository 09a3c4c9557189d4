//! Which streams stand, where they are found, and when the slot of one is free for another.
//!
//! A stream is over when both of its ends are gone and forgotten and nothing of it is on its way. The next stream has its
//! slot then, so [`StreamEnd::stream`] stays below the most that ever stood at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{End, Standing, Stream, StreamEnd, Streams};
use crate::host::HostId;
use crate::machine::{Conn, ConnMap, Peer};
use crate::network::Network;
use crate::steps::step;

/// How old an end is: streams are counted as they come to be, and the connector's end is first.
type Age = (u64, u8);

/// The streams of one host.
#[derive(Debug, Default)]
pub(super) struct HostStreams {
    /// What the names of its machine stand for.
    names: ConnMap<StreamEnd>,
    /// The ends that are not gone.
    standing: BTreeMap<Age, StreamEnd>,
    /// The ends at which something arrived while the host was off.
    missed: BTreeMap<Age, StreamEnd>,
    /// The ports from which it has dialed, with the slots of their streams.
    pub(super) ports: BTreeSet<(u16, u32)>,
    /// The place of the next port.
    pub(super) dialed: u16,
}

impl Network {
    /// Frees the slots of the streams that are over by now. Only while nothing speaks of them any more: not between what a
    /// machine does, and not before the world has taken what that has caused.
    pub(super) fn free_slots(&mut self) {
        let mut ended = std::mem::take(&mut self.streams.ended);
        for slot in ended.drain(..) {
            step();
            self.streams.free_if_over(slot);
        }
        self.streams.ended = ended;
    }
}

impl Streams {
    /// Makes all anew. `listeners` has for each host the addresses at which it listens.
    pub(in crate::network) fn reset<L>(&mut self, listeners: impl ExactSizeIterator<Item = L>)
    where
        L: IntoIterator<Item = Peer>,
    {
        if !self.all.is_empty() || self.hosts.len() != listeners.len() {
            self.hosts.clear();
            self.hosts.resize_with(listeners.len(), HostStreams::default);
        }
        self.all.clear();
        self.free.clear();
        self.ended.clear();
        self.next_serial = 0;
        self.listeners.clear();
        for (index, addresses) in listeners.enumerate() {
            self.listeners.extend(addresses.into_iter().map(|address| (HostId(index as u16), address)));
        }
        self.listeners.sort_unstable();
        self.full.clear();
        self.between.clear();
        self.seen.clear();
        self.sent.clear();
        self.marks.clear();
        self.left.clear();
    }

    /// A host listens at these addresses from now on.
    #[cfg(feature = "tasks")]
    pub(crate) fn listen(&mut self, host: HostId, addresses: impl Iterator<Item = Peer>) {
        self.listeners.retain(|(owner, _)| *owner != host);
        self.listeners.extend(addresses.map(|address| (host, address)));
        self.listeners.sort_unstable();
    }

    /// Puts a new stream into a slot.
    pub(super) fn open(&mut self, mut stream: Stream) -> StreamEnd {
        stream.serial = self.next_serial;
        self.next_serial += 1;
        let slot = self.free.pop().unwrap_or(self.all.len() as u32);
        self.seen.remove(&slot);
        let at = StreamEnd { stream: slot, side: 0 };
        let [connector, acceptor] = stream.ends.each_ref().map(|end| end.host.index());
        self.hosts[connector].standing.insert((stream.serial, 0), at);
        self.hosts[acceptor].standing.insert((stream.serial, 1), at.other());
        if let Some(port) = stream.addresses[0].port() {
            self.hosts[connector].ports.insert((port, slot));
        }
        if let Some(conn) = stream.ends[0].conn {
            self.hosts[connector].names.insert(conn, at);
        }
        match self.all.get_mut(slot as usize) {
            Some(free) => *free = stream,
            None => self.all.push(stream),
        }
        at
    }

    /// An end is no more.
    pub(super) fn gone(&mut self, at: StreamEnd) {
        let age = self.age(at);
        let end = self.end_mut(at);
        end.standing = Standing::Gone;
        end.drop_held();
        let host = end.host;
        self.hosts[host.index()].standing.remove(&age);
        self.full.remove(&at);
        self.ended.push(at.stream);
    }

    /// Notes that something arrived while the host was off: it is answered once it is back.
    pub(super) fn miss(&mut self, at: StreamEnd) {
        let age = self.age(at);
        let end = self.end_mut(at);
        if !end.severed {
            end.missed = true;
            let host = end.host;
            self.hosts[host.index()].missed.insert(age, at);
        }
    }

    /// Takes the ends at which something arrived while their host was off.
    pub(super) fn take_missed(&mut self, host: HostId) -> Vec<StreamEnd> {
        let missed = std::mem::take(&mut self.hosts[host.index()].missed);
        for &at in missed.values() {
            self.end_mut(at).missed = false;
            self.ended.push(at.stream);
        }
        missed.into_values().collect()
    }

    /// The ends of a host that are not gone, the oldest first.
    pub(super) fn ends_of(&self, host: HostId) -> Vec<StreamEnd> {
        self.hosts[host.index()].standing.values().copied().inspect(|_| step()).collect()
    }

    /// The end that a host calls `conn`.
    pub(crate) fn find(&self, host: HostId, conn: Conn) -> Option<StreamEnd> {
        self.hosts[host.index()].names.get(conn).copied()
    }

    /// Names the acceptor's end.
    pub(crate) fn name(&mut self, at: StreamEnd, conn: Conn) {
        let end = self.end_mut(at);
        end.conn = Some(conn);
        let host = end.host;
        self.hosts[host.index()].names.insert(conn, at);
    }

    /// What the end is called by its machine, if there is one that knows it.
    pub(crate) fn conn(&self, at: StreamEnd) -> Option<Conn> {
        self.end(at).conn
    }

    /// Forgets a name: the connection is over.
    pub(crate) fn forget(&mut self, at: StreamEnd) {
        let end = self.end_mut(at);
        let host = end.host;
        if let Some(conn) = end.conn.take() {
            self.hosts[host.index()].names.remove(conn);
        }
        self.ended.push(at.stream);
    }

    /// Forgets all names of a host: its machine is no more.
    pub(super) fn forget_all(&mut self, host: HostId) {
        let names = std::mem::take(&mut self.hosts[host.index()].names);
        for (_, &at) in names.iter() {
            self.end_mut(at).conn = None;
            self.ended.push(at.stream);
        }
    }

    fn age(&self, at: StreamEnd) -> Age {
        (self.stream(at).serial, at.side)
    }

    /// Frees a slot if its stream is over.
    fn free_if_over(&mut self, slot: u32) {
        let stream = &mut self.all[slot as usize];
        let [connector, acceptor] = &stream.ends;
        // An acceptor that nothing reaches any more never stands.
        let is_stuck = acceptor.standing == Standing::Dialing;
        let is_over = connector.is_over() && (acceptor.is_over() || is_stuck) && stream.in_flight == 0;
        if !is_over || std::mem::replace(&mut stream.over, true) {
            return;
        }
        let (serial, hosts, port) =
            (stream.serial, [connector, acceptor].map(|end| end.host), stream.addresses[0].port());
        for (host, side) in hosts.into_iter().zip(0..) {
            let of_host = &mut self.hosts[host.index()];
            of_host.standing.remove(&(serial, side));
            of_host.missed.remove(&(serial, side));
        }
        if let Some(port) = port {
            self.hosts[hosts[0].index()].ports.remove(&(port, slot));
        }
        self.free.push(slot);
    }

    /// The streams that are not over, the oldest first.
    pub(super) fn standing(&self) -> Vec<(u32, &Stream)> {
        let mut standing: Vec<_> = (0..).zip(&self.all).filter(|(_, stream)| !stream.over).collect();
        standing.sort_unstable_by_key(|(_, stream)| stream.serial);
        standing
    }
}

impl End {
    /// Whether nobody knows it, and nothing is to be answered.
    fn is_over(&self) -> bool {
        self.standing == Standing::Gone && self.conn.is_none() && (!self.missed || self.severed)
    }
}
