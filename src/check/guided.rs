//! Searching from where runs have come to something new.
//!
//! A *mark* is something that no run has shown before: a host tells one kind of event after another, the newest events of
//! all hosts are a new combination, or a `sometimes` is met. The search keeps the run that comes to a mark, up to there, as a
//! plan. Half of the later runs begin with such a prefix, and go on at random. A prefix is a plan, so each finding is a plan
//! as well, and replays.
//!
//! The idea is that of fuzzers that keep the inputs which reach new code; the marks are those of the protocol.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

use super::{Search, prefix};
use crate::engine::{Engine, Keep, Prepared, Rest};
use crate::fault::Profile;
use crate::host::HostId;
use crate::scenario::Demand;
use crate::seed::{below, mix};
use crate::transcript::What;

/// How many prefixes are kept; later marks are noted, and no more.
const MAX_PREFIXES: usize = 4096;
/// The place of the choice of a prefix among all that a run's seed decides.
const CHOICE: u64 = u64::MAX - 5;

/// What a guided search has learnt.
#[derive(Debug, Default)]
pub(super) struct Guide {
    marks: BTreeSet<u64>,
    prefixes: Vec<Prefix>,
}

/// A run up to a mark.
#[derive(Debug)]
struct Prefix {
    plan: Prepared,
    seed: u64,
    after: u64,
}

/// One mark of a run: which, and at which of all events that were told it was reached; none at the end.
type Mark = (u64, Option<usize>);

impl Guide {
    /// The prefix that the run of this seed begins with, if it begins with one.
    fn choose(&self, seed: u64) -> Option<&Prefix> {
        let bits = mix(seed, CHOICE);
        let place = below(mix(bits, 0), self.prefixes.len() as u64) as usize;
        self.prefixes.get(place).filter(|_| bits.is_multiple_of(2))
    }

    /// Which of these marks are new: they are known from now on.
    fn new_ones(&mut self, marks: Vec<Mark>) -> Vec<Option<usize>> {
        marks.into_iter().filter(|(mark, _)| self.marks.insert(*mark)).map(|(_, told)| told).collect()
    }
}

impl Search<'_> {
    /// Has half of the runs begin where runs before came to something new. What is found depends on the runs before it, so
    /// it is made on one thread.
    #[must_use]
    pub fn guided(mut self) -> Self {
        self.guide = Some(Guide::default());
        self
    }

    /// Chooses what the next run begins with: nothing but the plan that all runs have, or a prefix.
    pub(super) fn take_prefix(&mut self, base: &Prepared) {
        let Some(guide) = &self.guide else { return };
        match guide.choose(self.settings.seed) {
            Some(Prefix { plan, seed, after }) => {
                let rest = Rest { after: *after, seed: self.settings.seed };
                (self.settings.plan, self.settings.seed) = (plan.with_rest(rest), *seed);
            }
            None => self.settings.plan.clone_from(base),
        }
    }

    /// Learns from the last run, in which all held. `base` is the plan that all runs have.
    pub(super) fn learn(&mut self, base: &Prepared) {
        let Some(mut guide) = self.guide.take() else { return };
        let marks = self.marks();
        let new = guide.new_ones(marks);
        // The first is reached first; those after it are reached from there.
        if let Some(first) = new.first()
            && guide.prefixes.len() < MAX_PREFIXES
            && let Some(prefix) = self.prefix(*first, base)
        {
            guide.prefixes.push(prefix);
        }
        self.guide = Some(guide);
    }

    /// The marks of the last run.
    fn marks(&self) -> Vec<Mark> {
        let engine = &self.engine;
        let mut newest = vec![0_u64; self.scenario.names().len()];
        let mut marks = Vec::new();
        for (place, &(_, host, index)) in engine.told().iter().enumerate() {
            let kind = kind(engine, host, index);
            let before = std::mem::replace(&mut newest[host.index()], kind);
            marks.push((hash(&(0_u8, host, before, kind)), Some(place)));
            marks.push((hash(&(1_u8, &newest)), Some(place)));
        }
        let sometimes = self.scenario.properties().iter().zip(engine.watches()).enumerate();
        let met =
            sometimes.filter(|(_, (property, watch))| property.demand == Demand::Sometimes && watch.met);
        marks.extend(met.map(|(place, _)| (hash(&(2_u8, place)), None)));
        marks
    }

    /// The last run up to where it told that of all its events, or to its end, as a plan: with the faults that all runs
    /// have, which come first in it, whenever they hit.
    fn prefix(&mut self, told: Option<usize>, base: &Prepared) -> Option<Prefix> {
        let whole = self.engine.plan(&self.settings);
        let settings = self.settings.clone();
        self.settings.plan = Prepared::new(&whole, self.scenario).ok()?;
        (self.settings.profile, self.settings.keep) = (Profile::CALM, Keep::Log);
        let again = self.attempt();
        let after = again.ok().and_then(|_| self.step_of(told));
        let faults = self.settings.plan.schedule.faults.iter().copied();
        let faults: Vec<_> = faults.zip(self.engine.hits().iter().copied()).collect();
        self.settings = settings;
        let after = after?;
        let mut kept = prefix::kept(&faults, after);
        kept.iter_mut().take(base.schedule.faults.len()).for_each(|kept| *kept = true);
        let mut plan = prefix::only(&whole, &kept);
        let seed = plan.seed.take()?;
        Some(Prefix { plan: Prepared::new(&plan, self.scenario).ok()?, seed, after })
    }

    /// In which step of the last run, whose log was kept, that of all its events was told.
    fn step_of(&self, told: Option<usize>) -> Option<u64> {
        let marks = self.engine.marks();
        let Some(&(at, host, index)) = told.and_then(|place| self.engine.told().get(place)) else {
            return Some(marks.len() as u64);
        };
        let records = self.engine.log().records();
        let record = records.iter().position(|record| {
            (record.at, record.host) == (at, host)
                && matches!(record.what, What::Event(other) if other == index)
        })?;
        Some(marks.partition_point(|mark| mark.records <= record) as u64)
    }
}

/// The kind of an event: what its `Debug` text begins with, up to its values.
fn kind(engine: &Engine<'_>, host: HostId, index: u32) -> u64 {
    struct Kind(SipHasher13, bool);
    impl fmt::Write for Kind {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            if self.1 {
                return Err(fmt::Error);
            }
            let end = text.find(|c: char| !c.is_alphabetic() && c != '_').unwrap_or(text.len());
            self.0.write(&text.as_bytes()[..end]);
            self.1 = end < text.len();
            Ok(())
        }
    }
    let mut kind = Kind(SipHasher13::new(), false);
    // It ends where the values begin.
    let _ = write!(kind, "{:?}", engine.event(host, index));
    kind.0.finish()
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = SipHasher13::new();
    of.hash(&mut hasher);
    hasher.finish()
}
