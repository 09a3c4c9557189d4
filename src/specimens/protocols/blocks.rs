//! blocks: a file, block by block, with block numbers of eight bits.
//!
//! ```text
//! client ── get ID ─────────► server
//!        ◄── data ID 1 … ────           each block waits for the acknowledgement of the one before
//!        ── ack ID 1 ───────►           one that comes twice has nothing sent again (RFC 1123, 4.2.3.1)
//!        ◄── last ID 4 … ────
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use super::{parsed, words};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About =
    About::new("blocks", 69, Transport::Udp, "a file, block by block, with block numbers of eight bits");

/// How many blocks the file has: more than there are numbers.
const BLOCKS: u32 = 260;
/// A packet may be held back for as long as the profiles of a check hold it: fewer than [`MAX_AHEAD`] blocks pass in that
/// time.
const LATENCY: Duration = Duration::from_millis(25);
/// How far a number may be ahead of another one at most, to be told from one that is behind.
const MAX_AHEAD: u8 = 127;
const RESEND_AFTER: Duration = Duration::from_millis(250);
/// How long a client waits for the next block until it says again which one it has.
const REPEAT_AFTER: Duration = Duration::from_millis(500);
/// How long an end that hears nothing waits until it gives up.
const SILENCE: Duration = Duration::from_mins(6);
/// By when the client has ended.
const BOUND: Duration = Duration::from_hours(2);

const SYSTEM: System = (ABOUT.name, net);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// The client takes a block for the next one if its number is greater. So block 0, which follows 255, is none. TFTP's
    /// servers and clients ended so at 32 MB, with 16 bits (RFC 2348 was one way around it); XMODEM has 8.
    NumbersDoNotWrap,
    /// The server answers each acknowledgement by a block, also one that came twice: from then on every block is sent
    /// twice. It is the Sorcerer's Apprentice Syndrome of TFTP (RFC 1123, 4.2.3.1).
    SorcerersApprentice,
}

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        "numbers-do-not-wrap",
        "after block 255 no block is greater, and none is taken",
        "",
        |net, _| {
            let server = net.find::<Server>("server");
            net.replace(net.find::<Client>("client"), move |boot| {
                Client::new(boot.peer(server), boot.seed() as u32, Some(Bug::NumbersDoNotWrap))
            });
        },
    ),
    Specimen::new(
        SYSTEM,
        "sorcerers-apprentice",
        "an acknowledgement that comes twice has the next block sent twice, and so all that follow",
        "client>server #1 duplicate",
        |net, _| {
            net.replace(net.find::<Server>("server"), |_| Server::new(Some(Bug::SorcerersApprentice)));
        },
    ),
];

/// What the server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It begins to send the file, for the request of this id.
    Serving(u32),
    /// A block of this transfer was not acknowledged in time.
    TimedOut(u32),
}

/// A file on its way.
#[derive(Debug)]
struct Sending {
    peer: Peer,
    /// The block that is to be acknowledged, from 1.
    block: u32,
    resend_at: Instant,
    give_up_at: Instant,
}

/// Sends the file to all who ask.
#[derive(Debug)]
pub struct Server {
    sending: BTreeMap<u32, Sending>,
    bug: Option<Bug>,
}

impl Server {
    const fn new(bug: Option<Bug>) -> Self {
        Self { sending: BTreeMap::new(), bug }
    }

    fn send(peer: Peer, id: u32, block: u32, out: &mut Outbox<ServerEvent>) {
        let word = if block == BLOCKS { "last" } else { "data" };
        out.send_fmt(peer, format_args!("{word} {id} {} block {block}", block as u8));
    }

    fn acknowledged(&mut self, peer: Peer, id: u32, number: u8, now: Instant, out: &mut Outbox<ServerEvent>) {
        let Some(sending) = self.sending.get_mut(&id) else {
            return out.send_fmt(peer, format_args!("unknown {id}"));
        };
        if number == sending.block as u8 {
            if sending.block == BLOCKS {
                self.sending.remove(&id);
                return;
            }
            sending.block += 1;
            (sending.resend_at, sending.give_up_at) = (now + RESEND_AFTER, now + SILENCE);
            Self::send(peer, id, sending.block, out);
        } else if number.wrapping_sub(sending.block as u8) <= MAX_AHEAD {
            // It is a request that came late, after a new start: the client has what was sent before.
            self.sending.remove(&id);
            out.send_fmt(peer, format_args!("unknown {id}"));
        } else if number.wrapping_add(1) == sending.block as u8 && self.bug == Some(Bug::SorcerersApprentice)
        {
            Self::send(peer, id, sending.block, out);
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<ServerEvent>) {
        self.sending.retain(|_, sending| sending.give_up_at > now);
        for (id, sending) in &mut self.sending {
            if sending.resend_at <= now {
                out.event(ServerEvent::TimedOut(*id));
                Self::send(sending.peer, *id, sending.block, out);
                sending.resend_at = now + RESEND_AFTER;
            }
        }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Datagram { peer, bytes, .. } => {
                let mut words = words(bytes);
                match (words.next(), parsed::<u32>(words.next()), parsed::<u8>(words.next())) {
                    (Some("get"), Some(id), _) if !self.sending.contains_key(&id) => {
                        let (resend_at, give_up_at) = (now + RESEND_AFTER, now + SILENCE);
                        self.sending.insert(id, Sending { peer, block: 1, resend_at, give_up_at });
                        out.event(ServerEvent::Serving(id));
                        Self::send(peer, id, 1, out);
                    }
                    (Some("ack"), Some(id), Some(number)) => self.acknowledged(peer, id, number, now, out),
                    _ => {}
                }
            }
            Input::Unreachable { peer, .. } => self.sending.retain(|_, sending| sending.peer != peer),
            Input::Timeout => self.timeout(now, out),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.sending.values().map(|sending| sending.resend_at.min(sending.give_up_at)).min()
    }
}

/// Asks for the file, and takes it.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    id: u32,
    /// How many blocks have come.
    blocks: u32,
    /// When it says again what it said last.
    again_at: Option<Instant>,
    give_up_at: Option<Instant>,
    bug: Option<Bug>,
}

impl Client {
    const fn new(server: Peer, id: u32, bug: Option<Bug>) -> Self {
        Self { server, id, blocks: 0, again_at: None, give_up_at: None, bug }
    }

    /// Asks for the file, or says which block it has.
    fn ask(&mut self, now: Instant, out: &mut Outbox<String>) {
        if self.blocks == 0 {
            out.send_fmt(self.server, format_args!("get {}", self.id));
            self.again_at = Some(now + RESEND_AFTER);
        } else {
            out.send_fmt(self.server, format_args!("ack {} {}", self.id, self.blocks as u8));
            self.again_at = Some(now + REPEAT_AFTER);
        }
    }

    fn came(&mut self, number: u8, text: &str, is_last: bool, now: Instant, out: &mut Outbox<String>) {
        let before = self.blocks as u8;
        let is_next = match self.bug {
            Some(Bug::NumbersDoNotWrap) => number > before,
            _ => number == before.wrapping_add(1),
        };
        if is_next {
            self.blocks += 1;
            self.give_up_at = Some(now + SILENCE);
            out.event(text.to_owned());
        }
        if is_next || (number == before && self.blocks > 0) {
            self.ask(now, out);
        }
        if is_next && is_last {
            (self.again_at, self.give_up_at) = (None, None);
            out.done(Status::Success);
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => {
                self.give_up_at = Some(now + SILENCE);
                self.ask(now, out);
            }
            Input::Timeout if self.give_up_at.is_some_and(|at| at <= now) => {
                (self.again_at, self.give_up_at) = (None, None);
                out.done(Status::Failure);
            }
            Input::Timeout => self.ask(now, out),
            Input::Datagram { bytes, .. } => {
                let mut words = words(bytes);
                let (word, id) = (words.next(), parsed::<u32>(words.next()));
                if id != Some(self.id) {
                    return;
                }
                match (word, parsed::<u8>(words.next()), words.last()) {
                    (Some(word @ ("data" | "last")), Some(number), Some(text)) => {
                        self.came(number, text, word == "last", now, out);
                    }
                    (Some("unknown"), ..) => {
                        // The server has started anew: so does this.
                        (self.id, self.blocks) = (self.id.wrapping_add(1), 0);
                        out.event("anew".to_owned());
                        self.ask(now, out);
                    }
                    _ => {}
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.again_at.into_iter().chain(self.give_up_at).min()
    }
}

/// A server and a client of it.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.latency(LATENCY);
    net.max_time(BOUND);
    net.max_inputs(1_000_000);
    let server = net.host("server").udp(ABOUT.port).machine(|_| Server::new(None));
    let client = net
        .host("client")
        .udp(0)
        .machine(move |boot| Client::new(boot.peer(server), boot.seed() as u32, None));
    net.fold("blocks come once each, and in order", || 0_u32).on(client, |blocks, came: &String, _| {
        let number = came.parse::<u32>().unwrap_or(0);
        // 1 is the first, whether or not others came before a new start.
        let is_next = number <= 1 || number == *blocks + 1;
        *blocks = number;
        is_next
    });
    let resends = net.fold("a block is sent again only when its time is over", BTreeMap::new);
    let resends = resends.on(server, |sent: &mut BTreeMap<u32, u8>, event, _| match event {
        ServerEvent::Serving(id) | ServerEvent::TimedOut(id) => {
            sent.remove(id);
            true
        }
    });
    resends.on_send(server, |sent, datagram, _| {
        let mut words = words(datagram.bytes).skip(1);
        match (parsed::<u32>(words.next()), parsed::<u8>(words.next())) {
            (Some(id), Some(number)) => sent.insert(id, number) != Some(number),
            _ => true,
        }
    });
    net.eventually_within("the client has the file", BOUND, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}
