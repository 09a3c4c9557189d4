//! Datagrams at the queues that several flows share.

use super::{Event, Keep, World};
use crate::fault::DatagramFault;
use crate::host::HostId;
use crate::machine::{Marked, Peer};
use crate::network::{Departure, Order, Queued, Released};
use crate::time::Instant;
use crate::transcript::{Loss, What};

impl World<'_> {
    /// Puts a datagram into the queue where it has room, or loses it. Says which flight waits there.
    #[cold]
    pub(super) fn queue_up(
        &mut self,
        now: Instant,
        flow: (HostId, HostId),
        (queued, departure): (Queued, &Departure),
        way: [&Peer; 2],
        payload: Marked<'_>,
    ) -> Option<u32> {
        let (from, to) = flow;
        let place = match queued {
            Queued::Taken(place) => place,
            Queued::Full(place) => {
                let loss = Loss { to, n: departure.n, bottleneck: place, is_full: true };
                self.record(now, from, What::Lost(loss));
                return None;
            }
        };
        // Of what its link loses behind the queue nothing is kept but its length.
        let is_lost = departure.fault == Some(DatagramFault::Drop);
        let flight = if is_lost { u32::MAX } else { self.flights.store((from, departure.n), way, payload) };
        if self.keep == Keep::Log && !is_lost {
            self.log.enters_queue((from, to, departure.n));
        }
        let next = self.network.put(now, flow, (place, departure), (payload, flight));
        if let Some(order) = next {
            self.queue.push(order, Event::Queue(place));
        }
        (!is_lost).then_some(flight)
    }

    /// Lets those leave a queue whose time has come.
    pub(super) fn serve(&mut self, now: Instant, place: u32) {
        let mut released = std::mem::take(&mut self.released);
        let next = self.network.serve(now, place, &mut released);
        for one in released.drain(..) {
            self.release(now, place, &one);
        }
        self.released = released;
        if let Some(order) = next {
            self.queue.push(order, Event::Queue(place));
        }
    }

    fn release(&mut self, now: Instant, place: u32, one: &Released) {
        let Released { from, to, payload, n, .. } = *one;
        // What is lost behind the queue has been recorded as that.
        let Some(flight) = payload else { return };
        if self.keep == Keep::Log {
            let arrivals = one.departure.map_or([None, None], |departure| departure.arrivals);
            self.log.leaves_queue((from, to, n), arrivals.map(|arrival| arrival.map(Order::at)));
        }
        let event = self.event_of(flight);
        let Some(departure) = &one.departure else {
            self.flights.free(flight);
            let loss = Loss { to, n, bottleneck: place, is_full: false };
            return self.record(now, from, What::Lost(loss));
        };
        self.flights.mark(flight, one.ecn);
        match event(flight) {
            #[cfg(feature = "segments")]
            Event::Packet(_) => super::segments::alter(departure, self.flights.bytes_mut(flight)),
            _ => departure.alter(self.flights.bytes_mut(flight)),
        }
        let [first, copy] = departure.arrivals;
        if let Some(order) = copy {
            let copy = self.flights.copy(flight);
            self.queue.push(order, event(copy));
        }
        match first {
            Some(order) => self.queue.push(order, event(flight)),
            None => self.flights.free(flight),
        }
    }

    /// What comes of a flight that leaves a queue.
    #[cfg_attr(
        not(feature = "segments"),
        expect(clippy::unused_self, reason = "without the feature all are datagrams")
    )]
    fn event_of(&mut self, flight: u32) -> fn(u32) -> Event {
        #[cfg(feature = "segments")]
        if self.leaves_as_packet(flight) {
            return Event::Packet;
        }
        #[cfg(not(feature = "segments"))]
        let _ = flight;
        Event::Datagram
    }
}
