//! Running a scenario: what happens next, and what its machines make of it.

use super::arrival::Arrival;
use super::queue::Flight;
use super::stepped::{BrokenFold, Stepped};
use super::{Doing, Ended, Engine, Entry, Event, Outcome, Settings, State};
use crate::actor::AnyCommand;
use crate::host::{Boot, HostId};
#[cfg(feature = "tasks")]
use crate::machine::Bound;
use crate::machine::{Input, Status, limits};
use crate::network::{GoesDown, Order, Power};
use crate::scenario::{Reads, Spec};
use crate::time::Instant;
use crate::transcript::What;

/// Asked after everything that happens, with the moment: whether it knows what comes, so that the run can end.
pub(crate) type IsKnown<'a> = &'a mut dyn FnMut(&mut Engine<'_>, Instant) -> bool;

impl Engine<'_> {
    /// Runs the scenario to its end: until nothing is left to happen, a bound of the scenario is reached, or something
    /// does not hold.
    pub fn run(&mut self, settings: &Settings) -> Outcome {
        self.run_until(settings, None)
    }

    /// How a host's machine ended and when, if it did.
    pub(crate) fn end(&self, host: HostId) -> Option<(Status, Instant)> {
        // The dead are given no input: the last one was that which ended it.
        let status = (*self.statuses().get(host.index())?)?;
        Some((status, self.hosts[host.index()].last_at))
    }

    /// Runs the scenario as [`Engine::run`] does, and ends the run too once `is_known` says that it knows what comes.
    pub(crate) fn run_until(&mut self, settings: &Settings, mut is_known: Option<IsKnown<'_>>) -> Outcome {
        self.reset(settings);
        let spec = self.scenario.spec();
        let hosts = (0..spec.hosts.len()).map(|index| HostId(index as u16));
        // A property may look at any host's state from the first input on.
        hosts.clone().for_each(|host| self.make(settings, host, Instant::START));
        for host in hosts {
            self.begin_step();
            self.feed(host, &Input::Start { local: spec.peers[host.index()] }, Instant::START);
        }
        while self.ended.is_none() {
            #[cfg(feature = "tasks")]
            self.advance_runtime();
            let Some(Entry { order, event }) = self.world.queue.pop() else {
                self.conclude(HostId(0), self.last_at);
                self.ended.get_or_insert(Ended::Quiet);
                break;
            };
            let (now, host) = (order.at(), order.host());
            if self.is_void(host, event, now) {
                continue;
            }
            if now > spec.max_time {
                self.ended = Some(Ended::TimeLimit);
                break;
            }
            if let Some(unread_at) = self.unread_at().filter(|at| *at <= now) {
                self.conclude(host, unread_at);
                break;
            }
            self.begin_step();
            let times_out = self.is_overdue(order, event) || self.decides_tie(order, event);
            if times_out {
                self.world.push(order, event);
                self.time_out(host, now);
            } else {
                self.happen(settings, order, event);
            }
            if self.may_deadlock() {
                let is_timer = times_out || event == Event::Timer;
                self.watch(order, is_timer.then_some(host));
            }
            // What has no input changes something too, as a crash does, and time has gone on.
            if self.judges.properties {
                self.judge(now);
            }
            if self.inputs >= spec.max_inputs {
                self.ended.get_or_insert(Ended::InputLimit);
            }
            if self.ended.is_none()
                && let Some(is_known) = &mut is_known
                && is_known(self, now)
            {
                self.ended = Some(Ended::Stopped);
            }
        }
        self.finish(settings)
    }

    /// Whether an entry of the queue has no effect, because its deadline has moved since.
    #[inline]
    fn is_void(&self, host: HostId, event: Event, now: Instant) -> bool {
        match event {
            Event::Timer => self.hosts[host.index()].timer_at != Some(now),
            #[cfg(feature = "segments")]
            Event::End(id) => self.world.is_void(id, now),
            _ => false,
        }
    }

    /// Judges the whole run, if it came to its end.
    fn finish(&mut self, settings: &Settings) -> Outcome {
        let ended = self.ended.unwrap_or(Ended::Quiet);
        if settings.properties && matches!(ended, Ended::Quiet | Ended::TimeLimit | Ended::InputLimit) {
            self.judge_unmet();
            if self.broken.is_none() {
                self.judge_end();
            }
        }
        self.is_running = false;
        Outcome {
            ended,
            at: self.last_at,
            inputs: self.inputs,
            packets: self.world.network.packets,
            fired: *self.world.network.tally(),
        }
    }

    fn reset(&mut self, settings: &Settings) {
        let (rigour, decode) = (self.rigour(settings), self.scenario.spec().decode);
        for (state, slot) in self.hosts.iter_mut().zip(&mut self.slots) {
            let mut disk = std::mem::take(&mut state.disk);
            disk.clear();
            *state = State { disk, ..State::default() };
            slot.actor.forget(rigour, decode);
            (slot.status, slot.told_before) = (None, 0);
            slot.times.clear();
        }
        #[cfg(feature = "tasks")]
        self.begin_runtime(settings);
        (self.ended, self.circle) = (None, None);
        (self.inputs, self.inputs_before_calm) = (0, 0);
        (self.last_at, self.begun_at) = (Instant::START, Instant::START);
        self.marks.clear();
        self.parted = None;
        self.is_running = true;
        let spec = self.scenario.spec();
        self.doing = Doing::Generating;
        self.generated = spec.generate(settings.effective_seed());
        self.doing = Doing::Nothing;
        self.reset_judgement(settings);
        self.world.reset(settings, &self.generated);
    }

    /// Makes a host's machine.
    fn make(&mut self, settings: &Settings, host: HostId, now: Instant) {
        self.doing = Doing::Making(host, now);
        let (state, slot) = (&mut self.hosts[host.index()], &mut self.slots[host.index()]);
        let seed = settings.machine_seed(host, state.incarnation);
        let Spec { peers, names, .. } = self.scenario.spec();
        let boot = Boot {
            incarnation: state.incarnation,
            seed,
            disk: &state.disk,
            peers,
            names: Some(names),
            first_number: self.first_number,
        };
        #[cfg(feature = "tasks")]
        if self.scenario.spec().hosts[host.index()].opens {
            self.world.rebind(host, Some(Bound::default()));
        }
        slot.actor.boot(boot, &self.sockets[host.index()]);
        slot.status = None;
        state.incarnation += 1;
        // A NAT answers nobody.
        let is_nat = self.scenario.spec().hosts[host.index()].nat.is_some();
        state.power = if is_nat { Power::Off } else { Power::Running };
        (state.is_up, state.is_stopped) = (true, false);
        self.begun_at = now;
        self.changed.states |= Reads::bit(host.index());
        self.doing = Doing::Nothing;
    }

    /// Makes a host's machine and starts it.
    pub(super) fn boot(&mut self, settings: &Settings, host: HostId, now: Instant) {
        self.make(settings, host, now);
        let local = self.scenario.spec().peers[host.index()];
        self.feed(host, &Input::Start { local }, now);
        self.hosts[host.index()].streak = 0;
    }

    /// Hands one input to a host's machine and does what it wants done.
    pub(super) fn feed(&mut self, host: HostId, input: &Input<'_, dyn AnyCommand>, now: Instant) {
        let index = host.index();
        let state = &mut self.hosts[index];
        if !state.is_up {
            return;
        }
        self.inputs += 1;
        self.last_at = now;
        state.count_input(now);
        self.doing = Doing::Handling(host, kind(input), now);
        let is_recv = matches!(input, Input::Datagram { .. } | Input::Received { .. });
        let slot = &mut self.slots[index];
        let turn = slot.actor.handle(input, state.clock.at(now));
        self.doing = Doing::Nothing;
        state.deadline = turn.deadline.unwrap_or(Instant::FAR_FUTURE);
        let mut down = None;
        if self.world.network.may_befall() {
            down = self.world.befall(now, host, is_recv, turn.effects);
            if let Some(GoesDown { done, .. }) = down {
                turn.effects.truncate(done);
            }
        }
        #[cfg(feature = "tasks")]
        self.world.rebind(host, turn.effects.take_bound());
        let (first_told, ends) = (slot.times.len(), self.world.ends);
        let told = self.world.carry_out(host, turn.effects, now, &mut state.disk, first_told);
        let steps = &self.scenario.spec().hosts[index].folds;
        let mut broken = None;
        if self.judges.folds {
            let stepped = Stepped { steps, now, folds: &mut self.folds, doing: &mut self.doing };
            broken = stepped.all(turn.effects, turn.events, first_told..told);
        }
        turn.effects.clear();
        for conn in self.world.unnamed.drain(..) {
            turn.effects.release(conn);
        }
        self.world.enqueue_streams(now);
        let bit = Reads::bit(index);
        self.changed.states |= bit;
        if told > first_told {
            slot.times.resize(told, now);
            self.changed.events |= bit;
        }
        if self.judges.folds && broken.is_none() {
            let stepped = Stepped { steps, now, folds: &mut self.folds, doing: &mut self.doing };
            broken = stepped.state(&slot.actor);
        }
        let has_ended = self.world.ends != ends;
        if has_ended {
            slot.status = self.world.statuses[index];
        }
        if let Some(down) = down {
            slot.actor.keep_events(told);
            self.go_down(host, down, now);
        } else if has_ended {
            (state.is_up, state.power, state.timer_at) = (false, Power::Exited, None);
            self.world.exit(now, host);
            self.world.ended(now, host);
        } else {
            self.set_timer(host, now);
        }
        if self.world.violation.is_some() || broken.is_some() {
            self.close_badly(broken, now);
        }
        if self.judges.properties {
            self.judge(now);
            let slot = &mut self.slots[index];
            slot.told_before = slot.times.len();
        }
    }

    /// Takes that an input has broken a law, a fold, or both.
    #[cold]
    fn close_badly(&mut self, broken: BrokenFold, now: Instant) {
        if let Some(violation) = &self.world.violation {
            self.ended = Some(Ended::Broken(violation.1.law));
        }
        if let Some((fold, verdict)) = broken {
            self.note_fold(fold, verdict, now);
            self.end_by_fold(now);
        }
    }

    /// Puts a timer into the queue for the machine's deadline, unless it is there already.
    pub(super) fn set_timer(&mut self, host: HostId, now: Instant) {
        let state = &mut self.hosts[host.index()];
        let due_at = if state.is_up { state.deadline } else { Instant::FAR_FUTURE };
        if due_at == Instant::FAR_FUTURE {
            state.timer_at = None;
            return;
        }
        let due_at = state.clock.when(due_at).max(now);
        if state.timer_at != Some(due_at) {
            let order = self.world.network.timer_order(due_at, host);
            self.world.queue.push(order, Event::Timer);
            state.timer_at = Some(due_at);
        }
    }

    fn happen(&mut self, settings: &Settings, order: Order, event: Event) {
        let (now, host) = (order.at(), order.host());
        match event {
            Event::Fault(place) => self.fault(settings, place, now),
            Event::Calm => self.calm(settings, now),
            Event::Drawn(place) => self.drawn(settings, place, now),
            Event::Back => self.come_back(settings, host, now),
            Event::Queue(place) => self.world.serve(now, place),
            Event::Timer => {
                self.note_timer_first(order);
                self.time_out(host, now);
            }
            Event::Datagram(flight) => self.deliver(order, flight),
            event => {
                let power = self.hosts[host.index()].power;
                let effects = self.slots[host.index()].actor.effects();
                match self.world.open(order, event, power, effects) {
                    Some(Arrival::Command(index)) => self.command(host, index, now),
                    Some(arrival) => {
                        let bytes = std::mem::take(&mut self.world.inbound);
                        self.feed(host, &arrival.input(&bytes), now);
                        self.world.inbound = bytes;
                    }
                    None => {}
                }
            }
        }
    }

    /// Hands a datagram to a host's machine, if it is taken there.
    fn deliver(&mut self, order: Order, flight: u32) {
        let (now, host) = (order.at(), order.host());
        let power = self.hosts[host.index()].power;
        let Some(local) = self.world.takes(order, power, flight) else {
            return self.world.flights.free(flight);
        };
        let bytes = self.world.flights.take_bytes(flight);
        let Flight { source: peer, ecn, .. } = *self.world.flights.get(flight);
        let local = self.world.name_of(host, local);
        self.feed(host, &Input::Datagram { peer, local, bytes: &bytes, ecn }, now);
        self.world.flights.give_back(flight, bytes);
    }

    /// Hands the command of this number to a host's machine.
    fn command(&mut self, host: HostId, index: u32, now: Instant) {
        let (own, index) = (&self.scenario.spec().commands, index as usize);
        if let Some(timed) = own.get(index) {
            return self.feed(host, &Input::Command(&*timed.command), now);
        }
        let generated = std::mem::take(&mut self.generated);
        self.feed(host, &Input::Command(&*generated[index - own.len()].command), now);
        self.generated = generated;
    }

    /// A flood of inputs cannot starve a timer: after so many at one moment the deadline is looked at, and if it is
    /// reached, the next input waits.
    fn is_overdue(&mut self, order: Order, event: Event) -> bool {
        let state = &mut self.hosts[order.host().index()];
        let is_flood = state.last_at == order.at() && state.streak >= limits::MAX_INPUTS_PER_LOOK;
        let is_fault =
            matches!(event, Event::Fault(_) | Event::Drawn(_) | Event::Back | Event::Calm | Event::Queue(_));
        if !is_flood || is_fault || event == Event::Timer {
            return false;
        }
        state.streak = 0;
        state.timer_at == Some(order.at())
    }

    fn time_out(&mut self, host: HostId, now: Instant) {
        self.hosts[host.index()].timer_at = None;
        self.world.record(now, host, What::Timer);
        self.feed(host, &Input::Timeout, now);
        self.hosts[host.index()].streak = 0;
    }
}

/// What an input is called in reports.
const fn kind(input: &Input<'_, dyn AnyCommand>) -> &'static str {
    match input {
        Input::Start { .. } => "Start",
        Input::Command(_) => "Command",
        Input::Timeout => "Timeout",
        Input::Stop => "Stop",
        Input::Datagram { .. } => "Datagram",
        Input::Unreachable { .. } => "Unreachable",
        Input::Connected { .. } => "Connected",
        Input::ConnectFailed { .. } => "ConnectFailed",
        Input::Received { .. } => "Received",
        Input::Eof { .. } => "Eof",
        Input::Writable { .. } => "Writable",
        Input::Closed { .. } => "Closed",
    }
}
