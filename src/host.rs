//! Names of hosts, their addresses, and what a host gives its machine to begin with.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::machine::Peer;

/// The most hosts that one scenario has.
pub const MAX_HOSTS: usize = 1 << 14;

/// The first port of those that the simulated system gives to sockets which ask for none (RFC 6335 section 6).
pub const FIRST_EPHEMERAL_PORT: u16 = 49_152;

/// Names one host of a scenario, whatever runs on it: its index, in the order in which the hosts were added. At equal
/// times hosts act in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub(crate) u16);

impl HostId {
    /// The index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The IPv4 address of the host: 192.168.0.1 for the first, as turmoil numbers them.
    pub(crate) const fn v4(self, port: u16) -> Peer {
        let [high, low] = (self.0 + 1).to_be_bytes();
        Peer::V4 { ip: Ipv4Addr::new(192, 168, high, low), port }
    }

    /// The IPv6 address of the host: `fd00::1` for the first.
    pub(crate) const fn v6(self, port: u16) -> Peer {
        Peer::V6 { ip: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, self.0 + 1), scope: 0, port }
    }

    /// The host of which this is one of the two addresses that every host has, if there may be one.
    #[inline]
    pub(crate) fn at(peer: &Peer) -> Option<Self> {
        match peer {
            Peer::V4 { ip, .. } => match ip.octets() {
                [192, 168, high, low] => u16::from_be_bytes([high, low]).checked_sub(1).map(Self),
                _ => None,
            },
            Peer::V6 { ip, .. } => match ip.segments() {
                [0xfd00, 0, 0, 0, 0, 0, 0, number] => number.checked_sub(1).map(Self),
                _ => None,
            },
            Peer::Unix(_) => None,
        }
    }
}

/// The arguments of a machine's factory. A restart makes a new machine.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    pub(crate) incarnation: u32,
    pub(crate) seed: u64,
    pub(crate) disk: &'a [u8],
    /// The first address of each host.
    pub(crate) peers: &'a [Peer],
    /// The names of the hosts: none, where no code can look them up.
    #[cfg_attr(not(feature = "tasks"), allow(dead_code, reason = "asynchronous code looks names up"))]
    pub(crate) names: Option<&'a Arc<[String]>>,
    pub(crate) first_number: u64,
}

impl<'a> Boot<'a> {
    /// A first start with this seed and without other hosts, to make a machine by hand.
    pub const fn alone(seed: u64) -> Self {
        Self { incarnation: 0, seed, disk: &[], peers: &[], names: None, first_number: 0 }
    }

    /// How many machines ran on this host before, in this run.
    pub const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Where the machine's randomness comes from, through a generator with a fixed stream. Differs from host to
    /// host and from incarnation to incarnation.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Where counters start: 0, or in a check that looks at [wraps](crate::Check::wrapping) just before the end of every
    /// width, so that they soon wrap: cut it to the counter's own, as in `boot.first_number() as u16`.
    pub const fn first_number(&self) -> u64 {
        self.first_number
    }

    /// The bytes that the previous machine on this host saved last, by [`save`](crate::machine::Effects::save); empty
    /// if none. A save is durable at once, so a crash and a loss of power keep the same bytes.
    pub const fn disk(&self) -> &'a [u8] {
        self.disk
    }

    /// The address of a host's first socket: its simulated address, or on real sockets the one that was given for it.
    ///
    /// # Panics
    /// If there is no such host.
    pub fn peer(&self, host: impl Into<HostId>) -> Peer {
        let index = host.into().index();
        *self.peers.get(index).unwrap_or_else(|| panic!("this world has no host of number {index}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_host() {
        for index in [0, 254, 255, MAX_HOSTS as u16 - 1] {
            assert_eq!(HostId::at(&HostId(index).v4(7)), Some(HostId(index)));
            assert_eq!(HostId::at(&HostId(index).v6(7)), Some(HostId(index)));
        }
        assert_eq!(HostId(255).v4(7).to_string(), "192.168.1.0:7");
        assert_eq!(HostId(0).v6(7).to_string(), "[fd00::1]:7");
        for other in ["192.168.0.0:7", "10.0.0.1:7", "[fd00::]:7", "[::1]:7", "unix:/x"] {
            assert_eq!(HostId::at(&other.parse().unwrap()), None);
        }
    }
}
