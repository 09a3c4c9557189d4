//! A message that is known beforehand, written as fast as the stream takes it.

use crate::machine::{Conn, Effects};

/// How far a text has been written. The text itself stays with the caller, who may have one for many streams.
///
/// ```
/// use lossproof::machine::Outlet;
/// use lossproof::parts::speech::Speech;
///
/// let mut outlet = Outlet::<()>::new();
/// let conn = outlet.accept(6); // a send buffer with room for six bytes
/// let mut speech = Speech::default();
/// assert!(!speech.go_on(&[b"Hi ", b"there"], conn, outlet.outbox()));
/// outlet.credit(conn, 2);
/// assert!(speech.go_on(&[b"Hi ", b"there"], conn, outlet.outbox()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speech {
    written_len: usize,
}

impl Speech {
    /// Writes what is left of `pieces`, one after another, as far as the stream takes it; says whether all is written.
    /// If it is not, `Writable` arrives; then call it again with the same pieces.
    pub fn go_on(&mut self, pieces: &[&[u8]], conn: Conn, out: &mut Effects) -> bool {
        let mut written_len = self.written_len;
        for piece in pieces {
            let done_len = written_len.min(piece.len());
            written_len -= done_len;
            let rest = &piece[done_len..];
            if !rest.is_empty() {
                let fits_len = out.write(conn, rest);
                self.written_len += fits_len;
                if fits_len < rest.len() {
                    return false;
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Effect, Outlet};

    const PIECES: [&[u8]; 3] = [b"Thank ", b"", b"you"];

    #[test]
    fn it_goes_on_where_it_stopped_whatever_the_room() {
        for room_len in 1..=10 {
            let mut out = Outlet::<()>::new();
            let conn = out.accept(room_len);
            let (mut speech, mut said, mut rounds) = (Speech::default(), Vec::new(), 0);
            loop {
                let is_over = speech.go_on(&PIECES, conn, out.outbox());
                out.drain(|effect| match effect {
                    Effect::Write { bytes, .. } => said.extend_from_slice(bytes),
                    other => panic!("{other:?}"),
                });
                rounds += 1;
                if is_over {
                    break;
                }
                assert!(out.credit(conn, room_len), "a short write asks for room");
            }
            assert_eq!((said.as_slice(), rounds), (b"Thank you".as_slice(), 9_u32.div_ceil(room_len)));
        }
    }
}
