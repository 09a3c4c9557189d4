//! What waits for room in a stream's send buffer.

use std::collections::VecDeque;

use crate::machine::{Chunk, Conn, Effects};

/// The bytes that a stream's send buffer did not take, in order, up to a bound.
///
/// Everything that goes to the stream goes through here; at `Writable` its owner calls [`Backlog::flush`]. What to do
/// when too much waits is the owner's decision.
///
/// ```
/// use lossproof::machine::Outlet;
/// use lossproof::parts::backlog::Backlog;
///
/// let mut outlet = Outlet::<()>::new();
/// let conn = outlet.accept(4); // room for four bytes
/// let mut backlog = Backlog::new(3);
/// assert_eq!(backlog.write(conn, b"seven..", outlet.outbox()), Ok(()));
/// assert_eq!(backlog.len(), 3);
/// assert!(backlog.write(conn, b"!", outlet.outbox()).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    max_len: usize,
    bytes: VecDeque<u8>,
}

/// More would wait than may. Nothing of what was too much waits, though a part of it may have been written: a peer that
/// is kept would miss the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer does not read: more than {max_len} bytes would wait for it")]
pub struct Overflow {
    /// How many bytes may wait.
    pub max_len: usize,
}

impl Backlog {
    /// How many writes [`Backlog::flush`] makes at most.
    pub const MAX_FLUSH_WRITES: usize = 2;

    /// Nothing waits; later at most `max_len` bytes will.
    pub const fn new(max_len: usize) -> Self {
        Self { max_len, bytes: VecDeque::new() }
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes to the stream, behind what waits.
    ///
    /// # Errors
    /// [`Overflow`] if what does not fit into the send buffer does not fit here either.
    pub fn write(&mut self, conn: Conn, bytes: &[u8], out: &mut Effects) -> Result<(), Overflow> {
        let written_len = if self.is_empty() { out.write(conn, bytes) } else { 0 };
        self.keep(&bytes[written_len..])
    }

    /// The same for bytes that were put into the outbox before, to go to many.
    ///
    /// # Errors
    /// As [`Backlog::write`].
    ///
    /// # Panics
    /// If `bytes` has not the length of the chunk that was made of it.
    pub fn write_chunk(
        &mut self,
        conn: Conn,
        chunk: Chunk,
        bytes: &[u8],
        out: &mut Effects,
    ) -> Result<(), Overflow> {
        assert_eq!(chunk.len(), bytes.len(), "the bytes are those of the chunk");
        let written_len = if self.is_empty() { out.write_chunk(conn, chunk) } else { 0 };
        self.keep(&bytes[written_len..])
    }

    /// Writes what waits, as far as there is room; says whether nothing waits any more.
    pub fn flush(&mut self, conn: Conn, out: &mut Effects) -> bool {
        let (front, back) = self.bytes.as_slices();
        let mut written_len = out.write(conn, front);
        if written_len == front.len() && !back.is_empty() {
            written_len += out.write(conn, back);
        }
        self.bytes.drain(..written_len);
        if self.bytes.is_empty() {
            // Most of the time nothing waits: the memory is there for those who need it.
            self.bytes = VecDeque::new();
        }
        self.is_empty()
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Overflow> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.bytes.len() + bytes.len() > self.max_len {
            return Err(Overflow { max_len: self.max_len });
        }
        self.bytes.extend(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::machine::{Effect, Outlet};

    fn written(out: &mut Outlet<()>) -> Vec<u8> {
        let mut all = Vec::new();
        out.drain(|effect| match effect {
            Effect::Write { bytes, .. } => all.extend_from_slice(bytes),
            other => panic!("{other:?}"),
        });
        all
    }

    #[test]
    fn the_bound_is_kept_and_one_byte_beyond_overflows() {
        let mut out = Outlet::new();
        let conn = out.accept(2);
        let mut backlog = Backlog::new(5);
        assert_eq!(backlog.write(conn, b"1234567", out.outbox()), Ok(()));
        assert_eq!((backlog.len(), written(&mut out)), (5, b"12".to_vec()));
        assert_eq!(backlog.write(conn, b"8", out.outbox()), Err(Overflow { max_len: 5 }));
        assert_eq!((backlog.len(), written(&mut out)), (5, Vec::new()));
        assert_eq!(backlog.write(conn, b"", out.outbox()), Ok(()));

        let conn = out.accept(2);
        let mut backlog = Backlog::new(5);
        let chunk = out.outbox().put(b"12345678");
        assert_eq!(backlog.write_chunk(conn, chunk, b"12345678", out.outbox()), Err(Overflow { max_len: 5 }));
        assert!(backlog.is_empty());
    }

    #[test]
    fn room_goes_to_what_waits_before_what_is_new() {
        let mut out = Outlet::new();
        let conn = out.accept(2);
        let mut backlog = Backlog::new(64);
        backlog.write(conn, b"abcd", out.outbox()).unwrap();
        assert!(out.credit(conn, 100), "a short write is told of room");
        backlog.write(conn, b"ef", out.outbox()).unwrap();
        assert_eq!(written(&mut out), b"ab");
        assert!(backlog.flush(conn, out.outbox()));
        assert_eq!(written(&mut out), b"cdef");
        backlog.write(conn, b"gh", out.outbox()).unwrap();
        assert_eq!(written(&mut out), b"gh");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(Vec<u8>),
        WriteChunk(Vec<u8>),
        Room(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20);
        let step = prop_oneof![
            bytes().prop_map(Step::Write),
            bytes().prop_map(Step::WriteChunk),
            (0..30_u32).prop_map(Step::Room),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The model: all that was accepted comes out in order, as far as there was room for it.
        #[test]
        fn it_is_a_queue_behind_a_send_buffer(steps in steps(), room in 0..30_u32) {
            const MAX_LEN: usize = 25;
            let (mut out, mut backlog) = (Outlet::new(), Backlog::new(MAX_LEN));
            let conn = out.accept(room);
            let (mut room_len, mut accepted, mut got) = (room as usize, Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Write(bytes) | Step::WriteChunk(bytes) if accepted.len() + bytes.len() > room_len + MAX_LEN => {
                        prop_assert!(backlog.write(conn, &bytes, out.outbox()).is_err());
                        break;
                    }
                    Step::Write(bytes) => {
                        prop_assert_eq!(backlog.write(conn, &bytes, out.outbox()), Ok(()));
                        accepted.extend(bytes);
                    }
                    Step::WriteChunk(bytes) => {
                        let chunk = out.outbox().put(&bytes);
                        prop_assert_eq!(backlog.write_chunk(conn, chunk, &bytes, out.outbox()), Ok(()));
                        accepted.extend(bytes);
                    }
                    Step::Room(len) => {
                        room_len += len as usize;
                        out.credit(conn, len);
                        prop_assert_eq!(backlog.flush(conn, out.outbox()), accepted.len() <= room_len);
                    }
                }
                prop_assert!(out.effects().len() <= Backlog::MAX_FLUSH_WRITES);
                got.extend(written(&mut out));
                prop_assert_eq!(&got, &accepted[..accepted.len().min(room_len)]);
                prop_assert_eq!(backlog.len(), accepted.len() - got.len());
            }
        }
    }
}
