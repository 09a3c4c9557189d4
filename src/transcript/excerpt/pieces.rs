//! What stands in an excerpt, in its order: lines, and what stands in the place of others.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use super::choice::Choice;
use super::fold::{Every, Repeat, Unit};
use super::lines::{Line, Lines};
use crate::time::Instant;

/// What stands there.
pub(super) enum Piece {
    /// The line of this index.
    Line(usize),
    /// One line in the place of several.
    Fold(Fold),
}

/// Lines that are folded into one.
pub(super) struct Fold {
    pub(super) lines: Range<usize>,
    like: Like,
}

/// What is known of lines that are not shown.
enum Like {
    /// They repeat a block, which is called so.
    Block {
        name: String,
        every: Option<Every>,
    },
    /// Each is like one that is shown above.
    Shown,
    Nothing,
}

impl Fold {
    /// What is said in the place of these of its lines, which are so many of what is counted.
    pub(super) fn text(&self, lines: &[Line], count: usize, counted: &str) -> String {
        let [from_at, to_at] =
            [lines.first(), lines.last()].map(|line| line.map_or(Instant::START, Line::at));
        let mut text = format!("… {count} {counted}");
        // Writing to a string does not fail.
        let _ = match &self.like {
            Like::Block { name, every } => {
                let every = every.map_or_else(String::new, |Every { span, is_exact }| {
                    let about = if is_exact { "" } else { "about " };
                    format!(", every {about}{} s", span.as_secs_f64())
                });
                write!(text, " like {name}{every}, until {to_at} …")
            }
            like => {
                let like = if matches!(like, Like::Shown) { " like some above" } else { "" };
                let span =
                    if from_at == to_at { format!(" at {to_at}") } else { format!(", {from_at} to {to_at}") };
                write!(text, "{like}{span} …")
            }
        };
        text
    }
}

/// The pieces of a choice.
pub(super) fn of(lines: &Lines, choice: &Choice<'_>) -> Vec<Piece> {
    let mut pieces = Pieces { lines, choice, shown: BTreeSet::new(), all: Vec::new() };
    let mut next = 0;
    for (place, &index) in choice.kept.iter().enumerate() {
        pieces.leave_out(next..index);
        next = index + 1;
        match &choice.units[index] {
            Unit::Line(line) => pieces.line(*line),
            Unit::Repeat(repeat) => pieces.repeat(place, repeat),
        }
    }
    pieces.leave_out(next..choice.units.len());
    pieces.all
}

struct Pieces<'a> {
    lines: &'a Lines,
    choice: &'a Choice<'a>,
    /// The shapes of all lines that are shown.
    shown: BTreeSet<u64>,
    all: Vec<Piece>,
}

impl Pieces<'_> {
    fn line(&mut self, index: usize) {
        self.shown.insert(self.lines.all[index].shape);
        self.all.push(Piece::Line(index));
    }

    /// How often a block repeats.
    fn repeat(&mut self, place: usize, repeat: &Repeat) {
        let Repeat { lines, block, every } = repeat;
        let (period, from_at) = (block.len(), self.lines.all[block.start].at());
        // Each line of a block is a unit, and all of them are right above.
        let index = self.choice.kept[place];
        let is_above =
            repeat.is_first() && place >= period && self.choice.kept[place - period] == index - period;
        let name = match (is_above, period) {
            (true, 1) => "this one".to_owned(),
            (true, _) => format!("these {period}"),
            (false, 1) => format!("that at {from_at}"),
            (false, _) => format!("the {period} from {from_at} on"),
        };
        let like = Like::Block { name, every: *every };
        self.all.push(Piece::Fold(Fold { lines: lines.clone(), like }));
    }

    /// Counts what is left out. A line alone takes no more room than its number would.
    fn leave_out(&mut self, units: Range<usize>) {
        let (Some(first), Some(last)) = (self.choice.units.get(units.start), units.end.checked_sub(1)) else {
            return;
        };
        let lines = first.range().start..self.choice.units[last].range().end;
        match self.choice.height_between(units.start, units.end) {
            0 => {}
            1 => self.line(lines.start),
            _ => {
                let is_known =
                    self.lines.all[lines.clone()].iter().all(|line| self.shown.contains(&line.shape));
                let like = if is_known { Like::Shown } else { Like::Nothing };
                self.all.push(Piece::Fold(Fold { lines, like }));
            }
        }
    }
}
