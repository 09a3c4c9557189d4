//! How far each line is from what broke: what led to it, what faults did, where hosts began and where they ended.
//!
//! A turn of a host is caused by whoever sent its input, and by the turns of the host before it. So the way back from the
//! broken line is a search for the nearest turns. The same scale has the faults with what they did, the first and the
//! last of each host, and what happens only once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::lines::{Line, Lines};
use crate::fault::{Resolved, ResolvedHost};
use crate::host::HostId;
use crate::transcript::story::{Fate, Flight, Story};
use crate::transcript::{Transcript, What};

/// What has nothing to do with it. It is kept only if there is room.
pub(super) const FAR: u32 = 60;
/// Where a host began, and where it ended.
const START: u32 = 7;
const END: u32 = 8;
/// What happens once or twice, if a machine tells it, and any other line.
const RARE: [u32; 2] = [5, 12];
/// What happens all the time is further than what does not: more often than that, and so much.
const COMMON: (u32, u32) = (8, 2);
/// How many faults are many.
const MANY_FAULTS: usize = 8;
/// Where more lines than that are rare, being rare says nothing. Of what machines tell the first and the last do even so.
const MAX_RARE: usize = 12;
/// How far back a message is looked for that is like another, in lines or turns.
const MAX_LOOK: usize = 5_000;

/// The distance of each line: the smaller, the sooner it is shown.
pub(super) fn distances(transcript: &Transcript<'_>, lines: &Lines) -> Vec<u32> {
    let story = Story::new(transcript);
    let mut causes = Causes::new(&story, lines, transcript.names().len());
    causes.lead_to_the_end();
    causes.follow_faults();
    causes.begin_and_end();
    causes.notice_the_rare();
    causes.distances
}

struct Causes<'a> {
    lines: &'a Lines,
    /// The turns of each host.
    of_host: Vec<Vec<usize>>,
    /// The place of each turn among those of its host.
    places: Vec<usize>,
    /// What left, by the line in which it did.
    departures: BTreeMap<usize, &'a Flight>,
    /// The lines in which what a line has sent arrives.
    arrivals: BTreeMap<usize, Vec<usize>>,
    /// The lines in which that left which arrives in a line.
    origins: BTreeMap<usize, Vec<usize>>,
    /// How many lines have the shape of each.
    times: Vec<u32>,
    distances: Vec<u32>,
}

impl<'a> Causes<'a> {
    fn new(story: &'a Story<'_>, lines: &'a Lines, hosts: usize) -> Self {
        let mut of_host = vec![Vec::new(); hosts];
        let mut places = Vec::with_capacity(lines.turns.len());
        for (index, turn) in lines.turns.iter().enumerate() {
            places.push(of_host[turn.host.index()].len());
            of_host[turn.host.index()].push(index);
        }
        let line = |row: usize| lines.of_record[story.rows[row].record];
        let (mut departures, mut arrivals) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        let mut origins = BTreeMap::<_, Vec<_>>::new();
        for flight in &story.flights {
            let departs = line(flight.departs);
            departures.insert(departs, flight);
            for arrives in flight.arrivals.iter().map(|row| line(*row)) {
                arrivals.entry(departs).or_default().push(arrives);
                origins.entry(arrives).or_default().push(departs);
            }
        }
        let distances = vec![FAR; lines.all.len()];
        let mut times = BTreeMap::new();
        for line in &lines.all {
            *times.entry(line.shape).or_insert(0) += 1;
        }
        let times = lines.all.iter().map(|line| times[&line.shape]).collect();
        Self { lines, of_host, places, departures, arrivals, origins, times, distances }
    }

    /// Brings a line as near as this, if it is not nearer.
    fn near(&mut self, line: usize, distance: u32) {
        if let Some(known) = self.distances.get_mut(line) {
            *known = distance.min(*known);
        }
    }

    /// The same for a whole turn: its input first, then what it tells, then the rest; of a long one less and less.
    fn near_turn(&mut self, turn: usize, distance: u32) {
        let (range, is_own) = (self.lines.turns[turn].lines.clone(), self.lines.turns[turn].is_own);
        for (place, line) in range.enumerate() {
            let more = match self.lines.all[line].record.what {
                _ if place == 0 && !is_own => 0,
                What::Event(_) | What::Done(_) | What::Fault(_) => 1,
                _ => 2,
            };
            let common = if self.times[line] > COMMON.0 { COMMON.1 } else { 0 };
            self.near(line, distance + more + common + place as u32 / 3);
        }
    }

    /// The turn of the same host before one, and that after it.
    fn neighbours(&self, turn: usize) -> [Option<usize>; 2] {
        let (turns, place) = (&self.of_host[self.lines.turns[turn].host.index()], self.places[turn]);
        [place.checked_sub(1).and_then(|before| turns.get(before)), turns.get(place + 1)]
            .map(Option::<&_>::copied)
    }

    /// The last turn of a host before one of another, and the first after it.
    fn around(&self, host: HostId, turn: usize) -> [Option<usize>; 2] {
        let turns = &self.of_host[host.index()];
        let after = turns.partition_point(|other| *other <= turn);
        let before = turns[..after].iter().rev().find(|other| **other != turn);
        [before.copied(), turns.get(after).copied()]
    }

    /// The way back from what broke, or else from the end.
    fn lead_to_the_end(&mut self) {
        let broken = self.lines.all.iter().rposition(Line::is_broken);
        let Some(last) = broken.or(self.lines.all.len().checked_sub(1)) else { return };
        self.near(last, 0);
        let mut nearest = vec![u32::MAX; self.lines.turns.len()];
        let mut heap = BinaryHeap::from([(Reverse(0), self.lines.all[last].turn)]);
        while let Some((Reverse(distance), turn)) = heap.pop() {
            if nearest[turn] <= distance || distance >= FAR {
                continue;
            }
            nearest[turn] = distance;
            self.near_turn(turn, distance + 2);
            let Turned { origins, before, is_own } = self.turned(turn);
            for origin in origins {
                self.near(origin, distance + 3);
                heap.push((Reverse(distance + 2), self.lines.all[origin].turn));
                // What was held for a while came in long before the timeout that sends it.
                if let Some(before) = self.came_in(origin) {
                    self.near(before, distance + 4);
                    heap.push((Reverse(distance + 3), self.lines.all[before].turn));
                }
            }
            // A timeout comes of what was before; an input would have come without it.
            let further = if is_own { 2 } else { 4 };
            heap.extend(before.map(|before| (Reverse(distance + further), before)));
        }
        // What repeats for ever is shown from where it begins.
        if let Some(circle) = self.lines.all.iter().position(|line| line.record.what == What::Circle) {
            for (place, line) in (circle..self.lines.all.len()).enumerate().take(FAR as usize) {
                self.near(line, 1 + place as u32 / 3);
            }
        }
    }

    /// Where a turn comes from.
    fn turned(&self, turn: usize) -> Turned {
        let turn_there = &self.lines.turns[turn];
        let input = turn_there.lines.clone().next();
        let origins = input.and_then(|input| self.origins.get(&input)).cloned().unwrap_or_default();
        Turned { origins, before: self.neighbours(turn)[0], is_own: turn_there.is_own }
    }

    /// Where the same bytes came in last at the host that sends them by itself.
    fn came_in(&self, departs: usize) -> Option<usize> {
        let line = &self.lines.all[departs];
        let turns = &self.of_host[line.record.host.index()][..self.places[line.turn]];
        let input = |turn: &usize| self.lines.turns[*turn].lines.clone().next();
        let is_same = |input: &usize| self.lines.all[*input].content == line.content;
        let inputs = turns.iter().rev().take(MAX_LOOK).filter(|turn| !self.lines.turns[**turn].is_own);
        let mut inputs = inputs.filter_map(input);
        if self.lines.turns[line.turn].is_own { inputs.find(is_same) } else { None }
    }

    /// Every fault, with what it hit and what came of that. Of many the first and the last are nearest, and the more there
    /// are, the less each of them says.
    fn follow_faults(&mut self) {
        let faults = self.lines.all.iter().enumerate().filter_map(|(line, there)| match there.record.what {
            What::Fault(fault) => Some((line, fault)),
            _ => None,
        });
        let faults: Vec<_> = faults.collect();
        let step = 1 + faults.len() / MANY_FAULTS;
        for (place, (line, fault)) in faults.iter().enumerate() {
            let from_end = place.min(faults.len() - 1 - place);
            let distance = 1 + (from_end * step / 2).min(FAR as usize) as u32;
            self.near(*line, distance);
            match fault {
                Resolved::Host { fault, .. } => self.follow_host_fault(*line, *fault, distance),
                Resolved::Down { host, .. } => {
                    self.follow_hit(*line, distance);
                    self.follow_host_fault(*line, ResolvedHost::Crash(*host), distance);
                }
                _ => self.follow_hit(*line, distance),
            }
        }
        if let Some(calm) = self.lines.all.iter().position(|line| line.record.what == What::Calm) {
            self.near(calm, 3);
        }
    }

    /// What a fault hit stands before it.
    fn follow_hit(&mut self, fault: usize, distance: u32) {
        let turn = self.lines.all[fault].turn;
        let is_fault = |line: &usize| matches!(self.lines.all[*line].record.what, What::Fault(_));
        let Some(hit) = (self.lines.turns[turn].lines.start..fault).rev().find(|line| !is_fault(line)) else {
            return;
        };
        self.near(hit, distance);
        self.near_turn(turn, distance + 3);
        let arrivals = self.arrivals.get(&hit).cloned().unwrap_or_default();
        for arrives in &arrivals {
            self.near(*arrives, distance + 1);
            self.near_turn(self.lines.all[*arrives].turn, distance + 2);
        }
        if let Some(next) = self.neighbours(turn)[1] {
            self.near_turn(next, distance + 5);
        }
        if let Some(flight) = self.departures.get(&hit)
            && arrivals.is_empty()
            && let Some(next) = self.around(flight.to, turn)[1]
        {
            self.near_turn(next, distance + 6);
        }
        self.show_a_good_one(hit, distance + 4);
    }

    /// The last of the kind before it that arrived.
    fn show_a_good_one(&mut self, hit: usize, distance: u32) {
        let shape = self.lines.all[hit].shape;
        let look = hit.saturating_sub(MAX_LOOK)..hit;
        let is_good = |line: &usize| self.lines.all[*line].shape == shape && self.arrivals.contains_key(line);
        let Some(good) = look.rev().find(is_good) else { return };
        self.near(good, distance);
        for arrives in self.arrivals[&good].clone() {
            self.near(arrives, distance);
            self.near_turn(self.lines.all[arrives].turn, distance + 1);
        }
    }

    /// What hosts did last before it and first after it, and what they lost first.
    fn follow_host_fault(&mut self, line: usize, fault: ResolvedHost, distance: u32) {
        let hosts = hosts(fault);
        let turn = self.lines.all[line].turn;
        for host in hosts.into_iter().flatten() {
            let [before, after] = self.around(host, turn);
            if let Some(before) = before {
                self.near_turn(before, distance + 5);
            }
            if let Some(after) = after {
                self.near_turn(after, distance + 3);
            }
        }
        let mut flows = Vec::new();
        let mut lost = Vec::new();
        for (&departs, flight) in self.departures.range(line..) {
            let flow = (flight.from, flight.to);
            let is_hit = hosts.iter().flatten().any(|host| *host == flow.0 || *host == flow.1);
            if is_hit && flight.fault.is_none() && flight.fate == Fate::Lost && !flows.contains(&flow) {
                flows.push(flow);
                lost.push(departs);
            }
        }
        for (place, departs) in lost.into_iter().enumerate() {
            self.near(departs, distance + 3 + place as u32);
            self.near_turn(self.lines.all[departs].turn, distance + 5 + place as u32);
            self.show_a_good_one(departs, distance + 5 + place as u32);
        }
    }

    /// The first turn of each host, the last, and the last thing that it told.
    fn begin_and_end(&mut self) {
        for (place, turns) in self.of_host.clone().into_iter().enumerate() {
            let further = place as u32;
            let has_lines = |turn: &&usize| !self.lines.turns[**turn].lines.is_empty();
            if let Some(first) = turns.iter().find(has_lines) {
                self.near_turn(*first, START + further);
            }
            if let Some(last) = turns.iter().rev().find(has_lines) {
                self.near_turn(*last, END + further);
            }
            let is_told = |line: &usize| matches!(self.lines.all[*line].record.what, What::Event(_));
            let of_turn = |turn: &usize| self.lines.turns[*turn].lines.clone().rev();
            if let Some(told) = turns.iter().rev().flat_map(of_turn).find(is_told) {
                self.near(told, END + further);
            }
        }
    }

    /// What happens only once or twice says more than what happens all the time.
    fn notice_the_rare(&mut self) {
        for is_told in [true, false] {
            let is_kind = |line: &Line| {
                is_told == matches!(line.record.what, What::Event(_) | What::Done(_) | What::Command(_))
            };
            let is_rare = |line: &usize| self.times[*line] <= 2 && is_kind(&self.lines.all[*line]);
            let rare: Vec<usize> = (0..self.lines.all.len()).filter(is_rare).collect();
            let count = rare.len();
            for (place, line) in rare.into_iter().enumerate() {
                let is_first_or_last = place.min(count - 1 - place) < MAX_RARE / 2;
                match (is_told, count <= MAX_RARE || is_told && is_first_or_last) {
                    (true, true) => {
                        self.near(line, RARE[0]);
                        self.near_turn(self.lines.all[line].turn, RARE[0] + 2);
                    }
                    (true, false) | (false, true) => self.near(line, RARE[1]),
                    (false, false) => {}
                }
            }
        }
    }
}

/// Where a turn comes from.
struct Turned {
    /// The lines in which its input left.
    origins: Vec<usize>,
    /// The turn of the host before it.
    before: Option<usize>,
    is_own: bool,
}

/// Whom a fault hits.
const fn hosts(fault: ResolvedHost) -> [Option<HostId>; 2] {
    match fault {
        ResolvedHost::Partition(one, other) | ResolvedHost::PartitionOneWay(one, other) => {
            [Some(one), Some(other)]
        }
        ResolvedHost::Heal => [None, None],
        ResolvedHost::Isolate(host)
        | ResolvedHost::Stop(host)
        | ResolvedHost::Crash(host)
        | ResolvedHost::Poweroff(host)
        | ResolvedHost::Restart(host)
        | ResolvedHost::Skew(host, _)
        | ResolvedHost::Lag(host, _)
        | ResolvedHost::Drift(host, _)
        | ResolvedHost::Pause(host)
        | ResolvedHost::Resume(host)
        | ResolvedHost::Rebind(host)
        | ResolvedHost::Reboot(host)
        | ResolvedHost::Move(host, _)
        | ResolvedHost::TimerFirst(host) => [Some(host), None],
    }
}
