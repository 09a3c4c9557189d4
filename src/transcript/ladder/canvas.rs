//! One line of a ladder, drawn cell by cell: lines that meet become corners and crossings by themselves.

use unicode_width::UnicodeWidthChar as _;

/// Where the lines of a cell lead.
pub(super) const UP: u8 = 1;
pub(super) const DOWN: u8 = 2;
pub(super) const LEFT: u8 = 4;
pub(super) const RIGHT: u8 = 8;

/// The glyph of each set of directions, from none to all four.
const LINES: [char; 16] = [' ', '╵', '╷', '│', '╴', '╯', '╮', '┤', '╶', '╰', '╭', '├', '─', '┴', '┬', '┼'];

#[derive(Clone, Copy)]
enum Cell {
    Lines {
        leads: u8,
        dotted: bool,
    },
    Glyph(char),
    /// The right half of a wide glyph.
    Half,
}

/// One line.
#[derive(Clone)]
pub(super) struct Line {
    cells: Vec<Cell>,
}

impl Line {
    pub(super) fn new(width: usize) -> Self {
        Self { cells: vec![Cell::Lines { leads: 0, dotted: false }; width] }
    }

    /// Adds lines to a cell, under what may be written there.
    pub(super) fn lead(&mut self, column: usize, more: u8, dotted: bool) {
        if let Some(Cell::Lines { leads, dotted: before }) = self.cells.get_mut(column) {
            *before = dotted && (*leads == 0 || *before);
            *leads |= more;
        }
    }

    /// Draws from one column to another, without these.
    pub(super) fn across(&mut self, a: usize, b: usize, dotted: bool) {
        for column in a.min(b) + 1..a.max(b) {
            let empty = matches!(self.cells.get(column), Some(Cell::Lines { leads: 0, .. }));
            // A dotted line passes behind what is there.
            if empty || !dotted {
                self.lead(column, LEFT | RIGHT, dotted);
            }
        }
    }

    /// Writes a text, which has neither control characters nor such without a width. What is beyond the end is left out.
    pub(super) fn write(&mut self, column: usize, text: &str) {
        let mut here = column;
        for c in text.chars() {
            let width = c.width().unwrap_or(0);
            if here + width > self.cells.len() {
                break;
            }
            self.cells[here] = Cell::Glyph(c);
            if width == 2 {
                self.cells[here + 1] = Cell::Half;
            }
            here += width;
        }
    }

    /// The line without blanks at its end.
    pub(super) fn text(&self, ascii: bool) -> String {
        let glyph = |index: usize| match self.cells[index] {
            // A wide glyph of which a half is covered is gone.
            Cell::Glyph(c) if c.width() == Some(2) => {
                matches!(self.cells.get(index + 1), Some(Cell::Half)).then_some(c).or(Some(' '))
            }
            Cell::Glyph(c) => Some(c),
            Cell::Half => {
                let covered = !matches!(index.checked_sub(1).map(|left| self.cells[left]),
                    Some(Cell::Glyph(c)) if c.width() == Some(2));
                covered.then_some(' ')
            }
            Cell::Lines { leads, dotted } => {
                Some(if ascii { ascii_line(leads, dotted) } else { line(leads, dotted) })
            }
        };
        let text: String = (0..self.cells.len()).filter_map(glyph).collect();
        text.trim_end().to_owned()
    }
}

fn line(leads: u8, dotted: bool) -> char {
    match (leads, dotted) {
        (leads, true) if leads == UP | DOWN => '┊',
        (leads, true) if leads == LEFT | RIGHT => '╌',
        (leads, _) => LINES[usize::from(leads & 15)],
    }
}

fn ascii_line(leads: u8, dotted: bool) -> char {
    match (leads & 15, dotted) {
        (0, _) => ' ',
        (leads, true) if leads & (LEFT | RIGHT) == 0 => ':',
        (leads, false) if leads & (LEFT | RIGHT) == 0 => '|',
        (leads, true) if leads & (UP | DOWN) == 0 => '.',
        (leads, false) if leads & (UP | DOWN) == 0 => '-',
        _ => '+',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_meet_become_corners_and_crossings() {
        let mut line = Line::new(9);
        line.lead(0, UP | DOWN | RIGHT, false);
        line.across(0, 6, false);
        line.lead(3, UP | DOWN, true);
        line.lead(6, LEFT | DOWN, false);
        line.lead(8, UP | DOWN, true);
        assert_eq!((line.text(false), line.text(true)), ("├──┼──╮ ┊".to_owned(), "+--+--+ :".to_owned()));
    }

    #[test]
    fn half_a_wide_glyph_is_not_shown() {
        let mut line = Line::new(5);
        line.write(0, "你好");
        line.write(1, "x");
        assert_eq!(line.text(false), " x好");
        line.write(4, "你");
        assert_eq!(line.text(false), " x好");
    }
}
