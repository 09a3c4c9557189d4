//! Heads: where they end, and what they say.

use std::fmt;

use httparse::{EMPTY_HEADER, Header, Status};

use super::{BodyError, Framing};

/// The longest head, its blank line included, in bytes.
pub const MAX_HEAD_LEN: usize = 64 * 1024;
/// The most header fields in one head.
pub const MAX_HEADERS: usize = 128;

/// Why a head is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// No blank line within [`MAX_HEAD_LEN`].
    #[error("there is no blank line in its first {MAX_HEAD_LEN} bytes")]
    TooLong,
    /// It has more than [`MAX_HEADERS`] fields.
    #[error("it has more than {MAX_HEADERS} header fields")]
    TooManyHeaders,
    /// It is not as RFC 9112 has it.
    #[error("it is not HTTP: {0}")]
    Syntax(httparse::Error),
    /// It ends before its first line.
    #[error("it has no first line")]
    NoFirstLine,
    /// What it says of its body makes no sense.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// Gathers the bytes of a stream up to the first blank line: the end of a head.
///
/// Lines end with CR LF, or with LF alone, as a recipient may take them (RFC 9112, 2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadReader {
    bytes: Vec<u8>,
    at: Place,
}

/// Where in its lines a head has come to.
///
/// ```text
///         ┌─ any other byte ──► Inside ◄─ any other byte ─┐
///         │                       │ LF                    │
///         │                       ▼                       │
///         └────────────────── LineStart ──CR──► AfterReturn
///                                 └────── LF ──────► Complete ◄── LF ──┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    LineStart,
    Inside,
    AfterReturn,
    Complete,
}

impl HeadReader {
    /// Takes what belongs to the head from the front of `bytes`; returns how many bytes that was.
    ///
    /// # Errors
    /// [`HeadError::TooLong`] if the head has [`MAX_HEAD_LEN`] bytes and no end.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, HeadError> {
        let room_len = MAX_HEAD_LEN - self.bytes.len();
        let mut taken_len = 0;
        for byte in bytes.iter().take(room_len) {
            if self.at == Place::Complete {
                break;
            }
            self.at = match (self.at, byte) {
                (Place::LineStart | Place::AfterReturn, b'\n') => Place::Complete,
                (_, b'\n') => Place::LineStart,
                (Place::LineStart, b'\r') => Place::AfterReturn,
                _ => Place::Inside,
            };
            taken_len += 1;
        }
        self.bytes.extend_from_slice(&bytes[..taken_len]);
        let is_full = taken_len == room_len && taken_len < bytes.len();
        if is_full && self.at != Place::Complete { Err(HeadError::TooLong) } else { Ok(taken_len) }
    }

    /// The head with its blank line, once that is there.
    pub fn head(&self) -> Option<&[u8]> {
        (self.at == Place::Complete).then_some(&self.bytes)
    }

    /// How many bytes it has so far.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has come yet.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// What the head of a response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code: three digits, from 100 on.
    pub status: u16,
    /// How the body ends. It is that of a response to GET: one to HEAD has no body, whatever its head says.
    pub framing: Framing,
}

impl Response {
    /// Reads a head that is complete.
    ///
    /// # Errors
    /// [`HeadError`], if it is no head, or is contradictory about its body.
    pub fn parse(head: &[u8]) -> Result<Self, HeadError> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        whole(response.parse(head))?;
        // A status begins with a digit from 1 to 9: below 100 there is no class of them (RFC 9110, 15).
        let status = response.code.filter(|code| *code >= 100).ok_or(HeadError::NoFirstLine)?;
        Ok(Self { status, framing: Framing::of(status, response.headers)? })
    }

    /// Whether the final response is still to come after it (RFC 9110, 15.2).
    pub const fn is_interim(self) -> bool {
        self.status / 100 == 1
    }
}

/// What the head of a request asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What to do.
    pub method: &'a str,
    /// With what.
    pub path: &'a str,
    /// Whether a further request may follow on the connection (RFC 9112, 9.3): of HTTP/1.1, if it does not say `close`.
    /// Behind one that announces a body, nobody who does not read that finds the next.
    pub keeps_alive: bool,
}

impl<'a> Request<'a> {
    /// Reads a head that is complete.
    ///
    /// # Errors
    /// [`HeadError`], if it is no head.
    pub fn parse(head: &'a [u8]) -> Result<Self, HeadError> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        whole(request.parse(head))?;
        match (request.method, request.path) {
            (Some(method), Some(path)) => {
                let headers: &[Header<'_>] = request.headers;
                let has_body = ["Content-Length", "Transfer-Encoding"]
                    .iter()
                    .any(|name| values(headers, name).any(|value| value.trim_ascii() != b"0"));
                let closes = values(headers, "Connection")
                    .flat_map(|value| value.split(|byte| *byte == b','))
                    .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
                Ok(Self { method, path, keeps_alive: request.version == Some(1) && !has_body && !closes })
            }
            _ => Err(HeadError::NoFirstLine),
        }
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What a parser has made of a head with its blank line.
fn whole(parsed: httparse::Result<usize>) -> Result<(), HeadError> {
    match parsed {
        Ok(Status::Complete(_)) => Ok(()),
        // Blank lines before the first one are skipped, and nothing came after them.
        Ok(Status::Partial) => Err(HeadError::NoFirstLine),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders),
        Err(error) => Err(HeadError::Syntax(error)),
    }
}

/// The values of a header field, in order.
pub(super) fn values<'a>(headers: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{any_cuts, slices};
    use super::*;
    use proptest::prelude::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: \xe4\r\n\r\n";

    fn response(lines: &str) -> Result<Response, HeadError> {
        Response::parse(format!("HTTP/1.1 {lines}\r\n\r\n").as_bytes())
    }

    #[test]
    fn lines_may_end_with_lf_alone() {
        for head in ["HTTP/1.0 204 No\n\n", "HTTP/1.0 204 No\r\n\n", "HTTP/1.0 204 No\n\r\n"] {
            let mut reader = HeadReader::default();
            assert_eq!(reader.push(format!("{head}\n\nbody").as_bytes()), Ok(head.len()));
            let parsed = Response::parse(reader.head().unwrap());
            assert_eq!(parsed, Ok(Response { status: 204, framing: Framing::Empty }), "{head:?}");
        }
    }

    #[test]
    fn a_connection_is_kept_unless_something_speaks_against_it() {
        for (head, keeps_alive) in [
            ("HTTP/1.1", true),
            ("HTTP/1.0", false),
            ("HTTP/1.1\r\nConnection: Keep-Alive", true),
            ("HTTP/1.1\r\nConnection: x, CLOSE", false),
            ("HTTP/1.1\r\nConnection: x\r\nconnection: close", false),
            ("HTTP/1.1\r\nContent-Length: 0", true),
            ("HTTP/1.1\r\nContent-Length: 1", false),
            ("HTTP/1.1\r\nTransfer-Encoding: chunked", false),
        ] {
            let head = format!("GET / {head}\r\n\r\n");
            assert_eq!(Request::parse(head.as_bytes()).unwrap().keeps_alive, keeps_alive, "{head}");
        }
    }

    #[test]
    fn a_head_may_have_its_full_length_and_not_one_byte_more() {
        let mut head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        head.resize(MAX_HEAD_LEN - 4, b'x');
        head.extend_from_slice(b"\r\n\r\n");
        let mut reader = HeadReader::default();
        assert_eq!(reader.push(&head), Ok(MAX_HEAD_LEN));
        assert_eq!((reader.len(), reader.push(b"more")), (MAX_HEAD_LEN, Ok(0)));
        assert!(Response::parse(reader.head().unwrap()).is_ok());

        head.insert(30, b'x');
        for cut in [0, 1, MAX_HEAD_LEN - 1, MAX_HEAD_LEN] {
            let mut reader = HeadReader::default();
            assert_eq!(reader.push(&head[..cut]), Ok(cut));
            assert_eq!((reader.push(&head[cut..]), reader.head()), (Err(HeadError::TooLong), None));
        }
    }

    #[test]
    fn there_may_be_so_many_headers_and_not_one_more() {
        let lines = |count: usize| format!("200 OK{}", "\r\nX: y".repeat(count));
        assert!(response(&lines(MAX_HEADERS)).is_ok());
        assert_eq!(response(&lines(MAX_HEADERS + 1)), Err(HeadError::TooManyHeaders));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        assert_eq!(Response::parse(b"\r\n"), Err(HeadError::NoFirstLine));
        for head in ["HELO\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"] {
            let error = Response::parse(head.as_bytes()).unwrap_err();
            assert!(matches!(error, HeadError::Syntax(_)), "{error}");
            assert!(error.to_string().starts_with("it is not HTTP: invalid "), "{error}");
        }
    }

    #[test]
    fn a_request_has_its_method_and_its_path() {
        let request = Request::parse(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!((request.method, request.path, request.to_string().as_str()), ("GET", "/a?b", "GET /a?b"));
        assert!(Request::parse(b"nonsense\r\n\r\n").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_cut_of_the_stream_does_not_matter(cuts in any_cuts(), surplus in any::<[u8; 8]>()) {
            let stream = [HEAD, &surplus[..]].concat();
            let (mut reader, mut taken_len) = (HeadReader::default(), 0);
            for slice in slices(&stream, &cuts) {
                taken_len += reader.push(slice).unwrap();
            }
            prop_assert_eq!((taken_len, reader.head()), (HEAD.len(), Some(HEAD)));
        }

        /// Where the reader sees the end of a head, the parser sees it, too.
        #[test]
        fn nothing_makes_it_panic_and_both_find_the_same_end(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("HTTP/1.1 200 OK".to_owned()), Just("\r".to_owned()), Just("\n".to_owned()),
                    Just("\r\n".to_owned()), Just("A: b".to_owned()), Just(" ".to_owned()), ".{0,3}",
                ],
                0..12,
            ),
        ) {
            let stream = pieces.concat();
            let mut reader = HeadReader::default();
            let len = reader.push(stream.as_bytes()).unwrap();
            if let Some(head) = reader.head() {
                prop_assert_eq!(head.len(), len);
                let mut headers = [EMPTY_HEADER; MAX_HEADERS];
                if let Ok(Status::Complete(end)) = httparse::Response::new(&mut headers).parse(head) {
                    prop_assert_eq!(end, len);
                }
                let _ = Response::parse(head);
            }
        }
    }
}
