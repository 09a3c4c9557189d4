//! Who is there, and who hears what.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::{Command, Event, MAX_MEMBERS, MAX_SAID_LEN, Note, PING, QUIT};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::parts::expiring_set::{ExpiringSet, Refreshed};
use crate::time::Instant;

/// Tells its members what is said.
#[derive(Debug)]
pub struct Server {
    members: ExpiringSet<Peer>,
    /// Whether who says something is told it, too.
    to_speaker: bool,
    started_at: Instant,
}

impl Server {
    /// A server whose members are such for `expiry` after their last ping. Who says something is told it too, if
    /// `to_speaker`.
    pub fn new(expiry: Duration, to_speaker: bool) -> Self {
        Self { members: ExpiringSet::new(expiry, MAX_MEMBERS), to_speaker, started_at: Instant::START }
    }

    fn note(&self, note: Note, now: Instant, out: &mut Outbox<Event>) {
        out.event(Event::Noted { up: now.since(self.started_at), note });
    }

    /// Drops who has been silent for too long. Done before anything else at a moment, so that nobody is told of what
    /// was said after its time.
    fn expire(&mut self, now: Instant, out: &mut Outbox<Event>) {
        while let Some(peer) = self.members.pop_expired(now) {
            self.note(Note::Expired(peer), now, out);
        }
    }

    fn hear(&mut self, peer: Peer, bytes: &[u8], now: Instant, out: &mut Outbox<Event>) {
        let said = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_SAID_LEN)]);
        match said.trim() {
            PING => {
                let note = match self.members.refresh(peer, now) {
                    Refreshed::Joined => Note::Joined,
                    Refreshed::Prolonged => Note::Pinged,
                    Refreshed::Full => Note::Refused,
                };
                self.note(note(peer), now, out);
            }
            QUIT => {
                if self.members.remove(peer) {
                    self.note(Note::Left(peer), now, out);
                }
            }
            text => self.tell(peer, text, now, out),
        }
    }

    fn tell(&self, speaker: Peer, text: &str, now: Instant, out: &mut Outbox<Event>) {
        let chunk = out.put_fmt(format_args!("{speaker}\n{text}"));
        let mut told = 0;
        for member in self.members.iter().filter(|member| self.to_speaker || *member != speaker) {
            out.send_chunk(member, chunk);
            told += 1;
        }
        self.note(Note::Said { peer: speaker, text: text.to_owned(), told }, now, out);
    }
}

impl Machine for Server {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, input: Input<'_, Command>, now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { local } => {
                self.started_at = now;
                out.event(Event::Listening(local));
            }
            Input::Datagram { peer, bytes } => {
                self.expire(now, out);
                self.hear(peer, bytes, now, out);
            }
            Input::Timeout if self.members.deadline().is_some_and(|due_at| due_at <= now) => {
                self.expire(now, out);
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.members.deadline()
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        // What it notes has the time for which it has been up.
        now.since(self.started_at).hash(&mut to);
        self.members.fingerprint(now, to);
        true
    }
}
