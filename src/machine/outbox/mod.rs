//! The outputs of a machine.

mod arena;
mod effect;
mod outlet;
mod slots;
mod sockets;
#[cfg(feature = "tasks")]
mod tasks;
#[cfg(all(test, feature = "sim"))]
mod tests;
#[cfg(any(feature = "sim", feature = "net"))]
mod worlds;

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};

pub use effect::{Chunk, Effect, Misuse, Status};
pub use outlet::Outlet;
#[cfg(any(feature = "sim", feature = "net"))]
pub(crate) use worlds::Marked;

use super::{Conn, Ecn, Input, Machine, Peer, Violation, limits};
use crate::time::Instant;
use arena::Arena;
use effect::{Lists, Step};
pub(crate) use slots::Lead;
use slots::{Slot, Slots};
use sockets::Sockets;
#[cfg(feature = "tasks")]
use tasks::OfTasks;
#[cfg(feature = "tasks")]
pub(crate) use tasks::{Bound, BoundDatagrams};

/// The list of effects that a machine wants, in order. All bytes are in one buffer that is reused, so nothing is
/// allocated after the first few messages.
///
/// An [`Outlet`], which belongs to the driver, lends it to [`Machine::handle`](super::Machine::handle). So a machine
/// cannot forget to drain it, and cannot do what only a driver may do.
///
/// Everything that does not depend on the type of events is in [`Effects`]. An outbox derefs to it, so helpers that
/// report no events take `&mut Effects`.
#[derive(Debug)]
pub struct Outbox<E> {
    effects: Effects,
    /// What was told: it stays here until a driver takes it.
    events: Vec<E>,
}

impl<E> Outbox<E> {
    const fn new() -> Self {
        Self { effects: Effects::new(), events: Vec::new() }
    }

    /// Passes an input on to a machine inside this one, which uses the same outbox. A timeout that is not due for the
    /// inner machine is not passed on.
    #[inline]
    pub fn pass_on<M>(&mut self, machine: &mut M, input: Input<'_, M::Command>, now: Instant)
    where
        M: Machine<Event = E> + ?Sized,
    {
        if is_due(machine, &input, now) {
            machine.handle(input, now, self);
        }
    }

    /// Reports an event to the application.
    #[inline]
    pub fn event(&mut self, event: E) {
        if self.effects.is_open() {
            self.effects.steps.push(Step::Event(self.events.len() as u32));
            self.events.push(event);
        }
    }
}

impl<E> Deref for Outbox<E> {
    type Target = Effects;

    #[inline]
    fn deref(&self) -> &Effects {
        &self.effects
    }
}

impl<E> DerefMut for Outbox<E> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

/// All of an [`Outbox`] but the events. What a machine calls is not inlined into it: where the machine is not optimised,
/// as in tests, this is all the same.
///
/// It names the streams of its host, and knows how much room each one's send buffer has, so that [`Effects::write`] can
/// say at once how much fitted. It knows the host's datagram sockets, so that a datagram which no socket can send is
/// refused at once, in simulation and on real sockets.
#[derive(Debug)]
pub struct Effects {
    /// What is to be done, in order. A step is small: what is large stands in the lists below.
    steps: Vec<Step>,
    arena: Vec<u8>,
    ways: Vec<Peer>,
    violations: Vec<Violation>,
    slots: Slots,
    sockets: Sockets,
    /// The multicast groups that it is in, in order.
    groups: Vec<IpAddr>,
    /// A datagram is being handled: it came to the first of these addresses, from the second.
    is_answering: bool,
    answers: [Peer; 2],
    /// The field of the datagrams that are put out now.
    ecn: Ecn,
    done: bool,
    misuse: Option<Misuse>,
    #[cfg(feature = "tasks")]
    tasks: OfTasks,
}

impl Effects {
    pub(crate) const fn new() -> Self {
        Self {
            steps: Vec::new(),
            arena: Vec::new(),
            ways: Vec::new(),
            violations: Vec::new(),
            slots: Slots::new(),
            sockets: Sockets::Unknown,
            groups: Vec::new(),
            is_answering: false,
            answers: [NOBODY; 2],
            ecn: Ecn::NotEct,
            done: false,
            misuse: None,
            #[cfg(feature = "tasks")]
            tasks: OfTasks::new(),
        }
    }

    /// Puts bytes into the arena, for [`Effects::send_chunk`] and [`Effects::write_chunk`] to send to many.
    ///
    /// # Panics
    /// When one drain's worth of bytes exceeds 4 GiB.
    #[must_use = "the bytes go nowhere by themselves"]
    pub fn put(&mut self, bytes: &[u8]) -> Chunk {
        let start = self.mark();
        self.arena.extend_from_slice(bytes);
        Chunk { start, end: self.mark() }
    }

    /// Puts formatted text into the arena, without a string in between.
    #[must_use = "the text goes nowhere by itself"]
    pub fn put_fmt(&mut self, text: fmt::Arguments<'_>) -> Chunk {
        let start = self.mark();
        // Writing to a vector does not fail, and a Display that does has nothing more to say.
        let _ = Arena(&mut self.arena).write_fmt(text);
        Chunk { start, end: self.mark() }
    }

    /// The end of the arena.
    #[inline]
    fn mark(&self) -> u32 {
        u32::try_from(self.arena.len()).expect("an outbox holds less than 4 GiB")
    }

    pub(crate) fn misuse(&mut self, misuse: Misuse) {
        self.misuse.get_or_insert(misuse);
    }

    /// Whether anything may still be put out; if not, that is a misuse.
    #[inline]
    fn is_open(&mut self) -> bool {
        if self.done {
            self.misuse(Misuse::AfterDone);
        }
        !self.done
    }

    #[inline]
    fn push(&mut self, step: Step) {
        if self.is_open() {
            self.steps.push(step);
        }
    }

    /// Sets the ECN field of the datagrams that are put out from now on, until the current input is handled: at the next
    /// one it is [`Ecn::NotEct`] again, so an outbox has no state that a machine would have to know of.
    pub const fn set_ecn(&mut self, ecn: Ecn) {
        self.ecn = ecn;
    }

    /// Sends one datagram, from the host's first datagram socket of the peer's family.
    pub fn send(&mut self, peer: Peer, bytes: &[u8]) {
        let chunk = self.put(bytes);
        self.send_chunk(peer, chunk);
    }

    /// Sends one datagram of formatted text.
    pub fn send_fmt(&mut self, peer: Peer, text: fmt::Arguments<'_>) {
        let chunk = self.put_fmt(text);
        self.send_chunk(peer, chunk);
    }

    /// Sends one datagram of bytes that were [`put`](Effects::put) before.
    pub fn send_chunk(&mut self, peer: Peer, chunk: Chunk) {
        let local = match &self.sockets {
            Sockets::Unknown => peer.unspecified(),
            Sockets::Known(sockets) => match sockets.iter().find(|local| local.is_like(&peer)) {
                Some(local) => *local,
                None => return self.misuse(Misuse::NoSocket(peer)),
            },
        };
        self.push_send(local, peer, chunk);
    }

    /// Sends one datagram from this one of the host's own addresses.
    pub fn send_from(&mut self, local: Peer, peer: Peer, bytes: &[u8]) {
        let chunk = self.put(bytes);
        self.send_chunk_from(local, peer, chunk);
    }

    /// Sends one datagram of bytes that were [`put`](Effects::put) before, from this one of the host's own addresses.
    pub fn send_chunk_from(&mut self, local: Peer, peer: Peer, chunk: Chunk) {
        let is_ours = match &self.sockets {
            Sockets::Unknown => true,
            Sockets::Known(sockets) => sockets.iter().any(|socket| socket.covers(&local)),
        };
        if is_ours && local.is_like(&peer) {
            self.push_send(local, peer, chunk);
        } else {
            self.misuse(Misuse::NotLocal(local));
        }
    }

    /// Answers the current datagram, from the address at which it arrived.
    pub fn reply(&mut self, bytes: &[u8]) {
        let chunk = self.put(bytes);
        self.reply_chunk(chunk);
    }

    /// Answers the current datagram with formatted text.
    pub fn reply_fmt(&mut self, text: fmt::Arguments<'_>) {
        let chunk = self.put_fmt(text);
        self.reply_chunk(chunk);
    }

    /// Answers the current datagram with bytes that were [`put`](Effects::put) before.
    pub fn reply_chunk(&mut self, chunk: Chunk) {
        if self.is_answering {
            let [local, peer] = self.answers;
            self.push_send(local, peer, chunk);
        } else {
            self.misuse(Misuse::NothingToAnswer);
        }
    }

    #[inline]
    fn push_send(&mut self, local: Peer, peer: Peer, chunk: Chunk) {
        if chunk.len() > limits::max_datagram_len(&peer) {
            self.misuse(Misuse::TooLong(chunk.len()));
        } else if self.is_open() {
            self.steps.push(Step::Send(self.ways.len() as u32, chunk, self.ecn));
            // One after the other: together they would be put together elsewhere first.
            self.ways.push(local);
            self.ways.push(peer);
        }
    }

    /// Opens a stream. `Connected` or `ConnectFailed` follows, with the handle returned here.
    pub fn connect(&mut self, peer: Peer) -> Conn {
        let conn = self.slots.claim(Slot::Dialing { shut: false });
        if self.is_open() {
            self.steps.push(Step::Connect(conn, self.ways.len() as u32));
            self.ways.push(peer);
        }
        conn
    }

    /// Writes as much as fits into the send buffer of a stream, and returns how many bytes that was. After a short
    /// write, `Writable` arrives when there is room. A stream that is not open takes nothing.
    #[must_use = "a write may be short: what did not fit is the machine's to keep"]
    pub fn write(&mut self, conn: Conn, bytes: &[u8]) -> usize {
        let fits_len = self.reserve(conn, bytes.len());
        if fits_len > 0 {
            let chunk = self.put(&bytes[..fits_len]);
            self.push(Step::Write(conn, chunk));
        }
        fits_len
    }

    /// Writes bytes that were [`put`](Effects::put) before, as [`Effects::write`] does.
    #[must_use = "a write may be short: what did not fit is the machine's to keep"]
    pub fn write_chunk(&mut self, conn: Conn, chunk: Chunk) -> usize {
        let fits_len = self.reserve(conn, chunk.len());
        if fits_len > 0 {
            self.push(Step::Write(conn, chunk.prefix(fits_len as u32)));
        }
        fits_len
    }

    /// Takes up to `len` bytes of room from a stream's send buffer.
    #[inline]
    fn reserve(&mut self, conn: Conn, len: usize) -> usize {
        let Some(Slot::Open { free_len, short }) = self.slots.get_mut(conn) else {
            self.misuse(Misuse::NotOpen(conn));
            return 0;
        };
        let fits_len = len.min(*free_len as usize);
        *free_len -= fits_len as u32;
        *short |= fits_len < len;
        fits_len
    }

    /// Ends this direction of a stream: the peer receives `Eof` after the bytes already written. For a connection that
    /// is not established yet, this happens as soon as it is.
    pub fn shutdown(&mut self, conn: Conn) {
        match self.slots.get_mut(conn) {
            Some(slot @ Slot::Open { .. }) => *slot = Slot::Shut,
            Some(Slot::Dialing { shut }) if !*shut => *shut = true,
            Some(_) => return,
            None => return self.misuse(Misuse::NotOpen(conn)),
        }
        self.push(Step::Shutdown(conn));
    }

    /// Closes a connection cleanly: it sends what was written, ends this direction, and discards what still arrives
    /// until the peer closes its side. So a close never becomes a reset that loses the reply. `Closed` follows, at the
    /// latest when one of the [`limits`] is reached. A connection that is not established yet is abandoned, and nothing
    /// follows. On a connection that is over, this does nothing.
    pub fn close(&mut self, conn: Conn) {
        if let Some(slot) = self.slots.get_mut(conn) {
            *slot = Slot::Shut;
            self.push(Step::Close(conn));
        }
    }

    /// Resets a connection at once. `Closed` follows if it was established; otherwise nothing follows.
    pub fn abort(&mut self, conn: Conn) {
        if let Some(slot) = self.slots.get_mut(conn) {
            *slot = Slot::Shut;
            self.push(Step::Abort(conn));
        }
    }

    /// Stops reading from a stream, so that a fast sender has to wait.
    pub fn pause(&mut self, conn: Conn) {
        if self.slots.get(conn).is_some() {
            self.push(Step::Pause(conn));
        }
    }

    /// Reads from a paused stream again.
    pub fn resume(&mut self, conn: Conn) {
        if self.slots.get(conn).is_some() {
            self.push(Step::Resume(conn));
        }
    }

    /// Replaces the durable state of the host with these bytes, atomically. A machine finds them in `Boot::disk` after
    /// a restart.
    pub fn save(&mut self, bytes: &[u8]) {
        let chunk = self.put(bytes);
        self.push(Step::Save(chunk));
    }

    /// Ends the machine. It must not emit anything after this.
    pub fn done(&mut self, status: Status) {
        self.push(Step::Done(status));
        self.groups.clear();
        self.done = true;
    }

    #[inline]
    fn lists(&self) -> Lists<'_> {
        Lists { arena: &self.arena, ways: &self.ways, violations: &self.violations }
    }
}

/// Whether a machine is to have an input: anything but a timeout that is not due.
#[inline]
fn is_due<M: Machine + ?Sized, C: ?Sized>(machine: &M, input: &Input<'_, C>, now: Instant) -> bool {
    !matches!(input, Input::Timeout) || machine.deadline().is_some_and(|due_at| due_at <= now)
}

/// What stands where no address is meant.
const NOBODY: Peer = Peer::V4 { ip: std::net::Ipv4Addr::UNSPECIFIED, port: 0 };
