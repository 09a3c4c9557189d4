//! Datagram sockets.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::socket::Socket;
use super::{ToSocketAddrs, closed, first_of, inet, not_own};
use crate::machine::{Ecn, Peer};
use crate::tasks::ctx::unsupported;
use crate::tasks::registry::{here, with_hub};

/// A UDP socket of a simulated host, as `tokio::net::UdpSocket` is one of the system's.
#[derive(Debug)]
pub struct UdpSocket {
    pub(super) socket: Socket,
    may_broadcast: AtomicBool,
    ttl: AtomicU32,
    pub(super) multicast_ttl: AtomicU32,
}

impl UdpSocket {
    /// Opens a socket of the host that is running. Port 0 stands for a free one.
    ///
    /// # Errors
    /// `AddrInUse` if the host has this socket, `AddrNotAvailable` if the address is another host's, and those of names.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        let key = here()?;
        first_of(address.addresses()?, |address| async move {
            let own = with_hub(key, |hub| hub.facts.own(Peer::from(address))).flatten();
            let hears_groups = address.ip().is_unspecified();
            let socket = Socket::open(key, own.ok_or_else(|| not_own(address))?, hears_groups)?;
            Ok(Self {
                socket,
                may_broadcast: AtomicBool::new(false),
                ttl: AtomicU32::new(64),
                multicast_ttl: AtomicU32::new(1),
            })
        })
        .await
    }

    /// Refused: a socket of the system is in no simulated network.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn from_std(_: std::net::UdpSocket) -> io::Result<Self> {
        Err(unsupported("a socket of the system is in no simulated network: use UdpSocket::bind"))
    }

    /// From now on the socket receives only from this peer, and receives its refusals.
    ///
    /// # Errors
    /// Those of names.
    pub async fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        first_of(address.addresses()?, |address| async move {
            self.socket.connect(|hub| hub.facts.target(Peer::from(address)))
        })
        .await
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(self.socket.local()?)
    }

    /// The peer that the socket is connected to.
    ///
    /// # Errors
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(self.socket.connected()?.ok_or(io::ErrorKind::NotConnected)?)
    }

    fn target(&self, address: SocketAddr) -> io::Result<Peer> {
        let is_broadcast = address.ip() == std::net::Ipv4Addr::BROADCAST;
        if is_broadcast && !self.may_broadcast.load(Ordering::Relaxed) {
            let text = "this socket may not broadcast: call set_broadcast(true)";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        with_hub(self.socket.key, |hub| hub.facts.target(Peer::from(address))).ok_or_else(closed)
    }

    /// Sends to the connected peer.
    ///
    /// # Errors
    /// `NotConnected`; `ConnectionRefused` if the peer refused an earlier datagram; `InvalidInput` if it is too long.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|context| self.socket.poll_send(context, None, bytes)).await
    }

    /// Sends to this address.
    ///
    /// # Errors
    /// As [`UdpSocket::send`], and those of names.
    pub async fn send_to<A: ToSocketAddrs>(&self, bytes: &[u8], target: A) -> io::Result<usize> {
        let address = target.addresses()?.into_iter().next().ok_or(io::ErrorKind::InvalidInput)?;
        let peer = self.target(address)?;
        poll_fn(|context| self.socket.poll_send(context, Some(peer), bytes)).await
    }

    /// Receives from the connected peer.
    ///
    /// # Errors
    /// `ConnectionRefused` if the peer refused an earlier datagram.
    pub async fn recv(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.socket.receive(into, true).await?.0)
    }

    /// Receives from anybody: how many bytes, and from whom. What does not fit is lost.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, peer) = self.socket.receive(into, true).await?;
        Ok((len, inet(peer)?))
    }

    /// Looks at the next datagram, which stays.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub async fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.socket.receive(into, false).await?.0)
    }

    /// Looks at the next datagram, which stays, and at its source.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub async fn peek_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, peer) = self.socket.receive(into, false).await?;
        Ok((len, inet(peer)?))
    }

    /// Sends to the connected peer, as part of a poll.
    ///
    /// # Errors
    /// As [`UdpSocket::send`].
    pub fn poll_send(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_send(context, None, bytes)
    }

    /// Sends to this address, as part of a poll.
    ///
    /// # Errors
    /// As [`UdpSocket::send`].
    pub fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let peer = self.target(target)?;
        self.socket.poll_send(context, Some(peer), bytes)
    }

    /// Receives from the connected peer, as part of a poll.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn poll_recv(&self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_receive(context, into, true).map_ok(drop)
    }

    /// Receives from anybody, as part of a poll.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.socket.poll_receive(context, into, true).map(|received| inet(received?.0))
    }

    /// Receives from anybody, as part of a poll: from whom, and with which ECN field. The system's sockets tell of that in a
    /// control message, and tokio's do not; whoever reads it there, as quinn's sockets do, has this here.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn poll_recv_ecn_from(
        &self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<(SocketAddr, Ecn)>> {
        self.socket.poll_receive(context, into, true).map(|received| {
            let (peer, ecn) = received?;
            Ok((inet(peer)?, ecn))
        })
    }

    /// Whether a datagram has come.
    ///
    /// # Errors
    /// If the host is down.
    pub fn poll_recv_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_readable(context)
    }

    /// Whether a datagram can be sent: always.
    ///
    /// # Errors
    /// None.
    pub fn poll_send_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_writable(context)
    }

    /// Waits until a datagram has come.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| self.socket.poll_readable(context)).await
    }

    /// Waits until a datagram can be sent.
    ///
    /// # Errors
    /// None.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.socket.poll_writable(context)).await
    }

    /// Sends to the connected peer, at once or not at all.
    ///
    /// # Errors
    /// As [`UdpSocket::send`], and `WouldBlock`.
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.try_send(None, bytes)
    }

    /// Sends to this address, at once or not at all.
    ///
    /// # Errors
    /// As [`UdpSocket::send`], and `WouldBlock`.
    pub fn try_send_to(&self, bytes: &[u8], target: SocketAddr) -> io::Result<usize> {
        let peer = self.target(target)?;
        self.socket.try_send(Some(peer), bytes)
    }

    /// Receives what has come.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has; and as [`UdpSocket::recv`].
    pub fn try_recv(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.socket.try_receive(into)?.0)
    }

    /// Receives what has come, and from whom.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has; and as [`UdpSocket::recv`].
    pub fn try_recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, peer) = self.socket.try_receive(into)?;
        Ok((len, inet(peer)?))
    }

    /// Whether the socket may broadcast.
    ///
    /// # Errors
    /// None.
    pub fn broadcast(&self) -> io::Result<bool> {
        Ok(self.may_broadcast.load(Ordering::Relaxed))
    }

    /// Lets the socket send to 255.255.255.255, and so to all other hosts.
    ///
    /// # Errors
    /// None.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.may_broadcast.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// The TOS byte of what it sends over IPv4.
    ///
    /// # Errors
    /// None.
    pub fn tos_v4(&self) -> io::Result<u32> {
        Ok(self.socket.tos.load(Ordering::Relaxed).into())
    }

    /// Sets the TOS byte of what it sends. The network carries its two lowest bits, the [ECN field](Ecn).
    ///
    /// # Errors
    /// `InvalidInput` if it is no byte.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        let tos = u8::try_from(tos).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.socket.tos.store(tos, Ordering::Relaxed);
        Ok(())
    }

    /// The traffic class of what it sends over IPv6.
    ///
    /// # Errors
    /// None.
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// Sets the traffic class of what it sends, as [`set_tos_v4`](UdpSocket::set_tos_v4) does: a simulated socket has one
    /// byte for both.
    ///
    /// # Errors
    /// `InvalidInput` if it is no byte.
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.set_tos_v4(tclass)
    }

    /// The time to live that was set; no simulated network counts hops.
    ///
    /// # Errors
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.ttl.load(Ordering::Relaxed))
    }

    /// Keeps a time to live.
    ///
    /// # Errors
    /// None.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.ttl.store(ttl, Ordering::Relaxed);
        Ok(())
    }
}
