//! A fault plan on real sockets: what leaves this process is lost, doubled, changed, held back or cut as the plan says.
//!
//! Each process applies the faults of what it sends itself; what it receives is the other's matter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::DriveError;
use super::net::Packet;
use crate::fault::{FaultPlan, Links, Profile, Resolved};
use crate::host::HostId;
use crate::machine::{Conn, Ecn, Marked, Peer};
use crate::network::{Network, Order, Schedule, Segment, StreamEnd, Terrain};
use crate::time::Instant;

/// A plan for one process of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFaults {
    /// The plan.
    pub plan: FaultPlan,
    /// What this process is called in the plan.
    pub own: String,
    /// What everybody else is called in the plan.
    pub peer: String,
}

/// This process, and everybody else.
const OWN: HostId = HostId(0);
const PEER: HostId = HostId(1);

/// Something that may leave now.
pub(super) enum Release {
    /// From an address of this process to another.
    Send(Peer, Peer, Vec<u8>, Ecn),
    Write(u32, Vec<u8>),
    Shutdown(u32),
    Reset(u32),
}

impl Release {
    const fn stream(&self) -> Option<u32> {
        match *self {
            Self::Send(..) => None,
            Self::Write(id, _) | Self::Shutdown(id) | Self::Reset(id) => Some(id),
        }
    }
}

/// What is about to leave, in the order in which it may.
pub(super) struct Outgoing {
    network: Network,
    held: BTreeMap<Order, Release>,
    streams: BTreeMap<u32, StreamEnd>,
}

impl Outgoing {
    /// Makes a plan ready.
    pub(super) fn new(faults: &LocalFaults) -> Result<Self, DriveError> {
        if faults.plan.streams.is_some() {
            return Err(DriveError::Streams);
        }
        let schedule = Schedule::new(&faults.plan, &[&faults.own, &faults.peer])?;
        if let Some(bottleneck) = faults.plan.bottlenecks().first() {
            return Err(DriveError::Bottleneck(bottleneck.name().to_owned()));
        }
        for fault in &schedule.faults {
            let is_here = match fault {
                Resolved::Host { fault, .. } => fault.is_between_hosts(),
                Resolved::Connect { .. } | Resolved::Down { .. } => false,
                Resolved::Datagram { .. } | Resolved::Stream { .. } | Resolved::CutEvery { .. } => true,
            };
            if !is_here {
                return Err(DriveError::NotOnSockets(fault.kind()));
            }
        }
        let mut network = Network::default();
        let listeners = [[], []].into_iter();
        let terrain = Terrain {
            latency: Duration::ZERO,
            latencies: &[],
            seed: 0,
            draws_after: 0,
            profile: Profile::CALM,
            links: &Links::default(),
            bottlenecks: [&[], &[]],
            schedule: &Arc::new(schedule),
        };
        network.reset(listeners, &terrain);
        Ok(Self { network, held: BTreeMap::new(), streams: BTreeMap::new() })
    }

    pub(super) fn send(&mut self, now: Instant, packet: Packet<'_>) {
        let Packet { local, peer, bytes, ecn } = packet;
        let departure = self.network.datagram(now, OWN, PEER, Marked { bytes, ecn });
        for order in departure.arrivals.into_iter().flatten() {
            let mut payload = bytes.to_vec();
            departure.alter(&mut payload);
            self.held.insert(order, Release::Send(local, peer, payload, departure.ecn(ecn)));
        }
    }

    /// A stream stands: its connection counts from now on.
    pub(super) fn opened(&mut self, now: Instant, id: u32, conn: Conn, peer: Peer) {
        let (local, peer) = (OWN.v4(0), PEER.v4(peer.port().unwrap_or(0)));
        let at = self.network.connect(now, OWN, conn, local, Some(PEER), peer);
        self.network.opened(at);
        self.streams.insert(id, at);
        self.network.streams.sent.clear();
    }

    /// A stream is over: another may have its id from now on, and gets nothing that was held back for this one.
    pub(super) fn forget(&mut self, id: u32) {
        if self.streams.remove(&id).is_some() {
            self.held.retain(|_, release| release.stream() != Some(id));
        }
    }

    pub(super) fn write(&mut self, now: Instant, id: u32, bytes: &[u8]) {
        let Some(&at) = self.streams.get(&id) else { return };
        let begin = self.network.streams.sent_len(at);
        self.network.write(now, at, bytes.len() as u32);
        self.hold(id, at, begin, bytes);
    }

    pub(super) fn shutdown(&mut self, now: Instant, id: u32) {
        let Some(&at) = self.streams.get(&id) else { return };
        self.network.shutdown(now, at);
        self.hold(id, at, 0, &[]);
    }

    /// Keeps what the network has just sent until it is due.
    fn hold(&mut self, id: u32, at: StreamEnd, begin: u64, bytes: &[u8]) {
        for (order, to, segment) in self.network.streams.sent.drain(..) {
            let release = match segment {
                Segment::Data { offset, len } => {
                    let start = (offset - begin) as usize;
                    Release::Write(id, bytes[start..start + len as usize].to_vec())
                }
                Segment::Fin => Release::Shutdown(id),
                Segment::Rst if to == at.other() => Release::Reset(id),
                _ => continue,
            };
            self.held.insert(order, release);
        }
        self.network.streams.marks.clear();
    }

    /// The next thing that may leave by now.
    pub(super) fn release(&mut self, now: Instant) -> Option<Release> {
        let first = self.held.first_entry()?;
        (first.key().at() <= now).then(|| first.remove())
    }

    /// When something may leave.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.held.first_key_value().map(|(order, _)| order.at())
    }
}
