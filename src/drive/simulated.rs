//! Turmoil: a whole scenario, each host driven by the same loop as on real sockets, over turmoil's.
//!
//! What arrives when is decided by the same network model that the event engine uses; the bytes themselves travel through
//! turmoil's sockets, and are compared with what the model says when they are handed in. So turmoil proves the loop, the
//! timers of tokio, and the sockets' reading and writing.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use super::driver::{self, Core, Port};
use super::net::Pending;
use super::sockets::{Raw, Sockets};
use super::turmoil_net::Turmoil;
use super::{DriveError, Endpoint};
use crate::engine::{Ended, Entry, Event, Keep, Outcome, Queue, Settings, World};
use crate::fault::{FaultKind, Resolved, ResolvedHost};
use crate::host::HostId;
use crate::machine::{Boot, BoxedMachine, Effect, Input, Machine, Peer, Status};
use crate::network::{Order, Power, Segment, StreamEnd};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::transcript::{Happened, Log, Transcript, What};

/// How far turmoil's clock goes at a time. Every latency, delay and timer is a multiple of it.
const TICK: Duration = Duration::from_millis(1);
/// The most hosts: turmoil's cost for each tick grows with their number's third power.
pub const MAX_TURMOIL_HOSTS: usize = 30;

/// A run on turmoil.
#[derive(Debug)]
pub struct Simulated<E> {
    /// How it went.
    pub outcome: Outcome,
    /// What happened.
    pub log: Log,
    /// The events.
    pub events: Vec<Happened<E>>,
    /// For each host how its machine ended, if it did.
    pub statuses: Vec<Option<Status>>,
    /// The plan's faults that never changed anything.
    pub unfired: Vec<Resolved>,
}

impl<E> Simulated<E> {
    /// The transcript.
    pub fn transcript<'a, C>(
        &'a self,
        scenario: &'a Scenario<C, E>,
        names: &'a [&'a str],
    ) -> Transcript<'a, E> {
        Transcript {
            names,
            log: &self.log,
            events: &self.events,
            show: scenario.show,
            decode: scenario.decode,
        }
    }
}

/// Why a scenario cannot be run on turmoil.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// Turmoil cannot do this fault as the event engine does.
    #[error("turmoil cannot have the fault '{}'; use the event engine", .0.name())]
    Fault(FaultKind),
    /// Turmoil's clock goes by whole milliseconds.
    #[error("on turmoil the link's latency is a whole number of milliseconds, at least 1ms")]
    Latency,
    /// Too many hosts.
    #[error("on turmoil a scenario has at most {MAX_TURMOIL_HOSTS} hosts, not {0}")]
    Hosts(usize),
    /// A host's driver failed.
    #[error("{0}")]
    Drive(String),
}

/// Runs a scenario on turmoil, with the same settings as in the event engine. What turmoil cannot do is refused by
/// name: crashes, poweroffs and restarts; that a refusal is reported does not happen there.
///
/// # Errors
/// [`SimulateError`] if the plan, the latency or the number of hosts is beyond turmoil, or if a driver fails: a panic of
/// a machine is not caught.
pub fn simulate<C, E>(
    scenario: &Rc<Scenario<C, E>>,
    settings: &Settings,
) -> Result<Simulated<E>, SimulateError>
where
    C: Clone + 'static,
    E: PartialEq + Debug + 'static,
{
    let latency = settings.plan.link.unwrap_or(scenario.latency);
    check(scenario, settings, latency)?;
    let shared = Rc::new(RefCell::new(Shared::new(scenario, settings)));
    let mut sim = turmoil::Builder::new()
        .tick_duration(TICK)
        .min_message_latency(latency)
        .max_message_latency(latency)
        .simulation_duration(Duration::MAX)
        .epoch(SystemTime::UNIX_EPOCH)
        .rng_seed(settings.effective_seed())
        .build();
    for index in 0..scenario.hosts().len() as u16 {
        let host = HostId(index);
        let (scenario, settings, shared) = (Rc::clone(scenario), settings.clone(), Rc::clone(&shared));
        let ip = host.address(0).inet().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |addr| addr.ip());
        sim.host(ip, move || {
            let (scenario, settings, shared) = (Rc::clone(&scenario), settings.clone(), Rc::clone(&shared));
            async move {
                let driven = drive_host(host, &scenario, &settings, Rc::clone(&shared)).await;
                if let Err(error) = driven {
                    shared.borrow_mut().failure.get_or_insert(error.to_string());
                }
                Ok(())
            }
        });
    }
    let max_elapsed = scenario.max_time.since_start() + TICK;
    while !shared.borrow().is_over(scenario.max_inputs) && sim.elapsed() < max_elapsed {
        sim.step().map_err(|error| SimulateError::Drive(error.to_string()))?;
    }
    drop(sim);
    conclude(&mut shared.borrow_mut(), scenario)
}

fn check<C, E>(
    scenario: &Scenario<C, E>,
    settings: &Settings,
    latency: Duration,
) -> Result<(), SimulateError> {
    let hosts = scenario.hosts().len();
    if hosts > MAX_TURMOIL_HOSTS {
        return Err(SimulateError::Hosts(hosts));
    }
    if latency.is_zero() || !latency.as_nanos().is_multiple_of(TICK.as_nanos()) {
        return Err(SimulateError::Latency);
    }
    let beyond = settings.plan.schedule.faults.iter().map(Resolved::kind);
    match beyond
        .into_iter()
        .find(|kind| matches!(kind, FaultKind::Crash | FaultKind::Poweroff | FaultKind::Restart))
    {
        Some(kind) => Err(SimulateError::Fault(kind)),
        None => Ok(()),
    }
}

fn conclude<C, E>(shared: &mut Shared<E>, scenario: &Scenario<C, E>) -> Result<Simulated<E>, SimulateError> {
    if let Some(failure) = shared.failure.take() {
        return Err(SimulateError::Drive(failure));
    }
    let ended = match &shared.world.violation {
        Some((_, violation)) => Ended::Broken(violation.law),
        None if shared.inputs >= scenario.max_inputs => Ended::InputLimit,
        None if shared.is_quiet() => Ended::Quiet,
        None => Ended::TimeLimit,
    };
    let world = &mut shared.world;
    Ok(Simulated {
        outcome: Outcome {
            ended,
            at: shared.last_at,
            inputs: shared.inputs,
            packets: world.network.packets,
            fired: *world.network.tally(),
        },
        log: std::mem::take(&mut world.log),
        events: std::mem::take(&mut world.events),
        statuses: std::mem::take(&mut world.statuses),
        unfired: world.network.unfired().collect(),
    })
}

/// What the hosts of one simulation have in common.
struct Shared<E> {
    world: World<E>,
    /// For each host what is on its way there.
    inboxes: Vec<Queue>,
    /// How to tell a host that something was put into its inbox.
    notifies: Vec<Rc<Notify>>,
    /// For each host when its machine wants to be woken.
    deadlines: Vec<Option<Instant>>,
    /// How many hosts have started.
    started: usize,
    inputs: u64,
    last_at: Instant,
    failure: Option<String>,
}

impl<E> Shared<E> {
    fn new<C>(scenario: &Scenario<C, E>, settings: &Settings) -> Self {
        let hosts = scenario.hosts().len();
        let mut world = World::default();
        world.reset(scenario, &Settings { keep: Keep::Log, ..settings.clone() });
        let mut shared = Self {
            world,
            inboxes: (0..hosts).map(|_| Queue::new()).collect(),
            notifies: (0..hosts).map(|_| Rc::default()).collect(),
            deadlines: vec![None; hosts],
            started: 0,
            inputs: 0,
            last_at: Instant::START,
            failure: None,
        };
        // Faults of hosts are put into the log here: a host whose machine has ended takes no part any more.
        for Reverse(Entry { order, event }) in std::mem::take(&mut shared.world.queue) {
            if let Event::Fault(fault, _) = event
                && order.at() <= scenario.max_time
            {
                let fault = Resolved::Host { at: order.at(), fault };
                shared.world.record(order.at(), HostId(0), What::Fault(fault));
            }
            if !matches!(
                event,
                Event::Fault(
                    ResolvedHost::Partition(..) | ResolvedHost::PartitionOneWay(..) | ResolvedHost::Heal,
                    _
                )
            ) {
                shared.inboxes[order.host().index()].push(Reverse(Entry { order, event }));
            }
        }
        shared
    }

    /// Puts what has been sent into the inboxes; `carry` sees each first.
    fn distribute(&mut self, mut carry: impl FnMut(&World<E>, Order, Event)) {
        while let Some(Reverse(Entry { order, event })) = self.world.queue.pop() {
            carry(&self.world, order, event);
            let to = order.host().index();
            self.inboxes[to].push(Reverse(Entry { order, event }));
            self.notifies[to].notify_one();
        }
    }

    fn is_quiet(&self) -> bool {
        let resting = self.deadlines.iter().all(Option::is_none) && self.inboxes.iter().all(Queue::is_empty);
        self.started == self.inboxes.len() && resting
    }

    fn is_over(&self, max_inputs: u64) -> bool {
        self.failure.is_some()
            || self.world.violation.is_some()
            || self.inputs >= max_inputs
            || self.is_quiet()
    }
}

async fn drive_host<C, E>(
    host: HostId,
    scenario: &Scenario<C, E>,
    settings: &Settings,
    shared: Rc<RefCell<Shared<E>>>,
) -> Result<(), DriveError>
where
    C: Clone + 'static,
    E: PartialEq + Debug + 'static,
{
    let any = |port| Peer::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    let endpoint = match scenario.hosts()[host.index()].binding {
        Binding::Datagram { port, .. } => Endpoint::Datagram { bind: any(port), connect: None },
        Binding::Listener { port } => Endpoint::Listener { bind: any(port) },
        Binding::Dialer => Endpoint::Dialer,
    };
    let notify = Rc::clone(&shared.borrow().notifies[host.index()]);
    let mut port = Gate {
        host,
        scenario,
        sockets: Sockets::open(endpoint).await?,
        begin: clock(),
        skew: Duration::ZERO,
        shared,
        woken: notified(&notify),
        notify,
        ids: Vec::new(),
        datagrams: Vec::new(),
        pipes: Vec::new(),
        behind: false,
        disk: Vec::new(),
    };
    let boot = Boot { incarnation: 0, seed: settings.machine_seed(host, 0), disk: &[] };
    let machine = scenario.hosts()[host.index()].boot(boot, settings.laws);
    let start = Input::Start { local: scenario.peer(host) };
    driver::drive(machine, &mut port, start, std::future::pending()).await.map(|_| ())
}

/// The port to turmoil's sockets: it lets through what the model says, when the model says.
struct Gate<'a, C, E> {
    host: HostId,
    scenario: &'a Scenario<C, E>,
    sockets: Sockets<Turmoil>,
    begin: tokio::time::Instant,
    skew: Duration,
    shared: Rc<RefCell<Shared<E>>>,
    notify: Rc<Notify>,
    woken: Pending<()>,
    /// The socket of each end that is here.
    ids: Vec<(StreamEnd, u32)>,
    /// Datagrams that have come through the socket, and are not due yet.
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// Bytes of streams that have come through the sockets, by their ids.
    pipes: Vec<VecDeque<u8>>,
    /// Something is due that has not come through the sockets yet: it will at this very moment.
    behind: bool,
    disk: Vec<u8>,
}

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Gate<'_, C, E> {
    /// The moment on the simulation's clock.
    fn global_now(&self) -> Instant {
        Instant::START + clock().saturating_duration_since(self.begin)
    }

    fn id_of(&self, at: StreamEnd) -> Option<u32> {
        self.ids.iter().find(|(end, _)| *end == at).map(|(_, id)| *id)
    }

    /// Takes what comes out of the sockets, to be handed in when it is due.
    fn take_raw(&mut self, raw: Raw) {
        match raw {
            Raw::Datagram { from, len } => {
                let buffer = self.sockets.lend();
                self.datagrams.push((from, buffer[..len].to_vec()));
                self.sockets.take_back(buffer);
            }
            Raw::Accepted { id, peer } => {
                let shared = self.shared.borrow();
                if let Some(at) = shared.world.network.streams.connector_at(peer.into()) {
                    self.ids.push((at.other(), id));
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
            // The model says what these mean, and when.
            Raw::Refused
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
            Event::Datagram { from, payload, .. } => {
                let shared = self.shared.borrow();
                let expected = shared.world.payloads.bytes(payload);
                let from = from.address(0).inet().map(|addr| addr.ip());
                let come =
                    |(source, bytes): &(SocketAddr, Vec<u8>)| Some(source.ip()) == from && bytes == expected;
                match self.datagrams.iter().position(come) {
                    Some(index) => {
                        self.datagrams.remove(index);
                        true
                    }
                    None => false,
                }
            }
            Event::Stream(at, Segment::Data { len, .. }) => {
                let Some(pipe) = self.id_of(at).and_then(|id| self.pipes.get_mut(id as usize)) else {
                    return false;
                };
                let shared = self.shared.borrow();
                let (expected, come) = (shared.world.in_flight(at, len), pipe.iter().take(len as usize));
                if pipe.len() < len as usize || !expected.eq(come) {
                    return false;
                }
                drop(shared);
                pipe.drain(..len as usize);
                true
            }
            _ => true,
        }
    }

    /// Opens the next thing that is due, if there is one and it has come.
    fn next_due(&mut self, core: &mut Core<BoxedMachine<C, E>>) -> Option<Result<(), DriveError>> {
        loop {
            let now = self.global_now();
            let (order, event) = {
                let shared = self.shared.borrow();
                let Some(Reverse(Entry { order, event })) = shared.inboxes[self.host.index()].peek() else {
                    return None;
                };
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
            if let Event::Fault(fault, index) = event {
                if let ResolvedHost::Skew(_, ahead) = fault {
                    shared.world.network.fire(index);
                    self.skew += ahead;
                }
                continue;
            }
            let power = if core.done.is_some() { Power::Exited } else { Power::Running };
            let arrival = shared.world.open(order, event, power, &mut core.out);
            drop(shared);
            self.carry(&[]);
            if let Some(arrival) = arrival {
                let bytes = std::mem::take(&mut self.shared.borrow_mut().world.inbound);
                let fed = self.feed(core, arrival.input(&bytes, self.scenario.commands()));
                self.shared.borrow_mut().world.inbound = bytes;
                return Some(fed);
            }
        }
    }

    /// Sends through the sockets what the model has let out.
    fn carry(&mut self, written: &[u8]) {
        let shared = Rc::clone(&self.shared);
        let mut offset = 0;
        shared.borrow_mut().distribute(|world, order, event| match event {
            Event::Datagram { from, port, payload, .. } if from == self.host => {
                self.sockets.send(order.host().address(port), world.payloads.bytes(payload));
            }
            Event::Stream(at, Segment::Data { len, .. }) => {
                if let Some(id) = self.id_of(at.other()) {
                    self.sockets.write(id, &written[offset..offset + len as usize]);
                    self.sockets.flush(id);
                }
                offset += len as usize;
            }
            Event::Stream(at, Segment::Fin) => {
                if let Some(id) = self.id_of(at.other()) {
                    self.sockets.shutdown(id);
                    self.sockets.flush(id);
                }
            }
            Event::Stream(at, Segment::Syn) => {
                let id = self.sockets.dial(world.network.streams.address(at));
                self.ids.push((at.other(), id));
            }
            _ => {}
        });
    }
}

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Port<BoxedMachine<C, E>> for Gate<'_, C, E> {
    fn now(&self) -> Instant {
        self.global_now() + self.skew
    }

    fn runtime_at(&self, at: Instant) -> tokio::time::Instant {
        let span = at.since_start().saturating_sub(self.skew);
        self.begin.checked_add(span).unwrap_or_else(|| self.begin + Duration::from_secs(31_536_000))
    }

    fn feed(&mut self, core: &mut Core<BoxedMachine<C, E>>, input: Input<'_, C>) -> Result<(), DriveError> {
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
        core.machine.handle(input, local_now, &mut core.out);
        let mut disk = std::mem::take(&mut self.disk);
        core.out.drain(|effect| {
            if let Effect::Done(status) = effect {
                core.done = Some(status);
            }
            let written = match effect {
                Effect::Write { bytes, .. } => bytes.to_vec(),
                _ => Vec::new(),
            };
            self.shared.borrow_mut().world.apply(self.host, effect, now, &mut disk);
            self.shared.borrow_mut().world.enqueue_segments();
            self.carry(&written);
        });
        self.disk = disk;
        let mut shared = self.shared.borrow_mut();
        for conn in std::mem::take(&mut shared.world.unnamed) {
            core.out.release(conn);
        }
        if core.done.is_some() {
            shared.world.network.exit(now, self.host);
            shared.world.enqueue_segments();
        }
        drop(shared);
        self.carry(&[]);
        Ok(())
    }

    fn poll_input(
        &mut self,
        core: &mut Core<BoxedMachine<C, E>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), DriveError>> {
        loop {
            match self.sockets.poll_next(cx) {
                Poll::Ready(Ok(raw)) => self.take_raw(raw),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(DriveError::Socket(error))),
                Poll::Pending => break,
            }
        }
        if let Some(fed) = self.next_due(core) {
            return Poll::Ready(fed);
        }
        ready!(self.woken.as_mut().poll(cx));
        self.woken = notified(&self.notify);
        Poll::Ready(Ok(()))
    }

    fn is_behind(&self) -> bool {
        self.behind
    }

    fn wake_at(&self) -> Option<Instant> {
        let shared = self.shared.borrow();
        shared.inboxes[self.host.index()].peek().map(|Reverse(entry)| entry.order.at() + self.skew)
    }

    fn rest(&mut self, deadline: Option<Instant>) {
        let mut shared = self.shared.borrow_mut();
        shared.deadlines[self.host.index()] = deadline;
    }

    /// The system of a host outlives the process: it goes on answering for it until the simulation is over.
    async fn finish(&mut self, core: &mut Core<BoxedMachine<C, E>>) {
        loop {
            self.rest(None);
            let timer = self.wake_at().filter(|_| !self.behind).map(|at| self.runtime_at(at));
            let timer = timer.map(tokio::time::sleep_until);
            tokio::select! {
                biased;
                ended = poll_fn(|cx| self.poll_input(core, cx)) => if ended.is_err() {
                    return;
                },
                Some(()) = async { Some(timer?.await) } => {}
            }
        }
    }
}

fn notified(notify: &Rc<Notify>) -> Pending<()> {
    let notify = Rc::clone(notify);
    Box::pin(async move { notify.notified().await })
}

#[expect(clippy::disallowed_methods, reason = "the driver is where the clock is read, here turmoil's")]
fn clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
