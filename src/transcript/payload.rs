//! Bytes as a reader wants to see them.

use std::fmt;

/// How many characters of a payload are shown at most.
const MAX_SHOWN_LEN: usize = 60;
/// The longest unit whose repetition is recognised, in bytes.
const MAX_PERIOD_LEN: usize = 32;
/// How often a unit stands there at least before it is elided.
const MIN_REPETITIONS: usize = 4;

/// Shows bytes: as quoted text when they are UTF-8, as a byte string when not; long ones are cut, and a unit that
/// repeats to the end is shown once.
pub(super) struct Payload<'a>(pub(super) &'a [u8]);

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        if let Some(unit_len) = period_len(bytes) {
            return write!(f, "{}×{}", Quoted(&bytes[..unit_len]), bytes.len() / unit_len);
        }
        match shown_len(bytes) {
            len if len == bytes.len() => Quoted(bytes).fmt(f),
            len => write!(f, "{}… ({} bytes)", Quoted(&bytes[..len]), bytes.len()),
        }
    }
}

struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "b\"{}\"", self.0.escape_ascii()),
        }
    }
}

/// The shortest unit of which the bytes are a whole number of repetitions, if there are enough of them.
fn period_len(bytes: &[u8]) -> Option<usize> {
    let longest = MAX_PERIOD_LEN.min(bytes.len() / MIN_REPETITIONS);
    if bytes.len() <= MAX_PERIOD_LEN {
        return None;
    }
    (1..=longest).find(|&len| bytes.len().is_multiple_of(len) && bytes[len..] == bytes[..bytes.len() - len])
}

/// How many bytes to show: all of them, or as many as make the bound without cutting a character.
fn shown_len(bytes: &[u8]) -> usize {
    if bytes.len() <= MAX_SHOWN_LEN {
        return bytes.len();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.floor_char_boundary(MAX_SHOWN_LEN),
        Err(_) => MAX_SHOWN_LEN / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_and_other_bytes_are_escaped() {
        assert_eq!(Payload(b"Hi there, server").to_string(), "\"Hi there, server\"");
        assert_eq!(Payload("欢迎\r\n".as_bytes()).to_string(), "\"欢迎\\r\\n\"");
        assert_eq!(Payload(b"a\xff\n").to_string(), "b\"a\\xff\\n\"");
        assert_eq!(Payload(b"").to_string(), "\"\"");
    }

    #[test]
    fn repetitions_are_elided() {
        assert_eq!(Payload(&b"capitalize this!".repeat(64)).to_string(), "\"capitalize this!\"×64");
        assert_eq!(Payload(&[0xff; 40]).to_string(), "b\"\\xff\"×40");
        assert_eq!(Payload(b"aaaa").to_string(), "\"aaaa\"");
    }

    #[test]
    fn the_bound_is_shown_whole_and_one_beyond_is_cut() {
        let text: String = ('0'..='z').cycle().take(MAX_SHOWN_LEN + 1).collect();
        let whole = &text[..MAX_SHOWN_LEN];
        assert!(!Payload(whole.as_bytes()).to_string().contains('…'));
        assert!(Payload(text.as_bytes()).to_string().ends_with("\"… (61 bytes)"));
    }
}
