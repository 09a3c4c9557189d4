//! The edge between what is typed and what is not: all that is generic over a machine is here.
//!
//! A host's machine is kept as an [`Actor`]. Everything behind it (engine, search, laws, transcripts, drivers) is
//! compiled once, whatever machines there are.

use std::any::{Any, TypeId, type_name};
use std::fmt::{self, Debug};
use std::hash::Hasher;

use crate::host::Boot;
use crate::machine::{BoxedMachine, Effects, Input, Machine, Outlet};
use crate::time::Instant;

/// A command of any type that a scenario can hold. Every type is one that is `'static`, `Debug`, `Send` and `Sync`.
pub trait AnyCommand: Any + Debug + Send + Sync {}

impl<T: Any + Debug + Send + Sync> AnyCommand for T {}

impl<'a, C: ?Sized> Input<'a, C> {
    /// The same with another command in place of the one that it may have.
    #[inline]
    fn map_command<D: ?Sized>(&self, map: impl FnOnce(&'a C) -> &'a D) -> Input<'a, D> {
        match *self {
            Self::Command(command) => Input::Command(map(command)),
            Self::Start { local } => Input::Start { local },
            Self::Timeout => Input::Timeout,
            Self::Stop => Input::Stop,
            Self::Datagram { peer, local, bytes, ecn } => Input::Datagram { peer, local, bytes, ecn },
            Self::Unreachable { peer, local } => Input::Unreachable { peer, local },
            Self::Connected { conn, peer, local } => Input::Connected { conn, peer, local },
            Self::ConnectFailed { conn, peer, reason } => Input::ConnectFailed { conn, peer, reason },
            Self::Received { conn, bytes } => Input::Received { conn, bytes },
            Self::Eof { conn } => Input::Eof { conn },
            Self::Writable { conn } => Input::Writable { conn },
            Self::Closed { conn, reason } => Input::Closed { conn, reason },
        }
    }
}

impl<'a> Input<'a, dyn AnyCommand> {
    /// The same for a machine whose commands are known.
    #[inline]
    fn typed<C: 'static>(&self) -> Input<'a, C> {
        self.map_command(|any| (any as &dyn Any).downcast_ref().unwrap_or_else(|| wrong_command(any)))
    }
}

impl<'a, C: AnyCommand> Input<'a, C> {
    /// The same for a machine whose commands are not known.
    pub(crate) fn erased(&self) -> Input<'a, dyn AnyCommand> {
        self.map_command::<dyn AnyCommand>(|command| command)
    }
}

#[cold]
fn wrong_command(any: &dyn AnyCommand) -> ! {
    panic!("{any:?} is a command of another host's type")
}

/// A list of events of one type.
pub(crate) trait Events: Any {
    /// How many there are.
    #[cfg(feature = "net")]
    fn len(&self) -> usize;
    /// Writes one as `Debug` has it.
    fn show(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    /// Whether one here is the same as one there.
    fn same(&self, index: usize, other: &dyn Events, at: usize) -> bool;
}

impl<E: PartialEq + Debug + 'static> Events for Vec<E> {
    #[cfg(feature = "net")]
    fn len(&self) -> usize {
        self.len()
    }

    fn show(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[index].fmt(f)
    }

    fn same(&self, index: usize, other: &dyn Events, at: usize) -> bool {
        (other as &dyn Any).downcast_ref::<Self>().is_some_and(|other| self[index] == other[at])
    }
}

/// An event by its place, to be written.
pub(crate) struct Shown<'a>(pub(crate) &'a dyn Events, pub(crate) u32);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(self.1 as usize, f)
    }
}

/// What one input has caused.
pub(crate) struct Turn<'a> {
    /// What the machine asks for. Whoever carries it out empties the list.
    pub(crate) effects: &'a mut Effects,
    /// Everything that the host has told.
    pub(crate) events: &'a dyn Events,
    /// The machine's deadline from now on.
    pub(crate) deadline: Option<Instant>,
}

/// What runs on a host. When [`Actor::handle`] returns, the host is idle, and all that it wants done is in the turn.
pub(crate) trait Actor {
    /// Makes a machine, in place of one that may be there. What was told before stays.
    fn boot(&mut self, boot: Boot<'_>);

    /// Drops the machine. What was told before stays.
    fn crash(&mut self);

    /// Forgets the machine and what was told: a new run begins.
    fn forget(&mut self);

    /// Keeps the first `len` events, and forgets those after them.
    fn keep_events(&mut self, len: usize);

    /// Forgets what was told.
    fn forget_events(&mut self);

    /// Hands one input to the machine, if there is one.
    fn handle(&mut self, input: &Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_>;

    /// The outbox, without the events.
    fn effects(&mut self) -> &mut Effects;

    /// The same, to look at.
    fn peek(&self) -> &Effects;

    fn deadline(&self) -> Option<Instant>;

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool;

    fn events(&self) -> &dyn Events;

    /// The machine, or what is in it, if that is of the type that is asked for; else the outermost that there is. None
    /// without a machine.
    fn state(&self, want: TypeId) -> Option<&dyn Any>;

    /// The type of the machine, by its name.
    fn kind(&self) -> &'static str;
}

/// What a host of a scenario runs: it makes an actor for each engine. The actor borrows the factory.
pub(crate) trait Kind: Any + Send + Sync {
    fn spawn(&self) -> Box<dyn Actor + '_>;
}

/// How machines of one type are made. Called for each start and restart, and twice where the laws are checked, so it
/// has no state of its own.
pub(crate) type Factory<M> = Box<dyn Fn(Boot<'_>) -> M + Send + Sync>;

/// Machines of one type.
pub(crate) struct Made<M>(pub(crate) Factory<M>);

impl<M: Machine> Kind for Made<M> {
    fn spawn(&self) -> Box<dyn Actor + '_> {
        Box::new(Edge { make: Some(&*self.0), machine: None, out: Outlet::new() })
    }
}

/// A machine with its outbox.
pub(crate) struct Edge<'s, M: Machine> {
    make: Option<&'s (dyn Fn(Boot<'_>) -> M + Send + Sync)>,
    pub(crate) machine: Option<M>,
    pub(crate) out: Outlet<M::Event>,
}

impl<M: Machine> Edge<'_, M> {
    /// A machine that is there already, and is made only once.
    pub(crate) fn with(machine: M) -> Self {
        Self { make: None, machine: Some(machine), out: Outlet::new() }
    }
}

impl<M: Machine> Actor for Edge<'_, M> {
    fn boot(&mut self, boot: Boot<'_>) {
        if let Some(make) = self.make {
            self.machine = Some(make(boot));
        }
        self.out.reset_streams();
    }

    fn crash(&mut self) {
        self.machine = None;
    }

    fn forget(&mut self) {
        self.machine = None;
        self.out.reset();
    }

    fn keep_events(&mut self, len: usize) {
        self.out.told_mut().truncate(len);
    }

    fn forget_events(&mut self) {
        self.out.told_mut().clear();
    }

    fn handle(&mut self, input: &Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_> {
        let mut deadline = None;
        if let Some(machine) = &mut self.machine {
            self.out.feed_with(machine, input, Input::typed, now);
            deadline = machine.deadline();
        }
        let (effects, events) = self.out.parts();
        Turn { effects, events, deadline }
    }

    fn effects(&mut self) -> &mut Effects {
        self.out.parts().0
    }

    fn peek(&self) -> &Effects {
        self.out.peek()
    }

    fn deadline(&self) -> Option<Instant> {
        self.machine.as_ref().and_then(Machine::deadline)
    }

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        self.machine.as_ref().is_none_or(|machine| machine.fingerprint(now, to))
    }

    fn events(&self) -> &dyn Events {
        self.out.told()
    }

    fn state(&self, want: TypeId) -> Option<&dyn Any> {
        let machine = self.machine.as_ref()?;
        let any: &dyn Any = machine;
        if want == TypeId::of::<M>() {
            return Some(any);
        }
        // Both types are known here, so a box can be looked into.
        let boxed = any.downcast_ref::<BoxedMachine<M::Command, M::Event>>();
        match boxed.map(|boxed| -> &dyn Any { &**boxed }) {
            Some(inner) if inner.type_id() == want => Some(inner),
            _ => machine.shows().or(Some(any)),
        }
    }

    fn kind(&self) -> &'static str {
        type_name::<M>()
    }
}
