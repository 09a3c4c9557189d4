//! tcp-deadlock: a server that answers while it is still being asked, and a client that had better listen.
//!
//! ```text
//! client ── capitalize this!capitalize this!… ──► server
//! client ◄── CAPITALIZE THIS!CAPITALIZE THIS!… ── server, which closes at the end
//! ```
//!
//! The original client writes everything before it reads. Its answers fill the buffers on their way back, the server can
//! write no more and so reads no more, and the questions fill the buffers on their way there: both wait for ever. This
//! client reads while it writes. (Rows S28 to S30.)

mod client;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::Client;
pub use server::{Call, Server};

use super::{AFTERWARDS, About, Options, Transport};
use crate::machine::{ConnectError, Peer, Status};
use crate::scenario::Net;
use crate::wire::exact::EarlyEnd;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    options: &["bytes"],
    ..About::new(
        "tcp-deadlock",
        1060,
        Transport::Tcp,
        "a server answers while it is asked; who does not listen meanwhile waits for ever",
    )
};

/// What the client says, again and again.
pub const TEXT: &[u8; 16] = b"capitalize this!";

/// How many inputs there may be beside those of the bytes.
const BASE_INPUTS: u64 = 100_000;
/// How many inputs a byte causes at most, on its way there and back, where the network cuts the streams at every byte.
const MAX_INPUTS_PER_BYTE: u64 = 8;

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here.
    Listening(Peer),
    /// A client has connected.
    Accepted(Peer),
    /// It has answered all of a client's bytes and closed.
    Processed {
        /// Whose.
        peer: Peer,
        /// How many.
        len: u64,
    },
    /// A connection was reset before its end.
    Reset(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It begins to send so many bytes.
    Sending(u64),
    /// It has got everything back.
    Finished {
        /// How many bytes it has sent.
        sent_len: u64,
        /// How many it has got back.
        received_len: u64,
    },
    /// What came back is not what was sent, from this byte on.
    Wrong(u64),
    /// The server's stream ended before everything was back.
    EndedEarly(EarlyEnd),
    /// The connection was reset before its end.
    Reset(Peer),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// Nothing was written or read in this time.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Accepted(peer) => write!(f, "Processing up to 1024 bytes at a time from {peer}"),
            Self::Processed { peer, len } => write!(f, "  {len} bytes from {peer} processed, socket closed"),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sending(len) => write!(f, "Sending {len} bytes of data, in chunks of 16 bytes"),
            Self::Finished { sent_len, received_len } => {
                write!(f, "  {sent_len} bytes sent, {received_len} bytes received")
            }
            Self::Wrong(at) => write!(f, "the answer is not what was sent, from byte {at} on"),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// By when the client has ended: it waits for every few bytes, at most.
fn most(options: &Options) -> Duration {
    const LEAST_PROGRESS_LEN: u64 = 4096;
    let waits = options.bytes / LEAST_PROGRESS_LEN + 8;
    options.timeout.saturating_mul(u32::try_from(waits).unwrap_or(u32::MAX))
}

/// A server and a client of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (bytes, timeout, most) = (options.bytes, options.timeout, most(options));
    net.max_time(most + AFTERWARDS);
    net.max_inputs(bytes.saturating_mul(MAX_INPUTS_PER_BYTE).saturating_add(BASE_INPUTS));
    let server = net.host("server").listen(ABOUT.port).promises(Server::PROMISES);
    let server = server.machine(|_| Server::default());
    let client = net.host("client").promises(Client::PROMISES);
    let client = client.machine(move |boot| Client::new(boot.peer(server), bytes, timeout));
    net.show(server, |event, f| f.write_str(event.to_string().trim_start()));
    net.show(client, |event, f| f.write_str(event.to_string().trim_start()));

    net.never("the client gets back something else than it has sent", move |run| {
        matches!(run.events(client).last(), Some(ClientEvent::Wrong(_)))
    });
    net.always("who succeeds has sent everything and got everything back", move |run| {
        let is_whole = match run.events(client).last() {
            Some(&ClientEvent::Finished { sent_len, received_len }) => {
                sent_len == received_len && sent_len >= bytes
            }
            _ => false,
        };
        // Who was stopped ends well, too.
        let is_over = run.state(client).is_some_and(Client::is_over);
        run.status(client) != Some(Status::Success) || !is_over || is_whole
    });
    net.fold("the server processes no more than was sent", || ()).on(
        server,
        move |(), event, _| match *event {
            ServerEvent::Processed { len, .. } => len < bytes + TEXT.len() as u64,
            _ => true,
        },
    );
    net.eventually_within("the client ends", most, move |run| run.status(client).is_some());
    net
}
