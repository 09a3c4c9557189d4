//! The server: it takes one connection at a time, and reads what has come now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Bug, RESEND_AFTER, ROOM};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::specimens::protocols::{hex, parsed, words};
use crate::time::Instant;

/// How long what has come waits until it is read.
const READ_AFTER: Duration = Duration::from_millis(50);
/// How often it says what it waits for while later messages are there.
const REPEAT_AFTER: Duration = Duration::from_millis(80);

/// What the server tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// A connection of this id is open.
    Opened(u32),
    /// A message was read.
    Read(String),
}

/// A connection that is not confirmed.
#[derive(Debug)]
struct Half {
    id: u32,
    peer: Peer,
    again_at: Instant,
}

/// A connection.
#[derive(Debug)]
struct Session {
    id: u32,
    peer: Peer,
    next: u32,
    /// In order, and not read.
    unread: Vec<String>,
    /// What came before its turn.
    early: BTreeMap<u32, String>,
    /// The numbers of what came, where they are kept.
    seen: BTreeSet<u32>,
    read_at: Option<Instant>,
    repeat_at: Option<Instant>,
}

/// Reads the messages of a connection.
#[derive(Debug)]
pub struct Server {
    /// What it calls itself since its last start: so that a client knows when it has started anew.
    name: u32,
    half: Option<Half>,
    session: Option<Session>,
    bug: Option<Bug>,
}

impl Server {
    pub(super) const fn new(name: u32, bug: Option<Bug>) -> Self {
        Self { name, half: None, session: None, bug }
    }

    /// How many messages or numbers it keeps.
    pub fn kept(&self) -> usize {
        self.session
            .as_ref()
            .map_or(0, |session| (session.unread.len() + session.early.len()).max(session.seen.len()))
    }

    fn syn(&mut self, id: u32, peer: Peer, now: Instant, out: &mut Outbox<ServerEvent>) {
        let is_known = self.session.as_ref().is_some_and(|session| session.id == id);
        if !is_known && self.half.as_ref().is_none_or(|half| half.id != id) {
            out.send_fmt(peer, format_args!("syn-ack {id:08x} {:08x}", self.name));
            self.half = Some(Half { id, peer, again_at: now + RESEND_AFTER });
        }
    }

    fn confirmed(&mut self, id: u32, out: &mut Outbox<ServerEvent>) {
        if let Some(half) = self.half.take_if(|half| half.id == id) {
            out.event(ServerEvent::Opened(id));
            self.session = Some(Session::of(&half));
        }
    }

    fn data(&mut self, id: u32, number: u32, text: &str, now: Instant, out: &mut Outbox<ServerEvent>) {
        let is_half = self.half.as_ref().is_some_and(|half| half.id == id);
        let is_any = self.bug == Some(Bug::TakesAnyIncarnation) && !is_half;
        match &mut self.session {
            Some(session) if session.id == id || is_any => {
                let keeps = self.bug == Some(Bug::RemembersEveryNumber);
                session.came(number, text, keeps, now, out);
            }
            _ if is_half => {}
            _ => out.reply_fmt(format_args!("no {id:08x}")),
        }
    }

    fn probed(&self, id: u32, out: &mut Outbox<ServerEvent>) {
        match &self.session {
            Some(session) if session.id == id => session.acknowledge(out),
            _ => out.reply_fmt(format_args!("no {id:08x}")),
        }
    }

    fn is_gone(&mut self, gone: impl Fn(u32, Peer) -> bool) {
        self.half.take_if(|half| gone(half.id, half.peer));
        self.session.take_if(|session| gone(session.id, session.peer));
    }
}

impl Session {
    const fn of(half: &Half) -> Self {
        Self {
            id: half.id,
            peer: half.peer,
            next: 0,
            unread: Vec::new(),
            early: BTreeMap::new(),
            seen: BTreeSet::new(),
            read_at: None,
            repeat_at: None,
        }
    }

    fn acknowledge(&self, out: &mut Outbox<ServerEvent>) {
        let room = ROOM - self.unread.len() as u32;
        out.send_fmt(self.peer, format_args!("ack {:08x} {} {room}", self.id, self.next));
    }

    fn came(&mut self, number: u32, text: &str, keeps: bool, now: Instant, out: &mut Outbox<ServerEvent>) {
        let room = ROOM - self.unread.len() as u32;
        if (self.next..self.next + room).contains(&number) {
            if keeps {
                self.seen.insert(number);
            }
            self.early.entry(number).or_insert_with(|| text.to_owned());
        }
        while let Some(text) = self.early.remove(&self.next) {
            self.unread.push(text);
            self.next += 1;
            self.read_at.get_or_insert(now + READ_AFTER);
        }
        self.repeat_at = (!self.early.is_empty()).then(|| now + REPEAT_AFTER);
        self.acknowledge(out);
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<ServerEvent>) {
        if self.read_at.take_if(|at| *at <= now).is_some() {
            for text in self.unread.drain(..) {
                out.event(ServerEvent::Read(text));
            }
            self.acknowledge(out);
        }
        if self.repeat_at.is_some_and(|at| at <= now) {
            self.repeat_at = Some(now + REPEAT_AFTER);
            self.acknowledge(out);
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
                let word = words.next();
                let Some(id) = hex(words.next()) else { return };
                match word {
                    Some("syn") => self.syn(id, peer, now, out),
                    Some("confirm") if hex(words.next()) == Some(self.name) => self.confirmed(id, out),
                    Some("probe") => self.probed(id, out),
                    Some("no") => self.is_gone(|of, _| of == id),
                    Some("data") => {
                        if let (Some(number), Some(text)) = (parsed(words.next()), words.next()) {
                            self.data(id, number, text, now, out);
                        }
                    }
                    _ => {}
                }
            }
            Input::Unreachable { peer, .. } => self.is_gone(|_, of| of == peer),
            Input::Timeout => {
                if let Some(half) = self.half.as_mut().filter(|half| half.again_at <= now) {
                    out.send_fmt(half.peer, format_args!("syn-ack {:08x} {:08x}", half.id, self.name));
                    half.again_at = now + RESEND_AFTER;
                }
                if let Some(session) = &mut self.session {
                    session.timeout(now, out);
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let of_session =
            self.session.iter().flat_map(|session| session.read_at.into_iter().chain(session.repeat_at));
        self.half.iter().map(|half| half.again_at).chain(of_session).min()
    }
}
