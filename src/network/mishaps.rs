//! What befalls hosts: at events of their own, by a plan or drawn, and soon after, drawn.

use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::order::MAX_NUMBER;
use super::rift::Rift;
use super::schedule::Down;
use super::{Network, Order};
use crate::fault::{Chance, HostChances, MAX_DRIFT, Rate, Resolved, ResolvedHost, When};
use crate::host::HostId;
use crate::machine::{Effect, Effects};
use crate::network::Class;
use crate::seed::{below, mix};
use crate::time::Instant;

/// The place of what befalls hosts among all that a run's seed decides.
const MISHAPS: u64 = u64::MAX - 1;
/// Orders of what was drawn come after those of a plan's faults at one moment and host, and restarts after both.
const FIRST_DRAWN: u64 = 1 << 32;
const FIRST_RESTART: u64 = 1 << 33;
/// The order of a timer that comes first: after all faults of its moment and host.
const TIMER_FIRST: u64 = MAX_NUMBER;

/// What one host has had so far.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    inputs: u64,
    recvs: u64,
    sends: u64,
}

/// A host that goes down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoesDown {
    /// How many of the effects of the input are done before.
    pub(crate) done: usize,
    pub(crate) silent: bool,
    pub(crate) back_after: Option<Duration>,
    /// The fault that says so.
    pub(crate) fault: Resolved,
}

/// What befalls hosts in a run.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    chances: HostChances,
    lives: Vec<Life>,
    /// How much may still befall them.
    pub(super) left: u32,
    /// What was drawn for later, in the order in which it was drawn.
    pub(super) later: Vec<(Instant, ResolvedHost)>,
    /// How many of these the world has taken.
    taken: usize,
    /// The partition that was drawn last, if one was.
    pub(super) rift: Rift,
    restarts: u64,
}

impl Mishaps {
    pub(super) fn reset(&mut self, chances: HostChances, hosts: usize) {
        self.chances = chances;
        self.lives.clear();
        self.lives.resize(hosts, Life::default());
        self.left = if chances.is_lasting() { chances.max } else { 0 };
        self.later.clear();
        (self.taken, self.restarts) = (0, 0);
        self.rift.faults.clear();
    }

    /// Writes by what the events of hosts are counted.
    pub(super) fn fingerprint<H: Hasher>(&self, to: &mut H) {
        self.lives.iter().for_each(|life| (life.recvs, life.sends).hash(to));
    }

    /// Whether anything may be drawn for a host in this run.
    pub(super) const fn may_draw(&self) -> bool {
        self.left > 0
    }

    /// Whether a partition was drawn.
    #[inline]
    pub(super) const fn has_rift(&self) -> bool {
        !self.rift.faults.is_empty()
    }
}

impl Network {
    /// Whether anything may befall a host at one of its inputs.
    #[inline]
    pub(crate) fn may_befall(&self) -> bool {
        self.mishaps.left > 0 || self.schedule.has_downs() || self.trail.looks_at_turns()
    }

    /// To be called for each input of a host, if something may befall it, with the effects of that: whether the host goes
    /// down, and after which of them. `is_recv` says whether the input is a datagram or a read.
    pub(crate) fn befall(
        &mut self,
        now: Instant,
        host: HostId,
        is_recv: bool,
        effects: &Effects,
    ) -> Option<GoesDown> {
        let life = &mut self.mishaps.lives[host.index()];
        let input = life.inputs;
        life.inputs += 1;
        let recv = is_recv.then_some(life.recvs);
        life.recvs += u64::from(is_recv);
        let turn = HostTurn { recv, first_send: life.sends, effects };
        let mut down = None;
        if now < self.calm_at && !effects.has_violation() {
            let planned = self.schedule.downs(host).iter();
            let planned = planned.filter_map(|(_, down)| Some((turn.place(down.when)?, *down)));
            down = planned.min_by_key(|(done, _)| *done);
            let may_draw = self.mishaps.left > 0 && !self.waits();
            if down.is_none() && self.trail.looks_at_turns() {
                down = self.decide_turn(host, turn);
            } else if down.is_none() && may_draw && now.since_start() <= self.mishaps.chances.until {
                down = self.draw_mishap(now, host, input, turn);
            }
        }
        let down = down.filter(|(done, _)| !turn.is_done(*done));
        // Those count as well that do not leave, so that no number comes twice.
        self.mishaps.lives[host.index()].sends += turn.sends();
        let (done, Down { when, silent, back_after, index }) = down?;
        let fault = Resolved::Down { host, silent, when, back_after };
        if let Some(index) = index {
            self.fire(index);
        } else {
            self.mishaps.left = self.mishaps.left.saturating_sub(1);
            self.draw(fault);
        }
        Some(GoesDown { done, silent, back_after, fault })
    }

    /// What a search decides about an input of a host, or may decide later.
    fn decide_turn(&mut self, host: HostId, turn: HostTurn<'_>) -> Option<(usize, Down)> {
        if self.trail.is_open() {
            // What has ended goes down no more.
            let is_left = |when: &When| turn.place(*when).is_some_and(|done| !turn.is_done(done));
            turn.events().filter(is_left).for_each(|when| self.trail.note_turn(host, when));
            return None;
        }
        let down = self.trail.next_down(host)?;
        let done = turn.place(down.when)?;
        self.trail.take_next();
        Some((done, down))
    }

    /// What is drawn at one input of a host: that it goes down, after how many effects and how, or something for later.
    fn draw_mishap(
        &mut self,
        now: Instant,
        host: HostId,
        input: u64,
        turn: HostTurn<'_>,
    ) -> Option<(usize, Down)> {
        let bits = mix(mix(mix(self.seed, MISHAPS), u64::from(host.0)), input);
        let HostChances {
            crash, poweroff, partition, skew, drift, stop, rebind, reboot, moves, longest, ..
        } = self.mishaps.chances;
        // Most chances are none in most runs, and nearly always nothing happens: so that is found out before all else.
        let happens = |chance: Chance, n: u64| chance != Chance::NEVER && chance.happens(mix(bits, n));
        let span = || span_of(mix(bits, 10), longest);
        let silent = happens(poweroff, 1);
        if silent || happens(crash, 0) {
            let (done, when) = turn.drawn(mix(bits, 11))?;
            return Some((done, Down { when, silent, back_after: Some(span()), index: None }));
        }
        let is_parted = happens(partition, 2);
        let is_hit = is_parted || happens(skew, 3) || happens(drift, 4) || happens(stop, 5);
        if !(is_hit || happens(rebind, 6) || happens(reboot, 7) || happens(moves, 8)) {
            return None;
        }
        let span = span();
        let at = Instant::from_millis(now.as_nanos() / 1_000_000 + 1) + span_of(mix(bits, 12), longest / 8);
        if at >= self.calm_at {
            return None;
        }
        let fault = if is_parted {
            self.draw_partition(host, mix(bits, 13), (at, at + span), now);
            return None;
        } else if happens(skew, 3) {
            if mix(bits, 14) & 1 == 0 {
                ResolvedHost::Skew(host, span)
            } else {
                ResolvedHost::Lag(host, span)
            }
        } else if happens(drift, 4) {
            let parts = Rate::PARTS - MAX_DRIFT + below(mix(bits, 15), u64::from(2 * MAX_DRIFT + 1)) as u32;
            ResolvedHost::Drift(host, Rate::millionths(parts).filter(|rate| *rate != Rate::RIGHT)?)
        } else if happens(stop, 5) {
            ResolvedHost::Stop(host)
        } else if happens(moves, 8) {
            let [_, rest @ ..] = (mix(bits, 16) as u32).to_be_bytes();
            ResolvedHost::Move(host, Ipv4Addr::new(10, rest[0], rest[1], rest[2]))
        } else if let Some(nat) = self.nats.of(host) {
            if happens(rebind, 6) { ResolvedHost::Rebind(nat) } else { ResolvedHost::Reboot(nat) }
        } else {
            return None;
        };
        self.mishaps.later.push((at, fault));
        self.mishaps.left -= 1;
        None
    }

    /// To be called when a host's machine has ended: it may be started anew.
    pub(crate) fn ended(&mut self, now: Instant, host: HostId) {
        let HostChances { restart, longest, until, .. } = self.mishaps.chances;
        if self.mishaps.left == 0 || self.waits() || restart == Chance::NEVER || now.since_start() > until {
            return;
        }
        let bits = mix(mix(mix(self.seed, MISHAPS - 2), u64::from(host.0)), now.as_nanos());
        let at = Instant::from_millis(now.as_nanos() / 1_000_000) + span_of(mix(bits, 1), longest);
        if restart.happens(mix(bits, 0)) && at < self.calm_at {
            self.mishaps.later.push((at, ResolvedHost::Restart(host)));
            self.mishaps.left -= 1;
        }
    }

    /// What was drawn for later since it was asked last, each with its place and its order.
    pub(crate) fn take_later(&mut self) -> impl Iterator<Item = (u32, Order)> {
        let first = std::mem::replace(&mut self.mishaps.taken, self.mishaps.later.len());
        (first..).zip(&self.mishaps.later[first..]).map(|(place, &(at, fault))| {
            let host = fault.host();
            (place as u32, Order::new(at, host, Class::Fault, host, FIRST_DRAWN + place as u64))
        })
    }

    /// What was drawn for later, by its place.
    pub(crate) fn later(&self, place: u32) -> ResolvedHost {
        self.mishaps.later[place as usize].1
    }

    /// Notes that what was drawn for later has happened now, and changed something.
    pub(crate) fn happened(&mut self, at: Instant, fault: ResolvedHost) {
        self.draw(Resolved::Host { at, fault });
    }

    /// The order of a restart.
    pub(crate) fn restart_order(&mut self, at: Instant, host: HostId) -> Order {
        self.mishaps.restarts += 1;
        Order::new(at, host, Class::Fault, host, FIRST_RESTART + self.mishaps.restarts)
    }

    /// The order of a host's timer: the last of its moment, unless it comes first.
    #[inline]
    pub(crate) fn timer_order(&self, at: Instant, host: HostId) -> Order {
        let is_planned = at < self.calm_at && self.schedule.timer_first(host, at).is_some();
        if is_planned || self.draws_timer_first(at, host) {
            return Order::new(at, host, Class::Fault, host, TIMER_FIRST);
        }
        Order::new(at, host, Class::Timer, host, 0)
    }

    fn draws_timer_first(&self, at: Instant, host: HostId) -> bool {
        let chance = self.mishaps.chances.timer_first;
        let is_drawn = chance != Chance::NEVER && at < self.calm_at && !self.waits();
        is_drawn && chance.happens(mix(mix(mix(self.seed, MISHAPS - 1), u64::from(host.0)), at.as_nanos()))
    }

    /// Notes that a timer came first where something else was due; gives the fault.
    pub(crate) fn timer_came_first(&mut self, at: Instant, host: HostId) -> Resolved {
        let fault = Resolved::Host { at, fault: ResolvedHost::TimerFirst(host) };
        match self.schedule.timer_first(host, at) {
            Some(index) => self.fire(index),
            None => self.draw(fault),
        }
        fault
    }
}

/// One input of a host with its effects.
#[derive(Clone, Copy)]
struct HostTurn<'a> {
    /// Which receipt it is, if it is one.
    recv: Option<u64>,
    /// The number that its first send has.
    first_send: u64,
    effects: &'a Effects,
}

impl HostTurn<'_> {
    /// How many of the effects are sends.
    fn sends(&self) -> u64 {
        self.effects.from(0).filter(is_send).count() as u64
    }

    /// Whether the machine has ended by the first effects.
    fn is_done(&self, done: usize) -> bool {
        self.effects.from(0).take(done).any(|effect| matches!(effect, Effect::Done(_)))
    }

    /// The place of a send among the effects.
    fn send(&self, n: u64) -> Option<usize> {
        let mut sends = self.effects.from(0).enumerate().filter(|(_, effect)| is_send(effect));
        sends.nth(usize::try_from(n.checked_sub(self.first_send)?).ok()?).map(|(place, _)| place)
    }

    /// How many effects are done before this event, if it is in this turn.
    fn place(&self, when: When) -> Option<usize> {
        match when {
            When::BeforeSend(n) => self.send(n),
            When::AfterSend(n) => self.send(n).map(|place| place + 1),
            When::AfterRecv(n) => (self.recv == Some(n)).then(|| self.effects.len()),
            When::AfterEffect { effect, recv } => {
                let done = effect as usize;
                (self.recv == Some(recv) && done <= self.effects.len()).then_some(done)
            }
        }
    }

    /// All events of this turn at which the host may go down, none of them with what another one does.
    fn events(self) -> impl Iterator<Item = When> {
        let len = self.effects.len();
        let sends = self.effects.from(0).map(|effect| is_send(&effect)).chain([false]);
        let (mut next, mut is_after_send) = (self.first_send, false);
        (0..=len).zip(sends).filter_map(move |(place, is_send)| {
            let n = next;
            next += u64::from(is_send);
            let is_after_send = std::mem::replace(&mut is_after_send, is_send);
            match self.recv {
                Some(recv) if place == len => Some(When::AfterRecv(recv)),
                Some(recv) => (place > 0).then_some(When::AfterEffect { effect: place as u32, recv }),
                // The places in between have no name of their own, and differ by what nobody else sees.
                None if is_send => Some(When::BeforeSend(n)),
                None => is_after_send.then(|| When::AfterSend(n - 1)),
            }
        })
    }

    /// An event of this turn; none, if it has no name.
    fn drawn(&self, bits: u64) -> Option<(usize, When)> {
        let len = self.effects.len();
        if let Some(recv) = self.recv {
            // After all of it as often as in the middle.
            let place = if len < 2 { 0 } else { below(mix(bits, 0), 2 * (len as u64 - 1)) as usize };
            if place == 0 || place >= len {
                return Some((len, When::AfterRecv(recv)));
            }
            return Some((place, When::AfterEffect { effect: place as u32, recv }));
        }
        let n = self.first_send + below(mix(bits, 1), self.sends());
        let place = self.send(n)?;
        Some(if mix(bits, 2) & 1 == 0 {
            (place, When::BeforeSend(n))
        } else {
            (place + 1, When::AfterSend(n))
        })
    }
}

/// Whether an effect is a send: of a datagram, or of bytes of a stream.
const fn is_send(effect: &Effect<'_, u32>) -> bool {
    matches!(effect, Effect::Send { .. } | Effect::Write { .. })
}

/// A span of whole milliseconds, 1 at least and this at most: of each twofold range as often.
fn span_of(bits: u64, longest: Duration) -> Duration {
    let most = (longest.as_millis() as u64).max(1);
    let low = 1 << below(bits, u64::from(64 - most.leading_zeros()));
    Duration::from_millis((low + below(mix(bits, 0), low)).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_and_long_alike_and_stay_within_their_bound() {
        let longest = Duration::from_secs(1);
        let spans: Vec<u64> = (0..4_000).map(|n| span_of(mix(7, n), longest).as_millis() as u64).collect();
        assert!(spans.iter().all(|span| (1..=1_000).contains(span)));
        assert!(spans.contains(&1) && spans.contains(&1_000));
        let short = spans.iter().filter(|span| **span < 32).count();
        // Five of the ten ranges; three standard errors are 95.
        assert!((1_905..=2_095).contains(&short), "{short}");
        assert_eq!(span_of(u64::MAX, Duration::ZERO), Duration::from_millis(1));
    }
}
