//! One end of a stream, of any family.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::{closed, poll_turn, try_turn, would_block};
use crate::machine::{CloseReason, ConnectError, Peer, limits};
use crate::tasks::hub::{Hub, MAX_UNREAD_LEN};
use crate::tasks::registry::{Key, with_hub};
use crate::tasks::sockets::{Standing, Stream};

/// An end of a stream by its place in the hub. When it is dropped, the stream is closed.
#[derive(Debug)]
pub(super) struct End {
    key: Key,
    place: usize,
    /// The stream is reset when it is dropped.
    aborts: AtomicBool,
}

impl Drop for End {
    fn drop(&mut self) {
        let aborts = self.aborts.load(Ordering::Relaxed);
        with_hub(self.key, |hub| hub.drop_stream(self.place, aborts));
    }
}

impl End {
    pub(super) const fn new(key: Key, place: usize) -> Self {
        Self { key, place, aborts: AtomicBool::new(false) }
    }

    /// Opens a stream, and waits until it stands.
    pub(super) async fn dial(key: Key, peer: impl Fn(&Hub) -> Peer) -> io::Result<Self> {
        let dialed = poll_fn(|context| {
            poll_turn(key, context, |hub| {
                let peer = peer(hub);
                Poll::Ready(Ok(hub.dial(peer)))
            })
        });
        let end = Self::new(key, dialed.await?);
        poll_fn(|context| end.poll_standing(context)).await?;
        Ok(end)
    }

    fn poll_standing(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        poll_turn(self.key, context, |hub| {
            let stream = self.stream(hub)?;
            match stream.standing {
                Standing::Dialing => {
                    stream.readers.add(context.waker());
                    Poll::Pending
                }
                Standing::Failed(reason) => Poll::Ready(Err(failed(reason))),
                Standing::Open | Standing::Closed(_) => Poll::Ready(Ok(())),
            }
        })
    }

    /// Has the stream reset when it is dropped, or closed in good order.
    pub(super) fn set_aborts(&self, aborts: bool) {
        self.aborts.store(aborts, Ordering::Relaxed);
    }

    pub(super) fn aborts(&self) -> bool {
        self.aborts.load(Ordering::Relaxed)
    }

    fn stream<'h>(&self, hub: &'h mut Hub) -> io::Result<&'h mut Stream> {
        hub.streams.get_mut(self.place).ok_or_else(closed)
    }

    /// The addresses of the peer and of this end.
    pub(super) fn addresses(&self) -> io::Result<[Peer; 2]> {
        let addresses =
            with_hub(self.key, |hub| hub.streams.get_mut(self.place).map(|stream| stream.addresses));
        addresses.flatten().ok_or_else(closed)
    }

    /// Reads what has come; nothing at the end of the stream.
    fn read_now(&self, hub: &mut Hub, into: &mut ReadBuf<'_>, takes: bool) -> io::Result<()> {
        let stream = hub.streams.get_mut(self.place).ok_or_else(closed)?;
        if into.remaining() == 0 {
            return Ok(());
        }
        if stream.unread.is_empty() {
            return match stream.standing {
                Standing::Closed(CloseReason::Reset | CloseReason::LingerExpired) => {
                    Err(io::ErrorKind::ConnectionReset.into())
                }
                Standing::Closed(_) => Ok(()),
                Standing::Failed(reason) => Err(failed(reason)),
                _ if stream.has_eof => Ok(()),
                Standing::Open | Standing::Dialing => Err(would_block()),
            };
        }
        let (first, second) = stream.unread.as_slices();
        let first_len = first.len().min(into.remaining());
        into.put_slice(&first[..first_len]);
        let second_len = second.len().min(into.remaining());
        into.put_slice(&second[..second_len]);
        if takes {
            stream.unread.drain(..first_len + second_len);
            if stream.is_paused && stream.unread.len() <= MAX_UNREAD_LEN / 2 {
                stream.is_paused = false;
                if stream.standing == Standing::Open {
                    hub.effects.resume(stream.conn);
                }
            }
        }
        Ok(())
    }

    pub(super) fn poll_read(
        &self,
        context: &Context<'_>,
        into: &mut ReadBuf<'_>,
        takes: bool,
    ) -> Poll<io::Result<()>> {
        poll_turn(self.key, context, |hub| match self.read_now(hub, into, takes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stream(hub)?.readers.add(context.waker());
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
    }

    pub(super) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut into = ReadBuf::new(into);
        try_turn(self.key, |hub| self.read_now(hub, &mut into, true))?;
        Ok(into.filled().len())
    }

    fn write_now(&self, hub: &mut Hub, bytes: &[u8]) -> io::Result<usize> {
        let stream = hub.streams.get_mut(self.place).ok_or_else(closed)?;
        match stream.standing {
            Standing::Closed(CloseReason::Reset) => return Err(io::ErrorKind::ConnectionReset.into()),
            Standing::Closed(_) | Standing::Failed(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            Standing::Open | Standing::Dialing if stream.is_shut => {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Standing::Dialing => return Err(would_block()),
            Standing::Open => {}
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        match hub.effects.write(stream.conn, bytes) {
            0 => Err(would_block()),
            len => Ok(len),
        }
    }

    pub(super) fn poll_write(&self, context: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_turn(self.key, context, |hub| match self.write_now(hub, bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stream(hub)?.writers.add(context.waker());
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
    }

    /// Writes what several slices have as one, as `writev` does.
    pub(super) fn poll_write_vectored(
        &self,
        context: &Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        let (first, second) = (filled.next(), filled.next());
        if second.is_none() {
            return self.poll_write(context, first.map_or(&[], |slice| &slice[..]));
        }
        let mut bytes = Vec::new();
        for slice in slices {
            let room_len = limits::SEND_BUFFER_LEN - bytes.len();
            bytes.extend_from_slice(&slice[..slice.len().min(room_len)]);
        }
        self.poll_write(context, &bytes)
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        try_turn(self.key, |hub| self.write_now(hub, bytes))
    }

    /// Says that nothing more will be written.
    pub(super) fn poll_shutdown(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        poll_turn(self.key, context, |hub| {
            hub.shut_stream(self.place);
            Poll::Ready(Ok(()))
        })
    }

    /// Says that nothing more will be written, at once or when it is the host's turn.
    pub(super) fn shut(&self) {
        with_hub(self.key, |hub| hub.shut_stream(self.place));
    }

    pub(super) fn poll_readable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        poll_turn(self.key, context, |hub| {
            let stream = self.stream(hub)?;
            if stream.standing == Standing::Open && stream.unread.is_empty() && !stream.has_eof {
                stream.readers.add(context.waker());
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Whether a write can take something, or fails.
    pub(super) fn poll_writable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        poll_turn(self.key, context, |hub| {
            let stream = hub.streams.get_mut(self.place).ok_or_else(closed)?;
            if stream.standing == Standing::Open && hub.effects.is_short(stream.conn) {
                stream.writers.add(context.waker());
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        })
    }
}

/// Why a stream did not come to be.
fn failed(reason: ConnectError) -> io::Error {
    match reason {
        ConnectError::Refused => io::ErrorKind::ConnectionRefused,
        ConnectError::Unreachable => io::ErrorKind::HostUnreachable,
        ConnectError::TimedOut => io::ErrorKind::TimedOut,
        ConnectError::Handshake(_) => io::ErrorKind::InvalidData,
    }
    .into()
}
