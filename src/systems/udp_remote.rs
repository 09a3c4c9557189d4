//! udp-remote: request and reply over a network that loses datagrams, with exponential backoff.
//!
//! ```text
//! client ── This is another message ──► server     0.0   again at 0.1, 0.3, 0.7, 1.5
//! client ◄── Your data was 23 bytes long ── server        and given up at 3.1
//! ```
//!
//! With ids each request and its reply begin with eight hex digits, so that a late or doubled reply to another request
//! is not taken for the answer. Neither form has a checksum of its own: UDP's makes a loss of a changed datagram, and
//! `--corrupt`, which changes what is behind that checksum, shows what it is good for. (Rows S09 to S17.)

use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

use super::escaped::Escaped;
use super::{AFTERWARDS, About, Options, Transport};
use crate::fault::{Chance, FaultKind};
use crate::host::Boot;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::parts::backoff::{Backoff, Waits};
use crate::scenario::Net;
use crate::time::Instant;
use crate::wire::request_id::{self, RequestId};

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    client_connects: true,
    options: &["drop", "ids"],
    ..About::new(
        "udp-remote",
        1060,
        Transport::Udp,
        "a request is sent again with exponential backoff until it is answered",
    )
};

/// What the client asks.
pub const MESSAGE: &str = "This is another message";
/// What it asks one after another where requests have ids.
pub const MESSAGES_WITH_IDS: [&str; 3] = [MESSAGE, "Another message, and a longer one", "The last one"];

/// What the server tells the application.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// It is bound here.
    Listening(Peer),
    /// A client has said something.
    Asked {
        /// Who.
        peer: Peer,
        /// What, without its id.
        text: Vec<u8>,
    },
    /// It drops a request of this client.
    Dropping(Peer),
    /// It expects ids, and this client's request has none.
    WithoutId(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// Its socket has this address.
    SocketName(Peer),
    /// It waits so long for a reply.
    Waiting(Duration),
    /// The server has answered.
    Replied {
        /// The request that it answers, from 0.
        request: usize,
        /// The answer, without its id.
        text: Vec<u8>,
    },
    /// It has given up.
    GaveUp,
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, text } => write!(f, "The client at {peer} says '{}'", Escaped(text)),
            Self::Dropping(peer) => write!(f, "Pretending to drop packet from {peer}"),
            Self::WithoutId(peer) => write!(f, "Ignoring a request without an id from {peer}"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SocketName(local) => write!(f, "Client socket name is {local}"),
            Self::Waiting(span) => write!(f, "Waiting up to {} seconds for a reply", span.as_secs_f64()),
            Self::Replied { text, .. } => write!(f, "The server says '{}'", Escaped(text)),
            Self::GaveUp => f.write_str("I think the server is down"),
        }
    }
}

/// Answers a request with its length, unless it pretends that the request was lost.
#[derive(Debug)]
pub struct Server {
    drop: Chance,
    ids: bool,
    rng: Pcg32,
}

impl Server {
    /// A server that drops requests with this probability, as `seed` decides.
    pub fn new(drop: Chance, ids: bool, seed: u64) -> Self {
        Self { drop, ids, rng: Pcg32::seed_from_u64(seed) }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Datagram { peer, .. }
                if self.drop != Chance::NEVER && self.drop.happens(self.rng.next_u64()) =>
            {
                out.event(ServerEvent::Dropping(peer));
            }
            Input::Datagram { peer, bytes, .. } if self.ids => match request_id::decode(bytes) {
                Ok((id, text)) => {
                    out.event(ServerEvent::Asked { peer, text: text.to_vec() });
                    out.reply_fmt(format_args!("{id} Your data was {} bytes long", text.len()));
                }
                Err(_) => out.event(ServerEvent::WithoutId(peer)),
            },
            Input::Datagram { peer, bytes, .. } => {
                out.event(ServerEvent::Asked { peer, text: bytes.to_vec() });
                out.reply_fmt(format_args!("Your data was {} bytes long", bytes.len()));
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn fingerprint(&self, _now: Instant, to: &mut dyn Hasher) -> bool {
        // Without drops the generator is never used, and nothing else changes.
        to.write_u8(u8::from(self.ids));
        self.drop == Chance::NEVER
    }
}

/// Asks its requests one after another, each again and again until it is answered.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    messages: &'static [&'static str],
    /// The id of the first request, if they have ids; each next one has the next.
    first_id: Option<u32>,
    backoff: Backoff,
    state: State,
}

/// ```text
///                       ┌─ the deadline: send again ─┐
///                       ▼                            │
/// Idle ──start──► Waiting(request 0) ────────────────┘
///                       │ reply                ╲ out of attempts
///                       ▼                       ▼
///                 Waiting(request 1) … ──────► Over
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Waiting { request: usize, waits: Waits, resend_at: Instant },
    Over,
}

impl Client {
    /// A client of the server that asks these, with ids from `first_id` on if there is one.
    pub fn new(
        server: Peer,
        messages: &'static [&'static str],
        first_id: Option<u32>,
        backoff: Backoff,
    ) -> Self {
        Self { server, messages, first_id, backoff, state: State::Idle }
    }

    /// The client with these options, and this schedule.
    pub(crate) fn chosen(options: &Options, server: Peer, boot: Boot<'_>, backoff: Backoff) -> Self {
        Self::new(server, messages(options), options.ids.then_some(boot.seed() as u32), backoff)
    }

    fn id_of(&self, request: usize) -> Option<RequestId> {
        self.first_id.map(|first| RequestId(first.wrapping_add(request as u32)))
    }

    /// Sends a request, for the first time or again, and waits; or gives up if all attempts are used.
    fn send(&mut self, request: usize, mut waits: Waits, now: Instant, out: &mut Outbox<ClientEvent>) {
        let Some(wait) = waits.next() else {
            self.state = State::Over;
            out.event(ClientEvent::GaveUp);
            out.done(Status::Failure);
            return;
        };
        let text = self.messages[request];
        match self.id_of(request) {
            Some(id) => out.send_fmt(self.server, format_args!("{id} {text}")),
            None => out.send(self.server, text.as_bytes()),
        }
        out.event(ClientEvent::Waiting(wait));
        self.state = State::Waiting { request, waits, resend_at: now + wait };
    }

    fn begin(&mut self, request: usize, now: Instant, out: &mut Outbox<ClientEvent>) {
        if request < self.messages.len() {
            self.send(request, self.backoff.waits(0), now, out);
        } else {
            self.state = State::Over;
            out.done(Status::Success);
        }
    }

    /// The text of a reply, if it answers this request.
    fn answer<'a>(&self, request: usize, reply: &'a [u8]) -> Option<&'a [u8]> {
        match self.id_of(request) {
            None => Some(reply),
            Some(id) => match request_id::decode(reply) {
                Ok((of, text)) if of == id => Some(text),
                _ => None,
            },
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { local }) => {
                out.event(ClientEvent::SocketName(local));
                self.begin(0, now, out);
            }
            (State::Waiting { request, .. }, Input::Datagram { peer, bytes, .. }) if peer == self.server => {
                let request = *request;
                if let Some(text) = self.answer(request, bytes) {
                    out.event(ClientEvent::Replied { request, text: text.to_vec() });
                    self.begin(request + 1, now, out);
                }
            }
            (State::Waiting { request, waits, resend_at }, Input::Timeout) if *resend_at <= now => {
                let (request, waits) = (*request, waits.clone());
                self.send(request, waits, now, out);
            }
            (_, Input::Stop) => {
                self.state = State::Over;
                out.done(Status::Success);
            }
            // A refusal is an unanswered try: its wait goes on to the end.
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { resend_at, .. } => Some(resend_at),
            State::Idle | State::Over => None,
        }
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        match &self.state {
            State::Idle => to.write_u8(0),
            State::Waiting { request, waits, resend_at } => {
                to.write_u8(1);
                (*request, waits.len(), resend_at.since(now)).hash(&mut to);
            }
            State::Over => to.write_u8(2),
        }
        true
    }
}

/// A server and a client of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let (messages, backoff, drop, ids) = (messages(options), backoff(options), options.drop, options.ids);
    let most = backoff.total() * messages.len() as u32;
    net.max_time(most + AFTERWARDS);
    let server = net.host("server").udp(ABOUT.port);
    let server = server.machine(move |boot| Server::new(drop, ids, boot.seed()));
    let of_client = options.clone();
    let client = net
        .host("client")
        .udp(0)
        .connected(server)
        .machine(move |boot| Client::chosen(&of_client, boot.peer(server), boot, backoff));
    net.show(server, fmt::Display::fmt);
    net.show(client, fmt::Display::fmt);

    net.fold("a reply answers the request it is for", || ()).on(client, move |(), event, _| match event {
        ClientEvent::Replied { request, text } => tells_length(text, messages[*request].len()),
        _ => true,
    });
    net.fold("requests are answered once each, in order", || 0).on(
        client,
        |answered, event, _| match event {
            ClientEvent::Replied { request, .. } => {
                *answered += 1;
                *request + 1 == *answered
            }
            ClientEvent::SocketName(_) => {
                // It has started anew.
                *answered = 0;
                true
            }
            _ => true,
        },
    );
    net.fold("a request is sent no more often than the schedule allows", || 0).on(
        client,
        move |sends, event, _| {
            match event {
                ClientEvent::Waiting(_) => *sends += 1,
                ClientEvent::Replied { .. } | ClientEvent::SocketName(_) => *sends = 0,
                ClientEvent::GaveUp => {}
            }
            *sends <= backoff.attempts()
        },
    );
    // Waits go by the client's own clock, and these bounds by the time.
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    net.eventually_within("the client ends when all waits are over", most, move |run| {
        run.status(client).is_some()
    });
    net.sometimes("the client gives up", move |run| run.events(client).last() == Some(&ClientEvent::GaveUp));
    net
}

/// How large a share of runs the client succeeds in, where each datagram is lost with this chance and nothing else goes
/// wrong: from a formula, if there is one for these options.
pub fn success_share(options: &Options, loss: Chance) -> Option<f64> {
    // With other delays a reply may come after the client has sent again, or has gone.
    if options.time_scale.to_bits() != 1_f64.to_bits() {
        return None;
    }
    // A request and its reply pass, and the server drops neither.
    let passes = 1.0 - loss.as_f64();
    let fails = 1.0 - passes * passes * (1.0 - options.drop.as_f64());
    let product = |factor: f64, times: usize| (0..times).fold(1.0, |product, _| product * factor);
    let answered = 1.0 - product(fails, backoff(options).attempts() as usize);
    Some(product(answered, messages(options).len()))
}

fn tells_length(reply: &[u8], len: usize) -> bool {
    reply == format!("Your data was {len} bytes long").as_bytes()
}

fn messages(options: &Options) -> &'static [&'static str] {
    if options.ids { &MESSAGES_WITH_IDS } else { &[MESSAGE] }
}

pub(crate) fn backoff(options: &Options) -> Backoff {
    // A scale that the command line would refuse leaves the original's delays.
    Backoff::CLASSIC.scaled(options.time_scale).unwrap_or(Backoff::CLASSIC)
}
