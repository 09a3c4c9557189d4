//! Counting what many runs come to for one host, in whole numbers: parts add up to the whole exactly.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{NEVER, StopIf};
use crate::engine::{Engine, Keep, Prepared, Settings};
use crate::fault::Profile;
use crate::host::HostId;
use crate::machine::Status;
use crate::panics::catch;
use crate::scenario::Scenario;
use crate::seed::mix;
use crate::time::Instant;

/// What many runs come to for one host. The sums are whole numbers, so those of parts, merged in any order, are those of
/// the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// How many runs there were.
    pub runs: u64,
    /// In how many of them the host's machine ended with success.
    pub successes: u64,
    /// In how many it ended with a failure. In the rest it did not end.
    pub failures: u64,
    /// How many datagrams and segments of data were sent, by all hosts, in all runs.
    pub packets: u64,
    /// The number of runs for each time to success, in milliseconds, rounded to the nearest.
    pub millis: BTreeMap<u64, u64>,
}

impl Counts {
    /// Adds the sums of other runs.
    pub fn merge(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.runs, other.runs);
        add(&mut self.successes, other.successes);
        add(&mut self.failures, other.failures);
        add(&mut self.packets, other.packets);
        for (&millis, &runs) in &other.millis {
            add(self.millis.entry(millis).or_default(), runs);
        }
    }

    /// The time in milliseconds within which this share of the successes came: the nearest rank, so a time that
    /// occurred. `None` without a success.
    ///
    /// ```
    /// use lossproof::check::Counts;
    ///
    /// let counts = Counts { successes: 100, millis: [(20, 98), (120, 2)].into(), ..Counts::default() };
    /// assert_eq!((counts.percentile(50), counts.percentile(99)), (Some(20), Some(120)));
    /// ```
    pub fn percentile(&self, percent: u32) -> Option<u64> {
        let rank = (u128::from(self.successes) * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        let mut times = self.millis.iter();
        times.find_map(|(&millis, &runs)| {
            seen += u128::from(runs);
            (seen >= rank).then_some(millis)
        })
    }
}

/// A run in which a machine panicked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a machine panicked in run {run}: {said}")]
pub struct Panicked {
    /// Which run it was, from 0.
    pub run: u64,
    /// What it said.
    pub said: String,
}

/// Makes many runs and counts how one host fares. It checks neither laws nor properties: a
/// [`Search`](super::Search) does, whose runs of the same numbers are the same.
///
/// ```
/// # #[cfg(feature = "systems")] {
/// use lossproof::check::Measure;
/// use lossproof::engine::Prepared;
/// use lossproof::fault::{Chance, Profile};
/// use lossproof::systems::{Options, udp_remote};
/// use lossproof::Scenario;
///
/// let net = udp_remote::net(&Options::default());
/// let client = net.find::<udp_remote::Client>("client");
/// let scenario = Scenario::from(net);
/// let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
/// let mut measure = Measure::new(&scenario, client, Prepared::default(), loss, 7);
/// let counts = measure.runs(0..1_000)?;
/// assert_eq!((counts.runs, counts.successes + counts.failures), (1_000, 1_000));
/// # }
/// # Ok::<(), lossproof::check::Panicked>(())
/// ```
#[derive(Debug)]
pub struct Measure<'s> {
    scenario: &'s Scenario,
    host: HostId,
    settings: Settings,
    base_seed: u64,
    engine: Engine<'s>,
    stop_if: StopIf,
}

impl<'s> Measure<'s> {
    /// Counts how this host fares with these faults, known and drawn. Run `n` has the seed that it has in a search with
    /// this base seed.
    pub fn new(
        scenario: &'s Scenario,
        host: impl Into<HostId>,
        plan: Prepared,
        profile: Profile,
        base_seed: u64,
    ) -> Self {
        let settings = Settings {
            plan,
            profile,
            laws: None,
            properties: false,
            keep: Keep::Outcome,
            ..Settings::default()
        };
        let engine = Engine::new(scenario);
        Self { scenario, host: host.into(), settings, base_seed, engine, stop_if: NEVER }
    }

    /// The same, which makes no further run once this says so.
    #[must_use]
    pub const fn stop_if(mut self, stop_if: StopIf) -> Self {
        self.stop_if = stop_if;
        self
    }

    /// Makes the runs of a range, until [`Self::stop_if`] stops them.
    ///
    /// # Errors
    /// The first run in which a machine panics. Do not use `self` after it.
    pub fn runs(&mut self, range: Range<u64>) -> Result<Counts, Panicked> {
        let mut counts = Counts::default();
        for run in range {
            if (self.stop_if)() {
                break;
            }
            self.settings.seed = mix(self.base_seed, run);
            let (engine, settings) = (&mut self.engine, &self.settings);
            let outcome = catch(|| engine.run(settings)).map_err(|panic| Panicked {
                run,
                said: super::panicked(self.scenario, self.engine.doing(), &panic).detail,
            })?;
            counts.runs += 1;
            counts.packets += outcome.packets;
            match self.engine.end(self.host) {
                Some((Status::Success, at)) => {
                    counts.successes += 1;
                    *counts.millis.entry(whole_millis(at)).or_default() += 1;
                }
                Some((Status::Failure, _)) => counts.failures += 1,
                None => {}
            }
        }
        Ok(counts)
    }
}

/// Milliseconds since the start, to the nearest.
const fn whole_millis(at: Instant) -> u64 {
    at.as_nanos().saturating_add(500_000) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_seen() {
        let counts = Counts { successes: 4, millis: [(1, 1), (2, 2), (9, 1)].into(), ..Counts::default() };
        assert_eq!(
            [0, 25, 26, 75, 76, 100].map(|percent| counts.percentile(percent).unwrap()),
            [1, 1, 2, 2, 9, 9]
        );
        assert_eq!(Counts::default().percentile(50), None);
    }
}
