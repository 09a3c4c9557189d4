//! The operating system's sockets: internet and Unix under one roof.

mod udp;

use std::future::pending;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};

use super::inbox::Inbox;
use super::net::{self, Binding, DatagramSocket, Listen, Net, Packet, Pending};
use super::pace::Idle;
use super::unix;
use crate::machine::{Peer, limits};
use udp::Udp;
#[cfg(feature = "proxy")]
pub(crate) use udp::{Calls, Relayed};

/// How long a thread waits at most for a socket alone, deaf for all else; the system may add a tick of its clock.
pub(super) const MAX_WAIT: Duration = Duration::from_millis(10);

/// The operating system's sockets.
#[derive(Debug)]
pub(crate) struct System;

/// A datagram socket.
pub(crate) enum Datagram {
    Inet(Box<Udp>),
    Unix(Box<unix::Datagram>),
}

/// A listening stream socket.
pub(crate) enum Listener {
    Inet(TcpListener),
    Unix(unix::Listener),
}

/// A stream socket.
pub(crate) enum Stream {
    Inet(TcpStream),
    Unix(UnixStream),
}

impl Net for System {
    type Datagrams = Datagram;
    type Listener = Listener;
    type Stream = Stream;

    async fn bind(binding: Binding) -> io::Result<Datagram> {
        match (binding.local, binding.local.inet()) {
            (_, Some(addr)) => Ok(Datagram::Inet(Box::new(Udp::bind(addr, binding).await?))),
            (Peer::Unix(path), None) if !binding.manner.shared => {
                unix::Datagram::bind(path).map(|socket| Datagram::Unix(Box::new(socket)))
            }
            _ => Err(not_shared()),
        }
    }

    async fn listen(binding: Binding) -> io::Result<Listener> {
        match (binding.local, binding.local.inet()) {
            (_, Some(addr)) => listen(addr, binding).map(Listener::Inet),
            (Peer::Unix(path), None) if !binding.manner.shared => {
                unix::Listener::bind(path).map(Listener::Unix)
            }
            _ => Err(not_shared()),
        }
    }

    fn connect(peer: Peer) -> Pending<io::Result<Stream>> {
        let connect = async move {
            if let Peer::Unix(path) = peer {
                return unix::connect(path).await.map(Stream::Unix);
            }
            let stream = TcpStream::connect(peer.inet().ok_or_else(other_family)?).await?;
            // What a machine writes is a message: it does not wait for more.
            stream.set_nodelay(true)?;
            Ok(Stream::Inet(stream))
        };
        Box::pin(async {
            let connected = tokio::time::timeout(limits::MAX_CONNECT, connect).await;
            connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }
}

impl DatagramSocket for Datagram {
    const MAX_BATCH: usize = udp::MAX_BATCH;

    fn local_addr(&self) -> io::Result<Peer> {
        match self {
            Self::Inet(udp) => Ok(udp.local_addr()),
            Self::Unix(socket) => Ok(socket.local()),
        }
    }

    async fn connect(&mut self, peer: Peer) -> io::Result<()> {
        match (self, peer, peer.inet()) {
            (Self::Inet(udp), _, Some(addr)) => udp.connect(addr).await,
            (Self::Unix(socket), Peer::Unix(path), _) => socket.connect(path),
            _ => Err(other_family()),
        }
    }

    fn set_member(&self, group: IpAddr, joins: bool) -> io::Result<()> {
        match self {
            Self::Inet(udp) => udp.set_member(group, joins),
            Self::Unix(_) => Err(other_family()),
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        match self {
            Self::Inet(udp) => udp.poll_recv(cx, inbox),
            Self::Unix(socket) => inbox.poll_one(socket.local(), |room| socket.poll_recv(cx, room)),
        }
    }

    fn may_wait(&mut self) {
        if let Self::Inet(udp) = self {
            udp.may_wait();
        }
    }

    fn wait(&mut self, inbox: &mut Inbox, idle: Idle) -> Option<bool> {
        match self {
            Self::Inet(udp) => udp.wait(inbox, idle),
            Self::Unix(_) => None,
        }
    }

    fn poll_send<'a>(
        &mut self,
        cx: &mut Context<'_>,
        datagrams: impl Iterator<Item = Packet<'a>> + Clone,
    ) -> Poll<io::Result<usize>> {
        let mut datagrams = datagrams.peekable();
        match (self, datagrams.peek()) {
            (_, None) => Poll::Ready(Ok(0)),
            (Self::Unix(socket), Some(&Packet { peer: Peer::Unix(path), bytes, .. })) => {
                socket.poll_send(cx, bytes, path).map_ok(|()| 1)
            }
            (Self::Inet(udp), Some(Packet { peer: Peer::V4 { .. } | Peer::V6 { .. }, .. })) => {
                udp.poll_send(cx, &datagrams)
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

fn listen(local: SocketAddr, binding: Binding) -> io::Result<TcpListener> {
    let socket = match local {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart at once works although connections of the run before are in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    if binding.manner.shared {
        socket.set_reuseport(true)?;
    }
    if binding.only_v6 {
        SockRef::from(&socket).set_only_v6(true)?;
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
            Self::Inet(socket) => socket.local_addr().map(Peer::from),
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
            Self::Inet(stream) => stream.local_addr().map(Peer::from),
            Self::Unix(stream) => stream.local_addr().map(|addr| unix::peer(&addr)),
        }
    }

    fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        let socket = match self {
            Self::Inet(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
        };
        (&*socket).read(buf)
    }

    fn broken(&self) -> Pending<()> {
        // By a handle of its own, since the registration of the socket wakes only who reads or writes.
        let twin = match self {
            Self::Inet(stream) => stream.as_fd().try_clone_to_owned().and_then(|fd| {
                let twin = TcpStream::from_std(fd.into())?;
                Ok(Self::Inet(twin))
            }),
            Self::Unix(stream) => stream.as_fd().try_clone_to_owned().and_then(|fd| {
                let twin = UnixStream::from_std(fd.into())?;
                Ok(Self::Unix(twin))
            }),
        };
        Box::pin(async move {
            let broken = match &twin {
                Ok(Self::Inet(stream)) => stream.ready(Interest::ERROR).await,
                Ok(Self::Unix(stream)) => stream.ready(Interest::ERROR).await,
                // No handle is left for it: the next read or write tells.
                Err(_) => return pending().await,
            };
            drop(broken);
        })
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
