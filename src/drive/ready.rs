//! Which sockets want to be looked at.
//!
//! One task holds all sockets of a machine, so that a read, what it causes, and the write follow one another without a
//! hop between tasks. Each socket has a waker of its own that puts it on a list; the task looks at those alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// The list, shared with the wakers.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Whether anything is on it.
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    woken: Vec<u32>,
    task: Option<Waker>,
}

impl Ready {
    /// Whom to wake when a socket is put on the list.
    pub(super) fn register(&self, task: &Waker) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut state.task {
            Some(known) => known.clone_from(task),
            none => *none = Some(task.clone()),
        }
    }

    /// Moves what is on the list to the end of `sockets`.
    pub(super) fn take(&self, sockets: &mut impl Extend<u32>) {
        if self.any.swap(false, Ordering::AcqRel) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            sockets.extend(state.woken.drain(..));
        }
    }
}

/// The waker of one socket.
#[derive(Debug)]
pub(super) struct SocketWaker {
    entry: Arc<Entry>,
    waker: Waker,
}

impl SocketWaker {
    pub(super) fn new(id: u32, ready: &Arc<Ready>) -> Self {
        let entry = Arc::new(Entry { id, listed: AtomicBool::new(false), ready: Arc::clone(ready) });
        Self { waker: Waker::from(Arc::clone(&entry)), entry }
    }

    /// To poll the socket with.
    pub(super) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// The socket has been taken from the list: the next wake puts it there again.
    pub(super) fn taken(&self) {
        self.entry.listed.store(false, Ordering::Release);
    }
}

/// A socket, as its wakers name it.
#[derive(Debug)]
struct Entry {
    id: u32,
    /// Whether it is on the list: once is enough.
    listed: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Entry {
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
            self.ready.any.store(true, Ordering::Release);
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
    fn a_socket_is_listed_once_until_it_is_taken() {
        let ready = Arc::new(Ready::default());
        let waker = SocketWaker::new(7, &ready);
        waker.context().waker().wake_by_ref();
        waker.context().waker().wake_by_ref();
        let mut taken = Vec::new();
        ready.take(&mut taken);
        waker.taken();
        assert_eq!(taken, [7]);
        ready.take(&mut taken);
        assert_eq!(taken, [7]);
        waker.context().waker().wake_by_ref();
        ready.take(&mut taken);
        assert_eq!(taken, [7, 7]);
    }
}
