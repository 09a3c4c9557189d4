//! One stream of the sockets: what is to be written to it, and how it ends.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::ReadBuf;

use super::net::{self, Pending};
use super::ready::SocketWaker;
use super::sockets::Raw;

/// From how many bytes on a write does not wait for others to go with it: it would be copied once more for nothing.
const MIN_DIRECT_LEN: usize = 16 * 1024;

/// A socket with what is to be written to it. Its errors are not told apart: whatever they are, it is broken.
pub(super) struct Stream<S> {
    pub(super) socket: Socket<S>,
    pub(super) waker: SocketWaker,
    pub(super) reading: bool,
    /// Written by the machine, and not taken by the system. Without memory of its own while there is nothing in it.
    out: VecDeque<u8>,
    /// It is to be flushed, with all that is written until then.
    pub(super) is_dirty: bool,
    end: End,
    writing: Writing,
    /// Ends when the stream is broken: asked while neither a read nor a write would tell.
    broken: Option<Pending<()>>,
}

/// How far a stream has come.
///
/// ```text
///            the peer answers
///  Dialing ───────────────────► Open
///     │ it does not
///     ▼
///   None
/// ```
pub(super) enum Socket<S> {
    Dialing(Pending<io::Result<S>>),
    Open(S),
    None,
}

impl<S> Socket<S> {
    pub(super) const fn open(&self) -> Option<&S> {
        match self {
            Self::Open(socket) => Some(socket),
            Self::Dialing(_) | Self::None => None,
        }
    }

    const fn open_mut(&mut self) -> Option<&mut S> {
        match self {
            Self::Open(socket) => Some(socket),
            Self::Dialing(_) | Self::None => None,
        }
    }
}

/// How far the peer's direction has come.
///
/// ```text
///  New ──a first try to read──► Open ──its end has come──► Ended
///                                ▲
///  one that was asked for ───────┘
/// ```
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// It was accepted, and is worth a try to read though nobody has said that something is there.
    New,
    Open,
    Ended,
}

/// How far this direction has come.
///
/// ```text
///  Open ──shutdown──► Ending ──all is written──► Ended
///   └──────────┬────────┘
///       the system refuses
///              ▼
///            Failed
/// ```
#[derive(Clone, Copy, PartialEq)]
enum Writing {
    Open,
    /// It ends once everything is written.
    Ending,
    Ended,
    /// Nothing can be written any more; what the peer had sent before is still read.
    Failed,
}

impl<S: net::Stream> Stream<S> {
    pub(super) fn new(socket: Socket<S>, waker: SocketWaker) -> Self {
        Self {
            end: if matches!(socket, Socket::Open(_)) { End::New } else { End::Open },
            socket,
            waker,
            reading: true,
            out: VecDeque::new(),
            is_dirty: false,
            writing: Writing::Open,
            broken: None,
        }
    }

    /// Whether so many bytes may be offered to the system at once: many, with nothing before them.
    pub(super) fn is_direct(&self, len: usize) -> bool {
        len >= MIN_DIRECT_LEN && self.out.is_empty() && !self.is_failed()
    }

    /// Offers bytes to the system straight away; says how many it has taken.
    pub(super) fn write_now(&mut self, bytes: &[u8]) -> usize {
        let Some(socket) = self.socket.open_mut() else { return 0 };
        match Pin::new(socket).poll_write(&mut self.waker.context(), bytes) {
            Poll::Pending => 0,
            Poll::Ready(Ok(len)) => len,
            Poll::Ready(Err(_)) => {
                self.fail();
                0
            }
        }
    }

    /// Adds bytes to what is to be written, in a buffer of `spare` ones if this stream has none.
    pub(super) fn keep(&mut self, bytes: &[u8], spare: &mut Spare) {
        if bytes.is_empty() || self.is_failed() {
            return;
        }
        if self.out.capacity() == 0 {
            self.out = spare.take();
        }
        self.out.extend(bytes);
    }

    /// Gives its buffer back, if everything is written.
    pub(super) fn rest(&mut self, spare: &mut Spare) {
        if self.out.is_empty() {
            spare.put(mem::take(&mut self.out));
        }
    }

    /// Ends this direction once everything is written.
    pub(super) fn shutdown(&mut self) {
        if self.writing == Writing::Open {
            self.writing = Writing::Ending;
        }
    }

    /// Whether nothing can be written any more, which reading will report.
    pub(super) const fn is_failed(&self) -> bool {
        matches!(self.writing, Writing::Failed)
    }

    /// Whether something is on its way out, or nobody listens.
    pub(super) fn is_busy(&self) -> bool {
        !self.out.is_empty() || !self.reading
    }

    /// Goes on dialing, if it is still doing that.
    pub(super) fn poll_dial(&mut self, id: u32) -> Option<Raw> {
        let Socket::Dialing(dial) = &mut self.socket else { return None };
        let Poll::Ready(dialed) = dial.as_mut().poll(&mut self.waker.context()) else { return None };
        let (socket, result) = match dialed {
            Ok(socket) => (Socket::Open(socket), Ok(())),
            Err(error) => (Socket::None, Err(error)),
        };
        self.socket = socket;
        Some(Raw::Dialed { id, result })
    }

    /// Writes some of what is left and of `part`, which comes after it and is cut to what is left of that; then ends this
    /// direction if that is wanted.
    pub(super) fn poll_write(&mut self, id: u32, part: &mut &[u8]) -> Option<Raw> {
        let is_failed = self.is_failed();
        let socket = self.socket.open_mut().filter(|_| !is_failed)?;
        let socket = Pin::new(socket);
        let (front, back) = self.out.as_slices();
        if !front.is_empty() || !part.is_empty() {
            let cx = &mut self.waker.context();
            let written = if front.is_empty() {
                socket.poll_write(cx, part)
            } else {
                socket.poll_write_vectored(cx, &[front, back, part].map(io::IoSlice::new))
            };
            return match written {
                Poll::Pending => None,
                Poll::Ready(Ok(len)) => {
                    let out_len = len.min(self.out.len());
                    self.out.drain(..out_len);
                    *part = &part[len - out_len..];
                    Some(Raw::Wrote { id, len })
                }
                Poll::Ready(Err(_)) => self.fail(),
            };
        }
        if self.writing != Writing::Ending {
            return None;
        }
        match socket.poll_shutdown(&mut self.waker.context()) {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => {
                self.writing = Writing::Ended;
                Some(Raw::ShutDown { id })
            }
            Poll::Ready(Err(_)) => self.fail(),
        }
    }

    /// A peer that answers and resets leaves its answer to be read, so a failed write does not end the stream yet.
    fn fail(&mut self) -> Option<Raw> {
        self.writing = Writing::Failed;
        self.out = VecDeque::new();
        None
    }

    /// Reads one slice, if this stream is read at all.
    pub(super) fn poll_read(&mut self, id: u32, buf: &mut [u8]) -> Option<Raw> {
        let broken = self.is_failed().then_some(Raw::Broken { id });
        if !self.reading || self.end == End::Ended {
            return broken.or_else(|| self.poll_broken(id));
        }
        self.broken = None;
        let socket = self.socket.open_mut()?;
        // What a peer says that has just connected is often there already, and then the runtime need not tell. What it said
        // before the stream broke is there now or never.
        let read = if mem::replace(&mut self.end, End::Open) == End::New || broken.is_some() {
            socket.read_now(buf)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        };
        let read = match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut buf = ReadBuf::new(buf);
                match Pin::new(socket).poll_read(&mut self.waker.context(), &mut buf) {
                    Poll::Pending => return broken,
                    Poll::Ready(read) => read.map(|()| buf.filled().len()),
                }
            }
            read => read,
        };
        match read {
            Ok(0) => broken.or_else(|| {
                self.end = End::Ended;
                Some(Raw::Eof { id })
            }),
            Ok(len) => Some(Raw::Read { id, len }),
            Err(_) => Some(Raw::Broken { id }),
        }
    }

    /// Asks whether the stream is broken, though nothing is read from it.
    fn poll_broken(&mut self, id: u32) -> Option<Raw> {
        if self.writing != Writing::Open || !self.out.is_empty() {
            return None;
        }
        let socket = self.socket.open()?;
        let broken = self.broken.get_or_insert_with(|| socket.broken());
        if broken.as_mut().poll(&mut self.waker.context()).is_pending() {
            return None;
        }
        self.fail();
        Some(Raw::Broken { id })
    }
}

/// How much memory the buffers that nobody uses keep at most, all together.
const MAX_SPARE_LEN: usize = 1024 * 1024;

/// Buffers for what is to be written, which go from stream to stream: an idle stream holds none, and a busy one
/// does not allocate.
#[derive(Debug, Default)]
pub(super) struct Spare {
    buffers: Vec<VecDeque<u8>>,
    /// Their capacities.
    len: usize,
}

impl Spare {
    fn take(&mut self) -> VecDeque<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.len -= buffer.capacity();
        buffer
    }

    fn put(&mut self, buffer: VecDeque<u8>) {
        if buffer.capacity() > 0 && self.len + buffer.capacity() <= MAX_SPARE_LEN {
            self.len += buffer.capacity();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_up_to_a_bound() {
        let mut spare = Spare::default();
        spare.put(VecDeque::new());
        assert_eq!((spare.buffers.len(), spare.take().capacity()), (0, 0));
        let half = || VecDeque::with_capacity(MAX_SPARE_LEN / 2);
        spare.put(half());
        spare.put(half());
        spare.put(VecDeque::with_capacity(1));
        assert_eq!((spare.buffers.len(), spare.len), (2, MAX_SPARE_LEN));
        assert_eq!(spare.take().capacity(), MAX_SPARE_LEN / 2);
        spare.put(VecDeque::with_capacity(1));
        assert_eq!((spare.buffers.len(), spare.len), (2, MAX_SPARE_LEN / 2 + 1));
    }
}
