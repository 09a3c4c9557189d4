//! A UDP socket of the operating system.

#[cfg(target_os = "linux")]
mod batch;
mod groups;
#[cfg(feature = "proxy")]
mod relayed;
#[cfg(target_os = "linux")]
mod segments;
#[cfg(not(target_os = "linux"))]
mod single;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::drive::Multicast;
use crate::drive::inbox::Inbox;
use crate::drive::net::{Binding, Packet, Pending};
use crate::drive::pace::Idle;
use crate::drive::system::MAX_WAIT;
use crate::machine::{Ecn, Peer};
#[cfg(target_os = "linux")]
pub(super) use batch::MAX_BATCH;
#[cfg(target_os = "linux")]
use batch::{Batch, CAN_WAIT};
#[cfg(feature = "proxy")]
pub(crate) use relayed::{Calls, Relayed};
#[cfg(not(target_os = "linux"))]
pub(super) use single::MAX_BATCH;
#[cfg(not(target_os = "linux"))]
use single::{Batch, CAN_WAIT};

/// A UDP socket, and once it is connected the wait for the next refusal.
pub(crate) struct Udp {
    socket: Rc<UdpSocket>,
    /// Where it is bound.
    local: Peer,
    batch: Batch,
    /// The ECN field of what it sends now.
    ecn: Ecn,
    refusal: Option<Pending<io::Error>>,
    multicast: Multicast,
    waits: Waits,
}

/// Whether the thread waits for this socket alone, instead of asking the runtime.
///
/// ```text
///          a datagram comes
///  Cold ─────────────────────► Warm
///   ▲  a moment without one,    │
///   └──── or a signal ──────────┘
/// ```
///
/// The runtime has its socket wait for room as well, and so is woken once more for each datagram that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Never,
    /// Nothing has come for a moment: the runtime waits, and hears of signals at once.
    Cold,
    /// More is expected.
    Warm,
}

impl Udp {
    /// Opens a socket. It can send at once: what waited for the runtime would leave after groups are joined that its machine
    /// joins later.
    pub(super) async fn bind(local: SocketAddr, binding: Binding) -> io::Result<Self> {
        // No SO_REUSEADDR: with it a second server would bind silently.
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        if binding.manner.shared {
            socket.set_reuse_port(true)?;
        }
        if binding.only_v6 {
            socket.set_only_v6(true)?;
        }
        let batch = Batch::new(&socket, local, binding.manner.reads_ecn)?;
        socket.set_broadcast(binding.broadcast)?;
        groups::prepare(&socket, local, binding.manner.multicast)?;
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        let socket = Rc::new(UdpSocket::from_std(socket.into())?);
        socket.writable().await?;
        let local = socket.local_addr()?.into();
        let multicast = binding.manner.multicast;
        Ok(Self { socket, local, batch, ecn: Ecn::NotEct, refusal: None, multicast, waits: Waits::Never })
    }

    pub(super) async fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.socket.connect(peer).await?;
        // A wildcard is one address from now on.
        self.local = self.socket.local_addr()?.into();
        self.refusal = Some(self.next_refusal());
        self.batch.connected();
        Ok(())
    }

    /// Joins a multicast group, or leaves it.
    pub(super) fn set_member(&self, group: IpAddr, joins: bool) -> io::Result<()> {
        groups::set_member(&SockRef::from(&*self.socket), group, joins, self.multicast)
    }

    pub(super) const fn local_addr(&self) -> Peer {
        self.local
    }

    /// Lets [`Udp::wait`] wait. Signals interrupt a wait that has a bound, whoever handles them.
    pub(super) fn may_wait(&mut self) {
        let socket = SockRef::from(&*self.socket);
        let is_ready = CAN_WAIT
            && self.refusal.is_none()
            && socket.set_read_timeout(Some(MAX_WAIT)).is_ok()
            && socket.set_nonblocking(false).is_ok();
        if is_ready {
            self.waits = Waits::Cold;
        }
    }

    /// Waits for datagrams, if some have come a moment ago, or looks whether some are there; says whether that is so.
    pub(super) fn wait(&mut self, inbox: &mut Inbox, idle: Idle) -> Option<bool> {
        if self.waits != Waits::Warm {
            return None;
        }
        // Whatever is wrong, the runtime will find it, too.
        let came = self.batch.recv(&self.socket, self.local, inbox, idle).is_ok();
        if !came && idle == Idle::Sleep {
            self.waits = Waits::Cold;
        }
        Some(came)
    }

    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        while self.socket.poll_recv_ready(cx)?.is_ready() {
            let Self { socket, batch, local, .. } = self;
            let recv = || batch.recv(socket, *local, inbox, Idle::Glance);
            match socket.try_io(Interest::READABLE, recv) {
                Ok(is_all) => {
                    if self.waits == Waits::Cold {
                        self.waits = Waits::Warm;
                    }
                    if is_all && self.refusal.is_none() {
                        self.wait_for_more();
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Some(refusal) = &mut self.refusal else { return Poll::Pending };
        let refused = ready!(refusal.as_mut().poll(cx));
        self.refusal = Some(self.next_refusal());
        Poll::Ready(Err(refused))
    }

    /// Has the runtime wait for the system's next word instead of trying once more. (A connected socket may have been
    /// stopped by a refusal, with more behind it.)
    fn wait_for_more(&self) {
        let _ = self.socket.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }

    pub(super) fn poll_send<'a>(
        &mut self,
        cx: &mut Context<'_>,
        datagrams: &(impl Iterator<Item = Packet<'a>> + Clone),
    ) -> Poll<io::Result<usize>> {
        let Some(first) = datagrams.clone().next() else { return Poll::Ready(Ok(0)) };
        let bound = self.local;
        let source = source(bound, first.local);
        if first.ecn != self.ecn {
            set_ecn(&SockRef::from(&*self.socket), bound, first.ecn)?;
            self.ecn = first.ecn;
        }
        let is_like =
            move |packet: &Packet<'_>| self::source(bound, packet.local) == source && packet.ecn == first.ecn;
        loop {
            ready!(self.socket.poll_send_ready(cx))?;
            let together = datagrams.clone().take_while(is_like);
            let together = together.map_while(|packet| Some((packet.peer.inet()?, packet.bytes)));
            match self.batch.send(&self.socket, source, together) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Waits for the socket's error. A refusal does not make a socket readable, so whoever only waits to read hears of
    /// it no sooner than when sending again.
    fn next_refusal(&self) -> Pending<io::Error> {
        let socket = Rc::clone(&self.socket);
        let take = move || async move {
            loop {
                socket.ready(Interest::ERROR).await?;
                let taken = socket.try_io(Interest::ERROR, || {
                    socket.take_error()?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
                });
                match taken {
                    // A send has taken it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    taken => return taken,
                }
            }
        };
        Box::pin(async move { take().await.unwrap_or_else(|error| error) })
    }
}

/// Sets the ECN field of what a socket sends from now on.
fn set_ecn(socket: &Socket, bound: Peer, ecn: Ecn) -> io::Result<()> {
    let bits = u32::from(ecn.bits());
    match bound {
        Peer::V6 { .. } => {
            socket.set_tclass_v6(bits)?;
            // Of one that takes both families, and sends over IPv4. Where it does not, it may be refused.
            let _ = socket.set_tos_v4(bits);
            Ok(())
        }
        _ => socket.set_tos_v4(bits),
    }
}

/// The address to send from, if the system has to be told.
fn source(bound: Peer, local: Peer) -> Option<Peer> {
    let is_any = |peer: Peer| peer.ip().is_some_and(|ip| ip.is_unspecified());
    (is_any(bound) && !is_any(local)).then_some(local)
}
