//! Names of simulated hosts, and their addresses.

use std::net::{Ipv4Addr, SocketAddr};

use crate::machine::Peer;

/// The most hosts that one scenario has.
pub const MAX_HOSTS: usize = 4096;

/// The first port of those that the simulated system gives to sockets which ask for none (RFC 6335 section 6).
pub const FIRST_EPHEMERAL_PORT: u16 = 49_152;

/// Names one host of a scenario: its index, in the order in which the hosts were added. At equal times hosts act in
/// this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub(crate) u16);

impl HostId {
    /// The index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The address of the host: 192.168.0.1 for the first, as turmoil numbers them.
    pub(crate) fn address(self, port: u16) -> Peer {
        let [high, low] = (self.0 + 1).to_be_bytes();
        (Ipv4Addr::new(192, 168, high, low).into(), port).into()
    }

    /// The host that has this address, if there may be one.
    pub(crate) fn at(peer: Peer) -> Option<Self> {
        match peer {
            Peer::Inet(SocketAddr::V4(addr)) => match addr.ip().octets() {
                [192, 168, high, low] => u16::from_be_bytes([high, low]).checked_sub(1).map(Self),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_host() {
        for index in [0, 254, 255, MAX_HOSTS as u16 - 1] {
            assert_eq!(HostId::at(HostId(index).address(7)), Some(HostId(index)));
        }
        assert_eq!(HostId(255).address(7).to_string(), "192.168.1.0:7");
        assert_eq!(HostId::at("192.168.0.0:7".parse().unwrap()), None);
        assert_eq!(HostId::at("10.0.0.1:7".parse().unwrap()), None);
    }
}
