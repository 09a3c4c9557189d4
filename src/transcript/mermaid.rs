//! The transcript as a Mermaid sequence diagram, for pull requests and pages that render it.

use std::fmt::Write as _;

use super::Transcript;
use super::story::{Fate, Flight, Kind, Mark, Row, Story};

impl Transcript<'_> {
    /// A `sequenceDiagram` of [Mermaid](https://mermaid.js.org/syntax/sequenceDiagram.html). Arrows there take no time: each
    /// stands where it left and says when it arrived; one that came after something else, twice, or changed, has a note
    /// where it did. An arrow with a cross never arrived, or what it brought was never read.
    pub fn mermaid(&self) -> String {
        let story = Story::new(self);
        let mut text = String::from("sequenceDiagram\n");
        for (index, name) in story.names.iter().enumerate() {
            line(&mut text, format_args!("participant h{index} as {}", escaped(name)));
        }
        for row in &story.rows {
            match &row.kind {
                Kind::Departs(flight) => departs(&mut text, &story, row, &story.flights[*flight]),
                Kind::Arrives(flights) => {
                    let flight = &story.flights[flights[0]];
                    if !flight.is_plain() || row.text != flight.name {
                        // What has a word of its own says by it that it came.
                        let came = if row.text.starts_with(&flight.name) { " arrives" } else { "" };
                        let (said, number) = (escaped(&row.text), row.host.index());
                        line(&mut text, format_args!("Note over h{number}: {} {said}{came}", row.at));
                    }
                }
                Kind::Own(mark) => own(&mut text, &story, row, *mark),
            }
        }
        text
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = writeln!(text, "    {content}");
}

fn departs(text: &mut String, story: &Story<'_>, row: &Row, flight: &Flight) {
    let (from, to) = (flight.from.index(), flight.to.index());
    let said = escaped(&flight.with_fault(&row.text));
    let (arrow, when) = match flight.fate {
        Fate::Arrived => ("->>", story.rows[flight.arrivals[0]].at.to_string()),
        Fate::Lost => ("-x", "never".to_owned()),
        Fate::Underway => ("--)", "not yet".to_owned()),
    };
    line(text, format_args!("h{from}{arrow}h{to}: {} {said} (arrives: {when})", row.at));
}

fn own(text: &mut String, story: &Story<'_>, row: &Row, mark: Mark) {
    let (said, at) = (escaped(&row.text), row.at);
    let sign = match mark {
        Mark::Broken => "✗ ",
        mark if mark.is_fault() => "⚡ ",
        _ => "",
    };
    match (mark, story.names.len()) {
        (mark, hosts @ 2..) if mark.is_between() => {
            line(text, format_args!("Note over h0,h{}: {at} {sign}{said}", hosts - 1));
        }
        _ => line(text, format_args!("Note over h{}: {at} {sign}{said}", row.host.index())),
    }
}

/// A text in which nothing means anything to Mermaid, Markdown or HTML: other characters are written by number.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => escaped.push(c),
            ' ' | '\'' | '"' | '(' | ')' | '[' | ']' | ',' | '.' | ':' | '@' | '!' | '?' | '-' | '+'
            | '/' | '=' | '_' => {
                escaped.push(c);
            }
            c if c.is_control() => escaped.push_str(&self::escaped(&c.escape_default().to_string())),
            c if c.is_ascii() => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_is_written_by_number() {
        assert_eq!(escaped("#1; <b>%%{x}\\n"), "#35;1#59; #60;b#62;#37;#37;#123;x#125;#92;n");
        assert_eq!(escaped("a\n"), "a#92;n");
        assert_eq!(escaped("你好 'yes'"), "你好 'yes'");
    }
}
