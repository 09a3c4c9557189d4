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

use super::{AFTERWARDS, About, Options, Transport};
use crate::machine::{CloseReason, Conn, ConnectError, Input, Machine, Outbox, Peer, Status};
use crate::parts::per_conn::PerConn;
use crate::scenario::Net;
use crate::time::Instant;
use crate::wire::exact::{EarlyEnd, Exact};

/// What is to be known beside the machines.
pub const ABOUT: About = About::new(
    "tcp-sixteen",
    1060,
    Transport::Tcp,
    "both sides read exactly sixteen bytes, however the stream is cut",
);

/// What the client says.
pub const HELLO: &[u8; 16] = b"Hi there, server";
/// What the server says.
pub const FAREWELL: &[u8; 16] = b"Farewell, client";

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here.
    Listening(Peer),
    /// It is ready for the next client.
    WaitingToAccept,
    /// A client has connected.
    Accepted {
        /// The client's address.
        peer: Peer,
        /// The server's own address of this connection.
        local: Peer,
    },
    /// It has read a client's sixteen bytes.
    Incoming(Vec<u8>),
    /// It has answered and closed.
    Replied,
    /// A client's stream ended before its sixteen bytes were there.
    EndedEarly(EarlyEnd),
    /// A client's stream was reset before its sixteen bytes were there.
    Reset(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Its end of the connection has this address.
    Assigned(Peer),
    /// It has read the server's sixteen bytes.
    ServerSaid(Vec<u8>),
    /// The stream ended before its sixteen bytes were there.
    EndedEarly(EarlyEnd),
    /// The stream was reset before its sixteen bytes were there.
    Reset(Peer),
    /// It could not connect.
    NoConnection(Peer, ConnectError),
    /// It had no answer in this time.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
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
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned(local) => write!(f, "Client has been assigned socket name {local}"),
            Self::ServerSaid(message) => write!(f, "The server said b'{}'", message.escape_ascii()),
            Self::EndedEarly(early) => early.fmt(f),
            Self::Reset(peer) => write!(f, "the connection with {peer} was reset"),
            Self::NoConnection(peer, reason) => write!(f, "cannot connect to {peer}: {reason}"),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// Serves each connection by a [`Call`] of its own, so that an idle client keeps nobody waiting.
#[derive(Debug)]
pub struct Server {
    calls: PerConn<Call>,
}

impl Default for Server {
    fn default() -> Self {
        Self { calls: PerConn::new(Call::new) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => {
                out.event(ServerEvent::Listening(local));
                out.event(ServerEvent::WaitingToAccept);
            }
            Input::Stop => out.done(Status::Success),
            input => out.pass_on(&mut self.calls, input, now),
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

    fn end(&mut self, event: ServerEvent, out: &mut Outbox<ServerEvent>) {
        self.message = None;
        out.event(event);
        out.event(ServerEvent::WaitingToAccept);
    }
}

impl Machine for Call {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        let Some(message) = &mut self.message else { return };
        match input {
            Input::Connected { peer, local, .. } => out.event(ServerEvent::Accepted { peer, local }),
            Input::Received { conn, bytes } => {
                // What comes after the sixteen bytes is nobody's message.
                let _surplus = message.push(bytes);
                if let Some(sixteen) = message.message() {
                    out.event(ServerEvent::Incoming(sixteen.to_vec()));
                    // It fits: nothing was written before.
                    let _fits_len = out.write(conn, FAREWELL);
                    out.close(conn);
                    self.end(ServerEvent::Replied, out);
                }
            }
            Input::Eof { conn } => {
                let early = message.finish().err();
                out.close(conn);
                if let Some(early) = early {
                    self.end(ServerEvent::EndedEarly(early), out);
                }
            }
            Input::Closed { .. } => self.end(ServerEvent::Reset(self.peer), out),
            _ => {}
        }
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
            (State::Connecting { .. }, Input::Connected { conn, local, .. }) => {
                out.event(ClientEvent::Assigned(local));
                // It fits: nothing was written before.
                let _fits_len = out.write(conn, HELLO);
                let reply = Exact::new(FAREWELL.len());
                self.state = State::Reading { conn, reply, give_up_at: now + self.timeout };
            }
            (State::Connecting { .. }, Input::ConnectFailed { peer, reason, .. }) => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            (State::Reading { conn, reply, .. }, Input::Received { bytes, .. }) => {
                let _surplus = reply.push(bytes);
                if let Some(sixteen) = reply.message() {
                    let said = ClientEvent::ServerSaid(sixteen.to_vec());
                    out.close(*conn);
                    self.end(said, Status::Success, out);
                }
            }
            (State::Reading { conn, reply, .. }, Input::Eof { .. }) => {
                if let Err(early) = reply.finish() {
                    out.close(*conn);
                    self.end(ClientEvent::EndedEarly(early), Status::Failure, out);
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

/// A server and a client of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (timeout, most) = (options.timeout, options.timeout * 2);
    net.max_time(most + AFTERWARDS);
    let server = net.host("server").listen(ABOUT.port).machine(|_| Server::default());
    let client = net.host("client").machine(move |boot| Client::new(boot.peer(server), timeout));
    net.show(server, |event, f| f.write_str(event.to_string().replace("\n  ", "; ").trim_start()));
    net.show(client, fmt::Display::fmt);

    net.fold("what is read is what was said, whole", || ())
        .on(server, |(), event, _| match event {
            ServerEvent::Incoming(message) => message == HELLO,
            _ => true,
        })
        .on(client, |(), event, _| match event {
            ClientEvent::ServerSaid(message) => message == FAREWELL,
            _ => true,
        });
    // How many clients were read from and have not heard the farewell.
    net.fold("the client hears the farewell only after the server has read", || 0_u32)
        .on(server, |unheard, event, _| {
            *unheard += u32::from(matches!(event, ServerEvent::Incoming(_)));
            true
        })
        .on(client, |unheard, event, _| {
            let heard = u32::from(matches!(event, ClientEvent::ServerSaid(_)));
            unheard.checked_sub(heard).map(|left| *unheard = left).is_some()
        });
    net.eventually_within("the client ends", most, move |run| run.status(client).is_some());
    net
}
