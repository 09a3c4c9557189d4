//! The transcript as a page: one file of HTML that needs no network, to step through a run.
//!
//! `page.html` is the frame, `page.css` the looks, `page.js` draws and `step.js` does what the user wants. No text stands
//! among the arrows: who does what is in a column beside them, so nothing can lie over anything else. All that comes from
//! the run is JSON in a script element that no browser executes, and reaches the page as text.

use serde::Serialize;

use super::Transcript;
use super::excerpt::{RowFold, row_folds};
use super::story::{Fate, Kind, Mark, Row, Story};
use super::svg::class;
use crate::escaped::{json, xml};
use crate::machine::Status;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = concat!(include_str!("../ladder.css"), include_str!("page.css"));
const DRAW: &str = include_str!("page.js");
const STEP: &str = include_str!("step.js");
/// What the page's policy allows to be executed: the hashes of what is above.
const STYLE_HASH: &str = "sha256-OxzbqOIhI1599BIKko3TFiVAohinMfhojvU1AZm1HEw=";
const SCRIPT_HASH: &str = "sha256-/qInky00xTWH1DIifTaPCkahWL39fo4a219+qeSIIn8=";

#[derive(Serialize)]
struct Run<'a> {
    replay: &'a str,
    hosts: &'a [&'a str],
    rows: Vec<Step<'a>>,
    flights: Vec<Arrow>,
    folds: Vec<Fold>,
}

/// Rows that are folded until the reader asks for them.
#[derive(Serialize)]
struct Fold {
    from: usize,
    /// The first that is not of them.
    to: usize,
    text: String,
}

/// A row of the ladder, as the scripts know it.
#[derive(Serialize)]
struct Step<'a> {
    at: String,
    ns: u64,
    host: usize,
    kind: &'static str,
    word: &'static str,
    /// What the ladder shows.
    text: String,
    /// All that is to be told of it.
    line: String,
    flights: &'a [usize],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fault: bool,
    /// How many percent of the runs fail that go on from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<u8>,
    /// Whether the run was lost here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    turned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u8>,
}

#[derive(Serialize)]
struct End {
    peer: usize,
    number: u32,
    open: bool,
}

#[derive(Serialize)]
struct Arrow {
    from: usize,
    to: usize,
    departs: usize,
    arrivals: Vec<usize>,
    fault: bool,
    fate: &'static str,
}

impl Transcript<'_> {
    /// A page of HTML, whole in itself, to step through the run by keyboard or pointer: a table of all steps with a ladder
    /// beside it, what is known of every host at each step, a search, time to scale if wanted, and the line that makes the
    /// run again. A failing run has what does not hold at its top and, if it is known, when the run was lost. A long run
    /// opens folded as [`Transcript::excerpt`] of [`MAX_REPORT_LINES`](super::MAX_REPORT_LINES) has it. The printed page
    /// has what is unfolded. `replay` is the line that makes the run again, `title` stands above.
    pub fn page(&self, title: &str, replay: &str) -> String {
        let story = Story::new(self);
        let rows = story.rows.iter().map(|row| step(&story, row)).collect();
        let fold = |RowFold { rows, text }| Fold { from: rows.start, to: rows.end, text };
        let folds = row_folds(self, &story).into_iter().map(fold).collect();
        let run = Run { replay, hosts: &story.names, rows, flights: arrows(&story), folds };
        let (title, run) = (xml(title), json(&run).replace('<', "\\u003c"));
        let script = script();
        fill(&[
            ("title", &title),
            ("style", STYLE),
            ("style_hash", STYLE_HASH),
            ("script", &script),
            ("script_hash", SCRIPT_HASH),
            ("run", &run),
        ])
    }
}

fn script() -> String {
    format!("{DRAW}\n{STEP}")
}

/// The frame with its places filled, in one pass: what is put in is not looked through for places.
fn fill(values: &[(&str, &str)]) -> String {
    let mut page = String::new();
    for (index, part) in FRAME.split(['{', '}']).enumerate() {
        let is_place = index % 2 == 1;
        page.push_str(match values.iter().find(|(name, _)| *name == part) {
            Some((_, value)) if is_place => value,
            _ => part,
        });
    }
    page
}

fn step<'a>(story: &'a Story<'_>, row: &'a Row) -> Step<'a> {
    let (kind, flights, text) = match &row.kind {
        Kind::Departs(flight) => {
            let text = story.flights[*flight].with_fault(&row.text);
            ("departs", std::slice::from_ref(flight), text)
        }
        Kind::Arrives(flights) => ("arrives", flights.as_slice(), row.text.clone()),
        Kind::Own(mark) => (class(*mark), &[][..], row.text.clone()),
    };
    let conn = row.conn.as_ref();
    Step {
        at: row.at.to_string(),
        ns: row.at.as_nanos(),
        host: row.host.index(),
        kind,
        word: row.word,
        text,
        line: told(story, row) + &lost(row),
        flights,
        fault: story.has_fault(row),
        share: row.share,
        turned: row.turned,
        conn: conn.map(|conn| End { peer: conn.peer.index(), number: conn.number, open: conn.open }),
        status: match row.kind {
            Kind::Own(Mark::Ended(status)) => Some(Status::code(status)),
            _ => None,
        },
    }
}

/// All that is to be told of a row, on one line or more.
fn told(story: &Story<'_>, row: &Row) -> String {
    let (host, word) = (story.name(row.host), row.word);
    let said = |text: &str| {
        if text.contains(word) { text.to_owned() } else { format!("{word} {text}") }
    };
    match &row.kind {
        Kind::Departs(flight) => {
            let flight = &story.flights[*flight];
            let became = match flight.fate {
                Fate::Arrived => format!("arrives at {} s", story.rows[flight.arrivals[0]].at),
                Fate::Lost if word == "write" => "is never read".to_owned(),
                Fate::Lost => "never arrives".to_owned(),
                Fate::Underway => "has not arrived when the run ends".to_owned(),
            };
            let fault = flight.fault.as_ref().map(|fault| format!("\nfault: {fault}")).unwrap_or_default();
            format!("{host}: {} → {}{fault}\n{became}", said(&row.text), story.name(flight.to))
        }
        Kind::Arrives(flights) => {
            let flight = &story.flights[flights[0]];
            let departs = &story.rows[flight.departs];
            let text = if row.text == flight.name { &departs.text } else { &row.text };
            format!("{host}: {} ← {}\nleft at {} s", said(text), story.name(flight.from), departs.at)
        }
        Kind::Own(Mark::Network) => format!("fault: {}", row.text),
        Kind::Own(Mark::Stage) => row.text.clone(),
        Kind::Own(_) => format!("{host}: {}", said(&row.text)),
    }
}

/// How many runs fail that go on from a row, if that is known.
fn lost(row: &Row) -> String {
    let share = row.share.map(|share| format!("\n{share}% of the runs that go on from here at random fail"));
    let turned = if row.turned { ": here it turned" } else { "" };
    share.map(|share| share + turned).unwrap_or_default()
}

fn arrows(story: &Story<'_>) -> Vec<Arrow> {
    let arrow = |flight: &super::story::Flight| Arrow {
        from: flight.from.index(),
        to: flight.to.index(),
        departs: flight.departs,
        arrivals: flight.arrivals.clone(),
        fault: flight.fault.is_some(),
        fate: match flight.fate {
            Fate::Arrived => "arrived",
            Fate::Lost => "lost",
            Fate::Underway => "underway",
        },
    };
    story.flights.iter().map(arrow).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ring::digest::{SHA256, digest};

    use super::*;

    /// After a change of the sources the constants are to be what the failure says.
    #[test]
    fn the_policy_allows_what_is_there() {
        let hash = |text: &str| format!("sha256-{}", STANDARD.encode(digest(&SHA256, text.as_bytes())));
        assert_eq!((STYLE_HASH, SCRIPT_HASH), (hash(STYLE).as_str(), hash(&script()).as_str()));
    }

    #[test]
    fn what_is_put_in_is_not_looked_through() {
        let page = fill(&[("title", "{run}"), ("run", "data")]);
        assert!(page.contains("<h1>{run}</h1>") && page.contains("json\">data</script>"));
    }
}
