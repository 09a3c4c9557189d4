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

use std::fmt;
use std::time::Duration;

pub use client::{Client, NAMES};
pub use server::{Call, MAX_NAME_LEN, Server};

use super::escaped::Escaped;
use super::{AFTERWARDS, About, Options, SERVER, System, Transport, bugs};
use crate::check::{Property, View};
use crate::host::HostId;
use crate::machine::{Boot, BoxedMachine, ConnectError, Peer, Status};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::exact::EarlyEnd;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct HelloTcp;

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
/// The clients of a scenario.
const CLIENTS: [HostId; 2] = [HostId(1), HostId(2)];

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is ready for clients.
    WaitingForConnection,
    /// A client has connected to the server.
    Accepted(Peer),
    /// The server begins to think about what it has read. The original prints nothing.
    Heard {
        /// From whom.
        peer: Peer,
        /// What one read brought.
        name: Vec<u8>,
    },
    /// The server greets a name. The original prints nothing.
    Greeted {
        /// Whose.
        peer: Peer,
        /// The name.
        name: Vec<u8>,
        /// How long it has thought about it, by its own clock.
        after: Duration,
    },
    /// A connection of the server is over.
    Gone(Peer),
    /// The server has said this to the client.
    Said(Vec<u8>),
    /// The server has said this to the client, and it answers nothing.
    Unexpected(Vec<u8>),
    /// The server's stream ended before what was to come was whole.
    EndedEarly(EarlyEnd),
    /// The client's connection was reset.
    Reset(Peer),
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// The client had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitingForConnection => f.write_str("Waiting for connection..."),
            Self::Accepted(peer) => write!(f, "Accept new connection from {peer}..."),
            Self::Heard { name, .. } => write!(f, "heard '{}'", Escaped(name)),
            Self::Greeted { name, .. } => write!(f, "greeted '{}'", Escaped(name)),
            Self::Gone(peer) => write!(f, "Connection from {peer} closed."),
            Self::Said(text) => Escaped(text).fmt(f),
            Self::Unexpected(text) => write!(f, "the server said '{}', which is no answer", Escaped(text)),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// By when the clients of a simulated run have ended: each waits to be connected, to be welcomed, and then for a greeting
/// of each letter at most.
fn most(options: &Options) -> Duration {
    let letters: usize = NAMES.iter().map(|name| name.len()).sum();
    options.timeout * (2 + letters) as u32
}

/// Whether every greeting is of the name that was heard last from there, and no sooner than after the pause: by the
/// server's own clock, which a fault may have set forward.
fn greetings_take_their_time(view: &View<'_, Event>, pause: Duration) -> bool {
    let mut unanswered: Vec<(Peer, &[u8])> = Vec::new();
    view.of(SERVER).all(|event| match event {
        Event::Heard { peer, name } => {
            let is_next = unanswered.iter().all(|(other, _)| other != peer);
            unanswered.push((*peer, name));
            is_next
        }
        Event::Greeted { peer, name, after } => {
            let heard = unanswered.iter().position(|(other, _)| other == peer);
            let heard = heard.map(|index| unanswered.swap_remove(index));
            heard.is_some_and(|(_, heard)| heard == name && *after >= pause)
        }
        _ => true,
    })
}

/// The names in what a client was told, one after another; `None` if there is anything but a welcome and greetings.
fn greeted(view: &View<'_, Event>, client: HostId) -> Option<Vec<u8>> {
    let mut said = view.of(client).filter_map(|event| match event {
        Event::Said(text) => Some(text.as_slice()),
        _ => None,
    });
    let is_welcome = said.next().is_none_or(|text| text == WELCOME);
    let names: Option<Vec<&[u8]>> =
        said.map(|text| text.strip_prefix(HELLO).and_then(|rest| rest.strip_suffix(&[END]))).collect();
    names.filter(|_| is_welcome).map(|names| names.concat())
}

impl System for HelloTcp {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        unix: true,
        bugs: bugs::hello_tcp::ALL,
        ..About::new(
            "hello-tcp",
            9999,
            Transport::Tcp,
            "a server thinks a second about each name, and no client waits for another's",
        )
    };

    fn server(options: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        bugs::hello_tcp::server(options.bug, Server::new(options.scaled(PAUSE)))
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Client::new(server, options.timeout))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let pause = options.scaled(PAUSE);
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + most(options) + pause * 2 + AFTERWARDS;
        scenario.show = |event: &Event, f| write!(f, "{event}");
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let of_server = options.clone();
        let server = scenario
            .host_promising("server", binding, Server::PROMISES, move |boot| Self::server(&of_server, boot));
        let (peer, timeout) = (scenario.peer(server), options.timeout);
        for client in CLIENTS {
            let name = format!("client-{}", client.index());
            scenario.host_promising(name, Binding::Dialer, Client::PROMISES, move |_| {
                Box::new(Client::new(peer, timeout))
            });
        }
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let pause = options.scaled(PAUSE);
        let names = NAMES.concat();
        let all = names.clone();
        vec![
            Property::always(
                "each greeting is of the name that was heard, and not before its pause is over",
                move |view| greetings_take_their_time(view, pause),
            ),
            Property::always("the clients are greeted by their names, in order", move |view| {
                CLIENTS.iter().all(|client| {
                    greeted(view, *client).is_some_and(|greeted| names.as_bytes().starts_with(&greeted))
                })
            }),
            Property::always("who succeeds was greeted by all of its names", move |view| {
                CLIENTS.iter().all(|client| {
                    view.status(*client) != Some(Status::Success)
                        || greeted(view, *client).is_some_and(|greeted| greeted == all.as_bytes())
                })
            }),
            Property::always("a connection is over once, after it was accepted", |view| {
                let mut open: Vec<Peer> = Vec::new();
                view.of(SERVER).all(|event| match event {
                    Event::Accepted(peer) => {
                        open.push(*peer);
                        true
                    }
                    Event::Gone(peer) => {
                        let known = open.iter().position(|other| other == peer);
                        known.map(|index| open.swap_remove(index)).is_some()
                    }
                    _ => true,
                })
            }),
            Property::eventually_within("the clients end", most(options), |view| {
                CLIENTS.iter().all(|client| view.status(*client).is_some())
            }),
        ]
    }

    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Heard { .. } | Event::Greeted { .. } => Ok(()),
            event => writeln!(to, "{event}"),
        }
    }
}
