//! One datagram by each system call, where the system has no calls for several.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

use crate::drive::inbox::Inbox;

/// How many datagrams one call receives or sends at most.
pub(in crate::drive::system) const MAX_BATCH: usize = 1;

/// Nothing has to be kept from call to call.
#[derive(Default)]
pub(in crate::drive::system) struct Batch;

impl Batch {
    /// Receives one datagram. False, for there may be more.
    #[expect(clippy::unused_self, reason = "elsewhere there is something to use again")]
    pub(super) fn recv(&mut self, socket: &UdpSocket, inbox: &mut Inbox) -> io::Result<bool> {
        let (mut rooms, came) = inbox.rooms();
        let (len, from) = socket.try_recv_from(rooms.next().unwrap_or_default())?;
        came.push((from.into(), len));
        Ok(false)
    }

    /// Sends the first of these datagrams; says how many that were.
    #[expect(clippy::unused_self, reason = "elsewhere there is something to use again")]
    pub(super) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        mut datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> io::Result<usize> {
        let Some((peer, bytes)) = datagrams.next() else { return Ok(0) };
        socket.try_send_to(bytes, peer).map(|_| 1)
    }
}
