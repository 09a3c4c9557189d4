//! What drives a machine's outbox.

use std::hash::Hasher;

use super::effect::{Effect, Misuse, Step};
use super::slots::{Lead, Slot};
use super::{Effects, Outbox, Sockets};
use crate::machine::{Conn, Input, Machine, Peer, Violation};
use crate::time::Instant;

/// The other side of an [`Outbox`]: it belongs to whoever drives a machine, lends the outbox to the machine, and takes
/// out what is to be done.
///
/// Worlds do this by themselves. A test that hands single inputs to a machine has one, and so has a machine around
/// another one whose output it changes.
///
/// ```
/// use lossproof::machine::{Effect, Outlet};
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
/// outlet.feed(&mut Echo, Input::Datagram { peer, local, bytes: b"hello" }, Instant::START);
/// outlet.drain(|effect| assert_eq!(effect, Effect::Send { local, peer, bytes: b"hello" }));
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
    /// An outlet of a host whose sockets nobody knows: any datagram can be sent.
    pub const fn new() -> Self {
        Self(Outbox::new())
    }

    /// Says which datagram sockets the host has, by their local addresses, the first first. From now on a datagram that
    /// none of them can send is a misuse.
    pub fn open(&mut self, sockets: &[Peer]) {
        self.0.effects.open(sockets);
    }

    /// Hands one input to a machine. A timeout that is not due is not handed in.
    pub fn feed<M>(&mut self, machine: &mut M, input: Input<'_, M::Command>, now: Instant)
    where
        M: Machine<Event = E> + ?Sized,
    {
        self.0.effects.begin(way(&input));
        self.0.pass_on(machine, input, now);
    }

    /// The outbox, for what is put out of it by somebody else than a machine: a part that is used alone.
    pub const fn outbox(&mut self) -> &mut Outbox<E> {
        &mut self.0
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.effects.steps.is_empty()
    }

    /// Whether the machine has said that it is done.
    pub const fn is_done(&self) -> bool {
        self.0.effects.done
    }

    /// What is to be done, in order, to look at.
    pub fn effects(&self) -> impl ExactSizeIterator<Item = Effect<'_, &E>> + Clone {
        let Outbox { effects, events } = &self.0;
        let lists = effects.lists();
        effects.steps.iter().map(move |step| step.view(lists, |index| &events[index as usize]))
    }

    /// Hands out what is to be done, in order, and leaves the outbox empty.
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

    /// What was put out that cannot be done, if anything was, since this was asked last.
    pub fn take_misuse(&mut self) -> Option<Misuse> {
        self.0.effects.misuse.take()
    }

    /// Names a stream that was accepted, with so many bytes of room in its send buffer.
    pub fn accept(&mut self, free_len: u32) -> Conn {
        self.0.effects.accept(free_len)
    }

    /// Notes that a stream which was asked for stands, with so many bytes of room in its send buffer. False if the
    /// machine has given it up in the meantime.
    pub fn connected(&mut self, conn: Conn, free_len: u32) -> bool {
        self.0.effects.connected(conn, free_len)
    }

    /// Notes that a stream's send buffer has room for `len` bytes more. True if a write was short, and `Writable`
    /// is therefore due.
    pub fn credit(&mut self, conn: Conn, len: u32) -> bool {
        self.0.effects.credit(conn, len)
    }

    /// Frees the name of a stream that is over: done just before `Closed` or `ConnectFailed` is handed in.
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

    /// Does what [`Outlet::feed`] does, with an input whose commands are of another type. It is made what the machine takes
    /// only where it is handed in: each move of an input would be a copy of it.
    #[inline]
    pub(crate) fn feed_with<'a, M, C: ?Sized>(
        &mut self,
        machine: &mut M,
        input: &Input<'a, C>,
        typed: impl FnOnce(&Input<'a, C>) -> Input<'a, M::Command>,
        now: Instant,
    ) where
        M: Machine<Event = E>,
    {
        self.0.effects.begin(way(input));
        if !matches!(input, Input::Timeout) || machine.deadline().is_some_and(|due_at| due_at <= now) {
            machine.handle(typed(input), now, &mut self.0);
        }
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
        self.is_answering = false;
        self.done = false;
        self.misuse = None;
    }
}

/// What the worlds of this crate call, which know nothing of events' types.
#[cfg(any(feature = "sim", feature = "net"))]
impl Effects {
    /// What is to be done from step `mark` on, each event by its index among all that were told.
    pub(crate) fn from(&self, mark: usize) -> impl ExactSizeIterator<Item = Effect<'_, u32>> + Clone {
        let lists = self.lists();
        self.steps[mark..].iter().map(move |step| step.view(lists, |index| index))
    }

    /// What is to be done at one step.
    #[inline]
    pub(crate) fn at(&self, step: usize) -> Effect<'_, u32> {
        self.steps[step].view(self.lists(), |index| index)
    }

    /// The datagram that is to be sent at one step, if there is one: from where, to whom, and its payload. Nothing is copied:
    /// addresses are large, and most of what is done is this.
    #[inline]
    pub(crate) fn datagram(&self, step: usize) -> Option<([&Peer; 2], &[u8])> {
        match self.steps[step] {
            Step::Send(way, chunk) => {
                let way = way as usize;
                Some(([&self.ways[way], &self.ways[way + 1]], &self.arena[chunk.range()]))
            }
            _ => None,
        }
    }

    /// What becomes of streams, and the end: what of all that is to be done changes what may be handed in.
    pub(crate) fn turns_from(&self, mark: usize) -> impl Iterator<Item = Effect<'_, u32>> {
        let lists = self.lists();
        let turns = self.steps[mark..].iter().filter(|step| {
            matches!(step, Step::Pause(_) | Step::Resume(_) | Step::Close(_) | Step::Abort(_) | Step::Done(_))
        });
        turns.map(move |step| step.view(lists, |index| index))
    }

    /// How many datagrams, writes and connects are to be done from step `mark` on, and how many bytes they have.
    pub(crate) fn weight_from(&self, mark: usize) -> (usize, usize) {
        self.steps[mark..].iter().fold((0, 0), |(messages, bytes_len), step| match step {
            Step::Send(_, chunk) | Step::Write(_, chunk) => (messages + 1, bytes_len + chunk.len()),
            Step::Connect(..) => (messages + 1, bytes_len),
            _ => (messages, bytes_len),
        })
    }

    /// Whether all that is to be done is the same to the byte, in the same steps; `same` compares events by their places.
    /// If not, it may still come to the same.
    pub(crate) fn is_copy_of(&self, other: &Self, same: impl Fn(u32, u32) -> bool) -> bool {
        let is_same = |(ours, theirs): (&Step, &Step)| match (ours, theirs) {
            (Step::Event(ours), Step::Event(theirs)) => same(*ours, *theirs),
            (ours, theirs) => ours == theirs,
        };
        self.steps.len() == other.steps.len()
            && self.arena == other.arena
            && self.ways == other.ways
            && self.violations.is_empty()
            && self.steps.iter().zip(&other.steps).all(is_same)
    }

    /// Whether a law was broken.
    #[cfg(feature = "sim")]
    pub(crate) const fn has_violation(&self) -> bool {
        !self.violations.is_empty()
    }

    /// How many datagrams are to be sent, and streams written to.
    #[cfg(feature = "sim")]
    pub(crate) fn sends(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Send(..) | Step::Write(..))).count()
    }

    /// How many steps there are: what comes later is at this index and beyond.
    pub(crate) const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Forgets what is to be done from step `mark` on.
    #[cfg(feature = "sim")]
    pub(crate) fn truncate(&mut self, mark: usize) {
        self.steps.truncate(mark);
    }

    pub(crate) const fn take_misuse(&mut self) -> Option<Misuse> {
        self.misuse.take()
    }

    /// Whether the machine has said that it is done.
    #[cfg(feature = "net")]
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether a write to a stream was short, and there has been no room since.
    pub(crate) fn is_short(&self, conn: Conn) -> bool {
        matches!(self.slots.get(conn), Some(Slot::Open { short: true, .. }))
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

    /// Takes over the streams of another outbox, names and room.
    pub(crate) fn mirror_streams(&mut self, other: &mut Self) {
        self.slots.mirror(&mut other.slots);
    }

    /// Finds the streams that have more room here than in the outbox of a machine which is further on.
    pub(crate) fn leads_over(&self, other: &Self, leads: &mut Vec<Lead>) {
        leads.clear();
        leads.extend(self.slots.leads_over(&other.slots));
    }

    /// Gives a stream the room back that it had more.
    pub(crate) fn give_lead(&mut self, lead: Lead) {
        self.slots.give_lead(lead);
    }

    /// The datagrams from step `mark` on, up to the next save: from where, to whom, and the payload.
    #[cfg(feature = "net")]
    pub(crate) fn sends(&self, mark: usize) -> impl Iterator<Item = (Peer, Peer, &[u8])> + Clone {
        let steps = self.steps[mark..].iter().take_while(|step| !matches!(step, Step::Save(_)));
        steps.filter_map(|step| match step {
            Step::Send(way, chunk) => {
                let (local, peer) = self.ways[*way as usize];
                Some((local, peer, &self.arena[chunk.range()]))
            }
            _ => None,
        })
    }

    /// Hands out what is to be done from step `mark` on, up to the next save; gives that, and the step after it.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn until_save<'e>(
        &'e self,
        mark: usize,
        mut each: impl FnMut(Effect<'e, u32>),
    ) -> Option<(&'e [u8], usize)> {
        let lists = self.lists();
        for (index, step) in (mark + 1..).zip(&self.steps[mark..]) {
            match step {
                Step::Save(chunk) => return Some((&self.arena[chunk.range()], index)),
                step => each(step.view(lists, |event| event)),
            }
        }
        None
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
}
