//! Blocks of lines that repeat.
//!
//! A block repeats where the next lines have the same shapes, each as often. Their order within the block is left open:
//! where hosts are on their own, it changes from round to round with every latency.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::lines::Line;

/// How often a block stands there at least before it is folded.
const MIN_REPETITIONS: usize = 3;
/// How many lines are saved at least.
const MIN_SAVED: usize = 2;
/// The most lines of a block.
const MAX_BLOCK: usize = 256;
/// The most lines of a block whose repetitions may be at any moments. Longer ones have as many of each kind by chance,
/// where hosts have periods of their own.
const MAX_LOOSE: usize = 16;

/// What an excerpt keeps or leaves out as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// The line of this index.
    Line(usize),
    /// Repetitions of a block.
    Repeat(Repeat),
}

impl Unit {
    /// All its lines.
    pub(super) fn range(&self) -> Range<usize> {
        match self {
            Self::Line(index) => *index..*index + 1,
            Self::Repeat(repeat) => repeat.lines.clone(),
        }
    }
}

/// Repetitions of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repeat {
    /// Its lines.
    pub(super) lines: Range<usize>,
    /// The lines of the block that stands above: right before it or, if it was folded before, where it was first.
    pub(super) block: Range<usize>,
    /// The time from one to the next, if it is about the same.
    pub(super) every: Option<Every>,
}

impl Repeat {
    /// Whether the block stands right before it.
    pub(super) const fn is_first(&self) -> bool {
        self.block.end == self.lines.start
    }
}

/// A time from block to block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Every {
    pub(super) span: Duration,
    pub(super) is_exact: bool,
}

/// The lines in units, with each block folded that repeats. One that was folded before is not shown again.
pub(super) fn fold(lines: &[Line]) -> Vec<Unit> {
    let mut sums = Vec::with_capacity(lines.len() + 1);
    sums.push(0_u64);
    for line in lines {
        sums.push(sums[sums.len() - 1].wrapping_add(line.shape));
    }
    let reader = Reader { lines, sums };
    let mut blocks: BTreeMap<u64, Range<usize>> = BTreeMap::new();
    let (mut units, mut next) = (Vec::new(), 0);
    while next < lines.len() {
        let Some((period, end)) = reader.best(next) else {
            units.push(Unit::Line(next));
            next += 1;
            continue;
        };
        let (start, end) = reader.turned(next, period, end);
        let block = blocks.entry(reader.family(start, period)).or_insert(start..start + period).clone();
        let from = if block.start == start { block.end } else { start };
        units.extend((next..from).map(Unit::Line));
        units.push(Unit::Repeat(Repeat { lines: from..end, block, every: reader.every(start, period, end) }));
        next = end;
    }
    units
}

struct Reader<'a> {
    lines: &'a [Line],
    /// The sum of all shapes before each line.
    sums: Vec<u64>,
}

impl Reader<'_> {
    /// The sum of the shapes of a block: hashes, so that other lines have another one.
    fn family(&self, start: usize, period: usize) -> u64 {
        self.sums[start + period].wrapping_sub(self.sums[start])
    }

    /// Where the repetitions of the block end that begins here.
    fn end(&self, start: usize, period: usize) -> usize {
        let family = self.family(start, period);
        let mut end = start + period;
        while end + period <= self.lines.len() && self.family(end, period) == family {
            if period > MAX_LOOSE && !self.is_in_step(start, end, period) {
                break;
            }
            end += period;
        }
        end
    }

    /// Whether all lines of two blocks are as far from the first.
    fn is_in_step(&self, block: usize, other: usize, period: usize) -> bool {
        let after = |start: usize, place: usize| self.lines[start + place].at().since(self.lines[start].at());
        (1..period).all(|place| after(block, place) == after(other, place))
    }

    /// The block from here that saves most lines, and where its repetitions end.
    fn best(&self, start: usize) -> Option<(usize, usize)> {
        let most = MAX_BLOCK.min((self.lines.len() - start) / MIN_REPETITIONS);
        let found = (1..=most).map(|period| (period, self.end(start, period)));
        let enough = found.filter(|(period, end)| {
            let len = end - start;
            len >= MIN_REPETITIONS * period && len - period > MIN_SAVED
        });
        // Of those that save the same the first is the shortest.
        enough.min_by_key(|(period, end)| std::cmp::Reverse(end - start - period))
    }

    /// The repetitions of a block from where it begins for a reader: after the longest time without a line.
    fn turned(&self, start: usize, period: usize, end: usize) -> (usize, usize) {
        let gap = |turn: &usize| {
            let line = start + period + turn;
            self.lines[line].at().since(self.lines[line - 1].at())
        };
        // The first of the longest.
        let turn = (0..period).min_by_key(|turn| std::cmp::Reverse(gap(turn))).unwrap_or(0);
        let from = start + turn;
        match self.end(from, period) {
            later if later - from >= MIN_REPETITIONS * period => (from, later),
            _ => (start, end),
        }
    }

    /// The time from block to block, if it is one: within a tenth.
    fn every(&self, start: usize, period: usize, end: usize) -> Option<Every> {
        let begins = || (start..end).step_by(period).map(|line| self.lines[line].at());
        let spans = || begins().zip(begins().skip(1)).map(|(one, next)| next.since(one));
        let (least, most) = (spans().min()?, spans().max()?);
        let is_one = !least.is_zero() && most.saturating_sub(least) <= most / 10;
        let all = self.lines[end - period].at().since(self.lines[start].at());
        // Of about the same the mean, in milliseconds.
        let mean = all / (spans().count() as u32);
        let rounded = Duration::from_millis(mean.as_millis() as u64);
        let span = if least == most || rounded.is_zero() { mean } else { rounded };
        is_one.then_some(Every { span, is_exact: least == most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostId;
    use crate::time::Instant;
    use crate::transcript::{Record, What};

    /// A line for each letter, one every millisecond.
    fn lines(letters: &str) -> Vec<Line> {
        let line = |(place, letter): (usize, char)| {
            let (at, host) = (Instant::from_millis(place as u64), HostId(0));
            // Any numbers that are not sums of others.
            let shape = crate::seed::mix(7, u64::from(u32::from(letter)));
            let record = Record { at, host, what: What::Timer, task: 0 };
            Line { record, text: letter.to_string(), shape, content: None, turn: 0 }
        };
        letters.chars().enumerate().map(line).collect()
    }

    /// What is shown, with how many lines repeat how many.
    fn folded(lines: &[Line]) -> String {
        let units = fold(lines);
        // Nothing is lost, and nothing is moved.
        let mut next = 0;
        for unit in &units {
            assert_eq!(unit.range().start, next);
            next = unit.range().end;
        }
        assert_eq!(next, lines.len());
        let text = |unit: &Unit| match unit {
            Unit::Line(line) => lines[*line].text.clone(),
            Unit::Repeat(Repeat { lines, block, .. }) => format!("<{} like {}>", lines.len(), block.len()),
        };
        units.iter().map(text).collect()
    }

    #[test]
    fn what_repeats_often_enough_is_folded() {
        assert_eq!(folded(&lines("xaaay")), "xaaay");
        assert_eq!(folded(&lines("xaaaay")), "xa<3 like 1>y");
        assert_eq!(folded(&lines("xababy")), "xababy");
        assert_eq!(folded(&lines("xabababy")), "xab<4 like 2>y");
        assert_eq!(folded(&lines("xababababay")), "xab<6 like 2>ay");
        assert_eq!(folded(&lines("")), "");
    }

    #[test]
    fn the_order_within_a_block_is_open_and_the_number_of_each_is_not() {
        assert_eq!(folded(&lines("xabcdbacdabdcy")), "xabcd<8 like 4>y");
        assert_eq!(folded(&lines("xabcabbabcaccy")), "xabcabbabcaccy");
    }

    #[test]
    fn a_block_that_was_folded_before_is_not_shown_again() {
        assert_eq!(folded(&lines("ababababxyabababab")), "ab<6 like 2>xy<8 like 2>");
        // Neither is it where it begins elsewhere.
        assert_eq!(folded(&lines("ababababxybabababa")), "ab<6 like 2>xy<8 like 2>");
    }

    #[test]
    fn a_block_begins_after_the_longest_silence() {
        let mut lines = lines("bcabcabcabcabc");
        for (place, line) in lines.iter_mut().enumerate() {
            // `a` comes a second after what is before it.
            line.record.at = Instant::from_millis(1_000 * ((place as u64 + 1) / 3) + place as u64);
        }
        assert_eq!(folded(&lines), "bcabc<9 like 3>");
        let Some(Unit::Repeat(repeat)) = fold(&lines).pop() else { panic!("it repeats") };
        assert_eq!(repeat.every, Some(Every { span: Duration::from_millis(1_003), is_exact: true }));
    }

    #[test]
    fn times_that_are_about_the_same_are_told_as_one() {
        let every = |spans: [u64; 4]| {
            let mut lines = lines("aaaaa");
            let mut at = 0;
            for (line, span) in lines.iter_mut().zip([0].into_iter().chain(spans)) {
                at += span;
                line.record.at = Instant::from_millis(at);
            }
            let Some(Unit::Repeat(repeat)) = fold(&lines).pop() else { panic!("it repeats") };
            repeat.every.map(|every| (every.span.as_millis(), every.is_exact))
        };
        assert_eq!(every([100; 4]), Some((100, true)));
        assert_eq!(every([100, 90, 100, 91]), Some((95, false)));
        assert_eq!(every([100, 89, 100, 100]), None);
        assert_eq!(every([0; 4]), None);
    }

    /// So many different letters, as often as they are said to come.
    fn long(period: usize, times: usize) -> Vec<Line> {
        let block: String = (0..period as u32).filter_map(|letter| char::from_u32(0x4e00 + letter)).collect();
        lines(&block.repeat(times))
    }

    #[test]
    fn a_block_has_at_most_so_many_lines() {
        assert_eq!(fold(&long(MAX_BLOCK, 3)).len(), MAX_BLOCK + 1);
        assert_eq!(fold(&long(MAX_BLOCK + 1, 3)).len(), 3 * (MAX_BLOCK + 1));
    }

    #[test]
    fn long_blocks_are_in_step() {
        for (period, units) in [(MAX_LOOSE, MAX_LOOSE + 1), (MAX_LOOSE + 1, 4 * (MAX_LOOSE + 1))] {
            let mut lines = long(period, 4);
            for (place, line) in lines.iter_mut().enumerate() {
                line.record.at = Instant::from_millis((place + 10 * (place / period)) as u64);
            }
            assert_eq!(fold(&lines).len(), period + 1, "each is as far from the first as before");
            // The second line of each block comes with the first or with the third.
            for (round, line) in lines.iter_mut().skip(1).step_by(period).enumerate() {
                let at = line.record.at.since_start();
                let shift = Duration::from_millis(round as u64 % 2);
                line.record.at = Instant::START + at + shift;
            }
            assert_eq!(fold(&lines).len(), units, "{period}");
        }
    }
}
