//! The operating system's sockets: internet and Unix under one roof.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixStream};

use super::net::{self, Datagrams, Listen, Net, Pending};
use super::unix;
use crate::machine::Peer;

/// The operating system's sockets.
#[derive(Debug)]
pub(super) struct System;

/// A datagram socket.
pub(super) enum Datagram {
    Inet(Udp),
    Unix(Box<unix::Datagram>),
}

/// A listening stream socket.
pub(super) enum Listener {
    Inet(TcpListener),
    Unix(unix::Listener),
}

/// A stream socket.
pub(super) enum Stream {
    Inet(TcpStream),
    Unix(UnixStream),
}

impl Net for System {
    type Datagrams = Datagram;
    type Listener = Listener;
    type Stream = Stream;

    async fn bind(local: Peer, broadcast: bool) -> io::Result<Datagram> {
        match local {
            Peer::Inet(addr) => Udp::bind(addr, broadcast).await.map(Datagram::Inet),
            Peer::Unix(path) => unix::Datagram::bind(path).map(|socket| Datagram::Unix(Box::new(socket))),
        }
    }

    async fn listen(local: Peer) -> io::Result<Listener> {
        match local {
            Peer::Inet(addr) => listen(addr).map(Listener::Inet),
            Peer::Unix(path) => unix::Listener::bind(path).map(Listener::Unix),
        }
    }

    fn connect(peer: Peer) -> Pending<io::Result<Stream>> {
        Box::pin(async move {
            match peer {
                Peer::Inet(addr) => {
                    let stream = TcpStream::connect(addr).await?;
                    // What a machine writes is a message: it does not wait for more.
                    stream.set_nodelay(true)?;
                    Ok(Stream::Inet(stream))
                }
                Peer::Unix(path) => unix::connect(path).await.map(Stream::Unix),
            }
        })
    }
}

impl Datagrams for Datagram {
    fn local_addr(&self) -> io::Result<Peer> {
        match self {
            Self::Inet(udp) => udp.socket.local_addr().map(Peer::Inet),
            Self::Unix(socket) => Ok(socket.local()),
        }
    }

    async fn connect(&mut self, peer: Peer) -> io::Result<()> {
        match (self, peer) {
            (Self::Inet(udp), Peer::Inet(addr)) => udp.connect(addr).await,
            (Self::Unix(socket), Peer::Unix(path)) => socket.connect(path),
            _ => Err(other_family()),
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, Peer)>> {
        match self {
            Self::Inet(udp) => udp.poll_recv(cx, buf),
            Self::Unix(socket) => socket.poll_recv(cx, buf),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8], peer: Peer) -> Poll<io::Result<()>> {
        match (self, peer) {
            (Self::Inet(udp), Peer::Inet(addr)) => udp.socket.poll_send_to(cx, bytes, addr).map_ok(|_| ()),
            (Self::Unix(socket), Peer::Unix(path)) => socket.poll_send(cx, bytes, path),
            _ => Poll::Ready(Err(other_family())),
        }
    }
}

fn other_family() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the socket and its peer must be of one family")
}

/// A UDP socket, and once it is connected the wait for the next refusal.
pub(super) struct Udp {
    socket: Rc<UdpSocket>,
    refusal: Option<Pending<io::Error>>,
}

impl Udp {
    async fn bind(local: SocketAddr, broadcast: bool) -> io::Result<Self> {
        // No SO_REUSEADDR: with it a second server would bind silently.
        let socket = UdpSocket::bind(local).await?;
        if broadcast {
            socket.set_broadcast(true)?;
        }
        Ok(Self { socket: Rc::new(socket), refusal: None })
    }

    async fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.socket.connect(peer).await?;
        self.refusal = Some(self.next_refusal());
        Ok(())
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, Peer)>> {
        let mut buf = ReadBuf::new(buf);
        if let Poll::Ready(received) = self.socket.poll_recv_from(cx, &mut buf) {
            return Poll::Ready(received.map(|peer| (buf.filled().len(), peer.into())));
        }
        let Some(refusal) = &mut self.refusal else { return Poll::Pending };
        let refused = ready!(refusal.as_mut().poll(cx));
        self.refusal = Some(self.next_refusal());
        Poll::Ready(Err(refused))
    }

    /// Waits for the socket's error. A refusal does not make a socket readable, so whoever only waits to read hears of
    /// it no sooner than when sending again.
    fn next_refusal(&self) -> Pending<io::Error> {
        let socket = Rc::clone(&self.socket);
        let take = move || async move {
            loop {
                socket.ready(Interest::ERROR).await?;
                let taken = socket.try_io(Interest::ERROR, || {
                    socket.take_error()?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
                });
                match taken {
                    // A send has taken it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    taken => return taken,
                }
            }
        };
        Box::pin(async move { take().await.unwrap_or_else(|error| error) })
    }
}

fn listen(local: SocketAddr) -> io::Result<TcpListener> {
    let socket = match local {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart at once works although connections of the run before are in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(local)?;
    socket.listen(1024)
}

impl Listen for Listener {
    type Stream = Stream;

    fn local_addr(&self) -> io::Result<Peer> {
        match self {
            Self::Inet(socket) => socket.local_addr().map(Peer::Inet),
            Self::Unix(socket) => Ok(socket.local()),
        }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match self {
            Self::Inet(socket) => socket.poll_accept(cx).map_ok(|(stream, peer)| {
                // A client that has gone already is found out by reading, not here.
                let _ = stream.set_nodelay(true);
                (Stream::Inet(stream), peer.into())
            }),
            Self::Unix(socket) => {
                socket.poll_accept(cx).map_ok(|(stream, peer)| (Stream::Unix(stream), peer))
            }
        }
    }
}

impl net::Stream for Stream {
    fn local_addr(&self) -> io::Result<Peer> {
        match self {
            Self::Inet(stream) => stream.local_addr().map(Peer::Inet),
            Self::Unix(stream) => stream.local_addr().map(|addr| unix::peer(&addr)),
        }
    }

    fn abort(self) {
        match self {
            // Zero lingering makes the close a reset (socket(7)); where it cannot be set the close is an ordinary one.
            Self::Inet(stream) => _ = stream.set_zero_linger(),
            // A Unix socket knows no such option: its peer sees a reset if something was left unread here, an end
            // otherwise.
            Self::Unix(stream) => drop(stream),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Inet(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Inet(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Inet(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Inet(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Inet(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
