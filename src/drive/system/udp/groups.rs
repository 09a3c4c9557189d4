//! Multicast on a UDP socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[cfg(target_os = "linux")]
use rustix::io::Errno;
use socket2::{SockRef, Socket};

use crate::drive::Multicast;

/// Sets by which card a socket sends to groups, and how far. The socket hears only groups that it joins itself: by default
/// Linux hands it what others of this computer have joined, too.
pub(super) fn prepare(socket: &Socket, local: SocketAddr, multicast: Multicast) -> io::Result<()> {
    let hops = multicast.hops.map(u32::from);
    if local.is_ipv4() {
        #[cfg(target_os = "linux")]
        where_known(socket.set_multicast_all_v4(false))?;
        multicast
            .v4
            .map_or(Ok(()), |card| socket.set_multicast_if_v4(&card))
            .map_err(|error| no_card(&error))?;
        hops.map_or(Ok(()), |hops| socket.set_multicast_ttl_v4(hops))
    } else {
        #[cfg(target_os = "linux")]
        where_known(socket.set_multicast_all_v6(false))?;
        multicast
            .v6
            .map_or(Ok(()), |card| socket.set_multicast_if_v6(card))
            .map_err(|error| no_card(&error))?;
        hops.map_or(Ok(()), |hops| socket.set_multicast_hops_v6(hops))
    }
}

/// Takes it that a system does not know an option (Linux before 4.20, of IPv6).
#[cfg(target_os = "linux")]
fn where_known(set: io::Result<()>) -> io::Result<()> {
    let is_unknown = |error: &io::Error| Errno::from_io_error(error) == Some(Errno::NOPROTOOPT);
    set.or_else(|error| if is_unknown(&error) { Ok(()) } else { Err(error) })
}

/// What the system says of a network card that it does not have is said of addresses, too.
fn no_card(error: &io::Error) -> io::Error {
    io::Error::other(format!("no network card is as the setup's 'multicast' says ({error})"))
}

/// Joins a group, or leaves it.
pub(super) fn set_member(
    socket: &SockRef<'_>,
    group: IpAddr,
    joins: bool,
    multicast: Multicast,
) -> io::Result<()> {
    let (v4, v6) = (multicast.v4.unwrap_or(Ipv4Addr::UNSPECIFIED), multicast.v6.unwrap_or(0));
    match group {
        IpAddr::V4(group) if joins => socket.join_multicast_v4(&group, &v4),
        IpAddr::V4(group) => socket.leave_multicast_v4(&group, &v4),
        IpAddr::V6(group) if joins => socket.join_multicast_v6(&group, v6),
        IpAddr::V6(group) => socket.leave_multicast_v6(&group, v6),
    }
}
