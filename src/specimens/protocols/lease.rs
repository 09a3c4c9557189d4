//! lease: two clients want what one of them can have, for nine seconds at a time.
//!
//! ```text
//! client ── ask N ────► server     every second, and after three seconds by the one that has it
//!        ◄── grant N ──            its time runs from when N was sent
//! ```
//!
//! A server that has started anew grants nothing until all that was granted before is over.

use std::time::Duration;

use super::{parsed, words};
use crate::fault::FaultKind;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About::new(
    "lease",
    1060,
    Transport::Udp,
    "two clients want what one of them has, for nine seconds at a time",
);

/// How long it is granted.
const TERM: Duration = Duration::from_secs(9);
/// How long a client has it until it asks again.
const RENEW_AFTER: Duration = Duration::from_secs(3);
const ASK_AFTER: Duration = Duration::from_secs(1);
/// How long a run takes.
const RUN: Duration = Duration::from_secs(40);
const CLIENTS: [&str; 2] = ["left", "right"];

const SYSTEM: System = (ABOUT.name, net);

/// The client asks again at 10/9 of the term where 9/10 was meant, and has it until then: after the term the other one has
/// it, too. (Gray and Cheriton, "Leases", SOSP 1989: the term at the client has to end before the one at the server;
/// microsoft/etcd3 issue 155: a client that takes a lease for lost after two terms.)
const REFRESHED_TOO_LATE: &str = "refreshed-too-late";

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[Specimen::new(
    SYSTEM,
    REFRESHED_TOO_LATE,
    "the lease is refreshed at 10/9 of its term, and held until then",
    "",
    |net, _| {
        let server = net.find::<Server>("server");
        for name in CLIENTS {
            net.replace(net.find::<Client>(name), move |boot| {
                let late = TERM * 10 / 9;
                Client { term: late, renew_after: late, ..Client::new(boot.peer(server)) }
            });
        }
    },
)];

/// Grants it to one at a time.
#[derive(Debug, Default)]
pub struct Server {
    /// Who has it, unless nobody is known to, and until when it is granted to nobody else.
    granted: Option<(Option<Peer>, Instant)>,
}

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => self.granted = Some((None, now + TERM)),
            Input::Datagram { peer, bytes, .. } => {
                let mut words = words(bytes);
                let asked = words.next() == Some("ask");
                let Some(number) = parsed::<u64>(words.next()).filter(|_| asked) else { return };
                if self.granted.is_none_or(|(holder, until)| holder == Some(peer) || until <= now) {
                    self.granted = Some((Some(peer), now + TERM));
                    out.reply_fmt(format_args!("grant {number}"));
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// Asks for it, and keeps it as long as it can.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    term: Duration,
    renew_after: Duration,
    /// What was asked last, and when.
    asked: Option<(u64, Instant)>,
    ask_at: Option<Instant>,
    has_until: Option<Instant>,
}

impl Client {
    const fn new(server: Peer) -> Self {
        let (term, renew_after) = (TERM, RENEW_AFTER);
        Self { server, term, renew_after, asked: None, ask_at: None, has_until: None }
    }

    /// Whether it takes it for its own at this moment.
    pub fn has_it(&self, now: Instant) -> bool {
        self.has_until.is_some_and(|until| now < until)
    }

    fn ask(&mut self, now: Instant, out: &mut Outbox<bool>) {
        let number = self.asked.map_or(0, |(number, _)| number + 1);
        self.asked = Some((number, now));
        self.ask_at = Some(now + ASK_AFTER);
        out.send_fmt(self.server, format_args!("ask {number}"));
    }
}

impl Machine for Client {
    type Command = ();
    /// Whether it has it from now on.
    type Event = bool;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<bool>) {
        match input {
            Input::Start { .. } => self.ask(now, out),
            Input::Timeout => {
                if self.has_until.take_if(|until| *until <= now).is_some() {
                    out.event(false);
                }
                if self.ask_at.is_some_and(|at| at <= now) {
                    self.ask(now, out);
                }
            }
            Input::Datagram { bytes, .. } => {
                let mut words = words(bytes);
                let is_granted = words.next() == Some("grant");
                let number = parsed::<u64>(words.next()).filter(|_| is_granted);
                let Some((_, asked_at)) = self.asked.filter(|(asked, _)| Some(*asked) == number) else {
                    return;
                };
                if asked_at + self.term > now {
                    if self.has_until.is_none() {
                        out.event(true);
                    }
                    self.has_until = Some(asked_at + self.term);
                    self.ask_at = Some(now.max(asked_at + self.renew_after));
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at.into_iter().chain(self.has_until).min()
    }
}

/// A server and two clients of it.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(RUN);
    let server = net.host("server").udp(ABOUT.port).machine(|_| Server::default());
    let clients =
        CLIENTS.map(|name| net.host(name).udp(0).machine(move |boot| Client::new(boot.peer(server))));
    net.never("two have it at one time", move |run| {
        clients.iter().all(|client| run.state(*client).is_some_and(|client| client.has_it(run.now())))
    });
    net.sometimes("both have it, one after the other", move |run| {
        clients.iter().all(|client| run.events(*client).contains(&true))
    });
    // Terms are measured by each one's own clock.
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    net
}
