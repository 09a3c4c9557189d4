//! One host's driver, and the port between its machine and turmoil's sockets.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::iter;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::Notify;

use super::host::Simulant;
use super::net::Turmoil;
use super::shared::{Commands, Shared};
use crate::actor::AnyCommand;
use crate::drive::driver::{self, Core, Port, clock};
use crate::drive::net::{Manner, Packet, Pending};
use crate::drive::pace::Thread;
use crate::drive::sockets::{Raw, Sockets};
use crate::drive::{DriveError, Endpoint};
use crate::engine::{Arrival, Entry, Event, Settings, World};
use crate::fault::{Resolved, ResolvedHost};
use crate::host::{FIRST_EPHEMERAL_PORT, HostId};
use crate::machine::{Effect, Input, Peer};
use crate::network::{Order, Power, Segment, StreamEnd};
use crate::scenario::Spec;
use crate::time::Instant;
use crate::transcript::What;

/// Starts the machine of a host and drives it as long as the simulation goes on. Its sockets are bound at `any` address.
pub(super) async fn drive_host(
    host: HostId,
    any: IpAddr,
    spec: &'static Spec,
    settings: &Settings,
    shared: Rc<RefCell<Shared>>,
) -> Result<(), DriveError> {
    let own = &spec.hosts[host.index()];
    let bind = |local: Peer| Peer::from((any, local.port().unwrap_or(0)));
    let datagram =
        |local| Endpoint::Datagram { bind: bind(wire(local)), connect: None, broadcast: any.is_ipv4() };
    let datagrams = own.datagrams.iter().map(|socket| datagram(socket.local));
    let listeners = own.listeners.iter().map(|local| Endpoint::listener(bind(*local)));
    let endpoints: Vec<Endpoint> = datagrams.chain(listeners).collect();
    let (notify, generated) = {
        let shared = shared.borrow();
        (Rc::clone(&shared.notifies[host.index()]), Rc::clone(&shared.generated))
    };
    let mut driven = Simulant::new(host, spec, settings, Rc::clone(&shared));
    let mut gate = Gate {
        host,
        commands: Commands { own: &spec.commands, generated },
        sockets: Sockets::open(&endpoints, Manner::default()).await?,
        begin: clock(),
        skew: Duration::ZERO,
        stopped: false,
        shared,
        woken: notified(&notify),
        notify,
        ids: Vec::new(),
        datagrams: Vec::new(),
        pipes: Vec::new(),
        behind: false,
        disk: Vec::new(),
    };
    let start = Input::Start { local: spec.peers[host.index()] };
    driver::drive(&mut driven, &mut gate, start, pin!(pending()), Thread::Shared).await.map(|_| ())
}

/// A datagram socket's address on turmoil. There datagrams and streams share the ports that the system gives, and those of
/// streams are the model's; so datagram sockets have others.
fn wire(peer: Peer) -> Peer {
    const DOWN: u16 = 1 << 14;
    match peer.port() {
        Some(port @ FIRST_EPHEMERAL_PORT..) => peer.with_port(port - DOWN),
        _ => peer,
    }
}

/// The port to turmoil's sockets: it lets through what the model says, when the model says.
struct Gate {
    host: HostId,
    commands: Commands,
    sockets: Sockets<Turmoil>,
    begin: tokio::time::Instant,
    skew: Duration,
    /// The machine has been told to stop.
    stopped: bool,
    shared: Rc<RefCell<Shared>>,
    notify: Rc<Notify>,
    woken: Pending<()>,
    /// The socket of each end that is here.
    ids: Vec<(StreamEnd, u32)>,
    /// Datagrams that have come through the sockets, and are not due yet.
    datagrams: Vec<(Peer, Vec<u8>)>,
    /// Bytes of streams that have come through the sockets, by their ids.
    pipes: Vec<VecDeque<u8>>,
    /// Something is due that has not come through the sockets yet: it will at this very moment.
    behind: bool,
    disk: Vec<u8>,
}

impl Gate {
    /// The moment on the simulation's clock.
    fn global_now(&self) -> Instant {
        driver::elapsed(self.begin)
    }

    /// An end has this socket now: another may have had its name, which is over.
    fn name(&mut self, at: StreamEnd, id: u32) {
        self.ids.retain(|&(end, _)| end != at);
        self.ids.push((at, id));
    }

    fn id_of(&self, at: StreamEnd) -> Option<u32> {
        // The newest: the model may call a later stream as one that is over.
        self.ids.iter().rfind(|(end, _)| *end == at).map(|(_, id)| *id)
    }

    /// Takes what comes out of the sockets, to be handed in when it is due.
    fn take_raw(&mut self, raw: &Raw) {
        match *raw {
            Raw::Datagrams => {
                let inbox = self.sockets.lend_inbox();
                self.datagrams.extend(inbox.datagrams().map(|packet| (packet.peer, packet.bytes.to_vec())));
                self.sockets.take_back_inbox(inbox);
            }
            Raw::Accepted { id, peer, .. } => {
                let connector = self.shared.borrow().world.network.streams.connector_at(peer);
                if let Some(at) = connector {
                    self.name(at.other(), id);
                }
            }
            Raw::Read { id, len } => {
                let buffer = self.sockets.lend();
                if self.pipes.len() <= id as usize {
                    self.pipes.resize_with(id as usize + 1, VecDeque::new);
                }
                self.pipes[id as usize].extend(&buffer[..len]);
                self.sockets.take_back(buffer);
            }
            // The model says what these mean, and when; and its sockets are as many as are wanted.
            Raw::Refused { .. }
            | Raw::Crowded { .. }
            | Raw::Dialed { .. }
            | Raw::Eof { .. }
            | Raw::Wrote { .. }
            | Raw::ShutDown { .. }
            | Raw::Broken { .. } => {}
        }
    }

    /// Whether what is due has come through the sockets; takes it from there if it has.
    fn has_come(&mut self, event: Event) -> bool {
        match event {
            Event::Datagram(flight) => {
                let shared = self.shared.borrow();
                let flight = shared.world.flights.get(flight);
                let sockets = &shared.world.spec.hosts[self.host.index()].datagrams;
                let to = shared.world.lands_at(self.host, flight.to);
                if sockets.iter().all(|socket| socket.local != to) {
                    // Nobody takes it, on turmoil neither.
                    return true;
                }
                let source = wire(flight.source);
                // What was changed on its way is compared as it was changed.
                let come = |(peer, bytes): &(Peer, Vec<u8>)| *peer == source && *bytes == flight.bytes;
                let index = self.datagrams.iter().position(come);
                index.map(|index| self.datagrams.remove(index)).is_some()
            }
            Event::Stream(place) => {
                let (at, segment) = self.shared.borrow().world.segments.get(place);
                let Segment::Data { len, .. } = segment else { return true };
                let Some(pipe) = self.id_of(at).and_then(|id| self.pipes.get_mut(id as usize)) else {
                    return false;
                };
                let shared = self.shared.borrow();
                let (expected, come) = (shared.world.in_flight(at, len), pipe.iter().take(len as usize));
                if pipe.len() < len as usize || !expected.eq(come) {
                    return false;
                }
                // What a paused stream holds back becomes due once more, and is taken then.
                if !shared.world.network.streams.is_holding(at) {
                    pipe.drain(..len as usize);
                }
                true
            }
            _ => true,
        }
    }

    /// Opens the next thing that is due, if there is one and it has come.
    fn next_due(&mut self, core: &mut Core<'_>) -> Option<Result<(), DriveError>> {
        loop {
            let now = self.global_now();
            let (order, event) = {
                let shared = self.shared.borrow();
                let Entry { order, event } = shared.inboxes[self.host.index()].peek()?;
                (*order, *event)
            };
            if order.at() > now {
                return None;
            }
            self.behind = !self.has_come(event);
            if self.behind {
                return None;
            }
            let mut shared = self.shared.borrow_mut();
            shared.inboxes[self.host.index()].pop();
            if let Event::Fault(place) = event {
                let (fault, index) = shared.world.network.host_fault(place);
                if let ResolvedHost::Skew(_, ahead) = fault {
                    shared.world.network.fire(index);
                    self.skew += ahead;
                }
                if matches!(fault, ResolvedHost::Stop(_)) && core.done.is_none() && !self.stopped {
                    self.stopped = true;
                    shared.world.network.fire(index);
                    let fault = Resolved::Host { at: order.at(), fault };
                    shared.world.record(order.at(), HostId(0), What::Fault(fault));
                    drop(shared);
                    return Some(self.feed(core, Input::Stop));
                }
                continue;
            }
            let power = if core.done.is_some() { Power::Exited } else { Power::Running };
            let arrival = shared.world.open(order, event, power, core.effects());
            drop(shared);
            self.carry(&[]);
            if let Some(Arrival::Command(number)) = arrival {
                // Taken out meanwhile, for what is handed in borrows from it.
                let commands =
                    Commands { own: self.commands.own, generated: Rc::clone(&self.commands.generated) };
                return Some(self.feed(core, Input::Command(commands.get(number))));
            }
            if let Some(arrival) = arrival {
                let bytes = std::mem::take(&mut self.shared.borrow_mut().world.inbound);
                let fed = self.feed(core, arrival.input(&bytes));
                self.shared.borrow_mut().world.inbound = bytes;
                return Some(fed);
            }
        }
    }

    /// Sends through the sockets what the model has let out.
    fn carry(&mut self, written: &[u8]) {
        let shared = Rc::clone(&self.shared);
        let mut offset = 0;
        shared.borrow_mut().distribute(|world: &World<'_>, order: Order, event| match event {
            Event::Datagram(flight) => {
                let flight = world.flights.get(flight);
                if flight.from == self.host {
                    let to = world.lands_at(order.host(), flight.to);
                    let (local, peer) = (wire(flight.source), wire(to));
                    let packet = Packet { local, peer, bytes: &flight.bytes, ecn: flight.ecn };
                    self.sockets.send(&iter::once(packet));
                }
            }
            Event::Stream(place) => {
                let (at, segment) = world.segments.get(place);
                match segment {
                    Segment::Data { len, .. } => {
                        if let Some(id) = self.id_of(at.other()) {
                            self.sockets.write_alone(id, &written[offset..offset + len as usize]);
                        }
                        offset += len as usize;
                    }
                    Segment::Fin => {
                        if let Some(id) = self.id_of(at.other()) {
                            self.sockets.shutdown(id);
                            self.sockets.flush(id);
                        }
                    }
                    Segment::Syn => {
                        let id = self.sockets.dial(world.network.streams.address(at));
                        self.name(at.other(), id);
                    }
                    _ => {}
                }
            }
            _ => {}
        });
    }
}

impl Port for Gate {
    fn now(&self) -> Instant {
        self.global_now() + self.skew
    }

    fn runtime_at(&self, at: Instant) -> tokio::time::Instant {
        let span = at.since_start().saturating_sub(self.skew);
        driver::after(self.begin, span)
    }

    fn feed(&mut self, core: &mut Core<'_>, input: Input<'_, dyn AnyCommand>) -> Result<(), DriveError> {
        if core.done.is_some() {
            return Ok(());
        }
        let (now, local_now) = (self.global_now(), self.now());
        {
            let mut shared = self.shared.borrow_mut();
            shared.started += usize::from(matches!(input, Input::Start { .. }));
            shared.inputs += 1;
            shared.last_at = shared.last_at.max(now);
            if matches!(input, Input::Timeout) {
                shared.world.record(now, self.host, What::Timer);
            }
        }
        core.handle(input, local_now);
        self.settle(core, now)
    }

    fn settle(&mut self, core: &mut Core<'_>, now: Instant) -> Result<(), DriveError> {
        let mut disk = std::mem::take(&mut self.disk);
        let mut done = None;
        for effect in core.effects().from(0) {
            if let Effect::Done(status) = effect {
                done = Some(status);
            }
            let written = match effect {
                Effect::Write { bytes, .. } => bytes.to_vec(),
                _ => Vec::new(),
            };
            let mut shared = self.shared.borrow_mut();
            shared.world.apply(self.host, effect, now, &mut disk);
            shared.world.enqueue_segments();
            drop(shared);
            self.carry(&written);
        }
        self.disk = disk;
        core.effects().clear();
        core.done = core.done.or(done);
        core.tell();
        let mut shared = self.shared.borrow_mut();
        for conn in std::mem::take(&mut shared.world.unnamed) {
            core.effects().release(conn);
        }
        if core.done.is_some() {
            shared.world.exit(now, self.host);
        }
        drop(shared);
        self.carry(&[]);
        Ok(())
    }

    fn poll_input(&mut self, core: &mut Core<'_>, cx: &mut Context<'_>) -> Poll<Result<u32, DriveError>> {
        loop {
            match self.sockets.poll_next(cx) {
                Poll::Ready(Ok(raw)) => self.take_raw(&raw),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        if let Some(fed) = self.next_due(core) {
            return Poll::Ready(fed.map(|()| 1));
        }
        ready!(self.woken.as_mut().poll(cx));
        self.woken = notified(&self.notify);
        Poll::Ready(Ok(0))
    }

    fn is_behind(&self) -> bool {
        self.behind
    }

    fn wake_at(&self) -> Option<Instant> {
        let shared = self.shared.borrow();
        shared.inboxes[self.host.index()].peek().map(|entry| entry.order.at() + self.skew)
    }

    fn rest(&mut self, deadline: Option<Instant>) {
        let mut shared = self.shared.borrow_mut();
        shared.deadlines[self.host.index()] = deadline;
    }

    /// The system of a host outlives the process: it goes on answering for it until the simulation is over.
    async fn finish(&mut self, core: &mut Core<'_>) -> Result<(), DriveError> {
        let mut alarm = driver::Alarm::default();
        loop {
            self.rest(None);
            let wake_at = self.wake_at().filter(|_| !self.behind).map(|at| self.runtime_at(at));
            tokio::select! {
                biased;
                fed = poll_fn(|cx| self.poll_input(core, cx)) => drop(fed?),
                () = alarm.until(wake_at) => {}
            }
        }
    }
}

fn notified(notify: &Rc<Notify>) -> Pending<()> {
    let notify = Rc::clone(notify);
    Box::pin(async move { notify.notified().await })
}
