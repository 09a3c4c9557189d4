//! udp-chat: members by heartbeat, expired by a timer.
//!
//! ```text
//! client-1 ── #ping# ──► server                    0.0, 5.0, 10.0, …
//! client-2 ── #ping# ──► server
//! client-1 ── hello ───► server ── 192.168.0.2:49152⏎hello ──► client-1, client-2
//! client-2 ── /quit ───► server
//! ```
//!
//! A member is who has sent a ping in the last ten seconds. What anybody says goes to all members, with the address of who
//! said it; `/quit` is a member's leaving. Whoever falls silent is dropped by a timer, not by the next thing that is said.
//! (Rows S77 to S86.)

mod client;
mod properties;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::Client;
pub use server::Server;

use super::escaped::Escaped;
use super::{AFTERWARDS, About, Options, System, Transport, Typed, bugs};
use crate::HostId;
use crate::check::Property;
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::lawful::Promises;
use crate::machine::{Boot, BoxedMachine, Peer};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct UdpChat;

/// What makes its source a member, or keeps it one.
pub const PING: &str = "#ping#";
/// What ends a membership.
pub const QUIT: &str = "/quit";
/// How long a member is one after its last ping, that moment included.
pub const EXPIRY: Duration = Duration::from_secs(10);
/// How often a client pings.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// How many members there are at most. The ping of another is ignored while there are so many.
pub const MAX_MEMBERS: usize = 1024;
/// How many bytes of what is said are told; the rest is cut off.
pub const MAX_SAID_LEN: usize = 1024;
/// How many bytes a member is told at most: the longest address, a line feed, and the replacement of each byte that is
/// not UTF-8 by three.
pub const MAX_TOLD_LEN: usize =
    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535\n".len() + 3 * MAX_SAID_LEN;

/// What a client is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To say a line; `/quit` leaves.
    Say(Vec<u8>),
    /// To leave.
    Leave,
}

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here. A terminal does not show it.
    Listening(Peer),
    /// Something has happened at the server.
    Noted {
        /// How long the server had been up then, by its own clock.
        up: Duration,
        /// What.
        note: Note,
    },
    /// The client pings. A terminal does not show it.
    Pinging,
    /// The client takes the next line. A terminal does not show it.
    Ready,
    /// The client was told what somebody said: the address, a line feed, and the text.
    Heard(Vec<u8>),
    /// Nobody listens at the server's address, and the client has given up.
    NobodyListens(Peer),
}

/// What happens at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Somebody has become a member.
    Joined(Peer),
    /// A member has pinged again. A terminal does not show it.
    Pinged(Peer),
    /// A member has left.
    Left(Peer),
    /// A member was silent for too long.
    Expired(Peer),
    /// Somebody cannot become a member: there are too many.
    Refused(Peer),
    /// Somebody, member or not, has said something.
    Said {
        /// Who.
        peer: Peer,
        /// What.
        text: String,
        /// To how many members it went.
        told: usize,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Noted { note, .. } => note.fmt(f),
            Self::Pinging => f.write_str("Pinging"),
            Self::Ready => f.write_str("Ready for a line"),
            Self::Heard(told) => f.write_str(&String::from_utf8_lossy(told)),
            Self::NobodyListens(peer) => write!(f, "cannot connect to {peer}: connection refused"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined(peer) => write!(f, "{peer} has joined"),
            Self::Pinged(peer) => write!(f, "{peer} is still there"),
            Self::Left(peer) => write!(f, "{peer} has left"),
            Self::Expired(peer) => write!(f, "{peer} has expired"),
            Self::Refused(peer) => write!(f, "{peer} cannot join: there are {MAX_MEMBERS} members already"),
            Self::Said { peer, text, told } => {
                write!(f, "{peer} says '{}', told to {told}", Escaped(text.as_bytes()))
            }
        }
    }
}

/// The clients of a simulated run.
const CLIENTS: [HostId; 3] = [HostId(1), HostId(2), HostId(3)];

/// What is typed at the clients of a simulated run: after how long, at which, what.
const SCRIPT: [(Duration, HostId, &str); 8] = [
    (Duration::from_secs(1), CLIENTS[0], "hello"),
    (Duration::from_secs(1), CLIENTS[1], "is anybody here?"),
    (Duration::from_secs(8), CLIENTS[2], "  yes  "),
    (Duration::from_secs(12), CLIENTS[1], QUIT),
    (Duration::from_secs(14), CLIENTS[0], "who is left?"),
    (Duration::from_secs(16), CLIENTS[2], "I am"),
    (Duration::from_secs(22), CLIENTS[0], QUIT),
    (Duration::from_secs(23), CLIENTS[2], "alone at last"),
];
/// When the input of the last client ends.
const END: Duration = Duration::from_secs(24);

impl System for UdpChat {
    type Command = Command;
    type Event = Event;
    const ABOUT: About = About {
        client_connects: true,
        interactive: true,
        one_server: true,
        options: &["not-to-sender"],
        bugs: bugs::udp_chat::ALL,
        ..About::new(
            "udp-chat",
            9001,
            Transport::Udp,
            "what one says all members hear; who stops pinging is none any more",
        )
    };

    fn server(options: &Options, _: Boot<'_>) -> BoxedMachine<Command, Event> {
        bugs::udp_chat::server(options)
            .unwrap_or_else(|| Box::new(Server::new(options.scaled(EXPIRY), !options.not_to_sender)))
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<Command, Event> {
        bugs::udp_chat::client(options.bug, Client::new(server, options.scaled(PING_EVERY)))
    }

    fn scenario(options: &Options) -> Scenario<Command, Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + options.scaled(END) + AFTERWARDS;
        scenario.show = |event: &Event, f| f.write_str(&event.to_string().replace('\n', "⏎"));
        let of_server = Promises {
            max_messages: MAX_MEMBERS,
            max_bytes: MAX_MEMBERS * MAX_TOLD_LEN,
            ..Promises::default()
        };
        let of_client = Promises { max_messages: 1, max_bytes: MAX_SAID_LEN, ..Promises::default() };
        let chosen = options.clone();
        let binding = Binding::Datagram { port: Self::ABOUT.port, connect: None };
        let server =
            scenario.host_promising("server", binding, of_server, move |boot| Self::server(&chosen, boot));
        let peer = scenario.peer(server);
        for name in ["client-1", "client-2", "client-3"] {
            let chosen = options.clone();
            let binding = Binding::Datagram { port: FIRST_EPHEMERAL_PORT, connect: Some(peer) };
            scenario.host_promising(name, binding, of_client, move |boot| Self::client(&chosen, peer, boot));
        }
        for (after, client, line) in SCRIPT {
            let at = Instant::START + options.scaled(after);
            scenario.command(at, client, Command::Say(line.as_bytes().to_vec()));
        }
        scenario.command(Instant::START + options.scaled(END), CLIENTS[2], Command::Leave);
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        properties::all(options)
    }

    fn typed(typed: Typed) -> Option<Command> {
        Some(match typed {
            Typed::Line(line) => Command::Say(line),
            Typed::End => Command::Leave,
        })
    }

    fn wants_line(event: &Event) -> bool {
        *event == Event::Ready
    }

    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Listening(_)
            | Event::Pinging
            | Event::Ready
            | Event::Noted { note: Note::Pinged(_), .. } => Ok(()),
            event => writeln!(to, "{event}"),
        }
    }
}
