//! greet: the server says its text to everybody and closes.
//!
//! ```text
//! client ──────── connects ────────► server
//! client ◄── 欢迎访问菜鸟教程!\r\n ── server, which closes
//! ```
//!
//! The client reads to the end before it decodes, so that no character is cut in two. (Rows S47 to S49.)

use std::fmt;
use std::time::Duration;

use super::escaped::{Escaped, Lines};
use super::{AFTERWARDS, About, Options, SERVER, System, Transport, bugs};
use crate::check::Property;
use crate::host::HostId;
use crate::lawful::Promises;
use crate::machine::{
    Boot, BoxedMachine, CloseReason, Conn, ConnMap, ConnectError, Input, Machine, Outbox, Peer, Status,
    limits,
};
use crate::parts::speech::Speech;
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct Greet;

/// What the server says unless it is told otherwise; the end of the line comes after it.
pub const TEXT: &str = "欢迎访问菜鸟教程!";
/// How the server ends its text.
pub const LINE_END: &str = "\r\n";
/// The longest text that the client takes, its end of line included, in bytes.
pub const MAX_TEXT_LEN: usize = 64 * 1024;

/// How many clients there are in the scenario.
const CLIENTS: u16 = 2;

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client has connected to the server.
    Accepted(Peer),
    /// The client has read this to its end.
    Heard(Vec<u8>),
    /// The client's server has closed without a word.
    NoText(Peer),
    /// The client's server says more than the client takes.
    TooLong,
    /// The client's connection was reset before its end.
    Reset(Peer),
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// The client had not the whole text in this time.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(peer) => write!(f, "连接地址: {peer}"),
            Self::Heard(text) => Lines(text).fmt(f),
            Self::NoText(peer) => write!(f, "{peer} closed without a text"),
            Self::TooLong => write!(f, "the text has more than {MAX_TEXT_LEN} bytes"),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// What a server with these options says, its end of line included.
fn text(options: &Options) -> String {
    format!("{}{LINE_END}", options.text.as_deref().unwrap_or(TEXT))
}

/// Says its text on every connection, and reads none.
#[derive(Debug)]
pub struct Server {
    text: String,
    /// The connections whose send buffer had no room for the whole text; each costs no more than this.
    unfinished: ConnMap<Speech>,
}

impl Server {
    /// A server that says this and closes.
    pub fn new(text: String) -> Self {
        Self { text, unfinished: ConnMap::default() }
    }

    fn go_on(&mut self, mut speech: Speech, conn: Conn, out: &mut Outbox<Event>) {
        if speech.go_on(&[self.text.as_bytes()], conn, out) {
            out.close(conn);
        } else {
            self.unfinished.insert(conn, speech);
        }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Connected { conn, peer, .. } => {
                out.event(Event::Accepted(peer));
                self.go_on(Speech::default(), conn, out);
            }
            Input::Writable { conn } => {
                if let Some(speech) = self.unfinished.remove(conn) {
                    self.go_on(speech, conn, out);
                }
            }
            Input::Closed { conn, .. } => _ = self.unfinished.remove(conn),
            Input::Stop => out.done(Status::Success),
            // What a client says is nothing to the server.
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// Reads what the server says, to its end.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    timeout: Duration,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting ──connected──► Reading ──eof──► Over
///                     └──── refused ───────────┴── too long, reset, deadline ──┘
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting { conn: Conn, give_up_at: Instant },
    Reading { conn: Conn, text: Vec<u8>, give_up_at: Instant },
    Over,
}

impl Client {
    /// A client of the server that waits so long to be connected, and again for the whole text.
    pub fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, state: State::Idle }
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
        match (&mut self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                let conn = out.connect(self.server);
                self.state = State::Connecting { conn, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::Connected { conn, .. }) => {
                self.state = State::Reading { conn, text: Vec::new(), give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(Event::NoConnection(peer, reason), Status::Failure, out);
            }
            (State::Reading { conn, text, .. }, Input::Received { bytes, .. }) => {
                if text.len() + bytes.len() > MAX_TEXT_LEN {
                    out.abort(*conn);
                    self.end(Event::TooLong, Status::Failure, out);
                } else {
                    text.extend_from_slice(bytes);
                }
            }
            (State::Reading { conn, text, .. }, Input::Eof { .. }) => {
                let text = std::mem::take(text);
                out.close(*conn);
                if text.is_empty() {
                    self.end(Event::NoText(self.server), Status::Failure, out);
                } else {
                    self.end(Event::Heard(text), Status::Success, out);
                }
            }
            (State::Reading { .. }, Input::Closed { reason: CloseReason::Reset, .. }) => {
                self.end(Event::Reset(self.server), Status::Failure, out);
            }
            (
                State::Connecting { conn, give_up_at } | State::Reading { conn, give_up_at, .. },
                Input::Timeout,
            ) if *give_up_at <= now => {
                out.abort(*conn);
                self.end(Event::NoAnswer(self.timeout), Status::Failure, out);
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
            State::Connecting { give_up_at, .. } | State::Reading { give_up_at, .. } => Some(give_up_at),
            State::Idle | State::Over => None,
        }
    }
}

impl System for Greet {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        options: &["text"],
        bugs: bugs::greet::ALL,
        ..About::new(
            "greet",
            9999,
            Transport::Tcp,
            "a text is read to its end before it is decoded, so no character is cut in two",
        )
    };

    fn server(options: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Server::new(text(options)))
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        bugs::greet::client(options.bug, Client::new(server, options.timeout))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + options.timeout * 2 + AFTERWARDS;
        scenario.show = |event: &Event, f| write!(f, "{}", Escaped(event.to_string().as_bytes()));
        let of_server = options.clone();
        let promises = Promises { max_messages: 1, max_bytes: limits::SEND_BUFFER_LEN, ..Promises::DEFAULT };
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let server =
            scenario.host_promising("server", binding, promises, move |boot| Self::server(&of_server, boot));
        let (peer, promises) = (scenario.peer(server), Promises { max_bytes: 0, ..promises });
        for number in 1..=CLIENTS {
            let options = options.clone();
            let name = format!("client-{number}");
            scenario.host_promising(name, Binding::Dialer, promises, move |boot| {
                Self::client(&options, peer, boot)
            });
        }
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let most = options.timeout * 2;
        let text = text(options);
        vec![
            Property::always("what a client prints is the whole text", move |view| {
                view.events.iter().all(|happened| match &happened.event {
                    Event::Heard(heard) => heard == text.as_bytes(),
                    _ => true,
                })
            }),
            Property::always("a client hears only what the server has said to it", |view| {
                let said = view.of(SERVER).filter(|event| matches!(event, Event::Accepted(_))).count();
                let heard = view.events.iter().filter(|happened| matches!(happened.event, Event::Heard(_)));
                heard.count() <= said
            }),
            Property::always("a client succeeds exactly when it has heard", |view| {
                clients().all(|client| {
                    let heard = matches!(view.of(client).last(), Some(Event::Heard(_)));
                    view.status(client).is_none_or(|status| (status == Status::Success) == heard)
                })
            }),
            Property::eventually_within("every client ends", most, |view| {
                clients().all(|client| view.status(client).is_some())
            }),
        ]
    }
}

/// The clients of the scenario.
fn clients() -> impl Iterator<Item = HostId> {
    (1..=CLIENTS).map(HostId)
}
