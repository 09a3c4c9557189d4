//! What a machine writes to its streams in one look, each message once, however many it goes to.

use std::ops::Range;

/// How much memory it keeps from look to look.
const MAX_KEPT_LEN: usize = 1024 * 1024;

/// The bytes that wait for the next flush, one message behind the other. A stream has a part of it, and that part grows as
/// long as what it is told follows in here: where one message goes to many after the other, all of that is one slice for
/// each of them, and was copied once.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
}

/// What was put in last, as long as nothing else can be at its address.
#[derive(Default)]
pub(super) struct Last<'e>(Option<(&'e [u8], Range<u32>)>);

impl Gathered {
    /// Puts bytes in, unless they are the very same ones as those before.
    ///
    /// # Panics
    /// When more than 4 GiB are gathered, which the bounds on inputs and on what an outbox holds exclude.
    #[inline]
    pub(super) fn put<'e>(&mut self, bytes: &'e [u8], last: &mut Last<'e>) -> Range<u32> {
        match &last.0 {
            Some((same, part)) if std::ptr::eq(*same, bytes) => part.clone(),
            _ => self.put_new(bytes, last),
        }
    }

    fn put_new<'e>(&mut self, bytes: &'e [u8], last: &mut Last<'e>) -> Range<u32> {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        let end = u32::try_from(self.bytes.len()).expect("one look has less than 4 GiB");
        last.0 = Some((bytes, start..end));
        start..end
    }

    /// A part of it.
    pub(super) fn get(&self, part: &Range<u32>) -> &[u8] {
        &self.bytes[part.start as usize..part.end as usize]
    }

    /// Forgets everything: no stream has a part any more.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(MAX_KEPT_LEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_put_in_once() {
        let (mut gathered, arena) = (Gathered::default(), b"onetwoone".to_vec());
        let mut last = Last::default();
        let parts = [0..3, 0..3, 3..6, 6..9, 0..2].map(|part| gathered.put(&arena[part], &mut last));
        assert_eq!(parts, [0..3, 0..3, 3..6, 6..9, 9..11]);
        assert_eq!(gathered.get(&(0..11)), b"onetwooneon");
        // What is elsewhere may have the address of what was there before.
        assert_eq!(gathered.put(&arena[0..2], &mut Last::default()), 11..13);
    }

    #[test]
    fn what_one_look_has_needed_is_kept_up_to_a_bound() {
        let mut gathered = Gathered::default();
        for (len, kept) in [(MAX_KEPT_LEN, true), (MAX_KEPT_LEN + 1, false)] {
            gathered.bytes = Vec::with_capacity(len);
            gathered.clear();
            assert_eq!(gathered.bytes.capacity() == len, kept, "{len}");
        }
    }
}
