//! Running a scenario: what happens next, and what its machines make of it.

use std::cmp::Reverse;
use std::fmt::Debug;
use std::ops::ControlFlow;

use super::{Ended, Engine, Entry, Event, Outcome, Settings, State, View, World};
use crate::fault::{Resolved, ResolvedHost};
use crate::host::HostId;
use crate::machine::{Boot, Input, Machine, Status, limits};
use crate::network::{Class, Order, Power};
use crate::scenario::Scenario;
use crate::time::Instant;
use crate::transcript::What;

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Engine<C, E> {
    /// Runs a scenario to its end.
    pub fn run(&mut self, scenario: &Scenario<C, E>, settings: &Settings) -> Outcome {
        self.run_observed(scenario, settings, |_| ControlFlow::Continue(()))
    }

    /// How a host's machine ended and when, if it did.
    pub(crate) fn end(&self, host: HostId) -> Option<(Status, Instant)> {
        // The dead are given no input: the last one was that which ended it.
        let status = (*self.statuses().get(host.index())?)?;
        Some((status, self.hosts[host.index()].last_at))
    }

    /// Runs a scenario to its end, or until `observer`, which is called after every event and every end of a machine,
    /// breaks it off; the reason that it gives becomes the last line of the transcript.
    pub fn run_observed(
        &mut self,
        scenario: &Scenario<C, E>,
        settings: &Settings,
        observer: impl FnMut(&View<'_, E>) -> ControlFlow<String>,
    ) -> Outcome {
        self.run_watched(scenario, settings, observer, |_, _| false)
    }

    /// Runs a scenario as [`Engine::run_observed`] does, and ends the run too once `is_known`, which is asked after
    /// everything that happens, with the moment, says that it knows what comes.
    pub(crate) fn run_watched(
        &mut self,
        scenario: &Scenario<C, E>,
        settings: &Settings,
        mut observer: impl FnMut(&View<'_, E>) -> ControlFlow<String>,
        mut is_known: impl FnMut(&Self, Instant) -> bool,
    ) -> Outcome {
        self.reset(scenario, settings);
        for index in 0..scenario.hosts().len() {
            self.boot(scenario, settings, HostId(index as u16), Instant::START);
            self.show(Instant::START, &mut observer);
        }
        while self.ended.is_none() {
            let Some(Reverse(Entry { order, event })) = self.world.queue.pop() else {
                self.conclude(scenario, HostId(0), self.last_at);
                self.ended.get_or_insert(Ended::Quiet);
                break;
            };
            if matches!(event, Event::Timer) && self.hosts[order.host().index()].timer_at != Some(order.at())
            {
                // The deadline has moved since.
                continue;
            }
            if order.at() > scenario.max_time {
                self.ended = Some(Ended::TimeLimit);
                break;
            }
            if let Some(unread_at) = self.unread_at().filter(|at| *at <= order.at()) {
                self.conclude(scenario, order.host(), unread_at);
                break;
            }
            let times_out = self.is_overdue(order, event);
            if times_out {
                self.world.push(order, event);
                self.time_out(order.host(), order.at());
            } else {
                self.happen(scenario, settings, order, event);
            }
            if self.may_deadlock() {
                let is_timer = times_out || matches!(event, Event::Timer);
                self.watch(scenario, order, is_timer.then_some(order.host()));
            }
            if self.ended != Some(Ended::Deadlock) {
                self.show(order.at(), &mut observer);
            }
            if self.inputs >= scenario.max_inputs {
                self.ended.get_or_insert(Ended::InputLimit);
            }
            if self.ended.is_none() && is_known(self, order.at()) {
                self.ended = Some(Ended::Stopped);
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
        (self.ended, self.circle) = (None, None);
        (self.inputs, self.inputs_before_calm) = (0, 0);
        (self.last_at, self.shown) = (Instant::START, (0, 0));
        self.commands.clear();
        if scenario.generates() {
            self.commands = scenario.commands_of(settings.effective_seed()).into_owned();
        }
        let commands = if scenario.generates() { &self.commands } else { scenario.commands() };
        self.world.reset(scenario, settings, commands);
    }

    /// Makes a host's machine and starts it.
    fn boot(&mut self, scenario: &Scenario<C, E>, settings: &Settings, host: HostId, now: Instant) {
        let state = &mut self.hosts[host.index()];
        let seed = settings.machine_seed(host, state.incarnation);
        let boot = Boot { incarnation: state.incarnation, seed, disk: &state.disk };
        let made_by = &scenario.hosts()[host.index()];
        state.machine = Some(match settings.laws {
            Some(shift) if self.plain_twins => made_by.boot_plain(boot, shift),
            laws => made_by.boot(boot, laws),
        });
        state.incarnation += 1;
        (state.power, state.stopped) = (Power::Running, false);
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
            world.exit(now, host);
        } else {
            self.set_timer(host, now);
        }
    }

    /// Puts a timer into the queue for the machine's deadline, unless it is there already.
    fn set_timer(&mut self, host: HostId, now: Instant) {
        let state = &mut self.hosts[host.index()];
        let deadline = state.machine.as_ref().and_then(Machine::deadline);
        // So far away is as good as never.
        let due_at = deadline.filter(|at| *at < Instant::FAR_FUTURE).map(|at| {
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
            Event::Calm => self.calm(scenario, settings, now),
            Event::Timer => self.time_out(host, now),
            event => {
                let state = &mut self.hosts[host.index()];
                if let Some(arrival) = self.world.open(order, event, state.power, &mut state.outbox) {
                    let bytes = std::mem::take(&mut self.world.inbound);
                    let commands = if scenario.generates() { &self.commands } else { scenario.commands() };
                    let input = arrival.input(&bytes, commands);
                    self.feed(host, input, now);
                    self.world.inbound = bytes;
                }
            }
        }
    }

    /// A flood of inputs cannot starve a timer: after so many at one moment the deadline is looked at, and if it is
    /// reached, the next input waits.
    fn is_overdue(&mut self, order: Order, event: Event) -> bool {
        let state = &mut self.hosts[order.host().index()];
        let is_flood = state.last_at == order.at() && state.streak >= limits::MAX_INPUTS_PER_LOOK;
        if !is_flood || matches!(event, Event::Timer | Event::Fault(..) | Event::Calm) {
            return false;
        }
        state.streak = 0;
        state.timer_at == Some(order.at())
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
        if !self.changes_something(fault) {
            return;
        }
        let resolved = Resolved::Host { at: now, fault };
        self.world.record(now, HostId(0), What::Fault(resolved));
        match fault {
            // Partitions hold by the schedule, and fire when they stop something.
            ResolvedHost::Partition(..) | ResolvedHost::PartitionOneWay(..) | ResolvedHost::Heal => {}
            ResolvedHost::Stop(host) => {
                self.world.network.fire(index);
                self.hosts[host.index()].stopped = true;
                self.feed(host, Input::Stop, now);
            }
            ResolvedHost::Crash(host) | ResolvedHost::Poweroff(host) => {
                let off = matches!(fault, ResolvedHost::Poweroff(_));
                let state = &mut self.hosts[host.index()];
                self.world.network.fire(index);
                state.machine = None;
                state.timer_at = None;
                if off {
                    state.power = Power::Off;
                    self.world.network.poweroff(host);
                } else {
                    state.power = Power::Exited;
                    self.world.crash(now, host);
                }
            }
            ResolvedHost::Restart(host) => {
                self.world.network.fire(index);
                self.restart(scenario, settings, host, now);
            }
            ResolvedHost::Skew(host, ahead) => {
                self.world.network.fire(index);
                self.hosts[host.index()].skew += ahead;
                self.set_timer(host, now);
            }
        }
    }

    fn restart(&mut self, scenario: &Scenario<C, E>, settings: &Settings, host: HostId, now: Instant) {
        self.world.network.restart(now, host);
        self.world.statuses[host.index()] = None;
        self.boot(scenario, settings, host, now);
    }

    /// Nothing goes wrong any more: hosts that are down start anew.
    fn calm(&mut self, scenario: &Scenario<C, E>, settings: &Settings, now: Instant) {
        self.world.record(now, HostId(0), What::Calm);
        for host in (0..self.hosts.len()).map(|index| HostId(index as u16)) {
            let state = &mut self.hosts[host.index()];
            if state.machine.is_some() || self.world.violation.is_some() {
                continue;
            }
            if self.world.statuses[host.index()].is_none() {
                let fault = Resolved::Host { at: now, fault: ResolvedHost::Restart(host) };
                self.world.record(now, HostId(0), What::Fault(fault));
                self.restart(scenario, settings, host, now);
            } else if state.power == Power::Off {
                // Its machine had come to its end before: only the system comes back.
                state.power = Power::Exited;
                self.world.network.restart(now, host);
                self.world.enqueue_segments();
            }
        }
        self.inputs_before_calm = self.inputs;
    }

    /// Whether a fault of a host finds it as it must be to be hit.
    fn changes_something(&self, fault: ResolvedHost) -> bool {
        match fault {
            ResolvedHost::Stop(host) => {
                let state = &self.hosts[host.index()];
                state.machine.is_some() && !state.stopped
            }
            ResolvedHost::Crash(host) => self.hosts[host.index()].machine.is_some(),
            ResolvedHost::Poweroff(host) => self.hosts[host.index()].power != Power::Off,
            ResolvedHost::Restart(host) => self.hosts[host.index()].machine.is_none(),
            ResolvedHost::Partition(..)
            | ResolvedHost::PartitionOneWay(..)
            | ResolvedHost::Heal
            | ResolvedHost::Skew(..) => true,
        }
    }

    /// Shows the observer what is new.
    fn show(&mut self, now: Instant, observer: &mut impl FnMut(&View<'_, E>) -> ControlFlow<String>) {
        let inputs = self.inputs_since_calm();
        let World { events, statuses, ends, .. } = &self.world;
        while self.shown.0 < events.len() || self.shown.1 < *ends {
            if self.shown.0 < events.len() {
                self.shown.0 += 1;
            } else {
                self.shown.1 = *ends;
            }
            let view = View { now, events: &events[..self.shown.0], statuses, inputs };
            if let ControlFlow::Break(reason) = observer(&view) {
                let host = events[..self.shown.0].last().map_or(HostId(0), |last| last.host);
                self.ended.get_or_insert(Ended::Stopped);
                self.world.broken(now, host, reason);
                return;
            }
        }
    }
}
