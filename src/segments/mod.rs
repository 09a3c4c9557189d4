//! TCP by segments (RFC 9293): smoltcp under both ends of a stream.
//!
//! The [model](crate::network) of a stream knows bytes. Here each end is a socket of smoltcp's, and what the two say to each
//! other are packets, which the network may lose, double, alter and delay one by one. This module is without a network, a
//! clock and I/O, too: a world hands packets in, takes packets out, and asks each end when it is due and what its machine
//! hears.
//!
//! # How smoltcp is set up
//!
//! | what | how | why |
//! |---|---|---|
//! | initial sequence numbers | from the run's seed and the end's serial number | same seed, same bytes |
//! | ports of those who dial | 49152 and up, one after the other, for each host | as in the model |
//! | buffers | 64 KiB each way, with window scaling | [`limits::SEND_BUFFER_LEN`](crate::machine::limits) |
//! | congestion control | Reno (RFC 5681) | whole numbers, and a known bound for its throughput |
//! | retransmission | RFC 6298: 1 s at first and at least, doubled each time, 60 s at most | smoltcp's own |
//! | delayed acknowledgement | [`ACK_DELAY`], or the second full segment | smoltcp's own; Linux waits up to 40 ms |
//! | acknowledgements at a closed window | taken from every segment (RFC 9293, 3.10.7.4) | smoltcp takes them from the next segment alone |
//! | Nagle's algorithm | off | a write leaves when it is made, as on the sockets of the driver |
//! | keep-alive | off | as on sockets that do not ask for it |
//! | user timeout | [`MAX_UNACKED`], kept here | smoltcp's own also ends streams that are idle |
//! | TIME-WAIT | [`TIME_WAIT`] | smoltcp's own |

mod card;
mod end;
mod full;
mod turns;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use end::End;
use wire::endpoint;

pub(crate) use full::Full;
pub(crate) use wire::{ip_header_len, sequence_number};

use crate::host::{FIRST_EPHEMERAL_PORT, HostId};
use crate::machine::{CloseReason, Conn, ConnMap, ConnectError, Peer};
use crate::seed::mix;
use crate::time::Instant;

/// How long an acknowledgement waits for something to go with.
pub(crate) const ACK_DELAY: Duration = Duration::from_millis(10);
/// For how long a peer may leave unacknowledged what was sent, before the connection is given up: the least that RFC 1122
/// (4.2.3.5) allows.
pub(crate) const MAX_UNACKED: Duration = Duration::from_secs(100);
/// For how long an end remembers that it is over, so that it can acknowledge once more.
pub(crate) const TIME_WAIT: Duration = Duration::from_secs(10);
/// How many ports there are for those who dial; after the last comes the first again.
const EPHEMERAL_PORTS: u16 = u16::MAX - FIRST_EPHEMERAL_PORT + 1;

/// Between whom a stream goes, from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// Whose end it is, and whose the other is.
    pub(crate) hosts: [HostId; 2],
    /// The addresses of the two.
    pub(crate) addresses: [Peer; 2],
    /// Which connection between the two hosts it is, from 0.
    pub(crate) number: u32,
    /// Whether this end has dialed.
    pub(crate) is_connector: bool,
}

/// What a machine is told of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The connection stands.
    Connected,
    Failed(ConnectError),
    /// Bytes have come, from this offset on.
    Data {
        offset: u64,
    },
    Eof,
    /// There is room for this number of bytes more.
    Credit(u32),
    Closed(CloseReason),
}

/// A packet that an end sends, or a host that knows no such end.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// From whom, and to whom.
    pub(crate) hosts: [HostId; 2],
    /// The addresses, the sender's first.
    pub(crate) addresses: [Peer; 2],
    /// The packet, with its IP header.
    pub(crate) bytes: Vec<u8>,
}

/// The streams of one host.
#[derive(Debug, Default)]
struct HostEnds {
    /// What the names of its machine stand for.
    names: ConnMap<u32>,
    /// All that are not over, the oldest first.
    ends: BTreeSet<u32>,
    /// How many ports were given out.
    dialed: u32,
}

/// All ends of a run, by their serial numbers.
pub(crate) struct Segments {
    seed: u64,
    mtu: u16,
    ends: Vec<Option<Box<End>>>,
    hosts: Vec<HostEnds>,
    /// Which end has these addresses, its own first.
    by_way: BTreeMap<[Peer; 2], u32>,
    /// The numbers of connections by the addresses of those who dialed, for the log.
    numbers: BTreeMap<[Peer; 2], u32>,
    /// The ends of which something was asked.
    touched: Vec<u32>,
    /// The ends that are paused.
    unread: BTreeSet<u32>,
    /// What has left, for the world to take.
    pub(crate) outgoing: Vec<Outgoing>,
    /// What an end has just sent.
    sent: Vec<Vec<u8>>,
}

impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segments({} ends)", self.by_way.len())
    }
}

impl Segments {
    /// None yet, for so many hosts. No packet is longer than `mtu`.
    pub(crate) fn new(seed: u64, mtu: u16, host_count: usize) -> Self {
        let mut hosts = Vec::new();
        hosts.resize_with(host_count, HostEnds::default);
        Self {
            seed,
            mtu,
            ends: Vec::new(),
            hosts,
            by_way: BTreeMap::new(),
            numbers: BTreeMap::new(),
            touched: Vec::new(),
            unread: BTreeSet::new(),
            outgoing: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn end(&self, id: u32) -> Option<&End> {
        self.ends[id as usize].as_deref()
    }

    fn touch(&mut self, id: u32) -> Option<&mut End> {
        self.touched.push(id);
        self.ends[id as usize].as_deref_mut()
    }

    /// Between whom an end's stream goes, unless it is over.
    pub(crate) fn way(&self, id: u32) -> Option<Way> {
        self.end(id).map(|end| end.way)
    }

    /// What an end's machine calls it.
    pub(crate) fn conn(&self, id: u32) -> Option<Conn> {
        self.end(id)?.conn
    }

    /// The end that a host's machine calls `conn`.
    pub(crate) fn find(&self, host: HostId, conn: Conn) -> Option<u32> {
        self.hosts[host.index()].names.get(conn).copied()
    }

    /// Which connection between its two hosts a packet with these addresses belongs to, from 0.
    pub(crate) fn number(&self, [from, to]: [Peer; 2]) -> u32 {
        let known = self.numbers.get(&[from, to]).or_else(|| self.numbers.get(&[to, from]));
        known.copied().unwrap_or_default()
    }

    /// A connection has the same number where a NAT has given its first address another.
    pub(crate) fn adopt(&mut self, [local, peer]: [Peer; 2], outer: Peer) {
        self.numbers.insert([outer, peer], self.number([local, peer]));
    }

    /// How many bytes an end's machine has written.
    pub(crate) fn written_len(&self, id: u32) -> u64 {
        self.end(id).map_or(0, |end| end.written_len)
    }

    /// Names an end that was accepted.
    pub(crate) fn name(&mut self, id: u32, conn: Conn) {
        if let Some(end) = self.ends[id as usize].as_deref_mut() {
            end.conn = Some(conn);
            self.hosts[end.way.hosts[0].index()].names.insert(conn, id);
        }
    }

    /// Forgets the name of an end: its machine has heard the last of it.
    pub(crate) fn forget(&mut self, id: u32) {
        if let Some(end) = self.ends[id as usize].as_deref_mut()
            && let Some(conn) = end.conn.take()
        {
            self.hosts[end.way.hosts[0].index()].names.remove(conn);
        }
    }

    fn insert(&mut self, end: End) -> u32 {
        let id = self.ends.len() as u32;
        self.hosts[end.way.hosts[0].index()].ends.insert(id);
        self.by_way.insert(end.way.addresses, id);
        self.ends.push(Some(Box::new(end)));
        id
    }

    /// Takes an end out.
    fn remove(&mut self, id: u32) {
        self.forget(id);
        self.unread.remove(&id);
        if let Some(end) = self.ends[id as usize].take() {
            self.hosts[end.way.hosts[0].index()].ends.remove(&id);
            if self.by_way.get(&end.way.addresses) == Some(&id) {
                self.by_way.remove(&end.way.addresses);
            }
        }
    }

    /// The seed and the longest packet of the next end.
    const fn setup(&self) -> (u64, u16) {
        (mix(self.seed, self.ends.len() as u64), self.mtu)
    }

    /// Opens a connection between two internet addresses, of which the first has port 0 if any will do. `None` if there is
    /// no port left, or the addresses do not go together.
    pub(crate) fn connect(&mut self, now: Instant, conn: Conn, mut way: Way) -> Option<u32> {
        if way.addresses[0].port() == Some(0) {
            way.addresses[0] = self.with_port(way)?;
        }
        let [local, remote] = way.addresses.each_ref().map(endpoint);
        let endpoints = [local?, remote?];
        match self.by_way.get(&way.addresses) {
            Some(&old) if self.end(old).is_some_and(End::is_resting) => self.remove(old),
            Some(_) => return None,
            None => {}
        }
        let mut end = End::new(way, endpoints, self.setup(), now);
        if !end.dial(endpoints) {
            return None;
        }
        end.conn = Some(conn);
        self.numbers.insert(way.addresses, way.number);
        let id = self.insert(end);
        self.hosts[way.hosts[0].index()].names.insert(conn, id);
        self.touched.push(id);
        Some(id)
    }

    fn with_port(&mut self, Way { hosts: [host, _], addresses: [local, peer], .. }: Way) -> Option<Peer> {
        for _ in 0..EPHEMERAL_PORTS {
            let dialed = &mut self.hosts[host.index()].dialed;
            let port = FIRST_EPHEMERAL_PORT + (*dialed % u32::from(EPHEMERAL_PORTS)) as u16;
            *dialed = dialed.wrapping_add(1);
            let local = local.with_port(port);
            if !self.by_way.contains_key(&[local, peer]) {
                return Some(local);
            }
        }
        None
    }

    pub(crate) fn write(&mut self, id: u32, bytes: &[u8]) {
        if let Some(end) = self.touch(id) {
            end.write(bytes);
        }
    }

    pub(crate) fn shutdown(&mut self, id: u32) {
        if let Some(end) = self.touch(id) {
            end.shutdown();
        }
    }

    /// Closes an end in good order. True if it was only dialing, and nothing more will be heard of it.
    pub(crate) fn close(&mut self, now: Instant, id: u32) -> bool {
        self.unread.remove(&id);
        let gives_up = self.touch(id).is_some_and(|end| !end.close(now));
        if gives_up {
            self.remove(id);
        }
        gives_up
    }

    /// Resets an end. True if it was only dialing, and nothing more will be heard of it; otherwise it is closed by that.
    pub(crate) fn abort(&mut self, id: u32) -> bool {
        let Some(end) = self.touch(id) else { return false };
        if end.standing == end::Standing::Dialing {
            self.remove(id);
            return true;
        }
        end.abort();
        end.aborted = true;
        false
    }

    pub(crate) fn set_paused(&mut self, id: u32, paused: bool) {
        let Some(end) = self.touch(id) else { return };
        end.paused = paused;
        if paused {
            self.unread.insert(id);
        } else {
            self.unread.remove(&id);
        }
    }

    fn ends_of(&self, host: HostId) -> Vec<u32> {
        self.hosts[host.index()].ends.iter().copied().collect()
    }

    /// A host's machine has ended: the system closes its streams in good order.
    pub(crate) fn exit(&mut self, now: Instant, host: HostId) {
        for id in self.ends_of(host) {
            self.close(now, id);
            self.forget(id);
        }
    }

    /// A host's process dies.
    pub(crate) fn crash(&mut self, host: HostId) {
        for id in self.ends_of(host) {
            self.forget(id);
            if let Some(end) = self.touch(id) {
                end.orphan();
            }
        }
    }

    /// A host goes silent, and knows nothing of its streams when it comes back.
    pub(crate) fn poweroff(&mut self, host: HostId) {
        self.ends_of(host).into_iter().for_each(|id| self.remove(id));
    }
}
