//! Frames: payloads behind a length prefix.
//!
//! ```text
//! | payload length, 4 bytes, big-endian | payload |
//! ```
//!
//! The length does not count its own 4 bytes. Both ends agree on a maximum payload length, so that a broken
//! or hostile peer cannot announce 4 GiB and be believed.

use super::exact::EarlyEnd;
use super::fill;

/// How many bytes stand before each payload.
pub const HEADER_LEN: usize = 4;

/// Why a frame was not written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The payload is longer than the limit; reading, the stream cannot be resynchronised after it.
    #[error(
        "a frame of {payload_len} bytes is over the limit of {max_len}: \
         send less in one frame, or raise the limit on both ends"
    )]
    TooLong {
        /// How many bytes the payload has, or would have.
        payload_len: usize,
        /// The most it may have.
        max_len: usize,
    },
    /// The stream ended inside a frame. The lengths count the header; until that has arrived, nothing else
    /// is known to be missing.
    #[error("the stream ended inside a frame ({0}): connect again and ask for it again")]
    EarlyEnd(EarlyEnd),
}

/// The header of a frame with a payload of `payload_len` bytes.
///
/// # Errors
///
/// [`FrameError::TooLong`] if the length does not fit into 4 bytes.
///
/// ```
/// use lossproof::wire::frame;
///
/// assert_eq!(frame::encode_header(258), Ok([0, 0, 1, 2]));
/// ```
pub fn encode_header(payload_len: usize) -> Result<[u8; HEADER_LEN], FrameError> {
    u32::try_from(payload_len)
        .map(u32::to_be_bytes)
        .map_err(|_| FrameError::TooLong { payload_len, max_len: u32::MAX as usize })
}

/// Appends the frame of `payload` to `out`.
///
/// # Errors
///
/// [`FrameError::TooLong`] if the payload is longer than `max_len`, or than 4 bytes can say; then nothing is
/// appended.
///
/// ```
/// use lossproof::wire::frame;
///
/// let mut out = Vec::new();
/// frame::encode(b"ping", 16, &mut out)?;
/// assert_eq!(out, b"\0\0\0\x04ping");
/// # Ok::<(), frame::FrameError>(())
/// ```
pub fn encode(payload: &[u8], max_len: usize, out: &mut Vec<u8>) -> Result<(), FrameError> {
    check_len(payload.len(), max_len)?;
    let header = encode_header(payload.len())?;
    out.reserve(HEADER_LEN + payload.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
    Ok(())
}

/// Takes frames out of a stream that arrives in slices.
///
/// A frame that lies whole in a slice is borrowed from it; only one that a cut went through is copied, into
/// a buffer that is kept for the next. That buffer grows with what arrives, to at most `HEADER_LEN + max_len`
/// bytes, whatever a header announces.
///
/// ```
/// use lossproof::wire::frame::FrameReader;
///
/// let mut reader = FrameReader::new(16);
/// let mut payloads = Vec::new();
/// for mut slice in [b"\0\0\0\x04ping\0\0".as_slice(), b"\0\x04po", b"ng"] {
///     while let Some(payload) = reader.read(&mut slice)? {
///         payloads.push(payload.to_vec());
///     }
/// }
/// reader.finish()?;
/// assert_eq!(payloads, [b"ping", b"pong"]);
/// # Ok::<(), lossproof::wire::frame::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameReader {
    max_len: usize,
    /// The header and payload of the frame under way, as far as they arrived.
    pending: Vec<u8>,
    /// Whether `pending` is a whole frame that the caller has had.
    delivered: bool,
}

impl FrameReader {
    /// Starts at the beginning of a stream, of frames with at most `max_len` bytes of payload.
    pub const fn new(max_len: usize) -> Self {
        Self { max_len, pending: Vec::new(), delivered: false }
    }

    /// The next payload, taken from the front of `input`; `None` once `input` is used up.
    ///
    /// `input` is advanced past the frame, and no further.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLong`] if a header announces more than the limit. The header has been consumed and
    /// what follows it has not; as nobody knows where the next frame begins, every later call fails alike
    /// and consumes nothing.
    #[inline]
    pub fn read<'b, 'a: 'b>(&'b mut self, input: &mut &'a [u8]) -> Result<Option<&'b [u8]>, FrameError> {
        if self.delivered {
            self.delivered = false;
            self.pending.clear();
        }
        if self.pending.is_empty()
            && let Some((payload, rest)) = split_frame(input, self.max_len)
        {
            *input = rest;
            return Ok(Some(payload));
        }
        self.read_across_slices(input)
    }

    /// The way for a frame that is cut, and for one that is too long: its header stays in `pending`, so
    /// that the next call meets it again.
    fn read_across_slices(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, FrameError> {
        if self.pending.len() < HEADER_LEN && !fill(&mut self.pending, HEADER_LEN, input) {
            return Ok(None);
        }
        let frame_len = self.frame_len()?;
        if !fill(&mut self.pending, frame_len, input) {
            return Ok(None);
        }
        self.delivered = true;
        Ok(self.pending.get(HEADER_LEN..))
    }

    /// The length of the frame under way, or of its header alone while that has not arrived.
    fn frame_len(&self) -> Result<usize, FrameError> {
        let Some(header) = self.pending.first_chunk() else { return Ok(HEADER_LEN) };
        let payload_len = decode_header(*header);
        check_len(payload_len, self.max_len)?;
        Ok(payload_len.saturating_add(HEADER_LEN))
    }

    /// Makes sure that the stream, which has ended, did so between two frames.
    ///
    /// # Errors
    ///
    /// [`FrameError::EarlyEnd`] if it ended inside one, [`FrameError::TooLong`] if [`read`](Self::read)
    /// failed before.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.pending.is_empty() || self.delivered {
            return Ok(());
        }
        let want_len = self.frame_len()?;
        Err(FrameError::EarlyEnd(EarlyEnd { want_len, got_len: self.pending.len() }))
    }
}

/// The payload of the frame that `input` begins with and what follows it, if the frame lies whole in `input`
/// and is within the limit.
#[inline]
fn split_frame(input: &[u8], max_len: usize) -> Option<(&[u8], &[u8])> {
    let (header, rest) = input.split_first_chunk()?;
    let payload_len = decode_header(*header);
    if payload_len > max_len { None } else { rest.split_at_checked(payload_len) }
}

/// The payload length that a header announces.
#[inline]
const fn decode_header(header: [u8; HEADER_LEN]) -> usize {
    u32::from_be_bytes(header) as usize
}

const fn check_len(payload_len: usize, max_len: usize) -> Result<(), FrameError> {
    if payload_len > max_len { Err(FrameError::TooLong { payload_len, max_len }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{any_cuts, slices};
    use super::*;
    use proptest::prelude::*;

    const MAX_LEN: usize = 40;

    /// Payloads around the limit of the reader under test: empty ones, full ones, those between.
    fn any_payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let len = prop_oneof![Just(0), Just(MAX_LEN), 0..=MAX_LEN];
        let payload = len.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len));
        prop::collection::vec(payload, 0..8)
    }

    fn stream_of(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for payload in payloads {
            encode(payload, MAX_LEN, &mut stream).unwrap();
        }
        stream
    }

    /// What `reader` makes of one slice, and what it leaves of it.
    fn read_all<'a>(
        reader: &mut FrameReader,
        mut slice: &'a [u8],
        payloads: &mut Vec<Vec<u8>>,
    ) -> (&'a [u8], Result<(), FrameError>) {
        loop {
            match reader.read(&mut slice) {
                Ok(Some(payload)) => payloads.push(payload.to_vec()),
                Ok(None) => return (slice, Ok(())),
                Err(error) => return (slice, Err(error)),
            }
        }
    }

    #[test]
    fn a_payload_may_have_max_len_and_not_one_byte_more() {
        let (mut out, too_long) = (vec![1], FrameError::TooLong { payload_len: 5, max_len: 4 });
        assert_eq!(encode(b"fiver", 4, &mut out), Err(too_long));
        assert_eq!(out, [1]);
        assert_eq!(encode(b"four", 4, &mut out), Ok(()));
        assert_eq!(FrameReader::new(4).read(&mut &out[1..]), Ok(Some(b"four".as_slice())));
        assert_eq!(
            too_long.to_string(),
            "a frame of 5 bytes is over the limit of 4: \
             send less in one frame, or raise the limit on both ends"
        );
    }

    #[test]
    fn a_header_holds_what_fits_into_four_bytes() {
        assert_eq!(encode_header(0), Ok([0; 4]));
        assert_eq!(encode_header(0x0102_0304), Ok([1, 2, 3, 4]));
        let max_len = u32::MAX as usize;
        assert_eq!(encode_header(max_len), Ok([255; 4]));
        if let Some(payload_len) = max_len.checked_add(1) {
            assert_eq!(encode_header(payload_len), Err(FrameError::TooLong { payload_len, max_len }));
        }
    }

    #[test]
    fn a_whole_frame_is_borrowed_from_the_input() {
        let stream = stream_of(&[b"here".to_vec()]);
        let (mut reader, mut input) = (FrameReader::new(MAX_LEN), stream.as_slice());
        let payload = reader.read(&mut input).unwrap().unwrap();
        assert!(std::ptr::eq(payload, &raw const stream[HEADER_LEN..]));
        assert_eq!(reader.pending.capacity(), 0);
    }

    #[test]
    fn a_header_alone_allocates_no_payload() {
        let mut reader = FrameReader::new(u32::MAX as usize);
        assert_eq!(reader.read(&mut [255; 4].as_slice()), Ok(None));
        assert!(reader.pending.capacity() <= 8);
        assert_eq!(reader.read(&mut [0; 100].as_slice()), Ok(None));
        assert!(reader.pending.capacity() <= 208);
    }

    #[test]
    fn the_buffer_never_outgrows_the_longest_frame() {
        let stream = stream_of(&vec![vec![7; MAX_LEN]; 20]);
        let mut reader = FrameReader::new(MAX_LEN);
        for slice in stream.chunks(13) {
            read_all(&mut reader, slice, &mut Vec::new()).1.unwrap();
            assert!(reader.pending.capacity() <= HEADER_LEN + MAX_LEN);
        }
    }

    #[test]
    fn an_early_end_in_a_header_names_the_header() {
        let mut reader = FrameReader::new(MAX_LEN);
        assert_eq!(reader.read(&mut [0, 0, 0].as_slice()), Ok(None));
        assert_eq!(
            reader.finish().unwrap_err().to_string(),
            "the stream ended inside a frame (was expecting 4 bytes but only received 3 bytes before the \
             socket closed): connect again and ask for it again"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_cut_of_the_stream_does_not_matter(payloads in any_payloads(), cuts in any_cuts()) {
            let stream = stream_of(&payloads);
            let (mut reader, mut read) = (FrameReader::new(MAX_LEN), Vec::new());
            for slice in slices(&stream, &cuts) {
                prop_assert_eq!(read_all(&mut reader, slice, &mut read), (&[][..], Ok(())));
            }
            prop_assert_eq!(read, payloads);
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn a_read_takes_one_frame_and_no_more(payloads in any_payloads(), cut in 0..2 * MAX_LEN) {
            let stream = stream_of(&payloads);
            let cut = cut.min(stream.len());
            let (mut reader, mut input, mut consumed) = (FrameReader::new(MAX_LEN), &stream[..cut], 0);
            for payload in &payloads {
                let mut read = reader.read(&mut input).unwrap().map(<[u8]>::to_vec);
                if read.is_none() {
                    prop_assert!(input.is_empty());
                    input = &stream[cut..];
                    read = reader.read(&mut input).unwrap().map(<[u8]>::to_vec);
                }
                prop_assert_eq!(read.as_ref(), Some(payload));
                prop_assert_eq!(reader.finish(), Ok(()));
                consumed += HEADER_LEN + payload.len();
                prop_assert_eq!(input, &stream[consumed..consumed + input.len()]);
            }
            prop_assert_eq!(consumed, stream.len());
        }

        #[test]
        fn a_reader_stays_poisoned(
            payloads in any_payloads(),
            payload_len in MAX_LEN + 1..=u32::MAX as usize,
            tail in prop::collection::vec(any::<u8>(), 0..60),
            cuts in any_cuts(),
        ) {
            let mut stream = stream_of(&payloads);
            stream.extend(encode_header(payload_len).unwrap());
            let header_end = stream.len();
            stream.extend(tail);
            let too_long = Err(FrameError::TooLong { payload_len, max_len: MAX_LEN });
            let (mut reader, mut read, mut consumed) = (FrameReader::new(MAX_LEN), Vec::new(), 0);
            for slice in slices(&stream, &cuts) {
                let (rest, result) = read_all(&mut reader, slice, &mut read);
                consumed += slice.len() - rest.len();
                prop_assert_eq!(result.is_err(), consumed == header_end);
                prop_assert!(result.is_ok() || result == too_long);
            }
            prop_assert_eq!(consumed, header_end);
            prop_assert_eq!(read, payloads);
            prop_assert_eq!(reader.finish(), too_long);
        }

        #[test]
        fn an_early_end_shows_at_each_offset(payload in prop::collection::vec(any::<u8>(), 0..=MAX_LEN)) {
            let stream = stream_of(std::slice::from_ref(&payload));
            for got_len in 1..stream.len() {
                let mut reader = FrameReader::new(MAX_LEN);
                prop_assert_eq!(reader.read(&mut &stream[..got_len]), Ok(None));
                let want_len = if got_len < HEADER_LEN { HEADER_LEN } else { stream.len() };
                prop_assert_eq!(reader.finish(), Err(FrameError::EarlyEnd(EarlyEnd { want_len, got_len })));
            }
        }

        #[test]
        fn any_bytes_are_frames_or_an_error(
            stream in prop::collection::vec(prop_oneof![3 => Just(0), 1 => any::<u8>()], 0..200),
            cuts in any_cuts(),
        ) {
            let (mut whole, mut cut) = (FrameReader::new(MAX_LEN), FrameReader::new(MAX_LEN));
            let (mut of_whole, mut of_cut) = (Vec::new(), Vec::new());
            let (_, whole_result) = read_all(&mut whole, &stream, &mut of_whole);
            let mut cut_result = Ok(());
            for slice in slices(&stream, &cuts) {
                (_, cut_result) = read_all(&mut cut, slice, &mut of_cut);
            }
            prop_assert_eq!(of_cut, of_whole);
            prop_assert_eq!(cut_result, whole_result);
            prop_assert_eq!(cut.finish(), whole.finish());
        }
    }
}
