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

use super::escaped::Escaped;
use super::{AFTERWARDS, About, CLIENT, Options, SERVER, System, Transport};
use crate::check::{Property, View};
use crate::machine::{Boot, BoxedMachine, ConnectError, Peer, Status};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::exact::EarlyEnd;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct SelectEcho;

/// After how long without any event the server ends.
pub const IDLE: Duration = Duration::from_secs(20);

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server has nothing to do for now.
    Waiting {
        /// How long it has been up then, by its own clock.
        up: Duration,
    },
    /// A client has connected to the server.
    Connection(Peer),
    /// The server has read this from a client.
    Heard {
        /// Whom.
        peer: Peer,
        /// What one read brought.
        text: Vec<u8>,
    },
    /// The server has written this to a client.
    Echoed {
        /// Whom.
        peer: Peer,
        /// What one write took.
        text: Vec<u8>,
    },
    /// Nothing is left to be written to a client.
    QueueEmpty(Peer),
    /// A client will say no more, and the server closes its connection.
    Closing(Peer),
    /// A connection was reset.
    Exception(Peer),
    /// Nothing has happened for so long that the server ends.
    TimedOut {
        /// How long it had been up then, by its own clock.
        up: Duration,
    },
    /// The client begins.
    Connecting,
    /// The client sends a message.
    Sending {
        /// The address of the server.
        peer: Peer,
        /// The message.
        text: String,
    },
    /// The client has got a whole reply.
    Received {
        /// The address of the server.
        peer: Peer,
        /// The reply.
        text: Vec<u8>,
    },
    /// The client closes one of its connections.
    ClosingSocket(Peer),
    /// A connection of the client ended before the reply was whole.
    EndedEarly(EarlyEnd),
    /// A connection of the client was reset.
    Reset(Peer),
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// The client had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
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

/// By when the client of a simulated run has ended: it waits to be connected, and then for each reply.
fn most(options: &Options) -> Duration {
    options.timeout * (1 + MESSAGES.len() * SOCKETS) as u32
}

/// Whether what the server has said to each client is the begin of what it has heard from it.
fn echoes_are_true(view: &View<'_, Event>) -> bool {
    let mut unanswered: BTreeMap<Peer, VecDeque<u8>> = BTreeMap::new();
    view.of(SERVER).all(|event| match event {
        Event::Heard { peer, text } => {
            unanswered.entry(*peer).or_default().extend(text);
            true
        }
        Event::Echoed { peer, text } => {
            let heard = unanswered.entry(*peer).or_default();
            text.len() <= heard.len() && heard.drain(..text.len()).eq(text.iter().copied())
        }
        _ => true,
    })
}

impl System for SelectEcho {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        unix: true,
        ..About::new(
            "select-echo",
            10001,
            Transport::Tcp,
            "one loop echoes on many connections; slow readers slow only themselves",
        )
    };

    fn server(options: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Server::new(options.scaled(IDLE)))
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Client::new(server, options.timeout))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let idle = options.scaled(IDLE);
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + most(options) + idle + AFTERWARDS;
        scenario.show = |event: &Event, f| f.write_str(event.to_string().trim_start());
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let server = scenario
            .host_promising("server", binding, Server::PROMISES, move |_| Box::new(Server::new(idle)));
        let (peer, timeout) = (scenario.peer(server), options.timeout);
        scenario.host_promising("client", Binding::Dialer, Client::PROMISES, move |_| {
            Box::new(Client::new(peer, timeout))
        });
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let idle = options.scaled(IDLE);
        vec![
            Property::always(
                "each client hears what it has said, in order and nothing else",
                echoes_are_true,
            ),
            Property::always("each reply is the whole message that it answers", |view| {
                let said = view.of(CLIENT).filter_map(|event| match event {
                    Event::Sending { text, .. } => Some(text.as_bytes()),
                    _ => None,
                });
                let heard = view.of(CLIENT).filter_map(|event| match event {
                    Event::Received { text, .. } => Some(text.as_slice()),
                    _ => None,
                });
                let said: Vec<_> = said.collect();
                heard.enumerate().all(|(index, text)| said.get(index) == Some(&text))
            }),
            Property::always("who closes all its connections has all replies", |view| {
                let count = |is: fn(&Event) -> bool| view.of(CLIENT).filter(|event| is(event)).count();
                let closed = count(|event| matches!(event, Event::ClosingSocket(_)));
                let replies = count(|event| matches!(event, Event::Received { .. }));
                let is_done = view.status(CLIENT) == Some(Status::Success) && closed == SOCKETS;
                !is_done || replies == MESSAGES.len() * SOCKETS
            }),
            Property::always("the server ends only after so long without any event", move |view| {
                // By its own clock, which a fault may set forward.
                let mut waits_since = None;
                view.of(SERVER).all(|event| {
                    let since = waits_since.take();
                    match event {
                        Event::Waiting { up } => waits_since = Some(*up),
                        Event::TimedOut { up } => return since.is_some_and(|since| *up >= since + idle),
                        _ => {}
                    }
                    true
                })
            }),
            Property::eventually_within("the client ends", most(options), |view| {
                view.status(CLIENT).is_some()
            }),
        ]
    }
}
