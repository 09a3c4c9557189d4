//! The lines of a transcript, with what an excerpt has to know of each.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::fault::Resolved;
use crate::host::HostId;
use crate::time::Instant;
use crate::transcript::text::verb;
use crate::transcript::{Record, Span, Transcript, What};

/// One line; where an event or a property brings several, all of them.
pub(super) struct Line {
    pub(super) record: Record,
    /// As the transcript has it.
    pub(super) text: String,
    /// Lines of the same shape tell the same but for numbers: moments, packets, offsets, digits in texts.
    pub(super) shape: u64,
    /// What tells the bytes that leave or come in from others.
    pub(super) content: Option<u64>,
    /// The turn that it belongs to.
    pub(super) turn: usize,
}

impl Line {
    pub(super) const fn at(&self) -> Instant {
        self.record.at
    }

    /// How many lines of text it has.
    pub(super) fn height(&self) -> usize {
        1 + self.text.matches('\n').count()
    }

    /// Whether it says what does not hold.
    pub(super) const fn is_broken(&self) -> bool {
        matches!(self.record.what, What::Broken(_))
    }
}

/// One input of a host with all that it caused, or a fault of hosts.
pub(super) struct Turn {
    pub(super) host: HostId,
    /// Its lines. None, if a timeout caused nothing.
    pub(super) lines: Range<usize>,
    /// Nobody else caused it: a timeout or a start.
    pub(super) is_own: bool,
}

/// A transcript in lines and turns.
pub(super) struct Lines {
    pub(super) all: Vec<Line>,
    pub(super) turns: Vec<Turn>,
    /// The line of each of the sorted records; of one without a line the next.
    pub(super) of_record: Vec<usize>,
}

impl Lines {
    pub(super) fn new(transcript: &Transcript<'_>) -> Self {
        let mut lines = Self { all: Vec::new(), turns: Vec::new(), of_record: Vec::new() };
        let host_width = transcript.host_width();
        let mut before: Option<Record> = None;
        for record in transcript.log.sorted() {
            let is_input = is_input(record.what);
            if is_input || before.is_none_or(|before| parts(&before, &record)) {
                let first = lines.all.len();
                let is_own = !is_input || matches!(record.what, What::Timer);
                lines.turns.push(Turn { host: record.host, lines: first..first, is_own });
            }
            before = Some(record);
            lines.of_record.push(lines.all.len());
            if record.what.has_line() {
                lines.add(transcript, record, host_width);
            }
        }
        lines
    }

    fn add(&mut self, transcript: &Transcript<'_>, record: Record, host_width: usize) {
        let turn = self.turns.len() - 1;
        let text = transcript.column_line(&record, host_width);
        let shape = shape(transcript, &record, self.all.len());
        let content = content(transcript, record.what);
        self.all.push(Line { record, text, shape, content, turn });
        self.turns[turn].lines.end = self.all.len();
    }

    /// How many lines of text they have together.
    pub(super) fn height(&self, range: Range<usize>) -> usize {
        self.all[range].iter().map(Line::height).sum()
    }
}

/// What [`Line::content`] has.
fn content(transcript: &Transcript<'_>, what: What) -> Option<u64> {
    let (What::Send { bytes, .. }
    | What::Recv { bytes, .. }
    | What::Write { bytes, .. }
    | What::Read { bytes, .. }) = what
    else {
        return None;
    };
    let mut hasher = DefaultHasher::new();
    transcript.log.bytes(bytes).hash(&mut hasher);
    Some(hasher.finish())
}

/// Whether a machine is handed it. What its host does next is caused by it.
const fn is_input(what: What) -> bool {
    matches!(
        what,
        What::Recv { .. }
            | What::Unreachable { .. }
            | What::Connected(_)
            | What::ConnectFailed(..)
            | What::ConnectNowhere { .. }
            | What::Read { .. }
            | What::Eof(_)
            | What::Writable(_)
            | What::Closed(..)
            | What::Timer
            | What::Command(_)
    )
}

/// Whether a record is not of the turn of the one before it, whatever it is.
fn parts(before: &Record, record: &Record) -> bool {
    let is_stage = |what| matches!(what, What::Fault(Resolved::Host { .. }) | What::Calm | What::Circle);
    (before.at, before.host) != (record.at, record.host) || is_stage(before.what) || is_stage(record.what)
}

/// What [`Line::shape`] has. Of what never repeats `index` tells it apart.
fn shape(transcript: &Transcript<'_>, record: &Record, index: usize) -> u64 {
    let Record { host, what, .. } = *record;
    let mut to = DefaultHasher::new();
    (host, verb(what)).hash(&mut to);
    match what {
        What::Send { to: peer, bytes, .. } | What::Recv { from: peer, bytes, .. } => {
            peer.hash(&mut to);
            message_shape(transcript, bytes).hash(&mut to);
        }
        What::SendNowhere { bytes, .. } => message_shape(transcript, bytes).hash(&mut to),
        What::Write { link, bytes, .. } | What::Read { link, bytes, .. } => {
            link.peer.hash(&mut to);
            message_shape(transcript, bytes).hash(&mut to);
        }
        What::Connect(link)
        | What::Connected(link)
        | What::Shutdown(link)
        | What::Eof(link)
        | What::Close(link)
        | What::Abort(link)
        | What::Pause(link)
        | What::Resume(link)
        | What::Writable(link) => link.peer.hash(&mut to),
        What::ConnectFailed(link, reason) => (link.peer, reason.to_string()).hash(&mut to),
        What::Closed(link, reason) => (link.peer, reason.to_string()).hash(&mut to),
        What::Event(_) | What::Command(_) => without_numbers(&transcript.rest_text(host, what)).hash(&mut to),
        What::Fault(Resolved::Host { .. } | Resolved::Down { .. })
        | What::Calm
        | What::Circle
        | What::Broken(_) => {
            index.hash(&mut to);
        }
        What::Fault(fault) => {
            // Digits in the names of hosts count.
            let text = transcript.fault_text(&fault);
            let (flow, rest) = text.split_once(' ').unwrap_or((&text, ""));
            (flow, without_numbers(rest)).hash(&mut to);
        }
        What::Dropped { from, to: receiver, why, .. } => (from, receiver, why).hash(&mut to),
        What::Lost(loss) => (loss.to, loss.bottleneck, loss.is_full).hash(&mut to),
        What::Unreachable { peer } => peer.hash(&mut to),
        What::Join(group) | What::Leave(group) => group.hash(&mut to),
        What::ConnectNowhere { .. } | What::Timer | What::Save(_) | What::Done(_) => {}
    }
    to.finish()
}

/// Text without its numbers. Of bytes that are no text, a number may be any of them: what is left is the first, where
/// messages say what they are, and the length.
fn message_shape(transcript: &Transcript<'_>, span: Span) -> String {
    let bytes = transcript.log.bytes(span);
    if span.is_segment() {
        return without_numbers(&transcript.bytes_text(span));
    }
    let is_binary = |text: &str| text.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t'));
    let is_decoded = transcript.decode.is_some_and(|decode| decode(bytes).is_some());
    if !is_decoded && std::str::from_utf8(bytes).map_or(true, is_binary) {
        return format!("{:?} {}", bytes.first(), bytes.len());
    }
    without_numbers(&transcript.bytes_text(span))
}

/// A text with one digit for each number.
fn without_numbers(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '0'..='9' if shape.ends_with('0') => {}
            '0'..='9' => shape.push('0'),
            c => shape.push(c),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_digit() {
        assert_eq!(without_numbers("#117 \"at 3.050\""), "#0 \"at 0.0\"");
        assert_eq!(without_numbers("no"), "no");
        assert_eq!(without_numbers("×1024"), "×0");
    }
}
