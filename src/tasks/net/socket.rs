//! What datagram sockets of all families have in common.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::{closed, poll_turn, try_turn, would_block};
use crate::machine::{Ecn, Peer, limits};
use crate::tasks::hub::Hub;
use crate::tasks::registry::{Key, with_hub};
use crate::tasks::sockets::{Datagrams, Waiting, claim};

/// A datagram socket by its place in the hub.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) key: Key,
    place: usize,
    /// The TOS byte or the traffic class of what it sends, of which the network has the ECN field.
    pub(super) tos: AtomicU8,
}

impl Drop for Socket {
    fn drop(&mut self) {
        with_hub(self.key, |hub| {
            hub.datagrams.take(self.place);
            hub.rebind();
        });
    }
}

impl Socket {
    /// Opens one at an address of its host; port 0 stands for one that is free. It hears groups if that stands for any.
    pub(super) fn open(key: Key, local: Peer, hears_groups: bool) -> io::Result<Self> {
        let open = |hub: &mut Hub| {
            let local = claim(local, &mut hub.next_port, hub.datagrams.iter().map(|socket| socket.local))?;
            let place = hub.datagrams.put(Datagrams {
                local,
                connected: None,
                hears_groups,
                groups: BTreeSet::new(),
                loops: true,
                came: VecDeque::new(),
                bytes: VecDeque::new(),
                is_refused: false,
                readers: Waiting::default(),
            });
            hub.rebind();
            Ok(Self { key, place, tos: AtomicU8::new(0) })
        };
        with_hub(key, open).unwrap_or_else(|| Err(closed()))
    }

    /// Does something with the socket, and tells the world.
    pub(super) fn change(&self, work: impl FnOnce(&mut Hub, usize) -> io::Result<()>) -> io::Result<()> {
        let changed = with_hub(self.key, |hub| work(hub, self.place).map(|()| hub.rebind()));
        changed.unwrap_or_else(|| Err(closed()))
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Datagrams) -> T) -> io::Result<T> {
        let done = with_hub(self.key, |hub| hub.datagrams.get_mut(self.place).map(work));
        done.flatten().ok_or_else(closed)
    }

    pub(super) fn local(&self) -> io::Result<Peer> {
        self.with(|socket| socket.local)
    }

    pub(super) fn connected(&self) -> io::Result<Option<Peer>> {
        self.with(|socket| socket.connected)
    }

    pub(super) fn connect(&self, to: impl FnOnce(&Hub) -> Peer) -> io::Result<()> {
        let connect = |hub: &mut Hub| {
            let peer = to(hub);
            if let Some(socket) = hub.datagrams.get_mut(self.place) {
                socket.connected = Some(peer);
            }
            hub.rebind();
        };
        with_hub(self.key, connect).ok_or_else(closed)
    }

    /// Sends to a peer, or to the one that it is connected to.
    fn send_now(&self, hub: &mut Hub, peer: Option<Peer>, bytes: &[u8]) -> io::Result<usize> {
        let socket = hub.datagrams.get_mut(self.place).ok_or_else(closed)?;
        if std::mem::take(&mut socket.is_refused) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let Some(peer) = peer.or(socket.connected) else {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "this socket is connected to nobody: use send_to",
            ));
        };
        if bytes.len() > limits::max_datagram_len(&peer) {
            let max_len = limits::max_datagram_len(&peer);
            let text = format!("a datagram of {} bytes is too long: at most {max_len} fit", bytes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if !socket.local.is_like(&peer) {
            let text = format!("{} cannot send to {peer}: it is of another family", socket.local);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let local = socket.local;
        hub.effects.set_ecn(Ecn::from_bits(self.tos.load(Ordering::Relaxed)));
        hub.effects.send_from(local, peer, bytes);
        Ok(bytes.len())
    }

    pub(super) fn poll_send(
        &self,
        context: &Context<'_>,
        peer: Option<Peer>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_turn(self.key, context, |hub| Poll::Ready(self.send_now(hub, peer, bytes)))
    }

    pub(super) fn try_send(&self, peer: Option<Peer>, bytes: &[u8]) -> io::Result<usize> {
        try_turn(self.key, |hub| self.send_now(hub, peer, bytes))
    }

    /// Takes the next datagram, or looks at it: as much as fits is handed out, and the rest of it is lost.
    fn receive_now(&self, hub: &mut Hub, into: &mut ReadBuf<'_>, takes: bool) -> io::Result<(Peer, Ecn)> {
        let socket = hub.datagrams.get_mut(self.place).ok_or_else(closed)?;
        if std::mem::take(&mut socket.is_refused) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let &(peer, len, ecn) = socket.came.front().ok_or_else(would_block)?;
        let (first, second) = socket.bytes.as_slices();
        let fits_len = len.min(into.remaining());
        let first_len = first.len().min(fits_len);
        into.put_slice(&first[..first_len]);
        into.put_slice(&second[..fits_len - first_len]);
        if takes {
            socket.came.pop_front();
            socket.bytes.drain(..len);
        }
        Ok((peer, ecn))
    }

    pub(super) fn poll_receive(
        &self,
        context: &Context<'_>,
        into: &mut ReadBuf<'_>,
        takes: bool,
    ) -> Poll<io::Result<(Peer, Ecn)>> {
        poll_turn(self.key, context, |hub| match self.receive_now(hub, into, takes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Some(socket) = hub.datagrams.get_mut(self.place) {
                    socket.readers.add(context.waker());
                }
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
    }

    pub(super) async fn receive(&self, into: &mut [u8], takes: bool) -> io::Result<(usize, Peer)> {
        let mut into = ReadBuf::new(into);
        let (peer, _) = poll_fn(|context| self.poll_receive(context, &mut into, takes)).await?;
        Ok((into.filled().len(), peer))
    }

    pub(super) fn try_receive(&self, into: &mut [u8]) -> io::Result<(usize, Peer)> {
        let mut into = ReadBuf::new(into);
        let (peer, _) = try_turn(self.key, |hub| self.receive_now(hub, &mut into, true))?;
        Ok((into.filled().len(), peer))
    }

    pub(super) fn poll_readable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        poll_turn(self.key, context, |hub| {
            let Some(socket) = hub.datagrams.get_mut(self.place) else { return Poll::Ready(Err(closed())) };
            if socket.is_refused || !socket.came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            socket.readers.add(context.waker());
            Poll::Pending
        })
    }

    pub(super) fn poll_writable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        poll_turn(self.key, context, |_| Poll::Ready(Ok(())))
    }
}
