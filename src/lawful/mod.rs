//! The laws, checked while a machine runs.

mod checked;
mod compare;
mod promises;
#[cfg(test)]
mod tests;
mod truth;
mod twin;

use std::any::Any;
use std::fmt;
use std::hash::Hasher;
use std::time::Duration;

pub(crate) use checked::Checked;
pub use promises::{Cuts, Moments, Promises};

use crate::actor::{Actor, AnyCommand, Edge, Turn};
use crate::machine::{Effects, Input, Law, Machine, Outbox, Violation};
use crate::time::Instant;
use compare::{Output, moment};
use truth::{Stand, Truths};
use twin::Twin;

/// How a message is shown, where its bytes alone say little; `None` for one that is none of the protocol's.
pub type Decode = fn(&[u8]) -> Option<String>;

/// How much later a twin's run begins. Whole milliseconds, so that a clock that goes by those can be kept; not whole
/// seconds, so that what is rounded to those shows.
pub const TWIN_SHIFT: Duration = Duration::from_millis(3_600_017);

/// Checks the laws on one machine, with its twin.
///
/// A twin, made by the same factory, runs in addition to the machine. It receives the same inputs with its clock one
/// hour ahead (law 5) and with streams split at other places (law 4), and it must emit the same (law 6). The other laws
/// need only the machine. Law 7, that nothing panics, needs no check here: a panic is never caught.
///
/// A difference can have several causes. After the first different split it is reported as law 4, before that as law 5.
/// A run with a plain twin shows whether it is law 6.
struct Judge<'s> {
    twin: Twin<'s>,
    truths: Truths,
    /// Whether fingerprints are looked at in this run.
    looks_at_fingerprints: bool,
    promises: Promises,
    last_at: Option<Instant>,
    /// The machine's, before the input.
    deadline: Option<Instant>,
    /// A law was broken, or the two have come apart for a reason that no law forbids: the twin can no longer be
    /// compared.
    over: bool,
}

/// What was so before an input.
struct Before {
    /// How many steps were in the outbox.
    mark: usize,
    /// The input is a timeout that is due.
    was_due: bool,
    /// The moment of an input that should have come after this one.
    later_at: Option<Instant>,
    /// Where the machine stood.
    stand: Option<Stand>,
}

impl<'s> Judge<'s> {
    fn new(twin: Twin<'s>, promises: Promises) -> Self {
        let truths = Truths::default();
        Self {
            twin,
            truths,
            looks_at_fingerprints: false,
            promises,
            last_at: None,
            deadline: None,
            over: false,
        }
    }

    /// Where a machine stands before an input, if that is looked at. Where messages carry moments, equal states put out
    /// other ones.
    fn stand(
        &mut self,
        machine: &dyn Actor,
        input: &Input<'_, dyn AnyCommand>,
        now: Instant,
    ) -> Option<Stand> {
        let looks = self.looks_at_fingerprints && matches!(self.promises.moments, Moments::None);
        if looks && self.promises.is_repeatable { self.truths.stand(machine, input, now) } else { None }
    }

    /// Begins with a new machine and a new twin.
    fn reset(&mut self) {
        self.twin.reset();
        self.truths.reset();
        (self.last_at, self.deadline, self.over) = (None, None, false);
    }

    /// To be called before an input is handed to the machine, with its outbox.
    fn begin(&mut self, input: &Input<'_, dyn AnyCommand>, now: Instant, ours: &mut Effects) -> Before {
        let later_at = self.last_at.filter(|last_at| now < *last_at);
        self.last_at = Some(now);
        if later_at.is_none() && self.promises.is_repeatable {
            self.twin.begin(ours);
        }
        let was_due = matches!(input, Input::Timeout) && self.deadline.is_some_and(|due_at| due_at <= now);
        Before { mark: ours.len(), was_due, later_at, stand: None }
    }

    /// To be called with what the machine has made of it. A broken law is added to its effects.
    fn end(&mut self, before: &Before, input: &Input<'_, dyn AnyCommand>, now: Instant, turn: &mut Turn<'_>) {
        if let Err(violation) = self.judge(before, input, now, turn) {
            self.over = true;
            turn.effects.violate(violation);
        }
        self.deadline = turn.deadline;
    }

    fn judge(
        &mut self,
        before: &Before,
        input: &Input<'_, dyn AnyCommand>,
        now: Instant,
        turn: &mut Turn<'_>,
    ) -> Result<(), Violation> {
        if let Some(later_at) = before.later_at {
            let detail = format!("an input came at {now}, after one at {later_at}");
            return Err(Violation { law: Law::TimeGoesOn, detail });
        }
        self.judge_alone(before, now, turn)?;
        if let Some(stand) = before.stand
            && !self.truths.is_true(stand, before.mark, turn, now)
        {
            let detail = format!(
                "at {now} the machine put out something else than when it had the same fingerprint and this input before"
            );
            return Err(Violation { law: Law::FingerprintsAreTrue, detail });
        }
        if !self.promises.is_repeatable {
            return Ok(());
        }
        if self.twin.has_lost_track(self.deadline, input, now) {
            self.over = true;
            return Ok(());
        }
        self.twin.feed(input, now, self.promises.cuts);
        let ours = Output { effects: turn.effects, mark: before.mark, events: turn.events };
        self.over = !self.twin.compare(turn.deadline, ours, now, &self.promises)?;
        Ok(())
    }

    /// Laws 3, 8 and 9, on what the machine has just put out.
    fn judge_alone(&self, before: &Before, now: Instant, turn: &mut Turn<'_>) -> Result<(), Violation> {
        if let Some(misuse) = turn.effects.take_misuse() {
            return Err(Violation { law: Law::SilentAfterTheEnd, detail: format!("at {now} {misuse}") });
        }
        if before.was_due && turn.deadline.is_some_and(|due_at| due_at <= now) {
            let deadline = moment(turn.deadline, Duration::ZERO);
            let detail = format!("after the timeout at {now} the deadline is {deadline}, which is not later");
            return Err(Violation { law: Law::TimerAdvances, detail });
        }
        let (messages, bytes_len) = turn.effects.weight_from(before.mark);
        let Promises { max_messages, max_bytes, .. } = self.promises;
        if messages > max_messages || bytes_len > max_bytes {
            let detail = format!(
                "at {now} one input caused {messages} messages with {bytes_len} bytes; \
                 promised are at most {max_messages} with {max_bytes}"
            );
            return Err(Violation { law: Law::BoundedOutput, detail });
        }
        Ok(())
    }

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        // What the twin hides from its fingerprint, and in how many steps it came there, would show in the laws alone.
        self.over || self.twin.fingerprint(now, to)
    }

    /// How much later the twin begins; not at all if law 5 was given up.
    fn set(&mut self, shift: Duration, plain: bool) {
        let is_given_up = matches!(self.promises.moments, Moments::Anywhere);
        self.twin.shift = if is_given_up { Duration::ZERO } else { shift };
        self.twin.plain = plain;
    }
}

/// How the laws are checked in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rigour {
    /// How much later twins begin.
    pub(crate) shift: Duration,
    /// Twins get exactly what their machines get, so that what differs can be blamed on fewer laws.
    pub(crate) plain: bool,
    /// Whether fingerprints are looked at.
    pub(crate) fingerprints: bool,
}

/// A machine with the laws checked on it, for whoever drives single machines: fuzz targets and tests. It is itself a
/// machine and behaves as the one inside; a broken law comes out as [`Effect::Violation`](crate::machine::Effect). Simulated runs check the laws
/// by themselves.
///
/// ```
/// use lossproof::machine::{Effect, Outlet};
/// use lossproof::{Input, Instant, Lawful, Machine, Outbox, Promises};
/// use std::time::Duration;
///
/// /// Ticks every second, but forgets that a late timeout may leave the next deadline in the past.
/// struct Ticker(Option<Instant>);
///
/// impl Machine for Ticker {
///     type Command = ();
///     type Event = &'static str;
///
///     fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
///         match (input, self.0) {
///             (Input::Start { .. }, _) => self.0 = Some(now + Duration::from_secs(1)),
///             (Input::Timeout, Some(due_at)) => {
///                 out.event("tick");
///                 self.0 = Some(due_at + Duration::from_secs(1)); // should be the first one after `now`
///             }
///             _ => {}
///         }
///     }
///
///     fn deadline(&self) -> Option<Instant> {
///         self.0
///     }
/// }
///
/// let mut ticker = Lawful::new(Ticker(None), Ticker(None), Promises::default());
/// let mut out = Outlet::new();
/// out.feed(&mut ticker, Input::Start { local: "127.0.0.1:1".parse()? }, Instant::START);
/// out.feed(&mut ticker, Input::Timeout, Instant::from_millis(2_500));
/// let broken = out.effects().find_map(|effect| match effect {
///     Effect::Violation(violation) => Some(violation.law.number()),
///     _ => None,
/// });
/// assert_eq!(broken, Some(3));
/// # Ok::<(), lossproof::machine::PeerError>(())
/// ```
pub struct Lawful<M: Machine> {
    machine: M,
    judge: Judge<'static>,
}

impl<M: Machine> Lawful<M> {
    /// Checks the laws on `machine`; `twin` is another one from the same factory and the same
    /// [`Boot`](crate::Boot).
    pub fn new(machine: M, twin: M, promises: Promises) -> Self {
        let twin = Twin::new(Box::new(Edge::with(twin)), TWIN_SHIFT);
        let mut judge = Judge::new(twin, promises);
        judge.set(TWIN_SHIFT, false);
        Self { machine, judge }
    }

    /// Starts the twin this much later instead.
    #[must_use]
    pub fn with_shift(mut self, shift: Duration) -> Self {
        self.judge.set(shift, self.judge.twin.plain);
        self
    }

    /// Gives the twin exactly what the machine gets: no cuts of its own. With no shift either, a difference can only be
    /// one of law 6.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.judge.twin.plain = true;
        self
    }

    /// The machine inside.
    pub const fn machine(&self) -> &M {
        &self.machine
    }
}

impl<M: Machine<Command: AnyCommand>> Machine for Lawful<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        if self.judge.over {
            return self.machine.handle(input, now, out);
        }
        let erased = input.erased();
        let before = self.judge.begin(&erased, now, out);
        self.machine.handle(input, now, out);
        let deadline = self.machine.deadline();
        let (effects, events) = out.parts();
        self.judge.end(&before, &erased, now, &mut Turn { effects, events, deadline });
    }

    fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        self.machine.fingerprint(now, to) && self.judge.fingerprint(now, to)
    }

    fn shows(&self) -> Option<&dyn Any> {
        Some(&self.machine)
    }
}

impl<M: Machine + fmt::Debug> fmt::Debug for Lawful<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lawful").field("machine", &self.machine).finish_non_exhaustive()
    }
}
