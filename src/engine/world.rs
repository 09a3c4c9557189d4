//! Everything of a run that is not a machine: the network, the queue, what is in flight, and what is kept.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use super::moves::Moves;
use super::queue::{Flights, Slab};
#[cfg(feature = "segments")]
use super::segments::OfSegments;
use super::{Event, Keep, Queue, Settings};
use crate::host::HostId;
use crate::machine::{Conn, Effect, Effects, Marked, Peer, Status, Violation};
use crate::network::{Class, Network, Order, Passing, Released, Segment, StreamEnd, Terrain};
use crate::scenario::{Datagrams, HostSpec, Spec, Timed};
use crate::time::Instant;
use crate::transcript::{Link, Log, What};

pub(crate) struct World<'s> {
    pub(crate) spec: &'s Spec,
    pub(crate) queue: Queue,
    pub(crate) network: Network,
    /// Whether packets may pass something else than their link.
    pub(super) has_paths: bool,
    pub(super) moves: Moves,
    /// The datagram sockets that each host has now.
    pub(super) sockets: Vec<Vec<Datagrams>>,
    /// Who is in which multicast group.
    pub(super) groups: BTreeSet<(IpAddr, HostId)>,
    pub(crate) flights: Flights,
    /// The segments of streams that are on their way.
    pub(crate) segments: Slab<(StreamEnd, Segment)>,
    /// The bytes in flight of each stream: those that the connector, and that the acceptor wrote.
    pub(super) pipes: Vec<[VecDeque<u8>; 2]>,
    /// The payload of what was opened last.
    pub(crate) inbound: Vec<u8>,
    /// What has left a bottleneck: memory that is used again.
    pub(super) released: Vec<Released>,
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
    /// The ends of streams that are made of segments.
    #[cfg(feature = "segments")]
    pub(super) tcp: Option<Box<OfSegments>>,
}

impl<'s> World<'s> {
    pub(crate) fn new(spec: &'s Spec) -> Self {
        Self {
            spec,
            queue: Queue::default(),
            network: Network::default(),
            has_paths: false,
            moves: Moves::default(),
            sockets: spec.hosts.iter().map(HostSpec::own_datagrams).collect(),
            groups: BTreeSet::new(),
            flights: Flights::default(),
            segments: Slab::default(),
            pipes: Vec::new(),
            inbound: Vec::new(),
            released: Vec::new(),
            keep: Keep::Outcome,
            log: Log::default(),
            told: Vec::new(),
            statuses: Vec::new(),
            ends: 0,
            violation: None,
            unnamed: Vec::new(),
            #[cfg(feature = "segments")]
            tcp: None,
        }
    }

    /// Makes the world anew, in the memory of the one before. `generated` are the commands that the run's seed gives.
    pub(crate) fn reset(&mut self, settings: &Settings, generated: &[Timed]) {
        let spec = self.spec;
        self.queue.clear();
        let listeners = spec.hosts.iter().map(HostSpec::own_listeners);
        let (latency, latencies) = settings.latencies(spec);
        let terrain = Terrain {
            latency,
            latencies,
            seed: settings.plan.rest.map_or(settings.effective_seed(), |rest| rest.seed),
            draws_after: settings.plan.rest.map_or(0, |rest| rest.after),
            profile: settings.profile,
            links: &settings.links,
            bottlenecks: [&spec.bottlenecks, &settings.plan.bottlenecks],
            schedule: &settings.plan.schedule,
        };
        if spec.has_nats() {
            self.network.nats.reset(spec.nats(), spec.behind_nats());
        }
        self.has_paths = !self.network.nats.is_empty();
        if !self.moves.is_empty() {
            self.moves = Moves::default();
            self.sockets = spec.hosts.iter().map(HostSpec::own_datagrams).collect();
        }
        self.network.reset(listeners, &terrain);
        #[cfg(feature = "segments")]
        self.reset_segments(settings);
        self.network.streams.keeps_left = settings.keep == Keep::Log;
        self.groups.clear();
        self.flights.reset();
        self.segments.clear();
        self.pipes.clear();
        self.keep = settings.keep;
        self.log.clear();
        if self.keep == Keep::Log {
            self.network.bottlenecks().for_each(|name| self.log.keep_bottleneck(name));
        }
        self.told.clear();
        self.statuses.clear();
        self.statuses.resize(spec.hosts.len(), None);
        self.ends = 0;
        self.violation = None;
        for (place, (order, ..)) in (0..).zip(self.network.host_faults()) {
            self.queue.push(order, Event::Fault(place));
        }
        if let Some(calm_at) = settings.plan.schedule.calm_at {
            // No fault of hosts is left for this moment, so nothing has its place.
            let order = Order::new(calm_at, HostId(0), Class::Fault, HostId(0), 0);
            self.queue.push(order, Event::Calm);
        }
        for (index, timed) in (0..).zip(spec.commands.iter().chain(generated)) {
            if self.keep == Keep::Log && spec.shows_commands {
                self.log.keep_command(format!("{:?}", timed.command));
            }
            if (index as usize) < spec.commands.len() || settings.plan.gives(index) {
                let order = Order::new(timed.at, timed.host, Class::Command, timed.host, u64::from(index));
                self.queue.push(order, Event::Command(index));
            }
        }
    }

    /// Does all that a host's machine wants done, in order; says how many events it has told by then. `told` is how many
    /// it had before.
    #[inline]
    pub(super) fn carry_out(
        &mut self,
        host: HostId,
        effects: &Effects,
        now: Instant,
        disk: &mut Vec<u8>,
        mut told: usize,
    ) -> usize {
        for step in 0..effects.len() {
            #[cfg(feature = "tasks")]
            if self.keep == Keep::Log {
                self.log.set_task(effects.task_of(step));
            }
            if let Some((way, payload)) = effects.datagram(step) {
                self.send(host, way, payload, now);
                continue;
            }
            let effect = effects.at(step);
            if let Effect::Event(index) = effect {
                told = index as usize + 1;
            }
            self.apply(host, effect, now, disk);
        }
        #[cfg(feature = "tasks")]
        self.log.set_task(0);
        told
    }

    /// Does one thing that a host's machine wants done.
    #[inline]
    pub(crate) fn apply(&mut self, host: HostId, effect: Effect<'_, u32>, now: Instant, disk: &mut Vec<u8>) {
        match effect {
            Effect::Send { local, peer, bytes, ecn } => {
                self.send(host, [&local, &peer], Marked { bytes, ecn }, now);
            }
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
        #[cfg(feature = "segments")]
        if self.tcp.is_some() && self.applied_to_segments(host, &effect, now) {
            return;
        }
        match effect {
            Effect::Connect { conn, peer } => {
                let (at, to) = self.connect(now, host, conn, peer);
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
            Effect::Join { group } => self.join(now, host, group),
            Effect::Leave { group } => self.leave(now, host, group),
            Effect::Send { .. } | Effect::Write { .. } | Effect::Event(_) => {
                self.apply(host, effect, now, disk);
            }
            Effect::Done(status) => {
                self.statuses[host.index()] = Some(status);
                self.leave_all(host);
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

    #[inline]
    fn send(&mut self, host: HostId, way: [&Peer; 2], payload: Marked<'_>, now: Instant) {
        if self.has_paths {
            return self.send_by_paths(host, way, payload, now);
        }
        match self.spec.host_at(way[1]) {
            Some(to) => self.send_to(host, to, way, payload, now),
            None => self.send_to_all(host, way, payload, now),
        }
    }

    #[inline]
    pub(super) fn send_to(
        &mut self,
        host: HostId,
        to: HostId,
        way: [&Peer; 2],
        payload: Marked<'_>,
        now: Instant,
    ) {
        let passing =
            if self.keep == Keep::Log { Passing::Unknown } else { self.network.pass(now, host, to) };
        match passing {
            Passing::Arrives(n, order) => {
                let flight = self.flights.store((host, n), way, payload);
                self.queue.push(order, Event::Datagram(flight));
            }
            Passing::Lost => {}
            Passing::Unknown => self.send_through(host, to, (way, false), payload, now),
        }
    }

    /// Sends a datagram to which something may happen, or that is recorded.
    pub(super) fn send_through(
        &mut self,
        host: HostId,
        to: HostId,
        (way, broadcast): ([&Peer; 2], bool),
        payload: Marked<'_>,
        now: Instant,
    ) {
        let departure = self.network.datagram(now, host, to, payload);
        if self.keep == Keep::Log {
            self.record_send(host, to, &departure, (way, broadcast), payload, now);
        }
        if let Some(queued) = departure.queued {
            self.queue_up(now, (host, to), (queued, &departure), way, payload);
            return;
        }
        let payload = Marked { ecn: departure.ecn(payload.ecn), ..payload };
        for order in departure.arrivals {
            let Some(order) = order else { break };
            let flight = self.flights.store((host, departure.n), way, payload);
            if departure.fault.is_some() {
                departure.alter(self.flights.bytes_mut(flight));
            }
            self.queue.push(order, Event::Datagram(flight));
        }
    }

    fn write(&mut self, host: HostId, conn: Conn, bytes: &[u8], now: Instant) {
        #[cfg(feature = "segments")]
        if self.tcp.is_some() && self.written_to_segments(host, conn, bytes, now) {
            return;
        }
        let Some(at) = self.network.streams.find(host, conn) else { return };
        let offset = self.network.streams.sent_len(at);
        let carried_len = self.network.write(now, at, bytes.len() as u32) as usize;
        self.pipes[at.stream as usize][usize::from(at.side)].extend(&bytes[..carried_len]);
        if self.keep == Keep::Log {
            let link = self.link(at);
            self.record_bytes(now, host, bytes, |bytes| What::Write { link, offset, bytes });
        }
        self.record_marks(now, host);
    }

    /// Takes bytes that have arrived at an end, or as many as there are.
    pub(super) fn take_stream_bytes(&mut self, at: StreamEnd, len: u32) {
        let pipe = &mut self.pipes[at.stream as usize][usize::from(at.other().side)];
        let len = pipe.len().min(len as usize);
        // In at most two pieces: an iterator over a ring goes byte by byte.
        let (first, second) = pipe.as_slices();
        let first_len = first.len().min(len);
        self.inbound.clear();
        self.inbound.extend_from_slice(&first[..first_len]);
        self.inbound.extend_from_slice(&second[..len - first_len]);
        pipe.drain(..len);
    }

    /// The next bytes on their way to an end.
    #[cfg(feature = "turmoil")]
    pub(crate) fn in_flight(&self, at: StreamEnd, len: u32) -> impl Iterator<Item = &u8> {
        self.pipes[at.stream as usize][usize::from(at.other().side)].iter().take(len as usize)
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
            self.queue.push(order, Event::Stream(place));
        }
        if !self.network.streams.left.is_empty() {
            self.record_left();
        }
    }

    pub(super) fn push(&mut self, order: Order, event: Event) {
        self.queue.push(order, event);
    }
}
