//! http: one page is asked for, and read to the end of its body.
//!
//! ```text
//! client ── GET / HTTP/1.1 ────────────► server
//!           Host: example.org
//!           Connection: close
//! client ◄── HTTP/1.1 200 OK ─────────── server, which closes
//!            Content-Length: 58
//!
//!            <!DOCTYPE html> …
//! ```
//!
//! The body ends where the head says: after so many bytes, after its last chunk, or with the stream. Only one that is
//! whole is saved. The server is scripted, for the client to be tried: `/`, `/chunked`, `/close`, `/interim`, `/empty`
//! and `/large` are in order, `/short`, `/half` and `/no-head` are not. (Rows S51 to S54.)

mod client;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::{Client, MAX_INTERIM, MAX_WAITS};
pub use server::{LARGE, PAGE, Server};

use super::escaped::{Escaped, Lines};
use super::{AFTERWARDS, About, CLIENT, Options, SERVER, System, Transport};
use crate::check::Property;
use crate::lawful::Promises;
use crate::machine::{Boot, BoxedMachine, ConnectError, Peer, Status, limits};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::http::{BodyError, HeadError};

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct Http;

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here. A terminal does not show it.
    Listening(Peer),
    /// A client has asked the server for a page.
    Asked {
        /// Who.
        peer: Peer,
        /// Where the page is, as the request has it.
        path: String,
    },
    /// What a client said, if anything, is no request for a page.
    NoRequest(Peer),
    /// The client cannot connect to this address, and tries the next one. A terminal does not show it.
    TryingNext(Peer, ConnectError),
    /// The client cannot connect to the last of its addresses.
    NoConnection(Peer, ConnectError),
    /// The client has read the head of the response, which this is.
    Head(Vec<u8>),
    /// The client has read the whole body, which this is.
    Body(Vec<u8>),
    /// The stream ended after so many bytes, and there was no head.
    NoBlankLine(usize),
    /// The head is none.
    BadHead(HeadError),
    /// One interim response came after the other.
    NoFinal,
    /// The body is none, or not whole.
    BadBody(BodyError),
    /// The connection was reset before the end of the body.
    Reset(Peer),
    /// Nothing came to the client for this time.
    NoAnswer(Duration),
    /// The answer came piece by piece, and took too long.
    TooSlow,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, path } => write!(f, "{peer} asks for {path}"),
            Self::NoRequest(peer) => write!(f, "{peer} asks for no page"),
            Self::TryingNext(peer, reason) => {
                write!(f, "cannot connect to {peer}: {reason}; trying the next address")
            }
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::Head(head) => Lines(head.trim_ascii_end()).fmt(f),
            Self::Body(body) => write!(f, "{} bytes of body", body.len()),
            Self::NoBlankLine(len) => {
                write!(f, "the response ended after {len} bytes, and there was no blank line in it")
            }
            Self::BadHead(error) => write!(f, "cannot read the head of the response: {error}"),
            Self::NoFinal => write!(f, "more than {MAX_INTERIM} interim responses came, and no final one"),
            Self::BadBody(error) => error.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
            Self::TooSlow => f.write_str("the answer takes too long"),
        }
    }
}

impl System for Http {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        takes_names: true,
        options: &["host", "path", "output"],
        ..About::new(
            "http",
            80,
            Transport::Tcp,
            "a page is read to where its head says that it ends, and saved only whole",
        )
    };

    fn server(_: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Server::default())
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        let Options { fallbacks, host, path, timeout, .. } = options;
        Box::new(Client::new(server, fallbacks, host, path, *timeout))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + longest(options) + AFTERWARDS;
        // A byte of the largest page may come alone, and is then two inputs: its arrival, and the room that it leaves.
        scenario.max_inputs = 4 * LARGE.len() as u64;
        scenario.show = |event: &Event, f| write!(f, "{}", Escaped(event.to_string().as_bytes()));
        // The head and the body of a page.
        let promises = Promises { max_messages: 2, max_bytes: limits::SEND_BUFFER_LEN, ..Promises::DEFAULT };
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let server = scenario.host_promising("server", binding, promises, |_| Box::new(Server::default()));
        let promises = Promises { max_messages: 1, ..promises };
        let (peer, options) = (scenario.peer(server), options.clone());
        scenario.host_promising("client", Binding::Dialer, promises, move |boot| {
            Self::client(&options, peer, boot)
        });
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let path = options.path.clone();
        let body = server::page(&path).body;
        vec![
            Property::always("what is saved is the page, whole", move |view| {
                view.of(CLIENT).all(|event| match event {
                    Event::Body(saved) => body.is_some_and(|body| saved == body),
                    _ => true,
                })
            }),
            Property::never("the client succeeds without a body, or fails with one", |view| {
                // A head may be told in the very moment in which the client ends.
                let without = match view.of(CLIENT).last() {
                    None | Some(Event::Head(_)) => return false,
                    Some(event) => Self::file(event).is_none(),
                };
                let ended = if without { Status::Success } else { Status::Failure };
                view.status(CLIENT) == Some(ended)
            }),
            Property::always("a head comes only after the server was asked for this page", move |view| {
                let asked =
                    |event: &Event| matches!(event, Event::Asked { path: asked, .. } if *asked == path);
                let heads = view.of(CLIENT).filter(|event| matches!(event, Event::Head(_))).count();
                heads <= view.of(SERVER).filter(|event| asked(event)).count()
            }),
            Property::eventually_within("the client ends", longest(options), |view| {
                view.status(CLIENT).is_some()
            }),
        ]
    }

    /// All but where the server is bound, which is said already, and an address that failed while there are others.
    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Listening(_) | Event::TryingNext(..) => Ok(()),
            event => writeln!(to, "{event}"),
        }
    }

    fn file(event: &Event) -> Option<&[u8]> {
        match event {
            Event::Body(body) => Some(body),
            _ => None,
        }
    }
}

/// How long the client lives at most.
fn longest(options: &Options) -> Duration {
    let connecting = options.fallbacks.len() as u32 + 1;
    options.timeout.saturating_mul(connecting.saturating_add(MAX_WAITS))
}
