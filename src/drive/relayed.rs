//! What a proxy needs of the sockets here: streams that are read and written by whoever finds them ready.

use std::io;
use std::net::Shutdown;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::SockRef;

pub(crate) use super::driver::{after, clock, elapsed};
pub(crate) use super::inbox::Inbox;
pub(crate) use super::listener::Listener;
pub(crate) use super::net::{Binding, Listen, Manner, Net, Packet, Stream as Aborts};
pub(crate) use super::system::{Calls, Listener as Listening, Relayed, Stream, System};

impl Stream {
    /// Ends once something can be read, or an end is there.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Inet(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    /// Ends once something can be written, or the stream is broken.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Inet(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
        }
    }

    /// Reads what is there.
    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Inet(stream) => stream.try_read(buf),
            Self::Unix(stream) => stream.try_read(buf),
        }
    }

    /// Writes what there is room for.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Inet(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// Ends the direction that goes out.
    pub(crate) fn end(&self) {
        // A stream that is broken has ended already.
        let _ = match self {
            Self::Inet(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        };
    }
}

/// Raises the soft limit of open files to the hard one, for each client takes one or two. A limit that cannot be raised
/// stays.
pub(crate) fn raise_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
