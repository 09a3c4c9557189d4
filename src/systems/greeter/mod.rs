//! greeter: the server thanks everybody who connects, over whatever carries it.
//!
//! ```text
//! client ───────── connects ─────────► server      or one datagram, whatever is in it
//! client ◄── Thank you for connecting ── server, which closes
//! ```
//!
//! It never reads. With `--kind sync` it handles one connection at a time, and those that connect meanwhile wait in
//! their order; with `--kind concurrent` it handles all together; `--hold` makes a handler last. The datagram form
//! answers at once, so neither kind nor hold is anything to it. Its datagrams carry no checksum of their own, so it does not
//! claim to withstand changed bytes. (Rows S32 to S34 and C15.)

mod client;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::{DatagramClient, StreamClient};
pub use server::{DatagramServer, MAX_WAITING, StreamServer};

use super::altered::UNCHECKED;
use super::{AFTERWARDS, About, Kind, Options, Transport};
use crate::escaped::Escaped;
use crate::lawful::Promises;
use crate::machine::{ConnectError, Peer, Status};
use crate::scenario::{Host, Net, Role};
use crate::wire::exact::EarlyEnd;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
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

/// What the server says.
pub const TEXT: &[u8; 24] = b"Thank you for connecting";
/// What the datagram client says, for the server to have something to answer.
pub const HELLO: &[u8; 5] = b"Hello";

/// What a server tells the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here. The original does not print it.
    Listening(Peer),
    /// It begins to handle a client.
    Connected(Peer),
    /// It has done with a client. The original does not print it.
    LetGo(Peer),
    /// As many clients wait as can; this one was reset.
    TurnedAway(Peer),
}

/// What a client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It has heard this.
    Heard(Vec<u8>),
    /// Its stream ended before the text was there.
    EndedEarly(EarlyEnd),
    /// Its stream was reset before the text was there.
    Reset(Peer),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// It had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Connected(peer) => write!(f, "Got connection from {peer}"),
            Self::LetGo(peer) => write!(f, "Done with {peer}"),
            Self::TurnedAway(peer) => write!(f, "Too many wait: turned {peer} away"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heard(text) => write!(f, "{}", Escaped(text)),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// A server and three clients of it: a [`StreamServer`] and [`StreamClient`]s, or a [`DatagramServer`] and
/// [`DatagramClient`]s.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (timeout, kind, hold) = (options.timeout, options.kind, options.scaled(options.hold));
    net.max_time(timeout * 2 + AFTERWARDS);
    let promises = Promises::DEFAULT.max_messages(1).max_bytes(TEXT.len());
    let server = net.host("server").promises(promises);
    if options.datagram {
        net.rules_out(UNCHECKED);
        let server = server.udp(ABOUT.port).machine(|_| DatagramServer);
        let clients = CLIENTS.map(|name| {
            let place = net.host(name).udp(0).promises(promises);
            place.machine(move |boot| DatagramClient::new(boot.peer(server), timeout))
        });
        hold_of_all(&net, timeout * 2, server, clients);
    } else {
        let server = server.listen(ABOUT.port).machine(move |_| StreamServer::new(kind, hold));
        let clients = CLIENTS.map(|name| {
            let place = net.host(name).promises(promises);
            place.machine(move |boot| StreamClient::new(boot.peer(server), timeout))
        });
        hold_of_all(&net, timeout * 2, server, clients);
        hold_of_streams(&net, kind, server, clients);
    }
    net
}

/// The clients of a simulated run.
const CLIENTS: [&str; 3] = ["client-1", "client-2", "client-3"];

/// What holds in every run, whatever carries the text.
fn hold_of_all<S, C>(net: &Net, most: Duration, server: Host<S>, clients: [Host<C>; 3])
where
    S: Role<Event = ServerEvent>,
    C: Role<Event = ClientEvent>,
{
    net.show(server, fmt::Display::fmt);
    for client in clients {
        net.show(client, fmt::Display::fmt);
    }
    let name = "a client hears only after the server has begun to handle it";
    let mut counts = net.fold(name, Counts::default).on(server, |counts, event, _| {
        counts.handled += u32::from(matches!(event, ServerEvent::Connected(_)));
        true
    });
    for (index, client) in clients.into_iter().enumerate() {
        counts = counts.on(client, move |counts: &mut Counts, event, _| {
            // One that was started anew may have the answer to the one before.
            counts.has_heard[index] = matches!(event, ClientEvent::Heard(_));
            let heard = counts.has_heard.iter().map(|has_heard| u32::from(*has_heard)).sum();
            if counts.handled >= heard {
                Ok(())
            } else {
                Err(format!("{heard} have heard, and {} were handled", counts.handled))
            }
        });
    }
    net.always("a client succeeds exactly when it has heard", move |run| {
        clients.iter().all(|client| {
            let heard = matches!(run.events(*client).last(), Some(ClientEvent::Heard(_)));
            run.status(*client).is_none_or(|status| (status == Status::Success) == heard)
        })
    });
    net.eventually_within("every client ends", most, move |run| {
        clients.iter().all(|client| run.status(*client).is_some())
    });
}

/// What holds in every run on streams. A datagram may be changed on its way; a stream's bytes are not.
fn hold_of_streams(net: &Net, kind: Kind, server: Host<StreamServer>, clients: [Host<StreamClient>; 3]) {
    let mut whole = net.fold("what a client hears is the text, whole", || ());
    for client in clients {
        whole = whole.on(client, |(), event, _| match event {
            ClientEvent::Heard(text) if text != TEXT => Err(format!("a client heard '{}'", Escaped(text))),
            _ => Ok(()),
        });
    }
    if kind == Kind::Sync {
        net.fold("no two clients are handled at one time", || 0_u32).on(server, |handled, event, _| {
            match event {
                // It has started anew.
                ServerEvent::Listening(_) => *handled = 0,
                ServerEvent::Connected(_) => *handled += 1,
                ServerEvent::LetGo(_) => *handled = handled.saturating_sub(1),
                ServerEvent::TurnedAway(_) => {}
            }
            if *handled <= 1 { Ok(()) } else { Err(format!("{handled} are handled")) }
        });
    }
}

/// How often the server has begun to handle a client, and whether each client has heard it.
#[derive(Default, Hash)]
struct Counts {
    handled: u32,
    has_heard: [bool; 3],
}

/// Writes what a terminal shows of an event of a server: nothing of what the original does not print.
///
/// # Errors
/// As `to` fails.
pub fn print_server(event: &ServerEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ServerEvent::Listening(_) | ServerEvent::LetGo(_) => Ok(()),
        event => writeln!(to, "{event}"),
    }
}
