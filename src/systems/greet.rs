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

use super::{AFTERWARDS, About, Options, Transport};
use crate::escaped::{Escaped, Lines};
use crate::lawful::Promises;
use crate::machine::{
    CloseReason, Conn, ConnMap, ConnectError, Input, Machine, Outbox, Peer, Status, limits,
};
use crate::parts::speech::Speech;
use crate::scenario::Net;
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    options: &["text"],
    ..About::new(
        "greet",
        9999,
        Transport::Tcp,
        "a text is read to its end before it is decoded, so no character is cut in two",
    )
};

/// What the server says unless it is told otherwise; the end of the line comes after it.
pub const TEXT: &str = "欢迎访问菜鸟教程!";
/// How the server ends its text.
pub const LINE_END: &str = "\r\n";
/// The longest text that the client takes, its end of line included, in bytes.
pub const MAX_TEXT_LEN: usize = 64 * 1024;

/// What the server tells the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// A client has connected.
    Accepted(Peer),
}

/// What a client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It has read this to its end.
    Heard(Vec<u8>),
    /// Its server has closed without a word.
    NoText(Peer),
    /// Its server says more than it takes.
    TooLong,
    /// Its connection was reset before its end.
    Reset(Peer),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// It had not the whole text in this time.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Accepted(peer) = self;
        write!(f, "连接地址: {peer}")
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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

    fn go_on(&mut self, mut speech: Speech, conn: Conn, out: &mut Outbox<ServerEvent>) {
        if speech.go_on(&[self.text.as_bytes()], conn, out) {
            out.close(conn);
        } else {
            self.unfinished.insert(conn, speech);
        }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Connected { conn, peer, .. } => {
                out.event(ServerEvent::Accepted(peer));
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
        match (&mut self.state, input) {
            (State::Idle, Input::Start { .. }) => {
                let conn = out.connect(self.server);
                self.state = State::Connecting { conn, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::Connected { conn, .. }) => {
                self.state = State::Reading { conn, text: Vec::new(), give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            (State::Reading { conn, text, .. }, Input::Received { bytes, .. }) => {
                if text.len() + bytes.len() > MAX_TEXT_LEN {
                    out.abort(*conn);
                    self.end(ClientEvent::TooLong, Status::Failure, out);
                } else {
                    text.extend_from_slice(bytes);
                }
            }
            (State::Reading { conn, text, .. }, Input::Eof { .. }) => {
                let text = std::mem::take(text);
                out.close(*conn);
                if text.is_empty() {
                    self.end(ClientEvent::NoText(self.server), Status::Failure, out);
                } else {
                    self.end(ClientEvent::Heard(text), Status::Success, out);
                }
            }
            (State::Reading { .. }, Input::Closed { reason: CloseReason::Reset, .. }) => {
                self.end(ClientEvent::Reset(self.server), Status::Failure, out);
            }
            (State::Connecting { conn, .. } | State::Reading { conn, .. }, Input::Timeout) => {
                out.abort(*conn);
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
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

/// A server and two clients of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (most, timeout, text) = (options.timeout * 2, options.timeout, text(options));
    net.max_time(most + AFTERWARDS);
    let promises = Promises::DEFAULT.max_messages(1).max_bytes(limits::SEND_BUFFER_LEN);
    let said = text.clone();
    let server =
        net.host("server").listen(ABOUT.port).promises(promises).machine(move |_| Server::new(said.clone()));
    let clients = ["client-1", "client-2"].map(|name| {
        let place = net.host(name).promises(promises.max_bytes(0));
        place.machine(move |boot| Client::new(boot.peer(server), timeout))
    });
    net.show(server, |event, f| write!(f, "{}", Escaped(event.to_string().as_bytes())));
    for client in clients {
        net.show(client, |event, f| write!(f, "{}", Escaped(event.to_string().as_bytes())));
    }

    let mut whole = net.fold("what a client prints is the whole text", || ());
    for client in clients {
        let text = text.clone();
        whole = whole.on(client, move |(), event, _| match event {
            ClientEvent::Heard(heard) if heard != text.as_bytes() => {
                Err(format!("{} heard '{}'", client.peer(), Escaped(heard)))
            }
            _ => Ok(()),
        });
    }
    let name = "a client hears only what the server has said to it";
    let mut counts = net.fold(name, Counts::default).on(server, |counts, ServerEvent::Accepted(_), _| {
        counts.said += 1;
        true
    });
    for client in clients {
        counts = counts.on(client, |counts: &mut Counts, event, _| {
            counts.heard += u64::from(matches!(event, ClientEvent::Heard(_)));
            let Counts { said, heard } = *counts;
            if heard <= said {
                Ok(())
            } else {
                Err(format!("it was said {said} times and heard {heard} times"))
            }
        });
    }
    net.always("a client succeeds exactly when it has heard", move |run| {
        clients.iter().all(|client| {
            let heard = matches!(run.events(*client).last(), Some(ClientEvent::Heard(_)));
            run.status(*client).is_none_or(|status| (status == Status::Success) == heard)
        })
    });
    net.eventually_within("every client ends", most, move |run| {
        clients.iter().all(|client| run.status(*client).is_some())
    });
    net
}

/// How often the text was said, and heard.
#[derive(Clone, Copy, Default, Hash)]
struct Counts {
    said: u64,
    heard: u64,
}
