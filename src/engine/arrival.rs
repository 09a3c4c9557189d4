//! What is due, opened: recorded, and made into what a machine is told.

use super::{Event, Keep, World};
use crate::host::HostId;
use crate::machine::{CloseReason, Conn, ConnectError, Input, Outbox, Peer, limits};
use crate::network::{Delivery, Order, Power, Segment, StreamEnd};
use crate::scenario::{Binding, TimedCommand};
use crate::transcript::{Carried, Link, Packet, What};

/// An input whose bytes, if it has any, are in [`World::inbound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Command(u32),
    Datagram { peer: Peer },
    Unreachable { peer: Peer },
    Connected { conn: Conn, peer: Peer, local: Peer },
    ConnectFailed { conn: Conn, peer: Peer, reason: ConnectError },
    Received { conn: Conn },
    Eof { conn: Conn },
    Writable { conn: Conn },
    Closed { conn: Conn, reason: CloseReason },
}

impl Arrival {
    /// The input.
    pub(crate) fn input<'a, C: Clone>(self, bytes: &'a [u8], commands: &[TimedCommand<C>]) -> Input<'a, C> {
        match self {
            Self::Command(index) => Input::Command(commands[index as usize].2.clone()),
            Self::Datagram { peer } => Input::Datagram { peer, bytes },
            Self::Unreachable { peer } => Input::Unreachable { peer },
            Self::Connected { conn, peer, local } => Input::Connected { conn, peer, local },
            Self::ConnectFailed { conn, peer, reason } => Input::ConnectFailed { conn, peer, reason },
            Self::Received { conn } => Input::Received { conn, bytes },
            Self::Eof { conn } => Input::Eof { conn },
            Self::Writable { conn } => Input::Writable { conn },
            Self::Closed { conn, reason } => Input::Closed { conn, reason },
        }
    }
}

impl<E> World<E> {
    /// Opens what is due for a host, unless it is a fault or a timer: records it, and says what its machine is to be
    /// told, if anything. `outbox` is the machine's, where streams have their names.
    pub(crate) fn open(
        &mut self,
        order: Order,
        event: Event,
        power: Power,
        outbox: &mut Outbox<E>,
    ) -> Option<Arrival> {
        let (now, host) = (order.at(), order.host());
        match event {
            Event::Command(index) if power == Power::Running => {
                self.record(now, host, What::Command(index));
                Some(Arrival::Command(index))
            }
            Event::Refusal { from, peer } if power == Power::Running => {
                self.record(now, host, What::Unreachable { peer: from });
                Some(Arrival::Unreachable { peer })
            }
            Event::Datagram { from, n, port, payload } => {
                let mut bytes = std::mem::take(&mut self.inbound);
                self.payloads.take(payload, &mut bytes);
                self.inbound = bytes;
                self.open_datagram(order, power, (from, n, port))
            }
            Event::Stream(at, segment) => self.open_segment(order, at, segment, power, outbox),
            Event::Command(_) | Event::Refusal { .. } | Event::Fault(..) | Event::Calm | Event::Timer => None,
        }
    }

    fn open_datagram(
        &mut self,
        order: Order,
        power: Power,
        (from, n, port): (HostId, u64, u16),
    ) -> Option<Arrival> {
        let (now, host) = (order.at(), order.host());
        let source = from.address(self.datagram_port(from).unwrap_or(0));
        match (power, self.bindings[host.index()]) {
            (Power::Off, _) => None,
            (Power::Running, Binding::Datagram { port: bound, connect }) if bound == port => {
                // The system of a connected socket drops what comes from elsewhere.
                if connect.is_some_and(|peer| peer != source) {
                    return None;
                }
                let bytes = std::mem::take(&mut self.inbound);
                self.record_bytes(now, host, &bytes, |bytes| What::Recv { from, n, bytes });
                self.inbound = bytes;
                Some(Arrival::Datagram { peer: source })
            }
            _ => {
                // The system refuses it; only a connected socket hears of that.
                let peer = host.address(port);
                let connected = match self.bindings[from.index()] {
                    Binding::Datagram { connect, .. } => connect == Some(peer),
                    _ => false,
                };
                if connected && let Some(order) = self.network.refusal(now, host, from) {
                    if self.keep == Keep::Log {
                        let ports = [port, self.datagram_port(from).unwrap_or(0)];
                        let what = Carried::Refusal { n, arrives_at: order.at() };
                        self.log.push_packet(Packet { at: now, from: host, to: from, ports, what });
                    }
                    self.push(order, Event::Refusal { from: host, peer });
                }
                None
            }
        }
    }

    fn open_segment(
        &mut self,
        order: Order,
        at: StreamEnd,
        segment: Segment,
        power: Power,
        outbox: &mut Outbox<E>,
    ) -> Option<Arrival> {
        let (now, host) = (order.at(), order.host());
        let delivery = self.network.arrive(order, at, segment, power);
        self.enqueue_segments();
        let streams = &mut self.network.streams;
        match delivery? {
            Delivery::Accepted => streams.name(at, outbox.accept(limits::SEND_BUFFER_LEN as u32)),
            Delivery::Discard(len) => self.take_stream_bytes(at, len),
            _ => {}
        }
        let streams = &mut self.network.streams;
        let conn = streams.conn(at)?;
        let (peer, local) = (streams.address(at.other()), streams.address(at));
        let link = Link { peer: streams.host(at.other()), number: streams.number(at) };
        let (what, arrival) = match delivery? {
            Delivery::Accepted => (What::Connected(link), Arrival::Connected { conn, peer, local }),
            Delivery::Connected => {
                outbox.connected(conn, limits::SEND_BUFFER_LEN as u32);
                (What::Connected(link), Arrival::Connected { conn, peer, local })
            }
            Delivery::Failed(reason) => {
                outbox.release(conn);
                streams.forget(at);
                let link = (link.peer != host).then_some(link);
                (What::ConnectFailed(link, reason), Arrival::ConnectFailed { conn, peer, reason })
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
                if !outbox.credit(conn, len) {
                    return None;
                }
                (What::Writable(link), Arrival::Writable { conn })
            }
            Delivery::Closed(reason) => {
                outbox.release(conn);
                streams.forget(at);
                (What::Closed(link, reason), Arrival::Closed { conn, reason })
            }
            Delivery::Discard(_) => return None,
        };
        self.record(now, host, what);
        Some(arrival)
    }
}
