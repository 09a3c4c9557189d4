//! The server of geocode.

use std::time::Duration;

use super::places::Table;
use super::query::Asked;
use super::{MAX_ANSWER_LEN, ServerEvent, answer};
use crate::lawful::Promises;
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status, limits};
use crate::parts::backlog::Backlog;
use crate::parts::per_conn::PerConn;
use crate::time::Instant;
use crate::wire::http::{HeadReader, Request};

/// The longest head of a request, its blank line included, in bytes.
pub const MAX_REQUEST_LEN: usize = 8 * 1024;
/// How long a client may say nothing, and take nothing.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The shortest answer, in bytes.
const MIN_RESPONSE_LEN: usize = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".len();

/// Answers where places are, from a table: each connection by a machine of its own, and its requests one after another.
#[derive(Debug)]
pub struct Server {
    calls: PerConn<Call>,
}

impl Server {
    /// What it promises: what it answers to one read fits into a send buffer.
    pub const PROMISES: Promises = Promises::DEFAULT
        .max_messages(limits::SEND_BUFFER_LEN / MIN_RESPONSE_LEN + 1 + Backlog::MAX_FLUSH_WRITES)
        .max_bytes(limits::SEND_BUFFER_LEN);

    /// A server that knows these places, and drops who says nothing for so long.
    pub fn new(table: Table, patience: Duration) -> Self {
        Self { calls: PerConn::new(move |peer| Call::new(peer, table.clone(), patience)) }
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

/// One connection.
#[derive(Debug)]
struct Call {
    peer: Peer,
    /// None before it stands.
    conn: Option<Conn>,
    table: Table,
    patience: Duration,
    head: HeadReader,
    /// What of an answer waits for room; behind it nothing is answered.
    answer: Backlog,
    state: State,
}

/// ```text
/// Open ◄──an answer is out──► Held ──────────────┐
///  ├─ the last answer, eof ──► Leaving ── out ──► Over
///  └─ deadline, closed ───────────────────────────┘
/// ```
#[derive(Debug)]
enum State {
    /// Requests are read.
    Open {
        drop_at: Instant,
    },
    /// An answer waits for room, and the stream is paused. This was read behind its request.
    Held {
        unread: Vec<u8>,
        drop_at: Instant,
    },
    /// It ends when all answers are out.
    Leaving {
        drop_at: Instant,
    },
    Over,
}

/// What is answered to a request.
struct Response {
    status: u16,
    body: String,
    /// Whether further requests may follow.
    keeps: bool,
}

impl Call {
    fn new(peer: Peer, table: Table, patience: Duration) -> Self {
        // It is connected in a moment, and then has a deadline.
        let (head, answer) = (HeadReader::default(), Backlog::new(MAX_ANSWER_LEN));
        Self { peer, conn: None, table, patience, head, answer, state: State::Over }
    }

    /// Answers what is in these bytes, request by request, as long as the client takes what it is answered.
    fn read(&mut self, conn: Conn, mut bytes: &[u8], now: Instant, out: &mut Outbox<ServerEvent>) {
        let drop_at = now + self.patience;
        loop {
            if !self.answer.is_empty() {
                self.state = State::Held { unread: bytes.to_vec(), drop_at };
                out.pause(conn);
                return;
            }
            let Some(response) = self.next(&mut bytes, out) else {
                self.state = State::Open { drop_at };
                return;
            };
            // Never too much: nothing waits, and no answer is longer than what may.
            let _ = self.answer.write(conn, &response.bytes(), out);
            if !response.keeps {
                self.leave(conn, drop_at, out);
                return;
            }
        }
    }

    /// Takes the next request from the front of `bytes` and answers it, once it is whole. After `None` nothing is left.
    fn next(&mut self, bytes: &mut &[u8], out: &mut Outbox<ServerEvent>) -> Option<Response> {
        loop {
            let within = &bytes[..bytes.len().min(MAX_REQUEST_LEN - self.head.len())];
            // It takes longer ones.
            let taken_len = self.head.push(within).unwrap_or_default();
            *bytes = &bytes[taken_len..];
            let response = match self.head.head() {
                None if bytes.is_empty() => return None,
                None => self.refuse(431, out),
                // Blank lines before a request are nothing (RFC 9112, 2.2).
                Some(head) if head.trim_ascii().is_empty() => {
                    self.head = HeadReader::default();
                    continue;
                }
                Some(head) => match Request::parse(head) {
                    Err(_) => self.refuse(400, out),
                    Ok(request) => self.answer(request, out),
                },
            };
            self.head = HeadReader::default();
            return Some(response);
        }
    }

    fn answer(&self, request: Request<'_>, out: &mut Outbox<ServerEvent>) -> Response {
        if request.method != "GET" {
            return self.refuse(405, out);
        }
        let keeps = request.keeps_alive;
        match Asked::of(request.path) {
            Asked::Elsewhere => Response { keeps, ..self.refuse(404, out) },
            Asked::NoPlace => {
                Response { keeps, body: answer::INVALID_REQUEST.to_owned(), ..self.refuse(400, out) }
            }
            Asked::Place(place) => {
                let found = self.table.find(&place);
                let body = answer::of_places(&found);
                out.event(ServerEvent::Asked { peer: self.peer, place, count: found.len() });
                Response { status: 200, body, keeps }
            }
        }
    }

    /// What is said to what cannot be answered, behind which nothing is read.
    fn refuse(&self, status: u16, out: &mut Outbox<ServerEvent>) -> Response {
        out.event(ServerEvent::Refused { peer: self.peer, status });
        Response { status, body: String::new(), keeps: false }
    }

    /// Writes what waits. Once all of it is out, the next request is read, or the connection closed.
    fn flush(&mut self, conn: Conn, now: Instant, out: &mut Outbox<ServerEvent>) {
        let is_out = self.answer.flush(conn, out);
        let later_at = now + self.patience;
        match &mut self.state {
            State::Held { unread, .. } if is_out => {
                let unread = std::mem::take(unread);
                out.resume(conn);
                self.read(conn, &unread, now, out);
            }
            State::Leaving { .. } if is_out => self.leave(conn, later_at, out),
            State::Open { drop_at } | State::Held { drop_at, .. } | State::Leaving { drop_at } => {
                *drop_at = later_at;
            }
            State::Over => {}
        }
    }

    /// Lets somebody go who says nothing, or does not take what it has asked for.
    fn drop(&mut self, out: &mut Outbox<ServerEvent>) {
        let Some(conn) = self.conn else { return };
        out.event(ServerEvent::Dropped(self.peer));
        if self.answer.is_empty() {
            out.close(conn);
        } else {
            out.abort(conn);
        }
        self.state = State::Over;
    }

    fn leave(&mut self, conn: Conn, drop_at: Instant, out: &mut Outbox<ServerEvent>) {
        if self.answer.is_empty() {
            self.state = State::Over;
            out.close(conn);
        } else {
            self.state = State::Leaving { drop_at };
        }
    }
}

impl Response {
    fn bytes(&self) -> Vec<u8> {
        let (reason, more) = match self.status {
            200 => ("OK", ""),
            400 => ("Bad Request", ""),
            404 => ("Not Found", ""),
            405 => ("Method Not Allowed", "Allow: GET\r\n"),
            _ => ("Request Header Fields Too Large", ""),
        };
        let kind = if self.body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let close = if self.keeps { "" } else { "Connection: close\r\n" };
        let (status, body, len) = (self.status, &self.body, self.body.len());
        let head = format!("HTTP/1.1 {status} {reason}\r\n{more}{kind}Content-Length: {len}\r\n{close}\r\n");
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

impl Machine for Call {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match (&self.state, input) {
            (_, Input::Connected { conn, .. }) => {
                self.conn = Some(conn);
                self.state = State::Open { drop_at: now + self.patience };
            }
            (State::Open { .. }, Input::Received { conn, bytes }) => self.read(conn, bytes, now, out),
            (_, Input::Writable { conn }) => self.flush(conn, now, out),
            (State::Open { drop_at }, Input::Eof { conn }) => {
                let drop_at = *drop_at;
                if !self.head.is_empty() {
                    out.event(ServerEvent::Unfinished(self.peer));
                }
                self.leave(conn, drop_at, out);
            }
            (_, Input::Timeout) => self.drop(out),
            (_, Input::Closed { .. }) => self.state = State::Over,
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Open { drop_at } | State::Held { drop_at, .. } | State::Leaving { drop_at } => {
                Some(drop_at)
            }
            State::Over => None,
        }
    }
}
