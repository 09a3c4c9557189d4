//! The transcript as a picture: a ladder in SVG that needs nothing beside it.

use std::fmt::Write as _;

use super::Transcript;
use super::ladder::words::{clean, clip};
use super::story::{Fate, Flight, Kind, Mark, Row, Story};
use crate::escaped::xml;
use crate::host::HostId;

/// How high a row is, in pixels.
const ROW: usize = 30;
/// Where the first row is.
const TOP: usize = 72;
/// How wide a character of the font's size is, in tenths of a pixel.
const CHAR_TENTHS: usize = 74;
/// How far a text is from its host's line.
const BESIDE: usize = 14;
/// How far apart two hosts are at least.
const MIN_LANE: usize = 240;
/// How far the first is from the last at least.
const MIN_SPAN: usize = 640;
/// How wide the strip is that shows when the run was lost, and where it is.
const STRIP: usize = 40;
const STRIP_AT: usize = 12;
/// By how many percent a share differs from that above it to be written beside it.
const TOLD_CHANGE: u8 = 5;
/// What is left free at the right.
const MARGIN: usize = 60;

const STYLE: &str = concat!(include_str!("ladder.css"), include_str!("picture.css"));

impl Transcript<'_> {
    /// A ladder as SVG, light or dark as its viewer likes it: one row for each thing that happened, arrows that slant
    /// from where they left to where they arrived. Long texts are cut; a viewer that shows titles shows them whole.
    pub fn svg(&self, title: &str) -> String {
        let story = Story::new(self);
        let picture = Picture::new(&story);
        let (width, height) = (picture.width(), y(story.rows.len()) + ROW / 2);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n\
             <text class=\"name\" x=\"12\" y=\"20\">{title}</text>\n",
            title = xml(title),
        );
        picture.shares(&mut text);
        picture.lives(&mut text);
        for flight in &story.flights {
            picture.flight(&mut text, flight);
        }
        let mut last_at = None;
        for (index, row) in story.rows.iter().enumerate() {
            if last_at.replace(row.at) != Some(row.at) {
                put(&mut text, "at", picture.first - 24, y(index) + 4, &row.at.to_string(), None);
            }
            picture.row(&mut text, index, row);
        }
        text.push_str("</svg>\n");
        text
    }
}

struct Picture<'a> {
    story: &'a Story<'a>,
    /// Where the first host is.
    first: usize,
    lane: usize,
}

impl<'a> Picture<'a> {
    fn new(story: &'a Story<'a>) -> Self {
        let time_len = story.rows.iter().map(|row| row.at.to_string().len()).max().unwrap_or(0);
        let lanes = story.names.len().saturating_sub(1).max(1);
        let strip = if story.has_shares() { STRIP + STRIP_AT } else { 0 };
        Self { story, first: 40 + strip + time_len * CHAR_TENTHS / 10, lane: MIN_LANE.max(MIN_SPAN / lanes) }
    }

    fn x(&self, host: HostId) -> usize {
        self.first + self.lane * host.index()
    }

    fn last(&self) -> usize {
        self.story.names.len().saturating_sub(1)
    }

    fn width(&self) -> usize {
        self.first + self.lane * self.last().max(1) + MARGIN
    }

    /// At the left of each row how many of the runs fail that go on from there, as far as it is known.
    fn shares(&self, text: &mut String) {
        if !self.story.has_shares() {
            return;
        }
        let rows = &self.story.rows;
        put(text, "at start", STRIP_AT, TOP - 26, "fails", None);
        let (mut row, mut told) = (0, None);
        for rows in rows.chunk_by(|row, next| row.share == next.share) {
            let (top, height) = (y(row) - ROW / 2, rows.len() * ROW);
            row += rows.len();
            let Some(share) = rows[0].share else { continue };
            let width = usize::from(share) * STRIP / 100;
            let _ = writeln!(
                text,
                "<g><title>{share}% of the runs that go on from here at random fail</title>\
                 <rect class=\"shares\" x=\"{STRIP_AT}\" y=\"{top}\" width=\"{STRIP}\" height=\"{height}\"/>\
                 <rect class=\"share\" x=\"{STRIP_AT}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/></g>"
            );
            if told.is_none_or(|told| share.abs_diff(told) >= TOLD_CHANGE) {
                put(text, "at start", STRIP_AT + 4, top + ROW / 2 + 4, &format!("{share}%"), None);
                told = Some(share);
            }
        }
        for index in (0..rows.len()).filter(|index| rows[*index].turned) {
            let (y, until) = (y(index), self.x(HostId(self.last() as u16)));
            let _ = writeln!(text, "<path class=\"turned\" d=\"M{} {y}H{until}\"/>", self.first);
        }
    }

    /// The names and the lines of the hosts, dotted where they have no machine.
    fn lives(&self, text: &mut String) {
        for (index, name) in self.story.names.iter().enumerate() {
            let host = HostId(index as u16);
            let x = self.x(host);
            let start = x.saturating_sub(name.len() * CHAR_TENTHS / 20);
            put(text, "name", start, TOP - 26, name, None);
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
            segment(y(self.story.rows.len()), class);
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
            let (x, y) = (if from < to { to - self.lane / 2 } else { to + self.lane / 2 }, top + ROW / 2);
            let class = if flight.fate == Fate::Lost { "flight lost" } else { "flight" };
            let _ = writeln!(text, "<path class=\"{class}\" d=\"M{from} {top}L{x} {y}\"/>");
            if flight.fate == Fate::Lost {
                let _ =
                    writeln!(text, "<path class=\"cross\" d=\"M{} {}l10 10m0-10l-10 10\"/>", x - 5, y - 5);
            }
        }
    }

    fn row(&self, text: &mut String, index: usize, row: &Row) {
        let (x, y) = (self.x(row.host), y(index));
        match &row.kind {
            Kind::Departs(number) => {
                let flight = &self.story.flights[*number];
                let class = if flight.fault.is_some() { "fault" } else { "sent" };
                let room = x.abs_diff(self.x(flight.to)) - 2 * BESIDE;
                let said = flight.with_fault(&row.text);
                beside(text, class, (x, y - 6), flight.from < flight.to, room, &said);
            }
            Kind::Arrives(flights) => {
                let flight = &self.story.flights[flights[0]];
                if !flight.is_plain() || row.text != flight.name {
                    let room = self.lane - 2 * BESIDE;
                    beside(text, "came", (x, y + 13), flight.from > flight.to, room, &row.text);
                }
            }
            Kind::Own(mark) => {
                let class = class(*mark);
                if mark.is_between() {
                    let until = self.x(HostId(self.last() as u16));
                    let _ =
                        writeln!(text, "<path class=\"across {class}\" d=\"M{} {y}H{until}\"/>", self.first);
                }
                let _ = writeln!(text, "<circle class=\"mark {class}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>");
                let (here, last) = (row.host.index(), self.last());
                let rightwards = last == 0 || 2 * here <= last && here < last;
                let room = if rightwards { self.width() - x } else { x - self.first };
                beside(text, class, (x, y + 4), rightwards, room - BESIDE, &row.text);
            }
        }
    }
}

/// Where a row is.
const fn y(row: usize) -> usize {
    TOP + ROW * row
}

/// A text beside a host's line.
fn beside(text: &mut String, class: &str, (x, y): (usize, usize), rightwards: bool, room: usize, said: &str) {
    let cleaned = clean(said, false);
    let shown = clip(&cleaned, room * 10 / CHAR_TENTHS, false);
    let whole = (shown != cleaned).then_some(cleaned.as_str());
    let anchor = if rightwards { class.to_owned() } else { format!("{class}\" text-anchor=\"end") };
    let start = if rightwards { x + BESIDE } else { x - BESIDE };
    put(text, &anchor, start, y, &shown, whole);
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

fn put(text: &mut String, class: &str, x: usize, y: usize, said: &str, whole: Option<&str>) {
    let title = whole.map(|whole| format!("<title>{}</title>", xml(whole))).unwrap_or_default();
    let _ = writeln!(text, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{title}{}</text>", xml(said));
}
