//! Messages that only who has the key can have sent.
//!
//! ```text
//! 0000002a TEXT 5d2e…   32 hex digits: half of an HMAC-SHA-256 (RFC 2104), under the key, over
//!                       q0000002a TEXT in a request, r0000002a TEXT in a reply
//! ```
//!
//! The byte in front is not sent. It has a request come back from somebody else as a reply to nobody.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest key, in bytes: as many as the seal has.
pub const MIN_KEY_LEN: usize = SEAL_LEN;

/// How many bytes of the code are sent.
const SEAL_LEN: usize = 16;
/// How many digits that is.
const DIGITS_LEN: usize = 2 * SEAL_LEN;
/// How much longer a message is with its seal: a blank, and the digits.
pub const SEALED_LEN: usize = 1 + DIGITS_LEN;

/// Why there is no key of these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// They are so few that they could be tried out.
    #[error("a key of {got_len} bytes is too short: give at least {MIN_KEY_LEN}")]
    TooShort {
        /// How many bytes there are.
        got_len: usize,
    },
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Reply,
}

impl Direction {
    /// What stands before the message where it is sealed.
    const fn byte(self) -> u8 {
        match self {
            Self::Request => b'q',
            Self::Reply => b'r',
        }
    }
}

/// What both sides know and nobody else. It is never shown.
#[derive(Clone)]
pub struct Key {
    bytes: Vec<u8>,
    /// The code with the key already in it.
    keyed: Hmac<Sha256>,
}

impl Key {
    /// A key of these bytes.
    ///
    /// # Errors
    /// [`KeyError::TooShort`] if there are fewer than [`MIN_KEY_LEN`].
    ///
    /// ```
    /// use lossproof::systems::udp_remote::seal::{Direction, Key};
    ///
    /// let key = Key::new("a key of 20 letters!")?;
    /// let sealed = key.sealed(Direction::Request, "0000002a hello");
    /// assert_eq!(key.opened(Direction::Request, &sealed), Some(&b"0000002a hello"[..]));
    /// assert_eq!(key.opened(Direction::Reply, &sealed), None);
    /// # Ok::<(), lossproof::systems::udp_remote::seal::KeyError>(())
    /// ```
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, KeyError> {
        let bytes = bytes.into();
        let too_short = KeyError::TooShort { got_len: bytes.len() };
        // The code takes keys of any length.
        match Hmac::new_from_slice(&bytes) {
            Ok(keyed) if bytes.len() >= MIN_KEY_LEN => Ok(Self { bytes, keyed }),
            _ => Err(too_short),
        }
    }

    /// The code over a message.
    fn code(&self, direction: Direction, message: &[u8]) -> Hmac<Sha256> {
        let mut code = self.keyed.clone();
        code.update(&[direction.byte()]);
        code.update(message);
        code
    }

    /// A message with its seal.
    pub fn sealed(&self, direction: Direction, message: &str) -> Vec<u8> {
        let code = self.code(direction, message.as_bytes()).finalize().into_bytes();
        let mut sealed = Vec::with_capacity(message.len() + SEALED_LEN);
        sealed.extend_from_slice(message.as_bytes());
        sealed.push(b' ');
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        sealed.extend(code.iter().take(SEAL_LEN).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        sealed
    }

    /// What stands before the seal, if the seal is this key's, of this message and in this direction. How long that takes
    /// says nothing of where the difference is.
    pub fn opened<'a>(&self, direction: Direction, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (message, ending) = sealed.split_last_chunk::<SEALED_LEN>()?;
        let (b' ', digits) = ending.split_first()? else { return None };
        let mut seal = [0; SEAL_LEN];
        for (byte, pair) in seal.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        self.code(direction, message).verify_truncated_left(&seal).is_ok().then_some(message)
    }
}

/// The value of a digit, in the one spelling that there is.
const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(of {} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef";

    /// S100: as other programs make it: `printf 'q0000002a hello' | openssl dgst -sha256 -hmac 0123456789abcdef`.
    #[test]
    fn a_seal_is_half_of_the_code() {
        let key = Key::new(KEY).unwrap();
        let sealed = |direction| String::from_utf8(key.sealed(direction, "0000002a hello")).unwrap();
        assert_eq!(sealed(Direction::Request), "0000002a hello d62a5cb99f17e3a7e0b3ad637e2395d9");
        assert_eq!(sealed(Direction::Reply), "0000002a hello ba78416de72357faef2e9219fa8509a6");
    }

    #[test]
    fn a_key_is_long_enough_and_is_not_shown() {
        assert_eq!(Key::new(&KEY[1..]).unwrap_err(), KeyError::TooShort { got_len: 15 });
        assert_eq!(format!("{:?}", Key::new(KEY).unwrap()), "Key(of 16 bytes)");
        // Longer than a block of the hash.
        let (long, other) = (Key::new([7; 65]).unwrap(), Key::new([7; 64]).unwrap());
        assert_ne!(long, other);
        assert_eq!(other.opened(Direction::Reply, &long.sealed(Direction::Reply, "x")), None);
    }

    /// S101, S103: every bit counts, and every byte. That the comparison takes the same time is the crate's promise
    /// (`verify_truncated_left`); nothing here compares the bytes of a seal otherwise.
    #[test]
    fn what_was_changed_anywhere_is_not_opened() {
        let key = Key::new(KEY).unwrap();
        let sealed = key.sealed(Direction::Reply, "0000002a hello");
        let opened = |sealed: &[u8]| key.opened(Direction::Reply, sealed).map(<[u8]>::to_vec);
        assert_eq!(opened(&sealed), Some(b"0000002a hello".to_vec()));
        for bit in 0..8 * sealed.len() {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&changed), None, "{bit}");
        }
        for len in 0..sealed.len() {
            assert_eq!(opened(&sealed[..len]), None, "{len}");
            assert_eq!(opened(&sealed[len + 1..]), None, "{len}");
            let doubled = [&sealed[..=len], &sealed[len..]].concat();
            assert_eq!(opened(&doubled), None, "{len}");
        }
        assert_eq!(opened(&sealed.to_ascii_uppercase()), None);
        assert_eq!(key.opened(Direction::Request, &sealed), None);
        assert_eq!(Key::new("another key of 16").unwrap().opened(Direction::Reply, &sealed), None);
        assert_eq!(opened(&key.sealed(Direction::Reply, "")), Some(Vec::new()));
    }
}
