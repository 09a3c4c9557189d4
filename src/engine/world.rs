//! Everything of a run that is not a machine: the network, the queue, what is in flight, and what is kept.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::mem;
use std::net::Ipv4Addr;

use super::queue::{Flights, Slab};
use super::{Entry, Event, Keep, Queue, Settings};
use crate::fault::Resolved;
use crate::host::HostId;
use crate::machine::{Conn, Effect, Effects, Peer, Status, Violation};
use crate::network::{Class, GoesDown, Left, Network, Order, Segment, StreamEnd, Terrain};
use crate::scenario::{Spec, Timed};
use crate::time::Instant;
use crate::transcript::{Carried, Link, Log, Packet, Part, Span, What};

pub(crate) struct World<'s> {
    pub(crate) spec: &'s Spec,
    pub(crate) queue: Queue,
    pub(crate) network: Network,
    pub(crate) flights: Flights,
    /// The segments of streams that are on their way.
    pub(crate) segments: Slab<(StreamEnd, Segment)>,
    /// The bytes in flight of each stream: those that the connector, and that the acceptor wrote.
    pub(super) pipes: Vec<[VecDeque<u8>; 2]>,
    /// The payload of what was opened last.
    pub(crate) inbound: Vec<u8>,
    pub(super) keep: Keep,
    pub(crate) log: Log,
    /// Everything that was told, in order: when, by whom, and which of that host's events it is.
    pub(crate) told: Vec<(Instant, HostId, u32)>,
    pub(crate) statuses: Vec<Option<Status>>,
    /// How many machines have ended.
    pub(super) ends: u32,
    pub(crate) violation: Option<(HostId, Violation)>,
    /// Streams that were given up before they stood: their names are free.
    pub(crate) unnamed: Vec<Conn>,
}

impl<'s> World<'s> {
    pub(crate) fn new(spec: &'s Spec) -> Self {
        Self {
            spec,
            queue: Queue::default(),
            network: Network::default(),
            flights: Flights::default(),
            segments: Slab::default(),
            pipes: Vec::new(),
            inbound: Vec::new(),
            keep: Keep::Outcome,
            log: Log::default(),
            told: Vec::new(),
            statuses: Vec::new(),
            ends: 0,
            violation: None,
            unnamed: Vec::new(),
        }
    }

    /// Makes the world anew, in the memory of the one before. `generated` are the commands that the run's seed gives.
    pub(crate) fn reset(&mut self, settings: &Settings, generated: &[Timed]) {
        let spec = self.spec;
        self.queue.clear();
        let listeners = spec.hosts.iter().map(|host| host.listeners.iter().copied());
        let (latency, latencies) = settings.latencies(spec);
        let terrain = Terrain {
            latency,
            latencies,
            seed: settings.plan.rest.map_or(settings.effective_seed(), |rest| rest.seed),
            draws_after: settings.plan.rest.map_or(0, |rest| rest.after),
            profile: settings.profile,
            links: &settings.links,
            schedule: &settings.plan.schedule,
        };
        self.network.reset(listeners, &terrain);
        self.network.streams.keeps_left = settings.keep == Keep::Log;
        self.flights.reset();
        self.segments.clear();
        self.pipes.clear();
        self.keep = settings.keep;
        self.log.clear();
        self.told.clear();
        self.statuses.clear();
        self.statuses.resize(spec.hosts.len(), None);
        self.ends = 0;
        self.violation = None;
        for (place, (order, ..)) in (0..).zip(self.network.host_faults()) {
            self.queue.push(Reverse(Entry { order, event: Event::Fault(place) }));
        }
        if let Some(calm_at) = settings.plan.schedule.calm_at {
            // No fault of hosts is left for this moment, so nothing has its place.
            let order = Order::new(calm_at, HostId(0), Class::Fault, HostId(0), 0);
            self.queue.push(Reverse(Entry { order, event: Event::Calm }));
        }
        for (index, timed) in (0..).zip(spec.commands.iter().chain(generated)) {
            if self.keep == Keep::Log && spec.shows_commands {
                self.log.keep_command(format!("{:?}", timed.command));
            }
            if (index as usize) < spec.commands.len() || settings.plan.gives(index) {
                let order = Order::new(timed.at, timed.host, Class::Command, timed.host, u64::from(index));
                self.queue.push(Reverse(Entry { order, event: Event::Command(index) }));
            }
        }
    }

    /// Does one thing that a host's machine wants done.
    #[inline]
    pub(crate) fn apply(&mut self, host: HostId, effect: Effect<'_, u32>, now: Instant, disk: &mut Vec<u8>) {
        match effect {
            Effect::Send { local, peer, bytes } => self.send(host, (local, peer), bytes, now),
            Effect::Write { conn, bytes } => self.write(host, conn, bytes, now),
            Effect::Event(index) => {
                if self.keep >= Keep::Events {
                    self.record(now, host, What::Event(index));
                    self.told.push((now, host, index));
                }
            }
            other => self.apply_other(host, other, now, disk),
        }
    }

    /// Does what machines want less often.
    fn apply_other(&mut self, host: HostId, effect: Effect<'_, u32>, now: Instant, disk: &mut Vec<u8>) {
        match effect {
            Effect::Connect { conn, peer } => {
                let (local, to) = (self.spec.dials_from(host, peer), self.spec.host_at(peer));
                let at = self.network.connect(now, host, conn, local, to, peer);
                if to.is_some() {
                    self.record_link(now, host, at, What::Connect);
                    self.record_marks(now, host);
                }
                // The slot may be that of a stream which is over.
                self.pipes.resize_with(self.pipes.len().max(at.stream as usize + 1), Default::default);
                self.pipes[at.stream as usize].iter_mut().for_each(VecDeque::clear);
            }
            Effect::Save { bytes } => {
                disk.clear();
                disk.extend_from_slice(bytes);
                self.record(now, host, What::Save(bytes.len() as u32));
            }
            Effect::Send { .. } | Effect::Write { .. } | Effect::Event(_) => {
                self.apply(host, effect, now, disk);
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

    fn send(&mut self, host: HostId, (local, peer): (Peer, Peer), bytes: &[u8], now: Instant) {
        if let Some(to) = self.spec.host_at(peer) {
            return self.send_to(host, to, (local, peer, false), bytes, now);
        }
        if peer.ip() != Some(Ipv4Addr::BROADCAST.into()) {
            return self.record_bytes(now, host, bytes, |bytes| What::SendNowhere { peer, bytes });
        }
        for to in (0..self.spec.hosts.len()).map(|index| HostId(index as u16)).filter(|to| *to != host) {
            let hears = self.spec.hosts[to.index()].datagrams.iter().map(|socket| socket.local);
            for at in hears.filter(|at| at.is_like(&peer) && at.port() == peer.port()) {
                self.send_to(host, to, (local, at, true), bytes, now);
            }
        }
    }

    fn send_to(
        &mut self,
        host: HostId,
        to: HostId,
        (local, peer, broadcast): (Peer, Peer, bool),
        bytes: &[u8],
        now: Instant,
    ) {
        if self.keep != Keep::Log
            && let Some((n, order)) = self.network.pass(now, host, to)
        {
            let flight = self.flights.store((host, n, local, peer), bytes);
            self.queue.push(Reverse(Entry { order, event: Event::Datagram(flight) }));
            return;
        }
        let departure = self.network.datagram(now, host, to, bytes);
        let n = departure.n;
        if self.keep == Keep::Log {
            let span = self.log.keep(bytes);
            self.log.push(now, host, What::Send { to, n, bytes: span });
            let arrives_at = departure.arrivals.map(|arrival| arrival.map(Order::at));
            let what = Carried::Datagram { n, bytes: span, broadcast, arrives_at };
            self.log.push_packet(Packet { at: now, from: host, to, addresses: [local, peer], what });
        }
        if let Some(fault) = departure.fault {
            self.record(now, host, What::Fault(Resolved::Datagram { from: host, to, n, fault }));
        }
        for order in departure.arrivals {
            let Some(order) = order else { break };
            let flight = self.flights.store((host, n, local, peer), bytes);
            if departure.fault.is_some() {
                departure.alter(self.flights.bytes_mut(flight));
            }
            self.queue.push(Reverse(Entry { order, event: Event::Datagram(flight) }));
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

    /// What befalls a host at one of its inputs: whether it goes down, and after which of the effects.
    pub(super) fn befall(
        &mut self,
        now: Instant,
        host: HostId,
        is_recv: bool,
        effects: &Effects,
    ) -> Option<GoesDown> {
        let down = self.network.befall(now, host, is_recv, effects);
        self.enqueue_later();
        down
    }

    /// What befalls a host whose machine has ended.
    pub(super) fn ended(&mut self, now: Instant, host: HostId) {
        self.network.ended(now, host);
        self.enqueue_later();
    }

    fn enqueue_later(&mut self) {
        for (place, order) in self.network.take_later() {
            self.queue.push(Reverse(Entry { order, event: Event::Drawn(place) }));
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
    #[inline]
    pub(crate) fn enqueue_segments(&mut self) {
        let streams = &self.network.streams;
        if !(streams.sent.is_empty() && streams.left.is_empty()) {
            self.enqueue_sent();
        }
    }

    fn enqueue_sent(&mut self) {
        for (order, at, segment) in self.network.streams.sent.drain(..) {
            let place = self.segments.store((at, segment));
            self.queue.push(Reverse(Entry { order, event: Event::Stream(place) }));
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
            let addresses = [from, from.other()].map(|end| streams.address(end));
            let [from, to] = [from, from.other()].map(|end| streams.host(end));
            self.log.push_packet(Packet { at, from, to, addresses, what });
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
    pub(super) fn record_marks(&mut self, now: Instant, host: HostId) {
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
