//! Writing: the result to standard output, one line for each note or error to standard error.

use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};

use super::error::CliError;
use super::program::OWN_NAME;

/// What the program is called.
static PROGRAM: OnceLock<String> = OnceLock::new();

/// How wide a picture is where there is no terminal.
const WIDTH: usize = 80;

const FAULT: Style = AnsiColor::Yellow.on_default();
const BROKEN: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Says what the program is called, once for the whole of its life.
pub(super) fn name_program(name: &str) {
    PROGRAM.get_or_init(|| name.to_owned());
}

/// What the program is called.
pub(super) fn program() -> &'static str {
    PROGRAM.get().map_or(OWN_NAME, String::as_str)
}

/// What is tinted on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tint {
    /// Nothing.
    None,
    /// Lines of a transcript or of a report.
    Lines,
    /// Lines of a ladder.
    Ladder,
}

/// Writes a transcript or a report to standard output, tinted on a terminal. A reader that has gone is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    print_as(text, Tint::Lines)
}

/// Writes a text to standard output. A reader that has gone is no error.
pub(super) fn print_as(text: &str, tint: Tint) -> io::Result<()> {
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    let style = |line: &str| match tint {
        Tint::None => None,
        Tint::Lines => style_of(line),
        Tint::Ladder => style_in_ladder(line),
    };
    let written = text.lines().try_for_each(|line| match style(line) {
        None => writeln!(out, "{line}"),
        Some(style) => writeln!(out, "{style}{line}{style:#}"),
    });
    unless_gone(written.and_then(|()| out.flush()))
}

/// Writes bytes to standard output. A reader that has gone is no error.
pub(super) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unless_gone(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What came of writing, where a reader that has gone is no error.
fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a file.
pub(super) fn write_file(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), CliError> {
    let path_text = || path.display().to_string();
    fs::write(path, bytes).map_err(|source| CliError::File { path: path_text(), source })
}

/// How many columns there are for what goes to standard output, or to this file: a terminal's own.
pub(super) fn width(file: Option<&Path>) -> usize {
    match file {
        None => {
            terminal_size::terminal_size_of(io::stdout()).map_or(WIDTH, |(width, _)| usize::from(width.0))
        }
        Some(_) => WIDTH,
    }
}

/// How a line of a ladder is tinted: by the mark beside the time, where there is a time or a blank.
fn style_in_ladder(line: &str) -> Option<Style> {
    let mut words = line.split_whitespace().peekable();
    words.next_if(|word| word.parse::<f64>().is_ok());
    match words.next()? {
        "!" => Some(FAULT),
        "✗" | "X" => Some(BROKEN),
        _ => None,
    }
}

/// How a line of a transcript or of a report is tinted.
fn style_of(line: &str) -> Option<Style> {
    let mut words = line.split_whitespace();
    let (first, second, third) = (words.next()?, words.next()?, words.next()?);
    match (first, second, third) {
        ("FAILED", ..) | (_, _, "broken") => Some(BROKEN),
        ("PASSED", ..) => Some(GOOD),
        (_, "-", "fault") => Some(FAULT),
        _ => None,
    }
}

/// Writes one line to standard error, whatever is in the text.
pub(super) fn complain(text: impl Display) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{}: {}", program(), one_line(&text.to_string()));
}

/// A text with its control characters escaped, so that it is one line.
pub(super) fn one_line(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(escape).collect()
}

/// A text as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_broken_lines_are_tinted_and_others_are_not() {
        assert_eq!(style_of("0.000  -       fault client>server #0 drop"), Some(FAULT));
        assert_eq!(style_of("0.000  client  broken law 3"), Some(BROKEN));
        assert_eq!(style_of("0.000  client  send  #0 \"- fault\" → server"), None);
    }

    #[test]
    fn in_a_ladder_the_mark_beside_the_time_tints() {
        assert_eq!(style_in_ladder("0.000 ! │ ×─ drop: #0 ─┤"), Some(FAULT));
        assert_eq!(style_in_ladder("      ✗ │      │"), Some(BROKEN));
        assert_eq!(style_in_ladder("0.000   │ ● ! ●"), None);
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(one_line("a\nb\u{1b}é"), "a\\nb\\u{1b}é");
    }

    #[test]
    fn a_word_stays_one_in_a_shell() {
        for (text, word) in [("30%", "30%"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'")] {
            assert_eq!(quoted(text), word);
        }
    }
}
