//! The states that runs were in, and recognising one.

use std::hash::{Hash, Hasher};

use super::table::Table;
use crate::digest::{Digest, put_text};
use crate::engine::{Due, Engine};
use crate::fault::Resolved;
use crate::scenario::{Demand, Reads};
use crate::seed::mix;
use crate::time::Instant;

/// How many states are kept: some 300 MB. Further ones are not recognised, which costs time alone.
const MAX_STATES: usize = 1 << 22;
/// A search looks at a run without faults in about this many of its moments.
const MOMENTS: u64 = 128;
/// A search looks at a run with the most faults in this many of its first moments, then ever more rarely.
const FIRST_MOMENTS: u64 = 8;
/// From this number of events in one moment on, a search looks before time goes on.
const MAX_EVENTS: u32 = 16;

/// Where a state was first seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// In which run.
    pub(super) run: u32,
    /// How many of the run's children have their last fault before it.
    pub(super) offset: u32,
    /// How many inputs there had been.
    pub(super) inputs: u64,
    /// How many inputs more whoever is recognised as this has had, at most, than the run that was made to its end from here
    /// on.
    pub(super) behind: u64,
}

impl Seen {
    /// The same, as a run sees it that comes to the state after this number of inputs.
    pub(super) const fn by(&self, inputs: u64) -> Self {
        Self { behind: self.behind + inputs.saturating_sub(self.inputs), ..*self }
    }
}

/// A state that was not known when a run came to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh {
    pub(super) state: u128,
    /// How many sends there had been, and how many inputs.
    pub(super) sends: usize,
    pub(super) inputs: u64,
}

/// What tells states apart in one search, beside what engines write of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rule {
    /// Whether it matters how many inputs there were.
    pub(super) with_inputs: bool,
    /// What properties read.
    pub(super) reads: Reads,
    /// Of how many moments one is looked at: each, where runs are short.
    pub(super) of_moments: u64,
}

impl Rule {
    /// The rule for runs of this number of moments.
    pub(super) fn new(reads: Reads, moments: u64) -> Self {
        Self { with_inputs: false, reads, of_moments: (moments / MOMENTS).max(1) }
    }

    /// Whether a moment is looked at. That must not depend on the run, or two of them would never meet.
    fn takes(&self, now: Instant) -> bool {
        self.of_moments == 1 || mix(now.as_nanos(), 0).is_multiple_of(self.of_moments)
    }
}

/// The states of all runs so far, each as 128 bits.
///
/// # Why a property is not lost
///
/// Two states are equal here only if everything is that the rest of a run, and the verdict on it, depends on: what the
/// engine's fingerprint has (machines, streams, what is due, what is on its way), and beside it
/// - the events of each host whose events a property that is no fold reads, with their times, by their `Debug` text: it
///   may look at any of them. What is read is what the runs have read; if that turns out to be more than was thought, the
///   search is made once more with all of them;
/// - which demands were met, and how many machines have ended, for that may have been seen and be over;
/// - the moment, in absolute time: the rest of a run ends by the scenario's time limit, demands by their bounds; and where
///   such a bound is counted from the last start of a host, that;
/// - the states of folds, which may look at any datagram;
/// - how many inputs there were, where a property looks at their number, or a run may come to a bound on them: that of the
///   scenario, or that of a demand to converge. Otherwise it is not: nearly every fault changes that number and nothing
///   else. Whether it may is only known in the end; then the search is made once more.
///
/// How many faults are left need not be in it: runs are made in the order of their number of faults, so the one that
/// was here before had at least as many left. So each schedule that branches off from here on, and is left out, is one
/// that was tried or will be, with the same end. A run with the most faults is alone with its end: the one that was here
/// before went on to it without a further fault, or was broken off where another did.
///
/// Equal states stay equal for as long as no fault comes. So it is enough to look when time goes on, before what is due at
/// the new moment happens: what was sent until then is open in both runs, and what comes is not. Of the moments of long
/// runs a part is enough, and of those of a run that is only to be broken off as early as may be, fewer and fewer.
///
/// The 128 bits are an XXH3. By chance two of ten million states are taken for one another once in 10^24 searches; then a
/// schedule is left out.
#[derive(Debug, Default)]
pub(super) struct States {
    seen: Table,
    pub(super) rule: Rule,
}

impl States {
    /// No states yet.
    pub(super) fn new(rule: Rule) -> Self {
        Self { seen: Table::default(), rule }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.seen.len()
    }

    /// Where a state was seen, if it was.
    pub(super) fn get(&self, state: u128) -> Option<&Seen> {
        self.seen.get(state)
    }

    /// Keeps a state, if there is room.
    pub(super) fn keep(&mut self, state: u128, seen: Seen) {
        if self.seen.len() < MAX_STATES {
            self.seen.keep(state, seen);
        }
    }
}

/// What one thread looks at runs with.
#[derive(Debug, Default)]
pub(super) struct Eye {
    digest: Digest,
    due: Due,
    history: History,
    /// The states of the run that is being made which were not known.
    pub(super) fresh: Vec<Fresh>,
    /// How many moments of the run were looked at, or could have been.
    moments: u64,
    /// How many events there were since that was asked last, and how many sends then.
    events: u32,
    sends: usize,
}

impl Eye {
    /// A new run begins, which has these faults.
    pub(super) fn begin(&mut self, decisions: &[Resolved]) {
        self.fresh.clear();
        self.history.begin(decisions);
        (self.moments, self.events, self.sends) = (0, 0, 0);
    }

    /// To be asked after each event of a run: whether its state was that of another run before. If not, and if others may
    /// come to it (`keeps`), it is kept in mind.
    pub(super) fn look(
        &mut self,
        states: &States,
        engine: &mut Engine<'_>,
        now: Instant,
        keeps: bool,
    ) -> Option<Seen> {
        if !engine.is_open() {
            self.history.note(engine);
            return None;
        }
        let at = self.moment(engine, now)?;
        let rule = &states.rule;
        if !rule.takes(at) {
            return None;
        }
        self.moments += 1;
        let every = self.moments.next_power_of_two() / (2 * FIRST_MOMENTS);
        if !keeps && every > 1 && !self.moments.is_multiple_of(every) {
            return None;
        }
        let state = self.state(rule, engine, at)?;
        let inputs = engine.inputs();
        if let Some(seen) = states.get(state) {
            return Some(seen.by(inputs));
        }
        if keeps {
            self.fresh.push(Fresh { state, sends: engine.sends().len(), inputs });
        }
        None
    }

    /// The moment that comes, if the one that is now is over, or has lasted for long.
    fn moment(&mut self, engine: &mut Engine<'_>, now: Instant) -> Option<Instant> {
        let next_at = engine.next_at()?;
        self.events += 1;
        if next_at == now && (self.events < MAX_EVENTS || self.sends == engine.sends().len()) {
            return None;
        }
        (self.events, self.sends) = (0, engine.sends().len());
        (next_at <= engine.scenario().spec().max_time).then_some(next_at)
    }

    /// The state of a run before what is due at that moment.
    fn state(&mut self, rule: &Rule, engine: &Engine<'_>, at: Instant) -> Option<u128> {
        let to = &mut self.digest;
        to.clear();
        if !engine.fingerprint_for(at, rule.reads, &mut self.due, to) {
            return None;
        }
        at.hash(to);
        engine.ends().hash(to);
        if rule.with_inputs {
            (engine.inputs(), engine.inputs_since_calm()).hash(to);
        }
        let mut goes_by_start = false;
        for (property, watch) in engine.scenario().properties().iter().zip(engine.watches()) {
            to.write_u8(u8::from(watch.met));
            goes_by_start |= matches!(property.demand, Demand::Within(_)) && !watch.met;
        }
        if goes_by_start {
            engine.begun_at().hash(to);
        }
        for (fold, state) in engine.folds() {
            (fold.digest)(state, to);
        }
        to.write_u128(self.history.follow(engine, rule.reads));
        Some(self.digest.value())
    }
}

/// The events of a run as a chain of hashes.
#[derive(Debug, Default)]
struct History {
    digest: Digest,
    /// The hash of the events up to each.
    chain: Vec<u128>,
    /// The faults of the run, each with how many events there surely were before it.
    decisions: Vec<(Resolved, usize)>,
}

impl History {
    /// A new run begins, which has these faults. Runs come in the order of their faults: up to the first fault that is
    /// another, or later, it is as the one before.
    fn begin(&mut self, decisions: &[Resolved]) {
        let same =
            self.decisions.iter().zip(decisions).take_while(|((ours, _), theirs)| ours == *theirs).count();
        let is_next = self.decisions.len() == decisions.len();
        let shared = self.decisions.get(same).filter(|_| is_next).map_or(0, |(_, events)| *events);
        self.chain.truncate(shared);
        self.decisions.truncate(if is_next { same } else { 0 });
        let events = self.decisions.len();
        self.decisions.extend(decisions[events..].iter().map(|decision| (*decision, 0)));
    }

    /// To be called after each event, while faults are left.
    fn note(&mut self, engine: &Engine<'_>) {
        let (told, decided) = (engine.told().len(), engine.decided());
        for (_, events) in self.decisions.iter_mut().skip(decided) {
            *events = told;
        }
    }

    /// The hash of all events that are read.
    fn follow(&mut self, engine: &Engine<'_>, reads: Reads) -> u128 {
        let told = engine.told();
        for &(at, host, index) in &told[self.chain.len().min(told.len())..] {
            let before = self.chain.last().copied().unwrap_or_default();
            if reads.events & Reads::bit(host.index()) == 0 {
                self.chain.push(before);
                continue;
            }
            self.digest.clear();
            (before, at, host).hash(&mut self.digest);
            put_text(format_args!("{:?}", engine.event(host, index)), &mut self.digest);
            self.chain.push(self.digest.value());
        }
        self.chain.last().copied().unwrap_or_default()
    }
}
