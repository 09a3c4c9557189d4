//! The two directions of a TCP stream, each by itself.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::TcpStream;

/// The direction of a borrowed stream that is read.
#[derive(Debug)]
pub struct ReadHalf<'a>(pub(super) &'a TcpStream);

/// The direction of a borrowed stream that is written to.
#[derive(Debug)]
pub struct WriteHalf<'a>(pub(super) &'a TcpStream);

/// The direction of a stream that is read.
#[derive(Debug)]
pub struct OwnedReadHalf(pub(super) TcpStream);

/// The direction of a stream that is written to. When it is dropped, that direction ends.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    /// There until it is dropped or put together again.
    pub(super) stream: Option<TcpStream>,
    pub(super) shuts: bool,
}

/// Two halves that are not of one stream.
#[derive(Debug)]
pub struct ReuniteError(
    /// The one half.
    pub OwnedReadHalf,
    /// The other half.
    pub OwnedWriteHalf,
);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these two halves are not of one stream")
    }
}

impl Error for ReuniteError {}

impl OwnedReadHalf {
    /// Puts the two halves of a stream together.
    ///
    /// # Errors
    /// [`ReuniteError`] with both, if they are of two streams.
    pub fn reunite(self, mut other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        match other.stream.take() {
            Some(stream) if Arc::ptr_eq(&stream.end, &self.0.end) => Ok(stream),
            stream => Err(ReuniteError(self, OwnedWriteHalf { stream, shuts: other.shuts })),
        }
    }
}

impl OwnedWriteHalf {
    fn stream(&self) -> io::Result<&TcpStream> {
        self.stream.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Puts the two halves of a stream together.
    ///
    /// # Errors
    /// [`ReuniteError`] with both, if they are of two streams.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }

    /// Drops this half and leaves its direction open.
    pub fn forget(mut self) {
        self.shuts = false;
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream()?.peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the host is down.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream()?.local_addr()
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    /// If the host is down.
    pub async fn writable(&self) -> io::Result<()> {
        self.stream()?.writable().await
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// As [`TcpStream::try_write`].
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream()?.try_write(bytes)
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.as_ref().filter(|_| self.shuts) {
            stream.end.shut();
        }
    }
}

/// What both kinds of read halves can be asked.
macro_rules! read_half {
    ($half:ty) => {
        impl $half {
            /// The address of the other end.
            ///
            /// # Errors
            /// If the host is down.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.0.peer_addr()
            }

            /// The address of this end.
            ///
            /// # Errors
            /// If the host is down.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.0.local_addr()
            }

            /// Waits until something can be read.
            ///
            /// # Errors
            /// If the host is down.
            pub async fn readable(&self) -> io::Result<()> {
                self.0.readable().await
            }

            /// Reads what has come.
            ///
            /// # Errors
            /// As [`TcpStream::try_read`].
            pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
                self.0.try_read(into)
            }

            /// Looks at the bytes that come next, which stay.
            ///
            /// # Errors
            /// As [`TcpStream::peek`].
            pub async fn peek(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0.peek(into).await
            }
        }

        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                into: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.0.end.poll_read(context, into, true)
            }
        }
    };
}

read_half!(ReadHalf<'_>);
read_half!(OwnedReadHalf);

impl AsyncWrite for WriteHalf<'_> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.end.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.end.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.end.poll_shutdown(context)
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.end.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.end.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.end.poll_shutdown(context)
    }
}
