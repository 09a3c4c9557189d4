//! The server of tcp-chat.

use std::fmt::Write as _;
use std::time::Duration;

use super::text::Texts;
use super::{QUIT, ServerEvent};
use crate::lawful::{Cuts, Promises};
use crate::machine::{Conn, ConnMap, Input, Machine, Outbox, Peer, Status, limits};
use crate::parts::backlog::Backlog;
use crate::parts::deadlines::Deadlines;
use crate::time::Instant;
use crate::wire::lines::Lines;

/// How many members there are at most. When another comes, the one that was silent longest makes way.
pub const MAX_MEMBERS: usize = 1024;
/// The longest message, its newline included; a longer one is told as several.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;
/// How many bytes wait at most for a member that does not read.
pub const MAX_QUEUE_LEN: usize = 256 * 1024;
/// How long text without a newline stays alone before it is a message.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// How many bytes a message has at least as it is told: the shortest address, a newline, and one byte.
const MIN_TOLD_LEN: usize = "0.0.0.0:1\n".len() + 1;
/// How many messages one input leads to at most. A member speaks only while it has taken all that it was told, itself
/// having heard everything that was said at this input: so all but the last fit into one send buffer.
const MAX_MESSAGES_PER_INPUT: usize = limits::SEND_BUFFER_LEN / MIN_TOLD_LEN + 1;

/// Tells every member what any of them says.
///
/// A member that has not taken all that it was told is not listened to meanwhile: who says much is held back by its own
/// echo, and by nobody else. A member for which too much waits is dropped, and the others lose nothing.
///
/// What is a message is decided for each member by itself, by how its reads end. Silence behind text without a newline
/// says that its sender is classic; a newline at the end of a read says that it is not.
#[derive(Debug)]
pub struct Server {
    patience: Duration,
    members: ConnMap<Member>,
    /// When what a member said without a newline becomes a message.
    tails: Deadlines<Conn>,
    /// The message that is being heard, and as it is told; kept for their memory.
    heard: Vec<u8>,
    told: String,
    texts: Texts,
}

#[derive(Debug)]
struct Member {
    peer: Peer,
    /// When it said something last, or came.
    heard_at: Instant,
    habit: Habit,
    lines: Lines,
    queue: Backlog,
    ear: Ear,
}

/// What is a message of a member.
///
/// ```text
///         ┌──── a message of it ended with silence ────┐
/// Lines ──┘                                            └─► Reads
///   ▲                                                        │
///   └──────────── a read of it ends with a newline ──────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Each line.
    Lines,
    /// Each read, whatever newlines are in it: the member is classic.
    Reads,
}

/// How the server listens to a member.
///
/// ```text
/// Open ──it speaks, and something waits for it──► Held
///  │ ◄───────────── all of it is out ──────────────┘
///  └──────eof──────► Leaving ──all of it is out──► left
/// ```
#[derive(Debug)]
enum Ear {
    /// It is heard; if text without a newline is there, that is a message at this moment.
    Open { speaks_at: Option<Instant> },
    /// It is paused. This has been read of it, and not yet been heard.
    Held { unheard: Vec<u8> },
    /// It will say no more.
    Leaving,
}

impl Server {
    /// What it promises: each message goes to each member, and no further than its send buffer. What a classic member
    /// says depends on the reads.
    pub const PROMISES: Promises = Promises::DEFAULT
        .max_messages(MAX_MEMBERS * MAX_MESSAGES_PER_INPUT + Backlog::MAX_FLUSH_WRITES)
        .max_bytes(MAX_MEMBERS * limits::SEND_BUFFER_LEN)
        .cuts(Cuts::Matter);

    /// A server without members that waits so long for the rest of a line.
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            members: ConnMap::default(),
            tails: Deadlines::default(),
            heard: Vec::new(),
            told: String::new(),
            texts: Texts::default(),
        }
    }

    fn join(&mut self, conn: Conn, peer: Peer, now: Instant, out: &mut Outbox<ServerEvent>) {
        if self.members.len() == MAX_MEMBERS && !self.make_way(out) {
            out.event(ServerEvent::Full(peer));
            out.close(conn);
            return;
        }
        let (lines, queue) = (Lines::new(MAX_MESSAGE_LEN), Backlog::new(MAX_QUEUE_LEN));
        let ear = Ear::Open { speaks_at: None };
        self.members.insert(conn, Member { peer, heard_at: now, habit: Habit::Lines, lines, queue, ear });
        out.event(ServerEvent::Joined(peer));
    }

    /// Lets the member go that was silent longest, out of those that have taken all they were told, and are not in the
    /// middle of a message; false if there is none.
    fn make_way(&mut self, out: &mut Outbox<ServerEvent>) -> bool {
        let may = |member: &Member| {
            let is_open = matches!(member.ear, Ear::Open { speaks_at: None });
            is_open && member.queue.is_empty()
        };
        let silent = self.members.iter().filter(|(_, member)| may(member));
        let silent = silent.min_by_key(|(conn, member)| (member.heard_at, *conn)).map(|(conn, _)| conn);
        let Some((conn, member)) = silent.and_then(|conn| Some((conn, self.remove(conn)?))) else {
            return false;
        };
        out.event(ServerEvent::MadeWay(member.peer));
        out.close(conn);
        true
    }

    /// Listens to a member so from now on.
    fn listen(&mut self, conn: Conn, ear: Ear) {
        if let Some(member) = self.members.get_mut(conn) {
            let before = member.speaks_at();
            member.ear = ear;
            self.tails.change(conn, before, member.speaks_at());
        }
    }

    /// Takes a member out.
    fn remove(&mut self, conn: Conn) -> Option<Member> {
        let member = self.members.remove(conn)?;
        self.tails.change(conn, member.speaks_at(), None);
        Some(member)
    }

    /// Takes what a member has sent, message by message, as long as it takes what it is told.
    fn hear(&mut self, conn: Conn, bytes: &[u8], now: Instant, out: &mut Outbox<ServerEvent>) {
        let (mut rest, mut message) = (bytes, std::mem::take(&mut self.heard));
        while let Some(member) = self.members.get_mut(conn) {
            if !member.queue.is_empty() {
                self.listen(conn, Ear::Held { unheard: rest.to_vec() });
                out.pause(conn);
                break;
            }
            if !member.next(&mut rest, &mut message) {
                let speaks_at = member.lines.has_tail().then(|| now + self.patience);
                self.listen(conn, Ear::Open { speaks_at });
                break;
            }
            self.take(conn, &message, out);
        }
        self.heard = message;
    }

    /// Text without a newline has been there long enough.
    fn take_tails(&mut self, now: Instant, out: &mut Outbox<ServerEvent>) {
        for conn in self.tails.due(now) {
            let Some(member) = self.members.get_mut(conn) else { continue };
            if !member.queue.is_empty() {
                self.listen(conn, Ear::Held { unheard: Vec::new() });
                out.pause(conn);
                continue;
            }
            let message = member.lines.take_tail();
            member.habit = Habit::Reads;
            out.event(ServerEvent::Classic(member.peer));
            self.listen(conn, Ear::Open { speaks_at: None });
            if let Some(message) = message {
                self.take(conn, &message, out);
            }
        }
    }

    /// Writes what waits for a member. Once all of it is on its way the member may speak again, or leave.
    fn flush(&mut self, conn: Conn, now: Instant, out: &mut Outbox<ServerEvent>) {
        let Some(member) = self.members.get_mut(conn) else { return };
        if !member.queue.flush(conn, out) {
            return;
        }
        match &mut member.ear {
            Ear::Open { .. } => {}
            Ear::Held { unheard } => {
                let unheard = std::mem::take(unheard);
                out.resume(conn);
                self.hear(conn, &unheard, now, out);
            }
            Ear::Leaving => self.leave(conn, out),
        }
    }

    /// Lets a member go that has said all, once what is left of it is told and it has been told all.
    fn leave(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        if let Some(member) = self.members.get_mut(conn)
            && member.queue.is_empty()
            && let Some(message) = member.lines.finish()
        {
            self.take(conn, &message, out);
        }
        if self.members.get(conn).is_some_and(|member| member.queue.is_empty()) {
            self.part(conn, out);
        }
    }

    /// Closes the connection of a member that leaves in good order.
    fn part(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        if let Some(member) = self.remove(conn) {
            out.event(ServerEvent::Left(member.peer));
            out.close(conn);
        }
    }

    /// Takes one message of a member, who has been told all before it.
    fn take(&mut self, conn: Conn, message: &[u8], out: &mut Outbox<ServerEvent>) {
        if message.trim_ascii() == QUIT {
            self.part(conn, out);
        } else if let Some(member) = self.members.get(conn) {
            self.tell(member.peer, &String::from_utf8_lossy(message), out);
        }
    }

    /// Tells all members what one of them has said, and drops those for whom too much waits.
    fn tell(&mut self, speaker: Peer, text: &str, out: &mut Outbox<ServerEvent>) {
        self.told.clear();
        // Writing to a string does not fail.
        let _ = write!(self.told, "{speaker}\n{text}");
        out.event(ServerEvent::Said { speaker, text: self.texts.make(text) });
        let (bytes, chunk) = (self.told.as_bytes(), out.put(self.told.as_bytes()));
        let mut slow = Vec::new();
        for (conn, member) in self.members.iter_mut() {
            if member.queue.write_chunk(conn, chunk, bytes, out).is_err() {
                slow.push(conn);
            }
        }
        for conn in slow {
            if let Some(member) = self.remove(conn) {
                out.event(ServerEvent::Dropped(member.peer));
                out.abort(conn);
            }
        }
    }
}

impl Member {
    /// Takes the next message from the front of what is left of a read, into memory that is used again. Nothing is left
    /// of it after the last.
    fn next(&mut self, read: &mut &[u8], message: &mut Vec<u8>) -> bool {
        if read.ends_with(b"\n") {
            self.habit = Habit::Lines;
        }
        match self.habit {
            Habit::Lines => self.lines.next_into(read, message),
            Habit::Reads => self.lines.next_whole(read).is_some_and(|whole| {
                *message = whole;
                true
            }),
        }
    }

    /// When what it said without a newline becomes a message.
    const fn speaks_at(&self) -> Option<Instant> {
        match self.ear {
            Ear::Open { speaks_at } => speaks_at,
            Ear::Held { .. } | Ear::Leaving => None,
        }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Connected { conn, peer, .. } => self.join(conn, peer, now, out),
            Input::Received { conn, bytes } => {
                if let Some(member) = self.members.get_mut(conn) {
                    member.heard_at = now;
                }
                self.hear(conn, bytes, now, out);
            }
            Input::Eof { conn } => {
                self.listen(conn, Ear::Leaving);
                self.leave(conn, out);
            }
            Input::Writable { conn } => self.flush(conn, now, out),
            Input::Closed { conn, .. } => {
                if let Some(member) = self.remove(conn) {
                    out.event(ServerEvent::Left(member.peer));
                }
            }
            Input::Timeout => self.take_tails(now, out),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.tails.first()
    }
}
