//! Heads and bodies of HTTP, beside httparse's own verdict.

use httparse::{EMPTY_HEADER, Header, Status};
use lossproof::wire::http::{
    Body, BodyError, ChunkedError, Framing, HeadError, HeadReader, MAX_HEAD_LEN, MAX_HEADERS, Request,
    Response,
};

use super::cut::cut;

/// The longest body here.
const MAX_LEN: usize = 256;

/// The end of a head is where httparse has it, however the stream is cut; what the head says is what httparse says, and
/// of its body what RFC 9112 (6.3) makes of the fields. The first byte of the input chooses a request (`q`) or a response.
pub fn http_head(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let cut = cut(rest);
    if cut.stream.len() > MAX_HEAD_LEN {
        return;
    }
    let (mut reader, mut taken_len) = (HeadReader::default(), 0);
    for slice in &cut.slices {
        let len = reader.push(slice).expect("the stream is shorter than the longest head");
        taken_len += len;
        assert!(len == slice.len() || reader.head().is_some(), "it stops at the end of the head alone");
    }
    assert_eq!((reader.len(), reader.is_empty()), (taken_len, taken_len == 0));
    let end_len = plain_end(cut.stream);
    assert_eq!(reader.head(), end_len.map(|len| &cut.stream[..len]));

    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    if *kind == b'q' {
        let mut request = httparse::Request::new(&mut headers);
        let verdict = request.parse(cut.stream);
        let Some(head) = same_end(verdict, reader.head(), cut.stream) else { return };
        let parsed = Request::parse(head).map(|request| (request.method, request.path));
        assert_eq!(parsed, refused(verdict).map(|()| (request.method.unwrap(), request.path.unwrap())));
    } else {
        let mut response = httparse::Response::new(&mut headers);
        let verdict = response.parse(cut.stream);
        let Some(head) = same_end(verdict, reader.head(), cut.stream) else { return };
        let expected = refused(verdict).and_then(|()| {
            let status = response.code.unwrap();
            Ok(Response { status, framing: plain_framing(status, response.headers)? })
        });
        assert_eq!(Response::parse(head), expected);
    }
}

/// Where the first line ends that has nothing in it, by a plain look at the whole.
fn plain_end(stream: &[u8]) -> Option<usize> {
    let mut end = 0;
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            return Some(end);
        }
    }
    None
}

/// The head, if there is one of which httparse has something to say: it skips blank lines before the first one, and for
/// the reader such a line is a head, which has no first line.
fn same_end<'a>(verdict: httparse::Result<usize>, head: Option<&'a [u8]>, stream: &[u8]) -> Option<&'a [u8]> {
    if stream.first().is_some_and(|byte| b"\r\n".contains(byte)) {
        if let Some(head @ (b"\n" | b"\r\n")) = head {
            assert_eq!(Response::parse(head), Err(HeadError::NoFirstLine));
            assert_eq!(Request::parse(head), Err(HeadError::NoFirstLine));
        }
        return None;
    }
    match verdict {
        Ok(Status::Complete(len)) => assert_eq!(head.map(<[u8]>::len), Some(len)),
        Ok(Status::Partial) => assert_eq!(head, None),
        Err(_) => {}
    }
    head
}

/// What httparse refuses, as our error.
fn refused(verdict: httparse::Result<usize>) -> Result<(), HeadError> {
    match verdict {
        Ok(_) => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders),
        Err(error) => Err(HeadError::Syntax(error)),
    }
}

/// The framing, by the words of the RFC.
fn plain_framing(status: u16, headers: &[Header<'_>]) -> Result<Framing, BodyError> {
    if (100..200).contains(&status) || [204, 304].contains(&status) {
        return Ok(Framing::Empty);
    }
    let fields = |name: &str| -> Vec<String> {
        let named = headers.iter().filter(|header| header.name.to_ascii_lowercase() == name);
        named.map(|header| String::from_utf8_lossy(header.value).into_owned()).collect()
    };
    let encodings = fields("transfer-encoding").join(", ");
    if !fields("transfer-encoding").is_empty() {
        let is_chunked = encodings.trim().eq_ignore_ascii_case("chunked");
        return if is_chunked { Ok(Framing::Chunked) } else { Err(BodyError::Encoding(encodings)) };
    }
    let mut framing = Framing::ToTheEnd;
    for text in fields("content-length").iter().flat_map(|field| field.split(',')) {
        let digits = text.trim_matches([' ', '\t', '\r', '\n', '\x0c']);
        let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
        let len = digits.parse().ok().filter(|_| is_number);
        let len: u64 = len.ok_or_else(|| BodyError::BadLength(text.to_owned()))?;
        framing = match framing {
            Framing::Length(before) if before != len => return Err(BodyError::TwoLengths(before, len)),
            _ => Framing::Length(len),
        };
    }
    Ok(framing)
}

/// A body is what a plain look at the whole stream gives, with sizes of chunks as httparse reads them, and it ends at the
/// same byte, however the stream is cut. The first byte of the input chooses: chunks (`c`), up to the end of the stream
/// (`e`), none (`n`), otherwise so many bytes.
pub fn http_body(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let cut = cut(rest);
    let framing = match kind {
        b'c' => Framing::Chunked,
        b'e' => Framing::ToTheEnd,
        b'n' => Framing::Empty,
        len => Framing::Length(u64::from(*len)),
    };
    let mut body = Body::new(framing, MAX_LEN).expect("it announces no more than it may have");
    let (mut taken_len, mut error) = (0, None);
    for slice in &cut.slices {
        match body.push(slice) {
            Ok(len) => {
                taken_len += len;
                assert!(len == slice.len() || body.is_complete(), "it stops at its end alone");
            }
            Err(refusal) => {
                error = Some(refusal);
                break;
            }
        }
    }
    let got = match error {
        Some(error) => Err(error),
        None => body.finish().map(|bytes| (bytes, taken_len)),
    };
    let stream = cut.stream;
    let expected = match framing {
        Framing::Chunked => plain_chunks(stream),
        Framing::ToTheEnd if stream.len() > MAX_LEN => Err(BodyError::TooLong(MAX_LEN)),
        Framing::ToTheEnd => Ok((stream.to_vec(), stream.len())),
        Framing::Empty => Ok((Vec::new(), 0)),
        Framing::Length(want_len) => match stream.get(..want_len as usize) {
            Some(bytes) => Ok((bytes.to_vec(), bytes.len())),
            None => Err(BodyError::Short { want_len, got_len: stream.len() }),
        },
    };
    assert_eq!(got, expected);
}

/// The chunks of a stream that lies there whole: their data, and how many bytes they take.
fn plain_chunks(stream: &[u8]) -> Result<(Vec<u8>, usize), BodyError> {
    let mut data = Vec::new();
    let mut rest = stream;
    loop {
        let missing = || BodyError::NoLastChunk { got_len: data.len() };
        let (len, size) = size_line(rest)?.ok_or_else(missing)?;
        rest = &rest[len..];
        if size == 0 {
            break;
        }
        if size > (MAX_LEN - data.len()) as u64 {
            return Err(ChunkedError::TooLong(MAX_LEN).into());
        }
        let (chunk, after) = rest.split_at(rest.len().min(size as usize));
        data.extend_from_slice(chunk);
        rest = after;
        line_end(&mut rest)?.ok_or(BodyError::NoLastChunk { got_len: data.len() })?;
    }
    loop {
        let line_len = rest.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(rest.len());
        rest = &rest[line_len..];
        line_end(&mut rest)?.ok_or(BodyError::NoLastChunk { got_len: data.len() })?;
        if line_len == 0 {
            return Ok((data, stream.len() - rest.len()));
        }
    }
}

/// The length of the line with the size of a chunk, and the size, as httparse has them; `None` where the line has no end
/// yet. Two things httparse lets pass that are refused here: a line without a digit, and a newline in an extension.
fn size_line(rest: &[u8]) -> Result<Option<(usize, u64)>, ChunkedError> {
    let Some(first) = rest.first() else { return Ok(None) };
    if !first.is_ascii_hexdigit() {
        return Err(ChunkedError::NoSize);
    }
    let verdict = httparse::parse_chunk_size(rest);
    let line_len = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let digits_len = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    match verdict {
        _ if rest.get(line_len) == Some(&b'\n')
            && rest[line_len - 1] != b'\r'
            && is_extended(&rest[..line_len]) =>
        {
            Err(ChunkedError::LineEnd)
        }
        Ok(Status::Complete((len, size))) => Ok(Some((len, size))),
        Ok(Status::Partial) => Ok(None),
        Err(_) if digits_len > 16 => Err(ChunkedError::LongSize),
        Err(_) => match &rest[digits_len..] {
            // After a return only a newline may come, and a newline only after that.
            [b'\r' | b'\n', ..] => Err(ChunkedError::LineEnd),
            after => {
                let blanks_len = after.iter().take_while(|byte| b" \t".contains(byte)).count();
                match after.get(blanks_len) {
                    Some(b';' | b'\r') => Err(ChunkedError::LineEnd),
                    _ => Err(ChunkedError::BadSize),
                }
            }
        },
    }
}

/// Whether a line without its end is a size with an extension, and nothing is wrong with it before that.
fn is_extended(line: &[u8]) -> bool {
    let digits_len = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let blanks_len = line[digits_len..].iter().take_while(|byte| b" \t".contains(byte)).count();
    digits_len <= 16 && line.get(digits_len + blanks_len) == Some(&b';') && !line.contains(&b'\r')
}

/// Takes CR LF from the front; `None` where not all of it is there yet.
fn line_end(rest: &mut &[u8]) -> Result<Option<()>, ChunkedError> {
    match rest {
        [b'\r', b'\n', after @ ..] => {
            *rest = after;
            Ok(Some(()))
        }
        [] | [b'\r'] => Ok(None),
        _ => Err(ChunkedError::LineEnd),
    }
}
