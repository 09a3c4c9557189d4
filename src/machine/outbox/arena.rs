//! Where bytes are put until they leave.

use std::fmt;

/// Lets text be formatted straight into the arena.
pub(super) struct Arena<'a>(pub(super) &'a mut Vec<u8>);

impl fmt::Write for Arena<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
