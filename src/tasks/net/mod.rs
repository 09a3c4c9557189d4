//! Sockets of simulated hosts, with the names and signatures of `tokio::net`.
//!
//! Code that runs on a host made by [`Place::task`](crate::scenario::Place::task) or
//! [`Place::tokio`](crate::scenario::Place::tokio) imports its sockets from here in tests, and from tokio in production:
//!
//! ```
//! #[cfg(not(test))]
//! use tokio::net;
//! #[cfg(test)]
//! use lossproof::net;
//! # use net as _;
//! ```
//!
//! A host has the addresses of its place in the net; `0.0.0.0`, `[::]`, `127.0.0.1` and `[::1]` stand for its own. Names
//! are those of the hosts: `TcpStream::connect("server:80")`. Streams are read by the traits of `tokio::io`. Options that
//! change nothing in a simulated network are kept and given back, and do nothing. As in tokio, Unix sockets are there on Unix
//! alone.
//!
//! A future that is dropped before it is ready has neither received nor sent anything, where tokio promises the same.

mod addr;
mod end;
mod listener;
mod multicast;
mod socket;
mod split;
mod stream;
mod udp;
#[cfg(unix)]
mod unix_addr;
#[cfg(unix)]
mod unix_sockets;

pub use addr::{ToSocketAddrs, lookup_host};
pub use listener::{TcpListener, TcpSocket};
pub use stream::TcpStream;
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix_sockets::{UnixDatagram, UnixListener, UnixStream};

/// The addresses of Unix sockets.
#[cfg(unix)]
pub mod unix {
    pub use super::unix_addr::SocketAddr;
}

/// The halves of a TCP stream.
pub mod tcp {
    pub use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
}

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::hub::Hub;
use super::registry::{Key, note_task, with_hub};
use crate::machine::Peer;

/// Has a task do something with its host when it is the host's turn. A host that is down answers nothing any more.
fn poll_turn<T>(
    key: Key,
    context: &Context<'_>,
    work: impl FnOnce(&mut Hub) -> Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    let polled = with_hub(key, |hub| {
        if hub.is_attached {
            return work(hub);
        }
        hub.defer(context.waker());
        Poll::Pending
    });
    let polled = polled.unwrap_or(Poll::Pending);
    if polled.is_pending() {
        note_task(key);
    }
    polled
}

/// Has a task do something at once, or not at all.
fn try_turn<T>(key: Key, work: impl FnOnce(&mut Hub) -> io::Result<T>) -> io::Result<T> {
    let done = with_hub(key, |hub| if hub.is_attached { work(hub) } else { Err(would_block()) });
    done.unwrap_or_else(|| {
        Err(io::Error::new(io::ErrorKind::NotConnected, "the host of this socket is down"))
    })
}

fn would_block() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the host of this socket is down")
}

fn not_own(address: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::AddrNotAvailable, format!("{address} is no address of this host"))
}

/// An internet address, where there can be no other.
fn inet(peer: Peer) -> io::Result<SocketAddr> {
    peer.inet()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{peer} is no internet address")))
}

/// Tries addresses one after the other; the last error, if none does.
async fn first_of<T, F>(addresses: Vec<SocketAddr>, mut attempt: impl FnMut(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "there is no address to try");
    for address in addresses {
        match attempt(address).await {
            Ok(value) => return Ok(value),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}
