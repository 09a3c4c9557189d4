//! The network cards under the ends: each has one address.

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint};

use super::wire::{Line, tick};
use crate::time::Instant;

/// What a host says to a packet for which it has no end: a reset, unless it is one itself.
pub(super) fn refuse(local: IpEndpoint, (packet, mtu): (&[u8], u16), now: Instant, sent: &mut Vec<Vec<u8>>) {
    let mut line = Line { mtu, incoming: Some(packet), outgoing: sent };
    interface(local, 0, &mut line, now).poll(tick(now), &mut line, &mut SocketSet::new(Vec::new()));
}

/// A network card with one address.
pub(super) fn interface(local: IpEndpoint, seed: u64, line: &mut Line<'_>, now: Instant) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, line, tick(now));
    let len = match local.addr {
        IpAddress::Ipv4(_) => 32,
        IpAddress::Ipv6(_) => 128,
    };
    interface.update_ip_addrs(|addresses| {
        // There is room for two.
        let _ = addresses.push(IpCidr::new(local.addr, len));
    });
    interface
}
