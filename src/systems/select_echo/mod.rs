//! select-echo: one loop serves many connections, and each gets back what it says.
//!
//! ```text
//! client, 4 connections ── This is the message version 1 … 4 ──► server
//!                       ◄── the same on each ──                  three rounds of it
//! ```
//!
//! The server ends when for 20 s nothing has happened at all. A client that does not read is not read from, so that what
//! is queued for it stays within a bound and is not lost. (Rows S36 to S46.)

mod client;
mod server;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

pub use client::{Client, MESSAGES, SOCKETS};
pub use server::Server;

use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::Escaped;
use crate::machine::{ConnectError, Peer};
use crate::scenario::{Host, Net};
use crate::wire::exact::EarlyEnd;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    unix: true,
    ..About::new(
        "select-echo",
        10001,
        Transport::Tcp,
        "one loop echoes on many connections; slow readers slow only themselves",
    )
};

/// After how long without any event the server ends.
pub const IDLE: Duration = Duration::from_secs(20);

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It has nothing to do for now.
    Waiting {
        /// How long it has been up then, by its own clock.
        up: Duration,
    },
    /// A client has connected.
    Connection(Peer),
    /// It has read this from a client.
    Heard {
        /// Whom.
        peer: Peer,
        /// What one read brought.
        text: Vec<u8>,
    },
    /// It has written this to a client.
    Echoed {
        /// Whom.
        peer: Peer,
        /// What one write took.
        text: Vec<u8>,
    },
    /// Nothing is left to be written to a client.
    QueueEmpty(Peer),
    /// A client will say no more, and its connection is closed.
    Closing(Peer),
    /// A connection was reset.
    Exception(Peer),
    /// Nothing has happened for so long that the server ends.
    TimedOut {
        /// How long it had been up then, by its own clock.
        up: Duration,
    },
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It begins.
    Connecting,
    /// It sends a message.
    Sending {
        /// The address of the server.
        peer: Peer,
        /// The message.
        text: String,
    },
    /// It has got a whole reply.
    Received {
        /// The address of the server.
        peer: Peer,
        /// The reply.
        text: Vec<u8>,
    },
    /// It closes one of its connections.
    ClosingSocket(Peer),
    /// A connection ended before the reply was whole.
    EndedEarly(EarlyEnd),
    /// A connection was reset.
    Reset(Peer),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// It had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { .. } => f.write_str("waiting for next event"),
            Self::Connection(peer) => write!(f, "  connection from {peer}"),
            Self::Heard { peer, text } => write!(f, " received {} from {peer}", Escaped(text)),
            Self::Echoed { peer, text } => write!(f, " sending {} to {peer}", Escaped(text)),
            Self::QueueEmpty(peer) => write!(f, " {peer} queue empty"),
            Self::Closing(peer) => write!(f, " closing {peer}"),
            Self::Exception(peer) => write!(f, " exception condition on {peer}"),
            Self::TimedOut { .. } => f.write_str("Time out !"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("Connect to the server"),
            Self::Sending { peer, text } => write!(f, "{peer} sending {text}"),
            Self::Received { peer, text } => write!(f, "{peer} received {}", Escaped(text)),
            Self::ClosingSocket(peer) => write!(f, "closing socket {peer}"),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// By when the client has ended: it waits to be connected, and then for each reply.
fn most(options: &Options) -> Duration {
    options.timeout * (1 + MESSAGES.len() * SOCKETS) as u32
}

/// A server and a client of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (idle, timeout, most) = (options.scaled(IDLE), options.timeout, most(options));
    net.max_time(most + idle + AFTERWARDS);
    let server = net.host("server").listen(ABOUT.port).promises(Server::PROMISES);
    let server = server.machine(move |_| Server::new(idle));
    let client = net.host("client").promises(Client::PROMISES);
    let client = client.machine(move |boot| Client::new(boot.peer(server), timeout));
    net.show(server, |event, f| f.write_str(event.to_string().trim_start()));
    net.show(client, |event, f| f.write_str(event.to_string().trim_start()));

    server_properties(&net, server, idle);
    client_properties(&net, client);
    net.eventually_within("the client ends", most, move |run| run.status(client).is_some());
    net
}

fn server_properties(net: &Net, server: Host<Server>, idle: Duration) {
    net.fold("each client hears what it has said, in order and nothing else", BTreeMap::new).on(
        server,
        |unanswered: &mut BTreeMap<Peer, VecDeque<u8>>, event, _| match event {
            ServerEvent::Connection(peer) => {
                unanswered.insert(*peer, VecDeque::new());
                true
            }
            ServerEvent::Heard { peer, text } => {
                unanswered.entry(*peer).or_default().extend(text);
                true
            }
            ServerEvent::Echoed { peer, text } => {
                let heard = unanswered.entry(*peer).or_default();
                text.len() <= heard.len() && heard.drain(..text.len()).eq(text.iter().copied())
            }
            _ => true,
        },
    );
    // Since when it waits, by its own clock, which a fault may set forward.
    net.fold("the server ends only after so long without any event", || None).on(
        server,
        move |waits_since: &mut Option<Duration>, event, _| {
            let since = waits_since.take();
            match event {
                ServerEvent::Waiting { up } => *waits_since = Some(*up),
                ServerEvent::TimedOut { up } => return since.is_some_and(|since| *up >= since + idle),
                _ => {}
            }
            true
        },
    );
}

fn client_properties(net: &Net, client: Host<Client>) {
    net.fold("each reply is the whole message that it answers", VecDeque::new).on(
        client,
        |unanswered: &mut VecDeque<String>, event, _| {
            match event {
                ClientEvent::Connecting => unanswered.clear(),
                ClientEvent::Sending { text, .. } => unanswered.push_back(text.clone()),
                ClientEvent::Received { text, .. } => {
                    return unanswered.pop_front().is_some_and(|said| said.as_bytes() == text);
                }
                _ => {}
            }
            true
        },
    );
    // How many connections are closed, and how many replies there were.
    net.fold("who closes all its connections has all replies", || (0, 0)).on(
        client,
        |(closed, replies), event, _| {
            match event {
                ClientEvent::Connecting => (*closed, *replies) = (0, 0),
                ClientEvent::ClosingSocket(_) => *closed += 1,
                ClientEvent::Received { .. } => *replies += 1,
                _ => {}
            }
            *closed < SOCKETS || *replies == MESSAGES.len() * SOCKETS
        },
    );
}
