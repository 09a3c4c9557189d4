//! The one loop that drives a machine on sockets.
//!
//! 1. The machine is started.
//! 2. A command, if one is waiting, and then inputs that are due are handed in, at most
//!    [`MAX_INPUTS_PER_LOOK`](crate::machine::limits::MAX_INPUTS_PER_LOOK) between two looks at the deadline. So neither a
//!    flood of commands nor one of inputs starves the other.
//! 3. If the deadline is reached, a timeout is handed in.
//! 4. With nothing to do it waits: for the sockets, a command, the deadline, or the signal to stop. Before that, whoever
//!    hears the machine's events is told that there is time now.
//!
//! The budget that tokio has for each task is not asked on real sockets, for the looks have bounds of their own: a task
//! that has come to the end of that budget would ask every socket that is left in vain.
//!
//! What a machine wants done is done at once after each input, by the [`Port`].

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use tokio::time::{Sleep, sleep_until};
use tracing::{info, trace};

use super::DriveError;
use super::driven::Driven;
use super::pace::{Idle, Pace, Thread};
use crate::actor::AnyCommand;
use crate::machine::{Effects, Input, Status, limits};
use crate::time::Instant;

/// What is driven, and how far it has come.
pub(super) struct Core<'d> {
    driven: &'d mut dyn Driven,
    deadline: Option<Instant>,
    pub(super) done: Option<Status>,
}

impl<'d> Core<'d> {
    fn new(driven: &'d mut dyn Driven) -> Self {
        Self { driven, deadline: None, done: None }
    }

    /// Hands one input in.
    pub(super) fn handle(&mut self, input: Input<'_, dyn AnyCommand>, now: Instant) {
        self.deadline = self.driven.handle(input, now).deadline;
    }

    /// What is to be done, and the streams.
    pub(super) fn effects(&mut self) -> &mut Effects {
        self.driven.effects()
    }

    /// Tells what the machine has told. Everything else that it has put out is done by then.
    pub(super) fn tell(&mut self) {
        self.driven.tell();
    }

    /// Tells something once that whoever runs the machine can do something about.
    pub(super) fn note(&mut self, text: &str) {
        self.driven.note(text);
    }

    /// Tells who hears the events that nothing may be kept back any more.
    fn rest(&mut self) {
        self.driven.rest();
    }

    /// Whether nothing but its sockets can wake the machine before this moment.
    pub(super) fn is_undisturbed_until(&self, at: impl FnOnce() -> Instant) -> bool {
        !self.driven.has_commands() && self.deadline.is_none_or(|due_at| due_at > at())
    }

    /// Hands in the next command of the application, if there is one.
    fn poll_command(&mut self, now: &dyn Fn() -> Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Poll::Ready(turn) = self.driven.poll_command(now, cx) else { return Poll::Pending };
        self.deadline = turn.deadline;
        Poll::Ready(())
    }
}

/// What stands between a machine and its sockets: it turns what happens on them into inputs, and what the machine puts
/// out into calls. One is for real sockets, one for turmoil's, where a fault plan decides what arrives when.
pub(super) trait Port {
    /// The moment on the machine's clock.
    fn now(&self) -> Instant;

    /// The same moment on the runtime's clock.
    fn runtime_at(&self, at: Instant) -> tokio::time::Instant;

    /// Hands one input in and does what it causes.
    fn feed(&mut self, core: &mut Core<'_>, input: Input<'_, dyn AnyCommand>) -> Result<(), DriveError>;

    /// Does what the machine has put out at this moment.
    fn settle(&mut self, core: &mut Core<'_>, now: Instant) -> Result<(), DriveError>;

    /// Hands in the next input that is due, or several that have come together, and says how many; or registers to be
    /// woken for it. It is also ready, without an input, when [`Port::wake_at`] may have become earlier.
    fn poll_input(&mut self, core: &mut Core<'_>, cx: &mut Context<'_>) -> Poll<Result<u32, DriveError>>;

    /// Waits for inputs in this thread, a moment at most, where that is allowed and saves the way through the runtime.
    fn wait(&mut self, _core: &mut Core<'_>, _idle: Idle) -> Waited {
        Waited::Refused
    }

    /// When it wants to be asked for inputs again, though nothing happens on the sockets.
    fn wake_at(&self) -> Option<Instant>;

    /// Whether something is due that will come at this very moment, and goes before a timeout.
    fn is_behind(&self) -> bool;

    /// Called before each wait, with the machine's deadline: what has gathered goes out now.
    fn rest(&mut self, deadline: Option<Instant>);

    /// Brings everything that is on its way to its end, within bounds.
    async fn finish(&mut self, core: &mut Core<'_>) -> Result<(), DriveError>;
}

/// What came of waiting without the runtime.
pub(super) enum Waited {
    /// It may not, or need not be done here: the runtime waits.
    Refused,
    /// Nothing has come.
    Nothing,
    /// So many inputs were handed in.
    Fed(Result<u32, DriveError>),
}

/// Drives a machine until it is done.
pub(super) async fn drive<P: Port>(
    driven: &mut dyn Driven,
    port: &mut P,
    start: Input<'_, dyn AnyCommand>,
    mut stop: Pin<&mut dyn Future<Output = ()>>,
    thread: Thread,
) -> Result<Status, DriveError> {
    let mut core = Core::new(driven);
    let mut stopping = false;
    let mut alarm = Alarm::default();
    let mut pace = Pace::new(thread);
    port.feed(&mut core, start)?;
    loop {
        if let Some(status) = core.done {
            info!(status = status.code(), "done");
            core.rest();
            port.finish(&mut core).await?;
            return Ok(status);
        }
        port.rest(core.deadline);
        let wake_at = core.deadline.into_iter().chain(port.wake_at()).min().filter(|_| !port.is_behind());
        let wake_at = wake_at.map(|at| port.runtime_at(at));
        tokio::select! {
            biased;
            () = &mut stop, if !stopping => {
                stopping = true;
                info!("asked to stop");
                port.feed(&mut core, Input::Stop)?;
            }
            fed = poll_fn(|cx| poll_inputs(port, &mut core, &mut pace, cx)) => fed?,
            () = alarm.until(wake_at) => {}
        }
        let ready = core.done.is_none() && !port.is_behind();
        let due = ready && core.deadline.is_some_and(|due_at| due_at <= port.now());
        if due {
            port.feed(&mut core, Input::Timeout)?;
        }
    }
}

/// Hands in one command at most, and what else is due, up to the bound.
fn poll_inputs<P: Port>(
    port: &mut P,
    core: &mut Core<'_>,
    pace: &mut Pace,
    cx: &mut Context<'_>,
) -> Poll<Result<(), DriveError>> {
    if pace.is_over() {
        core.rest();
        return yield_now(pace, cx);
    }
    let mut fed = 0;
    if core.poll_command(&|| port.now(), cx).is_ready() {
        trace!("asked by the application");
        let now = port.now();
        port.settle(core, now)?;
        fed = 1;
    }
    while fed < limits::MAX_INPUTS_PER_LOOK && core.done.is_none() {
        match port.poll_input(core, cx) {
            Poll::Ready(Ok(inputs)) => fed += inputs.max(1),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending if fed > 0 => break,
            Poll::Pending => fed = ready!(poll_idle(port, core, pace, cx))?,
        }
    }
    pace.looked(fed);
    Poll::Ready(Ok(()))
}

/// Waits with nothing to do; says how many inputs it has handed in, if it has done so itself.
fn poll_idle<P: Port>(
    port: &mut P,
    core: &mut Core<'_>,
    pace: &mut Pace,
    cx: &mut Context<'_>,
) -> Poll<Result<u32, DriveError>> {
    loop {
        let idle = pace.idle();
        if idle == Idle::Sleep {
            core.rest();
        }
        match (port.wait(core, idle), idle) {
            (Waited::Fed(fed), _) => return Poll::Ready(fed.map(|fed| fed.max(1))),
            // What is awaited may need this very processor.
            (Waited::Nothing, Idle::Glance) => thread::yield_now(),
            (Waited::Refused, Idle::Glance) => {
                thread::yield_now();
                return yield_now(pace, cx);
            }
            (Waited::Refused | Waited::Nothing, Idle::Sleep) => {
                pace.yielded();
                return Poll::Pending;
            }
        }
    }
}

/// Lets the runtime look at all else, and comes back at once.
fn yield_now<T>(pace: &mut Pace, cx: &mut Context<'_>) -> Poll<T> {
    pace.yielded();
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// A timer that is set anew only if it must ring earlier: deadlines are taken back and put off far more often than they
/// are reached, and to set a timer costs more than to be woken once for nothing.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When it rings, unless it has rung.
    rings_at: Option<tokio::time::Instant>,
}

impl Alarm {
    /// Ends at a moment, or never.
    pub(super) async fn until(&mut self, at: Option<tokio::time::Instant>) {
        poll_fn(|cx| at.map_or(Poll::Pending, |at| self.poll(at, cx))).await;
    }

    fn poll(&mut self, at: tokio::time::Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        loop {
            if self.rings_at.is_none_or(|rings_at| at < rings_at) {
                sleep.as_mut().reset(at);
                self.rings_at = Some(at);
            }
            ready!(sleep.as_mut().poll(cx));
            if self.rings_at.take() == Some(at) {
                return Poll::Ready(());
            }
        }
    }
}

/// The runtime's clock.
#[expect(clippy::disallowed_methods, reason = "the driver is where a clock is read")]
pub(crate) fn clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// The moment on the run's clock, which began at `begin`.
pub(crate) fn elapsed(begin: tokio::time::Instant) -> Instant {
    Instant::START + clock().saturating_duration_since(begin)
}

/// The moment a span after `begin`; what is beyond the clock's range is as good as a year away.
pub(crate) fn after(begin: tokio::time::Instant, span: Duration) -> tokio::time::Instant {
    const A_YEAR: Duration = Duration::from_hours(365 * 24);
    begin.checked_add(span).unwrap_or_else(|| begin + A_YEAR)
}
