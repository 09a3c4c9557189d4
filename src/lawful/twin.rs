//! The machine beside the machine.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::Cuts;
use super::compare::{Heed, Trace, list, moment, same_effects};
use crate::machine::{Conn, ConnMap, Effect, Input, Law, Lead, Machine, Outbox, Violation};
use crate::seed;
use crate::time::Instant;

/// A second machine that gets the same, later and in other slices.
///
/// Where it pauses a stream in the middle of a slice that the first machine got whole, it falls behind: nothing more of
/// that stream may be handed to it. What both put out from then on is kept, and compared when it has caught up.
#[derive(Debug)]
pub(super) struct Twin<M: Machine> {
    machine: M,
    out: Outbox<M::Event>,
    pub(super) shift: Duration,
    /// It gets exactly what the machine gets.
    pub(super) plain: bool,
    steps: u64,
    /// How many of the effects in `out` were looked at.
    seen: usize,
    /// The streams that it has paused.
    paused: ConnMap<Waiting>,
    /// The streams that it has closed in this step.
    closed: Vec<Conn>,
    done: bool,
    /// A stream was once cut elsewhere than the machine's.
    was_cut: bool,
    /// Since when it has been behind.
    behind_since: Option<Instant>,
    /// What each has put out since then: the machine, the twin.
    traces: [Trace; 2],
    /// The room that it has left in send buffers and the machine has used.
    leads: Vec<Lead>,
}

/// What came on a stream since the twin has paused it.
#[derive(Debug, Default)]
struct Waiting {
    resumed: bool,
    bytes: Vec<u8>,
    eof: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.eof
    }
}

impl<M: Machine> Twin<M> {
    pub(super) fn new(machine: M, shift: Duration) -> Self {
        Self {
            machine,
            out: Outbox::default(),
            shift,
            plain: false,
            steps: 0,
            seen: 0,
            paused: ConnMap::default(),
            closed: Vec::new(),
            done: false,
            was_cut: false,
            behind_since: None,
            traces: Default::default(),
            leads: Vec::new(),
        }
    }

    /// Writes what distinguishes its state from others. False if it has none to write, or is behind.
    pub(super) fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.done, self.was_cut).hash(&mut to);
        self.behind_since.is_none() && self.machine.fingerprint(now + self.shift, to)
    }

    /// Makes ready for an input: the streams are those of the machine.
    pub(super) fn begin<F>(&mut self, out: &Outbox<F>) {
        self.steps += 1;
        self.seen = 0;
        self.closed.clear();
        self.out.drain(|_| ());
        // Misuse shows in what is missing from the output.
        let _ = self.out.take_misuse();
        self.out.mirror_streams(out);
        for lead in self.leads.drain(..) {
            self.out.give_lead(lead);
        }
    }

    /// Law 2: a timeout that is not due changes nothing.
    pub(super) fn offer_early_timeout(&mut self, now: Instant) -> Result<(), Violation> {
        let deadline = self.machine.deadline();
        let twin_now = now + self.shift;
        if self.plain || deadline.is_some_and(|due_at| due_at <= twin_now) {
            return Ok(());
        }
        self.machine.handle(Input::Timeout, twin_now, &mut self.out);
        if self.out.is_empty() && self.out.take_misuse().is_none() && self.machine.deadline() == deadline {
            return Ok(());
        }
        let detail = format!(
            "at {now} a timeout came before the deadline {}; it put out {} and the deadline became {}",
            moment(deadline, self.shift),
            list(&self.out, 0),
            moment(self.machine.deadline(), self.shift),
        );
        Err(Violation { law: Law::EarlyTimeout, detail })
    }

    /// Whether an input leads to where a twin that is behind can no longer follow, though it broke no law: a timer
    /// that only one of the two has, or the end of a stream of which it has still to read. `deadline` is that of the
    /// machine before the input.
    pub(super) fn has_lost_track<C>(
        &self,
        deadline: Option<Instant>,
        input: &Input<'_, C>,
        now: Instant,
    ) -> bool {
        if self.behind_since.is_none() {
            return false;
        }
        let deadlines = [deadline.map(|at| at + self.shift), self.machine.deadline()];
        let one_is_due = deadlines.iter().flatten().any(|&due_at| due_at <= now + self.shift);
        let unread = match input {
            Input::Closed { conn, .. } => self.paused.get(*conn).is_some_and(|waiting| !waiting.is_empty()),
            _ => false,
        };
        unread || (one_is_due && deadlines[0] != deadlines[1])
    }

    /// Gives it what the machine got, a stream's bytes in slices of its own.
    pub(super) fn feed(&mut self, input: Input<'_, M::Command>, now: Instant, cuts: Cuts) {
        match input {
            Input::Received { conn, bytes } => {
                if let Some(waiting) = self.paused.get_mut(conn) {
                    waiting.bytes.extend_from_slice(bytes);
                } else if self.plain || cuts == Cuts::Matter {
                    self.handle(input, now);
                } else {
                    self.feed_slices(conn, bytes, now);
                }
            }
            Input::Eof { conn } if self.paused.get(conn).is_some() => {
                if let Some(waiting) = self.paused.get_mut(conn) {
                    waiting.eof = true;
                }
            }
            Input::Closed { conn, .. } | Input::ConnectFailed { conn, .. } => {
                self.paused.remove(conn);
                self.handle(input, now);
            }
            input => self.handle(input, now),
        }
        self.catch_up(now);
    }

    /// Slices of pseudo-random lengths, up to the one after which it wants no more for now.
    fn feed_slices(&mut self, conn: Conn, bytes: &[u8], now: Instant) {
        let mut rest = bytes;
        let mut slices = 0;
        while !rest.is_empty() && !self.has_ended(conn) {
            if let Some(waiting) = self.paused.get_mut(conn) {
                waiting.bytes.extend_from_slice(rest);
                return;
            }
            slices += 1;
            let bits = seed::mix(self.steps, slices);
            let len =
                if slices == 8 { rest.len() } else { 1 + seed::below(bits, rest.len() as u64) as usize };
            let (slice, after) = rest.split_at(len);
            rest = after;
            self.was_cut |= !rest.is_empty();
            self.handle(Input::Received { conn, bytes: slice }, now);
        }
    }

    /// Gives it what waited for the streams that it has resumed.
    fn catch_up(&mut self, now: Instant) {
        let resumed = |paused: &ConnMap<Waiting>| {
            paused.iter().find(|(_, waiting)| waiting.resumed).map(|(conn, _)| conn)
        };
        while let Some(conn) = resumed(&self.paused) {
            let Some(waiting) = self.paused.remove(conn) else { return };
            self.feed_slices(conn, &waiting.bytes, now);
            if waiting.eof && !self.has_ended(conn) {
                match self.paused.get_mut(conn) {
                    Some(again) => again.eof = true,
                    None => self.handle(Input::Eof { conn }, now),
                }
            }
        }
    }

    /// Hands in one input, and notes which streams it pauses, resumes and closes.
    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant) {
        if self.done {
            return;
        }
        self.machine.handle(input, now + self.shift, &mut self.out);
        for effect in self.out.effects().skip(self.seen) {
            match effect {
                Effect::Pause { conn } if !self.closed.contains(&conn) => match self.paused.get_mut(conn) {
                    Some(waiting) => waiting.resumed = false,
                    None => _ = self.paused.insert(conn, Waiting::default()),
                },
                Effect::Resume { conn } => match self.paused.get_mut(conn) {
                    Some(waiting) if !waiting.is_empty() => waiting.resumed = true,
                    _ => _ = self.paused.remove(conn),
                },
                Effect::Close { conn } | Effect::Abort { conn } => {
                    self.paused.remove(conn);
                    self.closed.push(conn);
                }
                Effect::Done(_) => self.done = true,
                _ => {}
            }
        }
        self.seen = self.out.len();
    }

    /// Whether it wants nothing more of a stream.
    fn has_ended(&self, conn: Conn) -> bool {
        self.done || self.closed.contains(&conn)
    }

    /// Laws 4, 5 and 6: it has put out the same as the machine, and waits for the same moment. False if the two have
    /// come apart for a reason that no law forbids.
    pub(super) fn compare(
        &mut self,
        deadline: Option<Instant>,
        out: &Outbox<M::Event>,
        mark: usize,
        now: Instant,
        cuts: Cuts,
    ) -> Result<bool, Violation> {
        let heed = Heed { events: cuts == Cuts::Free || !self.was_cut, pauses: !self.was_cut };
        let was_behind_since = self.behind_since;
        let is_behind = !self.done && self.paused.iter().any(|(_, waiting)| !waiting.is_empty());
        let same = if was_behind_since.is_some() || is_behind {
            self.traces[0].extend(out.effects().skip(mark), heed);
            self.traces[1].extend(self.out.effects(), heed);
            is_behind || self.traces[0] == self.traces[1]
        } else {
            same_effects(out.effects().skip(mark), self.out.effects(), heed)
        };
        if is_behind {
            self.behind_since.get_or_insert(now);
            self.out.leads_over(out, &mut self.leads);
            return Ok(true);
        }
        self.behind_since = None;
        self.traces.iter_mut().for_each(Trace::clear);
        if same && deadline.map(|due_at| due_at + self.shift) == self.machine.deadline() {
            return Ok(true);
        }
        if same && was_behind_since.is_some_and(|since| since < now) {
            // It has read later than the machine, and so may wait longer.
            return Ok(false);
        }
        Err(self.difference(deadline, out, mark, now))
    }

    fn difference(
        &self,
        deadline: Option<Instant>,
        out: &Outbox<M::Event>,
        mark: usize,
        now: Instant,
    ) -> Violation {
        let law = match (self.was_cut, self.shift.is_zero()) {
            (true, _) => Law::CutsDoNotMatter,
            (false, false) => Law::ShiftedInTime,
            (false, true) => Law::SameInputsSameOutputs,
        };
        let detail = format!(
            "at {now} the machine put out {} with the deadline {}, its twin {} with {}",
            list(out, mark),
            moment(deadline, Duration::ZERO),
            list(&self.out, 0),
            moment(self.machine.deadline(), self.shift),
        );
        Violation { law, detail }
    }
}
