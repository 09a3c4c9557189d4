//! Of a long transcript what its end depends on.
//!
//! Blocks that repeat are [folded](fold). Of the rest [the lines nearest to what broke](causes) are [kept](choice) as far
//! as there is room. What is left out is counted where it would stand, so that nothing is lost without a word.

mod causes;
mod choice;
mod fold;
mod lines;
mod pieces;
mod report;
mod rows;

use choice::{Choice, MAX_RECORD_LINES};
use lines::{Line, Lines};
use pieces::Piece;
pub(crate) use report::Head;
pub(super) use rows::{RowFold, row_folds};

use super::Transcript;

/// How many lines a report has at most that is printed: what stands above the transcript, the excerpt of it, and the
/// names of the files that have everything.
pub const MAX_REPORT_LINES: usize = 60;
/// The fewest lines that an excerpt can be asked for.
pub const MIN_EXCERPT_LINES: usize = 12;
/// The most lines of an excerpt. Who wants more has the transcript.
pub const MAX_EXCERPT_LINES: usize = 1_000;

impl Transcript<'_> {
    /// The transcript, if it has at most `max_lines` lines. Of a longer one `max_lines` lines: those on which what broke, or
    /// else the last line, depends. These are what led to it, each fault with what it hit and what came of that, and how
    /// hosts began and ended. Nothing is reordered. Lines that repeat are folded and the rest is left out, with lines in
    /// their place that say how many they are:
    ///
    /// ```text
    /// … 312 lines like these 4, every 0.1 s, until 31.200 …
    /// … 57 lines, 31.200 to 31.900 …
    /// ```
    ///
    /// Fewer than [`MIN_EXCERPT_LINES`] are taken as that number, and of a transcript that is longer there are at most
    /// [`MAX_EXCERPT_LINES`].
    ///
    /// ```
    /// # #[cfg(feature = "systems")] {
    /// use lossproof::Scenario;
    /// use lossproof::engine::{Engine, Settings};
    /// use lossproof::systems::{Options, udp_chat};
    ///
    /// let scenario = Scenario::from(udp_chat::net(&Options::default()));
    /// let mut engine = Engine::new(&scenario);
    /// engine.run(&Settings::default());
    /// let excerpt = engine.transcript().excerpt(20);
    /// assert!(excerpt.lines().count() <= 20);
    /// assert!(excerpt.contains(" lines, "));
    /// # }
    /// ```
    pub fn excerpt(&self, max_lines: usize) -> String {
        let room = max_lines.max(MIN_EXCERPT_LINES);
        let lines = Lines::new(self);
        if lines.height(0..lines.all.len()) <= room {
            return lines.all.iter().fold(String::new(), |text, line| text + &line.text + "\n");
        }
        let mut text = String::new();
        for piece in chosen(self, &lines, room) {
            text += &match piece {
                Piece::Line(line) => shown(&lines.all[line]),
                Piece::Fold(fold) => {
                    let count = lines.height(fold.lines.clone());
                    fold.text(&lines.all[fold.lines.clone()], count, "lines")
                }
            };
            text.push('\n');
        }
        text
    }
}

/// What an excerpt of at most `room` lines has.
fn chosen(transcript: &Transcript<'_>, lines: &Lines, room: usize) -> Vec<Piece> {
    let units = fold::fold(&lines.all);
    let distances = causes::distances(transcript, lines);
    let choice = Choice::new(lines, &units, distances, room.min(MAX_EXCERPT_LINES));
    pieces::of(lines, &choice)
}

/// A line, or as much of it as is shown of one that brings many.
fn shown(line: &Line) -> String {
    if line.height() <= MAX_RECORD_LINES {
        return line.text.clone();
    }
    let first: Vec<&str> = line.text.split('\n').take(MAX_RECORD_LINES - 1).collect();
    format!("{}\n… {} lines more of it …", first.join("\n"), line.height() - first.len())
}
