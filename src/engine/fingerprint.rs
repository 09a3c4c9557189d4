//! What distinguishes two states of a whole run, so that a search recognises one that it has seen.

use std::hash::{Hash, Hasher};

use super::{Engine, Entry, Event, Order, Settings, State, World};
use crate::lawful::Rigour;
use crate::network::Power;
use crate::scenario::{Reads, Slot};
use crate::time::Instant;

/// Fingerprints are looked at (law 11) in the runs whose seeds this divides, one of so many, and in each whose seed is 0:
/// it makes a run take twice as long.
pub(crate) const FINGERPRINTS_EVERY: u64 = 32;

/// What is due, to be sorted: memory that is used again.
pub(crate) type Due = Vec<(Order, Event)>;

impl Engine<'_> {
    /// Writes everything on which it depends what happens from now on, with times relative to `now`, when something
    /// happened last or when it happens next: the machines, their streams and disks, what is due, what is on its way and
    /// in which order. Not what has happened, nor how much time is left. False if a machine has no fingerprint, or if
    /// streams stand in a circle.
    ///
    /// It is written anew for each moment. What a host has written once could be kept until its next input, with how long
    /// ago that was; but then a host that came to a state at another moment would never be in the same state again, though
    /// nothing in it goes by the time.
    pub(crate) fn fingerprint<H: Hasher>(&self, now: Instant, to: &mut H) -> bool {
        self.fingerprint_for(now, self.was_read, &mut Due::new(), to)
    }

    /// The same, where it matters what properties read: a machine that has ended counts if its state does.
    pub(crate) fn fingerprint_for<H: Hasher>(
        &self,
        now: Instant,
        reads: Reads,
        due: &mut Due,
        to: &mut H,
    ) -> bool {
        if self.circle.is_some() || self.world.has_segments() {
            return false;
        }
        for (index, (state, slot)) in self.hosts.iter().zip(&self.slots).enumerate() {
            let ended = reads.states & Reads::bit(index) != 0;
            if !state.fingerprint(slot, now, to, ended) {
                return false;
            }
        }
        self.world.fingerprint(now, due, to);
        true
    }

    /// How the laws are checked with these settings.
    pub(super) fn rigour(&self, settings: &Settings) -> Option<Rigour> {
        let by_seed = settings.effective_seed().is_multiple_of(FINGERPRINTS_EVERY);
        let fingerprints = self.looks_at_fingerprints.unwrap_or(by_seed);
        settings.laws.map(|shift| Rigour { shift, plain: self.plain_twins, fingerprints })
    }

    /// When something happens next, if anything does.
    pub(crate) fn next_at(&mut self) -> Option<Instant> {
        while let Some(Entry { order, event }) = self.world.queue.peek() {
            let at = order.at();
            if *event != Event::Timer || self.hosts[order.host().index()].timer_at == Some(at) {
                return Some(at);
            }
            // The deadline has moved since.
            self.world.queue.pop();
        }
        None
    }
}

impl State {
    /// `ended` says that what has ended counts too, for a property looks at it.
    fn fingerprint<H: Hasher>(&self, slot: &Slot<'_>, now: Instant, to: &mut H, ended: bool) -> bool {
        to.write_u8(u8::from(self.is_up));
        if self.is_up || ended {
            // By the host's own clock, as it is told the time.
            if !slot.actor.fingerprint(self.clock.at(now), to) {
                return false;
            }
            slot.actor.peek().fingerprint(to);
        }
        let power = match self.power {
            Power::Running => 0_u8,
            Power::Exited => 1,
            Power::Off => 2,
        };
        let streak = if self.last_at == now { self.streak } else { 0 };
        (power, self.incarnation, self.is_stopped, streak, self.tie_at == Some(now)).hash(to);
        self.timer_at.map(|at| at.since(now)).hash(to);
        self.clock.fingerprint(now, to);
        self.disk.hash(to);
        true
    }
}

impl World<'_> {
    fn fingerprint<H: Hasher>(&self, now: Instant, due: &mut Due, to: &mut H) {
        self.network.fingerprint(now, to, |flight, to| {
            let flight = self.flights.get(flight);
            (flight.source, flight.to, &flight.bytes, flight.ecn).hash(to);
        });
        if self.has_paths {
            self.moves.hash(to);
        }
        self.statuses.hash(to);
        to.write_usize(self.pipes.len());
        for pipe in self.pipes.iter().flatten() {
            let (first, second) = pipe.as_slices();
            to.write_usize(pipe.len());
            to.write(first);
            to.write(second);
        }
        // A heap's own order says nothing. Timers are in it again and again; the hosts know which of them are meant.
        due.clear();
        let entries = self.queue.iter().map(|entry| (entry.order, entry.event));
        due.extend(entries.filter(|(_, event)| !matches!(event, Event::Timer)));
        due.sort_unstable_by_key(|(order, _)| *order);
        due.len().hash(to);
        let next_numbers = self.network.next_numbers();
        for (order, event) in due {
            order.at().since(now).hash(to);
            match next_numbers {
                Some(next_numbers) => order.place(next_numbers).hash(to),
                None => order.pair().hash(to),
            }
            match *event {
                Event::Fault(place) => (0_u8, place).hash(to),
                Event::Command(index) => (1_u8, index).hash(to),
                Event::Datagram(flight) => {
                    let flight = self.flights.get(flight);
                    (2_u8, flight.from, flight.source, flight.to, &flight.bytes, flight.ecn).hash(to);
                }
                Event::Refusal(flight) => {
                    let flight = self.flights.get(flight);
                    (3_u8, flight.from, flight.source, flight.to).hash(to);
                }
                Event::Stream(place) => {
                    let (at, segment) = self.segments.get(place);
                    (4_u8, at, segment.without_offset()).hash(to);
                }
                Event::Calm => to.write_u8(5),
                Event::Back => to.write_u8(6),
                Event::Drawn(place) => (7_u8, place).hash(to),
                Event::Queue(place) => (8_u8, place).hash(to),
                Event::Timer => {}
                // Where there are such, nobody asks.
                #[cfg(feature = "segments")]
                Event::Packet(_) | Event::End(_) => {}
            }
        }
    }
}
