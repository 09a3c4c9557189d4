//! The machine beside the machine.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::compare::{Heed, Output, Trace, moment};
use super::{Cuts, Decode, Moments, Promises};
use crate::actor::{Actor, AnyCommand};
use crate::machine::{Conn, ConnMap, Effect, Effects, Input, Law, Lead, Violation};
use crate::seed;
use crate::time::Instant;

/// A second machine that gets the same, later and in other slices.
///
/// Where it pauses a stream in the middle of a slice that the first machine got whole, it falls behind: nothing more of
/// that stream may be handed to it. What both put out from then on is kept, and compared when it has caught up.
pub(super) struct Twin<'s> {
    pub(super) actor: Box<dyn Actor + 's>,
    pub(super) shift: Duration,
    /// It gets exactly what the machine gets.
    pub(super) plain: bool,
    pub(super) decode: Option<Decode>,
    steps: u64,
    /// How many of the effects were looked at.
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

impl<'s> Twin<'s> {
    pub(super) fn new(actor: Box<dyn Actor + 's>, shift: Duration) -> Self {
        Self {
            actor,
            shift,
            plain: false,
            decode: None,
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

    /// Begins with a new machine, which has been made.
    pub(super) fn reset(&mut self) {
        self.steps = 0;
        self.seen = 0;
        self.paused = ConnMap::default();
        self.closed.clear();
        (self.done, self.was_cut, self.behind_since) = (false, false, None);
        self.traces.iter_mut().for_each(Trace::clear);
        self.leads.clear();
    }

    /// Writes what distinguishes its state from others. False if it has none to write, or is behind.
    pub(super) fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.done, self.was_cut).hash(&mut to);
        self.behind_since.is_none() && self.actor.fingerprint(now + self.shift, to)
    }

    /// Makes ready for an input: the streams are those of the machine.
    pub(super) fn begin(&mut self, ours: &mut Effects) {
        self.steps += 1;
        self.seen = 0;
        self.closed.clear();
        self.actor.forget_events();
        let effects = self.actor.effects();
        effects.clear();
        // Misuse shows in what is missing from the output.
        let _ = effects.take_misuse();
        effects.mirror_streams(ours);
        for lead in self.leads.drain(..) {
            effects.give_lead(lead);
        }
    }

    /// Whether an input leads to where a twin that is behind can no longer follow, though it broke no law: a timer
    /// that only one of the two has, or the end of a stream of which it has still to read. `deadline` is that of the
    /// machine before the input.
    pub(super) fn has_lost_track(
        &self,
        deadline: Option<Instant>,
        input: &Input<'_, dyn AnyCommand>,
        now: Instant,
    ) -> bool {
        if self.behind_since.is_none() {
            return false;
        }
        let deadlines = [deadline.map(|at| at + self.shift), self.actor.deadline()];
        let one_is_due = deadlines.iter().flatten().any(|&due_at| due_at <= now + self.shift);
        let unread = match input {
            Input::Closed { conn, .. } => self.paused.get(*conn).is_some_and(|waiting| !waiting.is_empty()),
            _ => false,
        };
        unread || (one_is_due && deadlines[0] != deadlines[1])
    }

    /// Gives it what the machine got, a stream's bytes in slices of its own.
    pub(super) fn feed(&mut self, input: &Input<'_, dyn AnyCommand>, now: Instant, cuts: Cuts) {
        match *input {
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
            _ => self.handle(input, now),
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
            self.handle(&Input::Received { conn, bytes: slice }, now);
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
                    None => self.handle(&Input::Eof { conn }, now),
                }
            }
        }
    }

    /// Hands in one input, and notes which streams it pauses, resumes and closes.
    fn handle(&mut self, input: &Input<'_, dyn AnyCommand>, now: Instant) {
        if self.done {
            return;
        }
        let effects = self.actor.handle(input, now + self.shift).effects;
        for effect in effects.turns_from(self.seen) {
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
        self.seen = effects.len();
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
        ours: Output<'_>,
        now: Instant,
        promises: &Promises,
    ) -> Result<bool, Violation> {
        let Promises { cuts, moments, .. } = *promises;
        let moments = if self.shift.is_zero() { Moments::None } else { moments };
        let heed = Heed { events: cuts == Cuts::Free || !self.was_cut, pauses: !self.was_cut, moments };
        let was_behind_since = self.behind_since;
        let is_behind = !self.done && self.paused.iter().any(|(_, waiting)| !waiting.is_empty());
        let its = Output { effects: self.actor.peek(), mark: 0, events: self.actor.events() };
        let same = if was_behind_since.is_some() || is_behind {
            self.traces[0].extend(ours, heed);
            self.traces[1].extend(its, heed);
            is_behind || self.traces[0] == self.traces[1]
        } else {
            ours.same(its, heed)
        };
        if is_behind {
            self.behind_since.get_or_insert(now);
            self.actor.peek().leads_over(ours.effects, &mut self.leads);
            return Ok(true);
        }
        self.behind_since = None;
        let is_in_time = deadline.map(|due_at| due_at + self.shift) == self.actor.deadline();
        if same && is_in_time {
            // Nothing is kept of two that keep step.
            if was_behind_since.is_some() {
                self.traces.iter_mut().for_each(Trace::clear);
            }
            return Ok(true);
        }
        if same && was_behind_since.is_some_and(|since| since < now) {
            // It has read later than the machine, and so may wait longer.
            self.traces.iter_mut().for_each(Trace::clear);
            return Ok(false);
        }
        if was_behind_since.is_none() {
            self.traces[0].extend(ours, heed);
            self.traces[1].extend(its, heed);
        }
        Err(self.difference(deadline, now))
    }

    fn difference(&self, deadline: Option<Instant>, now: Instant) -> Violation {
        let law = match (self.was_cut, self.shift.is_zero()) {
            (true, _) => Law::CutsDoNotMatter,
            (false, false) => Law::ShiftedInTime,
            (false, true) => Law::SameInputsSameOutputs,
        };
        let detail = self.traces[0].difference(&self.traces[1], self.decode).unwrap_or_else(|| {
            let (ours, its) = (moment(deadline, Duration::ZERO), moment(self.actor.deadline(), self.shift));
            format!("the deadline of the machine is {ours}, that of its twin {its}")
        });
        Violation { law, detail: format!("at {now} {detail}") }
    }
}
