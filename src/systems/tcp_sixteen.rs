//! tcp-sixteen: sixteen bytes there, sixteen bytes back.
//!
//! ```text
//! client ── Hi there, server ──► server
//! client ◄── Farewell, client ── server, which closes
//! ```
//!
//! Both read exactly sixteen bytes however the stream is cut, and say so when it ends early. (Rows S21 to S27.)

use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::{AFTERWARDS, About, CLIENT, Options, SERVER, System, Transport, bugs};
use crate::check::Property;
use crate::machine::{
    Boot, BoxedMachine, CloseReason, Conn, ConnectError, Input, Machine, Outbox, Peer, Status,
};
use crate::parts::per_conn::PerConn;
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::exact::{EarlyEnd, Exact};

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct TcpSixteen;

/// What the client says.
pub const HELLO: &[u8; 16] = b"Hi there, server";
/// What the server says.
pub const FAREWELL: &[u8; 16] = b"Farewell, client";

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here.
    Listening(Peer),
    /// The server is ready for the next client.
    WaitingToAccept,
    /// A client has connected to the server.
    Accepted {
        /// The client's address.
        peer: Peer,
        /// The server's own address of this connection.
        local: Peer,
    },
    /// The server has read a client's sixteen bytes.
    Incoming(Vec<u8>),
    /// The server has answered and closed.
    Replied,
    /// A stream ended before its sixteen bytes were there.
    EndedEarly(EarlyEnd),
    /// A stream was reset before its sixteen bytes were there.
    Reset(Peer),
    /// The client's end of the connection has this address.
    Assigned(Peer),
    /// The client has read the server's sixteen bytes.
    ServerSaid(Vec<u8>),
    /// The client could not connect.
    NoConnection(Peer, ConnectError),
    /// The client had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::WaitingToAccept => f.write_str("Waiting to accept a new connection"),
            Self::Accepted { peer, local } => {
                writeln!(f, "We have accepted a connection from {peer}")?;
                writeln!(f, "  Socket name: {local}")?;
                write!(f, "  Socket peer: {peer}")
            }
            Self::Incoming(message) => {
                write!(f, "  Incoming sixteen-octet message: b'{}'", message.escape_ascii())
            }
            Self::Replied => f.write_str("  Reply sent, socket closed"),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::Assigned(local) => write!(f, "Client has been assigned socket name {local}"),
            Self::ServerSaid(message) => write!(f, "The server said b'{}'", message.escape_ascii()),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// Serves each connection by a [`Call`] of its own, so that an idle client keeps nobody waiting.
#[derive(Debug)]
pub struct Server {
    calls: PerConn<Call, fn(Peer) -> Call>,
}

impl Default for Server {
    fn default() -> Self {
        Self { calls: PerConn::new(Call::new) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { local } => {
                out.event(Event::Listening(local));
                out.event(Event::WaitingToAccept);
            }
            Input::Stop => out.done(Status::Success),
            input => self.calls.handle(input, now, out),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.calls.deadline()
    }

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        self.calls.fingerprint(now, to)
    }
}

/// One connection of the server.
///
/// ```text
/// reading ──sixteen bytes──► answered, closing
///    └──────eof, reset─────► over
/// ```
#[derive(Debug)]
pub struct Call {
    peer: Peer,
    /// What is still to be read; none once the connection is answered or over.
    message: Option<Exact>,
}

impl Call {
    fn new(peer: Peer) -> Self {
        Self { peer, message: Some(Exact::new(HELLO.len())) }
    }

    fn end(&mut self, event: Event, out: &mut Outbox<Event>) {
        self.message = None;
        out.event(event);
        out.event(Event::WaitingToAccept);
    }
}

impl Machine for Call {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        let Some(message) = &mut self.message else { return };
        match input {
            Input::Connected { peer, local, .. } => out.event(Event::Accepted { peer, local }),
            Input::Received { conn, bytes } => {
                // What comes after the sixteen bytes is nobody's message.
                let _surplus = message.push(bytes);
                if let Some(sixteen) = message.message() {
                    out.event(Event::Incoming(sixteen.to_vec()));
                    out.write(conn, FAREWELL);
                    out.close(conn);
                    self.end(Event::Replied, out);
                }
            }
            Input::Eof { conn } => {
                let early = message.finish().err();
                out.close(conn);
                if let Some(early) = early {
                    self.end(Event::EndedEarly(early), out);
                }
            }
            Input::Closed { .. } => self.end(Event::Reset(self.peer), out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn fingerprint(&self, _now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.peer, &self.message).hash(&mut to);
        true
    }
}

/// Says its sixteen bytes and reads sixteen back.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    timeout: Duration,
    state: State,
}

/// ```text
/// Idle ──start──► Connecting ──connected──► Reading ──sixteen bytes──► Over
///                     └──── refused ───────────┴── eof, reset, deadline ──┘
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Connecting { conn: Conn, give_up_at: Instant },
    Reading { conn: Conn, reply: Exact, give_up_at: Instant },
    Over,
}

impl Client {
    /// A client of the server that waits so long to be connected, and again for the answer.
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
            (State::Connecting { .. }, Input::Connected { conn, local, .. }) => {
                out.event(Event::Assigned(local));
                out.write(conn, HELLO);
                let reply = Exact::new(FAREWELL.len());
                self.state = State::Reading { conn, reply, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(Event::NoConnection(peer, reason), Status::Failure, out);
            }
            (State::Reading { conn, reply, .. }, Input::Received { bytes, .. }) => {
                let _surplus = reply.push(bytes);
                if let Some(sixteen) = reply.message() {
                    let said = Event::ServerSaid(sixteen.to_vec());
                    out.close(*conn);
                    self.end(said, Status::Success, out);
                }
            }
            (State::Reading { conn, reply, .. }, Input::Eof { .. }) => {
                if let Err(early) = reply.finish() {
                    out.close(*conn);
                    self.end(Event::EndedEarly(early), Status::Failure, out);
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

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        match &self.state {
            State::Idle => to.write_u8(0),
            State::Connecting { conn, give_up_at } => (1_u8, conn, give_up_at.since(now)).hash(&mut to),
            State::Reading { conn, reply, give_up_at } => {
                (2_u8, conn, reply, give_up_at.since(now)).hash(&mut to);
            }
            State::Over => to.write_u8(3),
        }
        true
    }
}

impl System for TcpSixteen {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        bugs: bugs::tcp_sixteen::ALL,
        ..About::new(
            "tcp-sixteen",
            1060,
            Transport::Tcp,
            "both sides read exactly sixteen bytes, however the stream is cut",
        )
    };

    fn server(options: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        bugs::tcp_sixteen::server(options.bug)
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        bugs::tcp_sixteen::client(options, server)
            .unwrap_or_else(|| Box::new(Client::new(server, options.timeout)))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + options.timeout * 2 + AFTERWARDS;
        scenario.show = |event: &Event, f| f.write_str(event.to_string().replace("\n  ", "; ").trim_start());
        let binding = Binding::Listener { port: Self::ABOUT.port };
        let (of_server, of_client) = (options.clone(), options.clone());
        let server = scenario.host("server", binding, move |boot| Self::server(&of_server, boot));
        let peer = scenario.peer(server);
        scenario.host("client", Binding::Dialer, move |boot| Self::client(&of_client, peer, boot));
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let most = options.timeout * 2;
        vec![
            Property::always("what is read is what was said, whole", |view| {
                let of_server = view.of(SERVER).all(|event| match event {
                    Event::Incoming(message) => message == HELLO,
                    _ => true,
                });
                of_server
                    && view.of(CLIENT).all(|event| match event {
                        Event::ServerSaid(message) => message == FAREWELL,
                        _ => true,
                    })
            }),
            Property::always("the client hears the farewell only after the server has read", |view| {
                let heard = view.of(CLIENT).any(|event| matches!(event, Event::ServerSaid(_)));
                !heard || view.of(SERVER).any(|event| matches!(event, Event::Incoming(_)))
            }),
            Property::eventually_within("the client ends", most, |view| view.status(CLIENT).is_some()),
        ]
    }
}
