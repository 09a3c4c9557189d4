//! geocode: an address in words is turned into latitude and longitude.
//!
//! ```text
//! client ── GET /maps/api/geocode/json?address=Archbold%2C+OH&sensor=false ──► server
//! client ◄── 200, {"results": [{… "location": {"lat": …, "lng": …}}], "status": "OK"} ── server
//! ```
//!
//! The client asks once and reads its answer as http's does; nothing of it is told before all of it is there and is an
//! answer. The server looks in a table for the places that have all words of the address. Requests on one connection are
//! answered in their order. Who says nothing is dropped after 10 s. (Rows S104 to S109.)

mod answer;
mod client;
mod places;
mod query;
mod server;

use std::fmt;
use std::time::Duration;

pub use answer::AnswerError;
pub use client::Client;
pub use places::{Location, MAX_ADDRESS_LEN, MAX_PLACES, MAX_RESULTS, Place, Table, TableError};
pub use server::{MAX_REQUEST_LEN, PATIENCE, Server};

use super::http::{self, MAX_WAITS};
use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::Escaped;
use crate::lawful::Promises;
use crate::machine::{Peer, Status, limits};
use crate::scenario::Net;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    takes_names: true,
    options: &["host", "place", "table", "json"],
    ..About::new(
        "geocode",
        8080,
        Transport::Tcp,
        "an address in words is turned into latitude and longitude, by HTTP and JSON",
    )
};

/// The place that is asked for unless another is named: the original's.
pub const PLACE: &str = "207 N. Defiance St, Archbold, OH";
/// The longest answer that is taken, in bytes.
pub const MAX_ANSWER_LEN: usize = 1024 * 1024;

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here. A terminal does not show it.
    Listening(Peer),
    /// A client has asked where a place is.
    Asked {
        /// Who.
        peer: Peer,
        /// The address, in words.
        place: String,
        /// How many places it is told.
        count: usize,
    },
    /// A client has asked what is not answered.
    Refused {
        /// Who.
        peer: Peer,
        /// The status that it is told.
        status: u16,
    },
    /// A client has ended in the middle of a request.
    Unfinished(Peer),
    /// A client said nothing for too long, or did not take its answer.
    Dropped(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// What it is told of the request and its response, its end included if that is not a body.
    Http(http::ClientEvent),
    /// So many places have all the words; the first one is told.
    Several(usize),
    /// This is where the place is.
    Found {
        /// Where.
        location: Location,
        /// Whether it is shown as JSON.
        json: bool,
    },
    /// There is no such place.
    Nowhere,
    /// The answer has this status of its own, which is no result.
    OtherStatus(String),
    /// The status line has this status.
    BadStatus(u16),
    /// The body is no answer.
    NoAnswer(AnswerError),
}

impl From<http::ClientEvent> for ClientEvent {
    fn from(event: http::ClientEvent) -> Self {
        Self::Http(event)
    }
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, place, count } => {
                write!(f, "{peer} asks for '{}': {count} found", Escaped(place.as_bytes()))
            }
            Self::Refused { peer, status } => write!(f, "{peer} asks what is not answered: {status}"),
            Self::Unfinished(peer) => write!(f, "{peer} has ended in the middle of a request"),
            Self::Dropped(peer) => write!(f, "dropping {peer}, which says and takes nothing"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(event) => event.fmt(f),
            Self::Several(count) => write!(f, "{count} places have these words; this is the first"),
            Self::Found { location, json: false } => location.fmt(f),
            Self::Found { location, json: true } => f.write_str(&location.json()),
            Self::Nowhere => f.write_str("no place has all these words: write fewer of them"),
            Self::OtherStatus(status) => write!(f, "the server answers '{}'", Escaped(status.as_bytes())),
            Self::BadStatus(status) => write!(f, "the server answers with status {status}, not with 200"),
            Self::NoAnswer(error) => error.fmt(f),
        }
    }
}

/// Writes what a terminal shows of an event of the server: all but where it is bound, which is said already.
///
/// # Errors
/// As `to` fails.
pub fn print_server(event: &ServerEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ServerEvent::Listening(_) => Ok(()),
        event => writeln!(to, "{event}"),
    }
}

/// Writes what a terminal shows of an event of the client: where the place is, and nothing else.
///
/// # Errors
/// As `to` fails.
pub fn print_client(event: &ClientEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ClientEvent::Found { .. } => writeln!(to, "{event}"),
        _ => Ok(()),
    }
}

/// What a terminal is told beside it: what went wrong, and that there are several places.
pub fn note(event: &ClientEvent) -> Option<String> {
    match event {
        ClientEvent::Found { .. }
        | ClientEvent::Http(http::ClientEvent::Head(_) | http::ClientEvent::TryingNext(..)) => None,
        event => Some(event.to_string()),
    }
}

/// A server and a client of it.
///
/// # Panics
/// If the request's host does not [fit](http::fits_request).
pub fn net(options: &Options) -> Net {
    // Here, and not in the first run.
    http::check_host(&options.host);
    let net = Net::new(ABOUT.name);
    net.max_time(longest(options) + AFTERWARDS);
    let table = options.table.clone().unwrap_or_default();
    let (of_server, patience) = (table.clone(), options.scaled(PATIENCE));
    let server = net.host("server").listen(ABOUT.port).promises(Server::PROMISES);
    let server = server.machine(move |_| Server::new(of_server.clone(), patience));
    let of_client = options.clone();
    let promises = Promises::DEFAULT.max_messages(1).max_bytes(limits::SEND_BUFFER_LEN);
    let client = net.host("client").promises(promises).machine(move |boot| {
        let addresses = [&[boot.peer(server)], of_client.fallbacks.as_slice()].concat();
        let Options { host, place, timeout, json, .. } = &of_client;
        Client::new(addresses, host, place, *timeout).json(*json)
    });
    net.show(server, |event, f| write!(f, "{}", Escaped(event.to_string().as_bytes())));
    net.show(client, |event, f| write!(f, "{}", Escaped(event.to_string().as_bytes())));

    let places = table.find(&options.place);
    let expected = places.first().map(|place| place.location.clone());
    net.fold("what is found is the first of the places in the table", || ()).on(
        client,
        move |(), event, _| match event {
            ClientEvent::Found { location, .. } if Some(location) == expected.as_ref() => Ok(()),
            ClientEvent::Found { location, .. } => Err(format!("{location} is found")),
            _ => Ok(()),
        },
    );
    net.never("the client succeeds without a place, or fails with one", move |run| {
        // A head may be told in the very moment in which the client ends.
        let found = match run.events(client).last() {
            None | Some(ClientEvent::Http(http::ClientEvent::Head(_)) | ClientEvent::Several(_)) => {
                return false;
            }
            Some(event) => matches!(event, ClientEvent::Found { .. }),
        };
        run.status(client) == Some(if found { Status::Failure } else { Status::Success })
    });
    let place = options.place.clone();
    net.fold("a place is found only after the server was asked for it", || false)
        .on(server, move |asked, event, _| {
            *asked |= matches!(event, ServerEvent::Asked { place: of, .. } if *of == place);
            true
        })
        .on(client, |asked, event, _| *asked || !matches!(event, ClientEvent::Found { .. }));
    net.eventually_within("the client ends", longest(options), move |run| run.status(client).is_some());
    net
}

/// How long the client lives at most.
fn longest(options: &Options) -> Duration {
    let connecting = options.fallbacks.len() as u32 + 1;
    options.timeout.saturating_mul(connecting.saturating_add(MAX_WAITS))
}
