//! storm: a hundred clients of one server, each of which dials again when its connection is gone.

use std::collections::VecDeque;
use std::time::Duration;

use crate::fault::FaultKind;
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status};
use crate::parts::backoff::{Backoff, Jitter, Waits};
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About =
    About::new("storm", 1060, Transport::Tcp, "a hundred clients of one server, each of which dials again");

/// How many clients there are.
const CLIENTS: usize = 100;
/// Over which time they dial, at the start and again.
const SPREAD: Duration = Duration::from_secs(10);
/// How long a client with the bug waits.
const FIXED: Duration = Duration::from_secs(1);
/// How many connections the server takes within this time.
const MOST: usize = 25;
const WITHIN: Duration = Duration::from_millis(100);
/// How long a run takes.
const RUN: Duration = Duration::from_secs(30);

const SYSTEM: System = (ABOUT.name, net);

/// All clients wait equally long until they dial again. What lost them all at one moment gets them all back at one moment,
/// again and again (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015; RFC 7766, 6.2.1 has the same
/// care for DNS over TCP).
const ALL_AT_ONCE: &str = "all-at-once";

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[Specimen::new(
    SYSTEM,
    ALL_AT_ONCE,
    "all clients wait equally long before they dial again",
    "crash server after recv #40 for 10ms",
    |net, _| {
        let server = net.find::<Server>("server");
        for index in 0..CLIENTS {
            net.replace(net.find::<Client>(&name(index)), move |boot| {
                Client::new(boot.peer(server), boot.seed(), Some(FIXED))
            });
        }
    },
)];

fn name(index: usize) -> String {
    format!("client-{index}")
}

/// Takes connections.
#[derive(Debug, Default)]
pub struct Server;

impl Machine for Server {
    type Command = ();
    /// A client has come.
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Connected { .. } => out.event(()),
            Input::Eof { conn } => out.close(conn),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

#[derive(Debug)]
enum State {
    Idle,
    Waiting { dial_at: Instant },
    Dialing { conn: Conn },
    Open { conn: Conn },
}

/// Keeps a connection.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    waits: Waits,
    /// How long it waits after the first time, if not as long as is drawn.
    fixed: Option<Duration>,
    state: State,
}

impl Client {
    fn new(server: Peer, seed: u64, fixed: Option<Duration>) -> Self {
        // Never refused: the first wait is above zero, and no longer than the longest.
        let spread = Backoff::new(SPREAD, 1, SPREAD, u32::MAX).unwrap_or(Backoff::CLASSIC);
        let waits = spread.with_jitter(Jitter::Full).waits(seed);
        Self { server, waits, fixed, state: State::Idle }
    }

    fn wait(&mut self, fixed: Option<Duration>, now: Instant) {
        let wait = fixed.or_else(|| self.waits.next()).unwrap_or(SPREAD);
        // A timer that is due at once would not go on.
        self.state = State::Waiting { dial_at: now + wait.max(Duration::from_millis(1)) };
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { .. }) => self.wait(None, now),
            (State::Waiting { .. }, Input::Timeout) => {
                self.state = State::Dialing { conn: out.connect(self.server) };
            }
            (State::Dialing { .. }, Input::Connected { conn, .. }) => {
                let _fits_len = out.write(conn, b"hello");
                self.state = State::Open { conn };
            }
            (State::Open { conn: own }, Input::Eof { conn }) if *own == conn => out.close(conn),
            (State::Dialing { conn: own }, Input::ConnectFailed { conn, .. })
            | (State::Open { conn: own }, Input::Closed { conn, .. })
                if *own == conn =>
            {
                self.wait(self.fixed, now);
            }
            (_, Input::Stop) => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { dial_at } => Some(dial_at),
            State::Idle | State::Dialing { .. } | State::Open { .. } => None,
        }
    }
}

/// A server and its clients.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(RUN);
    let server = net.host("server").listen(ABOUT.port).machine(|_| Server);
    for index in 0..CLIENTS {
        net.host(name(index)).machine(move |boot| Client::new(boot.peer(server), boot.seed(), None));
    }
    net.fold("clients come one after another", VecDeque::new).on(
        server,
        |came: &mut VecDeque<Instant>, (), at| {
            came.push_back(at);
            while came.front().is_some_and(|first| *first + WITHIN <= at) {
                came.pop_front();
            }
            came.len() <= MOST
        },
    );
    // What waits for an answer while nothing passes gets it all at one moment, however it was dialed.
    net.rules_out([FaultKind::Partition]);
    net
}
