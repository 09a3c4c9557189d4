//! Where there is room for tracks and for texts.

use super::draw::{Drawing, Room};
use crate::host::HostId;
use crate::transcript::story::Flight;

/// The most tracks on one side of a host.
const MAX_TRACKS: usize = 8;
/// The least room that a text is put into, in columns.
const MIN_ROOM: usize = 6;

impl Drawing<'_> {
    /// The columns for tracks beside a flight's receiver, the nearest first.
    pub(super) fn track_columns(&self, flight: &Flight) -> Vec<usize> {
        let (from_left, to) = (flight.from < flight.to, flight.to.index());
        let (left, right) = if from_left { (to - 1, to) } else { (to, to + 1) };
        let (left, right) = (self.columns[left], self.columns[right]);
        let count = ((right - left - 4) / 4).clamp(1, MAX_TRACKS);
        (1..=count).map(|number| if from_left { right - 2 * number } else { left + 2 * number }).collect()
    }

    /// The nearest of them that is free.
    pub(super) fn free_track(&self, flight: &Flight) -> Option<usize> {
        let is_free = |column: &usize| self.tracks.iter().all(|(taken, _)| taken != column);
        self.track_columns(flight).into_iter().find(is_free)
    }

    /// Where the text at a departing arrow goes: beyond the tracks beside its sender, unless there is not room enough.
    pub(super) fn label_room(&self, flight: &Flight, end: usize, wanted: usize) -> Room {
        let from = self.columns[flight.from.index()];
        let whole = (from.min(end) + 1, from.max(end));
        let beyond = if from < end {
            (self.beyond_right(flight.from) - 1, end)
        } else {
            (end + 1, self.beyond_left(flight.from) + 1)
        };
        if beyond.0 + wanted <= beyond.1 { beyond } else { whole }
    }

    /// Where the text beside an arrival goes: on the far side of the track that it came by, in the same gap.
    pub(super) fn room_beyond(&self, flight: &Flight, reach: usize) -> Option<Room> {
        let to = flight.to.index();
        let (start, end) = if flight.from < flight.to {
            let here = self.taken(self.middle(to - 1), reach).min().unwrap_or(reach);
            (self.beyond_right(HostId(to as u16 - 1)), here - 1)
        } else {
            let here = self.taken(reach, self.middle(to) + 1).max().unwrap_or(reach);
            (here + 2, self.beyond_left(HostId(to as u16 + 1)) + 1)
        };
        (start + 2 <= end).then_some((start, end))
    }

    /// Where the text of a host's own row goes, and whether that is at its right. It stays in its gap if it fits there,
    /// otherwise it may cover the lines of other hosts.
    pub(super) fn text_room(&self, host: HostId, wanted: usize) -> (bool, Room) {
        let (here, last) = (host.index(), self.columns.len() - 1);
        if last == 0 {
            return (true, (self.columns[0] + 2, self.look.width));
        }
        let rightwards = 2 * here <= last && here < last;
        let rooms: Vec<Room> = if rightwards {
            let start = self.beyond_right(host);
            let ends = here + 1..=last;
            ends.map(|end| (start, self.beyond_left(HostId(end as u16)) + 1)).collect()
        } else {
            let end = self.beyond_left(host) + 1;
            (0..here).rev().map(|start| (self.beyond_right(HostId(start as u16)), end)).collect()
        };
        let fits = |room: &&Room| room.0 + wanted.max(MIN_ROOM) <= room.1;
        let widest =
            rooms.iter().filter(|room| room.0 + MIN_ROOM <= room.1).max_by_key(|room| room.1 - room.0);
        let whole = if rightwards {
            (self.columns[here] + 2, self.columns[last] - 1)
        } else {
            (self.columns[0] + 2, self.columns[here] - 1)
        };
        (rightwards, *rooms.iter().find(fits).or(widest).unwrap_or(&whole))
    }

    /// The first free column for a text at the right of a host: beyond its tracks.
    fn beyond_right(&self, host: HostId) -> usize {
        let index = host.index();
        let taken = self.taken(self.columns[index], self.middle(index));
        taken.max().unwrap_or(self.columns[index]) + 2
    }

    /// The last free column for a text at the left of a host.
    fn beyond_left(&self, host: HostId) -> usize {
        let index = host.index();
        let taken = self.taken(self.middle(index - 1), self.columns[index]);
        taken.min().unwrap_or(self.columns[index]) - 2
    }

    /// The middle of the gap at the right of a host, between the tracks of both its sides.
    fn middle(&self, left: usize) -> usize {
        usize::midpoint(self.columns[left], self.columns[left + 1])
    }

    /// The tracks between two columns that are taken.
    fn taken(&self, left: usize, right: usize) -> impl Iterator<Item = usize> {
        self.tracks.iter().map(|(column, _)| *column).filter(move |column| (left + 1..right).contains(column))
    }
}
