//! The operating system's sockets: internet and Unix under one roof.

mod udp;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};

use super::inbox::Inbox;
use super::net::{self, DatagramSocket, Listen, Net, Pending};
use super::unix;
use crate::machine::Peer;
use udp::Udp;

/// The operating system's sockets.
#[derive(Debug)]
pub(super) struct System;

/// A datagram socket.
pub(super) enum Datagram {
    Inet(Box<Udp>),
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

    async fn bind(local: Peer, broadcast: bool, shared: bool) -> io::Result<Datagram> {
        match local {
            Peer::Inet(addr) => Udp::bind(addr, broadcast, shared).map(|udp| Datagram::Inet(Box::new(udp))),
            Peer::Unix(_) if shared => Err(not_shared()),
            Peer::Unix(path) => unix::Datagram::bind(path).map(|socket| Datagram::Unix(Box::new(socket))),
        }
    }

    async fn listen(local: Peer, shared: bool) -> io::Result<Listener> {
        match local {
            Peer::Inet(addr) => listen(addr, shared).map(Listener::Inet),
            Peer::Unix(_) if shared => Err(not_shared()),
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

impl DatagramSocket for Datagram {
    const MAX_BATCH: usize = udp::MAX_BATCH;

    fn local_addr(&self) -> io::Result<Peer> {
        match self {
            Self::Inet(udp) => udp.local_addr(),
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

    fn poll_recv(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        match self {
            Self::Inet(udp) => udp.poll_recv(cx, inbox),
            Self::Unix(socket) => inbox.poll_one(|room| socket.poll_recv(cx, room)),
        }
    }

    fn poll_send<'a>(
        &mut self,
        cx: &mut Context<'_>,
        datagrams: impl Iterator<Item = (Peer, &'a [u8])> + Clone,
    ) -> Poll<io::Result<usize>> {
        let mut datagrams = datagrams.peekable();
        match (self, datagrams.peek()) {
            (_, None) => Poll::Ready(Ok(0)),
            (Self::Inet(udp), Some((Peer::Inet(_), _))) => {
                udp.poll_send(cx, &datagrams.map_while(|(peer, bytes)| Some((peer.inet()?, bytes))))
            }
            (Self::Unix(socket), Some(&(Peer::Unix(path), bytes))) => {
                socket.poll_send(cx, bytes, path).map_ok(|()| 1)
            }
            _ => Poll::Ready(Err(other_family())),
        }
    }
}

fn not_shared() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "several workers cannot share a unix socket")
}

fn other_family() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the socket and its peer must be of one family")
}

fn listen(local: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = match local {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart at once works although connections of the run before are in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    if shared {
        socket.set_reuseport(true)?;
    }
    // Linux hands it on to every stream that is accepted.
    socket.set_nodelay(true)?;
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
                if !cfg!(target_os = "linux") {
                    // A client that has gone already is found out by reading, not here.
                    let _ = stream.set_nodelay(true);
                }
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
