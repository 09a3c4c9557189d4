//! tcp-chat: what one member says, all members hear.
//!
//! ```text
//! member 1 ── hello\n ──► server ──► member 1
//!                           ├──────► member 2     IP:PORT\nhello\n, with the address of member 1
//!                           └──────► member 3
//! ```
//!
//! Our client ends what it says with a newline, and the server splits there, so a line stays one message however it is
//! cut. A classic client sends no newline: what stays unterminated for 50 ms, or at the end, is a message too.
//!
//! Only the first message of a classic client waits. This rule decides who is one, for each member by itself:
//!
//! - A member of whom a message ended by that wait is classic. From then on each of its reads is a message, told on at
//!   once and as it was read, with the newlines inside of it: so did the original.
//! - A read of it that ends with a newline shows that its sender ends lines. It is split into lines, and lines count from
//!   then on: so a client of ours whose line stalled is taken for classic until that line ends, and no longer.
//!
//! `/quit` leaves. (Rows S67 to S76.)

mod client;
mod properties;
mod server;
mod text;

use std::fmt;
use std::time::Duration;

pub use client::{Client, MAX_UNSENT_LEN};
pub use server::{MAX_MEMBERS, MAX_MESSAGE_LEN, MAX_QUEUE_LEN, PATIENCE, Server};
pub use text::Text;

use super::{About, Options, Transport, Typed};
use crate::machine::{ConnectError, Peer};
use crate::scenario::{Host, Net};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    unix: true,
    one_server: true,
    ..About::new("tcp-chat", 9001, Transport::Tcp, "what one member says, all members hear, in one order")
};

/// What leaves the chat when a member says it, blanks around it or not.
pub const QUIT: &[u8] = b"/quit";
/// How many members there are.
const MEMBERS: usize = 3;

/// What a client is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say a line, which comes without its end; `/quit` leaves.
    Say(Vec<u8>),
    /// Nothing more will be said: leave.
    Leave,
}

/// What the server tells the application. A terminal shows what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// There is a new member.
    Joined(Peer),
    /// A member has said something, which all are told now.
    Said {
        /// Who.
        speaker: Peer,
        /// What, with its newline if it had one.
        text: Text,
    },
    /// Text of a member stayed without its newline: until one comes, each of its reads is a message.
    Classic(Peer),
    /// A member has left, whichever way.
    Left(Peer),
    /// A member that does not read was dropped.
    Dropped(Peer),
    /// A member was silent longest when another one came and there was no room for both.
    MadeWay(Peer),
    /// There are [`MAX_MEMBERS`] already, all of them in the middle of something, and this one was not taken.
    Full(Peer),
}

/// What a client tells the application. A terminal shows what it hears, and what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It is connected; its end has this address.
    Connected(Peer),
    /// It says this, as it goes out.
    Saying(String),
    /// Everything that it said is handed over: the next line may come.
    HandedOver,
    /// It hears this: any part of what is told.
    Heard(String),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// It was not connected, or what it said did not get out, in this time.
    NoAnswer(Duration),
    /// It could not say a line, for too much waits already.
    Unsaid(Peer),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined(peer) => write!(f, "{peer} has joined"),
            Self::Said { speaker, text } => write!(f, "{speaker} said {text:?}"),
            Self::Classic(peer) => write!(f, "{peer} sends no newline: each read of it is a message"),
            Self::Left(peer) => write!(f, "{peer} has left"),
            Self::Dropped(peer) => write!(f, "dropped {peer}, which does not read"),
            Self::MadeWay(peer) => {
                write!(
                    f,
                    "{peer} makes way: of {MAX_MEMBERS} members it was silent longest, and another comes"
                )
            }
            Self::Full(peer) => write!(f, "turned {peer} away: there are {MAX_MEMBERS} members already"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(local) => write!(f, "connected from {local}"),
            Self::Saying(text) => write!(f, "says {text:?}"),
            Self::HandedOver => f.write_str("ready for the next line"),
            Self::Heard(text) => f.write_str(text),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
            Self::Unsaid(peer) => {
                write!(f, "a line was not sent: {peer} has not taken what was said before it")
            }
        }
    }
}

/// What a client is asked when somebody types this.
pub fn typed(typed: Typed) -> Command {
    match typed {
        Typed::Line(line) => Command::Say(line),
        Typed::End => Command::Leave,
    }
}

/// Whether a client wants a line now.
pub fn wants_line(event: &ClientEvent) -> bool {
    *event == ClientEvent::HandedOver
}

/// What a terminal shows of the server.
///
/// # Errors
/// If `to` fails.
pub fn print_server(event: &ServerEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ServerEvent::Joined(_)
        | ServerEvent::Said { .. }
        | ServerEvent::Classic(_)
        | ServerEvent::Left(_) => Ok(()),
        event => writeln!(to, "{event}"),
    }
}

/// What a terminal shows of a client.
///
/// # Errors
/// If `to` fails.
pub fn print_client(event: &ClientEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ClientEvent::Heard(text) => to.write_str(text),
        ClientEvent::Connected(_) | ClientEvent::Saying(_) | ClientEvent::HandedOver => Ok(()),
        event => writeln!(to, "{event}"),
    }
}

/// A server and its members.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (patience, timeout) = (options.scaled(PATIENCE), options.timeout);
    let server = net.host("server").listen(ABOUT.port).promises(Server::PROMISES);
    let server = server.machine(move |_| Server::new(patience));
    net.show(server, fmt::Display::fmt);
    let members: [Host<Client>; MEMBERS] = std::array::from_fn(|index| {
        let member = net.host(format!("client-{}", index + 1)).promises(Client::PROMISES);
        member.machine(move |boot| Client::new(boot.peer(server), timeout))
    });
    for member in members {
        net.show(member, |event, f| match event {
            ClientEvent::Heard(text) => write!(f, "heard {text:?}"),
            event => fmt::Display::fmt(event, f),
        });
    }
    let [first, second, third] = members;
    let say = |millis, member, text: &str| {
        net.command(Instant::from_millis(millis), member, Command::Say(text.as_bytes().to_vec()));
    };
    say(100, first, "你好");
    say(100, second, "hello everybody");
    say(150, third, "one");
    say(150, third, "two");
    say(300, second, "/quit");
    say(400, first, "who is left?");
    net.command(Instant::from_millis(600), third, Command::Leave);
    net.command(Instant::from_millis(700), first, Command::Leave);
    properties::add(&net, server, members);
    net
}
