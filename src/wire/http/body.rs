//! Bodies: how a head says that its own ends, and the bytes of it.

use httparse::Header;

use super::chunked::{Chunked, ChunkedError};
use super::head::values;

/// The longest body, in bytes.
pub const MAX_BODY_LEN: usize = 16 * 1024 * 1024;

/// How the body of a response ends (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// After its last chunk.
    Chunked,
    /// With the stream.
    ToTheEnd,
}

/// Why there is no whole body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// `Content-Length` is no number, or too large for one.
    #[error("its length '{0}' is no number of bytes")]
    BadLength(String),
    /// `Content-Length` says several things.
    #[error("it has two lengths, {0} and {1} bytes")]
    TwoLengths(u64, u64),
    /// `Transfer-Encoding` names something other than chunks, which was not asked for.
    #[error("its transfer encoding '{0}' is unknown")]
    Encoding(String),
    /// It is, or says that it is, longer than what is taken.
    #[error("the body has more than {0} bytes")]
    TooLong(usize),
    /// The stream ended before it.
    #[error("the body should have {want_len} bytes, but only {got_len} came")]
    Short {
        /// How many bytes were announced.
        want_len: u64,
        /// How many came.
        got_len: usize,
    },
    /// The stream ended before the last chunk.
    #[error("the body ended after {got_len} bytes, before its last chunk")]
    NoLastChunk {
        /// How many bytes came.
        got_len: usize,
    },
    /// A chunk is none.
    #[error(transparent)]
    Chunked(#[from] ChunkedError),
}

impl Framing {
    /// What the head of a response to GET says. A transfer encoding overrides any length.
    pub(super) fn of(status: u16, headers: &[Header<'_>]) -> Result<Self, BodyError> {
        if status / 100 == 1 || status == 204 || status == 304 {
            return Ok(Self::Empty);
        }
        let mut encodings = values(headers, "Transfer-Encoding");
        if let Some(first) = encodings.next() {
            let all = encodings.fold(text(first), |all, value| format!("{all}, {}", text(value)));
            let is_chunked = all.trim().eq_ignore_ascii_case("chunked");
            return if is_chunked { Ok(Self::Chunked) } else { Err(BodyError::Encoding(all)) };
        }
        let mut length = None;
        // A list of equal lengths is one length: somebody on the way has joined two fields.
        for value in values(headers, "Content-Length").flat_map(|value| value.split(|byte| *byte == b',')) {
            let next = number(value).ok_or_else(|| BodyError::BadLength(text(value)))?;
            match length {
                Some(before) if before != next => return Err(BodyError::TwoLengths(before, next)),
                _ => length = Some(next),
            }
        }
        Ok(length.map_or(Self::ToTheEnd, Self::Length))
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// Decimal digits and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let only_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| only_digits)?.parse().ok()
}

/// Gathers a body. Memory is allocated as bytes arrive, whatever was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    got: Vec<u8>,
    max_len: usize,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Length(usize),
    Chunked(Chunked),
    ToTheEnd,
}

impl Body {
    /// Starts on a body that may have `max_len` bytes.
    ///
    /// # Errors
    /// [`BodyError::TooLong`] if more are announced.
    pub fn new(framing: Framing, max_len: usize) -> Result<Self, BodyError> {
        let kind = match framing {
            Framing::Empty => Kind::Length(0),
            Framing::Length(len) => {
                let len = usize::try_from(len).ok().filter(|len| *len <= max_len);
                Kind::Length(len.ok_or(BodyError::TooLong(max_len))?)
            }
            Framing::Chunked => Kind::Chunked(Chunked::default()),
            Framing::ToTheEnd => Kind::ToTheEnd,
        };
        Ok(Self { got: Vec::new(), max_len, kind })
    }

    /// Takes what belongs to the body from the front of `bytes`; returns how many bytes that was.
    ///
    /// # Errors
    /// [`BodyError::TooLong`], [`BodyError::Chunked`]. Nothing can be pushed after one.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, BodyError> {
        match &mut self.kind {
            Kind::Chunked(chunked) => Ok(chunked.push(bytes, &mut self.got, self.max_len)?),
            Kind::Length(len) => {
                let taken_len = bytes.len().min(*len - self.got.len());
                self.got.extend_from_slice(&bytes[..taken_len]);
                Ok(taken_len)
            }
            Kind::ToTheEnd if bytes.len() > self.max_len - self.got.len() => {
                Err(BodyError::TooLong(self.max_len))
            }
            Kind::ToTheEnd => {
                self.got.extend_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }

    /// Whether the whole body is there. One that ends with the stream never is before.
    pub const fn is_complete(&self) -> bool {
        match &self.kind {
            Kind::Length(len) => self.got.len() == *len,
            Kind::Chunked(chunked) => chunked.is_complete(),
            Kind::ToTheEnd => false,
        }
    }

    /// The body, now that it is complete or the stream has ended.
    ///
    /// # Errors
    /// [`BodyError::Short`] and [`BodyError::NoLastChunk`], if something is missing.
    pub fn finish(self) -> Result<Vec<u8>, BodyError> {
        let got_len = self.got.len();
        match self.kind {
            Kind::Length(len) if got_len < len => Err(BodyError::Short { want_len: len as u64, got_len }),
            Kind::Chunked(chunked) if !chunked.is_complete() => Err(BodyError::NoLastChunk { got_len }),
            _ => Ok(self.got),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{any_cuts, slices};
    use super::super::{HeadError, Response};
    use super::*;
    use proptest::prelude::*;

    fn framing(lines: &str) -> Result<Framing, String> {
        let head = format!("HTTP/1.1 {lines}\r\n\r\n");
        Response::parse(head.as_bytes()).map(|response| response.framing).map_err(|error| error.to_string())
    }

    #[test]
    fn a_head_says_how_its_body_ends() {
        for (lines, expected) in [
            ("200 OK", Framing::ToTheEnd),
            ("200 OK\r\nContent-Length: 7", Framing::Length(7)),
            ("200 OK\r\ncontent-length:007", Framing::Length(7)),
            ("200 OK\r\nContent-Length: 7, 7\r\nContent-Length: 7", Framing::Length(7)),
            ("200 OK\r\nTransfer-Encoding: Chunked", Framing::Chunked),
            ("200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked", Framing::Chunked),
            ("200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked", Framing::Chunked),
            ("204 No Content\r\nContent-Length: 7", Framing::Empty),
            ("304 Not Modified\r\nContent-Length: 7", Framing::Empty),
            ("100 Continue", Framing::Empty),
            ("404 Not Found\r\nContent-Length: 18446744073709551615", Framing::Length(u64::MAX)),
        ] {
            assert_eq!(framing(lines), Ok(expected), "{lines}");
        }
    }

    #[test]
    fn a_head_that_contradicts_itself_is_refused() {
        for (lines, error) in [
            ("Content-Length: 7\r\nContent-Length: 8", "it has two lengths, 7 and 8 bytes"),
            ("Content-Length: 7, 8", "it has two lengths, 7 and 8 bytes"),
            ("Content-Length: +7", "its length '+7' is no number of bytes"),
            ("Content-Length: -7", "its length '-7' is no number of bytes"),
            ("Content-Length: 0x7", "its length '0x7' is no number of bytes"),
            ("Content-Length:", "its length '' is no number of bytes"),
            ("Content-Length: 7,", "its length '' is no number of bytes"),
            (
                "Content-Length: 18446744073709551616",
                "its length '18446744073709551616' is no number of bytes",
            ),
            ("Transfer-Encoding: gzip, chunked", "its transfer encoding 'gzip, chunked' is unknown"),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                "its transfer encoding 'chunked, chunked' is unknown",
            ),
            ("Transfer-Encoding: identity", "its transfer encoding 'identity' is unknown"),
        ] {
            assert_eq!(framing(&format!("200 OK\r\n{lines}")), Err(error.to_owned()), "{lines}");
        }
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1,2\r\n\r\n";
        assert_eq!(Response::parse(head), Err(HeadError::Body(BodyError::TwoLengths(1, 2))));
    }

    #[test]
    fn a_body_may_have_its_full_length_and_not_one_byte_more() {
        assert!(Body::new(Framing::Length(10), 10).is_ok());
        assert_eq!(Body::new(Framing::Length(11), 10), Err(BodyError::TooLong(10)));
        assert_eq!(Body::new(Framing::Length(u64::MAX), 10), Err(BodyError::TooLong(10)));
        for cut in 0..10 {
            let mut body = Body::new(Framing::ToTheEnd, 10).unwrap();
            assert_eq!(body.push(&[7; 10][..cut]), Ok(cut));
            assert_eq!(body.clone().push(&[7; 11][cut..]), Err(BodyError::TooLong(10)));
            assert_eq!(body.push(&[7; 10][cut..]), Ok(10 - cut));
            assert_eq!(body.finish(), Ok(vec![7; 10]));
        }
    }

    #[test]
    fn a_body_that_ends_early_says_what_is_missing() {
        let finish = |framing, bytes: &[u8]| {
            let mut body = Body::new(framing, 100).unwrap();
            body.push(bytes).unwrap();
            body.finish().map_err(|error| error.to_string())
        };
        let short = "the body should have 7 bytes, but only 3 came".to_owned();
        assert_eq!(finish(Framing::Length(7), b"abc"), Err(short));
        let chunks = "the body ended after 3 bytes, before its last chunk".to_owned();
        assert_eq!(finish(Framing::Chunked, b"3\r\nabc\r\n0\r\n"), Err(chunks.clone()));
        assert_eq!(finish(Framing::Chunked, b"9\r\nabc"), Err(chunks));
        assert_eq!(finish(Framing::ToTheEnd, b"abc"), Ok(b"abc".to_vec()));
        assert_eq!(
            (finish(Framing::Empty, b"abc"), finish(Framing::Length(0), b"")),
            (Ok(vec![]), Ok(vec![]))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_cut_of_the_stream_does_not_matter(
            stream in prop::collection::vec(any::<u8>(), 0..100),
            want_len in prop::option::of(0..100_usize),
            cuts in any_cuts(),
        ) {
            let framing = want_len.map_or(Framing::ToTheEnd, |len| Framing::Length(len as u64));
            let mut body = Body::new(framing, 100).unwrap();
            let mut taken_len = 0;
            for slice in slices(&stream, &cuts) {
                taken_len += body.push(slice).unwrap();
            }
            let expected_len = want_len.unwrap_or(stream.len());
            prop_assert_eq!(taken_len, expected_len.min(stream.len()));
            prop_assert_eq!(body.is_complete(), want_len.is_some_and(|len| len <= stream.len()));
            prop_assert_eq!(body.finish().ok(), stream.get(..expected_len).map(<[u8]>::to_vec));
        }
    }
}
