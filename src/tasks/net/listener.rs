//! Listening for TCP streams.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use super::stream::TcpStream;
use super::{ToSocketAddrs, closed, first_of, inet, not_own, poll_turn};
use crate::machine::Peer;
use crate::tasks::ctx::unsupported;
use crate::tasks::hub::Hub;
use crate::tasks::registry::{Key, here, with_hub};
use crate::tasks::sockets::{Listener, Waiting, claim};

/// A listening TCP socket of a simulated host, as `tokio::net::TcpListener` is one of the system's.
#[derive(Debug)]
pub struct TcpListener(Listening);

/// A listener by its place in the hub.
#[derive(Debug)]
pub(super) struct Listening {
    key: Key,
    place: usize,
}

impl Drop for Listening {
    fn drop(&mut self) {
        with_hub(self.key, |hub| {
            let listener = hub.listeners.take(self.place);
            for (stream, _) in listener.into_iter().flat_map(|listener| listener.backlog) {
                hub.drop_stream(stream, true);
            }
            hub.rebind();
        });
    }
}

impl Listening {
    /// Listens at an address of the host; port 0 stands for one that is free.
    pub(super) fn open(key: Key, local: Peer) -> io::Result<Self> {
        let open = |hub: &mut Hub| {
            let local =
                claim(local, &mut hub.next_port, hub.listeners.iter().map(|listener| listener.local))?;
            let accepting = Waiting::default();
            let place = hub.listeners.put(Listener { local, backlog: VecDeque::new(), accepting });
            hub.rebind();
            Ok(Self { key, place })
        };
        with_hub(key, open).unwrap_or_else(|| Err(closed()))
    }

    pub(super) fn local(&self) -> io::Result<Peer> {
        let local =
            with_hub(self.key, |hub| hub.listeners.get_mut(self.place).map(|listener| listener.local));
        local.flatten().ok_or_else(closed)
    }

    pub(super) const fn key(&self) -> Key {
        self.key
    }

    /// The place of the next stream that stands, and its peer.
    pub(super) fn poll_accept(&self, context: &Context<'_>) -> Poll<io::Result<(usize, Peer)>> {
        poll_turn(self.key, context, |hub| {
            let listener = hub.listeners.get_mut(self.place).ok_or_else(closed)?;
            let Some(accepted) = listener.backlog.pop_front() else {
                listener.accepting.add(context.waker());
                return Poll::Pending;
            };
            Poll::Ready(Ok(accepted))
        })
    }
}

impl TcpListener {
    /// Listens at this address of the host that is running. Port 0 stands for a free one, which other hosts have to be
    /// told.
    ///
    /// # Errors
    /// `AddrInUse` if the host listens there, `AddrNotAvailable` if the address is another host's, and those of names.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        let key = here()?;
        first_of(address.addresses()?, |address| async move { Self::open(key, address) }).await
    }

    fn open(key: Key, address: SocketAddr) -> io::Result<Self> {
        let own = with_hub(key, |hub| hub.facts.own(Peer::from(address))).flatten();
        Ok(Self(Listening::open(key, own.ok_or_else(|| not_own(address))?)?))
    }

    /// Refused: a socket of the system is in no simulated network.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn from_std(_: std::net::TcpListener) -> io::Result<Self> {
        Err(unsupported("a socket of the system is in no simulated network: use TcpListener::bind"))
    }

    /// Waits for a stream.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// The next stream, as part of a poll.
    ///
    /// # Errors
    /// If the host is down.
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.0.poll_accept(context).map(|accepted| {
            let (place, peer) = accepted?;
            Ok((TcpStream::at(self.0.key(), place), inet(peer)?))
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the host is down.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(self.0.local()?)
    }

    /// The time to live of what is accepted: 64; no simulated network counts hops.
    ///
    /// # Errors
    /// None.
    pub const fn ttl(&self) -> io::Result<u32> {
        Ok(64)
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub const fn set_ttl(&self, _: u32) -> io::Result<()> {
        Ok(())
    }
}

/// A TCP socket before it listens or connects. Options that change nothing in a simulated network are accepted.
#[derive(Debug, Default)]
pub struct TcpSocket(Mutex<Option<SocketAddr>>);

impl TcpSocket {
    /// A socket of the IPv4 family.
    ///
    /// # Errors
    /// None.
    pub const fn new_v4() -> io::Result<Self> {
        Ok(Self(Mutex::new(None)))
    }

    /// A socket of the IPv6 family.
    ///
    /// # Errors
    /// None.
    pub const fn new_v6() -> io::Result<Self> {
        Self::new_v4()
    }

    /// Notes where it will listen. One that connects gets a port of the system's choice all the same.
    ///
    /// # Errors
    /// None: an address that is in use shows when it listens.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        Ok(())
    }

    /// Listens where it is bound. The backlog is [`MAX_BACKLOG`](crate::tasks::MAX_BACKLOG), whatever is asked for.
    ///
    /// # Errors
    /// As [`TcpListener::bind`], and `InvalidInput` without an address.
    pub fn listen(self, _: u32) -> io::Result<TcpListener> {
        let address = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let address = address.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "this socket has no address to listen at: call bind")
        })?;
        TcpListener::open(here()?, address)
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// As [`TcpStream::connect`].
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    /// Does nothing: a simulated address is free as soon as its listener is dropped.
    ///
    /// # Errors
    /// None.
    pub const fn set_reuseaddr(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing: a simulated stream tells its end without.
    ///
    /// # Errors
    /// None.
    pub const fn set_keepalive(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing: simulated streams do not wait for more.
    ///
    /// # Errors
    /// None.
    pub const fn set_nodelay(&self, _: bool) -> io::Result<()> {
        Ok(())
    }
}
