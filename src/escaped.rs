//! Text that came from outside, made fit to be read: what a terminal would obey, and what would turn a line around, stands
//! there as Rust writes it in a literal. Whatever a peer has sent, and whatever a file or an argument says, goes through
//! one of these before it is shown.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::Serialize;

/// Whether a character does something to a terminal or to the text around it, instead of standing there: a control other
/// than a line feed and a tab, one that turns the direction of text ([Unicode Standard Annex 9]), or one of the two other
/// ends of a line.
///
/// [Unicode Standard Annex 9]: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
pub(crate) fn is_active(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// A text of any number of lines without active characters: each is escaped.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, is_active)
}

/// The same of a text that is one's own: nearly always it is fine as it is.
pub(crate) fn into_plain(text: String) -> String {
    match plain(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(escaped) => escaped,
    }
}

/// The same on one line: line feeds and tabs are escaped, too.
#[cfg(feature = "cli")]
pub(crate) fn one_line(text: &str) -> String {
    escaped(text, |c| is_active(c) || matches!(c, '\n' | '\t')).into_owned()
}

fn escaped(text: &str, is_active: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Most texts are of characters that nobody need look at one by one.
    if text.as_bytes().iter().all(u8::is_ascii_graphic) || !text.contains(&is_active) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_active(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// A value as JSON on one line, in which active characters are written as `\u`.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Values of this crate are made of strings and numbers: this cannot fail.
    let text = serde_json::to_string(value).unwrap_or_default();
    if !text.contains(is_active) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_active(c) {
            // They stand in strings, where that means the same; and all of them have sixteen bits.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// A text in which nothing means anything to XML or HTML, and nothing is forbidden there or active: that is escaped.
pub(crate) fn xml(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => xml.extend(c.escape_unicode()),
            c if is_active(c) => xml.extend(c.escape_default()),
            c => xml.push(c),
        }
    }
    xml
}

/// Takes any text and passes it on as [`plain`] makes it.
#[cfg(feature = "cli")]
pub(crate) struct Plain<'a>(pub(crate) &'a mut dyn fmt::Write);

#[cfg(feature = "cli")]
impl fmt::Write for Plain<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&plain(text))
    }
}

/// Shows text with what cannot be printed escaped, as `escape_debug` does, and bytes that are not UTF-8 as `\xNN`.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while !rest.is_empty() {
                let plain_len = rest.bytes().take_while(|byte| is_plain(*byte)).count();
                f.write_str(&rest[..plain_len])?;
                let mut others = rest[plain_len..].chars();
                if let Some(c) = others.next() {
                    write!(f, "{}", c.escape_debug())?;
                }
                rest = others.as_str();
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a character of one byte is shown as it is. The text stands between quotes that nobody parses back: they need no
/// escape.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\\'
}

/// Shows a text of lines, each escaped as [`Escaped`] does but with its bad bytes replaced; the last line's end is left
/// out.
pub(crate) struct Lines<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in String::from_utf8_lossy(self.0).lines().enumerate() {
            let before = if index == 0 { "" } else { "\n" };
            write!(f, "{before}{}", Escaped(line.as_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        assert_eq!(Escaped(b"it's \"1\"").to_string(), "it's \"1\"");
        assert_eq!(Escaped("欢迎\r\n\0".as_bytes()).to_string(), "欢迎\\r\\n\\0");
        assert_eq!(Escaped(b"a\xff\xfeb").to_string(), "a\\xff\\xfeb");
    }

    #[test]
    fn lines_stay_lines_and_bad_bytes_are_replaced() {
        assert_eq!(Lines("欢迎\r\n".as_bytes()).to_string(), "欢迎");
        assert_eq!(Lines(b"a\xff\r\n\r\nb\x1b\nc\n\n").to_string(), "a\u{fffd}\n\nb\\u{1b}\nc\n");
        assert_eq!(Lines(b"").to_string(), "");
    }

    /// Each control but line feed and tab, and each that turns text.
    fn active() -> impl Iterator<Item = char> {
        let controls = (0..=0x1f).chain(0x7f..=0x9f).filter(|c| !matches!(c, 0x09 | 0x0a));
        let others = [0x61c, 0x200e, 0x200f].into_iter().chain(0x2028..=0x202e).chain(0x2066..=0x2069);
        controls.chain(others).filter_map(char::from_u32)
    }

    #[test]
    fn no_way_lets_an_active_character_through() {
        assert_eq!(active().count(), 30 + 33 + 3 + 7 + 4);
        for c in active() {
            let text = format!("a{c}b");
            let escape = format!("a{}b", c.escape_default());
            assert_eq!((&*plain(&text), xml(&text)), (&*escape, escape.clone()), "{c:?}");
            for shown in [Escaped(text.as_bytes()).to_string(), Lines(text.as_bytes()).to_string()] {
                assert!(!shown.contains(is_active) && shown.contains('\\'), "{c:?} in {shown}");
            }
            let line = json(&text);
            assert!(!line.contains(is_active), "{line}");
            assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
        let others = "a\n\tb é 欢迎 ⏎ →";
        assert_eq!((plain(others), json(&others)), (others.into(), "\"a\\n\\tb é 欢迎 ⏎ →\"".to_owned()));
        assert!(plain("\u{2027}\u{202f}\u{2065}\u{206a}\u{a0} ").chars().all(|c| c != '\\'));
    }

    #[test]
    fn one_line_is_one() {
        assert_eq!(one_line("a\nb\u{1b}é\t\u{202e}"), "a\\nb\\u{1b}é\\t\\u{202e}");
    }

    #[test]
    fn nothing_breaks_out_of_the_markup() {
        assert_eq!(
            xml("</text><script>\"&\u{1}\u{ffff}\r"),
            "&lt;/text&gt;&lt;script&gt;&quot;&amp;\\u{1}\\u{ffff}\\r"
        );
    }
}
