//! Writing: the result to standard output, one line for each note or error to standard error.

use std::fmt::{Display, Write as _};
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::error::CliError;
use super::program::OWN_NAME;
pub(super) use crate::escaped::one_line;
use crate::escaped::plain;

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

/// Writes a text to standard output: its own bytes, but for what a terminal would obey, and between them, where
/// that is wanted, what tints a line. A reader that has gone is no error.
pub(super) fn print_as(text: &str, tint: Tint) -> io::Result<()> {
    let text = plain(text);
    if tint == Tint::None || AutoStream::choice(&io::stdout()) == ColorChoice::Never {
        return print_bytes(text.as_bytes());
    }
    let style = if tint == Tint::Ladder { style_in_ladder } else { style_of };
    let mut tinted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        // Writing to a string cannot fail.
        let _ = match style(line) {
            None => write!(tinted, "{line}{end}"),
            Some(style) => write!(tinted, "{style}{line}{style:#}{end}"),
        };
    }
    print_bytes(tinted.as_bytes())
}

/// Writes bytes to standard output. A reader that has gone is no error.
pub(super) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a file, so that whoever looks finds it as it was or whole: its bytes are written beside it and put in its
/// place. What is no file, such as a pipe or `/dev/null`, is written to.
pub(super) fn write_file(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), CliError> {
    let to = target(path);
    let written = match fs::metadata(&to) {
        Ok(found) if !found.is_file() => fs::write(&to, bytes),
        found => {
            let beside = beside(&to);
            let written = fs::write(&beside, bytes)
                .and_then(|()| {
                    found.map_or(Ok(()), |found| fs::set_permissions(&beside, found.permissions()))
                })
                .and_then(|()| fs::rename(&beside, &to));
            if written.is_err() {
                // It may never have come to be.
                let _ = fs::remove_file(&beside);
            }
            written
        }
    };
    written.map_err(|source| CliError::File { path: path.display().to_string(), source })
}

/// Looks whether a file can be written, before the work whose result it is to have.
pub(super) fn check_writable(path: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    let to = target(path);
    let tried = match fs::metadata(&to) {
        Ok(found) if found.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => Ok(()),
        _ => {
            let beside = beside(&to);
            fs::write(&beside, []).and_then(|()| fs::remove_file(&beside))
        }
    };
    tried.map_err(|source| CliError::File { path: path.display().to_string(), source })
}

/// The file itself, where a path leads to it by links.
fn target(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Where a file is written before it is put in place: no other process writes there.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
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
    let _ = writeln!(io::stderr(), "{}: {}", one_line(program()), one_line(&text.to_string()));
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
    fn a_word_stays_one_in_a_shell() {
        for (text, word) in [("30%", "30%"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'")] {
            assert_eq!(quoted(text), word);
        }
    }
}
