//! The shares of a turn as a small curve in text.

use std::fmt::Write as _;

use super::{Turn, Turned};
use crate::number::count;

/// How many lines a curve has at most.
pub const MAX_CURVE_LINES: usize = 20;
/// How many of them stand for steps; the others say where it turned, how many steps are left out, and that a limit was
/// reached.
const MAX_ROWS: usize = MAX_CURVE_LINES - 3;
/// How many columns are 100 percent.
const BAR: usize = 20;
/// How many characters of a transcript's line are shown.
const LINE: usize = 60;

impl Turn {
    /// A curve in text: a line for the start, one for each step at which the share changes most, and one that says where it
    /// turned. [`MAX_CURVE_LINES`] at most.
    pub fn curve(&self) -> String {
        let mut text = format!("turned {self}\n");
        let shown = self.shown();
        for (row, &place) in shown.iter().enumerate() {
            let share = &self.steps[place];
            let bar = "#".repeat(usize::from(share.percent()) * BAR / 100);
            let mark = if self.turned == Turned::At(place) { '>' } else { ' ' };
            // Steps between that are not shown are like the one above.
            let gap = if row > 0 && shown[row - 1] + 1 < place { ':' } else { '|' };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{mark}{:>4}% ±{:<2} {gap}{bar:<BAR$}| {}",
                share.percent(),
                (share.error() * 100.0).round(),
                short(&share.line)
            );
        }
        let left_out = self.steps.len() - shown.len();
        if left_out > 0 {
            let steps = count(left_out as u64, "step");
            let _ = writeln!(text, "  ':' before a bar: steps above it are left out, {steps} in all");
        }
        if self.is_cut_short {
            text.push_str("  not all steps were looked at: a limit was reached\n");
        }
        text
    }

    /// The places of the steps that are shown: the first, the last, and those at which the share changes most.
    fn shown(&self) -> Vec<usize> {
        let change = |place: usize| match place.checked_sub(1) {
            Some(before) => self.steps[place].failed.abs_diff(self.steps[before].failed),
            None => u32::MAX,
        };
        let mut places: Vec<usize> = (0..self.steps.len()).collect();
        let last = self.steps.len().saturating_sub(1);
        let weight = |place: usize| {
            // Before a change stands what it was.
            let own =
                change(place).max(if place < last { change(place + 1).saturating_sub(1) } else { u32::MAX });
            std::cmp::Reverse(own)
        };
        places.sort_by_key(|&place| (weight(place), place));
        places.truncate(MAX_ROWS);
        places.sort_unstable();
        places
    }
}

/// A line of a transcript, cut if it is long.
pub(super) fn short(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}
