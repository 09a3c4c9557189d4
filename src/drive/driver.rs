//! The one loop that drives a machine on sockets.
//!
//! 1. The machine is started.
//! 2. A command, if one is waiting, and then inputs that are due are handed in, at most so many between two looks at the
//!    deadline. So neither a flood of commands nor one of inputs starves the other.
//! 3. If the deadline is reached, a timeout is handed in.
//! 4. With nothing to do it waits: for the sockets, a command, the deadline, or the signal to stop.
//!
//! What a machine wants done is done at once after each input, by the [`Port`].

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Sleep, sleep_until};
use tracing::{info, trace};

use super::DriveError;
use crate::machine::{Input, Machine, Outbox, Status, limits};
use crate::time::Instant;

/// A machine with its outbox, and how it ended.
pub(super) struct Core<M: Machine> {
    pub(super) machine: M,
    pub(super) out: Outbox<M::Event>,
    pub(super) done: Option<Status>,
}

/// What stands between a machine and its sockets: it turns what happens on them into inputs, and what the machine puts
/// out into calls. One is for real sockets, one for turmoil's, where a fault plan decides what arrives when.
pub(super) trait Port<M: Machine> {
    /// The moment on the machine's clock.
    fn now(&self) -> Instant;

    /// The same moment on the runtime's clock.
    fn runtime_at(&self, at: Instant) -> tokio::time::Instant;

    /// Hands one input in and does what it causes.
    fn feed(&mut self, core: &mut Core<M>, input: Input<'_, M::Command>) -> Result<(), DriveError>;

    /// Hands in the next input that is due, or several that have come together, and says how many; or registers to be
    /// woken for it. It is also ready, without an input, when [`Port::wake_at`] may have become earlier.
    fn poll_input(&mut self, core: &mut Core<M>, cx: &mut Context<'_>) -> Poll<Result<u32, DriveError>>;

    /// When it wants to be asked for inputs again, though nothing happens on the sockets.
    fn wake_at(&self) -> Option<Instant>;

    /// Whether something is due that will come at this very moment, and goes before a timeout.
    fn is_behind(&self) -> bool;

    /// Called before each wait, with the machine's deadline: what has gathered goes out now.
    fn rest(&mut self, deadline: Option<Instant>);

    /// Brings everything that is on its way to its end, within bounds.
    async fn finish(&mut self, core: &mut Core<M>) -> Result<(), DriveError>;
}

/// Drives a machine until it is done. `commands` is what the application asks of it.
pub(super) async fn drive<M: Machine, P: Port<M>>(
    machine: M,
    port: &mut P,
    start: Input<'_, M::Command>,
    mut commands: Option<Receiver<M::Command>>,
    stop: impl Future<Output = ()>,
) -> Result<Status, DriveError> {
    let mut core = Core { machine, out: Outbox::default(), done: None };
    let mut stop = pin!(stop);
    let mut stopping = false;
    let mut alarm = Alarm::default();
    port.feed(&mut core, start)?;
    loop {
        if let Some(status) = core.done {
            info!(status = status.code(), "done");
            port.finish(&mut core).await?;
            return Ok(status);
        }
        let deadline = core.machine.deadline();
        port.rest(deadline);
        let wake_at = deadline.into_iter().chain(port.wake_at()).min().filter(|_| !port.is_behind());
        let wake_at = wake_at.map(|at| port.runtime_at(at));
        tokio::select! {
            biased;
            () = &mut stop, if !stopping => {
                stopping = true;
                info!("asked to stop");
                port.feed(&mut core, Input::Stop)?;
            }
            fed = poll_fn(|cx| poll_inputs(port, &mut core, &mut commands, cx)) => fed?,
            () = alarm.until(wake_at) => {}
        }
        let ready = core.done.is_none() && !port.is_behind();
        let due = ready && core.machine.deadline().is_some_and(|due_at| due_at <= port.now());
        if due {
            port.feed(&mut core, Input::Timeout)?;
        }
    }
}

/// Hands in one command at most, and what else is due, up to the bound.
fn poll_inputs<M: Machine, P: Port<M>>(
    port: &mut P,
    core: &mut Core<M>,
    commands: &mut Option<Receiver<M::Command>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), DriveError>> {
    let mut fed = 0;
    if let Poll::Ready(command) = poll_command(commands, cx) {
        trace!("asked by the application");
        port.feed(core, Input::Command(command))?;
        fed = 1;
    }
    while fed < limits::MAX_INPUTS_PER_LOOK && core.done.is_none() {
        match port.poll_input(core, cx) {
            Poll::Ready(Ok(inputs)) => fed += inputs.max(1),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending if fed == 0 => return Poll::Pending,
            Poll::Pending => break,
        }
    }
    Poll::Ready(Ok(()))
}

/// The next command. Once nobody is left to give one, there is none any more.
fn poll_command<C>(commands: &mut Option<Receiver<C>>, cx: &mut Context<'_>) -> Poll<C> {
    let Some(receiver) = commands else { return Poll::Pending };
    match receiver.poll_recv(cx) {
        Poll::Ready(Some(command)) => Poll::Ready(command),
        Poll::Ready(None) => {
            *commands = None;
            Poll::Pending
        }
        Poll::Pending => Poll::Pending,
    }
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
pub(super) fn clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// The moment on the run's clock, which began at `begin`.
pub(super) fn elapsed(begin: tokio::time::Instant) -> Instant {
    Instant::START + clock().saturating_duration_since(begin)
}

/// The moment a span after `begin`; what is beyond the clock's range is as good as a year away.
pub(super) fn after(begin: tokio::time::Instant, span: Duration) -> tokio::time::Instant {
    const A_YEAR: Duration = Duration::from_hours(365 * 24);
    begin.checked_add(span).unwrap_or_else(|| begin + A_YEAR)
}
