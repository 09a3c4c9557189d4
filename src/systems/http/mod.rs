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
pub(in crate::systems) mod fetch;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::{Client, MAX_INTERIM, MAX_WAITS};
pub use server::{LARGE, PAGE, Server};

use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::{Escaped, Lines};
use crate::lawful::Promises;
use crate::machine::{ConnectError, Peer, Status, limits};
use crate::scenario::Net;
use crate::wire::http::{BodyError, HeadError, Response};

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    takes_names: true,
    options: &["host", "path", "output"],
    ..About::new(
        "http",
        80,
        Transport::Tcp,
        "a page is read to where its head says that it ends, and saved only whole",
    )
};

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here. A terminal does not show it.
    Listening(Peer),
    /// A client has asked for a page.
    Asked {
        /// Who.
        peer: Peer,
        /// Where the page is, as the request has it.
        path: String,
    },
    /// What a client said, if anything, is no request for a page.
    NoRequest(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It cannot connect to this address, and tries the next one. A terminal does not show it.
    TryingNext(Peer, ConnectError),
    /// It cannot connect to the last of its addresses.
    NoConnection(Peer, ConnectError),
    /// It has read the head of the response, which this is.
    Head(Vec<u8>),
    /// It has read the whole body, which this is.
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
    /// Nothing came for this time.
    NoAnswer(Duration),
    /// The answer came piece by piece, and took too long.
    TooSlow,
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, path } => write!(f, "{peer} asks for {path}"),
            Self::NoRequest(peer) => write!(f, "{peer} asks for no page"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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

/// A server and a client of it.
///
/// # Panics
/// If the request's host or path does not [fit](fits_request).
pub fn net(options: &Options) -> Net {
    let Options { fallbacks, host, path, timeout, .. } = options.clone();
    // Here, and not in the first run.
    check(&host, &path);
    let net = Net::new(ABOUT.name);
    net.max_time(longest(options) + AFTERWARDS);
    // A byte of the largest page may come alone, and is then two inputs: its arrival, and the room that it leaves.
    net.max_inputs(4 * LARGE.len() as u64);
    // The head and the body of a page.
    let promises = Promises::DEFAULT.max_messages(2).max_bytes(limits::SEND_BUFFER_LEN);
    let server = net.host("server").listen(ABOUT.port).promises(promises).machine(|_| Server::default());
    let client = net
        .host("client")
        .promises(promises.max_messages(1))
        .machine(move |boot| Client::new(boot.peer(server), &fallbacks, &host, &path, timeout));
    net.show(server, |event, f| write!(f, "{}", Escaped(event.to_string().as_bytes())));
    net.show(client, |event, f| write!(f, "{}", Escaped(event.to_string().as_bytes())));

    let body = server::page(&options.path).body;
    net.fold("what is saved is the page, whole", || ()).on(client, move |(), event, _| match (event, body) {
        (ClientEvent::Body(saved), Some(body)) if saved == body => Ok(()),
        (ClientEvent::Body(saved), _) => Err(format!("{} bytes are saved", saved.len())),
        _ => Ok(()),
    });
    net.never("the client succeeds without a body that is not refused, or fails with one", move |run| {
        // A head may be told in the very moment in which the client ends.
        let without = match run.events(client).last() {
            None | Some(ClientEvent::Head(_)) => return false,
            Some(event) => file(event).is_none(),
        };
        let status = |event: &ClientEvent| match event {
            ClientEvent::Head(head) => Response::parse(head).ok().map(|response| response.status),
            _ => None,
        };
        // One that was started anew has the head of another machine before its own.
        let is_refused = run.events(client).iter().rev().find_map(status).is_some_and(client::is_refusal);
        let ended = if without || is_refused { Status::Success } else { Status::Failure };
        run.status(client) == Some(ended)
    });
    let path = options.path.clone();
    net.fold("a head comes only after the server was asked for this page", Counts::default)
        .on(server, move |counts, event, _| {
            counts.asked +=
                u64::from(matches!(event, ServerEvent::Asked { path: asked, .. } if *asked == path));
            true
        })
        .on(client, |counts: &mut Counts, event, _| {
            counts.heads += u64::from(matches!(event, ClientEvent::Head(_)));
            let Counts { asked, heads } = *counts;
            if heads <= asked {
                Ok(())
            } else {
                Err(format!("{heads} heads came, and it was asked {asked} times"))
            }
        });
    net.eventually_within("the client ends", longest(options), move |run| run.status(client).is_some());
    net
}

/// How often a page was asked for, and answered.
#[derive(Clone, Copy, Default, Hash)]
struct Counts {
    asked: u64,
    heads: u64,
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

/// Writes what a terminal shows of an event of the client: all but an address that failed while there are others.
///
/// # Errors
/// As `to` fails.
pub fn print_client(event: &ClientEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ClientEvent::TryingNext(..) => Ok(()),
        event => writeln!(to, "{event}"),
    }
}

/// What of an event of the client goes to a file of the user's choice.
pub fn file(event: &ClientEvent) -> Option<&[u8]> {
    match event {
        ClientEvent::Body(body) => Some(body),
        _ => None,
    }
}

/// Whether a text can be the host or the path of a request: printable ASCII without blanks, as in a URL. Anything else
/// would end the place where it stands, and a line break begin a line of its own.
///
/// ```
/// use lossproof::systems::http::fits_request;
///
/// assert!(fits_request("/index.html?page=1"));
/// assert!(!fits_request("/ HTTP/1.1\r\nCookie: stolen"));
/// ```
pub fn fits_request(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(in crate::systems) fn check_host(host: &str) {
    assert!(
        fits_request(host),
        "a request cannot name the host {host:?}: use printable ASCII without blanks"
    );
}

fn check(host: &str, path: &str) {
    check_host(host);
    assert!(
        fits_request(path),
        "a request cannot name the path {path:?}: use printable ASCII without blanks"
    );
}

/// How long the client lives at most.
fn longest(options: &Options) -> Duration {
    let connecting = options.fallbacks.len() as u32 + 1;
    options.timeout.saturating_mul(connecting.saturating_add(MAX_WAITS))
}
