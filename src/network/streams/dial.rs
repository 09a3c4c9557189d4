//! How connections come to be, or not.

use std::mem;

use super::{End, Segment, Standing, Stream, StreamEnd, Streams};
use crate::fault::{ConnectFault, Resolved};
use crate::host::{FIRST_EPHEMERAL_PORT, HostId};
use crate::machine::{Conn, ConnectError, Peer, limits};
use crate::network::{Delivery, Network, Power};
use crate::time::Instant;

/// How many ports there are for sockets that ask for none; after the last comes the first again.
pub(super) const EPHEMERAL_PORTS: u16 = u16::MAX - FIRST_EPHEMERAL_PORT + 1;

impl Network {
    /// Opens a connection from an address of a host, whose port may be 0, to an address of another or of the same; the
    /// caller knows whose. If it is nobody's, a failure is on its way.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        from: HostId,
        conn: Conn,
        local: Peer,
        to: Option<HostId>,
        peer: Peer,
    ) -> StreamEnd {
        let acceptor = to.unwrap_or(from);
        let local = self.streams.bound(from, local, peer);
        let number = to.map_or(0, |to| self.streams.next_between(from, to));
        let at = self.streams.open(Stream {
            ends: [End::new(from, Some(conn)), End::new(acceptor, None)],
            number,
            addresses: [local.unwrap_or(peer), peer],
            serial: 0,
            in_flight: 0,
            gives_up_at: now + limits::MAX_CONNECT,
            gives_up: false,
            refused: false,
            over: false,
        });
        if let (Some(to), Some(_)) = (to, local) {
            match self.dial_fault(now, (from, to, number)) {
                None => {
                    self.shake(now, at, Segment::Syn);
                }
                Some(ConnectFault::Refuse) => {
                    self.streams.stream_mut(at).refused = true;
                    self.shake(now, at, Segment::Syn);
                }
                Some(ConnectFault::Silence) => {
                    self.streams.note_left(now, at, Segment::Syn, None);
                    self.streams.gone(at.other());
                    self.give_up(at);
                }
            }
        } else {
            self.streams.gone(at.other());
            self.send_to_self(now, at, Segment::Failed(ConnectError::Unreachable));
        }
        at
    }

    /// What becomes of a dial, if it does not go as it should: the plan's fault, or one that is drawn.
    fn dial_fault(&mut self, now: Instant, (from, to, conn): (HostId, HostId, u32)) -> Option<ConnectFault> {
        if now >= self.calm_at {
            return None;
        }
        let planned = self.schedule.connect(from, to, conn);
        let drawn = if self.trail.is_on() { None } else { self.draw_connect(from, to, conn) };
        let fault = planned.map(|(fault, _)| fault).or(drawn)?;
        let resolved = Resolved::Connect { from, to, conn, fault };
        match planned {
            Some((_, index)) => self.fire(index),
            None => self.draw(resolved),
        }
        self.streams.marks.push(resolved);
        Some(fault)
    }

    /// A handshake is through that this network has not seen: both ends stand.
    #[cfg(feature = "net")]
    pub(crate) fn opened(&mut self, at: StreamEnd) {
        for end in [at, at.other()] {
            self.streams.end_mut(end).standing = Standing::Open;
        }
    }

    /// Sends a segment of the handshake. If it never arrives, or too late, the connector gives up when its time is over.
    fn shake(&mut self, now: Instant, at: StreamEnd, segment: Segment) {
        let due_at = self.send_to_peer(now, at, segment);
        let gives_up_at = self.streams.stream(at).gives_up_at;
        if due_at.is_none() && segment == Segment::Syn {
            self.streams.gone(at.other());
        }
        if due_at.is_none_or(|due_at| due_at > gives_up_at) {
            self.give_up(at);
        }
    }

    /// The connector of a stream will hear nothing in time.
    fn give_up(&mut self, at: StreamEnd) {
        let connector = StreamEnd { side: 0, ..at };
        let is_dialing = self.streams.end(connector).standing == Standing::Dialing;
        if is_dialing && !mem::replace(&mut self.streams.stream_mut(at).gives_up, true) {
            let gives_up_at = self.streams.stream(at).gives_up_at;
            self.send_to_self(gives_up_at, connector, Segment::Failed(ConnectError::TimedOut));
        }
    }

    pub(super) fn arrive_syn(&mut self, now: Instant, at: StreamEnd, power: Power) {
        if power == Power::Off {
            self.streams.gone(at);
            self.give_up(at);
        } else if power == Power::Running && self.streams.listens(at) && !self.streams.stream(at).refused {
            self.shake(now, at, Segment::SynAck);
        } else {
            self.streams.gone(at);
            self.shake(now, at, Segment::Failed(ConnectError::Refused));
        }
    }

    pub(super) fn arrive_syn_ack(&mut self, now: Instant, at: StreamEnd) -> Option<Delivery> {
        let end = self.streams.end_mut(at);
        if end.standing != Standing::Dialing {
            self.reset_peer(now, at);
            return None;
        }
        end.standing = Standing::Open;
        let shuts = end.shuts;
        self.send_to_peer(now, at, Segment::Ack);
        if shuts {
            self.shutdown(now, at);
        }
        Some(Delivery::Connected)
    }

    pub(super) fn arrive_ack(&mut self, now: Instant, at: StreamEnd, power: Power) -> Option<Delivery> {
        if self.streams.end(at).standing != Standing::Dialing || power != Power::Running {
            self.reset_peer(now, at);
            return None;
        }
        self.streams.end_mut(at).standing = Standing::Open;
        Some(Delivery::Accepted)
    }

    pub(super) fn arrive_failed(&mut self, at: StreamEnd, reason: ConnectError) -> Option<Delivery> {
        if self.streams.end(at).standing != Standing::Dialing {
            return None;
        }
        self.streams.gone(at);
        Some(Delivery::Failed(reason))
    }
}

impl Streams {
    /// The address of a socket that dials: its own, with a port that it gets if it asks for none. `None` if all ports are
    /// in use by streams to this peer.
    fn bound(&mut self, host: HostId, local: Peer, peer: Peer) -> Option<Peer> {
        match local.port() {
            Some(0) => Some(local.with_port(self.ephemeral_port(host, peer)?)),
            _ => Some(local),
        }
    }

    fn ephemeral_port(&mut self, host: HostId, peer: Peer) -> Option<u16> {
        for _ in 0..EPHEMERAL_PORTS {
            let of_host = &mut self.hosts[host.index()];
            let port = FIRST_EPHEMERAL_PORT + of_host.dialed % EPHEMERAL_PORTS;
            of_host.dialed = port - FIRST_EPHEMERAL_PORT + 1;
            let mut users = of_host.ports.range((port, 0)..=(port, u32::MAX));
            if !users.any(|&(_, slot)| self.all[slot as usize].addresses[1] == peer) {
                return Some(port);
            }
        }
        None
    }

    /// The number of the next connection between two hosts.
    pub(in crate::network) fn next_between(&mut self, from: HostId, to: HostId) -> u32 {
        let number = self.between.entry((from.min(to), from.max(to))).or_default();
        let next = *number;
        *number += 1;
        next
    }

    /// Whether the acceptor's host listens at the address that was dialed.
    fn listens(&self, at: StreamEnd) -> bool {
        self.has_listener(self.host(at), self.address(at))
    }

    /// Whether a host listens at an address of its own.
    pub(in crate::network) fn has_listener(&self, host: HostId, local: Peer) -> bool {
        self.listeners.binary_search(&(host, local)).is_ok()
    }
}
