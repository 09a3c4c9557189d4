//! Tasks of simulated hosts, with the names and signatures of `tokio::task`.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::executor::Cell;
use super::registry::{here, with_hub};
use super::sockets::Spawned;

pub use super::join_set::JoinSet;

/// What a task leaves for whoever waits for it.
struct Left<T> {
    /// None while it runs, and after it was taken.
    result: Option<Result<T, JoinError>>,
    is_finished: bool,
    waker: Option<Waker>,
}

/// A task that was spawned. When it is dropped, the task goes on.
pub struct JoinHandle<T> {
    left: Arc<Mutex<Left<T>>>,
    cell: Arc<Cell>,
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle({:?})", self.cell)
    }
}

/// A task did not come to its end: it was aborted.
///
/// A panic of a task is none of these: it is a finding, and ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinError(());

impl JoinError {
    /// Whether the task was aborted: always.
    pub const fn is_cancelled(&self) -> bool {
        true
    }

    /// Whether the task panicked: never, because a panic ends the run.
    pub const fn is_panic(&self) -> bool {
        false
    }

    /// The panic of the task.
    ///
    /// # Panics
    /// Always: there is none.
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        panic!("the task was aborted: it did not panic")
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was aborted")
    }
}

impl Error for JoinError {}

fn lock<T>(left: &Mutex<Left<T>>) -> MutexGuard<'_, Left<T>> {
    // Nothing panics while it is held.
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a task of the host that is running run beside the others. It need not be `Send`.
///
/// # Panics
/// Outside of a simulated host, as tokio's outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    /// Leaves an error if the task is dropped before it has ended.
    struct Leaves<T>(Arc<Mutex<Left<T>>>);
    impl<T> Leaves<T> {
        fn leave(&self, result: Result<T, JoinError>) {
            let mut left = lock(&self.0);
            if left.is_finished {
                return;
            }
            (left.result, left.is_finished) = (Some(result), true);
            let waker = left.waker.take();
            drop(left);
            waker.into_iter().for_each(Waker::wake);
        }
    }
    impl<T> Drop for Leaves<T> {
        fn drop(&mut self) {
            self.leave(Err(JoinError(())));
        }
    }
    let key = here().unwrap_or_else(|error| panic!("{error}"));
    let left = Arc::new(Mutex::new(Left { result: None, is_finished: false, waker: None }));
    let leaves = Leaves(Arc::clone(&left));
    let whole = async move { leaves.leave(Ok(future.await)) };
    let cell = with_hub(key, |hub| {
        hub.task_count += 1;
        let cell = Cell::new(hub.task_count, &hub.tasks);
        hub.spawned.push_back(Spawned { future: Box::pin(whole), cell: Arc::clone(&cell) });
        hub.tasks.ring();
        cell
    });
    // A host that is down runs nothing: its last tasks are being dropped.
    let cell = cell.unwrap_or_else(|| panic!("a task is spawned on a host that is down"));
    JoinHandle { left, cell }
}

/// The same as [`spawn`]: tasks of a simulated host need not be `Send`.
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    spawn(future)
}

/// Lets the other tasks that are ready run first.
pub async fn yield_now() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What aborts a task from elsewhere.
#[derive(Clone, Debug)]
pub struct AbortHandle(Arc<Cell>);

impl AbortHandle {
    /// Has the task dropped where it waits now.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl<T> JoinHandle<T> {
    /// Has the task dropped where it waits now. It is dropped in its turn, not at once.
    pub fn abort(&self) {
        self.cell.abort();
    }

    /// What aborts the task from elsewhere.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(Arc::clone(&self.cell))
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        lock(&self.left).is_finished
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut left = lock(&self.left);
        if let Some(result) = left.result.take() {
            return Poll::Ready(result);
        }
        assert!(!left.is_finished, "a JoinHandle is polled after it was ready");
        left.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
