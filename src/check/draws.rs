//! What is drawn for the runs of a search, and what is not.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::Tally;
use crate::fault::{FaultKind, Profile};
use crate::number::thousands;
use crate::scenario::{Demand, Property, Spec};
use crate::seed::{self, mix};
use crate::time::Instant;

/// The place of the choice of a profile among all that a run's seed decides.
const PROFILE: u64 = u64::MAX;

/// How the faults of a search's runs are drawn.
#[derive(Clone, Debug)]
pub enum Draws {
    /// By one of these profiles: which one follows from the run's seed. Without a profile nothing is drawn.
    Profiles(Vec<Profile>),
    /// By a profile of its own for each run, which has all kinds of faults and others in each run: see [`Profile::swarm`].
    /// What the net [rules out](crate::Net::rules_out) is left out. Where something is demanded
    /// [within a time](crate::Net::eventually_within), hosts and clocks fail in the first quarter of it alone, for an
    /// eighth of it at most. Where something [converges](crate::Net::converges_within) and the plan has no calm, all is
    /// calm so long before the end of a run.
    Swarm,
}

impl Draws {
    /// The profile of the run with this seed, if the search has one.
    pub(super) fn profile(&self, seed: u64, spec: &Spec) -> Option<Profile> {
        match self {
            Self::Profiles(profiles) => {
                let index = seed::below(mix(seed, PROFILE), profiles.len() as u64);
                profiles.get(index as usize).copied()
            }
            Self::Swarm => Some(in_time(Profile::swarm(seed).without(&spec.ruled_out), spec)),
        }
    }

    /// Whether faults of a kind are drawn in some runs.
    pub(crate) fn draws(&self, kind: FaultKind, spec: &Spec) -> bool {
        match self {
            Self::Profiles(profiles) => profiles.iter().any(|profile| profile.draws(kind)),
            Self::Swarm => {
                let is_left_out = Profile::NOT_IN_SWARM.contains(&kind) || spec.ruled_out.contains(&kind);
                !is_left_out && (spec.has_nats() || !kind.is_of_addresses())
            }
        }
    }

    /// The kinds of fault that are drawn although the protocol does not claim to withstand them.
    #[cfg(feature = "cli")]
    pub(crate) fn unclaimed<'s>(&'s self, spec: &'s Spec) -> impl Iterator<Item = FaultKind> + 's {
        spec.ruled_out.iter().copied().filter(|kind| self.draws(*kind, spec))
    }

    /// The moment after which nothing goes wrong. It leaves the hosts time to converge before the run is over.
    pub(super) fn calm_at(&self, spec: &Spec) -> Option<Instant> {
        let Self::Swarm = self else { return None };
        let bound = |property: &Property| match property.demand {
            Demand::Converges { within, .. } => Some(within),
            _ => None,
        };
        let within = spec.properties.iter().filter_map(bound).max()?;
        Some(Instant::START + spec.max_time.since_start().saturating_sub(within))
    }

    /// Whether nothing is drawn in any run.
    pub(crate) fn is_calm(&self) -> bool {
        matches!(self, Self::Profiles(profiles) if profiles.iter().all(Profile::is_calm))
    }
}

/// The profile with hosts that fail only as long as what is demanded can still come in time.
fn in_time(mut profile: Profile, spec: &Spec) -> Profile {
    let bound = |demand: Demand| match demand {
        Demand::Within(bound) => Some(bound),
        _ => None,
    };
    if let Some(bound) = spec.properties.iter().filter_map(|property| bound(property.demand)).min() {
        profile.hosts.until = bound / 4;
        profile.hosts.longest = profile.hosts.longest.min(bound / 8).max(Duration::from_millis(1));
    }
    profile
}

/// What runs have tried: how often each kind of fault fired, which were drawn or planned in vain, and which were not tried.
/// Only those count that the scenario can have: without streams none is reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// The kinds that fired, each with how often.
    pub fired: Vec<(FaultKind, u64)>,
    /// The kinds that were drawn or planned and never fired.
    pub in_vain: Vec<FaultKind>,
    /// The kinds that were neither drawn nor planned.
    pub not_tried: Vec<FaultKind>,
    /// Those of them that the net rules out.
    pub ruled_out: Vec<FaultKind>,
}

impl Tried {
    /// What runs try whose faults are drawn so. `is_given` says whether a kind is planned, or drawn on single links.
    pub(crate) fn new(spec: &Spec, draws: &Draws, is_given: impl Fn(FaultKind) -> bool) -> Self {
        let mut tried = Self::default();
        let has_datagrams = spec.hosts.iter().any(|host| !host.datagrams.is_empty());
        let has_streams = spec.hosts.iter().any(|host| !host.listeners.is_empty());
        for kind in FaultKind::ALL {
            let is_possible = match kind {
                FaultKind::Drop
                | FaultKind::Duplicate
                | FaultKind::Delay
                | FaultKind::Flip
                | FaultKind::Truncate => has_datagrams,
                FaultKind::Cut
                | FaultKind::Stall
                | FaultKind::Reset
                | FaultKind::Refuse
                | FaultKind::Silence => has_streams,
                // It comes with a partition.
                FaultKind::Heal => false,
                // Only real processes have it.
                kind if kind.is_of_processes() => false,
                FaultKind::Partition => spec.hosts.len() > 1,
                FaultKind::Rebind | FaultKind::Reboot => spec.has_nats(),
                // Whether a machine sends capable datagrams is not known before it does.
                kind if kind.is_of_ecn() => is_given(kind),
                // Few nets are made for it: it is tried where it is asked for.
                FaultKind::Move => is_given(kind) || draws.draws(kind, spec),
                _ => true,
            };
            if !is_possible {
                continue;
            }
            let list = if is_given(kind) || draws.draws(kind, spec) {
                &mut tried.in_vain
            } else if spec.ruled_out.contains(&kind) {
                &mut tried.ruled_out
            } else {
                &mut tried.not_tried
            };
            list.push(kind);
        }
        tried
    }

    /// The same after the runs: what has fired was not tried in vain.
    pub(crate) fn after(mut self, tally: &Tally) -> Self {
        self.fired = tally.fired_kinds().collect();
        for list in [&mut self.in_vain, &mut self.not_tried, &mut self.ruled_out] {
            list.retain(|kind| tally.fired[*kind as usize] == 0);
        }
        self
    }
}

/// `tried drop 12,345, crash 17; in vain: refuse; not tried: flip, stop; ruled out: skew`, in lines that a terminal has
/// room for, all but the first indented.
impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fired = self.fired.iter().map(|(kind, times)| format!("{kind} {}", thousands(*times)));
        let fired: Vec<String> = fired.collect();
        let mut text =
            format!("tried {}", if fired.is_empty() { "no fault".to_owned() } else { fired.join(", ") });
        let lists =
            [("in vain", &self.in_vain), ("not tried", &self.not_tried), ("ruled out", &self.ruled_out)];
        for (name, kinds) in lists.into_iter().filter(|(_, kinds)| !kinds.is_empty()) {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            // Writing to a string does not fail.
            let _ = write!(text, "; {name}: {}", kinds.join(", "));
        }
        let mut width = 0;
        for word in text.split(' ') {
            match width {
                0 => {}
                _ if width + 1 + word.len() > MAX_WIDTH => {
                    f.write_str("\n    ")?;
                    width = 2;
                }
                _ => {
                    f.write_str(" ")?;
                    width += 1;
                }
            }
            f.write_str(word)?;
            width += word.len();
        }
        Ok(())
    }
}

/// How wide the lines are at most, without the two blanks before them.
const MAX_WIDTH: usize = 78;
