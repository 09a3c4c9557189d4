//! Turmoil's sockets, with the polling that they lack. Unix sockets turmoil does not have.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use turmoil::net::{TcpListener, TcpStream, UdpSocket};

use crate::drive::inbox::Inbox;
use crate::drive::net::{Binding, DatagramSocket, Listen, Net, Packet, Pending, Stream};
use crate::machine::Peer;

/// Turmoil's simulated network.
#[derive(Debug)]
pub(super) struct Turmoil;

impl Net for Turmoil {
    type Datagrams = Udp;
    type Listener = Listener;
    type Stream = TcpStream;

    async fn bind(binding: Binding) -> io::Result<Udp> {
        let socket = UdpSocket::bind(inet(binding.local)?).await?;
        socket.set_broadcast(binding.broadcast)?;
        Ok(Udp { socket: Rc::new(socket), readable: None })
    }

    async fn listen(binding: Binding) -> io::Result<Listener> {
        Ok(Listener { socket: Rc::new(TcpListener::bind(inet(binding.local)?).await?), accepted: None })
    }

    fn connect(peer: Peer) -> Pending<io::Result<TcpStream>> {
        Box::pin(async move { TcpStream::connect(inet(peer)?).await })
    }
}

/// Where turmoil's sockets are bound: at any address of their host, which has one.
pub(super) fn any(is_v6: bool) -> IpAddr {
    if is_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

fn inet(peer: Peer) -> io::Result<SocketAddr> {
    let refusal = || io::Error::new(io::ErrorKind::Unsupported, "turmoil has no unix sockets; use real ones");
    peer.inet().ok_or_else(refusal)
}

/// A datagram socket, and the wait for the next datagram.
pub(super) struct Udp {
    socket: Rc<UdpSocket>,
    readable: Option<Pending<io::Result<()>>>,
}

impl DatagramSocket for Udp {
    const MAX_BATCH: usize = 1;

    fn local_addr(&self) -> io::Result<Peer> {
        self.socket.local_addr().map(Peer::from)
    }

    async fn connect(&mut self, peer: Peer) -> io::Result<()> {
        self.socket.connect(inet(peer)?).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        let local = self.local_addr()?;
        loop {
            let received = inbox.poll_one(local, |room| match self.socket.try_recv_from(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                received => Poll::Ready(received.map(|(len, from)| (len, from.into()))),
            });
            if received.is_ready() {
                return received;
            }
            let socket = &self.socket;
            let wait = self.readable.get_or_insert_with(|| {
                let socket = Rc::clone(socket);
                Box::pin(async move { socket.readable().await })
            });
            let woken = ready!(wait.as_mut().poll(cx));
            self.readable = None;
            woken?;
        }
    }

    fn poll_send<'a>(
        &mut self,
        _cx: &mut Context<'_>,
        mut datagrams: impl Iterator<Item = Packet<'a>> + Clone,
    ) -> Poll<io::Result<usize>> {
        let Some(Packet { peer, bytes, .. }) = datagrams.next() else { return Poll::Ready(Ok(0)) };
        Poll::Ready(inet(peer).and_then(|peer| self.socket.try_send_to(bytes, peer)).map(|_| 1))
    }
}

/// A listening socket, and the wait for the next connection.
pub(super) struct Listener {
    socket: Rc<TcpListener>,
    accepted: Option<Pending<io::Result<(TcpStream, SocketAddr)>>>,
}

impl Listen for Listener {
    type Stream = TcpStream;

    fn local_addr(&self) -> io::Result<Peer> {
        self.socket.local_addr().map(Peer::from)
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Peer)>> {
        let socket = &self.socket;
        let wait = self.accepted.get_or_insert_with(|| {
            let socket = Rc::clone(socket);
            Box::pin(async move { socket.accept().await })
        });
        let accepted = ready!(wait.as_mut().poll(cx));
        self.accepted = None;
        Poll::Ready(accepted.map(|(stream, peer)| (stream, peer.into())))
    }
}

impl Stream for TcpStream {
    fn local_addr(&self) -> io::Result<Peer> {
        Self::local_addr(self).map(Peer::from)
    }

    /// Never: the model says so.
    fn broken(&self) -> Pending<()> {
        Box::pin(pending())
    }

    fn abort(self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_sockets_are_refused_by_name() {
        let error = inet("unix:/tmp/socket".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "turmoil has no unix sockets; use real ones");
    }
}
