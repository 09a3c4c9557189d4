//! Several datagrams by one system call: recvmmsg(2) and sendmmsg(2).
//!
//! Two crates bind the two calls. The one cannot receive; the other tells the result of sending by reading addresses
//! that only receiving writes, so it sends only what needs an address of its own to be sent from, by headers with which
//! something was received before.

use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg,
    sendmmsg as sendmmsg_from, setsockopt, sockopt,
};
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg, sendto};
use socket2::Socket;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::segments::Segments;
use crate::drive::inbox::{Came, Inbox};
use crate::drive::pace::Idle;
use crate::machine::{Ecn, Peer, limits};

/// How many datagrams one call receives or sends at most: as many as a machine gets between two looks at its deadline.
pub(in crate::drive::system) const MAX_BATCH: usize = limits::MAX_INPUTS_PER_LOOK as usize;

/// A socket that waits can still be asked not to.
pub(super) const CAN_WAIT: bool = true;

/// How many datagrams are asked for at least. If only one comes, the second has said that there are no more, and the
/// call that would find that out is saved.
const MIN_BATCH: usize = 2;

/// What the calls need that is used again.
pub(super) struct Batch {
    headers: MultiHeaders<SockaddrStorage>,
    /// How many datagrams the next call asks for: all that it can if the last one was full, fewer and fewer after that.
    wanted: usize,
    addrs: Vec<SocketAddrAny>,
    segments: Segments,
    /// For a socket that has several addresses.
    from: Option<From>,
    /// Whether the system says something of what comes.
    is_told: bool,
}

/// What sending from one of several addresses needs.
struct From {
    headers: MultiHeaders<SockaddrStorage>,
    /// How many of the headers can be used.
    count: usize,
    addrs: Vec<Option<SockaddrStorage>>,
}

impl Batch {
    /// For a socket that is about to be bound. One of a wildcard address tells of each datagram where it came to, and is
    /// told where each leaves; any tells with which ECN field each came, if it `reads_ecn`.
    pub(super) fn new(socket: &Socket, local: SocketAddr, reads_ecn: bool) -> io::Result<Self> {
        let mut from = None;
        let mut control = Vec::new();
        if reads_ecn {
            tell_ecn(socket, local.ip())?;
            control = ecn_space();
        }
        if local.ip().is_unspecified() {
            tell_addresses(socket, local.ip())?;
            control.extend(space(local.ip()));
            from = Some(From::new(local.ip())?);
        }
        let is_told = !control.is_empty();
        let headers = MultiHeaders::preallocate(MAX_BATCH, is_told.then_some(control));
        Ok(Self {
            headers,
            wanted: MIN_BATCH,
            addrs: Vec::with_capacity(MAX_BATCH),
            segments: Segments::Tried,
            from,
            is_told,
        })
    }

    /// The socket is connected from now on.
    pub(super) const fn connected(&mut self) {
        self.segments = Segments::Off;
    }

    /// Receives what has come to a socket that is bound there, or waits for it up to the bound that the socket has. True if
    /// that was all.
    pub(super) fn recv(
        &mut self,
        socket: &UdpSocket,
        bound: Peer,
        inbox: &mut Inbox,
        idle: Idle,
    ) -> io::Result<bool> {
        // Most of the time few are wanted, or all.
        if self.wanted <= MIN_BATCH {
            self.recv_up_to::<MIN_BATCH>(socket, bound, inbox, idle)
        } else {
            self.recv_up_to::<MAX_BATCH>(socket, bound, inbox, idle)
        }
    }

    fn recv_up_to<const COUNT: usize>(
        &mut self,
        socket: &UdpSocket,
        bound: Peer,
        inbox: &mut Inbox,
        idle: Idle,
    ) -> io::Result<bool> {
        let (mut rooms, came) = inbox.rooms();
        let mut slices: [_; COUNT] = array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let slices = &mut slices[..self.wanted];
        let (headers, is_told) = (&mut self.headers, self.is_told);
        // The socket itself may be one that waits.
        let flags = match idle {
            Idle::Glance => MsgFlags::MSG_DONTWAIT,
            Idle::Sleep => MsgFlags::MSG_WAITFORONE,
        };
        let received = recvmmsg(socket.as_raw_fd(), headers, slices, flags, None)?;
        came.extend(received.map(|datagram| {
            let (came_to, ecn) = if is_told { told(&datagram, bound) } else { (None, Ecn::NotEct) };
            let peer = addr(datagram.address).into();
            Came { peer, local: came_to.unwrap_or(bound), len: datagram.bytes, ecn }
        }));
        let is_all = came.len() < self.wanted;
        self.wanted = if is_all { came.len().max(self.wanted / 2).max(MIN_BATCH) } else { MAX_BATCH };
        Ok(is_all)
    }

    /// Sends the first of these datagrams, and as many more as one call takes, from this one of the socket's addresses if
    /// it is to be chosen; says how many.
    pub(super) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        source: Option<Peer>,
        mut datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])> + Clone,
    ) -> io::Result<usize> {
        let together = || self.segments.send(socket, source, datagrams.clone()).transpose();
        if let Some(count) = socket.try_io(Interest::WRITABLE, together)? {
            return Ok(count);
        }
        if let (Some(source), Some(from)) = (source, &mut self.from) {
            return from.send(socket, source, datagrams);
        }
        let Some(first) = datagrams.next() else { return Ok(0) };
        let Some(second) = datagrams.next() else {
            let send = || Ok(sendto(socket, first.1, SendFlags::DONTWAIT, &first.0)?);
            return socket.try_io(Interest::WRITABLE, send).map(|_| 1);
        };
        let mut slices = [[IoSlice::new(&[])]; MAX_BATCH];
        self.addrs.clear();
        for (slice, (addr, bytes)) in slices.iter_mut().zip([first, second].into_iter().chain(datagrams)) {
            *slice = [IoSlice::new(bytes)];
            self.addrs.push(addr.as_any());
        }
        let mut controls: [_; MAX_BATCH] = array::from_fn(|_| SendAncillaryBuffer::default());
        let mut parts = slices.iter().zip(&mut controls);
        let mut headers: [_; MAX_BATCH] = array::from_fn(|index| {
            let (slice, control) = parts.next().expect("there is one for each place");
            match self.addrs.get(index) {
                Some(addr) => MMsgHdr::new_with_addr(addr, slice, control),
                None => MMsgHdr::new(slice, control),
            }
        });
        let headers = &mut headers[..self.addrs.len()];
        socket.try_io(Interest::WRITABLE, || Ok(sendmmsg(socket, headers, SendFlags::DONTWAIT)?))
    }
}

impl From {
    /// Receives something with each header, so that its address is written and its control message has its length.
    fn new(family: IpAddr) -> io::Result<Self> {
        /// Far longer than the loopback takes.
        const PATIENCE: Duration = Duration::from_secs(1);
        let loopback: IpAddr = match family {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let socket = Socket::from(StdSocket::bind((loopback, 0))?);
        tell_addresses(&socket, family)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let local = socket.local_addr()?;
        for _ in 0..MAX_BATCH {
            socket.send_to(&[], &local)?;
        }
        let mut headers = MultiHeaders::preallocate(MAX_BATCH, Some(space(family)));
        let mut slices: [_; MAX_BATCH] = array::from_fn(|_| [IoSliceMut::new(&mut [])]);
        let received = recvmmsg::<_, SockaddrStorage, _>(
            socket.as_raw_fd(),
            &mut headers,
            &mut slices,
            MsgFlags::empty(),
            None,
        )?;
        let count = received.count();
        Ok(Self { headers, count, addrs: Vec::with_capacity(MAX_BATCH) })
    }

    fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        source: Peer,
        datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> io::Result<usize> {
        let mut slices = [[IoSlice::new(&[])]; MAX_BATCH];
        self.addrs.clear();
        for (slice, (addr, bytes)) in slices.iter_mut().zip(datagrams).take(self.count) {
            *slice = [IoSlice::new(bytes)];
            self.addrs.push(Some(addr.into()));
        }
        let (slices, flags) = (&slices[..self.addrs.len()], MsgFlags::MSG_DONTWAIT);
        let Self { headers, addrs, .. } = self;
        let fd = socket.as_raw_fd();
        socket.try_io(Interest::WRITABLE, || {
            let sent = match source {
                Peer::V4 { ip, .. } => {
                    let source = in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
                    let info =
                        in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: in_addr { s_addr: 0 } };
                    let control = [ControlMessage::Ipv4PacketInfo(&info)];
                    sendmmsg_from(fd, headers, slices, &addrs, control, flags)?.count()
                }
                Peer::V6 { ip, scope, .. } => {
                    let source = in6_addr { s6_addr: ip.octets() };
                    let info = in6_pktinfo { ipi6_addr: source, ipi6_ifindex: scope };
                    let control = [ControlMessage::Ipv6PacketInfo(&info)];
                    sendmmsg_from(fd, headers, slices, &addrs, control, flags)?.count()
                }
                Peer::Unix(_) => return Err(io::ErrorKind::InvalidInput.into()),
            };
            Ok(sent)
        })
    }
}

/// Has the system say of each datagram where it came to.
fn tell_addresses(socket: &Socket, family: IpAddr) -> io::Result<()> {
    match family {
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

/// Room for what it says, and no more: what is behind it would be taken for another message when it is sent.
fn space(family: IpAddr) -> Vec<u8> {
    match family {
        IpAddr::V4(_) => cmsg_space!(in_pktinfo),
        IpAddr::V6(_) => cmsg_space!(in6_pktinfo),
    }
}

/// Has the system say of each datagram which ECN field it has. One of IPv6 may take both families.
fn tell_ecn(socket: &Socket, family: IpAddr) -> io::Result<()> {
    setsockopt(socket, sockopt::IpRecvTos, &true)?;
    if family.is_ipv6() {
        setsockopt(socket, sockopt::Ipv6RecvTClass, &true)?;
    }
    Ok(())
}

/// Room for that, in either family.
fn ecn_space() -> Vec<u8> {
    cmsg_space!(i32)
}

/// What the system says of a datagram: which of the socket's addresses it came to, and its ECN field.
fn told(datagram: &RecvMsg<'_, '_, SockaddrStorage>, bound: Peer) -> (Option<Peer>, Ecn) {
    let (mut local, mut ecn) = (None, Ecn::NotEct);
    let (Some(port), Ok(messages)) = (bound.port(), datagram.cmsgs()) else { return (local, ecn) };
    for message in messages {
        match message {
            ControlMessageOwned::Ipv4Tos(tos) => ecn = Ecn::from_bits(tos),
            ControlMessageOwned::Ipv6TClass(class) => ecn = Ecn::from_bits(class.to_le_bytes()[0]),
            message => local = came_to(&message, port).or(local),
        }
    }
    (local, ecn)
}

/// Which of the socket's addresses a datagram came to, if that is what the system says. One that went to many came to none
/// in particular that could answer it, but over IPv4 the system names one.
fn came_to(message: &ControlMessageOwned, port: u16) -> Option<Peer> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
            (!ip.is_unspecified()).then_some(Peer::V4 { ip, port })
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            let scope = if ip.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
            (!ip.is_multicast()).then_some(Peer::V6 { ip, scope, port })
        }
        _ => None,
    }
}

/// A peer's address. An internet socket has no others.
fn addr(storage: Option<SockaddrStorage>) -> SocketAddr {
    let storage = storage.as_ref();
    let v4 = storage.and_then(|storage| Some(SocketAddr::V4((*storage.as_sockaddr_in()?).into())));
    let v6 = || storage.and_then(|storage| Some(SocketAddr::V6((*storage.as_sockaddr_in6()?).into())));
    v4.or_else(v6).unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}
