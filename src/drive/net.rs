//! The sockets of a network, as the driver needs them: the operating system's and turmoil's are nearly the same, and these
//! traits are what they have in common.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::inbox::Inbox;
use crate::machine::Peer;

/// A future that is kept beside others of its kind.
pub(super) type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// A network that has sockets.
pub(super) trait Net: 'static {
    type Datagrams: DatagramSocket;
    type Listener: Listen<Stream = Self::Stream>;
    type Stream: Stream;

    /// Opens a datagram socket; with `broadcast` it may send to everybody, with `shared` others may bind the same
    /// address and get their part of what comes.
    fn bind(local: Peer, broadcast: bool, shared: bool) -> impl Future<Output = io::Result<Self::Datagrams>>;

    /// Opens a listening stream socket; `shared` as above.
    fn listen(local: Peer, shared: bool) -> impl Future<Output = io::Result<Self::Listener>>;

    /// Opens a stream.
    fn connect(peer: Peer) -> Pending<io::Result<Self::Stream>>;
}

/// A datagram socket.
pub(super) trait DatagramSocket {
    /// How many datagrams one call receives at most.
    const MAX_BATCH: usize;

    fn local_addr(&self) -> io::Result<Peer>;

    /// Takes datagrams from this peer alone from now on.
    fn connect(&mut self, peer: Peer) -> impl Future<Output = io::Result<()>>;

    /// Receives one datagram, and as many more as have come, into the inbox.
    fn poll_recv(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>>;

    /// Sends the first of these datagrams, and as many more as one call takes; says how many it has sent. An error is
    /// about the first, which was not sent.
    fn poll_send<'a>(
        &mut self,
        cx: &mut Context<'_>,
        datagrams: impl Iterator<Item = (Peer, &'a [u8])> + Clone,
    ) -> Poll<io::Result<usize>>;
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
