//! The scripted server: a few pages, each of which says otherwise where its body ends.

use super::ServerEvent;
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status};
use crate::parts::per_conn::PerConn;
use crate::parts::speech::Speech;
use crate::time::Instant;
use crate::wire::http::{HeadReader, Request};

/// What `/` and most other pages have as their body.
pub const PAGE: &[u8; 58] = b"<!DOCTYPE html>\n<title>lossproof</title>\n<p>It works.</p>\n";
/// What `/large` has: more than a stream's send buffer takes at once.
pub static LARGE: [u8; 70_000] = large();

#[expect(clippy::large_stack_arrays, reason = "it is made where the program is compiled, not on its stack")]
const fn large() -> [u8; 70_000] {
    let mut bytes = [b'\n'; 70_000];
    let mut at = 0;
    while at < bytes.len() {
        if at % 64 != 63 {
            bytes[at] = b'!' + (at / 64 % 90) as u8;
        }
        at += 1;
    }
    bytes
}

/// One page: what the server sends when it is asked for, and what of it is the body, if it is a whole one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) path: &'static str,
    head: &'static [u8],
    rest: &'static [u8],
    pub(super) body: Option<&'static [u8]>,
}

/// All pages.
pub(super) const PAGES: [Page; 9] = [
    Page {
        path: "/",
        head: b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 58\r\n\r\n",
        rest: PAGE,
        body: Some(PAGE),
    },
    Page {
        path: "/chunked",
        head: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        rest: b"10;name=value\r\n<!DOCTYPE html>\n\r\n2A\r\n<title>lossproof</title>\n<p>It works.</p>\n\r\n\
                0\r\nPages: 1\r\n\r\n",
        body: Some(PAGE),
    },
    Page { path: "/close", head: b"HTTP/1.0 200 OK\r\n\r\n", rest: PAGE, body: Some(PAGE) },
    Page {
        path: "/interim",
        head: b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n\
                HTTP/1.1 200 OK\r\nContent-Length: 58\r\n\r\n",
        rest: PAGE,
        body: Some(PAGE),
    },
    Page { path: "/empty", head: b"HTTP/1.1 204 No Content\r\n\r\n", rest: b"", body: Some(b"") },
    Page {
        path: "/large",
        head: b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n",
        rest: &LARGE,
        body: Some(&LARGE),
    },
    Page { path: "/short", head: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", rest: PAGE, body: None },
    Page {
        path: "/half",
        head: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        rest: b"3a\r\n<!DOCTYPE html>\n",
        body: None,
    },
    Page { path: "/no-head", head: b"HTTP/1.1 200 OK\r\nContent-", rest: b"", body: None },
];

/// What is said where there is no such page.
pub(super) const NOT_FOUND: Page = Page {
    path: "",
    head: b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n",
    rest: b"no such page\n",
    body: Some(b"no such page\n"),
};
/// What is said to what is no request for a page.
const BAD_REQUEST: Page = Page {
    path: "",
    head: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\n",
    rest: b"ask with GET.\n",
    body: None,
};

/// The page at a path.
pub(super) fn page(path: &str) -> &'static Page {
    PAGES.iter().find(|page| page.path == path).unwrap_or(&NOT_FOUND)
}

/// Serves each connection by a machine of its own: one request, one page, and the end.
#[derive(Debug)]
pub struct Server {
    calls: PerConn<Call>,
}

impl Default for Server {
    fn default() -> Self {
        Self { calls: PerConn::new(|peer| Call { peer, state: State::Reading(HeadReader::default()) }) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Stop => out.done(Status::Success),
            input => self.calls.handle(input, now, out),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.calls.deadline()
    }
}

/// One connection of the server. What it keeps is the request's head, as long as that is not whole.
#[derive(Debug)]
struct Call {
    peer: Peer,
    state: State,
}

/// ```text
/// Reading ──the head, or too much of it──► Answering ──all is written──► Over
///    └────────── eof, closed ───────────────────────────────────────────┘
/// ```
#[derive(Debug)]
enum State {
    Reading(HeadReader),
    Answering { page: &'static Page, speech: Speech },
    Over,
}

impl Call {
    fn go_on(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        if let State::Answering { page, speech } = &mut self.state
            && speech.go_on(&[page.head, page.rest], conn, out)
        {
            out.close(conn);
            self.state = State::Over;
        }
    }

    /// What is to be answered to what has come, once that is clear.
    fn answer(&mut self, bytes: &[u8], out: &mut Outbox<ServerEvent>) -> Option<&'static Page> {
        let State::Reading(reader) = &mut self.state else { return None };
        // What comes behind the head is nobody's.
        let read = reader.push(bytes).and_then(|_| reader.head().map(Request::parse).transpose());
        let page = match read {
            Ok(None) => return None,
            Ok(Some(request)) if request.method == "GET" => {
                out.event(ServerEvent::Asked { peer: self.peer, path: request.path.to_owned() });
                page(request.path)
            }
            Ok(Some(_)) | Err(_) => {
                out.event(ServerEvent::NoRequest(self.peer));
                &BAD_REQUEST
            }
        };
        Some(page)
    }
}

impl Machine for Call {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Received { conn, bytes } => {
                if let Some(page) = self.answer(bytes, out) {
                    self.state = State::Answering { page, speech: Speech::default() };
                    self.go_on(conn, out);
                }
            }
            Input::Writable { conn } => self.go_on(conn, out),
            Input::Eof { conn } if matches!(self.state, State::Reading(_)) => {
                out.event(ServerEvent::NoRequest(self.peer));
                out.close(conn);
                self.state = State::Over;
            }
            Input::Closed { .. } if matches!(self.state, State::Reading(_)) => {
                out.event(ServerEvent::NoRequest(self.peer));
                self.state = State::Over;
            }
            _ => {}
        }
    }
}
