//! udp-remote: request and reply over a network that loses datagrams, with exponential backoff.
//!
//! ```text
//! client ── This is another message ──► server     0.0   again at 0.1, 0.3, 0.7, 1.5
//! client ◄── Your data was 23 bytes long ── server        and given up at 3.1
//! ```
//!
//! With ids each request and its reply begin with eight hex digits, so that a late or doubled reply to another request
//! is not taken for the answer. Neither form has a checksum of its own, so neither claims to withstand changed bytes: UDP's
//! checksum makes a loss of a changed datagram, and `--corrupt`, which changes what is behind it, shows what it is good for.
//!
//! With a key each ends with a [`seal`] as well, which only who has the key can make, and which is of this text, in this
//! direction. What was forged or changed is ignored, so this form claims to withstand it; and so is a reply that was recorded, since its id is another one.
//! (Rows S09 to S17, S100 to S103.)

mod client;
pub mod seal;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::Client;
pub use server::Server;

use super::altered::UNCHECKED;
use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::Escaped;
use crate::fault::{Chance, FaultKind};
use crate::machine::Peer;
use crate::parts::backoff::Backoff;
use crate::scenario::Net;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    client_connects: true,
    options: &["drop", "ids", "key"],
    ..About::new(
        "udp-remote",
        1060,
        Transport::Udp,
        "a request is sent again with exponential backoff until it is answered",
    )
};

/// What the client asks.
pub const MESSAGE: &str = "This is another message";
/// What it asks one after another where requests have ids.
pub const MESSAGES_WITH_IDS: [&str; 3] = [MESSAGE, "Another message, and a longer one", "The last one"];

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// It is bound here.
    Listening(Peer),
    /// A client has said something.
    Asked {
        /// Who.
        peer: Peer,
        /// What, without its id and its seal.
        text: Vec<u8>,
    },
    /// It drops a request of this client.
    Dropping(Peer),
    /// It expects ids, and this client's request has none.
    WithoutId(Peer),
    /// It has a key, and this request was not sealed with it, or has been changed.
    NotAuthentic(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// Its socket has this address.
    SocketName(Peer),
    /// It waits so long for a reply.
    Waiting(Duration),
    /// The server has answered.
    Replied {
        /// The request that it answers, from 0.
        request: usize,
        /// The answer, without its id and its seal.
        text: Vec<u8>,
    },
    /// It has given up.
    GaveUp,
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, text } => write!(f, "The client at {peer} says '{}'", Escaped(text)),
            Self::Dropping(peer) => write!(f, "Pretending to drop packet from {peer}"),
            Self::WithoutId(peer) => write!(f, "Ignoring a request without an id from {peer}"),
            Self::NotAuthentic(peer) => write!(f, "Ignoring a request that is not authentic from {peer}"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SocketName(local) => write!(f, "Client socket name is {local}"),
            Self::Waiting(span) => write!(f, "Waiting up to {} seconds for a reply", span.as_secs_f64()),
            Self::Replied { text, .. } => write!(f, "The server says '{}'", Escaped(text)),
            Self::GaveUp => f.write_str("I think the server is down"),
        }
    }
}

/// A server and a client of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (messages, backoff) = (messages(options), backoff(options));
    let most = backoff.total() * messages.len() as u32;
    net.max_time(most + AFTERWARDS);
    let server = net.host("server").udp(ABOUT.port);
    let of_server = options.clone();
    let server = server.machine(move |boot| Server::chosen(&of_server, boot));
    let of_client = options.clone();
    let client = net
        .host("client")
        .udp(0)
        .connected(server)
        .machine(move |boot| Client::chosen(&of_client, boot.peer(server), boot, backoff));
    net.show(server, fmt::Display::fmt);
    net.show(client, fmt::Display::fmt);

    net.fold("a reply answers the request it is for", || ()).on(client, move |(), event, _| match event {
        ClientEvent::Replied { request, text } => tells_length(text, messages[*request].len()),
        _ => true,
    });
    if options.key.is_some() {
        net.fold("the server is asked only what the client asks", || ()).on(server, move |(), event, _| {
            match event {
                ServerEvent::Asked { text, .. } => messages.iter().any(|message| message.as_bytes() == text),
                _ => true,
            }
        });
    }
    net.fold("requests are answered once each, in order", || 0).on(
        client,
        |answered, event, _| match event {
            ClientEvent::Replied { request, .. } => {
                *answered += 1;
                *request + 1 == *answered
            }
            ClientEvent::SocketName(_) => {
                // It has started anew.
                *answered = 0;
                true
            }
            _ => true,
        },
    );
    net.fold("a request is sent no more often than the schedule allows", || 0).on(
        client,
        move |sends, event, _| {
            match event {
                ClientEvent::Waiting(_) => *sends += 1,
                ClientEvent::Replied { .. } | ClientEvent::SocketName(_) => *sends = 0,
                ClientEvent::GaveUp => {}
            }
            *sends <= backoff.attempts()
        },
    );
    // Waits go by the client's own clock, and these bounds by the time.
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    if options.key.is_none() {
        net.rules_out(UNCHECKED);
    }
    net.eventually_within("the client ends when all waits are over", most, move |run| {
        run.status(client).is_some()
    });
    net.sometimes("the client gives up", move |run| run.events(client).last() == Some(&ClientEvent::GaveUp));
    net
}

/// How large a share of runs the client succeeds in, where each datagram is lost with this chance and nothing else goes
/// wrong: from a formula, if there is one for these options.
pub fn success_share(options: &Options, loss: Chance) -> Option<f64> {
    // With other delays a reply may come after the client has sent again, or has gone.
    if options.time_scale.to_bits() != 1_f64.to_bits() {
        return None;
    }
    // A request and its reply pass, and the server drops neither.
    let passes = 1.0 - loss.as_f64();
    let fails = 1.0 - passes * passes * (1.0 - options.drop.as_f64());
    let product = |factor: f64, times: usize| (0..times).fold(1.0, |product, _| product * factor);
    let answered = 1.0 - product(fails, backoff(options).attempts() as usize);
    Some(product(answered, messages(options).len()))
}

fn tells_length(reply: &[u8], len: usize) -> bool {
    reply == format!("Your data was {len} bytes long").as_bytes()
}

/// Whether requests have ids: a seal without one could be sent again.
const fn has_ids(options: &Options) -> bool {
    options.ids || options.key.is_some()
}

fn messages(options: &Options) -> &'static [&'static str] {
    if has_ids(options) { &MESSAGES_WITH_IDS } else { &[MESSAGE] }
}

pub(crate) fn backoff(options: &Options) -> Backoff {
    // A scale that the command line would refuse leaves the original's delays.
    Backoff::CLASSIC.scaled(options.time_scale).unwrap_or(Backoff::CLASSIC)
}
