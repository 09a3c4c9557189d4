//! Bytes in a printed line.

use std::fmt::{self, Write as _};

/// Shows text with what cannot be printed escaped, as `escape_debug` does, and bytes that are not UTF-8 as `\xNN`.
pub(super) struct Escaped<'a>(pub(super) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                // The text stands between quotes that nobody parses back: they need no escape.
                match c {
                    '\'' | '"' => f.write_char(c)?,
                    c => write!(f, "{}", c.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
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
}
