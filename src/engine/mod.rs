//! The event engine: discrete events over the machines themselves. No async, no I/O, no threads.
//!
//! A run costs microseconds, so this is where properties are searched, shrunk and enumerated. One [`Engine`] is used
//! for any number of runs and keeps its memory between them.

mod arrival;
mod world;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::{FaultPlan, Profile, Resolved, ResolvedHost, UnknownHost};
use crate::host::HostId;
use crate::lawful::Lawful;
use crate::machine::{Boot, BoxedMachine, Input, Law, Machine, Outbox, Peer, Status, Violation, limits};
use crate::network::{Class, Order, Power, Schedule, Segment, StreamEnd};
use crate::scenario::Scenario;
use crate::seed::mix;
use crate::time::Instant;
use crate::transcript::{Happened, Log, Transcript, What};

pub use crate::network::Fired;
pub(crate) use world::World;

/// A plan made ready for a scenario: looked up and indexed once, for any number of runs.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) seed: Option<u64>,
    pub(crate) link: Option<Duration>,
}

impl Prepared {
    /// Looks the hosts of the plan up among `names`, those of the scenario in order.
    ///
    /// # Errors
    /// [`UnknownHost`] if the plan names one that is not there.
    pub fn new(plan: &FaultPlan, names: &[&str]) -> Result<Self, UnknownHost> {
        Ok(Self { schedule: Arc::new(Schedule::new(plan, names)?), seed: plan.seed, link: plan.link() })
    }
}

/// What of a run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Only how it ended.
    Outcome,
    /// The events too.
    Events,
    /// The whole log, to make a transcript from.
    Log,
}

/// Everything of a run that is not its scenario.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where all randomness comes from; a plan's own seed goes before it.
    pub seed: u64,
    /// The faults that are known.
    pub plan: Prepared,
    /// The faults that are drawn, for packets to which the plan does nothing.
    pub profile: Profile,
    /// Whether the laws are held to every machine, and if so how much later their twins begin.
    pub laws: Option<Duration>,
    /// What is kept.
    pub keep: Keep,
}

impl Default for Settings {
    /// Seed 0, no faults, the laws held, everything kept.
    fn default() -> Self {
        Self {
            seed: 0,
            plan: Prepared::default(),
            profile: Profile::default(),
            laws: Some(Lawful::<BoxedMachine<(), ()>>::TWIN_SHIFT),
            keep: Keep::Log,
        }
    }
}

impl Settings {
    /// The seed of a host's machine: its own for each host and incarnation.
    pub(crate) fn machine_seed(&self, host: HostId, incarnation: u32) -> u64 {
        mix(mix(self.effective_seed(), u64::from(host.0)), u64::from(incarnation))
    }

    /// The seed of the run: the plan's, if it has one.
    pub fn effective_seed(&self) -> u64 {
        self.plan.seed.unwrap_or(self.seed)
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Nothing was left to happen.
    Quiet,
    /// Virtual time reached the scenario's bound.
    TimeLimit,
    /// The scenario's bound on inputs was reached.
    InputLimit,
    /// The observer had seen enough.
    Stopped,
    /// A machine broke a law.
    Broken(Law),
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub ended: Ended,
    /// When something happened last.
    pub at: Instant,
    /// How many inputs were handed to machines.
    pub inputs: u64,
    /// How many datagrams and segments of data were sent.
    pub packets: u64,
    /// How often each kind of fault fired.
    pub fired: Fired,
}

/// What an observer sees: everything up to the newest event, or the newest end of a machine.
#[derive(Debug)]
pub struct View<'a, E> {
    /// The moment.
    pub now: Instant,
    /// All events so far; empty if [`Keep::Outcome`] was asked for.
    pub events: &'a [Happened<E>],
    /// For each host how its machine ended, if it did.
    pub statuses: &'a [Option<Status>],
}

/// One thing that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Fault(ResolvedHost, u32),
    Command(u32),
    Datagram { from: HostId, n: u64, port: u16, payload: u32 },
    Refusal { from: HostId, peer: Peer },
    Stream(StreamEnd, Segment),
    Timer,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) order: Order,
    pub(crate) event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

pub(crate) type Queue = BinaryHeap<Reverse<Entry>>;

/// One host while it runs.
struct State<C, E> {
    machine: Option<BoxedMachine<C, E>>,
    outbox: Outbox<E>,
    power: Power,
    incarnation: u32,
    disk: Vec<u8>,
    /// How far the host's clock is ahead.
    skew: Duration,
    /// For when a timer is in the queue.
    timer_at: Option<Instant>,
    /// How many inputs it had at `last_at` since the deadline was looked at.
    streak: u32,
    last_at: Instant,
}

impl<C, E> Default for State<C, E> {
    fn default() -> Self {
        Self {
            machine: None,
            outbox: Outbox::default(),
            power: Power::Running,
            incarnation: 0,
            disk: Vec::new(),
            skew: Duration::ZERO,
            timer_at: None,
            streak: 0,
            last_at: Instant::START,
        }
    }
}

/// Runs scenarios. See the [module](self).
pub struct Engine<C, E> {
    hosts: Vec<State<C, E>>,
    world: World<E>,
    ended: Option<Ended>,
    inputs: u64,
    last_at: Instant,
    /// Events up to here have been shown to the observer, and ends of machines up to there.
    shown: (usize, u32),
}

impl<C, E> Default for Engine<C, E> {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            world: World::default(),
            ended: None,
            inputs: 0,
            last_at: Instant::START,
            shown: (0, 0),
        }
    }
}

impl<C, E> Debug for Engine<C, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({} hosts, at {})", self.hosts.len(), self.last_at)
    }
}

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Engine<C, E> {
    /// Runs a scenario to its end.
    pub fn run(&mut self, scenario: &Scenario<C, E>, settings: &Settings) -> Outcome {
        self.run_observed(scenario, settings, |_| ControlFlow::Continue(()))
    }

    /// Runs a scenario to its end, or until `observer`, which is called after every event and every end of a machine,
    /// breaks it off; the reason that it gives becomes the last line of the transcript.
    pub fn run_observed(
        &mut self,
        scenario: &Scenario<C, E>,
        settings: &Settings,
        mut observer: impl FnMut(&View<'_, E>) -> ControlFlow<String>,
    ) -> Outcome {
        self.reset(scenario, settings);
        for index in 0..scenario.hosts().len() {
            self.boot(scenario, settings, HostId(index as u16), Instant::START);
            self.show(Instant::START, &mut observer);
        }
        while self.ended.is_none() {
            let Some(Reverse(Entry { order, event })) = self.world.queue.pop() else {
                self.ended = Some(Ended::Quiet);
                break;
            };
            if order.at() > scenario.max_time {
                self.ended = Some(Ended::TimeLimit);
                break;
            }
            self.happen(scenario, settings, order, event);
            self.show(order.at(), &mut observer);
            if self.inputs >= scenario.max_inputs {
                self.ended.get_or_insert(Ended::InputLimit);
            }
        }
        Outcome {
            ended: self.ended.unwrap_or(Ended::Quiet),
            at: self.last_at,
            inputs: self.inputs,
            packets: self.world.network.packets,
            fired: *self.world.network.tally(),
        }
    }

    fn reset(&mut self, scenario: &Scenario<C, E>, settings: &Settings) {
        let hosts = scenario.hosts();
        self.hosts.truncate(hosts.len());
        for state in &mut self.hosts {
            let mut outbox = std::mem::take(&mut state.outbox);
            outbox.reset();
            *state = State { outbox, ..State::default() };
        }
        self.hosts.resize_with(hosts.len(), State::default);
        (self.ended, self.inputs, self.last_at, self.shown) = (None, 0, Instant::START, (0, 0));
        self.world.reset(scenario, settings);
    }

    /// Makes a host's machine and starts it.
    fn boot(&mut self, scenario: &Scenario<C, E>, settings: &Settings, host: HostId, now: Instant) {
        let state = &mut self.hosts[host.index()];
        let seed = settings.machine_seed(host, state.incarnation);
        let boot = Boot { incarnation: state.incarnation, seed, disk: &state.disk };
        state.machine = Some(scenario.hosts()[host.index()].boot(boot, settings.laws));
        state.incarnation += 1;
        state.power = Power::Running;
        state.outbox.reset();
        self.feed(host, Input::Start { local: scenario.peer(host) }, now);
        self.hosts[host.index()].streak = 0;
    }

    /// Hands one input to a host's machine and does what it wants done.
    fn feed(&mut self, host: HostId, input: Input<'_, C>, now: Instant) {
        let state = &mut self.hosts[host.index()];
        let Some(machine) = &mut state.machine else { return };
        self.inputs += 1;
        self.last_at = now;
        if state.last_at != now {
            (state.last_at, state.streak) = (now, 0);
        }
        state.streak += 1;
        machine.handle(input, now + state.skew, &mut state.outbox);
        let (world, disk) = (&mut self.world, &mut state.disk);
        state.outbox.drain(|effect| world.apply(host, effect, now, disk));
        for conn in world.unnamed.drain(..) {
            state.outbox.release(conn);
        }
        world.enqueue_segments();
        if let Some(violation) = &world.violation {
            self.ended = Some(Ended::Broken(violation.1.law));
        }
        if world.statuses[host.index()].is_some() {
            state.machine = None;
            state.power = Power::Exited;
            state.timer_at = None;
            world.network.exit(now, host);
            world.enqueue_segments();
        } else {
            self.set_timer(host, now);
        }
    }

    /// Puts a timer into the queue for the machine's deadline, unless it is there already.
    fn set_timer(&mut self, host: HostId, now: Instant) {
        let state = &mut self.hosts[host.index()];
        let deadline = state.machine.as_ref().and_then(Machine::deadline);
        let due_at = deadline.map(|at| {
            Instant::from_nanos(at.since_start().saturating_sub(state.skew).as_nanos() as u64).max(now)
        });
        if due_at != state.timer_at
            && let Some(due_at) = due_at
        {
            let order = Order::new(due_at, host, Class::Timer, host, 0);
            self.world.queue.push(Reverse(Entry { order, event: Event::Timer }));
        }
        state.timer_at = due_at;
    }

    fn happen(&mut self, scenario: &Scenario<C, E>, settings: &Settings, order: Order, event: Event) {
        let (now, host) = (order.at(), order.host());
        match event {
            Event::Fault(fault, index) => self.fault(scenario, settings, fault, index, now),
            Event::Timer => {
                if self.hosts[host.index()].timer_at == Some(now) {
                    self.time_out(host, now);
                }
            }
            event => {
                self.look_at_deadline(host, now);
                let state = &mut self.hosts[host.index()];
                if let Some(arrival) = self.world.open(order, event, state.power, &mut state.outbox) {
                    let bytes = std::mem::take(&mut self.world.inbound);
                    self.feed(host, arrival.input(&bytes, scenario.commands()), now);
                    self.world.inbound = bytes;
                }
            }
        }
    }

    /// A flood of inputs cannot starve a timer: after so many at one moment the deadline is looked at.
    fn look_at_deadline(&mut self, host: HostId, now: Instant) {
        let state = &mut self.hosts[host.index()];
        if state.last_at == now && state.streak >= limits::MAX_INPUTS_PER_LOOK {
            state.streak = 0;
            if state.timer_at == Some(now) {
                self.time_out(host, now);
            }
        }
    }

    fn time_out(&mut self, host: HostId, now: Instant) {
        self.hosts[host.index()].timer_at = None;
        self.world.record(now, host, What::Timer);
        self.feed(host, Input::Timeout, now);
        self.hosts[host.index()].streak = 0;
    }

    fn fault(
        &mut self,
        scenario: &Scenario<C, E>,
        settings: &Settings,
        fault: ResolvedHost,
        index: u32,
        now: Instant,
    ) {
        let resolved = Resolved::Host { at: now, fault };
        self.world.record(now, HostId(0), What::Fault(resolved));
        match fault {
            // Partitions hold by the schedule, and fire when they stop something.
            ResolvedHost::Partition(..) | ResolvedHost::PartitionOneWay(..) | ResolvedHost::Heal => {}
            ResolvedHost::Crash(host) | ResolvedHost::Poweroff(host) => {
                let off = matches!(fault, ResolvedHost::Poweroff(_));
                let state = &mut self.hosts[host.index()];
                if state.power == Power::Off || (!off && state.machine.is_none()) {
                    return;
                }
                self.world.network.fire(index);
                state.machine = None;
                state.timer_at = None;
                if off {
                    state.power = Power::Off;
                    self.world.network.poweroff(host);
                } else {
                    state.power = Power::Exited;
                    self.world.network.crash(now, host);
                }
                self.world.enqueue_segments();
            }
            ResolvedHost::Restart(host) => {
                if self.hosts[host.index()].machine.is_some() {
                    return;
                }
                self.world.network.fire(index);
                self.world.network.restart(now, host);
                self.world.statuses[host.index()] = None;
                self.boot(scenario, settings, host, now);
            }
            ResolvedHost::Skew(host, ahead) => {
                self.world.network.fire(index);
                self.hosts[host.index()].skew += ahead;
                self.set_timer(host, now);
            }
        }
    }

    /// Shows the observer what is new.
    fn show(&mut self, now: Instant, observer: &mut impl FnMut(&View<'_, E>) -> ControlFlow<String>) {
        let World { events, statuses, ends, .. } = &self.world;
        while self.shown.0 < events.len() || self.shown.1 < *ends {
            if self.shown.0 < events.len() {
                self.shown.0 += 1;
            } else {
                self.shown.1 = *ends;
            }
            let view = View { now, events: &events[..self.shown.0], statuses };
            if let ControlFlow::Break(reason) = observer(&view) {
                let host = events[..self.shown.0].last().map_or(HostId(0), |last| last.host);
                self.ended.get_or_insert(Ended::Stopped);
                self.world.broken(now, host, reason);
                return;
            }
        }
    }
}

/// What the last run left.
impl<C, E> Engine<C, E> {
    /// The events, if they were kept.
    pub fn events(&self) -> &[Happened<E>] {
        &self.world.events
    }

    /// For each host how its machine ended, if it did.
    pub fn statuses(&self) -> &[Option<Status>] {
        &self.world.statuses
    }

    /// How many datagrams and segments of data were sent.
    pub const fn packets(&self) -> u64 {
        self.world.network.packets
    }

    /// When something happened last.
    pub const fn last_at(&self) -> Instant {
        self.last_at
    }

    /// The law that was broken, if one was, and on which host.
    pub fn violation(&self) -> Option<&(HostId, Violation)> {
        self.world.violation.as_ref()
    }

    /// The log, if it was kept.
    pub fn log(&self) -> &Log {
        &self.world.log
    }

    /// The transcript, if the log was kept.
    pub fn transcript<'a>(&'a self, scenario: &'a Scenario<C, E>, names: &'a [&'a str]) -> Transcript<'a, E> {
        Transcript {
            names,
            log: &self.world.log,
            events: &self.world.events,
            show: scenario.show,
            decode: scenario.decode,
        }
    }

    /// Everything that makes the run again, as one explicit plan: the seed, the link, the plan's own faults and those
    /// that were drawn.
    pub fn plan(&self, scenario: &Scenario<C, E>, settings: &Settings) -> FaultPlan {
        let mut plan = FaultPlan::default();
        plan.seed = Some(settings.effective_seed());
        // The latency and the faults were in a plan, or drawn for a place that had none: nothing can be refused.
        let _ = plan.set_link(settings.plan.link);
        let names = scenario.names();
        let _ = plan.try_extend(self.world.network.faults().map(|fault| fault.named(&names)));
        plan
    }

    /// The plan's faults that never changed anything: they are evidence of nothing.
    pub fn unfired(&self) -> impl Iterator<Item = Resolved> {
        self.world.network.unfired()
    }
}
