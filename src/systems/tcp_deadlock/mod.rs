//! tcp-deadlock: a server that answers while it is still being asked, and a client that had better listen.
//!
//! ```text
//! client ── capitalize this!capitalize this!… ──► server
//! client ◄── CAPITALIZE THIS!CAPITALIZE THIS!… ── server, which closes at the end
//! ```
//!
//! The original client writes everything before it reads. Its answers fill the buffers on their way back, the server can
//! write no more and so reads no more, and the questions fill the buffers on their way there: both wait for ever. This
//! client reads while it writes; the original's way is the bug `writes-before-reading`. (Rows S28 to S30.)

mod client;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::Client;
pub use server::{Call, Server};

use super::{AFTERWARDS, About, Bug, CLIENT, Options, SERVER, System, Transport};
use crate::check::Property;
use crate::machine::{Boot, BoxedMachine, ConnectError, Peer, Status};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::exact::EarlyEnd;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct TcpDeadlock;

/// What the client says, again and again.
pub const TEXT: &[u8; 16] = b"capitalize this!";
/// The original's way: everything is written before anything is read.
pub const WRITES_BEFORE_READING: &str = "writes-before-reading";
/// How many bytes a simulated client sends, where the user names no number: enough to fill all buffers there and back.
pub const SIMULATED_BYTES: u64 = 160 * 1024;

/// How many inputs a byte causes at most, on its way there and back, where the network cuts the streams at every byte.
const MAX_INPUTS_PER_BYTE: u64 = 8;

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here.
    Listening(Peer),
    /// A client has connected to the server.
    Accepted(Peer),
    /// The server has answered all of a client's bytes and closed.
    Processed {
        /// Whose.
        peer: Peer,
        /// How many.
        len: u64,
    },
    /// A connection was reset before its end.
    Reset(Peer),
    /// The client begins to send so many bytes.
    Sending(u64),
    /// The client has got everything back.
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
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// Nothing was written or read in this time.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Accepted(peer) => write!(f, "Processing up to 1024 bytes at a time from {peer}"),
            Self::Processed { peer, len } => write!(f, "  {len} bytes from {peer} processed, socket closed"),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::Sending(len) => write!(f, "Sending {len} bytes of data, in chunks of 16 bytes"),
            Self::Finished { sent_len, received_len } => {
                write!(f, "  {sent_len} bytes sent, {received_len} bytes received")
            }
            Self::Wrong(at) => write!(f, "the answer is not what was sent, from byte {at} on"),
            Self::EndedEarly(early) => early.fmt(f),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// How many bytes a simulated client is asked to send.
const fn simulated_bytes(options: &Options) -> u64 {
    if options.bytes == Options::BYTES { SIMULATED_BYTES } else { options.bytes }
}

/// By when the client of a simulated run has ended: it waits for every few bytes, at most.
fn most(options: &Options) -> Duration {
    const LEAST_PROGRESS_LEN: u64 = 4096;
    let waits = simulated_bytes(options) / LEAST_PROGRESS_LEN + 8;
    options.timeout.saturating_mul(u32::try_from(waits).unwrap_or(u32::MAX))
}

impl System for TcpDeadlock {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        options: &["bytes"],
        bugs: &[Bug::new(WRITES_BEFORE_READING, "everything is written before anything is read", "")],
        ..About::new(
            "tcp-deadlock",
            1060,
            Transport::Tcp,
            "a server answers while it is asked; who does not listen meanwhile waits for ever",
        )
    };

    fn server(_: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Server::default())
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Client::new(server, options.bytes, options))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + most(options) + AFTERWARDS;
        scenario.max_inputs += simulated_bytes(options).saturating_mul(MAX_INPUTS_PER_BYTE);
        scenario.show = |event: &Event, f| f.write_str(event.to_string().trim_start());
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let server =
            scenario.host_promising("server", binding, Server::PROMISES, |_| Box::new(Server::default()));
        let (peer, options) = (scenario.peer(server), options.clone());
        scenario.host_promising("client", Binding::Dialer, Client::PROMISES, move |_| {
            Box::new(Client::new(peer, simulated_bytes(&options), &options))
        });
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let bytes = simulated_bytes(options);
        vec![
            Property::never("the client gets back something else than it has sent", |view| {
                view.of(CLIENT).any(|event| matches!(event, Event::Wrong(_)))
            }),
            Property::always("who succeeds has sent everything and got everything back", move |view| {
                let is_whole = |event: &Event| match *event {
                    Event::Finished { sent_len, received_len } => {
                        sent_len == received_len && sent_len >= bytes
                    }
                    _ => false,
                };
                view.status(CLIENT) != Some(Status::Success) || view.of(CLIENT).any(is_whole)
            }),
            Property::always("the server processes no more than was sent", move |view| {
                view.of(SERVER).all(|event| match *event {
                    Event::Processed { len, .. } => len < bytes + TEXT.len() as u64,
                    _ => true,
                })
            }),
            Property::eventually_within("the client ends", most(options), |view| {
                view.status(CLIENT).is_some()
            }),
        ]
    }
}
