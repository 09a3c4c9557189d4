//! udp-broadcast: one datagram that everybody on the network hears.
//!
//! ```text
//!           ┌── Broadcast datagram! ──► server
//! client ───┼── Broadcast datagram! ──► server-2
//!           └── Broadcast datagram! ──► server-3
//! ```
//!
//! The client sends once, without a word, and ends; nobody answers. The system sends to a broadcast address only where the
//! socket was told to allow it. IPv4 only. (Rows S18 to S20.)
//!
//! Its datagrams carry no checksum of their own, so it does not claim to withstand changed bytes.

use std::fmt;
use std::hash::Hasher;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::altered::{UNCHECKED, is_at_most_altered};
use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::Escaped;
use crate::lawful::Promises;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::scenario::Net;
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    broadcasts: true,
    one_server: true,
    ..About::new(
        "udp-broadcast",
        1060,
        Transport::Udp,
        "one datagram to everybody on the network, whoever listens",
    )
};

/// What the client says to everybody.
pub const MESSAGE: &[u8; 19] = b"Broadcast datagram!";

/// What a server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here.
    Listening(Peer),
    /// It has heard something.
    Heard {
        /// From whom.
        peer: Peer,
        /// What.
        text: Vec<u8>,
    },
}

/// What the client tells the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It has sent its datagram to this address. A terminal does not show it.
    Sent(Peer),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening for datagrams at {local}"),
            Self::Heard { peer, text } => write!(f, "The client at {peer} says: '{}'", Escaped(text)),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sent(to) = self;
        write!(f, "Sent to {to}")
    }
}

/// Tells what it hears, and never answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Datagram { peer, bytes, .. } => {
                out.event(ServerEvent::Heard { peer, text: bytes.to_vec() });
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn fingerprint(&self, _now: Instant, _to: &mut dyn Hasher) -> bool {
        true
    }
}

/// Sends one datagram, and ends.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    to: Peer,
}

impl Client {
    /// A client that sends to this address: a broadcast's, or one listener's.
    pub const fn new(to: Peer) -> Self {
        Self { to }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ClientEvent>) {
        if let Input::Start { .. } = input {
            out.send(self.to, MESSAGE);
            out.event(ClientEvent::Sent(self.to));
            out.done(Status::Success);
        }
    }

    fn fingerprint(&self, _now: Instant, _to: &mut dyn Hasher) -> bool {
        true
    }
}

/// Three servers, and a client.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(AFTERWARDS);
    let silent = Promises::DEFAULT.max_messages(0).max_bytes(0);
    let once = Promises::DEFAULT.max_messages(1).max_bytes(MESSAGE.len());
    let everybody = Peer::V4 { ip: Ipv4Addr::BROADCAST, port: ABOUT.port };
    let to = options.broadcast_to.unwrap_or(everybody);
    let server = |name: &str| net.host(name).udp(ABOUT.port).promises(silent).machine(|_| Server);
    let first = server("server");
    let client = net.host("client").udp(0).promises(once).machine(move |_| Client::new(to));
    let servers = [first, server("server-2"), server("server-3")];
    for server in servers {
        net.show(server, fmt::Display::fmt);
    }
    net.show(client, fmt::Display::fmt);

    net.rules_out(UNCHECKED);
    let (mut heard, from) =
        (net.fold("what a listener hears is the broadcast, and comes from the client", || ()), client.peer());
    for server in servers {
        heard = heard.on(server, move |(), event, _| match event {
            ServerEvent::Heard { peer, text } if *peer != from || !is_at_most_altered(text, MESSAGE) => {
                Err(format!("'{}' came from {peer}", Escaped(text)))
            }
            _ => Ok(()),
        });
    }
    // The network may double a datagram once.
    let name = "a listener hears a broadcast no more than twice, and none that was not sent";
    // By what it sends: it may crash before it has told.
    let mut count = net.fold(name, Counts::default).on_send(client, |counts, _, _| {
        counts.sent += 1;
        true
    });
    for (index, server) in servers.into_iter().enumerate() {
        count = count.on(server, move |counts: &mut Counts, event, _| {
            counts.heard[index] += u32::from(matches!(event, ServerEvent::Heard { .. }));
            let (heard, sent) = (counts.heard[index], counts.sent);
            if heard <= 2 * sent {
                Ok(())
            } else {
                Err(format!("it was sent {sent} times and heard {heard} times"))
            }
        });
    }
    net.eventually_within("the client ends at once", Duration::ZERO, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}

/// How often there was a broadcast.
#[derive(Default, Hash)]
struct Counts {
    sent: u32,
    heard: [u32; 3],
}

/// Writes what a terminal shows of an event of the client: nothing, as the original's.
///
/// # Errors
/// None.
pub fn print_client(_: &ClientEvent, _: &mut dyn fmt::Write) -> fmt::Result {
    Ok(())
}
