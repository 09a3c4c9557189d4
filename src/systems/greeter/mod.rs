//! greeter: the server thanks everybody who connects, over whatever carries it.
//!
//! ```text
//! client ───────── connects ─────────► server      or one datagram, whatever is in it
//! client ◄── Thank you for connecting ── server, which closes
//! ```
//!
//! It never reads. With `--kind sync` it handles one connection at a time, and those that connect meanwhile wait in
//! their order; with `--kind concurrent` it handles all together; `--hold` makes a handler last. The datagram form
//! answers at once, so neither kind nor hold is anything to it. (Rows S32 to S34 and C15.)

mod client;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::{DatagramClient, StreamClient};
pub use server::{DatagramServer, MAX_WAITING, StreamServer};

use super::escaped::Escaped;
use super::{AFTERWARDS, About, Kind, Options, SERVER, System, Transport};
use crate::check::Property;
use crate::host::{FIRST_EPHEMERAL_PORT, HostId};
use crate::lawful::Promises;
use crate::machine::{Boot, BoxedMachine, ConnectError, Peer, Status};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::exact::EarlyEnd;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct Greeter;

/// What the server says.
pub const TEXT: &[u8; 24] = b"Thank you for connecting";
/// What the datagram client says, for the server to have something to answer.
pub const HELLO: &[u8; 5] = b"Hello";

/// How many clients there are in the scenario.
const CLIENTS: u16 = 3;

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here. The original does not print it.
    Listening(Peer),
    /// The server begins to handle a client.
    Connected(Peer),
    /// The server has done with a client. The original does not print it.
    LetGo(Peer),
    /// As many clients wait as can; this one was reset.
    TurnedAway(Peer),
    /// The client has heard this.
    Heard(Vec<u8>),
    /// The client's stream ended before the text was there.
    EndedEarly(EarlyEnd),
    /// The client's stream was reset before the text was there.
    Reset(Peer),
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// The client had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Connected(peer) => write!(f, "Got connection from {peer}"),
            Self::LetGo(peer) => write!(f, "Done with {peer}"),
            Self::TurnedAway(peer) => write!(f, "Too many wait: turned {peer} away"),
            Self::Heard(text) => write!(f, "{}", Escaped(text)),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

impl System for Greeter {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        datagram_form: true,
        unix: true,
        options: &["datagram", "kind", "hold"],
        ..About::new(
            "greeter",
            12345,
            Transport::Tcp,
            "one text to everybody who connects, handled one at a time or all together",
        )
    };

    fn server(options: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        if options.datagram {
            Box::new(DatagramServer)
        } else {
            Box::new(StreamServer::new(options.kind, options.scaled(options.hold)))
        }
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        if options.datagram {
            Box::new(DatagramClient::new(server, options.timeout))
        } else {
            Box::new(StreamClient::new(server, options.timeout))
        }
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + options.timeout * 2 + AFTERWARDS;
        scenario.show = <Event as fmt::Display>::fmt;
        let promises = Promises { max_messages: 1, max_bytes: TEXT.len(), ..Promises::DEFAULT };
        let port = Self::ABOUT.port;
        let [at_server, at_client] = if options.datagram {
            let datagram = |port| Binding::Datagram { port, connect: None };
            [port, FIRST_EPHEMERAL_PORT].map(datagram)
        } else {
            [Binding::Listener { port }, Binding::Dialer]
        };
        let of_server = options.clone();
        let server = scenario
            .host_promising("server", at_server, promises, move |boot| Self::server(&of_server, boot));
        let peer = scenario.peer(server);
        for number in 1..=CLIENTS {
            let options = options.clone();
            scenario.host_promising(format!("client-{number}"), at_client, promises, move |boot| {
                Self::client(&options, peer, boot)
            });
        }
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let most = options.timeout * 2;
        let mut properties = vec![
            Property::always("a client hears only after the server has begun to handle it", |view| {
                let handled = view.of(SERVER).filter(|event| matches!(event, Event::Connected(_))).count();
                clients().filter(|client| has_heard(view.of(*client))).count() <= handled
            }),
            Property::always("a client succeeds exactly when it has heard", |view| {
                clients().all(|client| {
                    let heard = has_heard(view.of(client));
                    view.status(client).is_none_or(|status| (status == Status::Success) == heard)
                })
            }),
            Property::eventually_within("every client ends", most, |view| {
                clients().all(|client| view.status(client).is_some())
            }),
        ];
        if !options.datagram {
            // A datagram may be changed on its way; a stream's bytes are not.
            properties.push(Property::always("what a client hears is the text, whole", |view| {
                view.events.iter().all(|happened| match &happened.event {
                    Event::Heard(text) => text == TEXT,
                    _ => true,
                })
            }));
        }
        if options.kind == Kind::Sync && !options.datagram {
            properties.push(Property::never("two clients are handled at one time", |view| {
                handled_at_once(view.of(SERVER)) > 1
            }));
        }
        properties
    }

    /// Nothing of what the original does not print.
    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Listening(_) | Event::LetGo(_) => Ok(()),
            event => writeln!(to, "{event}"),
        }
    }
}

/// The clients of the scenario.
fn clients() -> impl Iterator<Item = HostId> {
    (1..=CLIENTS).map(HostId)
}

/// Whether the last that a client told is that it heard the server.
fn has_heard<'a>(told: impl Iterator<Item = &'a Event>) -> bool {
    matches!(told.last(), Some(Event::Heard(_)))
}

/// How many clients are handled now by the server that was started last.
fn handled_at_once<'a>(told: impl Iterator<Item = &'a Event>) -> usize {
    told.fold(0, |handled, event| match event {
        Event::Listening(_) => 0,
        Event::Connected(_) => handled + 1,
        Event::LetGo(_) => handled - 1,
        _ => handled,
    })
}
