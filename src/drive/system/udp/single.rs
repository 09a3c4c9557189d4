//! One datagram by each system call, where the system has no calls for several. Where a socket has several addresses,
//! it is not known here which one a datagram came to, and the system chooses from which one it leaves. Nor is it known
//! which ECN field a datagram came with.

use std::io;
use std::net::SocketAddr;

use socket2::Socket;
use tokio::net::UdpSocket;

use crate::drive::inbox::{Came, Inbox};
use crate::drive::pace::Idle;
use crate::machine::{Ecn, Peer};

/// How many datagrams one call receives or sends at most.
pub(in crate::drive::system) const MAX_BATCH: usize = 1;

/// A socket that waits would do so with every call.
pub(super) const CAN_WAIT: bool = false;

/// Nothing has to be kept from call to call.
pub(super) struct Batch;

impl Batch {
    /// For a socket that is about to be bound.
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere there is something that may fail")]
    pub(super) fn new(_: &Socket, _: SocketAddr, _: bool) -> io::Result<Self> {
        Ok(Self)
    }

    /// The socket is connected from now on.
    #[expect(clippy::unused_self, reason = "elsewhere there is something to change")]
    pub(super) const fn connected(&mut self) {}

    /// Receives one datagram. False, for there may be more.
    #[expect(clippy::unused_self, reason = "elsewhere there is something to use again")]
    pub(super) fn recv(
        &mut self,
        socket: &UdpSocket,
        bound: Peer,
        inbox: &mut Inbox,
        _: Idle,
    ) -> io::Result<bool> {
        let (mut rooms, came) = inbox.rooms();
        let (len, from) = socket.try_recv_from(rooms.next().unwrap_or_default())?;
        came.push(Came { peer: from.into(), local: bound, len, ecn: Ecn::NotEct });
        Ok(false)
    }

    /// Sends the first of these datagrams; says how many that were.
    #[expect(clippy::unused_self, reason = "elsewhere there is something to use again")]
    pub(super) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        _: Option<Peer>,
        mut datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])> + Clone,
    ) -> io::Result<usize> {
        let Some((peer, bytes)) = datagrams.next() else { return Ok(0) };
        socket.try_send_to(bytes, peer).map(|_| 1)
    }
}
