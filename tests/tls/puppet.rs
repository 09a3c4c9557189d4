//! A machine that does what its commands say, and tells all that it sees.

use lossproof::machine::{Conn, limits};
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};

/// What a puppet is told to do. Connections are named by the order in which they came to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Do {
    Connect,
    /// Writes so many bytes, and what does not fit when there is room.
    Write(usize, usize),
    Shutdown(usize),
    Close(usize),
    Abort(usize),
    Pause(usize),
    Resume(usize),
    Done,
}

/// What a puppet sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Saw {
    Connected(usize),
    ConnectFailed(usize, String),
    /// So many bytes, in a row.
    Received(usize, usize),
    Eof(usize),
    Writable(usize),
    Closed(usize, String),
    /// It wrote, and so much fitted.
    Fitted(usize, usize),
}

impl Saw {
    /// Of which stream it is.
    pub(crate) const fn stream(&self) -> usize {
        match self {
            Self::Connected(which)
            | Self::ConnectFailed(which, _)
            | Self::Received(which, _)
            | Self::Eof(which)
            | Self::Writable(which)
            | Self::Closed(which, _)
            | Self::Fitted(which, _) => *which,
        }
    }
}

/// What is written to a stream: no two places near each other have the same bytes.
fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

#[derive(Default)]
struct Stream {
    conn: Option<Conn>,
    written_len: usize,
    /// What did not fit.
    waiting_len: usize,
    read_len: usize,
    is_open: bool,
    has_shut: bool,
}

/// Does what it is told, if that makes sense at the time.
pub(crate) struct Puppet {
    other: Option<Peer>,
    streams: Vec<Stream>,
    is_done: bool,
}

impl Puppet {
    pub(crate) fn new(other: Option<Peer>) -> Self {
        Self { other, streams: Vec::new(), is_done: false }
    }

    /// Of the names of streams the smallest that is free is given next, as on plain streams.
    fn assert_smallest(&self, conn: Conn) {
        let is_taken = |index: &usize| {
            self.streams.iter().any(|stream| stream.conn.is_some_and(|conn| conn.index() == *index))
        };
        assert!((0..conn.index()).all(|index| is_taken(&index)), "names are free again");
    }

    fn find(&self, conn: Conn) -> usize {
        self.streams.iter().position(|stream| stream.conn == Some(conn)).expect("it knows the stream")
    }

    fn write(&mut self, which: usize, len: usize, out: &mut Outbox<Saw>) {
        let stream = &mut self.streams[which];
        stream.waiting_len += len;
        let bytes: Vec<u8> =
            (stream.written_len..stream.written_len + stream.waiting_len).map(byte).collect();
        let fits_len = out.write(stream.conn.expect("it is open"), &bytes);
        stream.written_len += fits_len;
        stream.waiting_len -= fits_len;
        out.event(Saw::Fitted(which, fits_len));
    }

    fn act(&mut self, action: Do, out: &mut Outbox<Saw>) {
        let which = match action {
            Do::Connect => {
                let conn = self.other.map(|other| out.connect(other));
                if let Some(conn) = conn {
                    self.assert_smallest(conn);
                }
                return self.streams.push(Stream { conn, ..Stream::default() });
            }
            Do::Done => {
                self.is_done = true;
                return out.done(Status::Success);
            }
            Do::Write(which, _)
            | Do::Shutdown(which)
            | Do::Close(which)
            | Do::Abort(which)
            | Do::Pause(which)
            | Do::Resume(which) => which,
        };
        let Some(stream) = self.streams.get_mut(which) else { return };
        let Some(conn) = stream.conn else { return };
        match action {
            Do::Write(_, len) if stream.is_open && !stream.has_shut => self.write(which, len, out),
            Do::Shutdown(_) if !stream.has_shut => {
                stream.has_shut = true;
                out.shutdown(conn);
            }
            Do::Close(_) | Do::Abort(_) => {
                stream.has_shut = true;
                if !stream.is_open {
                    stream.conn = None;
                }
                if matches!(action, Do::Close(_)) { out.close(conn) } else { out.abort(conn) }
            }
            Do::Pause(_) => out.pause(conn),
            Do::Resume(_) => out.resume(conn),
            _ => {}
        }
    }
}

impl Machine for Puppet {
    type Command = Do;
    type Event = Saw;

    fn handle(&mut self, input: Input<'_, Do>, _now: Instant, out: &mut Outbox<Saw>) {
        assert!(!self.is_done, "nothing comes after done");
        match input {
            Input::Command(&action) => self.act(action, out),
            Input::Connected { conn, .. } => {
                if !self.streams.iter().any(|stream| stream.conn == Some(conn)) {
                    self.assert_smallest(conn);
                    self.streams.push(Stream { conn: Some(conn), ..Stream::default() });
                }
                let which = self.find(conn);
                assert!(!std::mem::replace(&mut self.streams[which].is_open, true), "it connects once");
                out.event(Saw::Connected(which));
            }
            Input::ConnectFailed { conn, reason, .. } => {
                let which = self.find(conn);
                self.streams[which].conn = None;
                out.event(Saw::ConnectFailed(which, reason.to_string()));
            }
            Input::Received { conn, bytes } => {
                let which = self.find(conn);
                assert!(!bytes.is_empty() && bytes.len() <= limits::MAX_READ_LEN);
                let stream = &mut self.streams[which];
                let expected = (stream.read_len..).map(byte);
                assert!(
                    bytes.iter().copied().eq(expected.take(bytes.len())),
                    "the bytes are those of the other"
                );
                stream.read_len += bytes.len();
                out.event(Saw::Received(which, bytes.len()));
            }
            Input::Eof { conn } => out.event(Saw::Eof(self.find(conn))),
            Input::Writable { conn } => {
                let which = self.find(conn);
                out.event(Saw::Writable(which));
                if !self.streams[which].has_shut {
                    self.write(which, 0, out);
                }
            }
            Input::Closed { conn, reason } => {
                let which = self.find(conn);
                self.streams[which].conn = None;
                out.event(Saw::Closed(which, reason.to_string()));
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}
