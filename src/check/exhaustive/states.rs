//! The states that runs were in, and recognising one.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::digest::put_text;
use crate::engine::Engine;
use crate::time::Instant;

/// How many states are kept: some 300 MB. Further ones are not recognised, which costs time alone.
const MAX_STATES: usize = 1 << 22;

/// Where a state was first seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// In which run.
    pub(super) run: u32,
    /// How many of the run's children have their last fault before it.
    pub(super) offset: u32,
    /// How many inputs there had been.
    inputs: u64,
    /// How many inputs more whoever is recognised as this has had than the run that was made to its end from here on.
    pub(super) behind: u64,
}

/// The states of all runs so far, each as 128 bits.
///
/// # Why a property is not lost
///
/// Two states are equal here only if everything is that the rest of a run, and the verdict on it, depends on: what the
/// engine's fingerprint has (machines, streams, what is due, what is on its way), and beside it
/// - all events so far, with hosts and times, by their `Debug` text: a property may look at any of them;
/// - which demands were met, and how many machines have ended, for that may have been seen and be over;
/// - the moment, in absolute time: the rest of a run ends by the scenario's time limit, demands by their bounds;
/// - the states of folds, which may look at any datagram;
/// - how many inputs there were, where a plan has a calm, a demand to converge is bounded by them, a property looks at
///   their number, or a run may come to the bound on them. Otherwise it is not: nearly every fault changes that number
///   and nothing else. Whether it may is only known in the end; then the search is made once more.
///
/// How many faults are left need not be in it: runs are made in the order of their number of faults, so the one that
/// was here before had at least as many left. So each schedule that branches off from here on, and is left out, is one
/// that was tried or will be, with the same end.
///
/// The 128 bits are a `SipHash-1-3` with a fixed key. By chance two of ten million states are taken for one another
/// once in 10^24 searches; then a schedule is left out.
#[derive(Debug, Default)]
pub(super) struct States {
    seen: BTreeMap<u128, Seen>,
    /// The states of the run that is being made, each with how many sends and inputs there had been.
    fresh: Vec<(u128, usize, u64)>,
    history: History,
    /// Whether it matters how many inputs there were.
    with_inputs: bool,
}

/// The events of a run as a running hash.
#[derive(Debug, Default)]
struct History {
    hasher: SipHasher13,
    len: usize,
}

impl States {
    /// No states yet. `with_inputs` says whether a run depends on how many inputs there were.
    pub(super) fn new(with_inputs: bool) -> Self {
        Self { with_inputs, ..Self::default() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// A new run begins.
    pub(super) fn begin(&mut self) {
        self.fresh.clear();
        self.history = History::default();
    }

    /// Whether the state of a run was that of another run before; otherwise it is kept in mind.
    pub(super) fn recognise(&mut self, engine: &Engine<'_>, now: Instant) -> Option<Seen> {
        let mut hasher = SipHasher13::new();
        if !engine.fingerprint(now, &mut hasher) {
            return None;
        }
        self.history.follow(engine);
        hasher.write_u128(self.history.hasher.finish128().into());
        now.hash(&mut hasher);
        engine.ends().hash(&mut hasher);
        if self.with_inputs {
            (engine.inputs(), engine.inputs_since_calm()).hash(&mut hasher);
        }
        for watch in engine.watches() {
            hasher.write_u8(u8::from(watch.met));
        }
        for (fold, state) in engine.folds() {
            (fold.digest)(state, &mut hasher);
        }
        let state = hasher.finish128().into();
        match self.seen.get(&state) {
            Some(seen) if seen.inputs <= engine.inputs() => {
                let behind = seen.behind + (engine.inputs() - seen.inputs);
                Some(Seen { behind, ..*seen })
            }
            Some(_) => None,
            None => {
                self.fresh.push((state, engine.sends().len(), engine.inputs()));
                None
            }
        }
    }

    /// Keeps the states of the run that has just been made. `offsets` says for each of its sends how many children
    /// come before it, and at the end how many there are; `behind` how far it was behind where it was broken off.
    pub(super) fn keep(&mut self, run: u32, offsets: &[u32], behind: u64) {
        for &(state, sends, inputs) in &self.fresh {
            if self.seen.len() >= MAX_STATES {
                return;
            }
            self.seen.entry(state).or_insert(Seen { run, offset: offsets[sends], inputs, behind });
        }
    }
}

impl History {
    fn follow(&mut self, engine: &Engine<'_>) {
        for &(at, host, index) in &engine.told()[self.len..] {
            (at, host).hash(&mut self.hasher);
            put_text(format_args!("{:?}", engine.event(host, index)), &mut self.hasher);
        }
        self.len = engine.told().len();
    }
}
