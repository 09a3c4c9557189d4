//! Messages that end with a newline, or with silence.
//!
//! Some peers end what they say with a newline, others just stop. [`Lines`] splits at each newline and remembers
//! what came after the last one; when that is long enough alone, its owner takes it as a message too.

use super::utf8::incomplete_len;

/// Splits a stream into lines of a bounded length, each with its newline.
///
/// Where a line is longer than the bound, each part of that length is a message, cut between two characters.
/// Memory is allocated as bytes arrive, and never exceeds twice the bound.
///
/// ```
/// use lossproof::wire::lines::Lines;
///
/// let mut lines = Lines::new(1024);
/// let mut input = b"one\ntw".as_slice();
/// assert_eq!(lines.next(&mut input).unwrap(), b"one\n");
/// assert_eq!(lines.next(&mut input), None); // the input is used up
/// assert_eq!(lines.take_tail().unwrap(), b"tw");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    max_len: usize,
    tail: Vec<u8>,
}

impl Lines {
    /// Splits into lines of at most `max_len` bytes, their newline included.
    ///
    /// # Panics
    /// If `max_len` is less than 4: then a character might not fit.
    pub const fn new(max_len: usize) -> Self {
        assert!(max_len >= 4, "a line has room for a character");
        Self { max_len, tail: Vec::new() }
    }

    /// Takes from the front of `input` what belongs to the next message, and gives that once it is whole. After `None`
    /// the input is used up.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        self.next_into(input, &mut message).then_some(message)
    }

    /// The same into memory of the caller's, in place of what is there; says whether the message is whole. Nothing is
    /// allocated once that memory, and its own, is large enough.
    ///
    /// ```
    /// use lossproof::wire::lines::Lines;
    ///
    /// let (mut lines, mut message) = (Lines::new(1024), Vec::new());
    /// let mut input = b"one\ntw".as_slice();
    /// assert!(lines.next_into(&mut input, &mut message) && message == b"one\n");
    /// assert!(!lines.next_into(&mut input, &mut message));
    /// ```
    pub fn next_into(&mut self, input: &mut &[u8], message: &mut Vec<u8>) -> bool {
        let missing_len = self.max_len - self.tail.len();
        let within = &input[..missing_len.min(input.len())];
        let newline = memchr::memchr(b'\n', within);
        let (taken, rest) = input.split_at(newline.map_or(within.len(), |at| at + 1));
        *input = rest;
        message.clear();
        if newline.is_some() {
            // The tail gets the memory that the message had.
            std::mem::swap(&mut self.tail, message);
            message.extend_from_slice(taken);
            return true;
        }
        self.tail.extend_from_slice(taken);
        let tail = if self.tail.len() == self.max_len { self.take_tail() } else { None };
        tail.is_some_and(|tail| {
            *message = tail;
            true
        })
    }

    /// Takes all of `input` as a message, whatever newlines are in it, with what came after the last newline before it:
    /// for peers of whom each read is one. A character that is not complete yet stays behind, and what is beyond the
    /// bound is for the next call. After `None` the input is used up.
    ///
    /// ```
    /// use lossproof::wire::lines::Lines;
    ///
    /// let mut lines = Lines::new(1024);
    /// let mut input = b"two\nlines".as_slice();
    /// assert_eq!(lines.next_whole(&mut input).unwrap(), b"two\nlines");
    /// assert_eq!(lines.next_whole(&mut input), None);
    /// ```
    pub fn next_whole(&mut self, input: &mut &[u8]) -> Option<Vec<u8>> {
        let missing_len = self.max_len - self.tail.len();
        let (taken, rest) = input.split_at(missing_len.min(input.len()));
        self.tail.extend_from_slice(taken);
        *input = rest;
        self.take_tail()
    }

    /// Takes what came after the last newline as a message, if anything did. A character that is not complete yet stays
    /// behind.
    pub fn take_tail(&mut self) -> Option<Vec<u8>> {
        let len = self.tail.len() - incomplete_len(&self.tail);
        let begun = self.tail.split_off(len);
        Some(std::mem::replace(&mut self.tail, begun)).filter(|message| !message.is_empty())
    }

    /// Whether [`Lines::take_tail`] would give a message.
    pub fn has_tail(&self) -> bool {
        self.tail.len() > incomplete_len(&self.tail)
    }

    /// Takes all that is left as a message, if anything is, now that the stream has ended.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.tail)).filter(|message| !message.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{any_cuts, slices};
    use super::*;
    use proptest::prelude::*;

    /// All messages of slices, the unterminated end last.
    fn split(max_len: usize, slices: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(max_len);
        let mut messages = Vec::new();
        for slice in slices {
            let mut input = *slice;
            while let Some(message) = lines.next(&mut input) {
                messages.push(message);
            }
            assert!(input.is_empty() && lines.tail.len() < max_len);
        }
        messages.extend(lines.finish());
        assert_eq!(lines, Lines::new(max_len));
        messages
    }

    /// The same, of text without newlines in the middle of long lines, in the plainest way.
    fn naive(max_len: usize, stream: &str) -> Vec<Vec<u8>> {
        let mut messages = vec![String::new()];
        for c in stream.chars() {
            let last = messages.last_mut().unwrap();
            if last.ends_with('\n') || last.len() + c.len_utf8() > max_len {
                messages.push(String::new());
            }
            messages.last_mut().unwrap().push(c);
        }
        messages.into_iter().filter(|message| !message.is_empty()).map(String::into_bytes).collect()
    }

    #[test]
    fn a_line_at_the_bound_is_whole_and_one_beyond_is_two() {
        assert_eq!(split(4, &[b"abc\nd"]), [&b"abc\n"[..], b"d"]);
        assert_eq!(split(4, &[b"abcd\n"]), [&b"abcd"[..], b"\n"]);
        assert_eq!(split(4, &[b"abcde\n"]), [&b"abcd"[..], b"e\n"]);
    }

    #[test]
    fn the_bound_cuts_no_character() {
        assert_eq!(split(5, &["ab你好\n".as_bytes()]), ["ab你".as_bytes(), "好\n".as_bytes()]);
        assert_eq!(split(4, &["ab你好\n".as_bytes()]), [&b"ab"[..], "你".as_bytes(), "好\n".as_bytes()]);
    }

    #[test]
    fn a_whole_input_is_a_message_up_to_the_bound() {
        let mut lines = Lines::new(4);
        for (input, messages) in [
            (&b"a\nb\n"[..], &[&b"a\nb\n"[..]][..]),
            (b"abcde", &[b"abcd", b"e"]),
            (b"", &[]),
            (b"a\xe4\xbd", &[b"a"]),
            (b"\xa0bc", &["你b".as_bytes(), b"c"]),
            (b"\xf0\x9f\xa6", &[]),
            (b"\x80", &["🦀".as_bytes()]),
        ] {
            let mut rest = input;
            let taken: Vec<Vec<u8>> = std::iter::from_fn(|| lines.next_whole(&mut rest)).collect();
            assert_eq!(taken, messages, "{}", input.escape_ascii());
            assert!(rest.is_empty());
        }
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn a_tail_is_taken_but_for_the_character_that_is_begun() {
        let mut lines = Lines::new(64);
        assert_eq!((lines.has_tail(), lines.take_tail()), (false, None));
        assert_eq!(lines.next(&mut b"a\xe4\xbd".as_slice()), None);
        assert!(lines.has_tail());
        assert_eq!(lines.take_tail().unwrap(), b"a");
        assert_eq!((lines.has_tail(), lines.take_tail()), (false, None));
        assert_eq!(lines.next(&mut b"\xa0\n".as_slice()).unwrap(), "你\n".as_bytes());
        assert_eq!(lines.finish(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_cut_of_the_stream_does_not_matter(
            stream in "[a你🦀\n]{0,40}",
            cuts in any_cuts(),
            max_len in 4..12usize,
        ) {
            let stream_of = stream.as_bytes();
            prop_assert_eq!(split(max_len, &slices(stream_of, &cuts)), naive(max_len, &stream));
        }

        #[test]
        fn no_byte_is_lost_whatever_it_is(
            stream in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n')], 0..100),
            cuts in any_cuts(),
            max_len in 4..12usize,
        ) {
            let messages = split(max_len, &slices(&stream, &cuts));
            prop_assert!(messages.iter().all(|message| (1..=max_len).contains(&message.len())));
            prop_assert_eq!(&messages, &split(max_len, &[&stream]));
            prop_assert_eq!(messages.concat(), stream);
        }
    }
}
