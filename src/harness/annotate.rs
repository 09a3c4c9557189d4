//! Commands to the runner of GitHub Actions: lines of output that it shows beside a change.

/// How much of a text goes into one command, in bytes: the runner takes no more than 64 KiB.
const MAX_BYTES: usize = 32 * 1024;

/// What a command says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Something failed.
    Error,
    /// Something is worth to be known. Tests are silent about what holds.
    #[cfg(feature = "cli")]
    Notice,
}

/// One line that has the runner show a text, with the place in a file that it is about if there is one.
pub(crate) fn line(level: Level, place: Option<(&str, u32)>, title: &str, text: &str) -> String {
    let level = match level {
        Level::Error => "error",
        #[cfg(feature = "cli")]
        Level::Notice => "notice",
    };
    let place = place.map_or_else(String::new, |(file, line)| format!("file={},line={line},", value(file)));
    format!("::{level} {place}title={}::{}", value(title), data(short(text).trim_end()))
}

/// As much of a text as one command takes.
fn short(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// A text on one line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text that is the value of a property.
fn value(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_line_or_a_property_is_escaped() {
        let text = line(Level::Error, Some(("tests/a,b.rs", 7)), "a: 100%, b", "50%:\r\n::error::x\n");
        let expected = "::error file=tests/a%2Cb.rs,line=7,title=a%3A 100%25%2C b::50%25:%0D%0A::error::x";
        assert_eq!(text, expected);
        assert_eq!(line(Level::Notice, None, "", ""), "::notice title=::");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let at = |len| line(Level::Notice, None, "t", &"é".repeat(len)).len() - "::notice title=t::".len();
        assert_eq!((at(MAX_BYTES / 2), at(MAX_BYTES / 2 + 1)), (MAX_BYTES, MAX_BYTES));
        assert_eq!(short(&format!("a{}", "é".repeat(MAX_BYTES))).len(), MAX_BYTES - 1);
    }
}
