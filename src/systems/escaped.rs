//! Bytes in a printed line.

use std::fmt;

/// Shows text with what cannot be printed escaped, as `escape_debug` does, and bytes that are not UTF-8 as `\xNN`.
pub(super) struct Escaped<'a>(pub(super) &'a [u8]);

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
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

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
}
