//! What goes out of a machine.

mod effect;
mod slots;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::hash::Hasher;
use std::mem;

pub use effect::{Chunk, Effect, Misuse, Status};

use super::{Conn, Peer, Violation};
use effect::{Lists, Step};
pub(crate) use slots::Lead;
use slots::{Slot, Slots};

/// Where a machine puts what it wants done.
///
/// One concrete type, owned by whoever drives the machine. It keeps everything in one order, and all bytes in one
/// arena that is reused: after the first few messages nothing is allocated any more. Draining cannot be
/// forgotten by the machine, for it is not the machine that drains.
///
/// It also names the streams of its host, and knows how much room each one's send buffer has, so that
/// [`Outbox::write`] can say at once how much fitted.
#[derive(Debug)]
pub struct Outbox<E> {
    /// What is to be done, in order. A step is small: what is large stands in the lists below.
    steps: Vec<Step>,
    arena: Vec<u8>,
    peers: Vec<Peer>,
    events: Vec<E>,
    violations: Vec<Violation>,
    slots: Slots,
    done: bool,
    misuse: Option<Misuse>,
}

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            arena: Vec::new(),
            peers: Vec::new(),
            events: Vec::new(),
            violations: Vec::new(),
            slots: Slots::default(),
            done: false,
            misuse: None,
        }
    }
}

/// What a machine calls.
impl<E> Outbox<E> {
    /// Puts bytes into the arena, for [`Outbox::send_chunk`] and [`Outbox::write_chunk`] to send to many.
    ///
    /// # Panics
    /// When one drain's worth of bytes exceeds 4 GiB.
    pub fn put(&mut self, bytes: &[u8]) -> Chunk {
        let start = self.mark();
        self.arena.extend_from_slice(bytes);
        Chunk { start, end: self.mark() }
    }

    /// Puts formatted text into the arena, without a string in between.
    pub fn put_fmt(&mut self, text: fmt::Arguments<'_>) -> Chunk {
        let start = self.mark();
        // Writing to a vector does not fail, and a Display that does has nothing more to say.
        let _ = Arena(&mut self.arena).write_fmt(text);
        Chunk { start, end: self.mark() }
    }

    /// The end of the arena.
    fn mark(&self) -> u32 {
        u32::try_from(self.arena.len()).expect("an outbox holds less than 4 GiB")
    }

    /// Whether anything may still be put out; if not, that is a misuse.
    fn is_open(&mut self) -> bool {
        if self.done {
            self.misuse.get_or_insert(Misuse::AfterDone);
        }
        !self.done
    }

    fn push(&mut self, step: Step) {
        if self.is_open() {
            self.steps.push(step);
        }
    }

    /// Sends one datagram.
    pub fn send(&mut self, peer: Peer, bytes: &[u8]) {
        let chunk = self.put(bytes);
        self.send_chunk(peer, chunk);
    }

    /// Sends one datagram of formatted text.
    pub fn send_fmt(&mut self, peer: Peer, text: fmt::Arguments<'_>) {
        let chunk = self.put_fmt(text);
        self.send_chunk(peer, chunk);
    }

    /// Sends one datagram of bytes that were [`put`](Outbox::put) before.
    pub fn send_chunk(&mut self, peer: Peer, chunk: Chunk) {
        if self.is_open() {
            self.steps.push(Step::Send(self.peers.len() as u32, chunk));
            self.peers.push(peer);
        }
    }

    /// Opens a stream. `Connected` or `ConnectFailed` will follow, with the name that is given back here.
    pub fn connect(&mut self, peer: Peer) -> Conn {
        let conn = self.slots.claim(Slot::Dialing);
        if self.is_open() {
            self.steps.push(Step::Connect(conn, self.peers.len() as u32));
            self.peers.push(peer);
        }
        conn
    }

    /// Writes to a stream as much as fits into its send buffer, and says how much that was. After a short write
    /// `Writable` comes once there is room. A stream that is not open takes nothing.
    pub fn write(&mut self, conn: Conn, bytes: &[u8]) -> usize {
        let fits_len = self.reserve(conn, bytes.len());
        if fits_len > 0 {
            let chunk = self.put(&bytes[..fits_len]);
            self.push(Step::Write(conn, chunk));
        }
        fits_len
    }

    /// Writes bytes that were [`put`](Outbox::put) before, as [`Outbox::write`] does.
    pub fn write_chunk(&mut self, conn: Conn, chunk: Chunk) -> usize {
        let fits_len = self.reserve(conn, chunk.len());
        if fits_len > 0 {
            self.push(Step::Write(conn, chunk.prefix(fits_len as u32)));
        }
        fits_len
    }

    /// Takes up to `len` bytes of room from a stream's send buffer.
    fn reserve(&mut self, conn: Conn, len: usize) -> usize {
        let Some(Slot::Open { free_len, short }) = self.slots.get_mut(conn) else {
            self.misuse.get_or_insert(Misuse::NotOpen(conn));
            return 0;
        };
        let fits_len = len.min(*free_len as usize);
        *free_len -= fits_len as u32;
        *short |= fits_len < len;
        fits_len
    }

    /// Says that nothing more will be written to a stream; the peer sees its end after what was written.
    pub fn shutdown(&mut self, conn: Conn) {
        match self.slots.get_mut(conn) {
            Some(slot @ Slot::Open { .. }) => {
                *slot = Slot::Shut;
                self.push(Step::Shutdown(conn));
            }
            Some(_) => {}
            None => _ = self.misuse.get_or_insert(Misuse::NotOpen(conn)),
        }
    }

    /// Closes a stream in good order: what was written is flushed, writing is shut down, and what still comes in is
    /// discarded until the peer's end, so that a close never becomes a reset that loses the reply. `Closed`
    /// follows, at the latest when the bounds of [`limits`](super::limits) are reached. A connection that is
    /// over is left alone.
    pub fn close(&mut self, conn: Conn) {
        if let Some(slot) = self.slots.get_mut(conn) {
            *slot = Slot::Shut;
            self.push(Step::Close(conn));
        }
    }

    /// Gives a stream up at once; the peer sees a reset. `Closed` follows, or nothing if it never stood.
    pub fn abort(&mut self, conn: Conn) {
        if let Some(slot) = self.slots.get_mut(conn) {
            *slot = Slot::Shut;
            self.push(Step::Abort(conn));
        }
    }

    /// Stops deliveries from a stream, so that back-pressure reaches the peer.
    pub fn pause(&mut self, conn: Conn) {
        if self.slots.get(conn).is_some() {
            self.push(Step::Pause(conn));
        }
    }

    /// Lets a paused stream deliver again.
    pub fn resume(&mut self, conn: Conn) {
        if self.slots.get(conn).is_some() {
            self.push(Step::Resume(conn));
        }
    }

    /// Makes these bytes the durable state of the host, whole: what a machine finds in
    /// [`Boot::disk`](super::Boot) after a restart. It is kept or lost as one.
    pub fn save(&mut self, bytes: &[u8]) {
        let chunk = self.put(bytes);
        self.push(Step::Save(chunk));
    }

    /// Tells the application something.
    pub fn event(&mut self, event: E) {
        if self.is_open() {
            self.steps.push(Step::Event(self.events.len() as u32));
            self.events.push(event);
        }
    }

    /// Ends the machine. Nothing may be put out after it.
    pub fn done(&mut self, status: Status) {
        self.push(Step::Done(status));
        self.done = true;
    }
}

/// What the one calls who drives the machine.
impl<E> Outbox<E> {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What is to be done, in order, to look at.
    pub fn effects(&self) -> impl ExactSizeIterator<Item = Effect<'_, &E>> + Clone {
        let lists = self.lists();
        self.steps.iter().map(move |step| step.view(lists, |index| &self.events[index]))
    }

    /// Hands out what is to be done, in order, and leaves the outbox empty.
    pub fn drain(&mut self, mut each: impl FnMut(Effect<'_, E>)) {
        let mut events = mem::take(&mut self.events);
        let mut told = events.drain(..);
        let lists = self.lists();
        for step in &self.steps {
            each(step.view(lists, |_| told.next().expect("each step of an event has one")));
        }
        drop(told);
        self.events = events;
        self.clear();
    }

    /// Makes writes to one stream that follow one another one write, where their bytes do so, too.
    #[cfg(feature = "net")]
    pub(crate) fn merge_writes(&mut self) {
        self.steps.dedup_by(|next, kept| match (kept, next) {
            (Step::Write(conn, chunk), Step::Write(to, more)) if to == conn && more.start == chunk.end => {
                chunk.end = more.end;
                true
            }
            _ => false,
        });
    }

    fn lists(&self) -> Lists<'_> {
        Lists { arena: &self.arena, peers: &self.peers, violations: &self.violations }
    }

    /// Forgets what was to be done, and keeps the memory.
    fn clear(&mut self) {
        self.steps.clear();
        self.arena.clear();
        self.peers.clear();
        self.events.clear();
        self.violations.clear();
    }

    /// What was sent where nothing can be sent any more, if anything was, since this was asked last.
    pub fn take_misuse(&mut self) -> Option<Misuse> {
        self.misuse.take()
    }

    /// Names a stream that was accepted, with so many bytes of room in its send buffer.
    pub fn accept(&mut self, free_len: u32) -> Conn {
        self.slots.claim(Slot::Open { free_len, short: false })
    }

    /// Notes that a stream which was asked for stands, with so many bytes of room in its send buffer. False if the
    /// machine has given it up in the meantime.
    pub fn connected(&mut self, conn: Conn, free_len: u32) -> bool {
        match self.slots.get_mut(conn) {
            Some(slot @ Slot::Dialing) => {
                *slot = Slot::Open { free_len, short: false };
                true
            }
            _ => false,
        }
    }

    /// Notes that a stream's send buffer has room for `len` bytes more. True if a write was short, and `Writable`
    /// is therefore due.
    pub fn credit(&mut self, conn: Conn, len: u32) -> bool {
        match self.slots.get_mut(conn) {
            Some(Slot::Open { free_len, short }) => {
                *free_len = free_len.saturating_add(len);
                std::mem::take(short)
            }
            _ => false,
        }
    }

    /// Whether the machine has said that it is done.
    #[cfg(any(feature = "net", feature = "sansio"))]
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether a write to a stream was short, and there has been no room since.
    pub(crate) fn is_short(&self, conn: Conn) -> bool {
        matches!(self.slots.get(conn), Some(Slot::Open { short: true, .. }))
    }

    /// Frees the name of a stream that is over: done just before `Closed` or `ConnectFailed` is handed in.
    pub fn release(&mut self, conn: Conn) {
        self.slots.release(conn);
    }

    /// Forgets everything, streams included, and keeps the memory: for the next machine.
    pub fn reset(&mut self) {
        self.clear();
        self.slots.clear();
        self.done = false;
        self.misuse = None;
    }

    /// Writes what distinguishes the streams from others.
    pub(crate) fn fingerprint(&self, to: &mut dyn Hasher) {
        self.slots.fingerprint(to);
    }

    /// Reports a broken law to whoever drives, even after `done`.
    pub(crate) fn violate(&mut self, violation: Violation) {
        self.steps.push(Step::Violation(self.violations.len() as u32));
        self.violations.push(violation);
    }

    /// How many steps there are: what comes later is at this index and beyond.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Takes over the streams of another outbox, names and room.
    pub(crate) fn mirror_streams<F>(&mut self, other: &Outbox<F>) {
        self.slots.mirror(&other.slots);
    }

    /// Finds the streams that have more room here than in the outbox of a machine which is further on.
    pub(crate) fn leads_over<F>(&self, other: &Outbox<F>, leads: &mut Vec<Lead>) {
        leads.clear();
        leads.extend(self.slots.leads_over(&other.slots));
    }

    /// Gives a stream the room back that it had more.
    pub(crate) fn give_lead(&mut self, lead: Lead) {
        self.slots.give_lead(lead);
    }
}

/// Lets text be formatted straight into the arena.
struct Arena<'a>(&'a mut Vec<u8>);

impl fmt::Write for Arena<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
