//! Properties with a state of their own, which is stepped by what happens.

use std::any::{Any, type_name};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use super::net::Net;
use super::{Answer, Host, Role};
use crate::actor::Events;
use crate::lawful::Checked;
use crate::machine::{Ecn, Peer};
use crate::time::Instant;

/// A datagram that left a host, or tried to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent<'a> {
    /// From which of the host's addresses.
    pub local: Peer,
    /// To whom.
    pub peer: Peer,
    /// The payload, before any fault.
    pub bytes: &'a [u8],
    /// The ECN field of its IP header, before any fault.
    pub ecn: Ecn,
}

/// What a fold comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    /// What was seen.
    Broken(String),
    /// It cannot be told: why.
    GaveUp(String),
}

impl Verdict {
    #[inline]
    fn of(answer: impl Answer) -> Self {
        answer.broken().map_or(Self::Holds, Self::broken)
    }

    /// `seen` is what an answer has said, perhaps nothing.
    #[cold]
    fn broken(seen: String) -> Self {
        Self::Broken(if seen.is_empty() { "it did not hold".to_owned() } else { seen })
    }

    /// Whether there is nothing to say.
    #[inline]
    pub(crate) const fn holds(&self) -> bool {
        matches!(self, Self::Holds)
    }
}

type Renew = Box<dyn Fn(&mut dyn Any) + Send + Sync>;
type OnEvents = Box<dyn Fn(&mut dyn Any, &dyn Events, Range<usize>, Instant) -> Verdict + Send + Sync>;
type OnState = Box<dyn Fn(&mut dyn Any, &Checked<'_>, Instant) -> Verdict + Send + Sync>;
type OnSend = Box<dyn Fn(&mut dyn Any, Sent<'_>, Instant) -> Verdict + Send + Sync>;
type AtEnd = Box<dyn Fn(&dyn Any) -> Verdict + Send + Sync>;

/// The steps that one host causes, each with the number of its fold.
#[derive(Default)]
#[expect(clippy::struct_field_names, reason = "they are called as the methods that add to them")]
pub(crate) struct HostFolds {
    pub(crate) on_events: Vec<(usize, OnEvents)>,
    pub(crate) on_state: Vec<(usize, OnState)>,
    pub(crate) on_send: Vec<(usize, OnSend)>,
}

impl HostFolds {
    pub(crate) fn is_empty(&self) -> bool {
        self.on_events.is_empty() && self.on_state.is_empty() && self.on_send.is_empty()
    }

    /// Takes out the steps of a fold, whose number those after it move up to.
    pub(super) fn forget(&mut self, index: usize) {
        fn forget<S>(steps: &mut Vec<(usize, S)>, index: usize) {
            steps.retain(|(of, _)| *of != index);
            steps.iter_mut().filter(|(of, _)| *of > index).for_each(|(of, _)| *of -= 1);
        }
        forget(&mut self.on_events, index);
        forget(&mut self.on_state, index);
        forget(&mut self.on_send, index);
    }
}

/// All of a fold but its steps.
pub(crate) struct FoldSpec {
    pub(crate) name: String,
    pub(crate) init: Box<dyn Fn() -> Box<dyn Any> + Send + Sync>,
    /// Makes a state what it was at first.
    pub(crate) renew: Renew,
    /// Writes what distinguishes a state from others.
    pub(crate) digest: fn(&dyn Any, &mut dyn Hasher),
    pub(crate) at_end: Vec<AtEnd>,
}

/// Adds the steps of a fold to a [`Net`].
///
/// A fold is a property with a state of its own. The state is made anew for each run, and stepped once for each new
/// event, state or datagram of the hosts that are named, in their order: so it costs the same at the end of a long run
/// as at its beginning. A step that does not answer [yes](Answer) fails the run. The state is [`Hash`], so that an
/// exhaustive search can tell two of them apart.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use lossproof::scenario::Net;
/// # use lossproof::{Input, Instant, Machine, Outbox};
/// # struct Counter(u32);
/// # impl Machine for Counter {
/// #     type Command = ();
/// #     type Event = u32;
/// #     fn handle(&mut self, _: Input<'_, ()>, _: Instant, _: &mut Outbox<u32>) {}
/// # }
///
/// let net = Net::new("ids");
/// let server = net.host("server").udp(1060).machine(|_| Counter(0));
/// net.fold("no id is given twice", BTreeSet::new).on(server, |seen, id, at| {
///     if seen.insert(*id) { Ok(()) } else { Err(format!("{id} came again at {at}")) }
/// });
/// ```
#[derive(Debug)]
pub struct Fold<'n, S> {
    net: &'n Net,
    index: usize,
    state: PhantomData<fn(S)>,
}

impl<'n, S: Hash + 'static> Fold<'n, S> {
    pub(super) fn new(net: &'n Net, name: String, init: impl Fn() -> S + Send + Sync + 'static) -> Self {
        assert!(!net.has_property(&name), "two properties are called {name:?}");
        let init = Arc::new(init);
        let again = Arc::clone(&init);
        let index = net.with(|spec| {
            spec.folds.push(FoldSpec {
                name,
                init: Box::new(move || Box::new(init())),
                renew: Box::new(move |state| *write::<S>(state) = again()),
                digest: |state, mut to| read::<S>(state).hash(&mut to),
                at_end: Vec::new(),
            });
            spec.folds.len() - 1
        });
        Self { net, index, state: PhantomData }
    }

    /// Each new event of a host.
    ///
    /// # Panics
    /// If the host is of another net, here and below.
    #[expect(clippy::return_self_not_must_use, reason = "most folds have one kind of step")]
    pub fn on<R: Role, A: Answer>(
        self,
        host: Host<R>,
        step: impl Fn(&mut S, &R::Event, Instant) -> A + Send + Sync + 'static,
    ) -> Self {
        let erased: OnEvents = Box::new(move |state, events, range, at| {
            let state = write::<S>(state);
            let events: &dyn Any = events;
            let events: &Vec<R::Event> =
                events.downcast_ref().expect("whatever plays a role tells the role's events");
            for event in &events[range] {
                if let Some(seen) = step(state, event, at).broken() {
                    return Verdict::broken(seen);
                }
            }
            Verdict::Holds
        });
        self.net.with_host(host, |spec| spec.folds.on_events.push((self.index, erased)));
        self
    }

    /// The state of a host after each of its inputs, while it is up.
    #[expect(clippy::return_self_not_must_use, reason = "most folds have one kind of step")]
    pub fn on_state<R: Role, A: Answer>(
        self,
        host: Host<R>,
        step: impl Fn(&mut S, &R::State, Instant) -> A + Send + Sync + 'static,
    ) -> Self {
        let erased: OnState = Box::new(move |state, actor, at| match super::run::state::<R::State>(actor) {
            Some(inside) => Verdict::of(step(write::<S>(state), inside, at)),
            None => Verdict::Holds,
        });
        self.net.with_host(host, |spec| spec.folds.on_state.push((self.index, erased)));
        self
    }

    /// Each datagram that a host sends, among its events in the order in which the machine put them out.
    #[expect(clippy::return_self_not_must_use, reason = "most folds have one kind of step")]
    pub fn on_send<R: Role, A: Answer>(
        self,
        host: Host<R>,
        step: impl Fn(&mut S, Sent<'_>, Instant) -> A + Send + Sync + 'static,
    ) -> Self {
        let erased: OnSend = Box::new(move |state, sent, at| Verdict::of(step(write::<S>(state), sent, at)));
        self.net.with_host(host, |spec| spec.folds.on_send.push((self.index, erased)));
        self
    }

    /// The end of a run in which nothing else failed.
    #[expect(clippy::return_self_not_must_use, reason = "most folds have one kind of step")]
    pub fn at_end<A: Answer>(self, test: impl Fn(&S) -> A + Send + Sync + 'static) -> Self {
        self.at_end_as(move |state| Verdict::of(test(state)))
    }

    pub(super) fn at_end_as(self, test: impl Fn(&S) -> Verdict + Send + Sync + 'static) -> Self {
        let erased: AtEnd = Box::new(move |state| test(read::<S>(state)));
        self.net.with(|spec| spec.folds[self.index].at_end.push(erased));
        self
    }
}

fn read<S: 'static>(state: &dyn Any) -> &S {
    state.downcast_ref().unwrap_or_else(|| wrong(type_name::<S>()))
}

fn write<S: 'static>(state: &mut dyn Any) -> &mut S {
    state.downcast_mut().unwrap_or_else(|| wrong(type_name::<S>()))
}

#[cold]
fn wrong(kind: &str) -> ! {
    unreachable!("the state of a fold is a {kind}, as it was made")
}
