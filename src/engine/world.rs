//! Everything of a run that is not a machine: the network, the queue, what is in flight, and what is kept.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::mem;

use super::{Entry, Event, Keep, Queue, Settings};
use crate::fault::Resolved;
use crate::host::HostId;
use crate::machine::{Conn, Effect, Peer, Status, Violation};
use crate::network::{Class, Left, Network, Order, Segment, StreamEnd, Terrain};
use crate::scenario::{Binding, Scenario, TimedCommand};
use crate::time::Instant;
use crate::transcript::{Carried, Happened, Link, Log, Packet, Part, Span, What};

#[derive(Debug)]
pub(crate) struct World<E> {
    pub(crate) queue: Queue,
    pub(crate) network: Network,
    pub(crate) payloads: Payloads,
    /// The bytes in flight of each stream: those that the connector, and that the acceptor wrote.
    pub(super) pipes: Vec<[VecDeque<u8>; 2]>,
    /// The payload of what was opened last.
    pub(crate) inbound: Vec<u8>,
    pub(super) keep: Keep,
    pub(crate) log: Log,
    pub(crate) events: Vec<Happened<E>>,
    pub(crate) statuses: Vec<Option<Status>>,
    /// How many machines have ended.
    pub(super) ends: u32,
    pub(crate) violation: Option<(HostId, Violation)>,
    /// Streams that were given up before they stood: their names are free.
    pub(crate) unnamed: Vec<Conn>,
    /// The sockets of each host.
    pub(super) bindings: Vec<Binding>,
}

impl<E> Default for World<E> {
    fn default() -> Self {
        Self {
            queue: Queue::default(),
            network: Network::default(),
            payloads: Payloads::default(),
            pipes: Vec::new(),
            inbound: Vec::new(),
            keep: Keep::Outcome,
            log: Log::default(),
            events: Vec::new(),
            statuses: Vec::new(),
            ends: 0,
            violation: None,
            unnamed: Vec::new(),
            bindings: Vec::new(),
        }
    }
}

/// Datagrams in flight, in buffers that are used again.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    buffers: Vec<Vec<u8>>,
    free: Vec<u32>,
}

impl Payloads {
    fn store(&mut self, bytes: &[u8]) -> u32 {
        let Some(index) = self.free.pop() else {
            self.buffers.push(bytes.to_vec());
            return self.buffers.len() as u32 - 1;
        };
        let buffer = &mut self.buffers[index as usize];
        buffer.clear();
        buffer.extend_from_slice(bytes);
        index
    }

    /// The bytes of a payload.
    pub(crate) fn bytes(&self, index: u32) -> &[u8] {
        &self.buffers[index as usize]
    }

    /// Takes a payload out, and gives a buffer back for it.
    pub(super) fn take(&mut self, index: u32, into: &mut Vec<u8>) {
        mem::swap(&mut self.buffers[index as usize], into);
        self.free.push(index);
    }

    fn reset(&mut self) {
        self.free.clear();
        self.free.extend((0..self.buffers.len() as u32).rev());
    }
}

impl<E> World<E> {
    /// Makes the world anew, in the memory of the one before. `commands` are all those of the run.
    pub(crate) fn reset<C>(
        &mut self,
        scenario: &Scenario<C, E>,
        settings: &Settings,
        commands: &[TimedCommand<C>],
    ) {
        self.queue.clear();
        let listeners = scenario.hosts().iter().enumerate().map(|(index, host)| match host.binding {
            Binding::Listener { port } => Some(HostId(index as u16).address(port)),
            _ => None,
        });
        let (latency, latencies) = settings.latencies(scenario);
        let terrain = Terrain {
            latency,
            latencies,
            seed: settings.effective_seed(),
            profile: settings.profile,
            links: &settings.links,
            schedule: &settings.plan.schedule,
        };
        self.network.reset(listeners, &terrain);
        self.network.streams.keeps_left = settings.keep == Keep::Log;
        self.payloads.reset();
        self.pipes.clear();
        self.keep = settings.keep;
        self.log.clear();
        self.events.clear();
        self.statuses.clear();
        self.statuses.resize(scenario.hosts().len(), None);
        self.ends = 0;
        self.violation = None;
        self.bindings.clear();
        self.bindings.extend(scenario.hosts().iter().map(|host| host.binding));
        for (order, fault, index) in self.network.host_faults() {
            self.queue.push(Reverse(Entry { order, event: Event::Fault(fault, index) }));
        }
        if let Some(calm_at) = settings.plan.schedule.calm_at {
            // No fault of hosts is left for this moment, so nothing has its place.
            let order = Order::new(calm_at, HostId(0), Class::Fault, HostId(0), 0);
            self.queue.push(Reverse(Entry { order, event: Event::Calm }));
        }
        let own = scenario.commands().len();
        for (index, (at, host, command)) in commands.iter().enumerate() {
            if self.keep == Keep::Log
                && let Some(text) = scenario.command_text(command)
            {
                self.log.keep_command(text);
            }
            if index < own || settings.plan.gives(index as u32) {
                let order = Order::new(*at, *host, Class::Command, *host, index as u64);
                self.queue.push(Reverse(Entry { order, event: Event::Command(index as u32) }));
            }
        }
    }

    /// Does one thing that a host's machine wants done.
    pub(crate) fn apply(&mut self, host: HostId, effect: Effect<'_, E>, now: Instant, disk: &mut Vec<u8>) {
        match effect {
            Effect::Send { peer, bytes } => self.send(host, peer, bytes, now),
            Effect::Connect { conn, peer } => {
                let to = HostId::at(peer).filter(|to| to.index() < self.network.host_count());
                let at = self.network.connect(now, host, conn, host.address(0), to, peer);
                if to.is_some() {
                    self.record_link(now, host, at, What::Connect);
                }
                // The slot may be that of a stream which is over.
                self.pipes.resize_with(self.pipes.len().max(at.stream as usize + 1), Default::default);
                self.pipes[at.stream as usize].iter_mut().for_each(VecDeque::clear);
            }
            Effect::Write { conn, bytes } => self.write(host, conn, bytes, now),
            Effect::Save { bytes } => {
                disk.clear();
                disk.extend_from_slice(bytes);
                self.record(now, host, What::Save(bytes.len() as u32));
            }
            Effect::Event(event) => {
                if self.keep >= Keep::Events {
                    self.record(now, host, What::Event(self.events.len() as u32));
                    self.events.push(Happened { at: now, host, event });
                }
            }
            Effect::Done(status) => {
                self.statuses[host.index()] = Some(status);
                self.ends += 1;
                self.record(now, host, What::Done(status));
            }
            Effect::Violation(violation) => {
                self.broken(now, host, violation.to_string());
                self.violation.get_or_insert((host, violation));
            }
            Effect::Shutdown { conn } => self.with_stream(host, conn, now, What::Shutdown, |network, at| {
                network.shutdown(now, at);
                false
            }),
            Effect::Close { conn } => {
                self.with_stream(host, conn, now, What::Close, |network, at| network.close(now, at));
            }
            Effect::Abort { conn } => {
                self.with_stream(host, conn, now, What::Abort, |network, at| network.abort(now, at));
            }
            Effect::Pause { conn } => self.with_stream(host, conn, now, What::Pause, |network, at| {
                network.pause(at);
                false
            }),
            Effect::Resume { conn } => self.with_stream(host, conn, now, What::Resume, |network, at| {
                network.resume(now, at);
                false
            }),
        }
    }

    /// Records what is done to a stream, does it, and frees its name if it says that nothing more will come.
    fn with_stream(
        &mut self,
        host: HostId,
        conn: Conn,
        now: Instant,
        what: fn(Link) -> What,
        act: impl FnOnce(&mut Network, StreamEnd) -> bool,
    ) {
        let Some(at) = self.network.streams.find(host, conn) else { return };
        self.record_link(now, host, at, what);
        if act(&mut self.network, at) {
            self.unnamed.push(conn);
        }
        self.record_marks(now, host);
    }

    fn send(&mut self, host: HostId, peer: Peer, bytes: &[u8], now: Instant) {
        let port = peer.port().unwrap_or(0);
        match HostId::at(peer) {
            Some(to) if to.index() < self.bindings.len() => {
                self.send_to(host, (to, port, false), bytes, now);
            }
            _ if peer.inet().is_some_and(|addr| addr.ip() == std::net::Ipv4Addr::BROADCAST) => {
                for to in (0..self.bindings.len()).map(|index| HostId(index as u16)) {
                    if to != host && self.datagram_port(to) == Some(port) {
                        self.send_to(host, (to, port, true), bytes, now);
                    }
                }
            }
            _ => self.record_bytes(now, host, bytes, |bytes| What::SendNowhere { bytes }),
        }
    }

    fn send_to(
        &mut self,
        host: HostId,
        (to, port, broadcast): (HostId, u16, bool),
        bytes: &[u8],
        now: Instant,
    ) {
        let departure = self.network.datagram(now, host, to, bytes);
        let n = departure.n;
        if self.keep == Keep::Log {
            let span = self.log.keep(bytes);
            self.log.push(now, host, What::Send { to, n, bytes: span });
            let ports = [self.datagram_port(host).unwrap_or(0), port];
            let arrives_at = departure.arrivals.map(|arrival| arrival.map(Order::at));
            let what = Carried::Datagram { n, bytes: span, broadcast, arrives_at };
            self.log.push_packet(Packet { at: now, from: host, to, ports, what });
        }
        if let Some(fault) = departure.fault {
            self.record(now, host, What::Fault(Resolved::Datagram { from: host, to, n, fault }));
        }
        for order in departure.arrivals.into_iter().flatten() {
            let payload = self.payloads.store(bytes);
            departure.alter(&mut self.payloads.buffers[payload as usize]);
            self.queue
                .push(Reverse(Entry { order, event: Event::Datagram { from: host, n, port, payload } }));
        }
    }

    fn write(&mut self, host: HostId, conn: Conn, bytes: &[u8], now: Instant) {
        let Some(at) = self.network.streams.find(host, conn) else { return };
        let offset = self.network.streams.sent_len(at);
        let carried_len = self.network.write(now, at, bytes.len() as u32) as usize;
        self.pipes[at.stream as usize][usize::from(at.side)].extend(&bytes[..carried_len]);
        let link = self.link(at);
        self.record_bytes(now, host, bytes, |bytes| What::Write { link, offset, bytes });
        self.record_marks(now, host);
    }

    /// Takes bytes that have arrived at an end, or as many as there are.
    pub(super) fn take_stream_bytes(&mut self, at: StreamEnd, len: u32) {
        let pipe = &mut self.pipes[at.stream as usize][usize::from(at.other().side)];
        self.inbound.clear();
        self.inbound.extend(pipe.drain(..pipe.len().min(len as usize)));
    }

    /// The next bytes on their way to an end.
    #[cfg(feature = "turmoil")]
    pub(crate) fn in_flight(&self, at: StreamEnd, len: u32) -> impl Iterator<Item = &u8> {
        self.pipes[at.stream as usize][usize::from(at.other().side)].iter().take(len as usize)
    }

    /// The port of a host's datagram socket.
    pub(super) fn datagram_port(&self, host: HostId) -> Option<u16> {
        match self.bindings[host.index()] {
            Binding::Datagram { port, .. } => Some(port),
            _ => None,
        }
    }

    /// A host's machine has ended: the system closes its streams in good order.
    pub(crate) fn exit(&mut self, now: Instant, host: HostId) {
        self.network.exit(now, host);
        self.record_marks(now, host);
        self.enqueue_segments();
    }

    /// A host's process dies.
    pub(super) fn crash(&mut self, now: Instant, host: HostId) {
        self.network.crash(now, host);
        self.record_marks(now, host);
        self.enqueue_segments();
    }

    /// Puts the segments that the network has sent into the queue.
    pub(crate) fn enqueue_segments(&mut self) {
        for (order, at, segment) in self.network.streams.sent.drain(..) {
            self.queue.push(Reverse(Entry { order, event: Event::Stream(at, segment) }));
        }
        if !self.network.streams.left.is_empty() {
            self.record_left();
        }
    }

    /// Records what has left on streams.
    fn record_left(&mut self) {
        let mut left = mem::take(&mut self.network.streams.left);
        let streams = &self.network.streams;
        for Left { at, from, segment, arrives_at } in left.drain(..) {
            let what = match segment {
                Segment::Syn => Part::Syn,
                Segment::SynAck => Part::SynAck,
                Segment::Ack => Part::Ack,
                Segment::Failed(_) => Part::Refusal,
                Segment::Data { offset, len } => Part::Data { offset, len },
                Segment::Fin => Part::Fin,
                Segment::Rst => Part::Rst,
                Segment::Credit(len) => Part::Taken(len),
                // These leave no host.
                Segment::Over(_) | Segment::LingerOver => continue,
            };
            let (number, is_connector) = (streams.number(from), from.side == 0);
            let what = Carried::Segment { number, is_connector, part: what, arrives_at };
            let (ports, hosts) =
                ([from, from.other()].map(|end| streams.port(end).unwrap_or(0)), [from, from.other()]);
            let [from, to] = hosts.map(|end| streams.host(end));
            self.log.push_packet(Packet { at, from, to, ports, what });
        }
        self.network.streams.left = left;
    }

    pub(super) fn push(&mut self, order: Order, event: Event) {
        self.queue.push(Reverse(Entry { order, event }));
    }

    /// Records that something does not hold.
    pub(super) fn broken(&mut self, now: Instant, host: HostId, text: String) {
        if self.keep == Keep::Log {
            self.log.broken(now, host, text);
        }
    }

    pub(crate) fn record(&mut self, now: Instant, host: HostId, what: What) {
        if self.keep == Keep::Log {
            self.log.push(now, host, what);
        }
    }

    pub(super) fn record_bytes(
        &mut self,
        now: Instant,
        host: HostId,
        bytes: &[u8],
        what: impl FnOnce(Span) -> What,
    ) {
        if self.keep == Keep::Log {
            let span = self.log.keep(bytes);
            self.log.push(now, host, what(span));
        }
    }

    fn record_link(&mut self, now: Instant, host: HostId, at: StreamEnd, what: fn(Link) -> What) {
        let link = self.link(at);
        self.record(now, host, what(link));
    }

    /// Records the faults of streams that have just fired.
    fn record_marks(&mut self, now: Instant, host: HostId) {
        let marks = mem::take(&mut self.network.streams.marks);
        for &mark in &marks {
            self.record(now, host, What::Fault(mark));
        }
        self.network.streams.marks = marks;
        self.network.streams.marks.clear();
    }

    fn link(&self, at: StreamEnd) -> Link {
        let streams = &self.network.streams;
        Link { peer: streams.host(at.other()), number: streams.number(at) }
    }
}
