//! tcp-chat: what one member says, all members hear.
//!
//! ```text
//! member 1 ── hello\n ──► server ──► member 1
//!                           ├──────► member 2     IP:PORT\nhello\n, with the address of member 1
//!                           └──────► member 3
//! ```
//!
//! Our client ends what it says with a newline, and the server splits there. A classic client sends no newline: what
//! stays unterminated for 50 ms, or at the end, is a message too. `/quit` leaves. (Rows S67 to S76.)

mod client;
mod server;

use std::fmt;
use std::time::Duration;

pub use client::{Client, MAX_UNSENT_LEN};
pub use server::{MAX_MEMBERS, MAX_MESSAGE_LEN, MAX_QUEUE_LEN, PATIENCE, Server};

use super::{About, Options, SERVER, System, Transport, Typed, bugs};
use crate::check::Property;
use crate::host::HostId;
use crate::machine::{Boot, BoxedMachine, ConnectError, Peer};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct TcpChat;

/// What leaves the chat when a member says it, blanks around it or not.
pub const QUIT: &[u8] = b"/quit";
/// How many members a scenario has.
const MEMBERS: u16 = 3;

/// What a client is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say a line, which comes without its end; `/quit` leaves.
    Say(Vec<u8>),
    /// Nothing more will be said: leave.
    Leave,
}

/// What either role tells the application. A terminal shows what a client hears, and what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server has a new member.
    Joined(Peer),
    /// A member has said something, which the server now tells all.
    Said {
        /// Who.
        speaker: Peer,
        /// What, with its newline if it had one.
        text: String,
    },
    /// A member has left the server, whichever way.
    Left(Peer),
    /// The server has dropped a member that does not read.
    Dropped(Peer),
    /// The server has [`MAX_MEMBERS`] already and takes no more.
    Full(Peer),
    /// The client is connected; its end has this address.
    Connected(Peer),
    /// The client says this, as it goes out.
    Saying(String),
    /// Everything that the client said is handed over: the next line may come.
    HandedOver,
    /// The client hears this: any part of what is told.
    Heard(String),
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// The client was not connected, or what it said did not get out, in this time.
    NoAnswer(Duration),
    /// The client could not say a line, for too much waits already.
    Unsaid(Peer),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined(peer) => write!(f, "{peer} has joined"),
            Self::Said { speaker, text } => write!(f, "{speaker} said {text:?}"),
            Self::Left(peer) => write!(f, "{peer} has left"),
            Self::Dropped(peer) => write!(f, "dropped {peer}, which does not read"),
            Self::Full(peer) => write!(f, "turned {peer} away: there are {MAX_MEMBERS} members already"),
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

impl System for TcpChat {
    type Command = Command;
    type Event = Event;
    const ABOUT: About = About {
        unix: true,
        interactive: true,
        one_server: true,
        bugs: bugs::tcp_chat::ALL,
        ..About::new("tcp-chat", 9001, Transport::Tcp, "what one member says, all members hear, in one order")
    };

    fn server(options: &Options, _: Boot<'_>) -> BoxedMachine<Command, Event> {
        Box::new(Server::new(options.scaled(PATIENCE)))
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<Command, Event> {
        bugs::tcp_chat::client(options.bug, Client::new(server, options.timeout))
    }

    fn scenario(options: &Options) -> Scenario<Command, Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.show = |event: &Event, f| match event {
            Event::Heard(text) => write!(f, "heard {text:?}"),
            event => fmt::Display::fmt(event, f),
        };
        let of_server = options.clone();
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let server = scenario
            .host_promising("server", binding, Server::PROMISES, move |boot| Self::server(&of_server, boot));
        let peer = scenario.peer(server);
        let [first, second, third] = [1, 2, 3].map(|number| {
            let of_client = options.clone();
            let name = format!("client-{number}");
            scenario.host_promising(name, Binding::Dialer, Client::PROMISES, move |boot| {
                Self::client(&of_client, peer, boot)
            })
        });
        let mut say = |millis, host, text: &str| {
            let command = Command::Say(text.as_bytes().to_vec());
            scenario.command(Instant::from_millis(millis), host, command);
        };
        say(100, first, "你好");
        say(100, second, "hello everybody");
        say(150, third, "one");
        say(150, third, "two");
        say(300, second, "/quit");
        say(400, first, "who is left?");
        scenario.command(Instant::from_millis(600), third, Command::Leave);
        scenario.command(Instant::from_millis(700), first, Command::Leave);
        scenario
    }

    fn properties(_: &Options) -> Vec<Property<Event>> {
        vec![
            Property::always(
                "a member hears all that is said while it is there, whole and in one order",
                |view| {
                    let of_server: Vec<&Event> = view.of(SERVER).collect();
                    members().all(|host| {
                        sessions(view.of(host))
                            .iter()
                            .all(|session| told_to(session.member, &of_server).starts_with(&session.heard))
                    })
                },
            ),
            Property::always("what a member is told to have said is what it said, in its order", |view| {
                members().all(|host| {
                    sessions(view.of(host)).iter().all(|session| {
                        let said_by = |event: &Event| match event {
                            Event::Said { speaker, text } if *speaker == session.member => text.clone(),
                            _ => String::new(),
                        };
                        session.said.starts_with(&view.of(SERVER).map(said_by).collect::<String>())
                    })
                })
            }),
            Property::always("only who is a member speaks", |view| {
                let mut members = Vec::new();
                view.of(SERVER).all(|event| {
                    match event {
                        Event::Joined(peer) => members.push(*peer),
                        Event::Left(peer) | Event::Dropped(peer) => members.retain(|member| member != peer),
                        Event::Said { speaker, .. } => return members.contains(speaker),
                        _ => {}
                    }
                    true
                })
            }),
            Property::never("a member is dropped, though less is said than its queue holds", |view| {
                view.of(SERVER).any(|event| matches!(event, Event::Dropped(_) | Event::Full(_)))
            }),
        ]
    }

    fn typed(typed: Typed) -> Option<Command> {
        Some(match typed {
            Typed::Line(line) => Command::Say(line),
            Typed::End => Command::Leave,
        })
    }

    fn wants_line(event: &Event) -> bool {
        *event == Event::HandedOver
    }

    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Heard(text) => to.write_str(text),
            Event::Joined(_)
            | Event::Said { .. }
            | Event::Left(_)
            | Event::Connected(_)
            | Event::Saying(_)
            | Event::HandedOver => Ok(()),
            event => writeln!(to, "{event}"),
        }
    }
}

/// What one machine of a client has told.
struct Session {
    /// What its end of the connection is called.
    member: Peer,
    said: String,
    heard: String,
}

/// What the machines of a client have told, one after another: each begins by being connected.
fn sessions<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    for event in events {
        match (event, sessions.last_mut()) {
            (Event::Connected(member), _) => {
                sessions.push(Session { member: *member, said: String::new(), heard: String::new() });
            }
            (Event::Saying(text), Some(session)) => session.said.push_str(text),
            (Event::Heard(text), Some(session)) => session.heard.push_str(text),
            _ => {}
        }
    }
    sessions
}

/// All that the server tells a member from its joining to its leaving.
fn told_to(member: Peer, of_server: &[&Event]) -> String {
    let joined = of_server.iter().skip_while(|event| ***event != Event::Joined(member));
    let there = joined.take_while(|event| !is_end_of(member, event));
    let told = there.map(|event| match event {
        Event::Said { speaker, text } => format!("{speaker}\n{text}"),
        _ => String::new(),
    });
    told.collect()
}

fn is_end_of(member: Peer, event: &Event) -> bool {
    matches!(event, Event::Left(peer) | Event::Dropped(peer) if *peer == member)
}

/// The clients of a scenario.
fn members() -> impl Iterator<Item = HostId> {
    (1..=MEMBERS).map(HostId)
}
