//! The sockets that a machine has from its start.

use std::mem;
use std::net::IpAddr;

use super::{FIRST_FIXED, Fixed, Sockets};
use crate::drive::DriveError;
use crate::drive::datagrams::Datagrams;
use crate::drive::net::{Net, Packet};
use crate::drive::pace::Idle;
use crate::machine::Peer;

impl<N: Net> Sockets<N> {
    /// The addresses that are bound, in the order in which they were.
    pub(in crate::drive) fn locals(&self) -> Vec<Peer> {
        let local = |(socket, _): &(Fixed<N>, _)| match socket {
            Fixed::Datagrams(socket) => Some(socket.local()),
            Fixed::Listener(listener) => listener.local(),
            Fixed::Closed => None,
        };
        self.fixed.iter().filter_map(local).collect()
    }

    /// The addresses of the datagram sockets, in the same order.
    pub(in crate::drive) fn datagram_locals(&self) -> Vec<Peer> {
        self.datagrams().map(Datagrams::local).collect()
    }

    fn datagrams(&self) -> impl Iterator<Item = &Datagrams<N::Datagrams>> {
        self.fixed.iter().filter_map(|(socket, _)| match socket {
            Fixed::Datagrams(socket) => Some(&**socket),
            Fixed::Listener(_) | Fixed::Closed => None,
        })
    }

    /// Accepts again, for there is room now.
    pub(in crate::drive) fn accept_again(&mut self, listener: usize) {
        if let Some((Fixed::Listener(listener), _)) = self.fixed.get_mut(listener) {
            listener.go_on();
        }
    }

    /// Accepts nothing more.
    pub(in crate::drive) fn stop_listening(&mut self) {
        for (socket, _) in &mut self.fixed {
            if let Fixed::Listener(_) = socket {
                *socket = Fixed::Closed;
            }
        }
    }

    /// Sends datagrams, each by the socket that has its address, or keeps them until that one takes them.
    pub(in crate::drive) fn send<'a>(&mut self, datagrams: &(impl Iterator<Item = Packet<'a>> + Clone)) {
        for (id, (socket, _)) in (FIRST_FIXED..).zip(&mut self.fixed) {
            if let Fixed::Datagrams(socket) = socket {
                let local = socket.local();
                if socket.send(datagrams.clone().filter(|packet| local.covers(&packet.local))) {
                    self.look.push_back(id);
                }
            }
        }
    }

    /// Joins a multicast group, or leaves it, with all datagram sockets that can hear it.
    pub(in crate::drive) fn set_member(&self, group: IpAddr, joins: bool) -> Result<(), DriveError> {
        let of_family = || self.datagrams().filter(|socket| socket.local().is_like(&Peer::from((group, 0))));
        let mut hearing = of_family().filter(|socket| socket.hears(group)).peekable();
        if let (None, Some(other)) = (hearing.peek(), of_family().next()) {
            return Err(DriveError::Unheard { group, local: Box::new(other.local()) });
        }
        hearing.try_for_each(|socket| socket.set_member(group, joins))
    }

    /// Why a datagram to many could not be sent, if that has happened.
    pub(in crate::drive) fn take_failure(&mut self) -> Option<DriveError> {
        self.fixed.iter_mut().find_map(|(socket, _)| match socket {
            Fixed::Datagrams(socket) => socket.take_failure(),
            Fixed::Listener(_) | Fixed::Closed => None,
        })
    }

    /// Whether no datagram waits for the socket.
    pub(in crate::drive) fn is_flushed(&self) -> bool {
        self.datagrams().all(Datagrams::is_flushed)
    }

    /// The datagram socket, if there is no other socket of any kind.
    fn lone(&mut self) -> Option<&mut Datagrams<N::Datagrams>> {
        match &mut self.fixed[..] {
            [(Fixed::Datagrams(socket), _)] if self.streams.is_empty() => Some(socket),
            _ => None,
        }
    }

    /// Lets [`Sockets::wait`] wait, where it may.
    pub(in crate::drive) fn may_wait(&mut self) {
        if let Some(socket) = self.lone() {
            socket.may_wait();
        }
    }

    /// Waits in this thread, if nothing but datagrams at one socket can come; says whether some are in the inbox.
    pub(in crate::drive) fn wait(&mut self, idle: Idle) -> Option<bool> {
        let mut inbox = mem::take(&mut self.inbox);
        let came = self.lone().and_then(|socket| socket.wait(&mut inbox, idle));
        self.inbox = inbox;
        came
    }
}
