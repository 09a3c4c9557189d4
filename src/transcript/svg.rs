//! The transcript as a picture: a ladder in SVG that needs nothing beside it.

use std::fmt::Write as _;

use super::Transcript;
use super::ladder::words::{clean, clip, width};
use super::story::{Fate, Flight, Kind, Mark, Row, Story};
use crate::escaped::xml;
use crate::host::HostId;

/// How high a row is, in pixels.
const ROW: usize = 30;
/// Where the first row is.
const TOP: usize = 72;
/// How wide a character of the font's size is, in tenths of a pixel.
const CHAR_TENTHS: usize = 74;
/// What is left free at the sides, and between columns.
const MARGIN: usize = 16;
/// How far apart two hosts are at least.
const MIN_LANE: usize = 90;
/// How far the first is from the last at least.
const MIN_SPAN: usize = 260;
/// How wide the strip is that shows when the run was lost.
const STRIP: usize = 40;
/// How wide what is written beside it is, in characters.
const SHARE_LEN: usize = 4;
/// The most characters of a text that are shown.
const MAX_TEXT_LEN: usize = 96;

const STYLE: &str = concat!(include_str!("ladder.css"), include_str!("picture.css"));

impl Transcript<'_> {
    /// A ladder as SVG, light or dark as its viewer likes it: one row for each thing that happened, arrows that slant
    /// from where they left to where they arrived, and beside it who did what, where no arrow goes. Long texts are cut;
    /// a viewer that shows titles shows them whole.
    pub fn svg(&self, title: &str) -> String {
        let story = Story::new(self);
        let picture = Picture::new(&story);
        let (width, height) =
            (picture.width.max(letters(title.chars().count()) + 2 * MARGIN), picture.bottom());
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n",
            title = xml(title),
        );
        put(&mut text, "title", (MARGIN, 22), title, None);
        picture.moments(&mut text, width);
        picture.shares(&mut text);
        picture.lives(&mut text);
        for flight in &story.flights {
            picture.flight(&mut text, flight);
        }
        for (index, row) in story.rows.iter().enumerate() {
            picture.row(&mut text, index, row);
        }
        text.push_str("</svg>\n");
        text
    }
}

/// What stands where, in pixels from the left.
struct Picture<'a> {
    story: &'a Story<'a>,
    /// The strip that shows when the run was lost.
    strip: usize,
    /// Where moments end.
    at: usize,
    /// The first host.
    first: usize,
    lane: usize,
    who: usize,
    what: usize,
    width: usize,
}

impl<'a> Picture<'a> {
    fn new(story: &'a Story<'a>) -> Self {
        let longest = |texts: &mut dyn Iterator<Item = String>| {
            letters(texts.map(|text| width(&text)).max().unwrap_or_default())
        };
        let strip = if story.has_shares() { 2 * MARGIN + letters(SHARE_LEN) } else { 0 };
        let at = strip.max(MARGIN) + if strip > 0 { STRIP + MARGIN } else { 0 };
        let at = at + longest(&mut story.rows.iter().map(|row| row.at.to_string()));
        let name = longest(&mut story.names.iter().map(|name| clean(name, false)));
        let lanes = story.names.len().saturating_sub(1);
        let lane = MIN_LANE.max(MIN_SPAN / lanes.max(1)).max(name + MARGIN);
        let first = at + MARGIN + (name / 2).max(MARGIN);
        let who = first + lane * lanes + (name / 2).max(MARGIN) + 2 * MARGIN;
        let what = who + longest(&mut story.rows.iter().map(|row| story.who(row))) + MARGIN;
        let text = longest(&mut story.rows.iter().map(|row| said(story, row)));
        let width = what + text.min(letters(MAX_TEXT_LEN)) + MARGIN;
        Self { story, strip, at, first, lane, who, what, width }
    }

    fn x(&self, host: HostId) -> usize {
        self.first + self.lane * host.index()
    }

    /// The last host.
    fn last(&self) -> usize {
        self.first + self.lane * self.story.names.len().saturating_sub(1)
    }

    fn bottom(&self) -> usize {
        y(self.story.rows.len())
    }

    /// What happens at one moment has one shade, and the moment beside it.
    fn moments(&self, text: &mut String, width: usize) {
        let mut row = 0;
        for (number, rows) in self.story.rows.chunk_by(|row, next| row.at == next.at).enumerate() {
            let (top, height) = (y(row) - ROW / 2, rows.len() * ROW);
            if number % 2 == 1 {
                let _ = writeln!(
                    text,
                    "<rect class=\"shade\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>"
                );
            }
            put(text, "at", (self.at, y(row) + 4), &rows[0].at.to_string(), None);
            row += rows.len();
        }
    }

    /// At the left of each row how many of the runs fail that go on from there, as far as it is known.
    fn shares(&self, text: &mut String) {
        if !self.story.has_shares() {
            return;
        }
        put(text, "head-of", (MARGIN, TOP - 26), "fails", None);
        let (mut row, mut before) = (0, None);
        for rows in self.story.rows.chunk_by(|row, next| row.share == next.share) {
            let (top, height, left) = (y(row) - ROW / 2, rows.len() * ROW, self.strip);
            row += rows.len();
            let Some(share) = rows[0].share else { continue };
            let right = left + usize::from(share) * STRIP / 100;
            let step = before.replace(right).unwrap_or(right);
            let _ = writeln!(
                text,
                "<g><title>{share}% of the runs that go on from here at random fail</title>\
                 <rect class=\"shares\" x=\"{left}\" y=\"{top}\" width=\"{STRIP}\" height=\"{height}\"/>\
                 <rect class=\"share\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{height}\"/>\
                 <path class=\"curve\" d=\"M{step} {top}H{right}v{height}\"/></g>",
                right - left
            );
            let class = if rows.iter().any(|row| row.turned) { "turning" } else { "head-of" };
            put(text, class, (MARGIN, top + ROW / 2 + 4), &format!("{share}%"), None);
        }
        for index in (0..self.story.rows.len()).filter(|index| self.story.rows[*index].turned) {
            let (y, until) = (y(index) + ROW / 2, self.width - MARGIN);
            let _ = writeln!(text, "<path class=\"turned\" d=\"M{MARGIN} {y}H{until}\"/>");
        }
    }

    /// The names and the lines of the hosts, dotted where they have no machine.
    fn lives(&self, text: &mut String) {
        for (index, name) in self.story.names.iter().enumerate() {
            let host = HostId(index as u16);
            let x = self.x(host);
            put(text, "name", (x, TOP - 26), name, None);
            let (mut since, mut class) = (TOP - 18, "life");
            let mut segment = |until: usize, class: &str| {
                let _ = writeln!(text, "<path class=\"{class}\" d=\"M{x} {since}V{until}\"/>");
                since = until;
            };
            for (number, row) in self.story.rows.iter().enumerate().filter(|(_, row)| row.host == host) {
                let next = match row.kind {
                    Kind::Own(Mark::Ended(_) | Mark::Down) => "life down",
                    Kind::Own(Mark::Up) => "life",
                    _ => continue,
                };
                segment(y(number), class);
                class = next;
            }
            segment(self.bottom() - ROW / 2, class);
        }
    }

    fn flight(&self, text: &mut String, flight: &Flight) {
        let (from, to) = (self.x(flight.from), self.x(flight.to));
        let top = y(flight.departs);
        let faulty = if flight.fault.is_some() { " faulty" } else { "" };
        for &row in &flight.arrivals {
            let bottom = y(row);
            let turn = (bottom as f64 - top as f64).atan2(to as f64 - from as f64).to_degrees();
            let _ = writeln!(
                text,
                "<path class=\"flight{faulty}\" d=\"M{from} {top}L{to} {bottom}\"/><path class=\"head{faulty}\" \
                 d=\"M0 0l-10-4v8z\" transform=\"translate({to} {bottom}) rotate({turn:.1})\"/>"
            );
        }
        if flight.arrivals.is_empty() {
            // In the middle of the receiver's gap, off everybody's line.
            let (x, y) = (if from < to { to - self.lane / 2 } else { to + self.lane / 2 }, top + 6);
            let class = if flight.fate == Fate::Lost { "lost" } else { "underway" };
            let _ = writeln!(text, "<path class=\"flight {class}\" d=\"M{from} {top}L{x} {y}\"/>");
            if flight.fate == Fate::Lost {
                let _ = writeln!(text, "<path class=\"cross\" d=\"M{} {}l8 8m0-8l-8 8\"/>", x - 4, y - 4);
            }
        }
    }

    fn row(&self, text: &mut String, index: usize, row: &Row) {
        let (x, y) = (self.x(row.host), y(index));
        let class = match &row.kind {
            Kind::Departs(flight) if self.story.flights[*flight].fault.is_some() => "departs faulty",
            Kind::Departs(_) => "departs",
            Kind::Arrives(_) => "arrives",
            Kind::Own(mark) => class(*mark),
        };
        if let Kind::Own(mark) = row.kind
            && mark.is_between()
        {
            let (from, until) = (self.first, self.last());
            let _ = writeln!(text, "<path class=\"across {class}\" d=\"M{from} {y}H{until}\"/>");
        }
        let radius = match row.kind {
            Kind::Departs(_) => Some(3),
            Kind::Arrives(_) => None,
            Kind::Own(_) => Some(5),
        };
        if let Some(radius) = radius {
            let _ = writeln!(text, "<circle class=\"mark {class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
        }
        put(text, "who", (self.who, y + 4), &self.story.who(row), None);
        let cleaned = said(self.story, row);
        let shown = clip(&cleaned, MAX_TEXT_LEN, false);
        let whole = (shown != cleaned).then_some(cleaned.as_str());
        put(text, class, (self.what, y + 4), &shown, whole);
    }
}

/// What a row says.
fn said(story: &Story<'_>, row: &Row) -> String {
    match &row.kind {
        Kind::Departs(flight) => clean(&story.flights[*flight].with_fault(&row.text), false),
        _ => clean(&row.text, false),
    }
}

/// Where a row is.
const fn y(row: usize) -> usize {
    TOP + ROW * row
}

/// How wide so many characters are, at most.
const fn letters(count: usize) -> usize {
    (count * CHAR_TENTHS).div_ceil(10)
}

/// The word that a mark has in styles.
pub(super) const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Event => "event",
        Mark::Command => "command",
        Mark::Note => "note",
        Mark::Ended(_) => "ended",
        Mark::Down => "down",
        Mark::Up => "up",
        Mark::Fault => "fault",
        Mark::Network => "network",
        Mark::Stage => "stage",
        Mark::Broken => "broken",
    }
}

fn put(text: &mut String, class: &str, (x, y): (usize, usize), said: &str, whole: Option<&str>) {
    let title = whole.map(|whole| format!("<title>{}</title>", xml(whole))).unwrap_or_default();
    let _ = writeln!(text, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{title}{}</text>", xml(said));
}
