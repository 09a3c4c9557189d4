//! The simulated network: what becomes of a datagram or of the bytes of a stream, and in which order things arrive.
//!
//! It is a pure model. It holds no payloads and hands nothing to machines: a world tells it what its machines did, and
//! it says what arrives where and when. Two worlds use it, the event engine and the driver on turmoil, so that
//! the same plan means the same in both.

mod fingerprint;
mod order;
mod schedule;
mod streams;
mod trail;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use order::{Class, Order};
pub(crate) use schedule::Schedule;
pub(crate) use streams::{Delivery, Segment, StreamEnd, Streams};
pub(crate) use trail::{Sent, Trail};

use crate::fault::{DatagramFault, FaultKind, Profile, Resolved, ResolvedHost};
use crate::host::HostId;
use crate::time::Instant;

/// Whether a host can take what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// Its machine runs.
    Running,
    /// Its machine has ended or crashed; the operating system still answers for it.
    Exited,
    /// It is silent.
    Off,
}

/// What the network did to one datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// Its number in the flow.
    pub(crate) n: u64,
    /// When and in which order it arrives: not at all, once, or twice.
    pub(crate) arrivals: [Option<Order>; 2],
    /// The fault that changed it.
    pub(crate) fault: Option<DatagramFault>,
}

impl Departure {
    /// The payload as it arrives.
    pub(crate) fn alter(&self, payload: &mut Vec<u8>) {
        alter(self.fault, payload);
    }
}

/// Changes a payload as a fault has it.
pub(crate) fn alter(fault: Option<DatagramFault>, payload: &mut Vec<u8>) {
    match fault {
        Some(DatagramFault::Flip { at, mask }) => {
            if let Some(byte) = payload.get_mut(at as usize) {
                *byte ^= mask;
            }
        }
        Some(DatagramFault::Truncate(len)) => payload.truncate(len as usize),
        _ => {}
    }
}

/// How often each kind of fault fired, by [`FaultKind`].
pub type Fired = [u64; FaultKind::ALL.len()];

/// Everything between the hosts of one run.
#[derive(Debug, Default)]
pub(crate) struct Network {
    host_count: usize,
    pub(crate) latency: Duration,
    seed: u64,
    profile: Profile,
    pub(crate) schedule: Arc<Schedule>,
    /// From when on no fault hits.
    calm_at: Instant,
    /// How often each fault of the schedule fired.
    fired: Vec<bool>,
    drawn: Vec<Resolved>,
    tally: Fired,
    /// The next number of each host: what it sends at one moment arrives in this order.
    numbers: Vec<u64>,
    /// How many datagrams each flow has had.
    flows: Vec<u64>,
    pub(crate) streams: Streams,
    /// What a search decides about the sends, and hears of them.
    pub(crate) trail: Trail,
    /// How many datagrams and segments of data were sent.
    pub(crate) packets: u64,
}

impl Network {
    /// Makes the network anew, in the memory of the one before. `listeners` has the port of each host that listens.
    pub(crate) fn reset(
        &mut self,
        listeners: impl ExactSizeIterator<Item = Option<u16>>,
        latency: Duration,
        seed: u64,
        profile: Profile,
        schedule: &Arc<Schedule>,
    ) {
        self.host_count = listeners.len();
        self.latency = latency;
        self.seed = seed;
        self.profile = profile;
        if !Arc::ptr_eq(&self.schedule, schedule) {
            self.schedule = Arc::clone(schedule);
        }
        self.calm_at = schedule.calm_at.unwrap_or(Instant::FAR_FUTURE);
        refill(&mut self.fired, schedule.faults.len(), false);
        self.drawn.clear();
        self.tally = [0; FaultKind::ALL.len()];
        refill(&mut self.numbers, self.host_count, 0);
        refill(&mut self.flows, self.host_count * self.host_count, 0);
        self.streams.reset(listeners);
        self.trail.rewind();
        self.packets = 0;
    }

    /// How many hosts there are.
    pub(crate) const fn host_count(&self) -> usize {
        self.host_count
    }

    /// Sends one datagram.
    pub(crate) fn datagram(&mut self, now: Instant, from: HostId, to: HostId, payload: &[u8]) -> Departure {
        self.packets += 1;
        let flow = from.index() * self.host_count + to.index();
        let n = self.flows[flow];
        self.flows[flow] += 1;
        if self.blocked_until(from, to, now).is_some() {
            return Departure { n, arrivals: [None, None], fault: None };
        }
        if now >= self.calm_at {
            let order = self.delivery(now + self.latency, from, to);
            return Departure { n, arrivals: [Some(order), None], fault: None };
        }
        let fault = self.fate(from, to, n, payload);
        let due_at = now + self.latency;
        let arrivals = match fault {
            Some(DatagramFault::Drop) => [None, None],
            Some(DatagramFault::Duplicate) => {
                [Some(self.delivery(due_at, from, to)), Some(self.delivery(due_at, from, to))]
            }
            Some(DatagramFault::Delay(late)) => {
                [Some(self.delivery(self.late(due_at, late), from, to)), None]
            }
            _ => [Some(self.delivery(due_at, from, to)), None],
        };
        Departure { n, arrivals, fault }
    }

    /// When something arrives that is so much later than it would be: once all is calm, nothing is late any more.
    fn late(&self, due_at: Instant, late: Duration) -> Instant {
        (due_at + late).min(due_at.max(self.calm_at + self.latency))
    }

    /// The fault of one datagram, if it changes it: the plan's, or else one that is drawn.
    fn fate(&mut self, from: HostId, to: HostId, n: u64, payload: &[u8]) -> Option<DatagramFault> {
        let len = payload.len();
        let (fault, index) = match self.schedule.datagram(from, to, n) {
            Some((fault, index)) => (fault, Some(index)),
            None if self.trail.is_on() => (self.trail.datagram(from, to, n, payload)?, None),
            // No network lies between a host and itself.
            None if from == to || self.profile.is_calm() => return None,
            None => (self.profile.datagram(self.seed, from, to, n, len)?, None),
        };
        let changes = match fault {
            DatagramFault::Flip { at, .. } => (at as usize) < len,
            DatagramFault::Truncate(kept_len) => (kept_len as usize) < len,
            DatagramFault::Drop | DatagramFault::Duplicate | DatagramFault::Delay(_) => true,
        };
        if !changes {
            return None;
        }
        match index {
            Some(index) => self.fire(index),
            None => self.draw(Resolved::Datagram { from, to, n, fault }),
        }
        Some(fault)
    }

    /// Tells the sender of a datagram that nobody took it.
    pub(crate) fn refusal(&mut self, now: Instant, from: HostId, to: HostId) -> Option<Order> {
        match self.blocked_until(from, to, now) {
            Some(_) => None,
            None => Some(self.delivery(now + self.latency, from, to)),
        }
    }

    /// If nothing passes from one host to another at `now`: until when, or `FAR_FUTURE` if for ever.
    fn blocked_until(&mut self, from: HostId, to: HostId, now: Instant) -> Option<Instant> {
        if self.schedule.windows.is_empty() {
            return None;
        }
        let mut until = None;
        let schedule = Arc::clone(&self.schedule);
        for window in &schedule.windows {
            let at = until.unwrap_or(now);
            if (window.from, window.to) != (from, to) || at < window.begin_at {
                continue;
            }
            if at < window.end_at {
                until = Some(window.end_at);
                self.fire(window.fault);
            } else if let Some(heal) = window.heal {
                // Without it this would not pass.
                self.fire(heal);
            }
        }
        until
    }

    fn delivery(&mut self, at: Instant, from: HostId, to: HostId) -> Order {
        Order::new(at, to, Class::Delivery, from, self.number(from))
    }

    fn number(&mut self, host: HostId) -> u64 {
        let number = self.numbers[host.index()];
        self.numbers[host.index()] += 1;
        number
    }

    /// Notes that a fault of the schedule changed something.
    pub(crate) fn fire(&mut self, index: u32) {
        if !std::mem::replace(&mut self.fired[index as usize], true) {
            self.tally[self.schedule.faults[index as usize].kind() as usize] += 1;
        }
    }

    /// Notes a fault that was drawn, and so fired.
    fn draw(&mut self, fault: Resolved) {
        self.tally[fault.kind() as usize] += 1;
        self.drawn.push(fault);
    }

    /// How often each kind of fault fired.
    pub(crate) const fn tally(&self) -> &Fired {
        &self.tally
    }

    /// For each fault of the schedule whether it changed something.
    pub(crate) fn planned_fired(&self) -> &[bool] {
        &self.fired
    }

    /// The faults of the schedule that never changed anything.
    pub(crate) fn unfired(&self) -> impl Iterator<Item = Resolved> {
        self.schedule.faults.iter().zip(&self.fired).filter(|(_, fired)| !**fired).map(|(fault, _)| *fault)
    }

    /// The faults of the schedule, then those that were drawn: as a plan they make the same run again.
    pub(crate) fn faults(&self) -> impl Iterator<Item = Resolved> {
        self.schedule.faults.iter().chain(&self.drawn).copied()
    }

    /// The host faults, with their order and their index in the schedule.
    pub(crate) fn host_faults(&self) -> impl Iterator<Item = (Order, ResolvedHost, u32)> {
        self.schedule.host_faults.iter().map(|&(at, fault, index)| {
            let host = match fault {
                ResolvedHost::Partition(host, _)
                | ResolvedHost::PartitionOneWay(host, _)
                | ResolvedHost::Crash(host)
                | ResolvedHost::Poweroff(host)
                | ResolvedHost::Restart(host)
                | ResolvedHost::Skew(host, _) => host,
                ResolvedHost::Heal => HostId(0),
            };
            (Order::new(at, host, Class::Fault, host, u64::from(index)), fault, index)
        })
    }
}

fn refill<T: Copy>(vec: &mut Vec<T>, len: usize, value: T) {
    vec.clear();
    vec.resize(len, value);
}
