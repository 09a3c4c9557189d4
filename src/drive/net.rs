//! The sockets of a network, as the driver needs them: the operating system's and turmoil's are nearly the same, and these
//! traits are what they have in common.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::machine::Peer;

/// A future that is kept beside others of its kind.
pub(super) type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// A network that has sockets.
pub(super) trait Net: 'static {
    type Datagrams: Datagrams;
    type Listener: Listen<Stream = Self::Stream>;
    type Stream: Stream;

    /// Opens a datagram socket; with `broadcast` it may send to everybody.
    fn bind(local: Peer, broadcast: bool) -> impl Future<Output = io::Result<Self::Datagrams>>;

    /// Opens a listening stream socket.
    fn listen(local: Peer) -> impl Future<Output = io::Result<Self::Listener>>;

    /// Opens a stream.
    fn connect(peer: Peer) -> Pending<io::Result<Self::Stream>>;
}

/// A datagram socket.
pub(super) trait Datagrams {
    fn local_addr(&self) -> io::Result<Peer>;
    /// Takes datagrams from this peer alone from now on.
    fn connect(&mut self, peer: Peer) -> impl Future<Output = io::Result<()>>;
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, Peer)>>;
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8], peer: Peer) -> Poll<io::Result<()>>;
}

/// A listening stream socket.
pub(super) trait Listen {
    type Stream;
    fn local_addr(&self) -> io::Result<Peer>;
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>>;
}

/// A stream socket.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {
    fn local_addr(&self) -> io::Result<Peer>;
    /// Closes it so that the peer sees a reset.
    fn abort(self);
}
