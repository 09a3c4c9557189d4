//! Of a long transcript what its end depends on.
//!
//! Blocks that repeat are [folded](fold). Of the rest [the lines nearest to what broke](causes) are [kept](choice) as far
//! as there is room. What is left out is counted where it would stand, so that nothing is lost without a word.

mod causes;
mod choice;
mod fold;
mod lines;
mod report;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use choice::{Choice, MAX_RECORD_LINES};
use fold::{Every, Repeat, Unit};
use lines::Lines;
pub(crate) use report::Head;

use super::Transcript;

/// How many lines a report has at most that is printed: what stands above the transcript, the excerpt of it, and the
/// names of the files that have everything.
pub const MAX_REPORT_LINES: usize = 60;
/// The fewest lines that an excerpt can be asked for.
pub const MIN_EXCERPT_LINES: usize = 12;
/// The most lines of an excerpt. Who wants more has the transcript.
pub const MAX_EXCERPT_LINES: usize = 1_000;

impl Transcript<'_> {
    /// The transcript, if it has at most `max_lines` lines. Of a longer one so many lines: those on which what broke, or
    /// else the last line, depends. These are what led to it, each fault with what it hit and what came of that, and how
    /// hosts began and ended. Nothing is reordered. Lines that repeat are folded and the rest is left out, with lines in
    /// their place that say how many they are:
    ///
    /// ```text
    /// … 312 lines like these 4, every 0.1 s, until 31.200 …
    /// … 57 lines, 31.200 to 31.900 …
    /// ```
    ///
    /// Fewer than [`MIN_EXCERPT_LINES`] are taken for so many, and of a transcript that is longer there are at most
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
        let room = room.min(MAX_EXCERPT_LINES);
        let units = fold::fold(&lines.all);
        let distances = causes::distances(self, &lines);
        let choice = Choice::new(&lines, &units, distances, room);
        Excerpt { lines: &lines, choice: &choice, shown: BTreeSet::new(), text: String::new() }.text()
    }
}

/// An excerpt that is written.
struct Excerpt<'a> {
    lines: &'a Lines,
    choice: &'a Choice<'a>,
    /// The shapes of all lines that were written.
    shown: BTreeSet<u64>,
    text: String,
}

impl Excerpt<'_> {
    fn text(mut self) -> String {
        let (choice, mut next) = (self.choice, 0);
        for (place, &index) in choice.kept.iter().enumerate() {
            self.leave_out(next..index);
            next = index + 1;
            match &choice.units[index] {
                Unit::Line(line) => self.line(*line),
                Unit::Repeat(repeat) => self.repeat(place, repeat),
            }
        }
        self.leave_out(next..choice.units.len());
        self.text
    }

    fn put(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A line, or as much of it as is shown of one that brings many.
    fn line(&mut self, index: usize) {
        let line = &self.lines.all[index];
        self.shown.insert(line.shape);
        if line.height() <= MAX_RECORD_LINES {
            return self.put(&line.text);
        }
        let shown: Vec<&str> = line.text.split('\n').take(MAX_RECORD_LINES - 1).collect();
        self.put(&shown.join("\n"));
        self.put(&format!("… {} lines more of it …", line.height() - shown.len()));
    }

    /// How often a block repeats.
    fn repeat(&mut self, place: usize, repeat: &Repeat) {
        let Repeat { lines, block, every } = repeat;
        let (period, from_at) = (block.len(), self.lines.all[block.start].at());
        // Each line of a block is a unit, and all of them are right above.
        let index = self.choice.kept[place];
        let is_above =
            repeat.is_first() && place >= period && self.choice.kept[place - period] == index - period;
        let like = match (is_above, period) {
            (true, 1) => "this one".to_owned(),
            (true, _) => format!("these {period}"),
            (false, 1) => format!("that at {from_at}"),
            (false, _) => format!("the {period} from {from_at} on"),
        };
        let count = self.lines.height(lines.clone());
        let mut text = format!("… {count} lines like {like}");
        if let Some(Every { span, is_exact }) = every {
            let about = if *is_exact { "" } else { "about " };
            // Writing to a string does not fail.
            let _ = write!(text, ", every {about}{} s", span.as_secs_f64());
        }
        let until_at = self.lines.all[lines.end - 1].at();
        self.put(&format!("{text}, until {until_at} …"));
    }

    /// Counts what is left out. A line alone takes no more room than its number would.
    fn leave_out(&mut self, units: Range<usize>) {
        let (Some(first), Some(last)) = (self.choice.units.get(units.start), units.end.checked_sub(1)) else {
            return;
        };
        let count = self.choice.height_between(units.start, units.end);
        let lines = first.range().start..self.choice.units[last].range().end;
        match count {
            0 => {}
            1 => self.line(lines.start),
            _ => {
                let [from_at, to_at] = [lines.start, lines.end - 1].map(|line| self.lines.all[line].at());
                let is_known = self.lines.all[lines].iter().all(|line| self.shown.contains(&line.shape));
                let like = if is_known { " like some above" } else { "" };
                let span =
                    if from_at == to_at { format!(" at {to_at}") } else { format!(", {from_at} to {to_at}") };
                self.put(&format!("… {count} lines{like}{span} …"));
            }
        }
    }
}
