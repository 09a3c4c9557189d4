//! Bytes to values and back.
//!
//! Everything here is pure: no time, no I/O, nothing that waits. What a socket would deliver is pushed in as
//! slices, and how a stream was cut into slices never changes what comes out. `encode` followed by `decode`
//! is the identity, and every decoder says exactly how much it consumed.
//!
//! | module | what it reads |
//! |---|---|
//! | [`exact`] | exactly N bytes of a stream |
//! | [`frame`] | payloads behind a 4-byte length prefix |
//! | [`http`] | heads of HTTP/1.1 and the bodies behind them |
//! | [`lines`] | lines of a bounded length, and what stays without a newline |
//! | [`request_id`] | a text behind the id that pairs a reply with its request |
//! | [`utf8`] | text, also where a character is cut in two |

pub mod exact;
pub mod frame;
pub mod http;
pub mod lines;
pub mod request_id;
pub mod utf8;

/// Moves bytes from the front of `input` to the end of `buffer` until that holds `whole_len` bytes; says
/// whether it does.
///
/// The buffer is allocated as bytes arrive: it never exceeds twice what arrived, nor `whole_len`, so a peer
/// pays for memory by sending, not by announcing.
fn fill(buffer: &mut Vec<u8>, whole_len: usize, input: &mut &[u8]) -> bool {
    let missing_len = whole_len.saturating_sub(buffer.len());
    let (taken, rest) = input.split_at(missing_len.min(input.len()));
    let filled_len = buffer.len() + taken.len();
    if filled_len > buffer.capacity() {
        let capacity = buffer.capacity().saturating_mul(2).clamp(filled_len, whole_len);
        buffer.reserve_exact(capacity - buffer.len());
    }
    buffer.extend_from_slice(taken);
    *input = rest;
    taken.len() == missing_len
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// Where to cut a stream, for [`slices`].
    pub(super) fn any_cuts() -> impl Strategy<Value = Vec<Index>> {
        prop::collection::vec(any::<Index>(), 0..24)
    }

    /// `stream` cut at each of `cuts`; two cuts in one place give an empty slice.
    pub(super) fn slices<'a>(stream: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
        let mut offsets: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        offsets.extend([0, stream.len()]);
        offsets.sort_unstable();
        offsets.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
    }

    #[test]
    fn the_buffer_grows_with_what_arrives() {
        let mut buffer = Vec::new();
        for arrived in 1..=1000 {
            assert_eq!(super::fill(&mut buffer, 1000, &mut [7].as_slice()), arrived == 1000);
            assert!(buffer.capacity() <= (2 * arrived).min(1000), "{} for {arrived}", buffer.capacity());
        }
    }
}
