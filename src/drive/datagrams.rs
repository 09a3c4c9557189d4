//! The datagram socket of a machine, with what waits for it.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll, Waker, ready};

use tracing::{debug, trace};

use super::DriveError;
use super::error::needs_broadcast;
use super::inbox::Inbox;
use super::net::{Binding, DatagramSocket, Net, Packet};
use super::pace::Idle;
use super::sockets::Raw;
use crate::machine::{Ecn, Peer};

/// How many datagrams wait at most for the socket to take them; what comes on top is lost, as datagrams may be.
const MAX_UNSENT: usize = 1024;

/// A datagram socket.
pub(super) struct Datagrams<D> {
    socket: D,
    local: Peer,
    /// What waits for the socket: from where, to whom, the payload, and the ECN field.
    unsent: VecDeque<(Peer, Peer, Vec<u8>, Ecn)>,
    /// How many refusals sending has found that were not told yet.
    refusals: u32,
    /// A datagram that could not be sent, where that is no loss but a mistake.
    failure: Option<DriveError>,
    /// The only peer that it hears, if it is connected.
    connected: Option<Peer>,
    /// Whether it may send broadcasts.
    broadcast: bool,
}

impl<D: DatagramSocket> Datagrams<D> {
    /// Opens a socket.
    pub(super) async fn open<N: Net<Datagrams = D>>(
        binding: Binding,
        connect: Option<Peer>,
    ) -> Result<Self, DriveError> {
        let failed = |action, peer| move |source| DriveError::Open { action, peer: Box::new(peer), source };
        let bind = binding.local;
        let mut socket = N::bind(binding).await.map_err(failed("bind", bind))?;
        if let Some(to) = connect {
            socket.connect(to).await.map_err(failed("connect to", to))?;
        }
        let local = socket.local_addr().map_err(failed("bind", bind))?;
        Ok(Self {
            socket,
            local,
            unsent: VecDeque::new(),
            refusals: 0,
            failure: None,
            connected: connect,
            broadcast: binding.broadcast,
        })
    }

    /// Where it is bound.
    pub(super) const fn local(&self) -> Peer {
        self.local
    }

    /// Whether systems hand it what comes to a multicast group: one with an address of its own hears only what comes there.
    pub(super) fn hears(&self, group: IpAddr) -> bool {
        let is_bound_for = |ip: IpAddr| ip.is_unspecified() || ip == group;
        self.connected.is_none() && self.local.ip().is_some_and(is_bound_for)
    }

    /// Joins a multicast group, or leaves it.
    pub(super) fn set_member(&self, group: IpAddr, joins: bool) -> Result<(), DriveError> {
        let action = if joins { "join" } else { "leave" };
        let failed = |source| DriveError::Group { action, group, source };
        self.socket.set_member(group, joins).map_err(failed)
    }

    /// Whether no datagram waits for the socket.
    pub(super) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Why a datagram to many could not be sent, if that has happened.
    pub(super) fn take_failure(&mut self) -> Option<DriveError> {
        self.failure.take()
    }

    /// Lets [`Datagrams::wait`] wait.
    pub(super) fn may_wait(&mut self) {
        self.socket.may_wait();
    }

    /// As [`DatagramSocket::wait`], if nothing else is to be done.
    pub(super) fn wait(&mut self, inbox: &mut Inbox, idle: Idle) -> Option<bool> {
        let is_idle = self.unsent.is_empty() && self.refusals == 0 && self.failure.is_none();
        if !is_idle {
            return None;
        }
        inbox.clear();
        self.socket.wait(inbox, idle)
    }

    /// Sends datagrams, or keeps what the socket does not take now. True if [`Datagrams::poll`] has something to do.
    pub(super) fn send<'a>(&mut self, mut datagrams: impl Iterator<Item = Packet<'a>> + Clone) -> bool {
        if self.unsent.is_empty() {
            // The waker that counts is registered by `poll`, if anything is left for it.
            let _ = self.offer(&mut Context::from_waker(Waker::noop()), &mut datagrams);
        }
        for Packet { local, peer, bytes, ecn } in datagrams {
            if self.unsent.len() < MAX_UNSENT {
                self.unsent.push_back((local, peer, bytes.to_vec(), ecn));
            } else {
                debug!(%peer, len = bytes.len(), "send failed: too many datagrams wait");
            }
        }
        !self.unsent.is_empty() || self.refusals > 0 || self.failure.is_some()
    }

    /// Offers datagrams to the socket until it takes no more; what it has taken is not in `left` any more. What the
    /// system refuses for another reason than being busy is lost, but for one to many: nobody would ever hear it.
    fn offer<'a>(
        &mut self,
        cx: &mut Context<'_>,
        left: &mut (impl Iterator<Item = Packet<'a>> + Clone),
    ) -> Poll<()> {
        let mut is_second_try = false;
        loop {
            let error = match ready!(self.socket.poll_send(cx, left.clone())) {
                Ok(0) => return Poll::Ready(()),
                Ok(sent) => {
                    if tracing::enabled!(tracing::Level::TRACE) {
                        for Packet { peer, bytes, .. } in left.by_ref().take(sent) {
                            trace!(%peer, len = bytes.len(), "sent");
                        }
                    } else if sent > 0 {
                        left.nth(sent - 1);
                    }
                    is_second_try = false;
                    continue;
                }
                Err(error) => error,
            };
            let first = left.clone().next();
            let is_mistake = first.is_some_and(|packet| is_mistake(self.broadcast, packet.peer, &error));
            if !is_second_try && !is_mistake && is_refusal(&error) {
                // The refusal of a datagram before: this one has not been sent yet.
                self.refusals += u32::from(self.connected.is_some());
                is_second_try = true;
                continue;
            }
            is_second_try = false;
            let Some(Packet { peer, .. }) = left.next() else { return Poll::Ready(()) };
            debug!(%peer, %error, "send failed");
            if is_mistake {
                self.failure.get_or_insert(DriveError::Send { peer: Box::new(peer), source: error });
            }
        }
    }

    /// Sends what waits, then receives into the inbox: [`Raw::Datagrams`] says that something is there.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<Result<Raw, DriveError>> {
        if !self.unsent.is_empty() {
            let mut unsent = mem::take(&mut self.unsent);
            let mut left =
                unsent.iter().map(|&(local, peer, ref bytes, ecn)| Packet { local, peer, bytes, ecn });
            let _ = self.offer(cx, &mut left);
            let sent = unsent.len() - left.len();
            unsent.drain(..sent);
            self.unsent = unsent;
        }
        if let Some(failure) = self.take_failure() {
            return Poll::Ready(Err(failure));
        }
        let refused = self.connected.map(|peer| Raw::Refused { peer, local: self.local });
        if self.refusals > 0
            && let Some(refused) = refused
        {
            self.refusals -= 1;
            return Poll::Ready(Ok(refused));
        }
        inbox.clear();
        match (ready!(self.socket.poll_recv(cx, inbox)), refused) {
            (Ok(()), _) => Poll::Ready(Ok(Raw::Datagrams)),
            (Err(error), Some(refused)) if is_refusal(&error) => Poll::Ready(Ok(refused)),
            (Err(error), _) => Poll::Ready(Err(DriveError::Socket(error))),
        }
    }
}

/// Whether an error of a datagram socket tells what became of a datagram before, by ICMP or by a Unix socket that is no
/// longer connected here, and not of the socket.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}

/// Whether a datagram that was refused is one to many. The broadcast address of one network only the system knows, and
/// shows it where the socket lacks the option.
fn is_mistake(may_broadcast: bool, peer: Peer, error: &io::Error) -> bool {
    match peer {
        Peer::V4 { ip, .. } => {
            ip == Ipv4Addr::BROADCAST || ip.is_multicast() || (!may_broadcast && needs_broadcast(error))
        }
        Peer::V6 { ip, .. } => ip.is_multicast(),
        Peer::Unix(_) => false,
    }
}
