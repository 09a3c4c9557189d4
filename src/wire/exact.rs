//! Exactly N bytes of a stream ("recvall").
//!
//! One `recv` on a stream socket returns what happens to have arrived, not what was sent. [`Exact`] gathers
//! such pieces until a known number of bytes is there.

use super::fill;

/// Gathers a message of a length known beforehand.
///
/// Memory is allocated as bytes arrive, never more than twice what arrived.
///
/// ```
/// use lossproof::wire::exact::Exact;
///
/// let mut reply = Exact::new(4);
/// assert_eq!(reply.push(b"po"), 2);
/// assert_eq!(reply.message(), None);
/// assert_eq!(reply.push(b"ng, and more"), 2); // what it does not need is left to the caller
/// assert_eq!(reply.message(), Some(b"pong".as_slice()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exact {
    want_len: usize,
    got: Vec<u8>,
}

/// The stream ended before the message was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("was expecting {want_len} bytes but only received {got_len} bytes before the socket closed")]
pub struct EarlyEnd {
    /// How many bytes the message has.
    pub want_len: usize,
    /// How many of them arrived.
    pub got_len: usize,
}

impl Exact {
    /// Starts on a message of `want_len` bytes; one of none is complete at once.
    pub const fn new(want_len: usize) -> Self {
        Self { want_len, got: Vec::new() }
    }

    /// Starts on the next message, of `want_len` bytes, in the memory of the last one.
    pub fn restart(&mut self, want_len: usize) {
        self.want_len = want_len;
        self.got.clear();
    }

    /// Takes what is missing from the front of `bytes`; returns how many bytes that was.
    #[must_use = "the bytes that were not taken belong to the next message"]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        fill(&mut self.got, self.want_len, &mut rest);
        bytes.len() - rest.len()
    }

    /// Whether the whole message is there.
    pub const fn is_complete(&self) -> bool {
        self.missing_len() == 0
    }

    /// How many bytes are still to come.
    pub const fn missing_len(&self) -> usize {
        self.want_len - self.got.len()
    }

    /// The message, once it is complete.
    pub fn message(&self) -> Option<&[u8]> {
        self.finish().ok()
    }

    /// The message, now that the stream has ended.
    ///
    /// # Errors
    ///
    /// [`EarlyEnd`] if bytes are still missing.
    pub fn finish(&self) -> Result<&[u8], EarlyEnd> {
        if self.is_complete() {
            Ok(&self.got)
        } else {
            Err(EarlyEnd { want_len: self.want_len, got_len: self.got.len() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{any_cuts, slices};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_early_end_says_how_much_came() {
        let mut exact = Exact::new(16);
        assert_eq!(exact.push(b"fiver"), 5);
        assert_eq!(
            exact.finish().unwrap_err().to_string(),
            "was expecting 16 bytes but only received 5 bytes before the socket closed"
        );
    }

    #[test]
    fn an_early_end_shows_at_each_offset() {
        let message = [9; 32];
        for got_len in 0..32 {
            let mut exact = Exact::new(32);
            assert_eq!(exact.push(&message[..got_len]), got_len);
            assert_eq!((exact.is_complete(), exact.missing_len()), (false, 32 - got_len));
            assert_eq!(exact.message(), None);
            assert_eq!(exact.finish(), Err(EarlyEnd { want_len: 32, got_len }));
        }
    }

    #[test]
    fn a_message_of_no_bytes_is_complete_at_once() {
        let mut exact = Exact::new(0);
        assert_eq!(exact.push(b"x"), 0);
        assert_eq!(exact.message(), Some([].as_slice()));
        assert_eq!(exact.finish(), Ok([].as_slice()));
    }

    #[test]
    fn a_length_alone_allocates_nothing() {
        let mut exact = Exact::new(usize::MAX);
        assert_eq!(exact.got.capacity(), 0);
        assert_eq!(exact.push(&[0; 100]), 100);
        assert!(exact.got.capacity() <= 200);
        assert_eq!(exact.missing_len(), usize::MAX - 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_cut_of_the_stream_does_not_matter(
            stream in prop::collection::vec(any::<u8>(), 0..200),
            want_len in 0..200usize,
            cuts in any_cuts(),
        ) {
            let mut exact = Exact::new(want_len);
            let mut taken = 0;
            for slice in slices(&stream, &cuts) {
                let missing_len = exact.missing_len();
                let len = exact.push(slice);
                prop_assert_eq!(len, slice.len().min(missing_len));
                taken += len;
                prop_assert_eq!(exact.missing_len(), want_len - taken);
            }
            prop_assert_eq!(taken, want_len.min(stream.len()));
            prop_assert_eq!(exact.is_complete(), want_len <= stream.len());
            prop_assert_eq!(exact.message(), stream.get(..want_len));
            prop_assert_eq!(exact.finish().ok(), stream.get(..want_len));
        }

        #[test]
        fn a_restart_forgets_the_last_message(
            first in prop::collection::vec(any::<u8>(), 0..50),
            second in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let mut exact = Exact::new(first.len() + 1);
            prop_assert_eq!(exact.push(&first), first.len());
            exact.restart(second.len());
            prop_assert_eq!(exact.push(&second), second.len());
            prop_assert_eq!(exact.message(), Some(second.as_slice()));
        }
    }
}
