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
use super::{AFTERWARDS, About, CLIENT, Options, System, Transport, bugs};
use crate::check::Property;
use crate::fault::Chance;
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::machine::{Boot, BoxedMachine, Input, Machine, Outbox, Peer, Status};
use crate::parts::backoff::{Backoff, Waits};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::wire::request_id::{self, RequestId};

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct UdpRemote;

/// What the client asks.
pub const MESSAGE: &str = "This is another message";
/// What it asks one after another where requests have ids.
pub const MESSAGES_WITH_IDS: [&str; 3] = [MESSAGE, "Another message, and a longer one", "The last one"];

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The server is bound here.
    Listening(Peer),
    /// A client has said something to the server.
    Asked {
        /// Who.
        peer: Peer,
        /// What, without its id.
        text: Vec<u8>,
    },
    /// The server drops a request of this client.
    Dropping(Peer),
    /// The server expects ids, and this client's request has none.
    WithoutId(Peer),
    /// The client's socket has this address.
    SocketName(Peer),
    /// The client waits so long for a reply.
    Waiting(Duration),
    /// The server has answered the client.
    Replied {
        /// The request that it answers, from 0.
        request: usize,
        /// The answer, without its id.
        text: Vec<u8>,
    },
    /// The client has given up.
    GaveUp,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Listening at {local}"),
            Self::Asked { peer, text } => write!(f, "The client at {peer} says '{}'", Escaped(text)),
            Self::Dropping(peer) => write!(f, "Pretending to drop packet from {peer}"),
            Self::WithoutId(peer) => write!(f, "Ignoring a request without an id from {peer}"),
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
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { local } => out.event(Event::Listening(local)),
            Input::Datagram { peer, .. }
                if self.drop != Chance::NEVER && self.drop.happens(self.rng.next_u64()) =>
            {
                out.event(Event::Dropping(peer));
            }
            Input::Datagram { peer, bytes } if self.ids => match request_id::decode(bytes) {
                Ok((id, text)) => {
                    out.event(Event::Asked { peer, text: text.to_vec() });
                    out.send_fmt(peer, format_args!("{id} Your data was {} bytes long", text.len()));
                }
                Err(_) => out.event(Event::WithoutId(peer)),
            },
            Input::Datagram { peer, bytes } => {
                out.event(Event::Asked { peer, text: bytes.to_vec() });
                out.send_fmt(peer, format_args!("Your data was {} bytes long", bytes.len()));
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
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
    pub(super) fn chosen(options: &Options, server: Peer, boot: Boot<'_>, backoff: Backoff) -> Self {
        Self::new(server, messages(options), has_ids(options).then_some(boot.seed as u32), backoff)
    }

    fn id_of(&self, request: usize) -> Option<RequestId> {
        self.first_id.map(|first| RequestId(first.wrapping_add(request as u32)))
    }

    /// Sends a request, for the first time or again, and waits; or gives up if all attempts are used.
    fn send(&mut self, request: usize, mut waits: Waits, now: Instant, out: &mut Outbox<Event>) {
        let Some(wait) = waits.next() else {
            self.state = State::Over;
            out.event(Event::GaveUp);
            out.done(Status::Failure);
            return;
        };
        let text = self.messages[request];
        match self.id_of(request) {
            Some(id) => out.send_fmt(self.server, format_args!("{id} {text}")),
            None => out.send(self.server, text.as_bytes()),
        }
        out.event(Event::Waiting(wait));
        self.state = State::Waiting { request, waits, resend_at: now + wait };
    }

    fn begin(&mut self, request: usize, now: Instant, out: &mut Outbox<Event>) {
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
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Event>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { local }) => {
                out.event(Event::SocketName(local));
                self.begin(0, now, out);
            }
            (State::Waiting { request, .. }, Input::Datagram { peer, bytes }) if peer == self.server => {
                let request = *request;
                if let Some(text) = self.answer(request, bytes) {
                    out.event(Event::Replied { request, text: text.to_vec() });
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

impl System for UdpRemote {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        client_connects: true,
        options: &["drop", "ids"],
        bugs: bugs::udp_remote::ALL,
        ..About::new(
            "udp-remote",
            1060,
            Transport::Udp,
            "a request is sent again with exponential backoff until it is answered",
        )
    };

    fn server(options: &Options, boot: Boot<'_>) -> BoxedMachine<(), Event> {
        bugs::udp_remote::server(options.bug, Server::new(options.drop, has_ids(options), boot.seed))
    }

    fn client(options: &Options, server: Peer, boot: Boot<'_>) -> BoxedMachine<(), Event> {
        let backoff = backoff(options);
        bugs::udp_remote::client(options, server, boot, backoff)
            .unwrap_or_else(|| Box::new(Client::chosen(options, server, boot, backoff)))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time =
            Instant::START + backoff(options).total() * messages(options).len() as u32 + AFTERWARDS;
        scenario.show = <Event as fmt::Display>::fmt;
        let binding = Binding::Datagram { port: Self::ABOUT.port, connect: None };
        let of_server = options.clone();
        let server = scenario.host("server", binding, move |boot| Self::server(&of_server, boot));
        let (peer, of_client) = (scenario.peer(server), options.clone());
        let binding = Binding::Datagram { port: FIRST_EPHEMERAL_PORT, connect: Some(peer) };
        scenario.host("client", binding, move |boot| Self::client(&of_client, peer, boot));
        scenario
    }

    fn success_share(options: &Options, loss: Chance) -> Option<f64> {
        // With other delays a reply may come after the client has sent again, or has gone.
        if options.bug.is_some() || options.time_scale.to_bits() != 1_f64.to_bits() {
            return None;
        }
        // A request and its reply pass, and the server drops neither.
        let passes = 1.0 - loss.as_f64();
        let fails = 1.0 - passes * passes * (1.0 - options.drop.as_f64());
        let product = |factor: f64, times: usize| (0..times).fold(1.0, |product, _| product * factor);
        let answered = 1.0 - product(fails, backoff(options).attempts() as usize);
        Some(product(answered, messages(options).len()))
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let messages = messages(options);
        let backoff = backoff(options);
        let most = backoff.total() * messages.len() as u32;
        vec![
            Property::always("a reply answers the request it is for", move |view| {
                view.of(CLIENT).all(|event| match event {
                    Event::Replied { request, text } => tells_length(text, messages[*request].len()),
                    _ => true,
                })
            }),
            Property::always("requests are answered once each, in order", |view| {
                let answered = view.of(CLIENT).filter_map(|event| match event {
                    Event::Replied { request, .. } => Some(*request),
                    _ => None,
                });
                answered.eq(0..view.of(CLIENT).filter(|event| matches!(event, Event::Replied { .. })).count())
            }),
            Property::never("a request is sent more often than the schedule allows", move |view| {
                let mut sends = 0;
                view.of(CLIENT).any(|event| {
                    match event {
                        Event::Waiting(_) => sends += 1,
                        Event::Replied { .. } => sends = 0,
                        _ => {}
                    }
                    sends > backoff.attempts()
                })
            }),
            Property::eventually_within("the client ends when all waits are over", most, |view| {
                view.status(CLIENT).is_some()
            }),
            Property::sometimes("the client gives up", |view| {
                view.events.last().is_some_and(|last| last.event == Event::GaveUp)
            }),
        ]
    }
}

fn tells_length(reply: &[u8], len: usize) -> bool {
    reply == format!("Your data was {len} bytes long").as_bytes()
}

fn messages(options: &Options) -> &'static [&'static str] {
    if has_ids(options) { &MESSAGES_WITH_IDS } else { &[MESSAGE] }
}

fn has_ids(options: &Options) -> bool {
    options.ids || bugs::udp_remote::has_ids(options.bug)
}

fn backoff(options: &Options) -> Backoff {
    // A scale that the command line would refuse leaves the original's delays.
    Backoff::CLASSIC.scaled(options.time_scale).unwrap_or(Backoff::CLASSIC)
}
