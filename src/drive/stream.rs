//! One stream of the sockets: what is to be written to it, and how it ends.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;

use super::net;
use super::ready::StreamWaker;
use super::sockets::Raw;

/// A socket with what is to be written to it. Its errors are not told apart: whatever they are, it is broken.
pub(super) struct Stream<S> {
    /// None while it is being dialed.
    pub(super) socket: Option<S>,
    pub(super) waker: Arc<StreamWaker>,
    pub(super) reading: bool,
    out: VecDeque<u8>,
    eof: bool,
    shutdown: Shutdown,
    /// Writing has failed; what the peer had sent before is still read.
    failed: bool,
}

/// How far the end of this direction is.
#[derive(Clone, Copy, PartialEq)]
enum Shutdown {
    Open,
    Wanted,
    Done,
}

impl<S: net::Stream> Stream<S> {
    pub(super) fn new(socket: Option<S>, waker: Arc<StreamWaker>) -> Self {
        let (out, shutdown) = (VecDeque::new(), Shutdown::Open);
        Self { socket, waker, reading: true, out, eof: false, shutdown, failed: false }
    }

    /// Adds bytes to what is to be written.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.out.extend(bytes);
        }
    }

    /// Ends this direction once everything is written.
    pub(super) fn shutdown(&mut self) {
        if self.shutdown == Shutdown::Open {
            self.shutdown = Shutdown::Wanted;
        }
    }

    /// Whether nothing can be written any more, which reading will report.
    pub(super) const fn is_failed(&self) -> bool {
        self.failed
    }

    /// Writes some of what is left, then ends this direction if that is wanted.
    pub(super) fn poll_write(&mut self, id: u32) -> Option<Raw> {
        let socket = self.socket.as_mut().filter(|_| !self.failed)?;
        let waker = Waker::from(Arc::clone(&self.waker));
        let cx = &mut Context::from_waker(&waker);
        let socket = Pin::new(socket);
        let (front, back) = self.out.as_slices();
        if !front.is_empty() {
            let slices = [io::IoSlice::new(front), io::IoSlice::new(back)];
            return match socket.poll_write_vectored(cx, &slices) {
                Poll::Pending => None,
                Poll::Ready(Ok(len)) => {
                    self.out.drain(..len);
                    Some(Raw::Wrote { id, len })
                }
                Poll::Ready(Err(_)) => self.fail(),
            };
        }
        if self.shutdown != Shutdown::Wanted {
            return None;
        }
        match socket.poll_shutdown(cx) {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => {
                self.shutdown = Shutdown::Done;
                Some(Raw::ShutDown { id })
            }
            Poll::Ready(Err(_)) => self.fail(),
        }
    }

    /// A peer that answers and resets leaves its answer to be read, so a failed write does not end the stream yet.
    fn fail(&mut self) -> Option<Raw> {
        self.failed = true;
        self.out = VecDeque::new();
        None
    }

    /// Reads one slice, if this stream is read at all.
    pub(super) fn poll_read(&mut self, id: u32, buf: &mut [u8]) -> Option<Raw> {
        if !self.reading || self.eof {
            return self.failed.then_some(Raw::Broken { id });
        }
        let socket = Pin::new(self.socket.as_mut()?);
        let waker = Waker::from(Arc::clone(&self.waker));
        let mut buf = ReadBuf::new(buf);
        match socket.poll_read(&mut Context::from_waker(&waker), &mut buf) {
            Poll::Pending => self.failed.then_some(Raw::Broken { id }),
            Poll::Ready(Ok(())) => match buf.filled().len() {
                0 if self.failed => Some(Raw::Broken { id }),
                0 => {
                    self.eof = true;
                    Some(Raw::Eof { id })
                }
                len => Some(Raw::Read { id, len }),
            },
            Poll::Ready(Err(_)) => Some(Raw::Broken { id }),
        }
    }
}
