//! upload: a client sends a text and ends its direction, and the server answers with its length.
//!
//! ```text
//! client ── text ──►             server     the end of the client's direction is the end of the text
//!        ── end ───►                        10 ms later, as where the text is typed
//!        ◄── length of the text, end ──
//! ```
//!
//! Its streams are made of segments, unless a plan says otherwise: what is wrong here shows where single packets of a
//! connection are lost.

use std::time::Duration;

use super::parsed;
use crate::fault::{FaultKind, StreamKind};
use crate::machine::{CloseReason, Conn, Input, Machine, Outbox, Peer, Status};
use crate::parts::per_conn::PerConn;
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About::new(
    "upload",
    1060,
    Transport::Tcp,
    "the end of a stream is the end of a text, whose length is the answer",
);

const TEXT: &[u8] = b"a text that ends where its stream does";
/// How long after the text its end comes.
const END_AFTER: Duration = Duration::from_millis(10);
/// How long the client waits, from its dial to the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// By when the client has ended, with something to spare.
const CLIENT_BOUND: Duration = Duration::from_secs(3);
/// For how long the server keeps an upload of which it hears nothing.
const MAX_IDLE: Duration = Duration::from_secs(5);
/// By when the server has let go of it, too. A packet may be late by as much as it is idle.
const SERVER_BOUND: Duration = Duration::from_secs(20);
/// How long after the text the server that is wrong still believes in its end.
const END_WITHIN: Duration = Duration::from_millis(500);

const SYSTEM: System = (ABOUT.name, net);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// The client's time begins when it is connected. A SYN that is lost takes a second, the next one two, and so on
    /// (RFC 6298, 2.1 and 5.5): libraries have a read timeout by default and no connect timeout.
    LimitsTheAnswerAlone,
    /// The server takes a text for cut off whose end does not come with it. On a network that loses nothing they come
    /// together; an end that is lost comes a second later (RFC 6298, 2.4).
    ExpectsTheEndWithTheText,
    /// The server has no timer for uploads, for who gives up resets them. A reset is one packet, and nobody sends it again
    /// (RFC 9293, 3.5.1: a connection of which one end knows is half-open until that end sends).
    WaitsForTheReset,
}

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        "limits-the-answer-alone",
        "the client's time begins when it is connected, and not when it dials",
        "client>server #0 drop; client>server #1 drop",
        |net, _| {
            let server = net.find::<Server>("server");
            net.replace(net.find::<Client>("client"), move |boot| {
                Client::new(boot.peer(server), Some(Bug::LimitsTheAnswerAlone))
            });
        },
    ),
    Specimen::new(
        SYSTEM,
        "expects-the-end-with-the-text",
        "a text is taken for cut off whose end does not come with it",
        "client>server #3 drop",
        |net, _| in_server(net, Bug::ExpectsTheEndWithTheText),
    ),
    Specimen::new(
        SYSTEM,
        "waits-for-the-reset",
        "the server keeps an upload until it hears that the client has given it up",
        "client>server #2 drop; client>server #4 drop; client>server #5 drop",
        |net, _| in_server(net, Bug::WaitsForTheReset),
    ),
];

fn in_server(net: &Net, bug: Bug) {
    net.replace(net.find::<Server>("server"), move |_| Server::new(Some(bug)));
}

/// What the client tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server has got this number of bytes.
    Answered(usize),
    /// There was no answer in time.
    GaveUp,
    /// There was no connection, or it ended without an answer.
    CutOff,
}

/// Sends its text and waits for the answer.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    bug: Option<Bug>,
    conn: Option<Conn>,
    end_at: Option<Instant>,
    give_up_at: Option<Instant>,
    answer: Vec<u8>,
}

impl Client {
    const fn new(server: Peer, bug: Option<Bug>) -> Self {
        Self { server, bug, conn: None, end_at: None, give_up_at: None, answer: Vec::new() }
    }

    fn end(&mut self, event: ClientEvent, out: &mut Outbox<ClientEvent>) {
        (self.end_at, self.give_up_at) = (None, None);
        out.event(event);
        out.done(if event == ClientEvent::CutOff { Status::Failure } else { Status::Success });
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<ClientEvent>) {
        let Some(conn) = self.conn else { return };
        if self.give_up_at.is_some_and(|at| at <= now) {
            out.abort(conn);
            self.end(ClientEvent::GaveUp, out);
        } else if self.end_at.take_if(|at| *at <= now).is_some() {
            out.shutdown(conn);
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        let bounds_dial = self.bug != Some(Bug::LimitsTheAnswerAlone);
        match input {
            Input::Start { .. } => {
                self.conn = Some(out.connect(self.server));
                self.give_up_at = bounds_dial.then_some(now + PATIENCE);
            }
            Input::Connected { conn, .. } => {
                // It fits into a buffer that is empty.
                let _fits_len = out.write(conn, TEXT);
                self.end_at = Some(now + END_AFTER);
                self.give_up_at.get_or_insert(now + PATIENCE);
            }
            Input::Timeout => self.timeout(now, out),
            Input::Received { bytes, .. } => self.answer.extend_from_slice(bytes),
            Input::Eof { conn } => {
                out.close(conn);
                let answer = parsed(str::from_utf8(&self.answer).ok());
                self.end(answer.map_or(ClientEvent::CutOff, ClientEvent::Answered), out);
            }
            Input::Closed { .. } | Input::ConnectFailed { .. } => self.end(ClientEvent::CutOff, out),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.end_at, self.give_up_at].into_iter().flatten().min()
    }
}

/// What the server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It has answered an upload of this number of bytes.
    Answered(usize),
    /// An upload ended before its end.
    CutOff,
}

/// Answers uploads.
#[derive(Debug)]
pub struct Server {
    uploads: PerConn<Upload>,
}

impl Server {
    fn new(bug: Option<Bug>) -> Self {
        Self { uploads: PerConn::new(move |_| Upload::new(bug)) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Stop => out.done(Status::Success),
            input => out.pass_on(&mut self.uploads, input, now),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.uploads.deadline()
    }
}

/// One connection of the server.
#[derive(Debug)]
struct Upload {
    bug: Option<Bug>,
    len: usize,
    conn: Option<Conn>,
    give_up_at: Option<Instant>,
    is_over: bool,
}

impl Upload {
    const fn new(bug: Option<Bug>) -> Self {
        Self { bug, len: 0, conn: None, give_up_at: None, is_over: false }
    }

    fn end(&mut self, event: ServerEvent, out: &mut Outbox<ServerEvent>) {
        (self.is_over, self.give_up_at) = (true, None);
        out.event(event);
    }

    /// Something was heard.
    fn heard(&mut self, now: Instant) {
        self.give_up_at = match self.bug {
            Some(Bug::ExpectsTheEndWithTheText) if self.len > 0 => Some(now + END_WITHIN),
            Some(Bug::WaitsForTheReset) => None,
            _ => Some(now + MAX_IDLE),
        };
    }
}

impl Machine for Upload {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            _ if self.is_over => {}
            Input::Connected { conn, .. } => {
                self.conn = Some(conn);
                self.heard(now);
            }
            Input::Received { bytes, .. } => {
                self.len += bytes.len();
                self.heard(now);
            }
            Input::Eof { conn } => {
                let answer = self.len.to_string();
                // It fits into a buffer that is empty.
                let _fits_len = out.write(conn, answer.as_bytes());
                out.close(conn);
                self.end(ServerEvent::Answered(self.len), out);
            }
            Input::Timeout => {
                self.conn.take().into_iter().for_each(|conn| out.abort(conn));
                self.end(ServerEvent::CutOff, out);
            }
            Input::Closed { reason: CloseReason::Reset, .. } => self.end(ServerEvent::CutOff, out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}

/// A server and a client of it.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(SERVER_BOUND);
    net.streams(StreamKind::SEGMENTS);
    let server = net.host("server").listen(ABOUT.port).machine(|_| Server::new(None));
    let client = net.host("client").machine(move |boot| Client::new(boot.peer(server), None));
    net.never("who sends a whole text is cut off", move |run| {
        run.events(client).contains(&ClientEvent::CutOff)
    });
    net.fold("an answer is the length of the text", || ()).on(client, |(), event, _| match *event {
        ClientEvent::Answered(len) => len == TEXT.len(),
        _ => true,
    });
    net.eventually_within("the client ends", CLIENT_BOUND, move |run| run.status(client).is_some());
    net.eventually_within("the server lets go of the upload", SERVER_BOUND, move |run| {
        let is_idle = run.state(server).is_some_and(|server| server.uploads.is_empty());
        run.status(client).is_some() && is_idle
    });
    // What is left are lost, doubled and late packets. Both ends are there from begin to end, and nobody else says what
    // becomes of a connection.
    net.rules_out([FaultKind::Reset, FaultKind::Refuse, FaultKind::Silence, FaultKind::Partition]);
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    net
}
