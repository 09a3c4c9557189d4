//! Who is there, and who hears what.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::{MAX_MEMBERS, MAX_SAID_LEN, Note, PING, QUIT, ServerEvent};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::parts::expiring_set::{ExpiringSet, Refreshed};
use crate::time::Instant;

/// Tells its members what is said.
#[derive(Debug)]
pub struct Server {
    members: ExpiringSet<Peer>,
    /// The address to which each member's last ping came: a member whose socket is connected hears nothing from another.
    locals: BTreeMap<Peer, Peer>,
    /// Whether who says something is told it, too.
    to_speaker: bool,
    /// Whether who is no member is heard.
    members_only: bool,
    started_at: Instant,
}

impl Server {
    /// A server whose members are such for `expiry` after their last ping. Who says something is told it too, if
    /// `to_speaker`.
    pub fn new(expiry: Duration, to_speaker: bool) -> Self {
        let members = ExpiringSet::new(expiry, MAX_MEMBERS);
        let members_only = false;
        Self { members, locals: BTreeMap::new(), to_speaker, members_only, started_at: Instant::START }
    }

    /// The same with this many members at most: 1 to [`MAX_MEMBERS`].
    #[must_use]
    pub fn max_members(mut self, max: usize) -> Self {
        self.members = self.members.max_len(max.clamp(1, MAX_MEMBERS));
        self
    }

    /// The same, which tells its members what members say, and nothing of others.
    #[must_use]
    pub fn members_only(mut self) -> Self {
        self.members_only = true;
        self
    }

    fn note(&self, note: Note, now: Instant, out: &mut Outbox<ServerEvent>) {
        out.event(ServerEvent::Noted { up: now.since(self.started_at), note });
    }

    /// Drops who has been silent for too long. Done before anything else at a moment, so that nobody is told of what
    /// was said after its time.
    fn expire(&mut self, now: Instant, out: &mut Outbox<ServerEvent>) {
        while let Some(peer) = self.members.pop_expired(now) {
            self.locals.remove(&peer);
            self.note(Note::Expired(peer), now, out);
        }
    }

    fn hear(&mut self, peer: Peer, local: Peer, bytes: &[u8], now: Instant, out: &mut Outbox<ServerEvent>) {
        let said = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_SAID_LEN)]);
        // A byte that is no text becomes three: what is told is bounded as it is told.
        let said = &said[..said.floor_char_boundary(MAX_SAID_LEN)];
        match said.trim() {
            PING => {
                let mut refreshed = self.members.refresh(peer, now);
                if refreshed == Refreshed::Full
                    && let Some(silent) = self.members.pop_oldest()
                {
                    self.locals.remove(&silent);
                    self.note(Note::MadeWay(silent), now, out);
                    refreshed = self.members.refresh(peer, now);
                }
                let note = if refreshed == Refreshed::Prolonged { Note::Pinged } else { Note::Joined };
                self.locals.insert(peer, local);
                self.note(note(peer), now, out);
            }
            QUIT => {
                if self.members.remove(peer) {
                    self.locals.remove(&peer);
                    self.note(Note::Left(peer), now, out);
                }
            }
            text if self.members_only && !self.members.contains(peer) => {
                self.note(Note::Ignored { peer, len: text.len() }, now, out);
            }
            text => self.tell(peer, text, now, out),
        }
    }

    fn tell(&self, speaker: Peer, text: &str, now: Instant, out: &mut Outbox<ServerEvent>) {
        let chunk = out.put_fmt(format_args!("{speaker}\n{text}"));
        let mut told = 0;
        for (member, local) in self.locals.iter().filter(|(member, _)| self.to_speaker || **member != speaker)
        {
            out.send_chunk_from(*local, *member, chunk);
            told += 1;
        }
        self.note(Note::Said { peer: speaker, text: text.to_owned(), told }, now, out);
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => {
                self.started_at = now;
                out.event(ServerEvent::Listening(local));
            }
            Input::Datagram { peer, local, bytes, .. } => {
                self.expire(now, out);
                self.hear(peer, local, bytes, now, out);
            }
            Input::Timeout => self.expire(now, out),
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
        self.locals.hash(&mut to);
        true
    }
}
