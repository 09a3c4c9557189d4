//! TCP streams.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::end::End;
use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{ToSocketAddrs, first_of, inet};
use crate::machine::Peer;
use crate::tasks::ctx::unsupported;
use crate::tasks::registry::{Key, here};

/// A TCP stream of a simulated host, as `tokio::net::TcpStream` is one of the system's.
#[derive(Debug)]
pub struct TcpStream {
    pub(super) end: Arc<End>,
    pub(super) options: Arc<Options>,
}

/// What is set and changes nothing.
#[derive(Debug)]
pub(super) struct Options {
    nodelay: AtomicBool,
    ttl: AtomicU32,
}

impl TcpStream {
    pub(super) fn of(end: End) -> Self {
        let options = Options { nodelay: AtomicBool::new(false), ttl: AtomicU32::new(64) };
        Self { end: Arc::new(end), options: Arc::new(options) }
    }

    pub(super) fn at(key: Key, place: usize) -> Self {
        Self::of(End::new(key, place))
    }

    /// Opens a stream to the first of these addresses that answers.
    ///
    /// # Errors
    /// `ConnectionRefused`, `HostUnreachable`, `TimedOut`, and those of names.
    pub async fn connect<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        let key = here()?;
        first_of(address.addresses()?, |address| async move {
            Ok(Self::of(End::dial(key, |hub| hub.facts.target(Peer::from(address))).await?))
        })
        .await
    }

    /// Refused: a stream of the system is in no simulated network.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn from_std(_: std::net::TcpStream) -> io::Result<Self> {
        Err(unsupported("a stream of the system is in no simulated network: use TcpStream::connect"))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(self.end.addresses()?[1])
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(self.end.addresses()?[0])
    }

    /// Looks at the bytes that come next, which stay.
    ///
    /// # Errors
    /// `ConnectionReset`.
    pub async fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut into = ReadBuf::new(into);
        poll_fn(|context| self.end.poll_read(context, &mut into, false)).await?;
        Ok(into.filled().len())
    }

    /// Looks at the bytes that come next, as part of a poll.
    ///
    /// # Errors
    /// `ConnectionReset`.
    pub fn poll_peek(&self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let before = into.filled().len();
        self.end.poll_read(context, into, false).map_ok(|()| into.filled().len() - before)
    }

    /// Waits until something can be read: bytes, the end, or an error.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| self.end.poll_readable(context)).await
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.end.poll_writable(context)).await
    }

    /// Whether something can be read, as part of a poll.
    ///
    /// # Errors
    /// If the host is down.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.poll_readable(context)
    }

    /// Whether something can be written, as part of a poll.
    ///
    /// # Errors
    /// If the host is down.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.poll_writable(context)
    }

    /// Reads what has come; 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has, `ConnectionReset`.
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.end.try_read(into)
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` if there is none, `ConnectionReset`, `BrokenPipe`.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.end.try_write(bytes)
    }

    /// Borrows the two directions.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Takes the two directions apart. A write half that is dropped ends its direction.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let options = Arc::clone(&self.options);
        let read = OwnedReadHalf(Self { end: Arc::clone(&self.end), options });
        (read, OwnedWriteHalf { stream: Some(self), shuts: true })
    }

    /// Whether the delay of small segments is off; simulated streams have none.
    ///
    /// # Errors
    /// None.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.options.nodelay.load(Ordering::Relaxed))
    }

    /// Keeps this option.
    ///
    /// # Errors
    /// None.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.options.nodelay.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// Zero if the stream is reset when it is dropped.
    ///
    /// # Errors
    /// None.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(self.end.aborts().then_some(Duration::ZERO))
    }

    /// Has the stream reset when it is dropped, if the span is zero. Any other leaves it closed in good order, within the
    /// bounds of [`limits`](crate::machine::limits).
    ///
    /// # Errors
    /// None.
    pub fn set_linger(&self, span: Option<Duration>) -> io::Result<()> {
        self.end.set_aborts(span == Some(Duration::ZERO));
        Ok(())
    }

    /// The time to live that was set; no simulated network counts hops.
    ///
    /// # Errors
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.options.ttl.load(Ordering::Relaxed))
    }

    /// Keeps a time to live.
    ///
    /// # Errors
    /// None.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.options.ttl.store(ttl, Ordering::Relaxed);
        Ok(())
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.end.poll_read(context, into, true)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.end.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.end.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.poll_shutdown(context)
    }
}
