//! What is due, opened: recorded, and made into what a machine is told.

use super::groups::is_group;
use super::queue::Flight;
use super::{Event, Keep, World};
use crate::actor::AnyCommand;
use crate::host::HostId;
use crate::machine::{CloseReason, Conn, ConnectError, Ecn, Effects, Input, Marked, Peer, limits};
use crate::network::{Delivery, Order, Power, Segment, StreamEnd};
use crate::transcript::{Carried, Link, Packet, What};

/// An input whose bytes, if it has any, are in [`World::inbound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Command(u32),
    Datagram { peer: Peer, local: Peer, ecn: Ecn },
    Unreachable { peer: Peer, local: Peer },
    Connected { conn: Conn, peer: Peer, local: Peer },
    ConnectFailed { conn: Conn, peer: Peer, reason: ConnectError },
    Received { conn: Conn },
    Eof { conn: Conn },
    Writable { conn: Conn },
    Closed { conn: Conn, reason: CloseReason },
}

impl Arrival {
    /// The input, with the bytes that have come. A command has no bytes: it is not one of these.
    #[inline]
    pub(crate) fn input(self, bytes: &[u8]) -> Input<'_, dyn AnyCommand> {
        match self {
            Self::Command(_) => unreachable!("whoever has the commands hands them in"),
            Self::Datagram { peer, local, ecn } => Input::Datagram { peer, local, bytes, ecn },
            Self::Unreachable { peer, local } => Input::Unreachable { peer, local },
            Self::Connected { conn, peer, local } => Input::Connected { conn, peer, local },
            Self::ConnectFailed { conn, peer, reason } => Input::ConnectFailed { conn, peer, reason },
            Self::Received { conn } => Input::Received { conn, bytes },
            Self::Eof { conn } => Input::Eof { conn },
            Self::Writable { conn } => Input::Writable { conn },
            Self::Closed { conn, reason } => Input::Closed { conn, reason },
        }
    }
}

impl World<'_> {
    /// Opens what is due for a host, unless it is a fault or a timer: records it, and says what its machine is to be
    /// told, if anything. `effects` are the machine's, where streams have their names.
    pub(crate) fn open(
        &mut self,
        order: Order,
        event: Event,
        power: Power,
        effects: &mut Effects,
    ) -> Option<Arrival> {
        let (now, host) = (order.at(), order.host());
        match event {
            Event::Command(index) if power == Power::Running => {
                self.record(now, host, What::Command(index));
                Some(Arrival::Command(index))
            }
            Event::Refusal(flight) => {
                self.flights.free(flight);
                if power != Power::Running {
                    return None;
                }
                let flight = self.flights.get(flight);
                let (from, peer, local) = (flight.from, flight.source, flight.to);
                let local = self.name_of(host, local);
                self.record(now, host, What::Unreachable { peer: from });
                Some(Arrival::Unreachable { peer, local })
            }
            Event::Datagram(flight) => {
                let taken = self.takes(order, power, flight);
                let Flight { source: peer, ecn, .. } = *self.flights.land(flight, &mut self.inbound);
                let local = self.name_of(host, taken?);
                Some(Arrival::Datagram { peer, local, ecn })
            }
            Event::Stream(place) => {
                let (at, segment) = self.segments.take(place);
                self.open_segment(order, at, segment, power, effects)
            }
            #[cfg(feature = "segments")]
            Event::Packet(flight) => self.open_packet(order, flight, power, effects),
            #[cfg(feature = "segments")]
            Event::End(id) => self.open_end(now, id, effects),
            Event::Command(_)
            | Event::Fault(..)
            | Event::Drawn(_)
            | Event::Back
            | Event::Calm
            | Event::Queue(_)
            | Event::Timer => None,
        }
    }

    /// At which of its addresses a host takes a datagram that is due, so that its machine is told, if it does.
    #[inline]
    pub(super) fn takes(&mut self, order: Order, power: Power, flight: u32) -> Option<Peer> {
        let host = order.host();
        let Flight { from, n, source, to: local, .. } = self.flights.get(flight);
        let sockets = &self.sockets[host.index()];
        let socket = sockets.iter().find(|socket| socket.local == *local);
        let (Power::Running, Some(socket)) = (power, socket) else {
            if is_group(local) {
                return self.takes_for_group(order, power, flight);
            }
            let (from, n, addresses) = (*from, *n, [*source, *local]);
            if !(self.has_paths && self.passes_nat(order, flight)) {
                self.refuse(order, power, (from, n), addresses);
            }
            return None;
        };
        // The system of a connected socket drops what comes from elsewhere.
        if socket.connected.as_ref().is_some_and(|only| only != source) {
            return None;
        }
        let local = socket.local;
        if self.keep == Keep::Log {
            self.record_recv(order, flight);
        }
        Some(local)
    }

    /// Keeps that a machine is told of a datagram.
    pub(super) fn record_recv(&mut self, order: Order, flight: u32) {
        let Flight { from, n, bytes, ecn, .. } = self.flights.get(flight);
        let bytes = self.log.keep_marked(Marked { bytes, ecn: *ecn });
        self.log.push(order.at(), order.host(), What::Recv { from: *from, n: *n, bytes });
    }

    /// Nobody takes a datagram: the system of a host that is on refuses it, and a connected socket hears of that.
    #[cold]
    fn refuse(&mut self, order: Order, power: Power, (from, n): (HostId, u64), [source, local]: [Peer; 2]) {
        let (now, host) = (order.at(), order.host());
        let mut addresses = [source, local];
        if self.has_paths {
            let Some(as_sent) = self.as_sent((from, host), addresses, now) else { return };
            addresses = as_sent;
        }
        let [source, local] = addresses;
        let hears = self.sockets[from.index()]
            .iter()
            .any(|socket| socket.local == source && socket.connected == Some(local));
        if power == Power::Off || !hears {
            return;
        }
        let Some(order) = self.network.refusal(now, host, from) else { return };
        if self.keep == Keep::Log {
            let what = Carried::Refusal { n, arrives_at: order.at() };
            let addresses = [local, source];
            self.log.push_packet(Packet { at: now, from: host, to: from, addresses, what });
        }
        let refusal = self.flights.store((host, n), [&local, &source], Marked::plain(&[]));
        self.push(order, Event::Refusal(refusal));
    }

    fn open_segment(
        &mut self,
        order: Order,
        at: StreamEnd,
        segment: Segment,
        power: Power,
        effects: &mut Effects,
    ) -> Option<Arrival> {
        let (now, host) = (order.at(), order.host());
        let delivery = self.network.arrive(order, at, segment, power);
        self.enqueue_segments();
        self.record_marks(now, host);
        let streams = &mut self.network.streams;
        match delivery? {
            Delivery::Accepted => streams.name(at, effects.accept(limits::SEND_BUFFER_LEN as u32)),
            Delivery::Discard(len) => self.take_stream_bytes(at, len),
            _ => {}
        }
        let streams = &mut self.network.streams;
        let conn = streams.conn(at)?;
        let (peer, local) = (streams.outer_address(at.other()), streams.address(at));
        let link = Link { peer: streams.host(at.other()), number: streams.number(at) };
        let (what, arrival) = match delivery? {
            Delivery::Accepted => (What::Connected(link), Arrival::Connected { conn, peer, local }),
            Delivery::Connected => {
                effects.connected(conn, limits::SEND_BUFFER_LEN as u32);
                (What::Connected(link), Arrival::Connected { conn, peer, local })
            }
            Delivery::Failed(reason) => {
                effects.release(conn);
                streams.forget(at);
                let what = match self.spec.host_at(&peer) {
                    Some(_) => What::ConnectFailed(link, reason),
                    None => What::ConnectNowhere { peer, reason },
                };
                (what, Arrival::ConnectFailed { conn, peer, reason })
            }
            Delivery::Data { offset, len } => {
                self.take_stream_bytes(at, len);
                let inbound = std::mem::take(&mut self.inbound);
                self.record_bytes(now, host, &inbound, |bytes| What::Read { link, offset, bytes });
                self.inbound = inbound;
                return Some(Arrival::Received { conn });
            }
            Delivery::Eof => (What::Eof(link), Arrival::Eof { conn }),
            Delivery::Credit(len) => {
                if !effects.credit(conn, len) {
                    return None;
                }
                (What::Writable(link), Arrival::Writable { conn })
            }
            Delivery::Closed(reason) => {
                effects.release(conn);
                streams.forget(at);
                (What::Closed(link, reason), Arrival::Closed { conn, reason })
            }
            Delivery::Discard(_) => return None,
        };
        self.record(now, host, what);
        Some(arrival)
    }
}
