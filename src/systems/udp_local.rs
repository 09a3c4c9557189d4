//! udp-local: the server answers every datagram with its length.
//!
//! ```text
//! client ── The time is 2026-01-01 00:00:00.000000 ──► server
//! client ◄── Your data was 38 bytes long ───────────── server
//! ```
//!
//! The client asks once, takes one reply from its server alone, and waits for it within bounds. In a simulated run a
//! stranger answers it too, and sooner. (Rows S01 to S08.)
//!
//! Its datagrams carry no checksum of their own, so it does not claim to withstand changed bytes.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::altered::UNCHECKED;
use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::Escaped;
use crate::fault::FaultKind;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::scenario::Net;
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About =
    About::new("udp-local", 1060, Transport::Udp, "every datagram is answered with its length");

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here.
    Listening(Peer),
    /// A client has said something.
    Asked {
        /// Who.
        peer: Peer,
        /// What.
        text: Vec<u8>,
    },
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Its socket has this address.
    Assigned(Peer),
    /// The server has answered.
    Replied {
        /// From where.
        peer: Peer,
        /// What.
        text: Vec<u8>,
    },
    /// No answer came in this time.
    NoReply(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, text } => write!(f, "The client at {peer} says '{}'", Escaped(text)),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned(local) => write!(f, "The OS assigned me the address {local}"),
            Self::Replied { peer, text } => write!(f, "The server {peer} replied '{}'", Escaped(text)),
            Self::NoReply(span) => write!(f, "No reply within {} seconds", span.as_secs_f64()),
        }
    }
}

/// Answers every datagram to its source with its length in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Datagram { peer, bytes, .. } => {
                out.event(ServerEvent::Asked { peer, text: bytes.to_vec() });
                out.reply_fmt(format_args!("Your data was {} bytes long", bytes.len()));
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn fingerprint(&self, _now: Instant, _to: &mut dyn Hasher) -> bool {
        true
    }
}

/// Tells the time, and takes one reply.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    message: String,
    timeout: Duration,
    state: State,
}

/// ```text
/// Idle ──start──► Waiting ──reply, or the deadline──► Over
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Waiting { give_up_at: Instant },
    Over,
}

impl Client {
    /// A client that tells `local_time` to the server and waits so long for the reply.
    pub fn new(server: Peer, local_time: &str, timeout: Duration) -> Self {
        Self { server, message: format!("The time is {local_time}"), timeout, state: State::Idle }
    }

    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.state = State::Over;
        out.event(event);
        out.done(status);
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { local }) => {
                out.send(self.server, self.message.as_bytes());
                out.event(ClientEvent::Assigned(local));
                self.state = State::Waiting { give_up_at: now + self.timeout };
            }
            (State::Waiting { .. }, Input::Datagram { peer, bytes, .. }) if peer == self.server => {
                self.end(ClientEvent::Replied { peer, text: bytes.to_vec() }, Status::Success, out);
            }
            (State::Waiting { .. }, Input::Timeout) => {
                self.end(ClientEvent::NoReply(self.timeout), Status::Failure, out);
            }
            (_, Input::Stop) => {
                self.state = State::Over;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { give_up_at } => Some(give_up_at),
            State::Idle | State::Over => None,
        }
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        match self.state {
            State::Idle => to.write_u8(0),
            State::Waiting { give_up_at } => (1_u8, give_up_at.since(now)).hash(&mut to),
            State::Over => to.write_u8(2),
        }
        true
    }
}

/// Says something to a client that has not asked it.
#[derive(Clone, Copy, Debug)]
struct Stranger {
    client: Peer,
}

impl Machine for Stranger {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Start { .. } = input {
            out.send(self.client, b"Your data was lost");
            out.done(Status::Success);
        }
    }
}

/// A server, a client of it, and a stranger.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let timeout = options.timeout;
    net.max_time(timeout + AFTERWARDS);
    let server = net.host("server").udp(ABOUT.port).machine(|_| Server);
    let local_time = options.local_time.clone();
    let client =
        net.host("client").udp(0).machine(move |boot| Client::new(boot.peer(server), &local_time, timeout));
    net.host("stranger").udp(0).machine(move |boot| Stranger { client: boot.peer(client) });
    net.show(server, fmt::Display::fmt);
    net.show(client, fmt::Display::fmt);

    net.fold("a reply tells the length of what the server was asked", BTreeSet::new)
        .on(server, |owed, event, _| {
            if let ServerEvent::Asked { text, .. } = event {
                owed.insert(reply(text.len()).into_bytes());
            }
            true
        })
        .on(client, |owed: &mut BTreeSet<Vec<u8>>, event, _| match event {
            ClientEvent::Replied { text, .. } if !owed.contains(text) => {
                Err(format!("the client took '{}', which no request asked for", Escaped(text)))
            }
            _ => Ok(()),
        });
    net.never("the client takes a second reply", move |run| {
        // One that was started anew takes one of its own.
        let own =
            run.events(client).iter().rev().take_while(|event| !matches!(event, ClientEvent::Assigned(_)));
        own.filter(|event| matches!(event, ClientEvent::Replied { .. })).count() > 1
    });
    // Waits go by the client's own clock, and these bounds by the time.
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    net.rules_out(UNCHECKED);
    net.eventually_within("the client ends", timeout, move |run| run.status(client).is_some());
    net
}

/// What answers so many bytes.
fn reply(len: usize) -> String {
    format!("Your data was {len} bytes long")
}
