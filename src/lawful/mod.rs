//! The laws, checked while a machine runs.

mod compare;
#[cfg(test)]
mod tests;
mod twin;

use std::hash::Hasher;
use std::time::Duration;

use crate::machine::{Effect, Input, Law, Machine, Outbox, Violation};
use crate::time::Instant;
use compare::moment;
use twin::Twin;

/// What a machine promises beyond the laws' own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// How many datagrams, writes and connects one input causes at most (law 8).
    pub max_messages: usize,
    /// How many bytes one input causes to be sent or written at most (law 8).
    pub max_bytes: usize,
    /// What may depend on how a stream is cut into slices (law 4).
    pub cuts: Cuts,
    /// Whether two machines that are made and fed equally put out the same. One that draws from the system does not, as
    /// TLS does: then laws 2, 4, 5 and 6, which a twin shows, are not held to it, and a run of it may not come again.
    pub repeatable: bool,
}

impl Promises {
    /// 16 messages, two send buffers' worth of bytes, nothing depends on cuts, and all can be made again.
    pub const DEFAULT: Self =
        Self { max_messages: 16, max_bytes: 128 * 1024, cuts: Cuts::Free, repeatable: true };
}

impl Default for Promises {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What may depend on how a stream is cut into slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// Nothing.
    Free,
    /// Events tell of single reads; the bytes on the wire stay the same. Once a stream was cut elsewhere, events are no
    /// longer compared.
    EventsTell,
    /// Each read is a message, so law 4 is not held.
    Matter,
}

/// A machine with the laws held to it. It is itself a machine and behaves as the one inside; a broken law comes out
/// as [`Effect::Violation`].
///
/// Beside the machine runs a twin that was made by the same factory. It gets the same inputs, but an hour later
/// (law 5), with a timeout before each input that is not yet due (law 2), and with streams cut in other places
/// (law 4); and yet it must put out the same (law 6). The other laws are seen on the machine alone; law 7, that
/// nothing panics, needs no wrapper: a panic is never caught here.
///
/// What differs may have several reasons: once a stream was cut elsewhere, a difference is called one of law 4;
/// before that, one of law 5. A run with a [`plain`](Lawful::plain) twin tells whether it was one of law 6.
///
/// ```
/// use lossproof::{Input, Instant, Lawful, Machine, Outbox, Promises, machine::Effect};
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
///             (Input::Timeout, Some(due_at)) if due_at <= now => {
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
/// let mut out = Outbox::default();
/// ticker.handle(Input::Start { local: "127.0.0.1:1".parse()? }, Instant::START, &mut out);
/// ticker.handle(Input::Timeout, Instant::from_millis(2_500), &mut out);
/// let broken = out.effects().find_map(|effect| match effect {
///     Effect::Violation(violation) => Some(violation.law.number()),
///     _ => None,
/// });
/// assert_eq!(broken, Some(3));
/// # Ok::<(), lossproof::machine::PeerError>(())
/// ```
#[derive(Debug)]
pub struct Lawful<M: Machine> {
    machine: M,
    twin: Twin<M>,
    promises: Promises,
    last_at: Option<Instant>,
    /// A law was broken, or the two have come apart for a reason that no law forbids: the twin can no longer be
    /// compared.
    over: bool,
}

impl<M: Machine> Lawful<M> {
    /// How much later the twin's run begins.
    pub const TWIN_SHIFT: Duration = Duration::from_nanos(3_600_000_000_017);

    /// Holds the laws to `machine`; `twin` is another one from the same factory and the same
    /// [`Boot`](crate::machine::Boot).
    pub fn new(machine: M, twin: M, promises: Promises) -> Self {
        let twin = Twin::new(twin, Self::TWIN_SHIFT);
        Self { machine, twin, promises, last_at: None, over: false }
    }

    /// Starts the twin this much later instead.
    #[must_use]
    pub fn with_shift(mut self, shift: Duration) -> Self {
        self.twin.shift = shift;
        self
    }

    /// Gives the twin exactly what the machine gets: no early timeouts, no cuts of its own. With no shift either, a
    /// difference can only be one of law 6.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.twin.plain = true;
        self
    }

    /// The machine inside.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Laws 3, 8 and 9, on what the machine has just put out.
    fn judge(
        &self,
        was_due: bool,
        now: Instant,
        out: &mut Outbox<M::Event>,
        mark: usize,
    ) -> Result<(), Violation> {
        if let Some(misuse) = out.take_misuse() {
            return Err(Violation { law: Law::SilentAfterTheEnd, detail: format!("at {now} {misuse}") });
        }
        if was_due && self.machine.deadline().is_some_and(|due_at| due_at <= now) {
            let deadline = moment(self.machine.deadline(), Duration::ZERO);
            let detail = format!("after the timeout at {now} the deadline is {deadline}, which is not later");
            return Err(Violation { law: Law::TimerAdvances, detail });
        }
        let (mut messages, mut bytes_len) = (0, 0);
        for effect in out.effects().skip(mark) {
            match effect {
                Effect::Send { bytes, .. } | Effect::Write { bytes, .. } => {
                    messages += 1;
                    bytes_len += bytes.len();
                }
                Effect::Connect { .. } => messages += 1,
                _ => {}
            }
        }
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

    fn checked(
        &mut self,
        input: Input<'_, M::Command>,
        now: Instant,
        out: &mut Outbox<M::Event>,
    ) -> Result<(), Violation> {
        if let Some(last_at) = self.last_at
            && now < last_at
        {
            self.machine.handle(input, now, out);
            let detail = format!("an input came at {now}, after one at {last_at}");
            return Err(Violation { law: Law::TimeGoesOn, detail });
        }
        let is_first = self.last_at.replace(now).is_none();
        let has_twin = self.promises.repeatable;
        if has_twin {
            self.twin.begin(out);
        }
        let early = if is_first || !has_twin { Ok(()) } else { self.twin.offer_early_timeout(now) };

        let (mark, deadline) = (out.len(), self.machine.deadline());
        let was_due = matches!(input, Input::Timeout) && deadline.is_some_and(|due_at| due_at <= now);
        self.machine.handle(input.clone(), now, out);
        early?;
        self.judge(was_due, now, out, mark)?;
        if !has_twin {
            return Ok(());
        }

        if self.twin.has_lost_track(deadline, &input, now) {
            self.over = true;
            return Ok(());
        }
        self.twin.feed(input, now, self.promises.cuts);
        self.over = !self.twin.compare(self.machine.deadline(), out, mark, now, self.promises.cuts)?;
        Ok(())
    }
}

impl<M: Machine> Machine for Lawful<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        if self.over {
            self.machine.handle(input, now, out);
        } else if let Err(violation) = self.checked(input, now, out) {
            self.over = true;
            out.violate(violation);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        // What the twin hides from its fingerprint, and in how many steps it came there, would show in the laws alone.
        self.machine.fingerprint(now, to) && (self.over || self.twin.fingerprint(now, to))
    }
}
