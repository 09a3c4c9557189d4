//! Holding back: what a peer does not read is kept, and nothing more is read from it meanwhile.

use crate::machine::{Conn, Effects, limits};

/// The most that is kept for one stream: as much as one read brings, for there is none while anything is kept.
pub const MAX_HELD_LEN: usize = limits::MAX_READ_LEN;

/// What was to be written to a stream and did not fit.
///
/// While something is kept, the stream is paused, so that a slow reader slows itself down: it costs at most what was
/// given to one [`write`](Holdback::write), and loses nothing.
///
/// ```
/// use lossproof::machine::Outlet;
/// use lossproof::parts::holdback::Holdback;
///
/// let mut outlet = Outlet::<()>::new();
/// let conn = outlet.accept(4);
/// let mut held = Holdback::default();
/// assert_eq!(held.write(conn, b"echo!", outlet.outbox()), 4);
/// assert!(!held.is_empty()); // the last byte waits, and the stream is paused
///
/// assert!(outlet.credit(conn, 4)); // there is room again, and so the machine is given `Writable`
/// assert_eq!(held.flush(conn, outlet.outbox()), b"!");
/// assert!(held.is_empty()); // the stream is resumed
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdback {
    bytes: Vec<u8>,
    /// How many of them are written.
    written_len: usize,
}

impl Holdback {
    /// Whether nothing is kept.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes to a stream, keeps what does not fit, and says how much did. The stream is paused if something is kept.
    /// Behind what is kept already everything is kept, in order.
    pub fn write(&mut self, conn: Conn, bytes: &[u8], out: &mut Effects) -> usize {
        let fits_len = if self.is_empty() { out.write(conn, bytes) } else { 0 };
        if fits_len < bytes.len() {
            self.bytes.extend_from_slice(&bytes[fits_len..]);
            out.pause(conn);
        }
        fits_len
    }

    /// Writes what is kept, as far as there is room now, and gives what was written. Once nothing is kept any more,
    /// its memory is given back and the stream is resumed.
    pub fn flush(&mut self, conn: Conn, out: &mut Effects) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let fits_len = out.write(conn, &self.bytes[self.written_len..]);
        let end_len = self.written_len + fits_len;
        let written = self.bytes[self.written_len..end_len].to_vec();
        self.written_len = end_len;
        if end_len == self.bytes.len() {
            *self = Self::default();
            out.resume(conn);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Effect, Outlet};

    fn kinds(out: &mut Outlet<()>) -> String {
        let mut kinds = Vec::new();
        out.drain(|effect| {
            kinds.push(match effect {
                Effect::Write { bytes, .. } => format!("write {}", bytes.escape_ascii()),
                Effect::Pause { .. } => "pause".to_owned(),
                Effect::Resume { .. } => "resume".to_owned(),
                _ => "other".to_owned(),
            });
        });
        kinds.join(", ")
    }

    #[test]
    fn what_fits_is_written_and_one_byte_more_is_kept() {
        let mut out = Outlet::new();
        let conn = out.accept(3);
        let mut held = Holdback::default();
        assert_eq!((held.write(conn, b"abc", out.outbox()), held.is_empty()), (3, true));
        assert_eq!(kinds(&mut out), "write abc");
        out.credit(conn, 3);
        assert_eq!((held.write(conn, b"defg", out.outbox()), held.is_empty()), (3, false));
        assert_eq!(kinds(&mut out), "write def, pause");
    }

    #[test]
    fn it_is_resumed_when_the_last_byte_is_written_and_not_before() {
        let mut out = Outlet::new();
        let conn = out.accept(0);
        let mut held = Holdback::default();
        assert_eq!(held.write(conn, b"abcd", out.outbox()), 0);
        out.credit(conn, 3);
        assert_eq!((held.flush(conn, out.outbox()), held.is_empty()), (b"abc".to_vec(), false));
        assert_eq!(kinds(&mut out), "pause, write abc");
        out.credit(conn, 1);
        assert_eq!((held.flush(conn, out.outbox()), held.is_empty()), (b"d".to_vec(), true));
        assert_eq!(kinds(&mut out), "write d, resume");
        assert_eq!((held.flush(conn, out.outbox()).len(), kinds(&mut out).as_str()), (0, ""));
    }
}
