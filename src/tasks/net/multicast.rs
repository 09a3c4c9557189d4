//! Multicast on datagram sockets, with the names and signatures of `tokio::net::UdpSocket`.
//!
//! As on Linux, a socket hears what goes to its port and to a group that any socket of its host has joined, if it is bound to
//! any address and not connected.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering;

use super::UdpSocket;
use crate::machine::{Peer, limits};
use crate::tasks::hub::Hub;

impl UdpSocket {
    /// Joins a group of IPv4, by the network card that has this address, or by any. The host leaves it once no socket of it is
    /// in it any more: each leaves what it has joined, or is dropped.
    ///
    /// # Errors
    /// `InvalidInput` if that is no group or the socket is none of IPv4, `AddrInUse` if the socket is in the group,
    /// `NotFound` if the host has no such network card, and an error if the host would be in more than
    /// [`limits::MAX_GROUPS`](crate::machine::limits::MAX_GROUPS) groups.
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.join(multiaddr.into(), Some(interface))
    }

    /// Joins a group of IPv6. A simulated host has one network card, whatever number is given.
    ///
    /// # Errors
    /// As [`UdpSocket::join_multicast_v4`].
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, _interface: u32) -> io::Result<()> {
        self.join((*multiaddr).into(), None)
    }

    /// Leaves a group of IPv4.
    ///
    /// # Errors
    /// `AddrNotAvailable` if the socket is not in it, and as [`UdpSocket::join_multicast_v4`].
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.leave(multiaddr.into(), Some(interface))
    }

    /// Leaves a group of IPv6.
    ///
    /// # Errors
    /// As [`UdpSocket::leave_multicast_v4`].
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, _interface: u32) -> io::Result<()> {
        self.leave((*multiaddr).into(), None)
    }

    /// Whether what the socket sends to a group comes back to its host, if that is in the group.
    ///
    /// # Errors
    /// If the host is down.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.socket.with(|socket| socket.loops)
    }

    /// Says whether what the socket sends to a group comes back to its host. It does, if nothing is said.
    ///
    /// # Errors
    /// If the host is down.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.socket.change(|hub, place| {
            hub.datagrams.get_mut(place).ok_or_else(super::closed)?.loops = on;
            Ok(())
        })
    }

    /// As [`UdpSocket::multicast_loop_v4`].
    ///
    /// # Errors
    /// If the host is down.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.multicast_loop_v4()
    }

    /// As [`UdpSocket::set_multicast_loop_v4`].
    ///
    /// # Errors
    /// If the host is down.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.set_multicast_loop_v4(on)
    }

    /// The time to live of what is sent to groups, which was set; no simulated network counts hops.
    ///
    /// # Errors
    /// None.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        Ok(self.multicast_ttl.load(Ordering::Relaxed))
    }

    /// Keeps a time to live of what is sent to groups.
    ///
    /// # Errors
    /// None.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.multicast_ttl.store(ttl, Ordering::Relaxed);
        Ok(())
    }

    fn join(&self, group: IpAddr, card: Option<Ipv4Addr>) -> io::Result<()> {
        self.socket.change(|hub, place| {
            let of_host = hub.groups();
            let is_full = of_host.len() >= limits::MAX_GROUPS && !of_host.contains(&group);
            let groups = check(hub, place, group, card)?;
            if groups.contains(&group) {
                let text = format!("this socket is in the group {group} already");
                return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
            }
            if is_full {
                return Err(io::Error::other(format!("a host can be in {} groups", limits::MAX_GROUPS)));
            }
            groups.insert(group);
            Ok(())
        })
    }

    fn leave(&self, group: IpAddr, card: Option<Ipv4Addr>) -> io::Result<()> {
        self.socket.change(|hub, place| {
            if !check(hub, place, group, card)?.remove(&group) {
                let text = format!("this socket is not in the group {group}");
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
            }
            Ok(())
        })
    }
}

/// The groups of a socket, if it can join this one by this network card.
fn check(
    hub: &mut Hub,
    place: usize,
    group: IpAddr,
    card: Option<Ipv4Addr>,
) -> io::Result<&mut BTreeSet<IpAddr>> {
    if let Some(card) = card
        && hub.facts.own(Peer::from((card.into(), 0))).is_none()
    {
        let text = format!("this host has no network card of the address {card}");
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let socket = hub.datagrams.get_mut(place).ok_or_else(super::closed)?;
    let refusal = if !group.is_multicast() {
        format!("{group} is no multicast group")
    } else if !socket.local.is_like(&Peer::from((group, 0))) {
        format!("{} cannot be in the group {group}: it is of another family", socket.local)
    } else {
        return Ok(&mut socket.groups);
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, refusal))
}

impl Hub {
    /// The groups that sockets of the host are in.
    fn groups(&self) -> BTreeSet<IpAddr> {
        self.datagrams.iter().flat_map(|socket| socket.groups.iter().copied()).collect()
    }

    /// Has the host be in the groups that its sockets are in, and in no others.
    pub(in crate::tasks) fn join_and_leave(&mut self) {
        let wanted = self.groups();
        let is_left = |group: &IpAddr| !wanted.contains(group);
        let left: Vec<IpAddr> = self.effects.groups().iter().copied().filter(is_left).collect();
        for group in left {
            self.effects.leave(group);
        }
        for group in wanted {
            self.effects.join(group);
        }
    }
}
