//! Requests and replies with an id.
//!
//! ```text
//! 0000002a TEXT
//! ```
//!
//! 8 lower-case hex digits, one blank, and a text of any bytes. Datagrams are lost, doubled and reordered;
//! the id, repeated in the reply, tells which request it answers.

use std::array;
use std::fmt;

const DIGITS_LEN: usize = 8;

/// How many bytes stand before each text: the digits and the blank.
pub const PREFIX_LEN: usize = DIGITS_LEN + 1;

/// What pairs a reply with its request; shown as 8 lower-case hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// Why a message has no id.
///
/// Each id is accepted in one spelling only, so that a message that was decoded and encoded again has the
/// same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestIdError {
    /// The message ends before the text could begin.
    #[error("a message of {got_len} bytes has no request id: begin it with 8 hex digits and a blank")]
    TooShort {
        /// How many bytes the message has.
        got_len: usize,
    },
    /// One of the first 8 bytes is no lower-case hex digit.
    #[error(
        "'{}' at offset {offset} is not a digit of a request id: write 8 of 0-9 and a-f",
        .byte.escape_ascii()
    )]
    Digit {
        /// Where in the message the byte is, counted from 0.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// Something else stands where the blank belongs.
    #[error("'{}' follows the request id: write one blank between id and text", .byte.escape_ascii())]
    Blank {
        /// The byte.
        byte: u8,
    },
}

/// Appends the message of `text` with `id` to `out`.
///
/// ```
/// use lossproof::wire::request_id::{self, RequestId};
///
/// let mut out = Vec::new();
/// request_id::encode(RequestId(42), b"status", &mut out);
/// assert_eq!(out, b"0000002a status");
/// ```
pub fn encode(id: RequestId, text: &[u8], out: &mut Vec<u8>) {
    out.reserve(PREFIX_LEN + text.len());
    out.extend_from_slice(&id.digits());
    out.push(b' ');
    out.extend_from_slice(text);
}

/// The id and the text of `message`, all of which is consumed.
///
/// # Errors
///
/// [`RequestIdError`] if the message does not begin with 8 lower-case hex digits and a blank.
///
/// ```
/// use lossproof::wire::request_id::{self, RequestId};
///
/// assert_eq!(request_id::decode(b"0000002a status"), Ok((RequestId(42), b"status".as_slice())));
/// assert!(request_id::decode(b"0000002A status").is_err());
/// ```
pub fn decode(message: &[u8]) -> Result<(RequestId, &[u8]), RequestIdError> {
    let Some((prefix, text)) = message.split_first_chunk::<PREFIX_LEN>() else {
        return Err(RequestIdError::TooShort { got_len: message.len() });
    };
    let [digits @ .., blank] = prefix;
    let id = RequestId::from_digits(*digits)?;
    if *blank == b' ' { Ok((id, text)) } else { Err(RequestIdError::Blank { byte: *blank }) }
}

impl RequestId {
    fn digits(self) -> [u8; DIGITS_LEN] {
        let [a, b, c, d] = self.0.to_be_bytes();
        let nibbles = [a >> 4, a & 15, b >> 4, b & 15, c >> 4, c & 15, d >> 4, d & 15];
        array::from_fn(|i| b"0123456789abcdef"[usize::from(nibbles[i])])
    }

    fn from_digits(digits: [u8; DIGITS_LEN]) -> Result<Self, RequestIdError> {
        let mut id = 0;
        for (offset, &byte) in digits.iter().enumerate() {
            let nibble = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return Err(RequestIdError::Digit { offset, byte }),
            };
            id = id << 4 | u32::from(nibble);
        }
        Ok(Self(id))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that often are a message with an id, or almost.
    fn any_message() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            "[0-9a-f]{8} ?.{0,5}".prop_map(String::into_bytes),
            "[0-9a-fA-F]{7,9} {0,2}.{0,5}".prop_map(String::into_bytes),
        ]
    }

    #[test]
    fn the_text_may_be_empty_and_may_begin_with_a_blank() {
        assert_eq!(decode(b"00000000 "), Ok((RequestId(0), b"".as_slice())));
        assert_eq!(decode(b"ffffffff  x"), Ok((RequestId(u32::MAX), b" x".as_slice())));
    }

    #[test]
    fn what_is_not_an_id_is_named() {
        let complaint = |message: &[u8]| decode(message).unwrap_err().to_string();
        assert_eq!(
            complaint(b"0000002a"),
            "a message of 8 bytes has no request id: begin it with 8 hex digits and a blank"
        );
        assert_eq!(
            complaint(b"0000002A x"),
            "'A' at offset 7 is not a digit of a request id: write 8 of 0-9 and a-f"
        );
        assert_eq!(
            complaint(b"0000002a\tx"),
            "'\\t' follows the request id: write one blank between id and text"
        );
    }

    #[test]
    fn every_byte_but_a_lower_case_digit_is_refused_at_each_offset() {
        for offset in 0..DIGITS_LEN {
            for byte in 0..=u8::MAX {
                let mut message = *b"01234567 text";
                message[offset] = byte;
                let refused = decode(&message) == Err(RequestIdError::Digit { offset, byte });
                assert_eq!(refused, !matches!(byte, b'0'..=b'9' | b'a'..=b'f'), "{byte} at {offset}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_encoded_is_decoded(
            id in any::<u32>().prop_map(RequestId),
            text in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut out = vec![1];
            encode(id, &text, &mut out);
            let shown = id.to_string();
            prop_assert_eq!(&out[1..=DIGITS_LEN], shown.as_bytes());
            prop_assert_eq!(decode(&out[1..]), Ok((id, text.as_slice())));
        }

        #[test]
        fn what_was_decoded_is_encoded_the_same(message in any_message()) {
            if let Ok((id, text)) = decode(&message) {
                let mut out = Vec::new();
                encode(id, text, &mut out);
                prop_assert_eq!(out, message);
            }
        }

        #[test]
        fn every_message_with_an_id_is_accepted(message in "[0-9a-f]{8} .{0,20}") {
            let id = u32::from_str_radix(&message[..DIGITS_LEN], 16).unwrap();
            prop_assert_eq!(decode(message.as_bytes()), Ok((RequestId(id), &message.as_bytes()[PREFIX_LEN..])));
        }
    }
}
