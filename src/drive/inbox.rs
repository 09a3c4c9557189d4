//! What one call has received: several datagrams, in one buffer that is used again.

use std::io;
use std::task::{Poll, ready};

use super::net::Packet;
use crate::machine::{Ecn, Peer, limits};

/// From one datagram's room to the next. Not a power of two, for then the beginnings of all would compete for the same
/// few lines of the processor's cache.
const STRIDE: usize = limits::MAX_READ_LEN + 3 * 64;

/// Datagrams that have been received, until they are handed in.
#[derive(Default)]
pub(crate) struct Inbox {
    /// Room for each, at its place. The system gives a page when it is written to, so what never comes takes none.
    bytes: Box<[u8]>,
    came: Vec<Came>,
}

/// Where a datagram came from and to, how long it is, and its ECN field.
pub(crate) struct Came {
    pub(super) peer: Peer,
    pub(super) local: Peer,
    pub(super) len: usize,
    pub(super) ecn: Ecn,
}

impl Inbox {
    /// Room for so many datagrams of any length.
    pub(crate) fn new(max_batch: usize) -> Self {
        Self { bytes: vec![0; max_batch * STRIDE].into_boxed_slice(), came: Vec::with_capacity(max_batch) }
    }

    /// Forgets what was in it.
    pub(crate) fn clear(&mut self) {
        self.came.clear();
    }

    /// The rooms, each as long as a datagram can be, and where to note what came into the first ones.
    pub(super) fn rooms(&mut self) -> (impl Iterator<Item = &mut [u8]>, &mut Vec<Came>) {
        let rooms = self.bytes.chunks_exact_mut(STRIDE).map(|room| &mut room[..limits::MAX_READ_LEN]);
        (rooms, &mut self.came)
    }

    /// Receives one datagram, which came to this address, into the first room.
    pub(super) fn poll_one(
        &mut self,
        local: Peer,
        recv: impl FnOnce(&mut [u8]) -> Poll<io::Result<(usize, Peer)>>,
    ) -> Poll<io::Result<()>> {
        let (len, peer) = ready!(recv(&mut self.bytes[..limits::MAX_READ_LEN]))?;
        self.came.push(Came { peer, local, len, ecn: Ecn::NotEct });
        Poll::Ready(Ok(()))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.came.len()
    }

    /// What has been received, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = Packet<'_>> + Clone {
        let rooms = self.bytes.chunks_exact(STRIDE);
        self.came.iter().zip(rooms).map(|(&Came { peer, local, len, ecn }, room)| Packet {
            local,
            peer,
            bytes: &room[..len],
            ecn,
        })
    }
}
