//! A UDP socket of the operating system.

#[cfg(target_os = "linux")]
mod batch;
#[cfg(not(target_os = "linux"))]
mod single;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::drive::inbox::Inbox;
use crate::drive::net::{Binding, Packet, Pending};
use crate::machine::Peer;
#[cfg(target_os = "linux")]
use batch::Batch;
#[cfg(target_os = "linux")]
pub(super) use batch::MAX_BATCH;
#[cfg(not(target_os = "linux"))]
use single::Batch;
#[cfg(not(target_os = "linux"))]
pub(super) use single::MAX_BATCH;

/// A UDP socket, and once it is connected the wait for the next refusal.
pub(crate) struct Udp {
    socket: Rc<UdpSocket>,
    /// Where it is bound.
    local: Peer,
    batch: Batch,
    refusal: Option<Pending<io::Error>>,
}

impl Udp {
    /// Opens a socket.
    pub(super) fn bind(local: SocketAddr, binding: Binding) -> io::Result<Self> {
        // No SO_REUSEADDR: with it a second server would bind silently.
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        if binding.shared {
            socket.set_reuse_port(true)?;
        }
        if binding.only_v6 {
            socket.set_only_v6(true)?;
        }
        let batch = Batch::new(&socket, local)?;
        socket.set_broadcast(binding.broadcast)?;
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        let socket = Rc::new(UdpSocket::from_std(socket.into())?);
        let local = socket.local_addr()?.into();
        Ok(Self { socket, local, batch, refusal: None })
    }

    pub(super) async fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.socket.connect(peer).await?;
        // A wildcard is one address from now on.
        self.local = self.socket.local_addr()?.into();
        self.refusal = Some(self.next_refusal());
        Ok(())
    }

    pub(super) const fn local_addr(&self) -> Peer {
        self.local
    }

    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        while self.socket.poll_recv_ready(cx)?.is_ready() {
            match self.batch.recv(&self.socket, self.local, inbox) {
                Ok(is_all) => {
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
        loop {
            ready!(self.socket.poll_send_ready(cx))?;
            let together =
                datagrams.clone().take_while(move |packet| self::source(bound, packet.local) == source);
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

/// The address to send from, if the system has to be told.
fn source(bound: Peer, local: Peer) -> Option<Peer> {
    let is_any = |peer: Peer| peer.ip().is_some_and(|ip| ip.is_unspecified());
    (is_any(bound) && !is_any(local)).then_some(local)
}
