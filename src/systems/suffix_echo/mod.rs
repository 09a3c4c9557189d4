//! suffix-echo: what is said comes back with a suffix.
//!
//! ```text
//! client ── hello ──► server
//! client ◄── hello 我收到了 ── server, which says so after each read of at most 1024 bytes
//! ```
//!
//! The client asks its user for a line, sends it, and asks again once the whole reply is there. (Rows S87 to S93.)

mod client;
mod reply;
mod server;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use client::{Client, MAX_LINE_LEN};
pub use reply::{Mismatch, Reply};
pub use server::{MAX_TAKEN_LEN, MAX_WAITING_LEN, Server, Talk};

use super::{AFTERWARDS, About, CLIENT, Options, SERVER, System, Transport, Typed};
use crate::check::Property;
use crate::machine::{Boot, BoxedMachine, ConnectError, Peer};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::utf8::incomplete_len;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct SuffixEcho;

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

/// What either role tells the application. A terminal does not show who connects, and what the client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server has a new client.
    Accepted(Peer),
    /// The server has read this, but for the part of a character that is not whole yet.
    Taken {
        /// Whose it is.
        peer: Peer,
        /// The text; bytes that are none are replaced.
        text: String,
    },
    /// A client of the server has ended the connection, or it was reset.
    Ended(Peer),
    /// The client is connected; its end has this address.
    Connected(Peer),
    /// The client asks its user for a line.
    Prompt,
    /// The client sends this.
    Sent(Vec<u8>),
    /// The client has the whole reply to what it has sent last, suffixes and all. A suffix may stand in the middle of a
    /// character.
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
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// The client had no connection, or no whole reply, in this time.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(peer) => write!(f, "{peer} has connected"),
            Self::Taken { text, .. } => f.write_str(text),
            Self::Replied(reply) => f.write_str(&text_of(reply)),
            Self::Ended(peer) => write!(f, "客户端{peer}:断开链接"),
            Self::Connected(local) => write!(f, "connected from {local}"),
            Self::Prompt => f.write_str(PROMPT),
            Self::Sent(line) => write!(f, "sends {:?}", text_of(line)),
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

impl System for SuffixEcho {
    type Command = Command;
    type Event = Event;
    const ABOUT: About = About {
        unix: true,
        interactive: true,
        ..About::new(
            "suffix-echo",
            8888,
            Transport::Tcp,
            "an interactive echo whose replies have no end of their own",
        )
    };

    fn server(_: &Options, _: Boot<'_>) -> BoxedMachine<Command, Event> {
        Box::new(Server::default())
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<Command, Event> {
        Box::new(Client::new(server, options.timeout))
    }

    fn scenario(options: &Options) -> Scenario<Command, Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.show = |event: &Event, f| match event {
            Event::Taken { text, .. } => write!(f, "took {}", Shortened(text)),
            Event::Replied(reply) => write!(f, "got {}", Shortened(&text_of(reply))),
            Event::Sent(line) => write!(f, "sends {}", Shortened(&text_of(line))),
            event => fmt::Display::fmt(event, f),
        };
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let server =
            scenario.host_promising("server", binding, Server::PROMISES, |_| Box::new(Server::default()));
        let (peer, of_client) = (scenario.peer(server), options.clone());
        let make = move |boot: Boot<'_>| Self::client(&of_client, peer, boot);
        let client = scenario.host_promising("client", Binding::Dialer, Client::PROMISES, make);
        // So far apart that the client has given up, or asks for the next line.
        let apart = options.timeout + Duration::from_secs(1);
        let long = "长".repeat(400);
        let lines = ["你好", "", &long, "hello"].map(|line| Command::Send(line.as_bytes().to_vec()));
        let mut at = Instant::START;
        for command in lines.into_iter().chain([Command::Leave]) {
            at += apart;
            scenario.command(at, client, command);
        }
        scenario.max_time = at + AFTERWARDS;
        scenario
    }

    fn properties(_: &Options) -> Vec<Property<Event>> {
        vec![
            Property::always("what comes back without the suffixes is what was sent", |view| {
                let mut sent = None;
                view.of(CLIENT).all(|event| {
                    match event {
                        Event::Sent(line) => sent = Some(line),
                        // None of the lines has the suffix in it.
                        Event::Replied(reply) => {
                            return sent.take().is_some_and(|sent| without_suffixes(reply) == *sent);
                        }
                        _ => {}
                    }
                    true
                })
            }),
            Property::always("the server takes what was sent, in order, and nothing else", |view| {
                let of_server: Vec<&Event> = view.of(SERVER).collect();
                talks(view.of(CLIENT))
                    .iter()
                    .all(|talk| text_of(&talk.sent).starts_with(&taken_from(talk.peer, &of_server)))
            }),
            Property::always("a reply comes only when the server has taken all that was sent", |view| {
                let of_server: Vec<&Event> = view.of(SERVER).collect();
                talks(view.of(CLIENT))
                    .iter()
                    .all(|talk| taken_from(talk.peer, &of_server).len() >= talk.answered_len)
            }),
            Property::always("nothing is taken from a client after its end, which is told once", |view| {
                let mut there = Vec::new();
                view.of(SERVER).all(|event| match event {
                    Event::Accepted(peer) => {
                        there.push(*peer);
                        true
                    }
                    Event::Taken { peer, .. } => there.contains(peer),
                    Event::Ended(peer) => {
                        let before = there.len();
                        there.retain(|other| other != peer);
                        there.len() < before
                    }
                    _ => true,
                })
            }),
        ]
    }

    fn typed(typed: Typed) -> Option<Command> {
        Some(match typed {
            Typed::Line(line) => Command::Send(line),
            Typed::End => Command::Leave,
        })
    }

    fn wants_line(event: &Event) -> bool {
        *event == Event::Prompt
    }

    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Accepted(_) | Event::Connected(_) | Event::Sent(_) => Ok(()),
            Event::Prompt => to.write_str(PROMPT),
            // The prompt stands in the line.
            Event::Gone(_) => writeln!(to, "\n{event}"),
            event => writeln!(to, "{event}"),
        }
    }
}

/// A reply without its suffixes, wherever they stand.
fn without_suffixes(reply: &[u8]) -> Vec<u8> {
    let (mut without, mut rest) = (Vec::new(), reply);
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(SUFFIX.as_bytes()) {
            rest = after;
        } else {
            without.push(byte);
            rest = after;
        }
    }
    without
}

/// What one machine of the client has told.
struct Conversation {
    /// What its end of the connection is called.
    peer: Peer,
    sent: Vec<u8>,
    /// How long the text is that is answered, but for the character that is begun.
    answered_len: usize,
}

/// What the machines of the client have told, one after another: each begins by being connected.
fn talks<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Conversation> {
    let mut talks: Vec<Conversation> = Vec::new();
    for event in events {
        match (event, talks.last_mut()) {
            (Event::Connected(peer), _) => {
                talks.push(Conversation { peer: *peer, sent: Vec::new(), answered_len: 0 });
            }
            (Event::Sent(line), Some(talk)) => talk.sent.extend(line),
            (Event::Replied(_), Some(talk)) => {
                let whole_len = talk.sent.len() - incomplete_len(&talk.sent);
                talk.answered_len = text_of(&talk.sent[..whole_len]).len();
            }
            _ => {}
        }
    }
    talks
}

/// What a server makes of these bytes.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// All that the server has taken from a client.
fn taken_from(client: Peer, of_server: &[&Event]) -> String {
    let taken = of_server.iter().map(|event| match event {
        Event::Taken { peer, text } if *peer == client => text.as_str(),
        _ => "",
    });
    taken.collect()
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
