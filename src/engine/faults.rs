//! What faults do to hosts.

use super::clock::Clock;
use super::{Engine, Entry, Event, Settings};
use crate::fault::{Resolved, ResolvedHost};
use crate::host::HostId;
use crate::machine::Input;
use crate::network::{GoesDown, Order, Power};
use crate::scenario::Reads;
use crate::time::Instant;
use crate::transcript::What;

impl Engine<'_> {
    /// The fault of a plan that is due.
    pub(super) fn fault(&mut self, settings: &Settings, place: u32, now: Instant) {
        let (fault, index) = self.world.network.host_fault(place);
        self.world.network.reach(index);
        if self.suffer(settings, fault, now) {
            self.world.network.fire(index);
        }
    }

    /// What was drawn for this moment.
    pub(super) fn drawn(&mut self, settings: &Settings, place: u32, now: Instant) {
        let fault = self.world.network.later(place);
        if self.suffer(settings, fault, now) {
            self.world.network.happened(now, fault);
        }
    }

    /// Has a host suffer a fault; whether it fired. What has not is not recorded unless it may still.
    fn suffer(&mut self, settings: &Settings, fault: ResolvedHost, now: Instant) -> bool {
        if !self.changes_something(fault, now) {
            return false;
        }
        self.world.record(now, HostId(0), What::Fault(Resolved::Host { at: now, fault }));
        match fault {
            // Partitions hold by the schedule, and fire when they stop something; that a timer comes first, where it does.
            ResolvedHost::Partition(..)
            | ResolvedHost::PartitionOneWay(..)
            | ResolvedHost::Isolate(_)
            | ResolvedHost::Heal
            | ResolvedHost::Pause(_)
            | ResolvedHost::Resume(_)
            | ResolvedHost::TimerFirst(_) => return false,
            ResolvedHost::Stop(host) => {
                self.hosts[host.index()].is_stopped = true;
                self.feed(host, &Input::Stop, now);
            }
            ResolvedHost::Crash(host) => self.take_down(host, false, now),
            ResolvedHost::Poweroff(host) => self.take_down(host, true, now),
            ResolvedHost::Restart(host) => self.restart(settings, host, now),
            ResolvedHost::Skew(host, ahead) => self.set_clock(host, now, |clock| clock.skew(ahead)),
            ResolvedHost::Lag(host, behind) => self.set_clock(host, now, |clock| clock.lag(now, behind)),
            ResolvedHost::Drift(host, rate) => self.set_clock(host, now, |clock| clock.drift(now, rate)),
            ResolvedHost::Rebind(nat) => self.world.forget_mappings(nat, false),
            ResolvedHost::Reboot(nat) => self.world.forget_mappings(nat, true),
            ResolvedHost::Move(host, to) => self.world.move_host(host, to),
        }
        true
    }

    fn set_clock(&mut self, host: HostId, now: Instant, change: impl FnOnce(&mut Clock)) {
        change(&mut self.hosts[host.index()].clock);
        self.set_timer(host, now);
    }

    /// Takes a host down at an event of its own.
    pub(super) fn go_down(&mut self, host: HostId, down: GoesDown, now: Instant) {
        let GoesDown { silent, back_after, fault, .. } = down;
        self.world.record(now, host, What::Fault(fault));
        self.take_down(host, silent, now);
        if let Some(back_after) = back_after {
            let order = self.world.network.restart_order(now + back_after, host);
            self.world.push(order, Event::Back);
        }
    }

    fn take_down(&mut self, host: HostId, silent: bool, now: Instant) {
        self.slots[host.index()].actor.crash();
        self.changed.states |= Reads::bit(host.index());
        self.world.leave_all(host);
        let state = &mut self.hosts[host.index()];
        (state.is_up, state.timer_at) = (false, None);
        if silent {
            state.power = Power::Off;
            self.world.poweroff(host);
        } else {
            state.power = Power::Exited;
            self.world.crash(now, host);
        }
    }

    /// A host that went down at an event starts anew, unless something else has started it meanwhile.
    pub(super) fn come_back(&mut self, settings: &Settings, host: HostId, now: Instant) {
        let fault = ResolvedHost::Restart(host);
        if self.changes_something(fault, now) {
            self.world.record(now, HostId(0), What::Fault(Resolved::Host { at: now, fault }));
            self.restart(settings, host, now);
        }
    }

    /// Whether a search has decided that the host's timer comes before this, which is due at the same moment.
    #[inline]
    pub(super) fn decides_tie(&mut self, order: Order, event: Event) -> bool {
        if !self.world.network.trail.looks_at_ties() {
            return false;
        }
        let (now, host) = (order.at(), order.host());
        let is_delivery =
            matches!(event, Event::Command(_) | Event::Datagram(_) | Event::Refusal(_) | Event::Stream(_));
        let state = &mut self.hosts[host.index()];
        if !is_delivery || state.timer_at != Some(now) || state.tie_at.replace(now) == Some(now) {
            return false;
        }
        let is_first = self.world.network.trail.tie(host, now);
        if is_first {
            let fault = self.world.network.timer_came_first(now, host);
            self.world.record(now, HostId(0), What::Fault(fault));
        }
        is_first
    }

    /// Notes that a timer comes before something else that is due at its moment, if it does by a fault.
    pub(super) fn note_timer_first(&mut self, order: Order) {
        let (now, host) = (order.at(), order.host());
        if order.is_timer_last() {
            return;
        }
        let is_due =
            |next: &Entry| (next.order.at(), next.order.host()) == (now, host) && next.event != Event::Timer;
        if self.world.queue.peek().is_some_and(is_due) {
            let fault = self.world.network.timer_came_first(now, host);
            self.world.record(now, HostId(0), What::Fault(fault));
        }
    }

    fn restart(&mut self, settings: &Settings, host: HostId, now: Instant) {
        self.world.network.restart(now, host);
        self.world.statuses[host.index()] = None;
        self.boot(settings, host, now);
    }

    /// Nothing goes wrong any more: hosts that are down start anew.
    pub(super) fn calm(&mut self, settings: &Settings, now: Instant) {
        self.world.record(now, HostId(0), What::Calm);
        for host in (0..self.hosts.len()).map(|index| HostId(index as u16)) {
            let state = &mut self.hosts[host.index()];
            if state.is_up || self.ended.is_some() {
                continue;
            }
            if self.world.statuses[host.index()].is_none() {
                let fault = Resolved::Host { at: now, fault: ResolvedHost::Restart(host) };
                self.world.record(now, HostId(0), What::Fault(fault));
                self.restart(settings, host, now);
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
    fn changes_something(&self, fault: ResolvedHost, now: Instant) -> bool {
        let nats = &self.world.network.nats;
        match fault {
            ResolvedHost::Rebind(nat) | ResolvedHost::Reboot(nat) => self.world.has_mappings(nat, now),
            // Nothing runs on a NAT, and its address stays.
            fault if !fault.is_between_hosts() && nats.is_nat(fault.host()) => false,
            ResolvedHost::Move(_, to) => self.world.is_free(to),
            ResolvedHost::Stop(host) => {
                let state = &self.hosts[host.index()];
                state.is_up && !state.is_stopped
            }
            ResolvedHost::Crash(host) => self.hosts[host.index()].is_up,
            ResolvedHost::Poweroff(host) => self.hosts[host.index()].power != Power::Off,
            ResolvedHost::Restart(host) => !self.hosts[host.index()].is_up,
            // Only processes are paused: a machine has none.
            ResolvedHost::Pause(_) | ResolvedHost::Resume(_) => false,
            ResolvedHost::Partition(..)
            | ResolvedHost::PartitionOneWay(..)
            | ResolvedHost::Isolate(_)
            | ResolvedHost::Heal
            | ResolvedHost::TimerFirst(_) => true,
            // Hosts that share a runtime have one clock.
            ResolvedHost::Skew(host, _) | ResolvedHost::Lag(host, _) | ResolvedHost::Drift(host, _) => {
                !self.scenario.spec().hosts[host.index()].on_tokio
            }
        }
    }
}
