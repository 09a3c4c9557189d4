//! The sockets of a network, as the driver needs them: the operating system's and turmoil's are nearly the same, and these
//! traits are what they have in common.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::Multicast;
use super::inbox::Inbox;
use super::pace::Idle;
use crate::machine::{Ecn, Peer};

/// A datagram between this end and another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// This end's address.
    pub(crate) local: Peer,
    pub(crate) peer: Peer,
    pub(crate) bytes: &'a [u8],
    /// The ECN field of its IP header.
    pub(crate) ecn: Ecn,
}

/// How all sockets of a machine are opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Others may bind the same addresses and get their part of what comes.
    pub(crate) shared: bool,
    /// The system says of each datagram which ECN field it came with.
    pub(crate) reads_ecn: bool,
    /// How they take part in multicast.
    pub(crate) multicast: Multicast,
}

/// How a datagram socket is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) local: Peer,
    /// It may send to everybody.
    pub(crate) broadcast: bool,
    pub(crate) manner: Manner,
    /// It takes IPv6 alone, for the machine has another socket for IPv4.
    pub(crate) only_v6: bool,
}

/// A future that is kept beside others of its kind.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// A network that has sockets.
pub(crate) trait Net: 'static {
    type Datagrams: DatagramSocket;
    type Listener: Listen<Stream = Self::Stream>;
    type Stream: Stream;

    /// Opens a datagram socket.
    fn bind(binding: Binding) -> impl Future<Output = io::Result<Self::Datagrams>>;

    /// Opens a listening stream socket.
    fn listen(binding: Binding) -> impl Future<Output = io::Result<Self::Listener>>;

    /// Opens a stream, or gives up after [`limits::MAX_CONNECT`](crate::machine::limits::MAX_CONNECT).
    fn connect(peer: Peer) -> Pending<io::Result<Self::Stream>>;
}

/// A datagram socket.
pub(crate) trait DatagramSocket {
    /// How many datagrams one call receives at most.
    const MAX_BATCH: usize;

    fn local_addr(&self) -> io::Result<Peer>;

    /// Takes datagrams from this peer alone from now on.
    fn connect(&mut self, peer: Peer) -> impl Future<Output = io::Result<()>>;

    /// Joins a multicast group, or leaves it. Where a model says who hears what, nobody asks for it.
    fn set_member(&self, _group: IpAddr, _joins: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Receives one datagram, and as many more as have come, into the inbox.
    fn poll_recv(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>>;

    /// Lets [`wait`](DatagramSocket::wait) wait, in a thread in which nobody else has anything to do.
    fn may_wait(&mut self) {}

    /// Waits for datagrams in this thread, or looks whether some are there; says whether they are in the inbox now. None
    /// if this is the runtime's business.
    fn wait(&mut self, _inbox: &mut Inbox, _idle: Idle) -> Option<bool> {
        None
    }

    /// Sends the first of these datagrams, each from its own address, and as many more as one call takes; says how many
    /// it has sent. An error is about the first, which was not sent.
    fn poll_send<'a>(
        &mut self,
        cx: &mut Context<'_>,
        datagrams: impl Iterator<Item = Packet<'a>> + Clone,
    ) -> Poll<io::Result<usize>>;
}

/// A listening stream socket.
pub(crate) trait Listen {
    type Stream;
    fn local_addr(&self) -> io::Result<Peer>;
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>>;
}

/// A stream socket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {
    fn local_addr(&self) -> io::Result<Peer>;
    /// Reads what is there, though nobody has said that something is; says how much it was. An error is told once, here.
    fn read_now(&self, _buf: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
    /// Ends once the connection is broken, whether anybody reads from it or not.
    fn broken(&self) -> Pending<()>;
    /// Closes it so that the peer sees a reset.
    fn abort(self);
}
