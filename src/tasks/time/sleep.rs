//! Waiting for a moment.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Instant;
use crate::tasks::registry::{Key, here, with_hub};
use crate::time;

/// Waits for a span.
///
/// # Panics
/// Outside of a simulated host.
#[track_caller]
pub fn sleep(span: Duration) -> Sleep {
    sleep_until(Instant::now() + span)
}

/// Waits for a moment.
///
/// # Panics
/// Outside of a simulated host.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    let key = here().unwrap_or_else(|error| panic!("{error}"));
    Sleep { key, deadline, entry: None }
}

/// A future that is ready at a moment.
#[derive(Debug)]
pub struct Sleep {
    key: Key,
    deadline: Instant,
    /// Its place among the timers of the host, if it has one.
    entry: Option<(time::Instant, u64)>,
}

impl Sleep {
    /// When it is ready.
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it is ready.
    pub fn is_elapsed(&self) -> bool {
        with_hub(self.key, |hub| hub.now >= self.deadline.0).unwrap_or(false)
    }

    /// Has it be ready at another moment.
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.leave();
        self.deadline = deadline;
    }

    /// Takes itself out of the timers.
    fn leave(&mut self) {
        if let Some(entry) = self.entry.take() {
            with_hub(self.key, |hub| hub.timers.remove(&entry));
        }
    }

    /// Whether it is ready; if not, the task is woken when it is.
    pub(super) fn poll_elapsed(&mut self, context: &Context<'_>) -> Poll<()> {
        let Self { key, deadline, entry } = self;
        let polled = with_hub(*key, |hub| {
            if hub.now >= deadline.0 {
                if let Some(entry) = entry.take() {
                    hub.timers.remove(&entry);
                }
                return Poll::Ready(());
            }
            let entry = *entry.get_or_insert_with(|| {
                hub.timer_count += 1;
                (deadline.0, hub.timer_count)
            });
            match hub.timers.get_mut(&entry) {
                Some(waker) if waker.will_wake(context.waker()) => {}
                Some(waker) => waker.clone_from(context.waker()),
                None => _ = hub.timers.insert(entry, context.waker().clone()),
            }
            Poll::Pending
        });
        polled.unwrap_or(Poll::Pending)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.poll_elapsed(context)
    }
}

/// A span has passed before a future was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> Self {
        io::ErrorKind::TimedOut.into()
    }
}

/// Gives a future at most this span.
///
/// # Panics
/// Outside of a simulated host.
#[track_caller]
pub fn timeout<F: IntoFuture>(span: Duration, future: F) -> Timeout<F::IntoFuture> {
    timeout_at(Instant::now() + span, future)
}

/// Gives a future time until this moment.
///
/// # Panics
/// Outside of a simulated host.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: Box::pin(future.into_future()), sleep: sleep_until(deadline) }
}

/// A future with a moment at which it is given up.
#[derive(Debug)]
pub struct Timeout<F> {
    // Boxed: a pinned field of a struct takes unsafe code, or a further crate.
    future: Pin<Box<F>>,
    sleep: Sleep,
}

impl<F> Timeout<F> {
    /// The future inside.
    pub fn get_ref(&self) -> &F {
        &self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A future that is ready at the moment itself is in time, as with tokio.
        if let Poll::Ready(value) = self.future.as_mut().poll(context) {
            return Poll::Ready(Ok(value));
        }
        self.sleep.poll_elapsed(context).map(|()| Err(Elapsed(())))
    }
}
