//! What tells states apart: bytes, and 128 bits of a hash of them.

use std::fmt::{self, Write as _};
use std::hash::Hasher;

use twox_hash::XxHash3_128;

/// Hashes a text as it is written, with an end of its own, as `str` has one.
pub(crate) fn put_text(text: fmt::Arguments<'_>, to: &mut impl Hasher) {
    // Writing to a hasher does not fail; a value whose text fails is told apart as far as it came.
    let _ = Text(to).write_fmt(text);
    to.write_u8(0xff);
}

struct Text<'a, H>(&'a mut H);

impl<H: Hasher> fmt::Write for Text<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Collects what is written to it, and hashes it at once: a state is many small writes, of which each costs a hash that
/// goes along with them more than all of its bytes together.
///
/// The hash is XXH3 of 128 bits, whose algorithm is fixed and the same on every machine. Nobody chooses states so that
/// two of them have one hash, so it need not withstand that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digest {
    bytes: Vec<u8>,
}

impl Digest {
    /// Begins anew, in the same memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The hash of all that was written.
    pub(crate) fn value(&self) -> u128 {
        XxHash3_128::oneshot(&self.bytes)
    }
}

impl Hasher for Digest {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.bytes.push(n);
    }

    #[inline]
    fn write_u16(&mut self, n: u16) {
        self.write(&n.to_le_bytes());
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.write(&n.to_le_bytes());
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.write(&n.to_le_bytes());
    }

    #[inline]
    fn write_u128(&mut self, n: u128) {
        self.write(&n.to_le_bytes());
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        self.value() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use super::*;

    /// From the authors' own test vectors, so that another version, machine or processor shows.
    #[test]
    fn the_algorithm_is_fixed() {
        let mut digest = Digest::default();
        assert_eq!(digest.value(), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
        (1_u8, 2_u32, "three").hash(&mut digest);
        assert_eq!(digest.bytes, [1, 2, 0, 0, 0, b't', b'h', b'r', b'e', b'e', 0xff]);
        digest.clear();
        assert_eq!(digest.value(), Digest::default().value());
    }
}
