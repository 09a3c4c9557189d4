//! Text as part of a hash.

use std::fmt::{self, Write as _};
use std::hash::Hasher;

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
