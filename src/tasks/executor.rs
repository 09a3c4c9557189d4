//! The tasks of one host, polled in the order in which they are woken.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::bell::Bell;

/// How often the tasks of a host are polled at most because of one input. One that goes on waking itself never yields, and
/// the time would stand still.
pub const MAX_POLLS: usize = 10_000;

/// The tasks of a host that are to be polled.
pub(super) struct Queue {
    ready: Mutex<VecDeque<Arc<Cell>>>,
    /// Where a host that shares a runtime says that it wants a turn.
    bell: Option<(Arc<Bell>, u16)>,
    /// It is the host's turn, or will be next.
    has_turn: AtomicBool,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({} ready)", self.lock().len())
    }
}

impl Queue {
    pub(super) fn new(bell: Option<(Arc<Bell>, u16)>) -> Self {
        Self { ready: Mutex::default(), bell, has_turn: AtomicBool::new(true) }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Cell>>> {
        // Nothing panics while it is held.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Forgets who is to be polled.
    pub(super) fn clear(&self) {
        let ready = std::mem::take(&mut *self.lock());
        drop(ready);
    }

    fn pop(&self) -> Option<Arc<Cell>> {
        self.lock().pop_front()
    }

    /// Says whether it is the host's turn.
    pub(super) fn set_turn(&self, has_turn: bool) {
        self.has_turn.store(has_turn, Ordering::Relaxed);
    }

    /// Asks for a turn.
    pub(super) fn ring(&self) {
        if let Some((bell, host)) = &self.bell
            && !self.has_turn.load(Ordering::Relaxed)
        {
            bell.ring(*host);
        }
    }
}

/// What wakes one task.
#[derive(Debug)]
pub(super) struct Cell {
    /// Its number, in the order in which the tasks of its host were spawned; 0 is the host's own.
    pub(super) number: u32,
    queue: Arc<Queue>,
    is_queued: AtomicBool,
    is_aborted: AtomicBool,
}

impl Cell {
    /// A task that is to be polled first.
    pub(super) fn new(number: u32, queue: &Arc<Queue>) -> Arc<Self> {
        let is_queued = AtomicBool::new(false);
        Arc::new(Self { number, queue: Arc::clone(queue), is_queued, is_aborted: AtomicBool::new(false) })
    }

    /// Has the task dropped, instead of polled once more.
    pub(super) fn abort(self: &Arc<Self>) {
        self.is_aborted.store(true, Ordering::Relaxed);
        self.wake_by_ref();
    }
}

impl Wake for Cell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            self.queue.lock().push_back(Arc::clone(self));
            self.queue.ring();
        }
    }
}

/// A task.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    cell: Arc<Cell>,
    waker: Waker,
}

/// All tasks of a host, by their numbers.
#[derive(Default)]
pub(super) struct Executor {
    tasks: Vec<Task>,
}

impl Executor {
    /// Adds a task, which is polled in its turn.
    pub(super) fn add(&mut self, future: Pin<Box<dyn Future<Output = ()>>>, cell: Arc<Cell>) {
        let waker = Waker::from(Arc::clone(&cell));
        cell.wake_by_ref();
        // Numbers only grow, so the list stays sorted.
        self.tasks.push(Task { future, cell, waker });
    }

    /// How many tasks there are.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Polls the next task that is ready; its number, if there is one. `false` beside it if the task came to its end.
    pub(super) fn poll_next(&mut self, queue: &Queue) -> Option<(u32, bool)> {
        loop {
            let cell = queue.pop()?;
            cell.is_queued.store(false, Ordering::Relaxed);
            // One that is over may still be woken.
            let Ok(place) = self.tasks.binary_search_by_key(&cell.number, |task| task.cell.number) else {
                continue;
            };
            let task = &mut self.tasks[place];
            let is_over = cell.is_aborted.load(Ordering::Relaxed)
                || task.future.as_mut().poll(&mut Context::from_waker(&task.waker)) == Poll::Ready(());
            if is_over {
                drop(self.tasks.remove(place));
            }
            return Some((cell.number, !is_over));
        }
    }

    /// Drops all tasks, the last first.
    pub(super) fn clear(&mut self) {
        while self.tasks.pop().is_some() {}
    }
}
