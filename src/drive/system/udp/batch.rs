//! Several datagrams by one system call: recvmmsg(2) and sendmmsg(2).
//!
//! Two crates bind the two calls: the one lacks the first, and tells the result of the second by reading addresses that
//! nobody wrote.

use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::drive::inbox::Inbox;
use crate::machine::limits;

/// How many datagrams one call receives or sends at most: as many as a machine gets between two looks at its deadline.
pub(in crate::drive::system) const MAX_BATCH: usize = limits::MAX_INPUTS_PER_LOOK as usize;

/// How many datagrams are asked for at least. If only one comes, the second has said that there are no more, and the
/// call that would find that out is saved.
const MIN_BATCH: usize = 2;

/// What the calls need that is used again.
pub(in crate::drive::system) struct Batch {
    headers: MultiHeaders<SockaddrStorage>,
    /// How many datagrams the next call asks for: twice as many as came last.
    wanted: usize,
    addrs: Vec<SocketAddrAny>,
}

impl Default for Batch {
    fn default() -> Self {
        let headers = MultiHeaders::preallocate(MAX_BATCH, None);
        Self { headers, wanted: MIN_BATCH, addrs: Vec::with_capacity(MAX_BATCH) }
    }
}

impl Batch {
    /// Receives what has come. True if that was all.
    pub(super) fn recv(&mut self, socket: &UdpSocket, inbox: &mut Inbox) -> io::Result<bool> {
        let (mut rooms, came) = inbox.rooms();
        let mut slices: [_; MAX_BATCH] =
            array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let slices = &mut slices[..self.wanted];
        let headers = &mut self.headers;
        socket.try_io(Interest::READABLE, || {
            let received = recvmmsg(socket.as_raw_fd(), headers, slices, MsgFlags::empty(), None)?;
            came.extend(received.map(|datagram| (addr(datagram.address).into(), datagram.bytes)));
            Ok(())
        })?;
        let is_all = came.len() < self.wanted;
        self.wanted = (2 * came.len()).clamp(MIN_BATCH, MAX_BATCH);
        Ok(is_all)
    }

    /// Sends the first of these datagrams, and as many more as one call takes; says how many.
    pub(super) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        mut datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> io::Result<usize> {
        let Some(first) = datagrams.next() else { return Ok(0) };
        let Some(second) = datagrams.next() else { return socket.try_send_to(first.1, first.0).map(|_| 1) };
        let mut slices = [[IoSlice::new(&[])]; MAX_BATCH];
        self.addrs.clear();
        for (slice, (addr, bytes)) in slices.iter_mut().zip([first, second].into_iter().chain(datagrams)) {
            *slice = [IoSlice::new(bytes)];
            self.addrs.push(addr.as_any());
        }
        let mut controls: [_; MAX_BATCH] = array::from_fn(|_| SendAncillaryBuffer::default());
        let mut parts = slices.iter().zip(&mut controls);
        let mut headers: [_; MAX_BATCH] = array::from_fn(|index| {
            let (slice, control) = parts.next().expect("there is one for each place");
            match self.addrs.get(index) {
                Some(addr) => MMsgHdr::new_with_addr(addr, slice, control),
                None => MMsgHdr::new(slice, control),
            }
        });
        let headers = &mut headers[..self.addrs.len()];
        socket.try_io(Interest::WRITABLE, || Ok(sendmmsg(socket, headers, SendFlags::empty())?))
    }
}

/// A peer's address. An internet socket has no others.
fn addr(storage: Option<SockaddrStorage>) -> SocketAddr {
    let storage = storage.as_ref();
    let v4 = storage.and_then(|storage| Some(SocketAddr::V4((*storage.as_sockaddr_in()?).into())));
    let v6 = || storage.and_then(|storage| Some(SocketAddr::V6((*storage.as_sockaddr_in6()?).into())));
    v4.or_else(v6).unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}
