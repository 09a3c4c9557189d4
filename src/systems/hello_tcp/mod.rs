//! hello-tcp: a server that thinks for a second about each name, and about each client by itself.
//!
//! ```text
//! client ◄── Welcome! ─────── server
//! client ── Michael ────────► server
//! client ◄── Hello, Michael! ── server, 1 s later; the same for Tracy and Sarah
//! client ── exit ───────────► server, which closes 1 s later
//! ```
//!
//! What one read of the server brings is a name, so a name that the network cuts is two. The client puts the greetings of
//! its parts together again. (Rows S55 to S61.)

mod client;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

pub use client::{Client, NAMES};
pub use server::{Call, MAX_NAME_LEN, Server};

use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::Escaped;
use crate::machine::{ConnectError, Peer, Status};
use crate::scenario::{Host, Net};
use crate::wire::exact::EarlyEnd;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    unix: true,
    ..About::new(
        "hello-tcp",
        9999,
        Transport::Tcp,
        "a server thinks a second about each name, and no client waits for another's",
    )
};

/// How long the server thinks about what it has read.
pub const PAUSE: Duration = Duration::from_secs(1);
/// What it says to whoever connects.
pub const WELCOME: &[u8; 8] = b"Welcome!";
/// What ends a conversation.
pub const EXIT: &[u8; 4] = b"exit";

/// What stands before a name.
const HELLO: &[u8] = b"Hello, ";
/// What stands after it.
const END: u8 = b'!';
/// How many clients there are.
const CLIENTS: usize = 2;

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is ready for clients.
    WaitingForConnection,
    /// A client has connected.
    Accepted(Peer),
    /// It begins to think about what it has read. The original prints nothing.
    Heard {
        /// From whom.
        peer: Peer,
        /// What one read brought.
        name: Vec<u8>,
    },
    /// It greets a name. The original prints nothing.
    Greeted {
        /// Whose.
        peer: Peer,
        /// The name.
        name: Vec<u8>,
        /// How long it has thought about it, by its own clock.
        after: Duration,
    },
    /// A connection is over.
    Gone(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server has said this.
    Said(Vec<u8>),
    /// The server has said this, and it answers nothing.
    Unexpected(Vec<u8>),
    /// The server's stream ended before what was to come was whole.
    EndedEarly(EarlyEnd),
    /// The connection was reset.
    Reset(Peer),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// It had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitingForConnection => f.write_str("Waiting for connection..."),
            Self::Accepted(peer) => write!(f, "Accept new connection from {peer}..."),
            Self::Heard { name, .. } => write!(f, "heard '{}'", Escaped(name)),
            Self::Greeted { name, .. } => write!(f, "greeted '{}'", Escaped(name)),
            Self::Gone(peer) => write!(f, "Connection from {peer} closed."),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(text) => Escaped(text).fmt(f),
            Self::Unexpected(text) => write!(f, "the server said '{}', which is no answer", Escaped(text)),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// What a terminal shows of the server.
///
/// # Errors
/// If `to` fails.
pub fn print_server(event: &ServerEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ServerEvent::Heard { .. } | ServerEvent::Greeted { .. } => Ok(()),
        event => writeln!(to, "{event}"),
    }
}

/// By when the clients have ended: each waits to be connected, to be welcomed, and then for a greeting of each letter at
/// most.
fn most(options: &Options) -> Duration {
    let letters: usize = NAMES.iter().map(|name| name.len()).sum();
    options.timeout * (2 + letters) as u32
}

/// A server and its clients.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (pause, timeout, most) = (options.scaled(PAUSE), options.timeout, most(options));
    net.max_time(most + pause * 2 + AFTERWARDS);
    let server = net.host("server").listen(ABOUT.port).promises(Server::PROMISES);
    let server = server.machine(move |_| Server::new(pause));
    net.show(server, fmt::Display::fmt);
    let clients: [Host<Client>; CLIENTS] = std::array::from_fn(|index| {
        let client = net.host(format!("client-{}", index + 1)).promises(Client::PROMISES);
        client.machine(move |boot| Client::new(boot.peer(server), timeout))
    });
    for client in clients {
        net.show(client, fmt::Display::fmt);
    }

    server_properties(&net, server, pause);
    client_properties(&net, clients);
    net.eventually_within("the clients end", most, move |run| {
        clients.iter().all(|client| run.status(*client).is_some())
    });
    net
}

fn server_properties(net: &Net, server: Host<Server>, pause: Duration) {
    // What was heard and is not greeted yet. What the pause is goes by the server's own clock, which a fault may have
    // set forward.
    net.fold("each greeting is of the name that was heard, and not before its pause is over", BTreeMap::new)
        .on(server, move |unanswered: &mut BTreeMap<Peer, Vec<u8>>, event, _| match event {
            ServerEvent::Heard { peer, name } => unanswered.insert(*peer, name.clone()).is_none(),
            ServerEvent::Greeted { peer, name, after } => {
                unanswered.remove(peer).is_some_and(|heard| heard == *name && *after >= pause)
            }
            ServerEvent::Gone(peer) => {
                unanswered.remove(peer);
                true
            }
            ServerEvent::WaitingForConnection => {
                // It has started anew.
                unanswered.clear();
                true
            }
            ServerEvent::Accepted(_) => true,
        });
    net.fold("a connection is over once, after it was accepted", BTreeSet::new).on(
        server,
        |open, event, _| match event {
            ServerEvent::Accepted(peer) => open.insert(*peer),
            ServerEvent::Gone(peer) => open.remove(peer),
            ServerEvent::WaitingForConnection => {
                open.clear();
                true
            }
            ServerEvent::Heard { .. } | ServerEvent::Greeted { .. } => true,
        },
    );
}

fn client_properties(net: &Net, clients: [Host<Client>; CLIENTS]) {
    // How much of its names each client was greeted by, once it was welcomed.
    let mut in_order = net.fold("the clients are greeted by their names, in order", || [None; CLIENTS]);
    for (index, client) in clients.into_iter().enumerate() {
        in_order = in_order.on(client, move |greeted: &mut [Option<usize>; CLIENTS], event, _| {
            let ClientEvent::Said(text) = event else { return true };
            if text == WELCOME {
                // Whoever starts anew is welcomed again.
                greeted[index] = Some(0);
                return true;
            }
            let (Some(before), Some(name)) = (&mut greeted[index], greeting_of(text)) else { return false };
            let is_next = NAMES.concat().as_bytes()[*before..].starts_with(name);
            *before += name.len();
            is_next
        });
    }
    net.always("who succeeds was greeted by all of its names", move |run| {
        clients.iter().all(|client| {
            // Who was stopped ends well, too.
            let is_over = run.state(*client).is_some_and(Client::is_over);
            let succeeds = is_over && run.status(*client) == Some(Status::Success);
            !succeeds || greeted(run.events(*client)) == NAMES.concat().as_bytes()
        })
    });
}

/// The names in what a client was told since it was welcomed, one after another.
fn greeted(events: &[ClientEvent]) -> Vec<u8> {
    let is_welcome = |event: &ClientEvent| matches!(event, ClientEvent::Said(text) if text == WELCOME);
    let welcomed = events.iter().rposition(is_welcome).unwrap_or(events.len());
    let names = events[welcomed..].iter().filter_map(|event| match event {
        ClientEvent::Said(text) => greeting_of(text),
        _ => None,
    });
    names.flatten().copied().collect()
}

/// The name in a greeting.
fn greeting_of(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(HELLO).and_then(|rest| rest.strip_suffix(&[END]))
}
