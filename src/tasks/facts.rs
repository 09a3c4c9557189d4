//! What a host knows from the beginning: its seed, its disk, who and where it is, and where the others are.

use std::sync::Arc;

use crate::host::HostId;
use crate::machine::Peer;

/// What a host knows from the beginning.
pub(super) struct Facts {
    pub(super) id: HostId,
    pub(super) seed: u64,
    pub(super) incarnation: u32,
    pub(super) disk: Vec<u8>,
    pub(super) names: Arc<[String]>,
    pub(super) peers: Arc<[Peer]>,
    /// The host's own addresses, of both families.
    pub(super) addresses: Vec<Peer>,
}

impl Facts {
    /// The host's own address that stands for one which code gives: for any, for the loopback, and for itself.
    pub(super) fn own(&self, address: Peer) -> Option<Peer> {
        let stands = is_here(&address);
        let is_meant =
            |own: &&Peer| own.is_like(&address) && (stands || own.with_port(0) == address.with_port(0));
        let own = self.addresses.iter().find(is_meant)?;
        Some(address.port().map_or(*own, |port| own.with_port(port)))
    }

    /// Where code means to send: to its own host, if it says the loopback.
    pub(super) fn target(&self, address: Peer) -> Peer {
        let own = if is_here(&address) { self.own(address) } else { None };
        own.unwrap_or(address)
    }
}

/// Whether an address stands for the host itself.
fn is_here(address: &Peer) -> bool {
    address.ip().is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}
