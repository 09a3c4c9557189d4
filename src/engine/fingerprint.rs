//! What distinguishes two states of a whole run, so that a search recognises one that it has seen.

use std::cmp::Reverse;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use super::{Engine, Entry, Event, State, World};
use crate::machine::Machine;
use crate::network::Power;
use crate::time::Instant;

impl<C: Clone, E: PartialEq + Debug> Engine<C, E> {
    /// Writes everything on which it depends what happens from now on, with times relative to `now`, when something
    /// happened last: the machines, their streams and disks, what is due, what is on its way and in which order. Not what
    /// has happened, nor how much time is left. False if a machine has no fingerprint, or if streams stand in a circle.
    pub(crate) fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        if self.circle.is_some() || !self.hosts.iter().all(|state| state.fingerprint(now, to)) {
            return false;
        }
        self.world.fingerprint(now, to);
        true
    }
}

impl<C: Clone, E: PartialEq + Debug> State<C, E> {
    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        match &self.machine {
            Some(machine) => {
                to.write_u8(1);
                // By the host's own clock, as it is told the time.
                if !machine.fingerprint(now + self.skew, to) {
                    return false;
                }
                self.outbox.fingerprint(to);
            }
            None => to.write_u8(0),
        }
        to.write_u8(match self.power {
            Power::Running => 0,
            Power::Exited => 1,
            Power::Off => 2,
        });
        let streak = if self.last_at == now { self.streak } else { 0 };
        (self.incarnation, streak, self.skew, self.stopped, self.timer_at.map(|at| at.since(now)))
            .hash(&mut to);
        self.disk.hash(&mut to);
        true
    }
}

impl<E> World<E> {
    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) {
        self.network.fingerprint(now, to);
        self.statuses.hash(&mut to);
        self.pipes.hash(&mut to);
        // A heap's own order says nothing. Timers are in it again and again; the hosts know which of them are meant.
        let mut entries: Vec<&Entry> = self.queue.iter().map(|Reverse(entry)| entry).collect();
        entries.retain(|entry| !matches!(entry.event, Event::Timer));
        entries.sort_unstable();
        entries.len().hash(&mut to);
        let next_numbers = self.network.next_numbers();
        for Entry { order, event } in entries {
            order.at().since(now).hash(&mut to);
            match next_numbers {
                Some(next_numbers) => order.place(next_numbers).hash(&mut to),
                None => order.pair().hash(&mut to),
            }
            match *event {
                Event::Fault(_, index) => (0_u8, index).hash(&mut to),
                Event::Command(index) => (1_u8, index).hash(&mut to),
                Event::Datagram { from, port, payload, n: _ } => {
                    (2_u8, from, port, self.payloads.bytes(payload)).hash(&mut to);
                }
                Event::Refusal { from, peer } => (3_u8, from, peer).hash(&mut to),
                Event::Stream(at, segment) => (4_u8, at, segment.without_offset()).hash(&mut to),
                Event::Calm => to.write_u8(5),
                Event::Timer => {}
            }
        }
    }
}
