//! What drives a machine's outbox.

use super::effect::{Effect, Misuse};
use super::slots::Slot;
use super::sockets::Sockets;
use super::{Effects, Outbox, is_due};
use crate::machine::{Conn, Ecn, Input, Machine, Peer};
use crate::time::Instant;

/// The driver's half of an [`Outbox`]: it lends the outbox to the machine, and takes the effects out of it.
///
/// The engine and the drivers have one for each machine. A test that passes single inputs to a machine has one, and so
/// has a machine that changes the output of an inner machine.
///
/// ```
/// use lossproof::machine::{Ecn, Effect, Outlet};
/// use lossproof::{Input, Instant, Machine, Outbox, Peer};
///
/// struct Echo;
/// impl Machine for Echo {
///     type Command = ();
///     type Event = ();
///     fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
///         if let Input::Datagram { bytes, .. } = input {
///             out.reply(bytes);
///         }
///     }
/// }
///
/// let (peer, local): (Peer, Peer) = ("127.0.0.1:5000".parse()?, "127.0.0.1:7".parse()?);
/// let mut outlet = Outlet::new();
/// let ecn = Ecn::default();
/// outlet.feed(&mut Echo, Input::Datagram { peer, local, bytes: b"hello", ecn }, Instant::START);
/// outlet.drain(|effect| assert_eq!(effect, Effect::Send { local, peer, bytes: b"hello", ecn }));
/// # Ok::<(), lossproof::machine::PeerError>(())
/// ```
#[derive(Debug)]
pub struct Outlet<E>(Outbox<E>);

impl<E> Default for Outlet<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Outlet<E> {
    /// Creates an outlet of a host whose sockets are unknown: it can send any datagram.
    pub const fn new() -> Self {
        Self(Outbox::new())
    }

    /// Sets the local addresses of the host's datagram sockets, in their order. From now on, a datagram that none of
    /// them can send is a misuse.
    pub fn open(&mut self, sockets: &[Peer]) {
        self.0.effects.open(sockets);
    }

    /// Passes one input to a machine. A timeout that is not due is not passed in.
    pub fn feed<M>(&mut self, machine: &mut M, input: Input<'_, M::Command>, now: Instant)
    where
        M: Machine<Event = E> + ?Sized,
    {
        self.feed_with(machine, &input, |input| *input, now);
    }

    /// The same with an input whose commands are of another type. It is made what the machine takes only where it is handed
    /// in: each move of an input would be a copy of it.
    #[inline]
    pub(crate) fn feed_with<'a, M, C: ?Sized>(
        &mut self,
        machine: &mut M,
        input: &Input<'a, C>,
        typed: impl FnOnce(&Input<'a, C>) -> Input<'a, M::Command>,
        now: Instant,
    ) where
        M: Machine<Event = E> + ?Sized,
    {
        self.0.effects.begin(way(input));
        if is_due(machine, input, now) {
            machine.handle(typed(input), now, &mut self.0);
        }
    }

    /// The outbox, for a part that is used without a machine.
    pub const fn outbox(&mut self) -> &mut Outbox<E> {
        &mut self.0
    }

    /// Whether there are no effects.
    pub fn is_empty(&self) -> bool {
        self.0.effects.steps.is_empty()
    }

    /// Whether the machine has said that it is done.
    pub const fn is_done(&self) -> bool {
        self.0.effects.done
    }

    /// The effects, in order, to look at.
    pub fn effects(&self) -> impl ExactSizeIterator<Item = Effect<'_, &E>> + Clone {
        let Outbox { effects, events } = &self.0;
        let lists = effects.lists();
        effects.steps.iter().map(move |step| step.view(lists, |index| &events[index as usize]))
    }

    /// Hands out the effects, in order, and leaves the outbox empty.
    #[expect(
        clippy::missing_panics_doc,
        reason = "an event comes with its step, and so there is one for each"
    )]
    pub fn drain(&mut self, mut each: impl FnMut(Effect<'_, E>)) {
        let Outbox { effects, events } = &mut self.0;
        let mut told = events.drain(..);
        let lists = effects.lists();
        for step in &effects.steps {
            each(step.view(lists, |_| told.next().expect("each step of an event has one")));
        }
        drop(told);
        effects.clear();
    }

    /// Returns and clears the first invalid output (law 9) since the last call.
    pub fn take_misuse(&mut self) -> Option<Misuse> {
        self.0.effects.misuse.take()
    }

    /// Gives a handle to an accepted stream with this many bytes of room in its send buffer.
    pub fn accept(&mut self, free_len: u32) -> Conn {
        self.0.effects.accept(free_len)
    }

    /// Notes that an outgoing connection is established, with this many bytes of room in its send buffer. Returns
    /// `false` if the machine has abandoned it in the meantime.
    pub fn connected(&mut self, conn: Conn, free_len: u32) -> bool {
        self.0.effects.connected(conn, free_len)
    }

    /// Notes that a stream's send buffer has room for `len` bytes more. True if a write was short, and `Writable`
    /// is therefore due.
    pub fn credit(&mut self, conn: Conn, len: u32) -> bool {
        self.0.effects.credit(conn, len)
    }

    /// Frees the handle of a stream that is over. Call it just before you pass in `Closed` or `ConnectFailed`.
    pub fn release(&mut self, conn: Conn) {
        self.0.effects.release(conn);
    }

    /// Forgets everything but the sockets, and keeps the memory: for the next machine.
    pub fn reset(&mut self) {
        self.0.events.clear();
        self.0.effects.reset();
    }
}

#[cfg(any(feature = "sim", feature = "net"))]
impl<E> Outbox<E> {
    /// All that is not typed, and what was told.
    pub(crate) const fn parts(&mut self) -> (&mut Effects, &Vec<E>) {
        (&mut self.effects, &self.events)
    }
}

/// What the worlds of this crate call.
#[cfg(any(feature = "sim", feature = "net"))]
impl<E> Outlet<E> {
    /// All that is not typed, and everything that was told since this list was emptied last.
    pub(crate) const fn parts(&mut self) -> (&mut Effects, &Vec<E>) {
        self.0.parts()
    }

    /// All that is not typed, to look at.
    pub(crate) const fn peek(&self) -> &Effects {
        &self.0.effects
    }

    pub(crate) const fn told(&self) -> &Vec<E> {
        &self.0.events
    }

    /// What was told, to be emptied when no step of an event is left.
    pub(crate) const fn told_mut(&mut self) -> &mut Vec<E> {
        &mut self.0.events
    }

    /// Forgets everything but what was told.
    pub(crate) fn reset_streams(&mut self) {
        self.0.effects.reset();
    }
}

/// Where a datagram came to, and from where.
#[inline]
fn way<'i, C: ?Sized>(input: &'i Input<'_, C>) -> Option<[&'i Peer; 2]> {
    match input {
        Input::Datagram { peer, local, .. } => Some([local, peer]),
        _ => None,
    }
}

/// What every driver does, whether it knows the events' type or not.
impl Effects {
    pub(crate) fn open(&mut self, sockets: &[Peer]) {
        match &mut self.sockets {
            Sockets::Known(known) => {
                known.clear();
                known.extend_from_slice(sockets);
            }
            unknown @ Sockets::Unknown => *unknown = Sockets::Known(sockets.to_vec()),
        }
    }

    /// Notes what is handled now: a datagram to the first of these addresses from the second, or something else. Not
    /// generic, so that it is optimised if this crate is.
    fn begin(&mut self, way: Option<[&Peer; 2]>) {
        self.is_answering = way.is_some();
        self.ecn = Ecn::NotEct;
        if let Some([local, peer]) = way {
            self.answers[0] = *local;
            self.answers[1] = *peer;
        }
    }

    /// Forgets what was to be done, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.steps.clear();
        self.arena.clear();
        self.ways.clear();
        self.violations.clear();
        #[cfg(feature = "tasks")]
        self.tasks.clear();
    }

    pub(crate) fn accept(&mut self, free_len: u32) -> Conn {
        self.slots.claim(Slot::Open { free_len, short: false })
    }

    pub(crate) fn connected(&mut self, conn: Conn, free_len: u32) -> bool {
        match self.slots.get_mut(conn) {
            Some(slot @ Slot::Dialing { shut: false }) => {
                *slot = Slot::Open { free_len, short: false };
                true
            }
            Some(slot @ Slot::Dialing { shut: true }) => {
                *slot = Slot::Shut;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn credit(&mut self, conn: Conn, len: u32) -> bool {
        match self.slots.get_mut(conn) {
            Some(Slot::Open { free_len, short }) => {
                *free_len = free_len.saturating_add(len);
                std::mem::take(short)
            }
            _ => false,
        }
    }

    pub(crate) fn release(&mut self, conn: Conn) {
        self.slots.release(conn);
    }

    pub(crate) fn reset(&mut self) {
        self.clear();
        self.slots.clear();
        self.groups.clear();
        self.is_answering = false;
        self.ecn = Ecn::NotEct;
        self.done = false;
        self.misuse = None;
    }
}
