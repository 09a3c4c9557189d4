//! One framed connection with each peer of a group.

mod hello;
mod keep;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::backlog::{Backlog, Overflow};
use crate::machine::{Conn, ConnMap, Effects, Input, Peer};
use crate::time::Instant;
use crate::wire::frame::{self, FrameError, FrameReader};
pub use hello::MAX_NAME_LEN;
use hello::{HEAD_LEN, Hello};

/// How long a peer may take to say who it is.
pub const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// Keeps one connection with each peer of a group, and cuts its bytes into messages.
///
/// It dials the addresses that it is given, again after each failure, and accepts whoever dials. Both ends first say who
/// they are. If two connections with one peer stand, both ends keep the same one: of two starts of the peer that of the
/// later one to say hello, of two dials of one end the later dial, and of two dials that cross the one of the end with
/// the greater name (RFC 4271, section 6.8).
///
/// A session is the time from [`Told::Up`] to [`Told::Down`]. Within it messages come once and in order; of those that
/// are sent in it any number may be missing at its end. A peer that vanished without a word is noticed when something is
/// sent to it, so a protocol that may be silent for long needs a heartbeat.
///
/// Its owner passes every input to it, and then takes what it reports until it reports nothing:
///
/// ```
/// use lossproof::parts::sessions::{Sessions, Told};
/// use lossproof::{Input, Instant, Machine, Outbox, Peer};
///
/// /// Tells who is there, and greets everybody.
/// struct Member(Sessions);
///
/// impl Machine for Member {
///     type Command = ();
///     type Event = String;
///
///     fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
///         let mut feed = self.0.take(&input, now, out);
///         while let Some(told) = self.0.next(&mut feed, now, out) {
///             match told {
///                 Told::Up { peer } => {
///                     let peer = peer.to_vec();
///                     // It is gone at once if it takes nothing: then `Down` follows.
///                     let _ = self.0.send(&peer, b"good morning", out);
///                 }
///                 Told::Message { peer, bytes } => out.event(format!("{peer:?} says {bytes:?}")),
///                 Told::Down { peer } => out.event(format!("{peer:?} is gone")),
///             }
///         }
///     }
///
///     fn deadline(&self) -> Option<Instant> {
///         self.0.deadline()
///     }
/// }
///
/// let life = 1; // another one for each start: `boot.incarnation()`, or a random number
/// let mut sessions = Sessions::new(b"member-1", life);
/// sessions.dial("10.0.0.2:4000".parse().expect("an address"));
/// ```
///
/// It has no fingerprint: an owner that has one does not use it.
#[derive(Clone, Debug)]
pub struct Sessions {
    name: Vec<u8>,
    life: u64,
    /// How many were dialed.
    dials: u32,
    max_message_len: usize,
    max_unsent_len: usize,
    retry_after: Duration,
    targets: Vec<Target>,
    lines: ConnMap<Line>,
    /// The connection of each session.
    up: BTreeMap<Vec<u8>, Conn>,
    notes: VecDeque<Note>,
    /// Whom the last thing told is about, and what it says.
    peer: Vec<u8>,
    message: Vec<u8>,
    scratch: Vec<u8>,
}

/// What a group's member is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// A session with this peer begins.
    Up {
        /// Its name.
        peer: &'a [u8],
    },
    /// The peer has sent a message in its session.
    Message {
        /// Its name.
        peer: &'a [u8],
        /// The message.
        bytes: &'a [u8],
    },
    /// The session with this peer is over.
    Down {
        /// Its name.
        peer: &'a [u8],
    },
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no session with this peer.
    #[error("there is no session with this peer: send it again when there is one")]
    NotUp,
    /// The message is longer than messages may be.
    #[error(transparent)]
    TooLong(FrameError),
    /// The peer does not read. Its session ends.
    #[error(transparent)]
    Overflow(Overflow),
}

/// The part of an input that is not read yet.
#[derive(Debug)]
pub struct Feed<'a>(Option<(Conn, &'a [u8])>);

/// An address that is dialed.
#[derive(Clone, Debug)]
struct Target {
    addr: Peer,
    /// Who answers there, once that is known.
    name: Option<Vec<u8>>,
    dial: Dial,
}

/// ```text
///            ┌────────── failed, closed ─────────┐
///            ▼                                   │
///   ──► Waiting(at) ──── at ────────────► Dialed(conn)
///            ▲                                   │
///            └─ the session is over ── Served ◄──┘ another connection is kept
///
///   Dialed ──── it leads to this very member ───► Own
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dial {
    /// It is dialed then.
    Waiting(Instant),
    /// This connection is dialed, or stands.
    Dialed(Conn),
    /// There is a session with its peer by another connection.
    Served,
    /// It is the member's own address.
    Own,
}

/// A connection that stands.
#[derive(Clone, Debug)]
struct Line {
    /// Which of this end's dials it is of; none if it was accepted.
    dialed: Option<u32>,
    reader: FrameReader,
    backlog: Backlog,
    state: State,
}

/// ```text
///   Greeting ── hello ──► Up ── another is kept, an error, the end ──► Ending
///      └───── another is kept, no hello, too late ──────────────────────▲
/// ```
#[derive(Clone, Debug)]
enum State {
    /// The peer has to say who it is by then.
    Greeting(Instant),
    /// The session with this peer.
    Up { peer: Vec<u8>, life: u64, dial: u32 },
    /// It is closed; what still comes is nobody's.
    Ending,
}

#[derive(Clone, Debug)]
enum Note {
    Up(Vec<u8>),
    Down(Vec<u8>),
    /// What stands in `message`.
    Message(Conn),
}

impl Sessions {
    /// Without peers as yet. `name` is what others know this member by; `life` is another number after each restart.
    /// Messages have at most 1 MiB, 4 MiB wait for a peer that does not read, and a dial that failed is repeated after
    /// a second.
    ///
    /// # Panics
    /// If the name has no byte, or more than [`MAX_NAME_LEN`].
    pub fn new(name: &[u8], life: u64) -> Self {
        assert!((1..=MAX_NAME_LEN).contains(&name.len()), "a name has 1 to {MAX_NAME_LEN} bytes");
        Self {
            name: name.to_vec(),
            life,
            dials: 0,
            max_message_len: 1 << 20,
            max_unsent_len: 4 << 20,
            retry_after: Duration::from_secs(1),
            targets: Vec::new(),
            lines: ConnMap::default(),
            up: BTreeMap::new(),
            notes: VecDeque::new(),
            peer: Vec::new(),
            message: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The same with messages of at most this length, in bytes.
    #[must_use]
    pub fn max_message_len(self, max_message_len: usize) -> Self {
        Self { max_message_len, ..self }
    }

    /// The same with at most this many bytes that wait for a peer.
    #[must_use]
    pub fn max_unsent_len(self, max_unsent_len: usize) -> Self {
        Self { max_unsent_len, ..self }
    }

    /// The same with another time from a failure to the next dial.
    #[must_use]
    pub fn retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }

    /// Keeps a connection with whoever is at this address, from the next input on. The member's own address does no
    /// harm.
    pub fn dial(&mut self, addr: Peer) {
        self.targets.push(Target { addr, name: None, dial: Dial::Waiting(Instant::START) });
    }

    /// Those with whom there is a session, in the order of their names.
    pub fn peers(&self) -> impl Iterator<Item = &[u8]> {
        self.up.keys().map(Vec::as_slice)
    }

    /// The connection of the session with a peer.
    pub fn conn(&self, peer: &[u8]) -> Option<Conn> {
        self.up.get(peer).copied()
    }

    /// When [`Input::Timeout`] is due next.
    pub fn deadline(&self) -> Option<Instant> {
        let dials = self.targets.iter().filter_map(|target| match target.dial {
            Dial::Waiting(at) => Some(at),
            _ => None,
        });
        let hellos = self.lines.iter().filter_map(|(_, line)| match line.state {
            State::Greeting(until_at) => Some(until_at),
            _ => None,
        });
        dials.chain(hellos).min()
    }

    /// Sends a message to a peer, in its session.
    ///
    /// # Errors
    /// [`SendError`] if there is no session, if the message is too long, or if too much waits for the peer.
    pub fn send(&mut self, peer: &[u8], message: &[u8], out: &mut Effects) -> Result<(), SendError> {
        let conn = self.conn(peer).ok_or(SendError::NotUp)?;
        let line = self.lines.get_mut(conn).ok_or(SendError::NotUp)?;
        self.scratch.clear();
        frame::encode(message, self.max_message_len, &mut self.scratch).map_err(SendError::TooLong)?;
        let sent = line.backlog.write(conn, &self.scratch, out).map_err(SendError::Overflow);
        if sent.is_err() {
            // A part may be written: nothing that follows would be understood.
            out.abort(conn);
            self.end(conn);
        }
        sent
    }

    /// Takes an input of the owner's. [`Sessions::next`] then returns its reports; take them all before the next input.
    pub fn take<'a, C: ?Sized>(&mut self, input: &Input<'a, C>, now: Instant, out: &mut Effects) -> Feed<'a> {
        match *input {
            Input::Connected { conn, .. } => self.greet(conn, now, out),
            Input::Received { conn, bytes } => return Feed(Some((conn, bytes))),
            Input::Writable { conn } => {
                if let Some(line) = self.lines.get_mut(conn) {
                    line.backlog.flush(conn, out);
                }
            }
            Input::ConnectFailed { conn, .. } => self.free(conn, now),
            Input::Eof { conn } => self.close(conn, out),
            Input::Closed { conn, .. } => {
                self.end(conn);
                self.lines.remove(conn);
                self.free(conn, now);
            }
            Input::Timeout => self.give_up_silent(now, out),
            _ => {}
        }
        self.dial_due(now, out);
        Feed(None)
    }

    /// The next report.
    pub fn next(&mut self, feed: &mut Feed<'_>, now: Instant, out: &mut Effects) -> Option<Told<'_>> {
        while self.notes.is_empty() {
            let (conn, bytes) = feed.0.as_mut()?;
            if !self.read(*conn, bytes, now, out) {
                feed.0 = None;
            }
        }
        match self.notes.pop_front()? {
            Note::Up(peer) => {
                self.peer = peer;
                Some(Told::Up { peer: &self.peer })
            }
            Note::Down(peer) => {
                self.peer = peer;
                Some(Told::Down { peer: &self.peer })
            }
            Note::Message(conn) => match &self.lines.get(conn)?.state {
                State::Up { peer, .. } => Some(Told::Message { peer, bytes: &self.message }),
                _ => None,
            },
        }
    }

    /// Reads one message, or a hello; says whether there may be more.
    fn read(&mut self, conn: Conn, bytes: &mut &[u8], now: Instant, out: &mut Effects) -> bool {
        let Some(line) = self.lines.get_mut(conn) else { return false };
        if matches!(line.state, State::Ending) {
            return false;
        }
        match line.reader.read(bytes) {
            Ok(Some(message)) => {
                self.message.clear();
                self.message.extend_from_slice(message);
            }
            Ok(None) => return false,
            Err(_) => {
                self.close(conn, out);
                return false;
            }
        }
        if matches!(line.state, State::Up { .. }) {
            self.notes.push_back(Note::Message(conn));
        } else {
            let message = std::mem::take(&mut self.message);
            self.greeted(conn, Hello::decode(&message), now, out);
            self.message = message;
        }
        true
    }
}
