//! Text out of a stream of bytes.
//!
//! A stream is cut anywhere, also in the middle of a character. [`Utf8`] decodes it slice by slice, to what
//! `String::from_utf8_lossy` of the whole would give.

/// Stands for bytes that are not UTF-8.
const REPLACEMENT: &str = "\u{fffd}";
/// The longest encoding of a character (RFC 3629).
const MAX_CHAR_LEN: usize = 4;

/// Decodes UTF-8 across slices; bytes that are none become U+FFFD.
///
/// ```
/// use lossproof::wire::utf8::Utf8;
///
/// let mut utf8 = Utf8::default();
/// assert_eq!(utf8.push(b"\xe4\xbd"), "");
/// assert_eq!(utf8.push(b"\xa0\xff!\xe4"), "你\u{fffd}!");
/// assert_eq!(utf8.finish(), "\u{fffd}"); // the last character was never complete
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Utf8 {
    /// The beginning of a character of which more is to come.
    begun: Vec<u8>,
}

impl Utf8 {
    /// Nothing has been begun.
    pub const fn new() -> Self {
        Self { begun: Vec::new() }
    }

    /// Decodes the next slice. A character that is not complete yet waits for the next.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        // Nearly always a slice has whole characters, and follows others that were whole.
        if self.begun.is_empty()
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return text.to_owned();
        }
        let mut text = String::new();
        let mut rest = bytes;
        while !self.begun.is_empty()
            && let Some((&byte, after)) = rest.split_first()
        {
            self.begun.push(byte);
            match std::str::from_utf8(&self.begun) {
                Ok(character) => {
                    text.push_str(character);
                    self.begun.clear();
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    // The byte does not belong to what was begun: it is looked at anew.
                    text.push_str(REPLACEMENT);
                    self.begun.clear();
                    continue;
                }
            }
            rest = after;
        }
        let (whole, begun) = rest.split_at(rest.len() - incomplete_len(rest));
        text.push_str(&String::from_utf8_lossy(whole));
        self.begun.extend_from_slice(begun);
        text
    }

    /// Decodes what is left now that the stream has ended.
    pub fn finish(&mut self) -> &'static str {
        let begun = std::mem::take(&mut self.begun);
        if begun.is_empty() { "" } else { REPLACEMENT }
    }
}

/// How many bytes at the end of `bytes` begin a character of which more has to come.
pub fn incomplete_len(bytes: &[u8]) -> usize {
    let begins = |len: &usize| {
        let end = &bytes[bytes.len() - len..];
        std::str::from_utf8(end).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(MAX_CHAR_LEN - 1)).find(begins).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{any_cuts, slices};
    use super::*;
    use proptest::prelude::*;

    /// Bytes of which many are parts of characters.
    fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            3 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
            2 => (any::<char>(), 0..4_usize).prop_map(|(c, len)| {
                let mut bytes = c.to_string().into_bytes();
                bytes.truncate(len);
                bytes
            }),
            1 => prop::sample::select(vec![0x00, 0x80, 0x90, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff])
                .prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
    }

    #[test]
    fn each_character_cut_at_each_byte_is_decoded() {
        for text in ["é", "你", "🦀"] {
            for at in 0..=text.len() {
                let (first, second) = text.as_bytes().split_at(at);
                let mut utf8 = Utf8::default();
                assert_eq!(utf8.push(first) + &utf8.push(second) + utf8.finish(), text, "cut at {at}");
                let begun = if at == text.len() { 0 } else { at };
                assert_eq!(incomplete_len(first), begun, "{text} cut at {at}");
            }
        }
    }

    #[test]
    fn what_cannot_go_on_is_not_incomplete() {
        for bytes in [&b""[..], b"a", b"\x80", b"\xff", b"\xc0", b"\xf4\x90", b"\xed\xa0", b"\xe4\xbd\xa0"] {
            assert_eq!(incomplete_len(bytes), 0, "{}", bytes.escape_ascii());
        }
        assert_eq!(incomplete_len(b"\xf0\xe4\xbd"), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_cut_of_the_stream_does_not_matter(stream in nearly_text(), cuts in any_cuts()) {
            let mut utf8 = Utf8::default();
            let mut text: String = slices(&stream, &cuts).into_iter().map(|slice| utf8.push(slice)).collect();
            text += utf8.finish();
            prop_assert_eq!(text, String::from_utf8_lossy(&stream));
            prop_assert_eq!(utf8, Utf8::default());
        }

        #[test]
        fn nothing_waits_that_could_be_decoded(stream in nearly_text()) {
            let len = incomplete_len(&stream);
            prop_assert!(len < MAX_CHAR_LEN);
            let text = Utf8::default().push(&stream);
            prop_assert_eq!(text, String::from_utf8_lossy(&stream[..stream.len() - len]));
        }
    }
}
