//! Which streams want to be looked at.
//!
//! One task holds all streams of a machine, so that a read, what it causes, and the write follow one another without a
//! hop between tasks. Each stream has a waker of its own that puts it on a list; the task looks at those alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The list, shared with the wakers.
#[derive(Debug, Default)]
pub(super) struct Ready {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    woken: Vec<u32>,
    task: Option<Waker>,
}

impl Ready {
    /// Whom to wake when a stream is put on the list.
    pub(super) fn register(&self, task: &Waker) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut state.task {
            Some(known) => known.clone_from(task),
            none => *none = Some(task.clone()),
        }
    }

    /// Moves what is on the list to the end of `streams`.
    pub(super) fn take(&self, streams: &mut impl Extend<u32>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        streams.extend(state.woken.drain(..));
    }
}

/// The waker of one stream.
#[derive(Debug)]
pub(super) struct StreamWaker {
    id: u32,
    /// Whether it is on the list: once is enough.
    listed: AtomicBool,
    ready: Arc<Ready>,
}

impl StreamWaker {
    pub(super) fn new(id: u32, ready: &Arc<Ready>) -> Arc<Self> {
        Arc::new(Self { id, listed: AtomicBool::new(false), ready: Arc::clone(ready) })
    }

    /// The stream has been taken from the list: the next wake puts it there again.
    pub(super) fn taken(&self) {
        self.listed.store(false, Ordering::Release);
    }
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut state = self.ready.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.woken.push(self.id);
            state.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_listed_once_until_it_is_taken() {
        let ready = Arc::new(Ready::default());
        let waker = StreamWaker::new(7, &ready);
        waker.wake_by_ref();
        waker.wake_by_ref();
        let mut taken = Vec::new();
        ready.take(&mut taken);
        waker.taken();
        assert_eq!(taken, [7]);
        waker.wake_by_ref();
        ready.take(&mut taken);
        assert_eq!(taken, [7, 7]);
    }
}
