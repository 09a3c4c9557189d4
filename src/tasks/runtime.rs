//! The runtime that hosts of one run share if their code uses tokio's own timers and tasks.
//!
//! Its clock is paused. The engine moves it to its own next event, or to the next timer if that comes first: so time goes
//! by events, never by ticks. tokio's timers go by whole milliseconds, and so does this clock.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::task::LocalSet;

use super::bell::Bell;
use super::registry::forget_tasks;
#[cfg(tokio_unstable)]
use super::registry::note_spawned;
use crate::host::HostId;
use crate::panics::pass_on;
use crate::time::Instant;

thread_local! {
    /// The runtime of the run that goes on in this thread.
    static CURRENT: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// The runtime of a run.
pub(crate) struct Shared {
    runtime: Runtime,
    bell: Arc<Bell>,
    began_at: tokio::time::Instant,
    /// What the clock says.
    reached_at: Cell<Instant>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared(at {})", self.now())
    }
}

/// The runtime of the run that goes on in this thread, if it has one.
pub(super) fn current() -> Option<Rc<Shared>> {
    CURRENT.with_borrow(Clone::clone)
}

impl Shared {
    /// A new runtime at the start of its time, for the run that begins in this thread. What was left of the run before
    /// is dropped.
    ///
    /// # Panics
    /// If the system gives none.
    pub(crate) fn begin(seed: u64) -> Rc<Self> {
        CURRENT.set(None);
        forget_tasks();
        let bell = Arc::new(Bell::default());
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true);
        let park = Arc::clone(&bell);
        builder.on_thread_park(move || park.idle());
        make_exact(&mut builder, seed);
        let runtime = builder.build().expect("a runtime without I/O needs nothing of the system");
        let began_at = runtime.block_on(async { tokio_now() });
        let shared = Rc::new(Self { runtime, bell, began_at, reached_at: Cell::new(Instant::START) });
        CURRENT.set(Some(Rc::clone(&shared)));
        shared
    }

    pub(super) const fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Has timers and tasks that are made belong to this runtime.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    fn now(&self) -> Instant {
        let _entered = self.runtime.enter();
        Instant::START + tokio_now().duration_since(self.began_at)
    }

    /// Moves the clock to a moment, or to an earlier one at which a host wants a turn. Says which hosts want one, and when.
    pub(crate) fn advance(&self, until: Instant, hosts: &mut Vec<HostId>) -> Instant {
        let until = Duration::from_millis(until.as_nanos() / 1_000_000);
        // Whatever has been woken since has had its turn.
        if Instant::START + until <= self.reached_at.get() && !self.bell.has_rung() {
            return self.reached_at.get();
        }
        let reached = async {
            let mut sleep = pin!(tokio::time::sleep_until(self.began_at + until));
            poll_fn(|context| {
                if self.bell.rings(context.waker()) { Poll::Ready(()) } else { sleep.as_mut().poll(context) }
            })
            .await;
        };
        pass_on(|| self.runtime.block_on(reached));
        self.run_until_idle();
        let mut rang = Vec::new();
        self.bell.take(&mut rang);
        hosts.extend(rang.into_iter().map(HostId));
        self.reached_at.set(self.now());
        self.reached_at.get()
    }

    /// Runs the tasks that were spawned by tokio's own `spawn`, until none is ready. Whether there are any.
    pub(super) fn run_until_idle(&self) -> bool {
        if self.runtime.metrics().num_alive_tasks() == 0 {
            return false;
        }
        let idle = poll_fn(
            |context| if self.bell.is_idle(context.waker()) { Poll::Ready(()) } else { Poll::Pending },
        );
        pass_on(|| self.runtime.block_on(idle));
        true
    }
}

/// Has `spawn_local` work in a host's own task, as it does in a `LocalSet`.
pub(super) async fn with_local_tasks<F: Future>(future: F) -> F::Output {
    LocalSet::new().run_until(future).await
}

#[expect(clippy::disallowed_methods, reason = "this clock is paused: it shows the time of the run")]
fn tokio_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Has `tokio::select!` choose by the seed of the run, and has every task known by its host, where tokio allows it.
#[cfg(tokio_unstable)]
fn make_exact(builder: &mut Builder, seed: u64) {
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    builder.on_task_spawn(|task| note_spawned(task.id()));
}

#[cfg(not(tokio_unstable))]
const fn make_exact(_: &mut Builder, _: u64) {}
