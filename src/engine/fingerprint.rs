//! What distinguishes two states of a whole run, so that a search recognises one that it has seen.

use std::hash::{Hash, Hasher};

use super::{Engine, Entry, Event, State, World};
use crate::network::Power;
use crate::scenario::Slot;
use crate::time::Instant;

impl Engine<'_> {
    /// Writes everything on which it depends what happens from now on, with times relative to `now`, when something
    /// happened last: the machines, their streams and disks, what is due, what is on its way and in which order. Not what
    /// has happened, nor how much time is left. False if a machine has no fingerprint, or if streams stand in a circle.
    pub(crate) fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        let mut all = self.hosts.iter().zip(&self.slots);
        let ended = self.was_read.states != 0;
        if self.circle.is_some() || !all.all(|(state, slot)| state.fingerprint(slot, now, to, ended)) {
            return false;
        }
        self.world.fingerprint(now, to);
        true
    }
}

impl State {
    /// `ended` says that what has ended counts too, for a property looks at it.
    fn fingerprint(&self, slot: &Slot<'_>, now: Instant, mut to: &mut dyn Hasher, ended: bool) -> bool {
        to.write_u8(u8::from(self.is_up));
        if self.is_up || ended {
            // By the host's own clock, as it is told the time.
            if !slot.actor.fingerprint(self.clock.at(now), to) {
                return false;
            }
            slot.actor.peek().fingerprint(to);
        }
        to.write_u8(match self.power {
            Power::Running => 0,
            Power::Exited => 1,
            Power::Off => 2,
        });
        let streak = if self.last_at == now { self.streak } else { 0 };
        (self.incarnation, self.is_stopped, streak, self.tie_at == Some(now)).hash(&mut to);
        self.timer_at.map(|at| at.since(now)).hash(&mut to);
        self.clock.fingerprint(now, to);
        self.disk.hash(&mut to);
        true
    }
}

impl World<'_> {
    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) {
        self.network.fingerprint(now, to);
        self.statuses.hash(&mut to);
        self.pipes.hash(&mut to);
        // A heap's own order says nothing. Timers are in it again and again; the hosts know which of them are meant.
        let mut entries: Vec<&Entry> = self.queue.iter().collect();
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
                Event::Fault(place) => (0_u8, place).hash(&mut to),
                Event::Command(index) => (1_u8, index).hash(&mut to),
                Event::Datagram(flight) => {
                    let flight = self.flights.get(flight);
                    (2_u8, flight.from, flight.source, flight.to, &flight.bytes).hash(&mut to);
                }
                Event::Refusal(flight) => {
                    let flight = self.flights.get(flight);
                    (3_u8, flight.from, flight.source, flight.to).hash(&mut to);
                }
                Event::Stream(place) => {
                    let (at, segment) = self.segments.get(place);
                    (4_u8, at, segment.without_offset()).hash(&mut to);
                }
                Event::Calm => to.write_u8(5),
                Event::Back => to.write_u8(6),
                Event::Drawn(place) => (7_u8, place).hash(&mut to),
                Event::Timer => {}
            }
        }
    }
}
