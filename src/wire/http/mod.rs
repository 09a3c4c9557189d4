//! Messages of HTTP/1.1 (RFC 9112): the head of a request or a response, and the body behind it.
//!
//! A [`HeadReader`] finds the end of a head, which [`Response::parse`] or [`Request::parse`] reads. What a response says
//! of its body is a [`Framing`], by which a [`Body`] takes the rest of the stream apart.
//!
//! ```
//! use lossproof::wire::http::{Body, HeadReader, MAX_BODY_LEN, Response};
//!
//! let stream = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and what is no part of it";
//! let mut head = HeadReader::default();
//! let head_len = head.push(stream)?;
//! let response = Response::parse(head.head().expect("there is a blank line"))?;
//! assert_eq!(response.status, 200);
//!
//! let mut body = Body::new(response.framing, MAX_BODY_LEN)?;
//! assert_eq!(body.push(&stream[head_len..])?, 5);
//! assert_eq!(body.finish()?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod chunked;
mod head;

pub use body::{Body, BodyError, Framing, MAX_BODY_LEN};
pub use chunked::{Chunked, ChunkedError, MAX_EXTENSIONS_LEN, MAX_SIZE_DIGITS, MAX_TRAILERS_LEN};
pub use head::{HeadError, HeadReader, MAX_HEAD_LEN, MAX_HEADERS, Request, Response};
