//! udp-local: the server answers every datagram with its length.
//!
//! ```text
//! client ── The time is 2026-01-01 00:00:00.000000 ──► server
//! client ◄── Your data was 38 bytes long ───────────── server
//! ```
//!
//! The client asks once, takes one reply from its server alone, and waits for it within bounds. In a simulated run a
//! stranger answers it too, and sooner. (Rows S01 to S08.)

use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::escaped::Escaped;
use super::{AFTERWARDS, About, CLIENT, Options, SERVER, System, Transport, bugs};
use crate::check::Property;
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::machine::{Boot, BoxedMachine, Input, Machine, Outbox, Peer, Status};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct UdpLocal;

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here.
    Listening(Peer),
    /// A client has said something to the server.
    Asked {
        /// Who.
        peer: Peer,
        /// What.
        text: Vec<u8>,
    },
    /// The client's socket has this address.
    Assigned(Peer),
    /// The server has answered the client.
    Replied {
        /// From where.
        peer: Peer,
        /// What.
        text: Vec<u8>,
    },
    /// No answer came in this time.
    NoReply(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, text } => write!(f, "The client at {peer} says '{}'", Escaped(text)),
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
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { local } => out.event(Event::Listening(local)),
            Input::Datagram { peer, bytes } => {
                out.event(Event::Asked { peer, text: bytes.to_vec() });
                out.send_fmt(peer, format_args!("Your data was {} bytes long", bytes.len()));
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
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

    fn end(&mut self, event: Event, status: Status, out: &mut Outbox<Event>) {
        self.state = State::Over;
        out.event(event);
        out.done(status);
    }
}

impl Machine for Client {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Event>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { local }) => {
                out.send(self.server, self.message.as_bytes());
                out.event(Event::Assigned(local));
                self.state = State::Waiting { give_up_at: now + self.timeout };
            }
            (State::Waiting { .. }, Input::Datagram { peer, bytes }) if peer == self.server => {
                self.end(Event::Replied { peer, text: bytes.to_vec() }, Status::Success, out);
            }
            (State::Waiting { give_up_at }, Input::Timeout) if *give_up_at <= now => {
                self.end(Event::NoReply(self.timeout), Status::Failure, out);
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
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        if let Input::Start { .. } = input {
            out.send(self.client, b"Your data was lost");
            out.done(Status::Success);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl System for UdpLocal {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        bugs: bugs::udp_local::ALL,
        ..About::new("udp-local", 1060, Transport::Udp, "every datagram is answered with its length")
    };

    fn server(_: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Server)
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        bugs::udp_local::client(options, server)
            .unwrap_or_else(|| Box::new(Client::new(server, &options.local_time, options.timeout)))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + options.timeout + AFTERWARDS;
        scenario.show = <Event as fmt::Display>::fmt;
        let binding = Binding::Datagram { port: Self::ABOUT.port, connect: None };
        let server = scenario.host("server", binding, |_| Box::new(Server));
        let (peer, options) = (scenario.peer(server), options.clone());
        let binding = Binding::Datagram { port: FIRST_EPHEMERAL_PORT, connect: None };
        let client = scenario.host("client", binding, move |boot| Self::client(&options, peer, boot));
        let client = scenario.peer(client);
        scenario.host("stranger", binding, move |_| Box::new(Stranger { client }));
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let timeout = options.timeout;
        vec![
            Property::always("a reply tells the length of what the server was asked", |view| {
                let asked: Vec<String> = view.of(SERVER).filter_map(Event::reply_due).collect();
                view.of(CLIENT).all(|event| match event {
                    Event::Replied { text, .. } => asked.iter().any(|reply| reply.as_bytes() == text),
                    _ => true,
                })
            }),
            Property::never("the client takes a second reply", |view| {
                view.of(CLIENT).filter(|event| matches!(event, Event::Replied { .. })).count() > 1
            }),
            Property::eventually_within("the client ends", timeout, |view| view.status(CLIENT).is_some()),
        ]
    }
}

impl Event {
    /// What the server owes for this, if anything.
    fn reply_due(&self) -> Option<String> {
        match self {
            Self::Asked { text, .. } => Some(format!("Your data was {} bytes long", text.len())),
            _ => None,
        }
    }
}
