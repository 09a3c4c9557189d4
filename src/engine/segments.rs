//! Streams of segments: what machines do to them, and what arrives.

use std::collections::{BTreeMap, BTreeSet};

use super::arrival::Arrival;
use super::{Event, Keep, Settings, World};
use crate::fault::StreamKind;
use crate::host::HostId;
use crate::machine::{Conn, Effect, Effects, Marked, Peer, limits};
use crate::nat::Transport;
use crate::network::{Departure, Order, Power};
use crate::segments::{Outgoing, Segments, Told, Way, ip_header_len, sequence_number};
use crate::time::Instant;
use crate::transcript::{Link, Span, Stream, What};

/// The streams of a run, if they are made of segments.
#[derive(Debug)]
pub(crate) struct OfSegments {
    pub(super) ends: Segments,
    /// The first sequence number of each direction of each connection: the log counts from it.
    pub(super) first: BTreeMap<[Peer; 2], u32>,
    /// The packets that wait at a bottleneck, by their flights.
    queued: BTreeSet<u32>,
}

impl OfSegments {
    /// A host goes silent, and knows nothing of its streams when it comes back.
    pub(super) fn poweroff(&mut self, host: HostId) {
        self.ends.poweroff(host);
    }
}

impl World<'_> {
    /// Begins the streams of a run.
    pub(super) fn reset_segments(&mut self, settings: &Settings) {
        self.tcp = match settings.streams(self.spec) {
            StreamKind::Model => None,
            StreamKind::Segments(mtu) => {
                let ends = Segments::new(settings.effective_seed(), mtu.get(), self.spec.hosts.len());
                Some(Box::new(OfSegments { ends, first: BTreeMap::new(), queued: BTreeSet::new() }))
            }
        };
    }

    /// The ends of streams of segments, if there are any.
    pub(super) fn ends(&self) -> Option<&Segments> {
        self.tcp.as_ref().map(|tcp| &tcp.ends)
    }

    fn find_end(&self, host: HostId, conn: Conn) -> Option<u32> {
        self.tcp.as_ref()?.ends.find(host, conn)
    }

    /// Does what a machine wants done with a stream of segments; false if it is none.
    pub(super) fn applied_to_segments(
        &mut self,
        host: HostId,
        effect: &Effect<'_, u32>,
        now: Instant,
    ) -> bool {
        let (conn, what): (_, fn(Link) -> What) = match *effect {
            Effect::Connect { conn, peer } => return self.dialed(now, host, conn, peer),
            Effect::Shutdown { conn } => (conn, What::Shutdown),
            Effect::Close { conn } => (conn, What::Close),
            Effect::Abort { conn } => (conn, What::Abort),
            Effect::Pause { conn } => (conn, What::Pause),
            Effect::Resume { conn } => (conn, What::Resume),
            _ => return false,
        };
        let Some(id) = self.find_end(host, conn) else { return false };
        let Some(ends) = &mut self.tcp else { return false };
        let link = ends.ends.way(id).map(link);
        let mut is_unnamed = false;
        match effect {
            Effect::Shutdown { .. } => ends.ends.shutdown(id),
            Effect::Close { .. } => is_unnamed = ends.ends.close(now, id),
            Effect::Abort { .. } => is_unnamed = ends.ends.abort(id),
            Effect::Pause { .. } => ends.ends.set_paused(id, true),
            _ => ends.ends.set_paused(id, false),
        }
        if is_unnamed {
            self.unnamed.push(conn);
        }
        if let Some(link) = link {
            self.record(now, host, what(link));
        }
        true
    }

    /// Opens a connection, if it goes to the internet address of a host.
    fn dialed(&mut self, now: Instant, host: HostId, conn: Conn, peer: Peer) -> bool {
        let Some(to) = self.host_now_at(&peer).filter(|_| peer.ip().is_some()) else { return false };
        let nats = &self.network.nats;
        let owner = peer.port().and_then(|port| nats.owner(to, (Transport::Tcp, port)));
        let to = owner.unwrap_or(to);
        let Some(ends) = &mut self.tcp else { return false };
        let number = self.network.next_connection(host, to);
        let addresses = [self.moves.wire(host, self.spec.dials_from(host, peer)), peer];
        let way = Way { hosts: [host, to], addresses, number, is_connector: true };
        if ends.ends.connect(now, conn, way).is_none() {
            // The model has it fail, as where there is no host.
            return false;
        }
        self.record(now, host, What::Connect(link(way)));
        true
    }

    /// Writes to a stream of segments; false if it is none.
    pub(super) fn written_to_segments(
        &mut self,
        host: HostId,
        conn: Conn,
        bytes: &[u8],
        now: Instant,
    ) -> bool {
        let Some(id) = self.find_end(host, conn) else { return false };
        let Some(ends) = &mut self.tcp else { return false };
        let offset = ends.ends.written_len(id);
        ends.ends.write(id, bytes);
        if let Some(link) = ends.ends.way(id).map(link) {
            self.record_bytes(now, host, bytes, |bytes| What::Write { link, offset, bytes });
        }
        true
    }

    /// Does to all streams of a host what befalls it.
    pub(super) fn with_segments(&mut self, now: Instant, befall: impl FnOnce(&mut Segments)) {
        if let Some(ends) = &mut self.tcp {
            befall(&mut ends.ends);
            self.send_segments(now);
        }
    }

    /// Lets the ends send of which something was asked, and has them asked again at once.
    pub(super) fn send_segments(&mut self, now: Instant) {
        let Some(ends) = &mut self.tcp else { return };
        if !ends.ends.is_touched() {
            return;
        }
        for id in ends.ends.take_touched() {
            let Some(ends) = &mut self.tcp else { return };
            ends.ends.poll(now, id, None);
            let asked_at = ends.ends.ask_at(id, now);
            self.wake_end(id, asked_at);
        }
        self.transmit(now);
    }

    fn wake_end(&mut self, id: u32, at: Option<Instant>) {
        let host = self.tcp.as_ref().and_then(|ends| ends.ends.way(id)).map(|way| way.hosts[0]);
        if let (Some(at), Some(host)) = (at, host) {
            let order = self.network.own_order(at, host);
            self.queue.push(order, Event::End(id));
        }
    }

    /// Whether an entry of the queue is for an end that is due at another moment by now.
    pub(super) fn is_void(&self, id: u32, now: Instant) -> bool {
        self.tcp.as_ref().is_none_or(|ends| !ends.ends.is_due(id, now))
    }

    /// Hands what ends have sent to the network.
    fn transmit(&mut self, now: Instant) {
        let Some(ends) = &mut self.tcp else { return };
        for Outgoing { hosts: [from, to], addresses: [local, peer], bytes } in
            std::mem::take(&mut ends.ends.outgoing)
        {
            if self.has_paths {
                self.transmit_by_paths(now, [from, to], [local, peer], bytes);
            } else {
                let departure = self.network.segment(now, from, to, &bytes[ip_header_len(&bytes)..]);
                self.depart(now, [from, to], [local, peer], (&departure, &bytes));
            }
        }
    }

    /// Puts a packet on its way, as the network has said.
    pub(super) fn depart(
        &mut self,
        now: Instant,
        [from, to]: [HostId; 2],
        [source, peer]: [Peer; 2],
        (departure, bytes): (&Departure, &[u8]),
    ) {
        if self.keep == Keep::Log {
            let span = self.keep_packet([source, peer], bytes);
            self.record_left_span(from, to, departure, ([&source, &peer], false), span, now);
        }
        if let Some(queued) = departure.queued {
            let waits =
                self.queue_up(now, (from, to), (queued, departure), [&source, &peer], Marked::plain(bytes));
            if let Some(tcp) = &mut self.tcp {
                tcp.queued.extend(waits);
            }
        }
        for order in departure.arrivals.into_iter().flatten() {
            let flight = self.flights.store((from, departure.n), [&source, &peer], Marked::plain(bytes));
            if departure.fault.is_some() {
                alter(departure, self.flights.bytes_mut(flight));
            }
            self.queue.push(order, Event::Packet(flight));
        }
    }

    /// Whether a flight that leaves a bottleneck is a packet.
    pub(super) fn leaves_as_packet(&mut self, flight: u32) -> bool {
        self.tcp.as_mut().is_some_and(|tcp| tcp.queued.remove(&flight))
    }

    /// Keeps a packet in the log, with the numbers with which its directions began.
    fn keep_packet(&mut self, [from, to]: [Peer; 2], packet: &[u8]) -> Span {
        let mut of = Stream { number: 0, first: [0; 2] };
        if let Some(tcp) = &mut self.tcp {
            if let Some(number) = sequence_number(packet) {
                tcp.first.insert([from, to], number);
            }
            of.number = tcp.ends.number([from, to]);
            of.first = [[from, to], [to, from]].map(|way| tcp.first.get(&way).copied().unwrap_or_default());
        }
        self.log.keep_segment(packet, of)
    }

    /// Takes a packet that is due; returns what a machine hears of it, if anything.
    pub(super) fn open_packet(
        &mut self,
        order: Order,
        flight: u32,
        power: Power,
        effects: &mut Effects,
    ) -> Option<Arrival> {
        if self.has_paths && self.packet_passes_nat(order, flight) {
            return None;
        }
        let (now, host) = (order.at(), order.host());
        let bytes = self.flights.take_bytes(flight);
        let (from, n) = (self.flights.get(flight).from, self.flights.get(flight).n);
        let addresses = [self.flights.get(flight).to, self.flights.get(flight).source];
        let mut id = None;
        if power != Power::Off {
            if self.keep == Keep::Log {
                let span = self.keep_packet([addresses[1], addresses[0]], &bytes);
                self.log.push(now, host, What::Recv { from, n, bytes: span });
            }
            let listens = power == Power::Running && self.network.listens(host, addresses[0]);
            if let Some(ends) = &mut self.tcp {
                id = ends.ends.receive(now, [host, from], addresses, (&bytes, listens));
            }
        }
        self.flights.give_back(flight, bytes);
        let arrival = id.and_then(|id| self.ask_end(now, id, effects));
        self.transmit(now);
        arrival
    }

    /// Lets an end send that is due; returns what its machine hears, if anything.
    pub(super) fn open_end(&mut self, now: Instant, id: u32, effects: &mut Effects) -> Option<Arrival> {
        if let Some(ends) = &mut self.tcp {
            ends.ends.asked(id);
            ends.ends.poll(now, id, None);
        }
        let arrival = self.ask_end(now, id, effects);
        self.transmit(now);
        arrival
    }

    /// What an end's machine is told next. If there is something, the end is asked again at once.
    fn ask_end(&mut self, now: Instant, id: u32, effects: &mut Effects) -> Option<Arrival> {
        loop {
            let ends = &mut self.tcp.as_mut()?.ends;
            let way = ends.way(id)?;
            let Some(told) = ends.tell(now, id, &mut self.inbound) else {
                let due_at = ends.settle(now, id);
                self.wake_end(id, due_at);
                return None;
            };
            if let Some(arrival) = self.told(now, id, (way, told), effects) {
                let asked_at = self.tcp.as_mut()?.ends.ask_at(id, now);
                self.wake_end(id, asked_at);
                return Some(arrival);
            }
        }
    }

    /// Records what a machine is told, and makes an input of it, unless no machine has the end.
    fn told(
        &mut self,
        now: Instant,
        id: u32,
        (way, told): (Way, Told),
        effects: &mut Effects,
    ) -> Option<Arrival> {
        let ends = &mut self.tcp.as_mut()?.ends;
        if told == Told::Connected && !way.is_connector {
            ends.name(id, effects.accept(limits::SEND_BUFFER_LEN as u32));
        }
        let conn = ends.conn(id)?;
        if let Told::Closed(_) | Told::Failed(_) = told {
            effects.release(conn);
            ends.forget(id);
        }
        let ([host, _], [local, peer], link) = (way.hosts, way.addresses, link(way));
        let (what, arrival) = match told {
            Told::Connected => {
                if way.is_connector {
                    effects.connected(conn, limits::SEND_BUFFER_LEN as u32);
                }
                (What::Connected(link), Arrival::Connected { conn, peer, local })
            }
            Told::Failed(reason) => {
                (What::ConnectFailed(link, reason), Arrival::ConnectFailed { conn, peer, reason })
            }
            Told::Data { offset } => {
                let inbound = std::mem::take(&mut self.inbound);
                self.record_bytes(now, host, &inbound, |bytes| What::Read { link, offset, bytes });
                self.inbound = inbound;
                return Some(Arrival::Received { conn });
            }
            Told::Eof => (What::Eof(link), Arrival::Eof { conn }),
            Told::Credit(len) => {
                if !effects.credit(conn, len) {
                    return None;
                }
                (What::Writable(link), Arrival::Writable { conn })
            }
            Told::Closed(reason) => (What::Closed(link, reason), Arrival::Closed { conn, reason }),
        };
        self.record(now, host, what);
        Some(arrival)
    }
}

/// A connection, as one of its ends sees it.
const fn link(way: Way) -> Link {
    Link { peer: way.hosts[1], number: way.number }
}

/// Does to a packet's segment what the network did. Its IP header stays.
pub(super) fn alter(departure: &Departure, packet: &mut Vec<u8>) {
    let mut segment = packet.split_off(ip_header_len(packet));
    departure.alter(&mut segment);
    packet.append(&mut segment);
}
