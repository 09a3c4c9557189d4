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
//!
//! Its datagrams carry no checksum of their own, so it does not claim to withstand changed bytes.

mod client;
mod properties;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::Client;
pub use server::Server;

use super::{AFTERWARDS, About, Options, Transport, Typed};
use crate::escaped::Escaped;
use crate::lawful::Promises;
use crate::machine::Peer;
use crate::scenario::{Host, Net};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    client_connects: true,
    one_server: true,
    has_members: true,
    options: &["not-to-sender", "members-only"],
    ..About::new(
        "udp-chat",
        9001,
        Transport::Udp,
        "what one says all members hear; who stops pinging is none any more",
    )
};

/// What makes its source a member, or keeps it one.
pub const PING: &str = "#ping#";
/// What ends a membership.
pub const QUIT: &str = "/quit";
/// How long a member is one after its last ping, that moment included.
pub const EXPIRY: Duration = Duration::from_secs(10);
/// How often a client pings.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// How many members there are at most. When another pings, the one whose last ping is longest ago is a member no more.
pub const MAX_MEMBERS: usize = 1024;
/// How many bytes of what is said are told, the replacements of bytes that are not UTF-8 counted; the rest is cut off.
pub const MAX_SAID_LEN: usize = 1024;
/// How many bytes a member is told at most: the longest address, a line feed, and what is said.
pub const MAX_TOLD_LEN: usize =
    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535\n".len() + MAX_SAID_LEN;

/// What a client is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To say a line; `/quit` leaves.
    Say(Vec<u8>),
    /// To leave.
    Leave,
}

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here. A terminal does not show it.
    Listening(Peer),
    /// Something has happened.
    Noted {
        /// How long the server had been up then, by its own clock.
        up: Duration,
        /// What.
        note: Note,
    },
}

/// What a client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It pings. A terminal does not show it.
    Pinging,
    /// It takes the next line. A terminal does not show it.
    Ready,
    /// It was told what somebody said: the address, a line feed, and the text.
    Heard(Vec<u8>),
    /// Nobody listens at the server's address, and it has given up.
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
    /// A member was silent longest when another one came and there was no room for both.
    MadeWay(Peer),
    /// A peer that is no member said something: nobody else gets it.
    Ignored {
        /// Who.
        peer: Peer,
        /// How many.
        len: usize,
    },
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

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Noted { note, .. } => note.fmt(f),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinging => f.write_str("Pinging"),
            Self::Ready => f.write_str("Ready for a line"),
            Self::Heard(told) => {
                // Who says it, and on a line of its own what, which can be made to look like nothing else.
                let text = String::from_utf8_lossy(told);
                match text.split_once('\n') {
                    Some((peer, text)) => {
                        write!(f, "{}\n{}", Escaped(peer.as_bytes()), Escaped(text.as_bytes()))
                    }
                    None => Escaped(text.as_bytes()).fmt(f),
                }
            }
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
            Self::MadeWay(peer) => {
                write!(f, "{peer} makes way: it was silent longest of all members, and another comes")
            }
            Self::Ignored { peer, len } => write!(f, "{peer} is no member: {len} bytes are not told"),
            Self::Said { peer, text, told } => {
                write!(f, "{peer} says '{}', told to {told}", Escaped(text.as_bytes()))
            }
        }
    }
}

/// What is typed at the clients of a simulated run: after how long, at which, what.
const SCRIPT: [(Duration, usize, &str); 8] = [
    (Duration::from_secs(1), 0, "hello"),
    (Duration::from_secs(1), 1, "is anybody here?"),
    (Duration::from_secs(8), 2, "  yes  "),
    (Duration::from_secs(12), 1, QUIT),
    (Duration::from_secs(14), 0, "who is left?"),
    (Duration::from_secs(16), 2, "I am"),
    (Duration::from_secs(22), 0, QUIT),
    (Duration::from_secs(23), 2, "alone at last"),
];
/// When the input of the last client ends.
const END: Duration = Duration::from_secs(24);

/// A server and three clients of it, which chat.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(options.scaled(END) + AFTERWARDS);
    let max_members = options.max_members.clamp(1, MAX_MEMBERS);
    let of_server = Promises::DEFAULT.max_messages(max_members).max_bytes(max_members * MAX_TOLD_LEN);
    let of_client = Promises::DEFAULT.max_messages(1).max_bytes(MAX_SAID_LEN);
    let (expiry, ping_every, to_speaker) =
        (options.scaled(EXPIRY), options.scaled(PING_EVERY), !options.not_to_sender);
    let members_only = options.members_only;
    let server = net.host("server").udp(ABOUT.port).promises(of_server).machine(move |_| {
        let server = Server::new(expiry, to_speaker).max_members(max_members);
        if members_only { server.members_only() } else { server }
    });
    let clients = ["client-1", "client-2", "client-3"].map(|name| {
        let place = net.host(name).udp(0).connected(server).promises(of_client);
        place.machine(move |boot| Client::new(boot.peer(server), ping_every))
    });
    net.show(server, |event, f| f.write_str(&event.to_string().replace('\n', "⏎")));
    for client in clients {
        net.show(client, |event, f| f.write_str(&event.to_string().replace('\n', "⏎")));
    }
    for (after, client, line) in SCRIPT {
        let at = Instant::START + options.scaled(after);
        net.command(at, clients[client], Command::Say(line.as_bytes().to_vec()));
    }
    net.command(Instant::START + options.scaled(END), clients[2], Command::Leave);
    hold(&net, options, server, clients);
    net
}

/// What holds in every run of a server and three clients with these options, whatever they are asked.
pub fn hold(net: &Net, options: &Options, server: Host<Server>, clients: [Host<Client>; 3]) {
    let (expiry, ping_every, to_speaker) =
        (options.scaled(EXPIRY), options.scaled(PING_EVERY), !options.not_to_sender);
    properties::of_server(net, server, expiry, to_speaker);
    properties::of_clients(net, server, clients, ping_every, to_speaker);
}

/// What a client is asked when this was typed.
pub fn typed(typed: Typed) -> Command {
    match typed {
        Typed::Line(line) => Command::Say(line),
        Typed::End => Command::Leave,
    }
}

/// Whether a client takes the next line after this event.
pub fn wants_line(event: &ClientEvent) -> bool {
    *event == ClientEvent::Ready
}

/// Writes what a terminal shows of an event of the server.
///
/// # Errors
/// As `to` fails.
pub fn print_server(event: &ServerEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ServerEvent::Listening(_) | ServerEvent::Noted { note: Note::Pinged(_), .. } => Ok(()),
        ServerEvent::Noted { note, .. } => writeln!(to, "{note}"),
    }
}

/// Writes what a terminal shows of an event of a client.
///
/// # Errors
/// As `to` fails.
pub fn print_client(event: &ClientEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ClientEvent::Pinging | ClientEvent::Ready => Ok(()),
        event => writeln!(to, "{event}"),
    }
}
