//! A run so far, as properties see it.

use std::any::{Any, TypeId, type_name};
use std::cell::Cell;
use std::fmt;

use super::{Host, Role};
use crate::lawful::Checked;
use crate::machine::Status;
use crate::time::Instant;

/// What runs on a host, with what properties see of it.
pub(crate) struct Slot<'s> {
    pub(crate) actor: Checked<'s>,
    pub(crate) status: Option<Status>,
    /// When each of its events was told.
    pub(crate) times: Vec<Instant>,
    /// How many events it had told before the last input.
    pub(crate) told_before: usize,
}

/// What a property has read. Hosts are bits, those beyond the 64th by the remainder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    pub(crate) events: u64,
    pub(crate) states: u64,
    /// What was told because of the last input alone. That changes with the next input, too.
    pub(crate) news: u64,
    pub(crate) now: bool,
    pub(crate) inputs: bool,
}

impl Reads {
    pub(crate) const ALL: Self =
        Self { events: u64::MAX, states: u64::MAX, news: u64::MAX, now: true, inputs: true };

    /// The bit of a host.
    pub(crate) const fn bit(host: usize) -> u64 {
        1 << (host % 64)
    }

    /// Adds what else was read.
    pub(crate) const fn add(&mut self, other: Self) {
        self.events |= other.events;
        self.states |= other.states;
        self.news |= other.news;
        self.now |= other.now;
        self.inputs |= other.inputs;
    }

    /// Whether something that was read is among what has changed.
    pub(crate) const fn meets(self, changed: Self) -> bool {
        let has_changed = (self.events & changed.events) | (self.states & changed.states);
        has_changed | (self.news & changed.news) != 0 || self.now || self.inputs
    }
}

/// A run so far. It notes what a property reads, and evaluates the property again only after a change of that.
pub struct Run<'a> {
    pub(crate) slots: &'a [Slot<'a>],
    pub(crate) at: Instant,
    /// Of which net it is.
    pub(crate) net: u32,
    pub(crate) inputs: u64,
    pub(crate) reads: Cell<Reads>,
}

impl<'a> Run<'a> {
    fn slot<R>(&self, host: Host<R>, note: impl FnOnce(&mut Reads, u64)) -> &'a Slot<'a> {
        assert!(self.net == host.net, "this handle is of a host of another net");
        let mut reads = self.reads.get();
        note(&mut reads, Reads::bit(host.id.index()));
        self.reads.set(reads);
        &self.slots[host.id.index()]
    }

    /// All events of a host, over all its restarts.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn events<R: Role>(&self, host: Host<R>) -> &'a [R::Event] {
        let slot = self.slot(host, |reads, bit| reads.events |= bit);
        typed::<R>(slot)
    }

    /// The events of a host because of the last input.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn new_events<R: Role>(&self, host: Host<R>) -> &'a [R::Event] {
        let slot = self.slot(host, |reads, bit| reads.news |= bit);
        &typed::<R>(slot)[slot.told_before..]
    }

    /// The time of each of [`Run::events`].
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn times<R: Role>(&self, host: Host<R>) -> &'a [Instant] {
        &self.slot(host, |reads, bit| reads.events |= bit).times
    }

    /// The machine of a host: none while the host is down, the last one after it was done.
    ///
    /// # Panics
    /// If another machine plays this role and does not [show](crate::Machine::shows) one of the role's type, or if the
    /// host is of another net.
    pub fn state<R: Role>(&self, host: Host<R>) -> Option<&'a R::State> {
        let slot = self.slot(host, |reads, bit| reads.states |= bit);
        state(&slot.actor)
    }

    /// How a host's machine ended, if it did.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn status<R: Role>(&self, host: Host<R>) -> Option<Status> {
        self.slot(host, |reads, bit| reads.states |= bit).status
    }

    /// The current time.
    pub fn now(&self) -> Instant {
        self.reads.set(Reads { now: true, ..self.reads.get() });
        self.at
    }

    /// The number of inputs since the [calm](crate::fault::FaultPlan::calm) began. If there is no calm, or it has not
    /// begun, since the start of the run.
    pub fn inputs(&self) -> u64 {
        self.reads.set(Reads { inputs: true, ..self.reads.get() });
        self.inputs
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run({} hosts, at {})", self.slots.len(), self.at)
    }
}

fn typed<'a, R: Role>(slot: &'a Slot<'_>) -> &'a [R::Event] {
    let events: &dyn Any = slot.actor.events();
    events.downcast_ref::<Vec<R::Event>>().expect("whatever plays a role tells the role's events")
}

/// What is on a host, as the role has it.
pub(super) fn state<'a, S: 'static>(actor: &'a Checked<'_>) -> Option<&'a S> {
    let state = actor.state(TypeId::of::<S>())?;
    Some(state.downcast_ref().unwrap_or_else(|| wrong_state(actor.kind(), type_name::<S>())))
}

#[cold]
fn wrong_state(kind: &str, want: &str) -> ! {
    panic!("{kind} plays a role of {want} and does not show one: implement Machine::shows")
}
