//! UDP sockets of a proxy: thousands in one thread, which have in common what their calls need.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::{Batch, source};
use crate::drive::inbox::Inbox;
use crate::drive::net::Packet;
use crate::drive::pace::Idle;
use crate::machine::Peer;

/// What calls need, for any number of sockets that are connected.
#[derive(Clone)]
pub(crate) struct Calls(Rc<RefCell<Batch>>);

impl Calls {
    /// For sockets that are connected to an address of this family.
    pub(crate) fn new(peer: SocketAddr) -> io::Result<Self> {
        let local = any(peer);
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        // Not of a wildcard: what is connected has one address.
        let loopback = if local.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        Ok(Self(Rc::new(RefCell::new(Batch::new(&socket, SocketAddr::new(loopback, 0), false)?))))
    }
}

/// The wildcard of an address's family.
fn any(addr: SocketAddr) -> SocketAddr {
    let ip = if addr.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, 0)
}

/// A UDP socket.
pub(crate) struct Relayed {
    socket: UdpSocket,
    local: Peer,
    calls: Calls,
}

impl Relayed {
    /// A socket that hears everybody.
    pub(crate) fn bind(local: SocketAddr) -> io::Result<Self> {
        // No SO_REUSEADDR: with it a second proxy would bind silently.
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        let batch = Batch::new(&socket, local, false)?;
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?.into();
        Ok(Self { socket, local, calls: Calls(Rc::new(RefCell::new(batch))) })
    }

    /// A socket to one peer.
    pub(crate) fn connect(peer: SocketAddr, calls: &Calls) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(peer), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&any(peer).into())?;
        socket.connect(&peer.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?.into();
        Ok(Self { socket, local, calls: calls.clone() })
    }

    /// Where it is bound.
    pub(crate) const fn local(&self) -> Peer {
        self.local
    }

    /// Receives one datagram, and as many more as have come, into the inbox in the place of what was there.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>, inbox: &RefCell<Inbox>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_recv_ready(cx))?;
            let inbox = &mut *inbox.borrow_mut();
            inbox.clear();
            let mut batch = self.calls.0.borrow_mut();
            let recv = || batch.recv(&self.socket, self.local, inbox, Idle::Glance);
            match self.socket.try_io(Interest::READABLE, recv) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received.map(|_| ())),
            }
        }
    }

    /// Sends datagrams, all that the system takes now; says how many it did not take.
    pub(crate) fn send<'a>(&self, datagrams: impl Iterator<Item = Packet<'a>> + Clone) -> u64 {
        let (mut left, mut lost, mut tries) = (datagrams, 0, 0);
        while let Some(first) = left.clone().next() {
            let Some(peer) = first.peer.inet() else { return lost };
            let from = source(self.local, first.local);
            let together = left.clone().take_while(|packet| source(self.local, packet.local) == from);
            let together = together.map_while(|packet| Some((packet.peer.inet()?, packet.bytes)));
            let sent = self.calls.0.borrow_mut().send(&self.socket, from, together);
            match sent {
                Ok(count) => {
                    tries = 0;
                    if count > 0 {
                        left.nth(count - 1);
                    }
                    continue;
                }
                // The runtime has not looked yet whether there is room in a new socket: there is.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let sent = SockRef::from(&self.socket).send_to(first.bytes, &peer.into());
                    lost += u64::from(sent.is_err());
                }
                // It may be what came back of the datagram before: a refusal is told once.
                Err(_) if tries == 0 => {
                    tries = 1;
                    continue;
                }
                Err(_) => lost += 1,
            }
            tries = 0;
            left.next();
        }
        lost
    }
}
