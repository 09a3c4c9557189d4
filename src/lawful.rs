//! The laws, checked while a machine runs.

use std::hash::Hasher;
use std::iter::Peekable;
use std::time::Duration;

use crate::machine::{Conn, ConnMap, Effect, Input, Law, Machine, Outbox, Violation};
use crate::seed;
use crate::time::Instant;

/// What a machine promises beyond the laws' own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// How many datagrams, writes and connects one input causes at most (law 8).
    pub max_messages: usize,
    /// How many bytes one input causes to be sent or written at most (law 8).
    pub max_bytes: usize,
    /// What may depend on how a stream is cut into slices (law 4).
    pub cuts: Cuts,
}

impl Default for Promises {
    /// 16 messages, two send buffers' worth of bytes, and nothing depends on cuts.
    fn default() -> Self {
        Self { max_messages: 16, max_bytes: 128 * 1024, cuts: Cuts::Free }
    }
}

/// What may depend on how a stream is cut into slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// Nothing.
    Free,
    /// Events tell of single reads; the bytes on the wire stay the same.
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
    twin: M,
    twin_out: Outbox<M::Event>,
    promises: Promises,
    shift: Duration,
    last_at: Option<Instant>,
    steps: u64,
    lag: Lag,
    /// A law was broken: the twin can no longer be compared.
    broken: bool,
}

/// What the twin has not been given yet, because it paused a stream in the middle of a slice that the machine got
/// whole.
#[derive(Debug, Default)]
struct Lag {
    held: ConnMap<Held>,
    /// What each has put out since they parted: the machine, the twin.
    traces: [Trace; 2],
}

#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    eof: bool,
    /// How many bytes more the machine has written to this stream than the twin.
    unwritten_len: u32,
}

/// Effects in a form that can be kept: neighbouring writes to one stream joined.
#[derive(Debug, Default, PartialEq)]
struct Trace(Vec<(Option<Conn>, Vec<u8>)>);

impl<M: Machine> Lawful<M> {
    /// How much later the twin's run begins.
    pub const TWIN_SHIFT: Duration = Duration::from_nanos(3_600_000_000_017);

    /// Holds the laws to `machine`; `twin` is another one from the same factory and the same
    /// [`Boot`](crate::machine::Boot).
    pub fn new(machine: M, twin: M, promises: Promises) -> Self {
        Self {
            machine,
            twin,
            twin_out: Outbox::default(),
            promises,
            shift: Self::TWIN_SHIFT,
            last_at: None,
            steps: 0,
            lag: Lag::default(),
            broken: false,
        }
    }

    /// Starts the twin this much later instead. With no shift at all a difference can only be one of law 6.
    #[must_use]
    pub fn with_shift(mut self, shift: Duration) -> Self {
        self.shift = shift;
        self
    }

    /// The machine inside.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Law 2, on the twin: a timeout that is not due changes nothing.
    fn offer_early_timeout(&mut self, now: Instant) -> Result<(), Violation> {
        let deadline = self.twin.deadline();
        let twin_now = now + self.shift;
        if self.last_at.is_none() || deadline.is_some_and(|due_at| due_at <= twin_now) {
            return Ok(());
        }
        self.twin.handle(Input::Timeout, twin_now, &mut self.twin_out);
        if self.twin_out.is_empty()
            && self.twin_out.take_misuse().is_none()
            && self.twin.deadline() == deadline
        {
            return Ok(());
        }
        let detail = format!(
            "at {now} a timeout came before the deadline {}; it put out {} and the deadline became {}",
            moment(deadline, self.shift),
            list(&self.twin_out, 0),
            moment(self.twin.deadline(), self.shift),
        );
        Err(Violation { law: Law::EarlyTimeout, detail })
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

    /// Gives the twin what the machine got, a stream's bytes in slices of its own. True if they were cut.
    fn feed_twin(&mut self, input: Input<'_, M::Command>, now: Instant) -> bool {
        let now = now + self.shift;
        match input {
            Input::Received { conn, bytes } if self.promises.cuts != Cuts::Matter => {
                if let Some(held) = self.lag.held.get_mut(conn) {
                    held.bytes.extend_from_slice(bytes);
                    return true;
                }
                self.feed_slices(conn, bytes, now)
            }
            Input::Eof { conn } if self.lag.held.get(conn).is_some() => {
                if let Some(held) = self.lag.held.get_mut(conn) {
                    held.eof = true;
                }
                true
            }
            input => {
                self.twin.handle(input, now, &mut self.twin_out);
                false
            }
        }
    }

    /// Slices of pseudo-random lengths, up to the one after which the twin wants no more.
    fn feed_slices(&mut self, conn: Conn, bytes: &[u8], now: Instant) -> bool {
        let mut rest = bytes;
        let mut slices = 0;
        while !rest.is_empty() {
            slices += 1;
            let bits = seed::mix(self.steps, slices);
            let len =
                if slices == 8 { rest.len() } else { 1 + seed::below(bits, rest.len() as u64) as usize };
            let (slice, after) = rest.split_at(len);
            rest = after;
            self.twin.handle(Input::Received { conn, bytes: slice }, now, &mut self.twin_out);
            match appetite(&self.twin_out, conn) {
                Appetite::Hungry => {}
                Appetite::Paused if !rest.is_empty() => {
                    self.lag.held.insert(conn, Held { bytes: rest.to_vec(), ..Held::default() });
                    return true;
                }
                Appetite::Paused | Appetite::Finished => break,
            }
        }
        slices > 1
    }

    /// Gives the twin what was held for streams that it has resumed.
    fn catch_up(&mut self, now: Instant) {
        let resumed: Vec<Conn> = (self.lag.held.iter())
            .filter(|(conn, _)| appetite_or(&self.twin_out, *conn, Appetite::Paused) != Appetite::Paused)
            .map(|(conn, _)| conn)
            .collect();
        for conn in resumed {
            let Some(held) = self.lag.held.remove(conn) else { continue };
            self.feed_slices(conn, &held.bytes, now + self.shift);
            match self.lag.held.get_mut(conn) {
                Some(again) => (again.eof, again.unwritten_len) = (held.eof, held.unwritten_len),
                None if held.eof => {
                    self.twin.handle(Input::Eof { conn }, now + self.shift, &mut self.twin_out);
                }
                None => {}
            }
        }
    }

    /// Laws 4, 5 and 6: the twin has put out the same as the machine.
    fn compare(
        &mut self,
        out: &Outbox<M::Event>,
        mark: usize,
        was_cut: bool,
        now: Instant,
    ) -> Option<Violation> {
        let lagging = !self.lag.held.is_empty();
        let parted = lagging || !self.lag.traces[0].0.is_empty() || !self.lag.traces[1].0.is_empty();
        let events = self.promises.cuts == Cuts::Free;
        let same = if parted {
            self.lag.traces[0].extend(out.effects().skip(mark), events);
            self.lag.traces[1].extend(self.twin_out.effects(), events);
            lagging || self.lag.traces[0] == self.lag.traces[1]
        } else {
            same_effects(out.effects().skip(mark), self.twin_out.effects(), events)
        };
        let deadlines = (self.machine.deadline().map(|due_at| due_at + self.shift), self.twin.deadline());
        if same && (lagging || deadlines.0 == deadlines.1) {
            if !lagging {
                self.lag.traces = Default::default();
            }
            return None;
        }
        let law = match (was_cut || parted, self.shift.is_zero()) {
            (true, _) => Law::CutsDoNotMatter,
            (false, false) => Law::ShiftedInTime,
            (false, true) => Law::SameInputsSameOutputs,
        };
        let detail = format!(
            "at {now} the machine put out {} with the deadline {}, its twin {} with {}",
            list(out, mark),
            moment(self.machine.deadline(), Duration::ZERO),
            list(&self.twin_out, 0),
            moment(self.twin.deadline(), self.shift),
        );
        Some(Violation { law, detail })
    }

    fn checked(
        &mut self,
        input: Input<'_, M::Command>,
        now: Instant,
        out: &mut Outbox<M::Event>,
    ) -> Option<Violation> {
        if self.last_at.is_some_and(|last_at| now < last_at) {
            let detail =
                format!("an input came at {now}, after one at {}", moment(self.last_at, Duration::ZERO));
            self.machine.handle(input, now, out);
            return Some(Violation { law: Law::TimeGoesOn, detail });
        }
        self.twin_out.drain(|_| ());
        let early = self.offer_early_timeout(now).err();
        self.last_at = Some(now);
        self.steps += 1;

        let mark = out.len();
        self.twin_out.mirror_streams(out);
        for (conn, held) in self.lag.held.iter() {
            self.twin_out.widen(conn, held.unwritten_len);
        }
        let closed = match input {
            Input::Closed { conn, .. } => Some(conn),
            _ => None,
        };
        let was_due = matches!(input, Input::Timeout) && self.machine.deadline().is_some_and(|at| at <= now);
        self.machine.handle(input.clone(), now, out);
        if let Some(violation) = early.or_else(|| self.judge(was_due, now, out, mark).err()) {
            return Some(violation);
        }
        if closed.is_some_and(|conn| self.lag.held.get(conn).is_some()) {
            // What the twin had still to read went down with the connection: nothing can be compared from here.
            self.broken = true;
            return None;
        }
        let was_cut = self.feed_twin(input, now);
        self.catch_up(now);
        let violation = self.compare(out, mark, was_cut, now);
        for (conn, held) in self.lag.held.iter_mut() {
            let room = |out: &Outbox<M::Event>| out.free_len(conn).unwrap_or(0);
            held.unwritten_len = room(&self.twin_out).saturating_sub(room(out));
        }
        violation
    }
}

impl<M: Machine> Machine for Lawful<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        if self.broken {
            self.machine.handle(input, now, out);
        } else if let Some(violation) = self.checked(input, now, out) {
            self.broken = true;
            out.violate(violation);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        self.machine.fingerprint(now, to)
    }
}

/// What a machine wants of a stream, after what it has put out.
#[derive(Clone, Copy, PartialEq)]
enum Appetite {
    Hungry,
    Paused,
    Finished,
}

fn appetite<E>(out: &Outbox<E>, conn: Conn) -> Appetite {
    appetite_or(out, conn, Appetite::Hungry)
}

fn appetite_or<E>(out: &Outbox<E>, conn: Conn, before: Appetite) -> Appetite {
    out.effects().fold(before, |appetite, effect| match effect {
        Effect::Done(_) => Appetite::Finished,
        Effect::Close { conn: of } | Effect::Abort { conn: of } if of == conn => Appetite::Finished,
        Effect::Pause { conn: of } if of == conn && appetite != Appetite::Finished => Appetite::Paused,
        Effect::Resume { conn: of } if of == conn && appetite != Appetite::Finished => Appetite::Hungry,
        _ => appetite,
    })
}

/// Whether two runs of effects are the same, however their writes are cut.
fn same_effects<'a, E: PartialEq + 'a>(
    left: impl Iterator<Item = Effect<'a, &'a E>>,
    right: impl Iterator<Item = Effect<'a, &'a E>>,
    events: bool,
) -> bool {
    let wanted = |effect: &Effect<'_, &E>| events || !matches!(effect, Effect::Event(_));
    let (mut left, mut right) = (left.filter(wanted).peekable(), right.filter(wanted).peekable());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(Effect::Write { conn: a, bytes: x }), Some(Effect::Write { conn: b, bytes: y }))
                if a == b =>
            {
                if !same_writes(a, x, &mut left, y, &mut right) {
                    return false;
                }
            }
            (x, y) if x == y => {}
            _ => return false,
        }
    }
}

/// Whether two runs of neighbouring writes to one stream, which begin with `x` and `y`, have the same bytes.
fn same_writes<'a, E: 'a>(
    conn: Conn,
    mut x: &'a [u8],
    left: &mut Peekable<impl Iterator<Item = Effect<'a, &'a E>>>,
    mut y: &'a [u8],
    right: &mut Peekable<impl Iterator<Item = Effect<'a, &'a E>>>,
) -> bool {
    let more = |effect: &Effect<'_, &E>| matches!(effect, Effect::Write { conn: of, .. } if *of == conn);
    loop {
        let len = x.len().min(y.len());
        if x[..len] != y[..len] {
            return false;
        }
        (x, y) = (&x[len..], &y[len..]);
        if x.is_empty() {
            match left.next_if(more) {
                Some(Effect::Write { bytes, .. }) => x = bytes,
                _ => return y.is_empty() && right.next_if(more).is_none(),
            }
        }
        if y.is_empty() {
            match right.next_if(more) {
                Some(Effect::Write { bytes, .. }) => y = bytes,
                _ => return x.is_empty() && left.next_if(more).is_none(),
            }
        }
    }
}

impl Trace {
    fn extend<'a, E: std::fmt::Debug + 'a>(
        &mut self,
        effects: impl Iterator<Item = Effect<'a, &'a E>>,
        events: bool,
    ) {
        for effect in effects {
            match (effect, self.0.last_mut()) {
                (Effect::Event(_), _) if !events => {}
                (Effect::Write { conn, bytes }, Some((Some(of), joined))) if *of == conn => {
                    joined.extend_from_slice(bytes);
                }
                (Effect::Write { conn, bytes }, _) => self.0.push((Some(conn), bytes.to_vec())),
                // Where a pause falls depends on the cuts; that it comes to the same bytes is what counts.
                (Effect::Pause { .. } | Effect::Resume { .. }, _) => {}
                (other, _) => self.0.push((None, format!("{other:?}").into_bytes())),
            }
        }
    }
}

/// What is in an outbox from `mark` on, for a report.
fn list<E: std::fmt::Debug>(out: &Outbox<E>, mark: usize) -> String {
    let effects: Vec<String> = out.effects().skip(mark).map(|effect| format!("{effect:?}")).collect();
    if effects.is_empty() { "nothing".to_owned() } else { effects.join(", ") }
}

/// A deadline as the machine sees it that runs without a shift.
fn moment(deadline: Option<Instant>, shift: Duration) -> String {
    match deadline {
        Some(at) => {
            Instant::from_nanos((at.since_start().saturating_sub(shift)).as_nanos() as u64).to_string()
        }
        None => "none".to_owned(),
    }
}
