//! What one direction between two hosts remembers.

use std::time::Duration;

use super::{Network, Weather};
use crate::fault::{Backlog, Chain, ConnectFault, DatagramFault, Passage, Profile, StreamFault, flow_seed};
use crate::host::HostId;
use crate::machine::Ecn;
use crate::seed::mix;
use crate::time::Instant;

/// A place in a flow that no datagram, no connection and no byte has.
const NOWHERE: u64 = u64::MAX;

/// What one direction between two hosts remembers of its packets, where the profile wants it: the burst that its
/// datagrams are in, and what still waits for bandwidth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    chain: Chain,
    backlog: Backlog,
}

impl Link {
    /// Before the first packet.
    pub(super) const NEW: Self = Self { chain: Chain::NEW, backlog: Backlog::EMPTY };

    /// What becomes of a datagram on its way onto the link.
    fn pass(&mut self, profile: &Profile, flow_seed: u64, now: Instant, n: u64, len: usize) -> Passage {
        let wait = match profile.bandwidth {
            // What is too long does not even begin.
            Some(bandwidth) if !profile.is_too_long(len) => {
                self.backlog.offer(bandwidth, now, Profile::datagram_len(len))
            }
            _ => Some(Duration::ZERO),
        };
        let in_burst = self.chain.loses(&profile.bursts, mix(flow_seed, NOWHERE), n);
        Passage { lost: in_burst || wait.is_none(), wait: wait.unwrap_or_default() }
    }
}

/// What is drawn. It is drawn for packets with a fault of the plan, too, and then not used: so they take the same room,
/// and those after them have the same fates.
impl Network {
    /// The profile of a flow, and what the flow remembers.
    fn profile(&mut self, from: HostId, to: HostId) -> (&Profile, &mut Link) {
        let flow = self.flows.at(from, to, (self.latency, &self.schedule));
        let profile = flow.profile.map_or(&self.profile, |place| &self.profiles[place as usize]);
        (profile, &mut flow.link)
    }

    /// Whether nothing is drawn in a direction: no network lies between a host and itself.
    pub(super) const fn is_spared(&self, from: HostId, to: HostId) -> bool {
        !matches!(self.weather, Weather::Rough) || self.waits() || from.0 == to.0
    }

    /// What the profile does to a datagram.
    pub(super) fn draw_datagram(
        &mut self,
        now: Instant,
        (from, to): (HostId, HostId),
        n: u64,
        (len, ecn): (usize, Ecn),
    ) -> Option<DatagramFault> {
        let flow_seed = flow_seed(self.seed, from, to);
        let (has_memory, (profile, link)) = (self.has_memory, self.profile(from, to));
        let passage =
            if has_memory { link.pass(profile, flow_seed, now, n, len) } else { Passage::default() };
        let can_be = [ecn.marked() != ecn, ecn.is_capable()];
        profile.datagram(flow_seed, n, (len, can_be), passage)
    }

    /// The seed of one direction of a connection. From 1, as connections were counted once: so a seed draws what it always
    /// has.
    fn conn_seed(&self, from: HostId, to: HostId, conn: u32) -> u64 {
        mix(flow_seed(self.seed, from, to), u64::from(conn) + 1)
    }

    /// Where the profile cuts the bytes from an offset of a connection on.
    pub(super) fn draw_cut(
        &mut self,
        (from, to, conn): (HostId, HostId, u32),
        here: u64,
        len: u64,
    ) -> Option<u64> {
        if self.is_spared(from, to) {
            return None;
        }
        let conn_seed = self.conn_seed(from, to, conn);
        self.profile(from, to).0.cut_in(conn_seed, here, len)
    }

    /// Whether the profile resets a connection inside of a write, at this offset.
    pub(super) fn draws_reset(&mut self, (from, to, conn): (HostId, HostId, u32), offset: u64) -> bool {
        if self.is_spared(from, to) {
            return false;
        }
        let conn_seed = self.conn_seed(from, to, conn);
        self.profile(from, to).0.resets_at(conn_seed, offset)
    }

    /// What the profile does to a dial.
    pub(super) fn draw_connect(&mut self, from: HostId, to: HostId, conn: u32) -> Option<ConnectFault> {
        if self.is_spared(from, to) {
            return None;
        }
        let conn_seed = self.conn_seed(from, to, conn);
        self.profile(from, to).0.connect(conn_seed)
    }

    /// What the profile does to a write of `len` bytes at an offset of a connection, whose chain of bursts this is.
    pub(super) fn draw_write(
        &mut self,
        now: Instant,
        (from, to, conn): (HostId, HostId, u32),
        (offset, len): (u64, u32),
        chain: &mut Chain,
    ) -> Option<StreamFault> {
        let conn_seed = self.conn_seed(from, to, conn);
        let (has_memory, (profile, link)) = (self.has_memory, self.profile(from, to));
        if !has_memory {
            return profile.write(conn_seed, offset, Duration::ZERO, || false);
        }
        let wait =
            profile.bandwidth.map(|bandwidth| link.backlog.push(bandwidth, now, profile.write_len(len)));
        let chain_seed = mix(conn_seed, NOWHERE);
        let lost_again = || chain.loses_next(&profile.bursts, chain_seed);
        profile.write(conn_seed, offset, wait.unwrap_or_default(), lost_again)
    }
}
