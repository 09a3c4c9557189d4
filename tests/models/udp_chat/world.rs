//! What udp-chat's server is compared with: lists that are gone through each time.
//!
//! The model keeps every ping that ever was, and asks of each moment who has pinged in the ten seconds before. It knows
//! of no timer: that nobody is kept too long is asked after each step, of the machine's deadline and of what it tells.

use lossproof::machine::{BoxedMachine, Ecn, Effect, Outlet};
use lossproof::systems::udp_chat::{MAX_MEMBERS, MAX_TOLD_LEN, Note, ServerEvent};
use lossproof::{Input, Instant, Lawful, Machine, Peer, Promises};
use proptest::prelude::*;

/// How many people there are; some are members at one time or another.
const PEOPLE: u8 = 5;
const EXPIRY_MILLIS: u64 = 10_000;
const PING_EVERY_MILLIS: u64 = 5_000;

/// One step of a generated run.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// One person's client is started: it pings now, and every 5 s.
    Join(u8),
    /// One datagram with a ping, from somebody whose client may not be running.
    Ping(u8),
    /// Somebody says something.
    Say(u8, String),
    /// Somebody leaves, as its client does.
    Quit(u8),
    /// Somebody's client dies without a word.
    Vanish(u8),
    /// Time passes, in milliseconds, while timers and pings come when they are due.
    Wait(u64),
    /// Time passes at the server's host while the server gets nothing: what was due comes late.
    Stall(u64),
}

pub(crate) fn any_op() -> impl Strategy<Value = Op> {
    let who = || 0..PEOPLE;
    let span = || {
        prop_oneof![
            0_u64..20,
            4_990_u64..5_010,
            9_990_u64..10_010,
            Just(EXPIRY_MILLIS),
            Just(EXPIRY_MILLIS + 1),
            0_u64..25_000,
        ]
    };
    prop_oneof![
        2 => who().prop_map(Op::Join),
        2 => who().prop_map(Op::Ping),
        3 => (who(), "[ a-c你]{0,4}").prop_map(|(who, text)| Op::Say(who, text)),
        1 => who().prop_map(Op::Quit),
        1 => who().prop_map(Op::Vanish),
        4 => span().prop_map(Op::Wait),
        1 => span().prop_map(Op::Stall),
    ]
}

/// Where the server is.
fn local() -> Peer {
    "192.0.2.99:9001".parse().unwrap()
}

fn person(who: u8) -> Peer {
    format!("192.0.2.{}:5000", who + 1).parse().unwrap()
}

/// What came out at one moment, in the words of the model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Out {
    Joined(Peer),
    Pinged(Peer),
    Left(Peer),
    Expired(Peer),
    Told(Peer, Vec<u8>),
}

/// Everything that ever happened, newest last.
#[derive(Default)]
struct Model {
    /// Who pinged or left when.
    history: Vec<(u64, Peer, bool)>,
    /// Who was told to have joined and not yet to be gone.
    shown: Vec<Peer>,
}

impl Model {
    fn is_alive(&self, peer: Peer, now: u64) -> bool {
        let newest = self.history.iter().rev().find(|(_, of, _)| *of == peer);
        matches!(newest, Some((at, _, true)) if now - at <= EXPIRY_MILLIS)
    }

    /// Who is to be told to have expired, now that the server is given something.
    fn expire(&mut self, now: u64) -> Vec<Out> {
        let dead: Vec<Peer> = self.shown.iter().copied().filter(|peer| !self.is_alive(*peer, now)).collect();
        self.shown.retain(|peer| !dead.contains(peer));
        dead.into_iter().map(Out::Expired).collect()
    }

    fn hear(&mut self, peer: Peer, text: &str, now: u64, to_speaker: bool) -> Vec<Out> {
        let mut outs = self.expire(now);
        match text.trim() {
            "#ping#" => {
                outs.push(if self.is_alive(peer, now) { Out::Pinged(peer) } else { Out::Joined(peer) });
                self.history.push((now, peer, true));
                if !self.shown.contains(&peer) {
                    self.shown.push(peer);
                }
            }
            "/quit" => {
                if self.is_alive(peer, now) {
                    outs.push(Out::Left(peer));
                }
                self.history.push((now, peer, false));
                self.shown.retain(|of| *of != peer);
            }
            text => {
                let told = format!("{peer}\n{text}").into_bytes();
                for who in (0..PEOPLE).map(person) {
                    if self.is_alive(who, now) && (to_speaker || who != peer) {
                        outs.push(Out::Told(who, told.clone()));
                    }
                }
            }
        }
        outs
    }
}

/// The server, with the laws held to it, and the clients that ping it.
pub(crate) struct World {
    server: Lawful<BoxedMachine<(), ServerEvent>>,
    model: Model,
    to_speaker: bool,
    now: u64,
    /// Whose client runs, and when it pings next.
    clients: Vec<(u8, u64)>,
}

impl World {
    /// A world with a server of this factory, which is to tell a speaker what it said if `to_speaker`.
    pub(crate) fn new(make: impl Fn() -> BoxedMachine<(), ServerEvent>, to_speaker: bool) -> Self {
        let promises = Promises::DEFAULT.max_messages(MAX_MEMBERS).max_bytes(MAX_MEMBERS * MAX_TOLD_LEN);
        let server = Lawful::new(make(), make(), promises);
        let mut world = Self { server, model: Model::default(), to_speaker, now: 0, clients: Vec::new() };
        world.give(Input::Start { local: local() });
        world
    }

    /// Gives the server one input; what comes out.
    fn give(&mut self, input: Input<'_, ()>) -> Vec<Out> {
        let mut out = Outlet::new();
        out.feed(&mut self.server, input, Instant::from_millis(self.now));
        let (mut outs, mut told_to, mut sends) = (Vec::new(), None, 0);
        out.drain(|effect| match effect {
            Effect::Send { peer, bytes, .. } => {
                sends += 1;
                outs.push(Out::Told(peer, bytes.to_vec()));
            }
            Effect::Event(ServerEvent::Listening(_)) => {}
            Effect::Event(ServerEvent::Noted { note, .. }) => match note {
                Note::Joined(peer) => outs.push(Out::Joined(peer)),
                Note::Pinged(peer) => outs.push(Out::Pinged(peer)),
                Note::Left(peer) => outs.push(Out::Left(peer)),
                Note::Expired(peer) => outs.push(Out::Expired(peer)),
                Note::Said { told, .. } => told_to = Some(told),
                note @ (Note::MadeWay(_) | Note::Ignored { .. }) => panic!("{note}"),
            },
            other => panic!("{other:?}"),
        });
        assert_eq!(told_to.unwrap_or(0), sends, "as many as it tells of");
        outs
    }

    /// One datagram, to both.
    fn hear(&mut self, who: u8, text: &str) {
        let (peer, now) = (person(who), self.now);
        let mut real =
            self.give(Input::Datagram { peer, local: local(), bytes: text.as_bytes(), ecn: Ecn::default() });
        let mut expected = self.model.hear(peer, text, now, self.to_speaker);
        real.sort_unstable();
        expected.sort_unstable();
        assert_eq!(real, expected, "at {now}");
    }

    /// What is due at this moment: first the clients' pings, then the server's timer.
    fn due(&mut self) {
        let pinging: Vec<u8> =
            self.clients.iter().filter(|(_, next)| *next <= self.now).map(|(who, _)| *who).collect();
        for (_, next) in self.clients.iter_mut().filter(|(_, next)| *next <= self.now) {
            *next = self.now + PING_EVERY_MILLIS;
        }
        for who in pinging {
            self.hear(who, "#ping#");
        }
        if self.server.deadline().is_some_and(|at| at <= Instant::from_millis(self.now)) {
            let mut real = self.give(Input::Timeout);
            assert!(!real.is_empty(), "a timer that is due drops somebody");
            let mut expected = self.model.expire(self.now);
            real.sort_unstable();
            expected.sort_unstable();
            assert_eq!(real, expected, "at {}", self.now);
        }
    }

    fn wait(&mut self, millis: u64) {
        let until = self.now + millis;
        loop {
            self.due();
            let timer = self.server.deadline().map(|at| at.as_nanos() / 1_000_000);
            let pings = self.clients.iter().map(|(_, next)| *next);
            // The model's own bound: nobody is shown as a member for longer than 10.001 s after the last ping.
            assert!(self.model.shown.iter().all(|peer| self.model.is_alive(*peer, self.now)), "{}", self.now);
            match timer.into_iter().chain(pings).filter(|at| *at <= until).min() {
                Some(at) => self.now = at,
                None => break,
            }
        }
        self.now = until;
    }

    /// Does one thing, and holds that both say the same of it.
    pub(crate) fn act(&mut self, op: Op) {
        match op {
            Op::Join(who) => {
                self.clients.retain(|(of, _)| *of != who);
                self.clients.push((who, self.now + PING_EVERY_MILLIS));
                self.hear(who, "#ping#");
            }
            Op::Ping(who) => self.hear(who, "#ping#"),
            Op::Say(who, text) => self.hear(who, &text),
            Op::Quit(who) => {
                self.clients.retain(|(of, _)| *of != who);
                self.hear(who, "/quit");
            }
            Op::Vanish(who) => self.clients.retain(|(of, _)| *of != who),
            Op::Wait(millis) => self.wait(millis),
            Op::Stall(millis) => self.now += millis,
        }
    }

    /// Without clients everybody is gone in the end, and nothing is left to wait for.
    pub(crate) fn end(mut self) {
        self.clients.clear();
        self.wait(EXPIRY_MILLIS + 1);
        assert!(self.model.shown.is_empty());
        assert_eq!(self.server.deadline(), None);
    }
}
