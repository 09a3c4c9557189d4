//! The chunked transfer coding (RFC 9112, 7.1).

/// The most hexadecimal digits of a chunk's size: those of 64 bits.
pub const MAX_SIZE_DIGITS: u8 = 16;
/// How many bytes the extensions of all chunks of a body have at most, the blanks before them included.
pub const MAX_EXTENSIONS_LEN: usize = 16 * 1024;
/// How many bytes the trailer fields of a body have at most, the ends of their lines included.
pub const MAX_TRAILERS_LEN: usize = 16 * 1024;

/// Why a chunk is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkedError {
    /// The line of a size begins with something else than a hexadecimal digit.
    #[error("a chunk begins without its size")]
    NoSize,
    /// A size has more than [`MAX_SIZE_DIGITS`] digits.
    #[error("the size of a chunk has more than {MAX_SIZE_DIGITS} digits")]
    LongSize,
    /// After a size comes neither an extension nor the end of the line.
    #[error("the size of a chunk has a byte in it that is no hexadecimal digit")]
    BadSize,
    /// A line, or a chunk, does not end with CR LF.
    #[error("a line of the chunks does not end with CR LF")]
    LineEnd,
    /// There are more than [`MAX_EXTENSIONS_LEN`] bytes of extensions.
    #[error("the chunks have more than {MAX_EXTENSIONS_LEN} bytes of extensions")]
    LongExtensions,
    /// There are more than [`MAX_TRAILERS_LEN`] bytes of trailers.
    #[error("the chunks have more than {MAX_TRAILERS_LEN} bytes of trailers")]
    LongTrailers,
    /// The chunks are together longer than the body may be.
    #[error("the chunks have more than {0} bytes")]
    TooLong(usize),
}

/// Takes a chunked body apart. Extensions and trailers are read over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunked {
    place: Place,
    extensions_len: usize,
    trailers_len: usize,
}

/// ```text
/// Size ──;──► Extension ─┐                     size 0
///  └─────────CR──────────┴─► SizeReturn ──LF──────────► TrailerStart ──CR──► LastReturn ──LF──► Complete
///  ▲                             │ LF                    │ ▲
///  │                             ▼                       ▼ │ CR LF
///  └── LF ── DataReturn ◄─CR── Data                     Trailer
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Among the digits of a size.
    Size {
        digits: u8,
        size: u64,
    },
    /// Behind the digits: blanks before an extension, or before the end of the line.
    Blank {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeReturn {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataReturn,
    TrailerStart,
    Trailer,
    TrailerReturn,
    LastReturn,
    Complete,
}

impl Default for Place {
    fn default() -> Self {
        Self::Size { digits: 0, size: 0 }
    }
}

impl Chunked {
    /// Takes what belongs to the chunks from the front of `bytes`, and adds their data to `body`, up to `max_len`
    /// bytes; returns how many bytes were taken.
    ///
    /// # Errors
    /// [`ChunkedError`]. Nothing can be pushed after one.
    pub fn push(&mut self, bytes: &[u8], body: &mut Vec<u8>, max_len: usize) -> Result<usize, ChunkedError> {
        let mut rest = bytes;
        while !rest.is_empty() && self.place != Place::Complete {
            if let Place::Data { left } = &mut self.place
                && *left > 0
            {
                let len = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let (data, after) = rest.split_at(len);
                body.extend_from_slice(data);
                *left -= len as u64;
                rest = after;
            } else {
                self.place = self.step(rest[0], max_len - body.len(), max_len)?;
                rest = &rest[1..];
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Whether the last chunk and its trailers are through.
    pub const fn is_complete(&self) -> bool {
        matches!(self.place, Place::Complete)
    }

    /// Where one byte that is no data leads.
    fn step(&mut self, byte: u8, room_len: usize, max_len: usize) -> Result<Place, ChunkedError> {
        match (self.place, byte) {
            (Place::Size { digits, size }, _) => size_step(digits, size, byte, &mut self.extensions_len),
            (Place::Blank { size } | Place::Extension { size }, b'\r') => Ok(Place::SizeReturn { size }),
            (Place::Blank { size }, b' ' | b'\t') => {
                count(&mut self.extensions_len, MAX_EXTENSIONS_LEN, ChunkedError::LongExtensions)?;
                Ok(Place::Blank { size })
            }
            (Place::Extension { .. } | Place::TrailerStart | Place::Trailer, b'\n') => {
                Err(ChunkedError::LineEnd)
            }
            (Place::Blank { size }, b';') | (Place::Extension { size }, _) => {
                count(&mut self.extensions_len, MAX_EXTENSIONS_LEN, ChunkedError::LongExtensions)?;
                Ok(Place::Extension { size })
            }
            (Place::Blank { .. }, _) => Err(ChunkedError::BadSize),
            (Place::SizeReturn { size: 0 }, b'\n') => Ok(Place::TrailerStart),
            (Place::SizeReturn { size }, b'\n') if size > room_len as u64 => {
                Err(ChunkedError::TooLong(max_len))
            }
            (Place::SizeReturn { size }, b'\n') => Ok(Place::Data { left: size }),
            (Place::Data { .. }, b'\r') => Ok(Place::DataReturn),
            (Place::DataReturn, b'\n') => Ok(Place::default()),
            (Place::TrailerStart, b'\r') => Ok(Place::LastReturn),
            (Place::LastReturn, b'\n') => Ok(Place::Complete),
            (Place::TrailerStart | Place::Trailer | Place::TrailerReturn, _) => {
                count(&mut self.trailers_len, MAX_TRAILERS_LEN, ChunkedError::LongTrailers)?;
                trailer_step(self.place, byte)
            }
            (
                Place::SizeReturn { .. }
                | Place::Data { .. }
                | Place::DataReturn
                | Place::LastReturn
                | Place::Complete,
                _,
            ) => Err(ChunkedError::LineEnd),
        }
    }
}

/// Where a byte leads that comes among, or after, the digits of a size.
fn size_step(digits: u8, size: u64, byte: u8, extensions_len: &mut usize) -> Result<Place, ChunkedError> {
    match (byte, char::from(byte).to_digit(16)) {
        (_, Some(_)) if digits == MAX_SIZE_DIGITS => Err(ChunkedError::LongSize),
        (_, Some(digit)) => Ok(Place::Size { digits: digits + 1, size: size << 4 | u64::from(digit) }),
        _ if digits == 0 => Err(ChunkedError::NoSize),
        (b'\r', _) => Ok(Place::SizeReturn { size }),
        (b'\n', _) => Err(ChunkedError::LineEnd),
        (b' ' | b'\t' | b';', _) => {
            count(extensions_len, MAX_EXTENSIONS_LEN, ChunkedError::LongExtensions)?;
            Ok(if byte == b';' { Place::Extension { size } } else { Place::Blank { size } })
        }
        _ => Err(ChunkedError::BadSize),
    }
}

/// Where a byte of a trailer leads.
fn trailer_step(place: Place, byte: u8) -> Result<Place, ChunkedError> {
    match (place, byte) {
        (Place::TrailerReturn, b'\n') => Ok(Place::TrailerStart),
        (Place::TrailerReturn, _) => Err(ChunkedError::LineEnd),
        (_, b'\r') => Ok(Place::TrailerReturn),
        _ => Ok(Place::Trailer),
    }
}

/// Counts one byte of what is bounded.
fn count(len: &mut usize, max_len: usize, beyond: ChunkedError) -> Result<(), ChunkedError> {
    *len += 1;
    if *len > max_len { Err(beyond) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{any_cuts, slices};
    use super::*;
    use proptest::prelude::*;

    const MAX_LEN: usize = 1000;

    /// All of a stream at once: how many bytes were taken, and the body if it is complete.
    fn decode(stream: &[u8]) -> Result<(usize, Option<Vec<u8>>), ChunkedError> {
        let (mut chunked, mut body) = (Chunked::default(), Vec::new());
        let len = chunked.push(stream, &mut body, MAX_LEN)?;
        Ok((len, chunked.is_complete().then_some(body)))
    }

    #[test]
    fn the_example_of_the_book_is_read() {
        let stream =
            b"4\r\nWiki\r\n7;a=\"b;c\" ; d\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\nA: b\r\n\r\nmore";
        let (len, body) = decode(stream).unwrap();
        assert_eq!((len, body), (stream.len() - 4, Some(b"Wikipedia in \r\nchunks.".to_vec())));
        assert_eq!(decode(b"000\r\n\r\n"), Ok((7, Some(Vec::new()))));
        assert_eq!(decode(b"1 \t;x\r\na\r\n0\r\n\r\n"), Ok((15, Some(b"a".to_vec()))));
    }

    #[test]
    fn everything_malformed_has_its_error() {
        for (stream, error) in [
            ("\r\n", ChunkedError::NoSize),
            ("g\r\n", ChunkedError::NoSize),
            (" 1\r\n", ChunkedError::NoSize),
            (";\r\n", ChunkedError::NoSize),
            ("-1\r\n", ChunkedError::NoSize),
            ("0x1\r\n", ChunkedError::BadSize),
            ("1 1\r\n", ChunkedError::BadSize),
            ("1_0\r\n", ChunkedError::BadSize),
            ("1\u{e9}", ChunkedError::BadSize),
            ("1\n", ChunkedError::LineEnd),
            ("1\rx", ChunkedError::LineEnd),
            ("1;a\n", ChunkedError::LineEnd),
            ("1\r\nab", ChunkedError::LineEnd),
            ("1\r\na\n", ChunkedError::LineEnd),
            ("1\r\na\r\r", ChunkedError::LineEnd),
            ("0\r\n\n", ChunkedError::LineEnd),
            ("0\r\n\rx", ChunkedError::LineEnd),
            ("0\r\nA: b\n", ChunkedError::LineEnd),
            ("0\r\nA: b\rx", ChunkedError::LineEnd),
            ("3e9\r\n", ChunkedError::TooLong(MAX_LEN)),
            ("1\r\na\r\n3e8\r\n", ChunkedError::TooLong(MAX_LEN)),
            ("ffffffffffffffff\r\n", ChunkedError::TooLong(MAX_LEN)),
            ("00000000000000001\r\n", ChunkedError::LongSize),
        ] {
            assert_eq!(decode(stream.as_bytes()), Err(error), "{stream:?}");
        }
        let full = format!("3e8\r\n{}\r\n0000000000000000\r\n\r\n", "x".repeat(MAX_LEN));
        assert_eq!(decode(full.as_bytes()).unwrap().1.map(|body| body.len()), Some(MAX_LEN));
    }

    #[test]
    fn extensions_and_trailers_have_bounds() {
        // Over two chunks together, the semicolons counted.
        let extended =
            |len: usize| format!("1;{}\r\na\r\n0 ;{}\r\n\r\n", "x".repeat(99), "y".repeat(len - 102));
        assert!(decode(extended(MAX_EXTENSIONS_LEN).as_bytes()).is_ok());
        assert_eq!(decode(extended(MAX_EXTENSIONS_LEN + 1).as_bytes()), Err(ChunkedError::LongExtensions));
        let trailed = |len: usize| format!("0\r\nA: b\r\n{}\r\n\r\n", "x".repeat(len - 8));
        assert!(decode(trailed(MAX_TRAILERS_LEN).as_bytes()).is_ok());
        assert_eq!(decode(trailed(MAX_TRAILERS_LEN + 1).as_bytes()), Err(ChunkedError::LongTrailers));
        let blank = format!("1{}", " ".repeat(MAX_EXTENSIONS_LEN + 1));
        assert_eq!(decode(blank.as_bytes()), Err(ChunkedError::LongExtensions));
    }

    #[test]
    fn a_size_alone_allocates_nothing() {
        let (mut chunked, mut body) = (Chunked::default(), Vec::new());
        assert_eq!(chunked.push(b"fffffffffffffff\r\n", &mut body, usize::MAX), Ok(17));
        assert_eq!(body.capacity(), 0);
    }

    /// A body, how it is parted into chunks, and what else there may be.
    fn any_stream() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let extension = prop_oneof![Just(""), Just(";a"), Just(" ; a=\"b c\""), Just(";\t;")];
        let chunk = (prop::collection::vec(any::<u8>(), 1..40), extension, any::<bool>(), 0..3_usize);
        let trailer = prop_oneof![Just("A: b\r\n"), Just("C: \r\n"), Just("?\r\n")];
        (prop::collection::vec(chunk, 0..6), prop::collection::vec(trailer, 0..3)).prop_map(
            |(chunks, trailers)| {
                let (mut stream, mut body) = (Vec::new(), Vec::new());
                for (data, extension, upper, zeros) in chunks {
                    let len = data.len();
                    let size = if upper { format!("{len:X}") } else { format!("{len:x}") };
                    stream.extend(format!("{}{size}{extension}\r\n", "0".repeat(zeros)).into_bytes());
                    stream.extend_from_slice(&data);
                    stream.extend_from_slice(b"\r\n");
                    body.extend(data);
                }
                stream.extend(format!("0\r\n{}\r\n", trailers.concat()).into_bytes());
                (stream, body)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn chunks_and_cuts_do_not_matter(
            (stream, body) in any_stream(),
            surplus in any::<[u8; 5]>(),
            cuts in any_cuts(),
        ) {
            let whole = [&stream[..], &surplus].concat();
            let (mut chunked, mut got, mut taken_len) = (Chunked::default(), Vec::new(), 0);
            for slice in slices(&whole, &cuts) {
                prop_assert_eq!(chunked.is_complete(), taken_len == stream.len());
                taken_len += chunked.push(slice, &mut got, MAX_LEN).unwrap();
            }
            prop_assert_eq!((taken_len, got, chunked.is_complete()), (stream.len(), body, true));
        }

        #[test]
        fn what_is_malformed_is_refused_wherever_it_is_cut(
            (mut stream, _) in any_stream(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cuts in any_cuts(),
        ) {
            let at = at.index(stream.len());
            stream[at] = byte;
            let whole = decode(&stream);
            let (mut chunked, mut got) = (Chunked::default(), Vec::new());
            let mut parted = Ok(0);
            for slice in slices(&stream, &cuts) {
                parted = parted.and_then(|len| Ok(len + chunked.push(slice, &mut got, MAX_LEN)?));
            }
            prop_assert_eq!(whole, parted.map(|len| (len, chunked.is_complete().then_some(got))));
        }
    }
}
