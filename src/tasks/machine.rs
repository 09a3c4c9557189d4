//! A host of asynchronous code as a machine: everything that machines have follows from this.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::{self, Debug};
use std::future::Future;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;

use super::ctx::{Ctx, TaskResult};
use super::executor::{Cell, Executor, MAX_POLLS, Queue};
use super::facts::Facts;
use super::hub::Hub;
use super::registry::{self, Key, enter};
use super::runtime::{self, Shared};
use super::sockets::Spawned;
use crate::host::{Boot, HostId};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;

/// The tasks of one host: what [`Place::task`](crate::scenario::Place::task) and
/// [`Place::tokio`](crate::scenario::Place::tokio) run there.
///
/// It is a [`Machine`] like any other. An input wakes the tasks that wait for it, and all tasks that are ready are polled,
/// in the order in which they were woken, until none is. So nothing goes on while no input is handled, and the same
/// inputs give the same outputs.
///
/// ```text
///              input ──► sockets ──► tasks that wait ──► polled until idle ──► effects
///  deadline ◄── timers (by moment, then in order) ◄── sleep, timeout, interval
/// ```
pub struct Task<E = (), C = ()> {
    key: Key,
    hub: Rc<RefCell<Hub>>,
    queue: Arc<Queue>,
    executor: Executor,
    /// How the host's own task has ended, once it has.
    end: Rc<RefCell<Option<End>>>,
    has_ended: bool,
    /// The runtime of the run, for hosts that use tokio's own.
    shared: Option<Rc<Shared>>,
    types: std::marker::PhantomData<fn(E, C)>,
}

/// How a host's own task has ended.
struct End {
    /// The text of its error, if it had one.
    error: Option<String>,
}

impl<E, C> Debug for Task<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({} running)", self.executor.len())
    }
}

impl<E, C> Task<E, C>
where
    E: PartialEq + Debug + 'static,
    C: Clone + 'static,
{
    /// A host that runs this, and what it spawns, at these addresses of its own. With tokio's runtime if that is asked for.
    pub(crate) fn new<F, R>(
        boot: Boot<'_>,
        own: &[Peer],
        (id, on_tokio): (HostId, bool),
        run: impl FnOnce(Ctx<E, C>) -> F,
    ) -> Self
    where
        F: Future<Output = R> + 'static,
        R: TaskResult,
    {
        let shared = if on_tokio { runtime::current() } else { None };
        let queue = Arc::new(Queue::new(shared.as_ref().map(|shared| (Arc::clone(shared.bell()), id.0))));
        let facts = Facts {
            id,
            seed: boot.seed(),
            incarnation: boot.incarnation(),
            disk: boot.disk().to_vec(),
            names: boot.names.cloned().unwrap_or_default(),
            peers: Arc::from(boot.peers),
            addresses: own.to_vec(),
        };
        let told: Box<dyn Any> = Box::new(Vec::<E>::new());
        let (key, hub) = registry::register(Hub::new(facts, told, Arc::clone(&queue)));
        let mut task = Self {
            key,
            hub,
            queue,
            executor: Executor::default(),
            end: Rc::default(),
            has_ended: false,
            shared,
            types: std::marker::PhantomData,
        };
        let end = Rc::clone(&task.end);
        let own = enter(key, || run(Ctx::new(key)));
        let whole = async move { *end.borrow_mut() = Some(End { error: own.await.error() }) };
        let cell = Cell::new(0, &task.queue);
        if on_tokio {
            task.executor.add(Box::pin(runtime::with_local_tasks(whole)), cell);
        } else {
            task.executor.add(Box::pin(whole), cell);
        }
        task
    }

    /// The error with which the host's own task ended, if it did.
    pub fn error(&self) -> Option<String> {
        self.end.borrow().as_ref().and_then(|end| end.error.clone())
    }

    /// How many tasks there are: the host's own, and those that were spawned and have not ended.
    pub fn task_count(&self) -> usize {
        self.executor.len()
    }

    /// What tasks wait for of the network. A task that waits for a moment, a lock, a channel or another task is not among
    /// these.
    pub fn waits(&self) -> Vec<String> {
        self.hub.borrow().waits()
    }

    /// Polls whatever is ready, until nothing is.
    fn run_until_idle(&mut self) {
        for _ in 0..MAX_POLLS {
            while let Some(Spawned { future, cell }) = pop_spawned(&self.hub) {
                self.executor.add(future, cell);
            }
            let mark = self.hub.borrow().effects.len();
            let polled = self.executor.poll_next(&self.queue);
            if let Some((number, _)) = polled {
                self.hub.borrow_mut().effects.by_task(mark, number);
            }
            match polled {
                // The host's own task has ended, and with it all others.
                Some((0, false)) => return,
                Some(_) => {}
                None => {
                    if let Some(shared) = &self.shared {
                        shared.run_until_idle();
                    }
                    if self.queue.is_empty() && self.hub.borrow().spawned.is_empty() {
                        return;
                    }
                }
            }
        }
        let (number, _) = self.executor.poll_next(&self.queue).unwrap_or_default();
        panic!(
            "task {number} never yields: tasks of this host were polled {MAX_POLLS} times because of one input"
        );
    }
}

/// The task that was spawned first, of those that are not known yet.
fn pop_spawned(hub: &RefCell<Hub>) -> Option<Spawned> {
    hub.borrow_mut().spawned.pop_front()
}

impl<E, C> Machine for Task<E, C>
where
    E: PartialEq + Debug + 'static,
    C: Clone + 'static,
{
    type Command = C;
    type Event = E;

    fn handle(&mut self, input: Input<'_, C>, now: Instant, out: &mut Outbox<E>) {
        self.queue.set_turn(true);
        {
            let mut hub = self.hub.borrow_mut();
            hub.now = now;
            mem::swap(&mut hub.effects, &mut **out);
            hub.next_event = out.told_len();
            let told_len = hub.told.downcast_ref::<Vec<E>>().map_or(0, Vec::len);
            hub.attach(told_len);
            if let Input::Command(command) = input {
                hub.commands.push_back(Box::new(command.clone()));
                hub.commanded.wake();
            } else {
                hub.take(&input);
            }
            hub.wake_due();
        }
        enter(self.key, || {
            let _entered = self.shared.as_ref().map(|shared| shared.enter());
            self.run_until_idle();
            if self.end.borrow().is_some() {
                self.drop_tasks();
            }
        });
        self.queue.set_turn(false);
        let mut hub = self.hub.borrow_mut();
        hub.is_attached = false;
        hub.alive_count = self.executor.len();
        mem::swap(&mut hub.effects, &mut **out);
        if let Some(told) = hub.told.downcast_mut::<Vec<E>>() {
            out.tell_all(told);
        }
        if !self.has_ended
            && let Some(end) = &*self.end.borrow()
        {
            self.has_ended = true;
            out.done(if end.error.is_some() { Status::Failure } else { Status::Success });
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let hub = self.hub.borrow();
        // Tasks that were woken by another host's turn, or by the runtime's clock, wait for their own turn.
        if !self.queue.is_empty() || hub.wants_turn() {
            return Some(hub.now);
        }
        hub.timers.first_key_value().map(|((at, _), _)| *at)
    }
}

impl<E, C> Task<E, C> {
    /// Drops all tasks. Each may wake others meanwhile, or spawn them: these are dropped too, and want no turn.
    fn drop_tasks(&mut self) {
        self.executor.clear();
        let spawned = mem::take(&mut self.hub.borrow_mut().spawned);
        drop(spawned);
        self.queue.clear();
    }
}

impl<E, C> Drop for Task<E, C> {
    fn drop(&mut self) {
        enter(self.key, || {
            let _entered = self.shared.as_ref().map(|shared| shared.enter());
            self.drop_tasks();
        });
        registry::forget(self.key);
    }
}
