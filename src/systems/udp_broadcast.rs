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

use std::fmt;
use std::hash::Hasher;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::altered::is_at_most_altered;
use super::escaped::Escaped;
use super::{AFTERWARDS, About, CLIENT, Options, SERVER, System, Transport};
use crate::HostId;
use crate::check::Property;
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::lawful::Promises;
use crate::machine::{Boot, BoxedMachine, Input, Machine, Outbox, Peer, Status};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct UdpBroadcast;

/// What the client says to everybody.
pub const MESSAGE: &[u8; 19] = b"Broadcast datagram!";

/// The listeners of a simulated run.
const LISTENERS: [HostId; 3] = [SERVER, HostId(2), HostId(3)];

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here.
    Listening(Peer),
    /// The server has heard something.
    Heard {
        /// From whom.
        peer: Peer,
        /// What.
        text: Vec<u8>,
    },
    /// The client has sent its datagram to this address. A terminal does not show it.
    Sent(Peer),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening for datagrams at {local}"),
            Self::Heard { peer, text } => write!(f, "The client at {peer} says: '{}'", Escaped(text)),
            Self::Sent(to) => write!(f, "Sent to {to}"),
        }
    }
}

/// Tells what it hears, and never answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server;

impl Machine for Server {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { local } => out.event(Event::Listening(local)),
            Input::Datagram { peer, bytes } => out.event(Event::Heard { peer, text: bytes.to_vec() }),
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
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        if let Input::Start { .. } = input {
            out.send(self.to, MESSAGE);
            out.event(Event::Sent(self.to));
            out.done(Status::Success);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn fingerprint(&self, _now: Instant, _to: &mut dyn Hasher) -> bool {
        true
    }
}

impl System for UdpBroadcast {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        broadcasts: true,
        one_server: true,
        ..About::new(
            "udp-broadcast",
            1060,
            Transport::Udp,
            "one datagram to everybody on the network, whoever listens",
        )
    };

    fn server(_: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Server)
    }

    fn client(_: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Client::new(server))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + AFTERWARDS;
        scenario.show = <Event as fmt::Display>::fmt;
        let silent = Promises { max_messages: 0, max_bytes: 0, ..Promises::default() };
        let once = Promises { max_messages: 1, max_bytes: MESSAGE.len(), ..Promises::default() };
        let port = Self::ABOUT.port;
        let listener = Binding::Datagram { port, connect: None };
        let dialer = Binding::Datagram { port: FIRST_EPHEMERAL_PORT, connect: None };
        let everybody: Peer = (Ipv4Addr::BROADCAST.into(), port).into();
        let options = options.clone();
        scenario.host_promising("server", listener, silent, |_| Box::new(Server));
        scenario.host_promising("client", dialer, once, move |boot| Self::client(&options, everybody, boot));
        scenario.host_promising("server-2", listener, silent, |_| Box::new(Server));
        scenario.host_promising("server-3", listener, silent, |_| Box::new(Server));
        scenario
    }

    fn properties(_: &Options) -> Vec<Property<Event>> {
        vec![
            Property::always("what a listener hears is the broadcast, and comes from the client", |view| {
                let client = CLIENT.address(FIRST_EPHEMERAL_PORT);
                LISTENERS.into_iter().flat_map(|listener| view.of(listener)).all(|event| match event {
                    Event::Heard { peer, text } => *peer == client && is_at_most_altered(text, MESSAGE),
                    _ => true,
                })
            }),
            // The network may double a datagram once.
            Property::always(
                "a listener hears a broadcast no more than twice, and none that was not sent",
                |view| {
                    let sent = view.of(CLIENT).filter(|event| matches!(event, Event::Sent(_))).count();
                    LISTENERS.into_iter().all(|listener| {
                        let heard = view.of(listener).filter(|event| matches!(event, Event::Heard { .. }));
                        heard.count() <= 2 * sent
                    })
                },
            ),
            Property::eventually_within("the client ends at once", Duration::ZERO, |view| {
                view.status(CLIENT) == Some(Status::Success)
            }),
        ]
    }

    /// The original's client prints nothing.
    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Sent(_) => Ok(()),
            event => writeln!(to, "{event}"),
        }
    }
}
