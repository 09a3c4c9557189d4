//! suffix-echo: what is said comes back with a suffix.
//!
//! ```text
//! client ── hello ──► server
//! client ◄── hello 我收到了 ── server, which says so after each read of at most 1024 bytes
//! ```
//!
//! The client asks its user for a line, sends it, and asks again once the whole reply is there. (Rows S87 to S93.)

mod client;
mod properties;
mod reply;
mod server;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use client::{Client, MAX_LINE_LEN};
pub use reply::{Mismatch, Reply};
pub use server::{MAX_TAKEN_LEN, MAX_WAITING_LEN, Server, Talk};

use super::{AFTERWARDS, About, Options, Transport, Typed};
use crate::escaped::Escaped;
use crate::machine::{ConnectError, Peer};
use crate::scenario::Net;
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    unix: true,
    ..About::new(
        "suffix-echo",
        8888,
        Transport::Tcp,
        "an interactive echo whose replies have no end of their own",
    )
};

/// What the server puts behind each piece of text that it takes: "I have got it", after a blank.
pub const SUFFIX: &str = " 我收到了";
/// What the client asks its user with: "what you want to send:".
pub const PROMPT: &str = "你要发送的数据:";

/// What a client is asked to do at its prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a line, which comes without its end. An empty one is asked for again.
    Send(Vec<u8>),
    /// Nothing more will be sent: leave.
    Leave,
}

/// What the server tells the application. A terminal does not show who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It has a new client.
    Accepted(Peer),
    /// It has read this, but for the part of a character that is not whole yet.
    Taken {
        /// Whose it is.
        peer: Peer,
        /// The text; bytes that are none are replaced.
        text: String,
    },
    /// A client has ended the connection, or it was reset.
    Ended(Peer),
}

/// What the client tells the application. A terminal does not show when it connects, and what it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It is connected; its end has this address.
    Connected(Peer),
    /// It asks its user for a line.
    Prompt,
    /// It sends this.
    Sent(Vec<u8>),
    /// It has the whole reply to what it has sent last, suffixes and all. A suffix may stand in the middle of a character.
    Replied(Vec<u8>),
    /// The line has more than [`MAX_LINE_LEN`] bytes, and was not sent.
    TooLong(usize),
    /// What comes back is not what was sent: this much of it has come.
    NoEcho(String),
    /// The server has ended the connection while the client asked its user.
    Gone(Peer),
    /// The server has ended the connection before its reply was whole.
    GoneInReply(Peer),
    /// The connection was reset before the reply was whole.
    Reset(Peer),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// It had no connection, or no whole reply, in this time.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(peer) => write!(f, "{peer} has connected"),
            Self::Taken { text, .. } => f.write_str(text),
            Self::Ended(peer) => write!(f, "客户端{peer}:断开链接"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(local) => write!(f, "connected from {local}"),
            Self::Prompt => f.write_str(PROMPT),
            Self::Sent(line) => write!(f, "sends {:?}", text_of(line)),
            Self::Replied(reply) => Escaped(text_of(reply).as_bytes()).fmt(f),
            Self::TooLong(len) => write!(f, "a line has at most {MAX_LINE_LEN} bytes, not {len}"),
            Self::NoEcho(text) => write!(f, "the reply is not what was sent: {text:?}"),
            Self::Gone(peer) => write!(f, "{peer} has closed the connection"),
            Self::GoneInReply(peer) => write!(f, "{peer} closed the connection before its reply was whole"),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// What the client is asked when somebody types this.
pub fn typed(typed: Typed) -> Command {
    match typed {
        Typed::Line(line) => Command::Send(line),
        Typed::End => Command::Leave,
    }
}

/// Whether the client wants a line now.
pub fn wants_line(event: &ClientEvent) -> bool {
    *event == ClientEvent::Prompt
}

/// What a terminal shows of the server.
///
/// # Errors
/// If `to` fails.
pub fn print_server(event: &ServerEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ServerEvent::Accepted(_) => Ok(()),
        event => writeln!(to, "{event}"),
    }
}

/// What a terminal shows of the client.
///
/// # Errors
/// If `to` fails.
pub fn print_client(event: &ClientEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ClientEvent::Connected(_) | ClientEvent::Sent(_) => Ok(()),
        ClientEvent::Prompt => to.write_str(PROMPT),
        // The prompt stands in the line.
        ClientEvent::Gone(_) => writeln!(to, "\n{event}"),
        event => writeln!(to, "{event}"),
    }
}

/// A server and a client of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let timeout = options.timeout;
    let server = net.host("server").listen(ABOUT.port).promises(Server::PROMISES);
    let server = server.machine(|_| Server::default());
    let client = net.host("client").promises(Client::PROMISES);
    let client = client.machine(move |boot| Client::new(boot.peer(server), timeout));
    net.show(server, |event, f| match event {
        ServerEvent::Taken { text, .. } => write!(f, "took {}", Shortened(text)),
        event => fmt::Display::fmt(event, f),
    });
    net.show(client, |event, f| match event {
        ClientEvent::Replied(reply) => write!(f, "got {}", Shortened(&text_of(reply))),
        ClientEvent::Sent(line) => write!(f, "sends {}", Shortened(&text_of(line))),
        event => fmt::Display::fmt(event, f),
    });
    // So far apart that the client has given up, or asks for the next line.
    let apart = timeout + Duration::from_secs(1);
    let long = "长".repeat(400);
    let lines = ["你好", "", &long, "hello"].map(|line| Command::Send(line.as_bytes().to_vec()));
    let mut after = Duration::ZERO;
    for command in lines.into_iter().chain([Command::Leave]) {
        after += apart;
        net.command(Instant::START + after, client, command);
    }
    net.max_time(after + AFTERWARDS);
    properties::add(&net, server, client);
    net
}

/// What a server makes of these bytes.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// A text with its length, where it is long.
struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How many characters stand before the length.
        const MAX_CHARS: usize = 24;
        match self.0.char_indices().nth(MAX_CHARS) {
            None => write!(f, "{:?}", self.0),
            Some((at, _)) => write!(f, "{:?}… ({} bytes)", &self.0[..at], self.0.len()),
        }
    }
}
