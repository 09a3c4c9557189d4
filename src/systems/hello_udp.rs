//! hello-udp: a name is answered with a greeting.
//!
//! ```text
//! client ── Michael ─────────► server       0.0   again at 0.5, 2.0 and 3.5
//! client ◄── Hello, Michael! ── server            and given up at 5.0
//! client ── Tracy ───────────► server
//! ```
//!
//! There are no ids on the wire, but an answer has the name in it: `Hello, Tracy!` answers Tracy alone, so a late or
//! doubled answer to Michael is not taken for it. The whole wait for one answer is the client's timeout, with all tries
//! in it. (Rows S62 to S66, C09.)
//!
//! Its datagrams carry no checksum of their own, so it does not claim to withstand changed bytes.

use std::fmt;
use std::time::Duration;

use super::altered::UNCHECKED;
use super::{AFTERWARDS, About, Options, Transport};
use crate::fault::FaultKind;
use crate::lawful::Promises;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::parts::backoff::{Backoff, Waits};
use crate::scenario::Net;
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About =
    About::new("hello-udp", 9999, Transport::Udp, "each name is greeted, and asked for again until it is");

/// The names that the client sends, one after another.
pub const NAMES: [&str; 3] = ["Michael", "Tracy", "Sarah"];
/// How many bytes of a name the server takes; the rest is cut off.
pub const MAX_NAME_LEN: usize = 1024;
/// How many bytes an answer has at most.
pub const MAX_ANSWER_LEN: usize = MAX_NAME_LEN + "Hello, !".len();
/// How often the client sends a name.
pub const TRIES: u32 = 4;

/// What the server tells the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is bound here.
    Listening(Peer),
    /// It has received a name.
    Received(Peer),
}

/// What the client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It has sent a name. A terminal does not show it.
    Asked {
        /// Which of the [`NAMES`].
        name: usize,
        /// How often it was sent before.
        retries: u32,
    },
    /// The server has answered.
    Answered {
        /// The name that it greets.
        name: usize,
        /// The greeting.
        text: String,
    },
    /// No answer came in this time, and the client has given up.
    NoAnswer(Duration),
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Bind UDP on {}...", local.port().unwrap_or(0)),
            Self::Received(peer) => write!(f, "Received from {peer}."),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { name, retries } => write!(f, "Asked for {}, try {}", NAMES[*name], retries + 1),
            Self::Answered { text, .. } => f.write_str(text),
            Self::NoAnswer(span) => write!(f, "no answer within {} seconds", span.as_secs_f64()),
        }
    }
}

/// Greets whoever sends a name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Datagram { peer, bytes, .. } => {
                out.event(ServerEvent::Received(peer));
                let name = &bytes[..bytes.len().min(MAX_NAME_LEN)];
                out.reply(&[b"Hello, ", name, b"!"].concat());
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// Asks for a greeting of each of its names, one after another, each again until it is answered.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    timeout: Duration,
    state: State,
}

/// ```text
///                    ┌─ the deadline: send again ─┐
///                    ▼                            │
/// Idle ──start──► Waiting(Michael) ───────────────┘
///                    │ its greeting       ╲ out of tries
///                    ▼                     ▼
///                 Waiting(Tracy) … ─────► Over
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Waiting { name: usize, waits: Waits, resend_at: Instant },
    Over,
}

impl Client {
    /// A client of the server that waits so long for each answer, with all tries in it.
    pub fn new(server: Peer, timeout: Duration) -> Self {
        Self { server, timeout, state: State::Idle }
    }

    /// Sends a name, for the first time or again, and waits; or gives up if all tries are used.
    fn ask(&mut self, name: usize, mut waits: Waits, now: Instant, out: &mut Outbox<ClientEvent>) {
        let retries = TRIES - waits.len() as u32;
        let Some(wait) = waits.next() else {
            self.state = State::Over;
            out.event(ClientEvent::NoAnswer(self.timeout));
            out.done(Status::Failure);
            return;
        };
        out.send(self.server, NAMES[name].as_bytes());
        out.event(ClientEvent::Asked { name, retries });
        self.state = State::Waiting { name, waits, resend_at: now + wait };
    }

    fn begin(&mut self, name: usize, now: Instant, out: &mut Outbox<ClientEvent>) {
        if name < NAMES.len() {
            self.ask(name, schedule(self.timeout).waits(0), now, out);
        } else {
            self.state = State::Over;
            out.done(Status::Success);
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { .. }) => self.begin(0, now, out),
            (State::Waiting { name, .. }, Input::Datagram { peer, bytes, .. }) if peer == self.server => {
                let name = *name;
                // Anything else is an answer to a name before, or none at all.
                if bytes == greeting(name).as_bytes() {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    out.event(ClientEvent::Answered { name, text });
                    self.begin(name + 1, now, out);
                }
            }
            (State::Waiting { name, waits, .. }, Input::Timeout) => {
                let (name, waits) = (*name, waits.clone());
                self.ask(name, waits, now, out);
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
            State::Waiting { resend_at, .. } => Some(resend_at),
            State::Idle | State::Over => None,
        }
    }
}

/// What answers a name.
fn greeting(name: usize) -> String {
    format!("Hello, {}!", NAMES[name])
}

/// When a name is sent again, so that all waits together are the timeout: a tenth of it, then three tenths each time.
fn schedule(timeout: Duration) -> Backoff {
    let tenth = (timeout / 10).max(Duration::from_nanos(1));
    // Never refused: no wait is zero, and the ceiling is above the first.
    Backoff::new(tenth, 3, tenth.saturating_mul(3), TRIES).unwrap_or(Backoff::CLASSIC)
}

/// A server and a client of it.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    let timeout = options.timeout;
    let most = timeout * NAMES.len() as u32;
    net.max_time(most + AFTERWARDS);
    let one = |max_bytes| Promises::DEFAULT.max_messages(1).max_bytes(max_bytes);
    let server = net.host("server").udp(ABOUT.port).promises(one(MAX_ANSWER_LEN)).machine(|_| Server);
    let client = net
        .host("client")
        .udp(0)
        .promises(one(NAMES.iter().map(|name| name.len()).max().unwrap_or(0)))
        .machine(move |boot| Client::new(boot.peer(server), timeout));
    net.show(server, fmt::Display::fmt);
    net.show(client, fmt::Display::fmt);

    net.fold("a name is greeted by its own greeting, once, before the next is asked for", || None)
        .on(client, |last, event, _| follows(last, event));
    net.fold("every greeting has cost the server one request", Counts::default)
        .on(server, |counts, event, _| {
            counts.requests += u64::from(matches!(event, ServerEvent::Received(_)));
            true
        })
        .on(client, |counts: &mut Counts, event, _| {
            counts.greetings += u64::from(matches!(event, ClientEvent::Answered { .. }));
            let Counts { requests, greetings } = *counts;
            if greetings <= requests {
                Ok(())
            } else {
                Err(format!("{greetings} greetings came, and {requests} requests"))
            }
        });
    net.fold("a name is sent no more than four times, and not waited for beyond the timeout", || {
        Instant::START
    })
    .on(client, move |asked_at, event, at| {
        if let ClientEvent::Asked { retries: 0, .. } = event {
            *asked_at = at;
        }
        let waited = at.since(*asked_at);
        let is_in_time = match event {
            ClientEvent::Asked { retries, .. } => *retries < TRIES && (*retries == 0 || waited < timeout),
            _ => waited <= timeout,
        };
        if is_in_time {
            Ok(())
        } else {
            Err(format!("{waited:?} after it had asked the client told: {event}"))
        }
    });
    // Waits go by the client's own clock, and these bounds by the time.
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    net.rules_out(UNCHECKED);
    net.eventually_within("the client ends when all waits are over", most, move |run| {
        run.status(client).is_some()
    });
    net
}

/// How many of each there were.
#[derive(Clone, Copy, Default, Hash)]
struct Counts {
    requests: u64,
    greetings: u64,
}

/// What a client told last, but for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Told {
    Asked(usize),
    Answered(usize),
}

/// Whether a client may tell this after what it told last.
fn follows(last: &mut Option<Told>, event: &ClientEvent) -> Result<(), String> {
    let before = *last;
    let (told, follows) = match event {
        ClientEvent::Answered { name, text } => {
            (Told::Answered(*name), before == Some(Told::Asked(*name)) && *text == greeting(*name))
        }
        // Somebody may have started the client again.
        ClientEvent::Asked { name: 0, retries: 0 } => (Told::Asked(0), true),
        ClientEvent::Asked { name, retries: 0 } => {
            (Told::Asked(*name), before == Some(Told::Answered(name - 1)))
        }
        ClientEvent::Asked { name, .. } => (Told::Asked(*name), before == Some(Told::Asked(*name))),
        ClientEvent::NoAnswer(_) => return Ok(()),
    };
    *last = Some(told);
    if follows { Ok(()) } else { Err(format!("'{event}' came after {before:?}")) }
}

/// Writes what a terminal shows of an event of the client: answers alone, as the original's.
///
/// # Errors
/// As `to` fails.
pub fn print_client(event: &ClientEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ClientEvent::Asked { .. } => Ok(()),
        event => writeln!(to, "{event}"),
    }
}
