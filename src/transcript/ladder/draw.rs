//! The rows of a ladder, drawn from top to bottom.

use super::Look;
use super::canvas::{DOWN, LEFT, Line, RIGHT, UP};
use super::words::{clean, clip, width, wrap};
use crate::host::HostId;
use crate::time::Instant;
use crate::transcript::story::{Fate, Kind, Mark, Row, Story};

/// The most lines that one text is broken into.
const MAX_TEXT_LINES: usize = 3;
/// The longest picture whose names are in sight from everywhere, in rows; a longer one has them at its end again.
const MAX_SIGHT: usize = 40;

pub(super) struct Drawing<'a> {
    story: &'a Story<'a>,
    pub(super) look: Look,
    time_width: usize,
    /// The columns of the hosts.
    pub(super) columns: Vec<usize>,
    /// Which hosts have no machine.
    is_down: Vec<bool>,
    /// The columns of the tracks that are taken, each with its flight.
    pub(super) tracks: Vec<(usize, usize)>,
    last_at: Option<Instant>,
    text: String,
}

/// Columns from the first up to the second, which is not of them.
pub(super) type Room = (usize, usize);

impl<'a> Drawing<'a> {
    pub(super) fn new(story: &'a Story<'a>, look: Look, time_width: usize, columns: Vec<usize>) -> Self {
        let is_down = vec![false; columns.len()];
        Self {
            story,
            look,
            time_width,
            columns,
            is_down,
            tracks: Vec::new(),
            last_at: None,
            text: String::new(),
        }
    }

    pub(super) fn text(mut self) -> String {
        self.names();
        for (index, row) in self.story.rows.iter().enumerate() {
            match &row.kind {
                Kind::Departs(flight) => self.departs(row, *flight),
                Kind::Arrives(flights) => self.arrives(index, row, flights),
                Kind::Own(mark) if mark.is_between() => self.between(row),
                Kind::Own(mark) => self.own(row, *mark),
            }
        }
        if self.story.rows.len() > MAX_SIGHT {
            self.names();
        }
        self.text
    }

    fn names(&mut self) {
        let mut line = Line::new(self.look.width);
        line.write(self.time_width - "time".len(), "time");
        let last = self.columns.len().saturating_sub(1);
        let gap = self.columns.get(1).map_or(self.look.width, |second| second - self.columns[0]);
        for (index, &column) in self.columns.iter().enumerate() {
            let room = if last == 1 { gap / 2 } else { gap - 1 };
            let name = clip(&clean(self.story.names[index], self.look.ascii), room, self.look.ascii);
            let start = match index {
                0 => column,
                index if index == last => column + 1 - width(&name),
                _ => column - width(&name) / 2,
            };
            line.write(start, &name);
        }
        self.put(&line);
    }

    fn put(&mut self, line: &Line) {
        self.text.push_str(&line.text(self.look.ascii));
        self.text.push('\n');
    }

    /// The glyph, or what stands for it in ASCII.
    const fn glyph(&self, glyph: &'static str, ascii: &'static str) -> &'static str {
        if self.look.ascii { ascii } else { glyph }
    }

    /// The lines of all hosts, and the tracks.
    fn base(&self) -> Line {
        let mut line = Line::new(self.look.width);
        for (&column, is_down) in self.columns.iter().zip(&self.is_down) {
            if *is_down {
                line.write(column, self.glyph("·", "."));
            } else {
                line.lead(column, UP | DOWN, false);
            }
        }
        for (column, _) in &self.tracks {
            line.lead(*column, UP | DOWN, true);
        }
        line
    }

    /// The same with what stands at the left.
    fn begin(&mut self, row: &Row) -> Line {
        let mut line = self.base();
        self.margin(&mut line, row);
        line
    }

    fn margin(&mut self, line: &mut Line, row: &Row) {
        if self.last_at.replace(row.at) != Some(row.at) {
            let at = row.at.to_string();
            line.write(self.time_width.saturating_sub(width(&at)), &at);
        }
        if row.kind == Kind::Own(Mark::Broken) {
            line.write(self.time_width + 1, self.glyph("✗", "X"));
        } else if self.story.has_fault(row) {
            line.write(self.time_width + 1, "!");
        }
        if let Some(share) = row.share {
            line.write(self.time_width + 3, self.share(share));
        }
    }

    /// So many percent as one character: in ASCII tens of them, with `#` for all.
    const fn share(&self, percent: u8) -> &'static str {
        const TENS: [&str; 11] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "#"];
        const BARS: [&str; 9] = ["·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        let percent = if percent > 100 { 100 } else { percent as usize };
        if self.look.ascii { TENS[percent / 10] } else { BARS[(percent * 8).div_ceil(100)] }
    }

    fn departs(&mut self, row: &Row, index: usize) {
        let flight = &self.story.flights[index];
        let from = self.columns[flight.from.index()];
        let track = self.free_track(flight).filter(|_| flight.is_followed());
        let end = track.unwrap_or_else(|| self.track_columns(flight)[0]);
        let (ahead, back) = if flight.from < flight.to { (RIGHT, LEFT) } else { (LEFT, RIGHT) };
        let text = clean(&flight.with_fault(&row.text), self.look.ascii);
        let room = self.label_room(flight, end, width(&text) + 4);
        let mut line = self.begin(row);
        line.lead(from, ahead, false);
        line.across(from, end, false);
        match (flight.fate, track) {
            (Fate::Lost, _) => line.write(end, self.glyph("×", "x")),
            (Fate::Underway, _) => line.write(end, self.glyph("…", "~")),
            (Fate::Arrived, Some(_)) => {
                line.lead(end, back | DOWN, false);
                self.tracks.push((end, index));
            }
            (Fate::Arrived, None) => line.write(end, self.glyph("╌", ".")),
        }
        let room_len = (room.1 - room.0).saturating_sub(4);
        // What does not fit on the arrow stands below.
        let is_short = width(&text) <= room_len;
        let label = if is_short { text } else { clean(&flight.with_fault(&flight.name), self.look.ascii) };
        let label = clip(&label, room_len, self.look.ascii);
        if !label.is_empty() {
            let label = format!(" {label} ");
            line.write(room.0 + (room.1 - room.0 - width(&label)) / 2, &label);
        }
        self.put(&line);
        if let Some(payload) = row.text.strip_prefix(&flight.name).filter(|_| !is_short) {
            for (start, text) in self.lay(row.host, payload.trim_start()) {
                let mut line = self.base();
                line.write(start, &text);
                self.put(&line);
            }
        }
    }

    /// A text beside a host's line, each of its lines with where it begins.
    fn lay(&self, host: HostId, text: &str) -> Vec<(usize, String)> {
        let text = clean(text, self.look.ascii);
        let (rightwards, room) = self.text_room(host, width(&text));
        let lines = wrap(&text, room.1 - room.0, MAX_TEXT_LINES, self.look.ascii);
        let widest = lines.iter().map(|line| width(line)).max().unwrap_or(0);
        let start = if rightwards { room.0 } else { room.1 - widest.min(room.1 - room.0) };
        lines.into_iter().map(|line| (start, line)).collect()
    }

    fn arrives(&mut self, index: usize, row: &Row, flights: &[usize]) {
        let first = &self.story.flights[flights[0]];
        let (to, from_left) = (self.columns[first.to.index()], first.from < first.to);
        let mut ways = Vec::new();
        for &number in flights {
            let is_last = self.story.flights[number].arrivals.last() == Some(&index);
            if let Some(at) = self.tracks.iter().position(|(_, other)| *other == number) {
                let column = if is_last { self.tracks.remove(at).0 } else { self.tracks[at].0 };
                ways.push((column, if is_last { UP } else { UP | DOWN }));
            }
        }
        let mut line = self.begin(row);
        let mut reach = to;
        for (column, on) in ways {
            line.lead(column, on | if from_left { RIGHT } else { LEFT }, false);
            line.across(column, to, false);
            reach = if from_left { reach.min(column) } else { reach.max(column) };
        }
        let is_followed = reach != to;
        if !is_followed {
            reach = if from_left { to - 2 } else { to + 2 };
            line.across(if from_left { to - 3 } else { to + 3 }, to, true);
        }
        let head = if from_left { to - 1 } else { to + 1 };
        line.write(head, if from_left { self.glyph("►", ">") } else { self.glyph("◄", "<") });
        let says = !first.is_plain() || row.text != first.name || !is_followed;
        if says && let Some(room) = self.room_beyond(first, reach) {
            // Where no track leads here, the whole text tells what it is.
            let whole = !is_followed && row.text == first.name;
            let text = if whole { &self.story.rows[first.departs].text } else { &row.text };
            let text = clip(&clean(text, self.look.ascii), room.1 - room.0, self.look.ascii);
            let start = if from_left { room.1 - width(&text) } else { room.0 };
            line.write(start, &text);
        }
        self.put(&line);
    }

    /// A fault between hosts goes from side to side.
    fn between(&mut self, row: &Row) {
        let (Some(&first), Some(&last)) = (self.columns.first(), self.columns.last()) else { return };
        let mut line = self.begin(row);
        line.across(first, last.max(first + 1), true);
        let text =
            clip(&clean(&row.text, self.look.ascii), (last - first).saturating_sub(5), self.look.ascii);
        if !text.is_empty() {
            let text = format!(" {text} ");
            line.write(first + (last - first).saturating_sub(width(&text)) / 2 + 1, &text);
        }
        self.put(&line);
    }

    fn own(&mut self, row: &Row, mark: Mark) {
        for (index, (start, text)) in self.lay(row.host, &row.text).into_iter().enumerate() {
            let mut line = self.base();
            if index == 0 {
                self.margin(&mut line, row);
                let sign = match mark {
                    Mark::Event => self.glyph("●", "*"),
                    Mark::Command => self.glyph("▸", ">"),
                    Mark::Note | Mark::Up | Mark::Stage => self.glyph("○", "o"),
                    Mark::Ended(_) => self.glyph("■", "#"),
                    Mark::Down => self.glyph("╳", "X"),
                    Mark::Fault | Mark::Network => "!",
                    Mark::Broken => self.glyph("✗", "X"),
                };
                line.write(self.columns[row.host.index()], sign);
            }
            line.write(start, &text);
            self.put(&line);
            match mark {
                Mark::Ended(_) | Mark::Down => self.is_down[row.host.index()] = true,
                Mark::Up => self.is_down[row.host.index()] = false,
                _ => {}
            }
        }
    }
}
