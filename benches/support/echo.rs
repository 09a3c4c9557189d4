//! A machine that answers each frame with the same frame.

use lossproof::machine::{Conn, ConnMap, limits};
use lossproof::parts::backlog::Backlog;
use lossproof::wire::frame::{self, FrameReader};
use lossproof::{Input, Instant, Machine, Outbox, Status};

/// How long a payload is at most.
pub(crate) const MAX_LEN: usize = 16 * 1024;

/// Echoes on every stream. A peer that does not read its echo is not read either.
#[derive(Default)]
pub(crate) struct Echo {
    streams: ConnMap<Stream>,
    /// The frame that is being written; kept for its memory.
    frame: Vec<u8>,
}

struct Stream {
    reader: FrameReader,
    /// At most what one slice and the frame before it lead to: while anything is here, nothing is read.
    backlog: Backlog,
    ended: bool,
}

impl Echo {
    fn echo(&mut self, conn: Conn, mut bytes: &[u8], out: &mut Outbox<()>) {
        let Some(stream) = self.streams.get_mut(conn) else { return };
        while let Ok(read) = stream.reader.read(&mut bytes) {
            let Some(payload) = read else {
                if !stream.backlog.is_empty() {
                    out.pause(conn);
                }
                return;
            };
            self.frame.clear();
            let encoded = frame::encode(payload, MAX_LEN, &mut self.frame);
            if encoded.is_err() || stream.backlog.write(conn, &self.frame, out).is_err() {
                break;
            }
        }
        out.abort(conn);
    }

    fn flush(&mut self, conn: Conn, out: &mut Outbox<()>) {
        let Some(stream) = self.streams.get_mut(conn) else { return };
        if stream.backlog.is_empty() || stream.backlog.flush(conn, out) {
            if stream.ended {
                out.close(conn);
            } else {
                out.resume(conn);
            }
        }
    }
}

impl Machine for Echo {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Connected { conn, .. } => {
                let backlog = Backlog::new(limits::MAX_READ_LEN + frame::HEADER_LEN + MAX_LEN);
                let reader = FrameReader::new(MAX_LEN);
                self.streams.insert(conn, Stream { reader, backlog, ended: false });
            }
            Input::Received { conn, bytes } => self.echo(conn, bytes, out),
            Input::Writable { conn } => self.flush(conn, out),
            Input::Eof { conn } => {
                if let Some(stream) = self.streams.get_mut(conn) {
                    stream.ended = true;
                    self.flush(conn, out);
                }
            }
            Input::Closed { conn, .. } => _ = self.streams.remove(conn),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}
