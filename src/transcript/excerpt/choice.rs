//! Which units there is room for.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use super::causes::FAR;
use super::fold::{Repeat, Unit};
use super::lines::{Line, Lines};

/// How many lines of one record are shown at most: an event or a property may bring any number.
pub(super) const MAX_RECORD_LINES: usize = 8;
/// How near repetitions are, for they stand for many lines: the longest. How near the blocks are that they repeat: the
/// first and the last. The others are further and further.
const REPEAT: u32 = 4;
const BLOCK: u32 = 9;
/// How much further a line of the block is than the nearest of its repetitions.
const HANDED_OVER: u32 = 4;
/// One part in so many of the room has the longest block that is shown whole.
const BLOCK_SHARE: usize = 3;
/// One part in so many of the room is for what stands between lines that are kept.
const SPARED: usize = 8;
/// The most lines that are shown only because they stand between others; more, if there is room in the end.
const MAX_CLOSED: usize = 4;
/// How many units are tried for the last of the room.
const MAX_MISSES: usize = 200;

/// The units of an excerpt, and those that are kept.
pub(super) struct Choice<'a> {
    lines: &'a Lines,
    pub(super) units: &'a [Unit],
    /// How many lines of text there are before each unit, and in all.
    heights: Vec<usize>,
    /// In their order.
    pub(super) kept: Vec<usize>,
}

impl<'a> Choice<'a> {
    /// Keeps the nearest units for which `room` lines are enough.
    pub(super) fn new(lines: &'a Lines, units: &'a [Unit], distances: Vec<u32>, room: usize) -> Self {
        let mut heights = vec![0];
        for unit in units {
            heights.push(heights[heights.len() - 1] + lines.height(unit.range()));
        }
        let mut choice = Self { lines, units, heights, kept: Vec::new() };
        let order = choice.order(distances, room);
        choice.take(&order, room - room / SPARED);
        choice.close_gaps(MAX_CLOSED, room);
        choice.take(&order, room);
        choice.close_gaps(room, room);
        choice
    }

    /// The units in which they are to be kept: single ones, and blocks.
    fn order(&self, mut distances: Vec<u32>, room: usize) -> Vec<Range<usize>> {
        let repeats: Vec<(usize, &Repeat)> = self.units.iter().enumerate().filter_map(repeat).collect();
        for (_, repeat) in &repeats {
            self.hand_over(repeat, &mut distances);
        }
        let mut order: Vec<(u32, Range<usize>)> = Vec::new();
        for (index, unit) in self.units.iter().enumerate() {
            let nearest = match unit {
                Unit::Line(line) => distances[*line],
                Unit::Repeat(_) => continue,
            };
            order.push((nearest, index..index + 1));
        }
        let longest = |(_, repeat): &&(usize, &Repeat)| Reverse(repeat.lines.len());
        let mut by_length: Vec<&(usize, &Repeat)> = repeats.iter().collect();
        by_length.sort_by_key(longest);
        for (place, (index, _)) in by_length.into_iter().enumerate() {
            order.push((REPEAT + place as u32, *index..*index + 1));
        }
        let is_short = |repeat: &Repeat| repeat.is_first() && repeat.block.len() <= room / BLOCK_SHARE;
        let blocks: Vec<_> = repeats.iter().filter(|(_, repeat)| is_short(repeat)).collect();
        for (place, (index, repeat)) in blocks.iter().enumerate() {
            // How it was at first, and how it is in the end.
            let from_end = place.min(blocks.len() - 1 - place) as u32;
            order.push((BLOCK + from_end, *index - repeat.block.len()..*index));
        }
        order.retain(|(distance, _)| *distance < FAR);
        // Of equally near ones the later are kept.
        order.sort_by_key(|(distance, range)| (*distance, Reverse(range.start)));
        order.into_iter().map(|(_, range)| range).collect()
    }

    /// What is near among lines that are not shown, for they repeat, is shown in the block.
    fn hand_over(&self, repeat: &Repeat, distances: &mut [u32]) {
        let mut nearest = BTreeMap::new();
        for line in repeat.lines.clone() {
            let known = nearest.entry(self.lines.all[line].shape).or_insert(u32::MAX);
            *known = distances[line].min(*known);
        }
        if repeat.is_first() {
            for line in repeat.block.clone() {
                let known = nearest.get(&self.lines.all[line].shape).copied().unwrap_or(FAR);
                distances[line] = (known + HANDED_OVER).min(distances[line]);
            }
        }
    }

    /// Keeps those for which there is room.
    fn take(&mut self, order: &[Range<usize>], room: usize) {
        let mut misses = 0;
        for range in order {
            misses += usize::from(!self.keep(range.clone(), room));
            if misses == MAX_MISSES {
                break;
            }
        }
    }

    /// Keeps these units, if there is room for them.
    fn keep(&mut self, units: Range<usize>, room: usize) -> bool {
        let before = self.kept.clone();
        let from = self.kept.partition_point(|kept| *kept < units.start);
        let to = self.kept.partition_point(|kept| *kept < units.end);
        self.kept.splice(from..to, units);
        let has_room = self.height() <= room;
        if !has_room {
            self.kept = before;
        }
        has_room
    }

    /// Shows what is between two lines where that is hardly more than to say that it is left out: at most so many lines,
    /// and the shortest first.
    fn close_gaps(&mut self, most: usize, room: usize) {
        let begins = std::iter::once(0).chain(self.kept.iter().map(|kept| kept + 1));
        let ends = self.kept.iter().copied().chain([self.units.len()]);
        let gaps = begins.zip(ends).filter(|(begin, end)| begin < end);
        let mut gaps: Vec<_> =
            gaps.map(|(begin, end)| (self.height_between(begin, end), begin, end)).collect();
        gaps.sort_unstable();
        for (_, begin, end) in gaps.into_iter().take_while(|(height, ..)| *height <= most) {
            self.keep(begin..end, room);
        }
    }

    /// How many lines of text it is.
    fn height(&self) -> usize {
        let (mut height, mut next) = (0, 0);
        for &index in &self.kept {
            height += usize::from(self.height_between(next, index) > 0);
            height += match &self.units[index] {
                Unit::Line(line) => shown_height(&self.lines.all[*line]),
                Unit::Repeat(_) => 1,
            };
            next = index + 1;
        }
        height + usize::from(self.height_between(next, self.units.len()) > 0)
    }

    /// How many lines of text there are in all units from one up to another.
    pub(super) fn height_between(&self, from: usize, to: usize) -> usize {
        self.heights[to] - self.heights[from]
    }
}

/// A unit that repeats what was before.
const fn repeat((index, unit): (usize, &Unit)) -> Option<(usize, &Repeat)> {
    match unit {
        Unit::Repeat(repeat) => Some((index, repeat)),
        Unit::Line(_) => None,
    }
}

/// How many lines of text are shown of a line.
fn shown_height(line: &Line) -> usize {
    line.height().min(MAX_RECORD_LINES)
}
