//! Tasks whose ends are waited for together.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::task::{AbortHandle, JoinError, JoinHandle, spawn};

/// Tasks of a simulated host whose ends are waited for together, as `tokio::task::JoinSet` has them. When it is dropped,
/// all are aborted.
pub struct JoinSet<T> {
    running: Vec<JoinHandle<T>>,
    ended: VecDeque<Result<T, JoinError>>,
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinSet({} tasks)", self.len())
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> JoinSet<T> {
    /// No tasks.
    pub const fn new() -> Self {
        Self { running: Vec::new(), ended: VecDeque::new() }
    }

    /// How many tasks there are whose ends nobody has taken.
    pub fn len(&self) -> usize {
        self.running.len() + self.ended.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has a task run beside the others.
    ///
    /// # Panics
    /// Outside of a simulated host.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let handle = spawn(future);
        let abort = handle.abort_handle();
        self.running.push(handle);
        abort
    }

    /// Waits for the next end of a task; none if there is no task.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|context| self.poll_join_next(context)).await
    }

    /// The next end of a task, as part of a poll.
    pub fn poll_join_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let ended = &mut self.ended;
        self.running.retain_mut(|handle| match Pin::new(handle).poll(context) {
            Poll::Ready(result) => {
                ended.push_back(result);
                false
            }
            Poll::Pending => true,
        });
        match self.ended.pop_front() {
            None if self.running.is_empty() => Poll::Ready(None),
            None => Poll::Pending,
            end => Poll::Ready(end),
        }
    }

    /// The end of a task that has ended; none if nobody has.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        match self.poll_join_next(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(end) => end,
            Poll::Pending => None,
        }
    }

    /// Has all tasks dropped.
    pub fn abort_all(&mut self) {
        self.running.iter().for_each(JoinHandle::abort);
    }

    /// Has all tasks dropped, and waits for that.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Lets all tasks run on by themselves.
    pub fn detach_all(&mut self) {
        self.running.clear();
        self.ended.clear();
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}
