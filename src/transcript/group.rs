//! Datagrams that went to a multicast group: which ones, for each receiver has its own.

use std::fmt;

use super::Log;
use crate::host::HostId;
use crate::machine::Peer;

impl Log {
    /// Keeps that a datagram went to a group.
    pub(crate) fn keep_group(&mut self, flow: (HostId, HostId, u64), group: Peer) {
        self.groups.insert(flow, group);
    }

    /// The group and the port that a datagram was sent to: its sender, its receiver, and its number in their flow. None if it
    /// went to its receiver alone, or to all.
    pub fn group(&self, from: HostId, to: HostId, n: u64) -> Option<Peer> {
        self.groups.get(&(from, to, n)).copied()
    }
}

/// ` (GROUP:PORT)`, or nothing.
pub(super) struct ToGroup(pub(super) Option<Peer>);

impl fmt::Display for ToGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |group| write!(f, " ({group})"))
    }
}
