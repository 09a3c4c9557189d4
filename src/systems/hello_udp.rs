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

use std::fmt;
use std::time::Duration;

use super::{AFTERWARDS, About, CLIENT, Options, SERVER, System, Transport, bugs};
use crate::check::Property;
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::lawful::Promises;
use crate::machine::{Boot, BoxedMachine, Input, Machine, Outbox, Peer, Status};
use crate::parts::backoff::{Backoff, Waits};
use crate::scenario::{Binding, Scenario};
use crate::time::Instant;
use crate::transcript::Happened;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct HelloUdp;

/// The names that the client sends, one after another.
pub const NAMES: [&str; 3] = ["Michael", "Tracy", "Sarah"];
/// How many bytes of a name the server takes; the rest is cut off.
pub const MAX_NAME_LEN: usize = 1024;
/// How many bytes an answer has at most.
pub const MAX_ANSWER_LEN: usize = MAX_NAME_LEN + "Hello, !".len();
/// How often the client sends a name.
pub const TRIES: u32 = 4;

/// What either role tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is bound here.
    Listening(Peer),
    /// The server has received a name.
    Received(Peer),
    /// The client has sent a name. A terminal does not show it.
    Asked {
        /// Which of the [`NAMES`].
        name: usize,
        /// How often it was sent before.
        retries: u32,
    },
    /// The server has answered the client.
    Answered {
        /// The name that it greets.
        name: usize,
        /// The greeting.
        text: String,
    },
    /// No answer came in this time, and the client has given up.
    NoAnswer(Duration),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(local) => write!(f, "Bind UDP on {}...", local.port().unwrap_or(0)),
            Self::Received(peer) => write!(f, "Received from {peer}."),
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
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { local } => out.event(Event::Listening(local)),
            Input::Datagram { peer, bytes } => {
                out.event(Event::Received(peer));
                let name = &bytes[..bytes.len().min(MAX_NAME_LEN)];
                out.send(peer, &[b"Hello, ", name, b"!"].concat());
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
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
    fn ask(&mut self, name: usize, mut waits: Waits, now: Instant, out: &mut Outbox<Event>) {
        let retries = TRIES - waits.len() as u32;
        let Some(wait) = waits.next() else {
            self.state = State::Over;
            out.event(Event::NoAnswer(self.timeout));
            out.done(Status::Failure);
            return;
        };
        out.send(self.server, NAMES[name].as_bytes());
        out.event(Event::Asked { name, retries });
        self.state = State::Waiting { name, waits, resend_at: now + wait };
    }

    fn begin(&mut self, name: usize, now: Instant, out: &mut Outbox<Event>) {
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
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Event>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { .. }) => self.begin(0, now, out),
            (State::Waiting { name, .. }, Input::Datagram { peer, bytes }) if peer == self.server => {
                let name = *name;
                // Anything else is an answer to a name before, or none at all.
                if bytes == greeting(name).as_bytes() {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    out.event(Event::Answered { name, text });
                    self.begin(name + 1, now, out);
                }
            }
            (State::Waiting { name, waits, resend_at }, Input::Timeout) if *resend_at <= now => {
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

impl System for HelloUdp {
    type Command = ();
    type Event = Event;
    const ABOUT: About = About {
        bugs: bugs::hello_udp::ALL,
        ..About::new(
            "hello-udp",
            9999,
            Transport::Udp,
            "each name is greeted, and asked for again until it is",
        )
    };

    fn server(_: &Options, _: Boot<'_>) -> BoxedMachine<(), Event> {
        Box::new(Server)
    }

    fn client(options: &Options, server: Peer, _: Boot<'_>) -> BoxedMachine<(), Event> {
        bugs::hello_udp::client(options.bug, Client::new(server, options.timeout))
    }

    fn scenario(options: &Options) -> Scenario<(), Event> {
        let mut scenario = Scenario::new(Self::ABOUT.name);
        scenario.max_time = Instant::START + options.timeout * NAMES.len() as u32 + AFTERWARDS;
        scenario.show = <Event as fmt::Display>::fmt;
        let one = |max_bytes| Promises { max_messages: 1, max_bytes, ..Promises::default() };
        let binding = Binding::Datagram { port: Self::ABOUT.port, connect: None };
        let of_server = one(MAX_ANSWER_LEN);
        let server = scenario.host_promising("server", binding, of_server, |_| Box::new(Server));
        let (peer, options) = (scenario.peer(server), options.clone());
        let binding = Binding::Datagram { port: FIRST_EPHEMERAL_PORT, connect: None };
        let of_client = one(NAMES.iter().map(|name| name.len()).max().unwrap_or(0));
        scenario.host_promising("client", binding, of_client, move |boot| Self::client(&options, peer, boot));
        scenario
    }

    fn properties(options: &Options) -> Vec<Property<Event>> {
        let timeout = options.timeout;
        vec![
            Property::always(
                "a name is greeted by its own greeting, once, before the next is asked for",
                |view| {
                    let events: Vec<&Event> = view.of(CLIENT).collect();
                    events.windows(2).all(|pair| match pair {
                        [before, Event::Answered { name, text }] => {
                            *text == greeting(*name) && before.asks_for(*name)
                        }
                        // Somebody may have started the client again.
                        [_, Event::Asked { name: 0, retries: 0 }] => true,
                        [before, Event::Asked { name, retries: 0 }] => before.answers(name - 1),
                        [before, Event::Asked { name, .. }] => before.asks_for(*name),
                        _ => true,
                    })
                },
            ),
            Property::always("every greeting has cost the server one request", |view| {
                let answers = view.of(CLIENT).filter(|event| matches!(event, Event::Answered { .. })).count();
                answers <= view.of(SERVER).filter(|event| matches!(event, Event::Received(_))).count()
            }),
            Property::always(
                "a name is sent no more than four times, and not waited for beyond the timeout",
                move |view| waits_are_bounded(view.events, timeout),
            ),
            Property::eventually_within(
                "the client ends when all waits are over",
                timeout * NAMES.len() as u32,
                |view| view.status(CLIENT).is_some(),
            ),
        ]
    }

    /// The original's client prints answers alone.
    fn print(event: &Event, to: &mut dyn fmt::Write) -> fmt::Result {
        match event {
            Event::Asked { .. } => Ok(()),
            event => writeln!(to, "{event}"),
        }
    }
}

impl Event {
    fn asks_for(&self, of: usize) -> bool {
        matches!(self, Self::Asked { name, .. } if *name == of)
    }

    fn answers(&self, of: usize) -> bool {
        matches!(self, Self::Answered { name, .. } if *name == of)
    }
}

/// Whether the client has kept its schedule so far.
fn waits_are_bounded(events: &[Happened<Event>], timeout: Duration) -> bool {
    let mut asked_at = Instant::START;
    events.iter().filter(|happened| happened.host == CLIENT).all(|happened| match happened.event {
        Event::Asked { retries: 0, .. } => {
            asked_at = happened.at;
            true
        }
        Event::Asked { retries, .. } => retries < TRIES && happened.at.since(asked_at) < timeout,
        _ => happened.at.since(asked_at) <= timeout,
    })
}
