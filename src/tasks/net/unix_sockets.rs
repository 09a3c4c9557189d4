//! Unix sockets. Their paths are in the net, not in a file system: a host has those that its place was given by
//! [`listen_at`](crate::scenario::Place::listen_at) and [`udp_at`](crate::scenario::Place::udp_at).

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::end::End;
use super::listener::Listening;
use super::socket::Socket;
use super::unix::SocketAddr;
use crate::machine::{Peer, UnixPath};
use crate::tasks::registry::{here, with_hub};

fn at(path: impl AsRef<Path>) -> io::Result<Peer> {
    let path = UnixPath::new(path.as_ref().as_os_str().as_bytes());
    path.map(Peer::Unix).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
}

/// A path of the host that is running.
fn own(path: impl AsRef<Path>) -> io::Result<Peer> {
    let peer = at(path)?;
    with_hub(here()?, |hub| hub.facts.own(peer)).flatten().ok_or_else(|| {
        let text = format!("{peer} is no path of this host: give it to its place by `listen_at` or `udp_at`");
        io::Error::new(io::ErrorKind::AddrNotAvailable, text)
    })
}

/// A listening Unix socket of a simulated host.
#[derive(Debug)]
pub struct UnixListener(Listening);

impl UnixListener {
    /// Listens at this path.
    ///
    /// # Errors
    /// `AddrInUse`, and `AddrNotAvailable` if the host's place was not given the path.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Ok(Self(Listening::open(here()?, own(path)?)?))
    }

    /// Waits for a stream.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// The next stream, as part of a poll.
    ///
    /// # Errors
    /// If the host is down.
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accepted = self.0.poll_accept(context);
        accepted.map_ok(|(place, peer)| (UnixStream(End::new(self.0.key(), place)), SocketAddr(peer)))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the host is down.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr(self.0.local()?))
    }
}

/// A Unix stream of a simulated host. `tokio::io::split` takes its directions apart.
#[derive(Debug)]
pub struct UnixStream(End);

impl UnixStream {
    /// Opens a stream to this path.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let peer = at(path)?;
        Ok(Self(End::dial(here()?, |_| peer).await?))
    }

    /// Waits until something can be read.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| self.0.poll_readable(context)).await
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.0.poll_writable(context)).await
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has, `ConnectionReset`.
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` if there is none, `ConnectionReset`, `BrokenPipe`.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr(self.0.addresses()?[0]))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr(self.0.addresses()?[1]))
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(context, into, true)
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(context)
    }
}

/// A Unix datagram socket of a simulated host.
#[derive(Debug)]
pub struct UnixDatagram(Socket);

impl UnixDatagram {
    /// Opens a socket at this path.
    ///
    /// # Errors
    /// `AddrInUse`, and `AddrNotAvailable` if the host's place was not given the path.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Ok(Self(Socket::open(here()?, own(path)?, false)?))
    }

    /// From now on the socket receives only from this peer.
    ///
    /// # Errors
    /// If the path is too long.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let peer = at(path)?;
        self.0.connect(|_| peer)
    }

    /// Sends to the connected peer.
    ///
    /// # Errors
    /// `NotConnected`, and `InvalidInput` if it is too long.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|context| self.0.poll_send(context, None, bytes)).await
    }

    /// Sends to this path.
    ///
    /// # Errors
    /// `InvalidInput` if it is too long.
    pub async fn send_to<P: AsRef<Path>>(&self, bytes: &[u8], target: P) -> io::Result<usize> {
        let peer = at(target)?;
        poll_fn(|context| self.0.poll_send(context, Some(peer), bytes)).await
    }

    /// Receives from the connected peer.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn recv(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.receive(into, true).await?.0)
    }

    /// Receives from anybody: how many bytes, and from whom. What does not fit is lost.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, peer) = self.0.receive(into, true).await?;
        Ok((len, SocketAddr(peer)))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr(self.0.local()?))
    }
}
