//! The server of suffix-echo.

use super::{SUFFIX, ServerEvent};
use crate::lawful::{Cuts, Promises};
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status, limits};
use crate::parts::backlog::Backlog;
use crate::parts::per_conn::PerConn;
use crate::time::Instant;
use crate::wire::utf8::Utf8;

/// How many bytes the server takes at most at once.
pub const MAX_TAKEN_LEN: usize = 1024;
/// How often the longest slice of a stream is answered.
const MAX_ANSWERS: usize = limits::MAX_READ_LEN.div_ceil(MAX_TAKEN_LEN);
/// How many bytes wait at most for a client that does not read: the answers to one slice, after which nothing more is
/// read of it.
pub const MAX_WAITING_LEN: usize = limits::MAX_READ_LEN + MAX_ANSWERS * SUFFIX.len();

/// Serves each connection by a [`Talk`] of its own.
#[derive(Debug)]
pub struct Server {
    talks: PerConn<Talk>,
}

impl Server {
    /// What it promises: it answers each read.
    pub const PROMISES: Promises =
        Promises::DEFAULT.max_messages(MAX_ANSWERS).max_bytes(limits::SEND_BUFFER_LEN).cuts(Cuts::Matter);
}

impl Default for Server {
    fn default() -> Self {
        Self { talks: PerConn::new(Talk::new) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Stop => out.done(Status::Success),
            input => out.pass_on(&mut self.talks, input, now),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.talks.deadline()
    }
}

/// One connection of the server.
///
/// ```text
/// reading ◄──an answer does not fit, and later does──► paused
///    └──eof, reset──► ended
/// ```
///
/// It is paused while answers wait, so an end is only seen when all are out.
#[derive(Debug)]
pub struct Talk {
    peer: Peer,
    answers: Backlog,
    taken: Utf8,
    is_over: bool,
}

impl Talk {
    fn new(peer: Peer) -> Self {
        Self { peer, answers: Backlog::new(MAX_WAITING_LEN), taken: Utf8::new(), is_over: false }
    }

    fn answer(&mut self, conn: Conn, bytes: &[u8], out: &mut Outbox<ServerEvent>) {
        let mut fits = true;
        for taken in bytes.chunks(MAX_TAKEN_LEN) {
            let text = self.taken.push(taken);
            self.tell(text, out);
            let answer = [taken, SUFFIX.as_bytes()].concat();
            fits &= self.answers.write(conn, &answer, out).is_ok();
        }
        if !fits {
            // A slice of more than the longest read, which no world hands in.
            out.abort(conn);
        } else if !self.answers.is_empty() {
            out.pause(conn);
        }
    }

    fn flush(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        if self.answers.flush(conn, out) {
            out.resume(conn);
        }
    }

    fn tell(&self, text: String, out: &mut Outbox<ServerEvent>) {
        if !text.is_empty() {
            out.event(ServerEvent::Taken { peer: self.peer, text });
        }
    }

    fn end(&mut self, out: &mut Outbox<ServerEvent>) {
        self.is_over = true;
        out.event(ServerEvent::Ended(self.peer));
    }
}

impl Machine for Talk {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            _ if self.is_over => {}
            Input::Connected { peer, .. } => out.event(ServerEvent::Accepted(peer)),
            Input::Received { conn, bytes } => self.answer(conn, bytes, out),
            Input::Writable { conn } => self.flush(conn, out),
            Input::Eof { conn } => {
                let rest = self.taken.finish().to_owned();
                self.tell(rest, out);
                self.end(out);
                out.close(conn);
            }
            Input::Closed { .. } => self.end(out),
            _ => {}
        }
    }
}
