//! What each end of a connection says first.
//!
//! ```text
//! | life, 8 bytes, big-endian | number of the dial, 4 bytes, big-endian | name |
//! ```

/// The most bytes that a name may have.
pub const MAX_NAME_LEN: usize = 255;
/// How many bytes stand before the name.
pub(super) const HEAD_LEN: usize = 12;

/// Who is at the other end, and of which dial this is the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello<'a> {
    /// Differs from one start of the peer to the next.
    pub(super) life: u64,
    /// How many connections the peer had dialed before this one; whoever accepts says zero.
    pub(super) dial: u32,
    pub(super) name: &'a [u8],
}

impl<'a> Hello<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.life.to_be_bytes()[..], &self.dial.to_be_bytes(), self.name].concat()
    }

    /// Nothing if it is no hello: too short, or with a name that is empty or too long.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (life, rest) = bytes.split_first_chunk()?;
        let (dial, name) = rest.split_first_chunk()?;
        let is_name = (1..=MAX_NAME_LEN).contains(&name.len());
        is_name.then_some(Self { life: u64::from_be_bytes(*life), dial: u32::from_be_bytes(*dial), name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_read_as_it_was_said_and_its_name_has_bounds() {
        let longest = [b'x'; MAX_NAME_LEN];
        for name in [&b"a"[..], &longest] {
            let hello = Hello { life: u64::MAX - 1, dial: 7, name };
            assert_eq!(Hello::decode(&hello.encode()), Some(hello));
        }
        let too_long = [b'x'; MAX_NAME_LEN + 1];
        for name in [&b""[..], &too_long] {
            assert_eq!(Hello::decode(&Hello { life: 1, dial: 0, name }.encode()), None);
        }
        assert!((0..=HEAD_LEN).all(|len| Hello::decode(&[0; HEAD_LEN][..len.min(HEAD_LEN)]).is_none()));
    }
}
