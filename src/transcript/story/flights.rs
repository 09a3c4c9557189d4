//! Which arrival belongs to which departure.
//!
//! A datagram is known by its flow and number, bytes of a stream by connection and offset. A connection's opening goes
//! from `connect` to the `connected` of the other side, its end from the first `shutdown` or `close` to the `eof` there,
//! and an `abort` to the `closed` that says it was reset.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::rows::named;
use super::{Fate, Flight, Kind, Mark, Row};
use crate::host::HostId;
use crate::machine::CloseReason;
use crate::time::Instant;
use crate::transcript::Link;

/// One direction of a connection.
type Direction = (HostId, HostId, u32);

/// What has left, and what has come in and where.
#[derive(Default)]
pub(super) struct Flights {
    all: Vec<Flight>,
    datagrams: BTreeMap<(HostId, HostId, u64), usize>,
    writes: BTreeMap<Direction, Vec<(Range<u64>, usize)>>,
    connects: BTreeMap<Direction, usize>,
    /// The rows of the first `shutdown` or `close`, until the other side sees an end, and which of them it was.
    ends: BTreeMap<Direction, (usize, &'static str)>,
    aborts: BTreeMap<Direction, usize>,
    /// What died at a NAT.
    died: Vec<((HostId, HostId, u64), String)>,
    /// Arrivals of datagrams and bytes. They are matched at the end: at a latency of 0 one can stand before its
    /// departure.
    received: Vec<((HostId, HostId, u64), usize)>,
    read: Vec<(Direction, Range<u64>, usize)>,
    /// Arrivals that are matched already.
    matched: Vec<(usize, usize)>,
}

impl Flights {
    fn depart(&mut self, from: HostId, to: HostId, name: String, departs: usize) -> usize {
        let (arrivals, fate) = (Vec::new(), Fate::Lost);
        self.all.push(Flight { from, to, name, fault: None, is_lost: false, departs, arrivals, fate });
        self.all.len() - 1
    }

    /// What stays at its host is no flight, nor is anything below that does.
    pub(super) fn send(&mut self, from: HostId, to: HostId, n: u64, row: usize) -> Kind {
        if from == to {
            return Kind::Own(Mark::Note);
        }
        let flight = self.depart(from, to, format!("#{n}"), row);
        self.datagrams.insert((from, to, n), flight);
        Kind::Departs(flight)
    }

    pub(super) fn recv(&mut self, from: HostId, to: HostId, n: u64, row: usize) {
        self.received.push(((from, to, n), row));
    }

    /// Says where and why a datagram died. It may stand before its departure, as its NAT may before its host.
    pub(super) fn dies(&mut self, from: HostId, to: HostId, n: u64, why: String) {
        self.died.push(((from, to, n), why));
    }

    /// Says where a queue has lost a datagram; false if there is no such datagram.
    pub(super) fn loses(&mut self, flow: (HostId, HostId, u64), text: String) -> bool {
        let Some(&flight) = self.datagrams.get(&flow) else { return false };
        (self.all[flight].fault, self.all[flight].is_lost) = (Some(text), true);
        true
    }

    /// Says what fault a datagram met; false if there is no such datagram.
    pub(super) fn meets(&mut self, from: HostId, to: HostId, n: u64, fault: &str) -> bool {
        let Some(&flight) = self.datagrams.get(&(from, to, n)) else { return false };
        self.all[flight].fault = Some(fault.to_owned());
        true
    }

    pub(super) fn write(
        &mut self,
        from: HostId,
        link: Link,
        range: Range<u64>,
        row: usize,
        name: String,
    ) -> Kind {
        if range.is_empty() || from == link.peer {
            return Kind::Own(Mark::Note);
        }
        let flight = self.depart(from, link.peer, name, row);
        self.writes.entry((from, link.peer, link.number)).or_default().push((range, flight));
        Kind::Departs(flight)
    }

    pub(super) fn read(&mut self, here: HostId, link: Link, range: Range<u64>, row: usize) {
        self.read.push(((link.peer, here, link.number), range, row));
    }

    pub(super) fn connect(&mut self, from: HostId, link: Link, row: usize) -> Kind {
        if from == link.peer {
            return Kind::Own(Mark::Note);
        }
        let flight = self.depart(from, link.peer, named(link, "connect"), row);
        self.connects.insert((from, link.peer, link.number), flight);
        Kind::Departs(flight)
    }

    pub(super) fn connected(&mut self, here: HostId, link: Link, row: usize) {
        if let Some(flight) = self.connects.remove(&(link.peer, here, link.number)) {
            self.matched.push((flight, row));
        }
    }

    pub(super) fn end(&mut self, from: HostId, link: Link, word: &'static str, row: usize) {
        self.ends.entry((from, link.peer, link.number)).or_insert((row, word));
    }

    pub(super) fn abort(&mut self, from: HostId, link: Link, row: usize) {
        self.aborts.insert((from, link.peer, link.number), row);
    }

    pub(super) fn eof(&mut self, here: HostId, link: Link, row: usize) {
        if let Some((departs, word)) = self.ends.remove(&(link.peer, here, link.number))
            && here != link.peer
        {
            let flight = self.depart(link.peer, here, named(link, word), departs);
            self.matched.push((flight, row));
        }
    }

    pub(super) fn closed(&mut self, here: HostId, link: Link, reason: CloseReason, row: usize) {
        if reason == CloseReason::Reset
            && here != link.peer
            && let Some(departs) = self.aborts.remove(&(link.peer, here, link.number))
        {
            let flight = self.depart(link.peer, here, named(link, "abort"), departs);
            self.matched.push((flight, row));
        }
    }

    /// Makes the rows of matched arrivals what they are, and says what became of every flight.
    pub(super) fn settle(mut self, rows: &mut [Row]) -> Vec<Flight> {
        for (key, row) in &self.received {
            self.matched.extend(self.datagrams.get(key).map(|flight| (*flight, *row)));
        }
        for (direction, range, row) in &self.read {
            let writes = self.writes.get(direction).map_or(&[][..], Vec::as_slice);
            let first = writes.partition_point(|(written, _)| written.end <= range.start);
            let covered = writes[first..].iter().take_while(|(written, _)| written.start < range.end);
            self.matched.extend(covered.map(|(_, flight)| (*flight, *row)));
        }
        self.matched.sort_by_key(|(flight, row)| (*row, *flight));
        for (flight, row) in self.matched {
            let flight_there = &mut self.all[flight];
            flight_there.arrivals.push(row);
            let departs = &mut rows[flight_there.departs];
            // An end departs only where somebody sees it.
            if let Kind::Own(_) = departs.kind {
                departs.kind = Kind::Departs(flight);
                departs.text.clone_from(&flight_there.name);
            }
            match &mut rows[row].kind {
                Kind::Arrives(flights) => flights.push(flight),
                kind => *kind = Kind::Arrives(vec![flight]),
            }
        }
        let mut died = BTreeSet::new();
        for (key, why) in self.died {
            if let Some(&flight) = self.datagrams.get(&key) {
                self.all[flight].fault.get_or_insert(why);
                died.insert(flight);
            }
        }
        say_what_became(&mut self.all, &died, rows);
        self.all
    }
}

/// What did not arrive is lost, unless the run ended before it could: before the shortest time that any flight took.
fn say_what_became(flights: &mut [Flight], died: &BTreeSet<usize>, rows: &[Row]) {
    let end_at = rows.last().map_or(Instant::START, |row| row.at);
    let span = |flight: &Flight| Some(rows[*flight.arrivals.first()?].at - rows[flight.departs].at);
    let shortest = flights.iter().filter_map(span).min().unwrap_or(Duration::ZERO);
    for (place, flight) in flights.iter_mut().enumerate() {
        let dropped = flight.is_lost || flight.fault.as_deref() == Some("drop") || died.contains(&place);
        flight.fate = match flight.arrivals.as_slice() {
            [_, ..] => Fate::Arrived,
            [] if !dropped && rows[flight.departs].at + shortest > end_at => Fate::Underway,
            [] => Fate::Lost,
        };
    }
}
