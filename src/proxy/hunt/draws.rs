//! What a hunt draws for each of its runs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Attempt;
use crate::fault::{Chance, Fault, FaultKind, FaultPlan, HostFault, Profile};
use crate::seed::{Draw, below, pick};
use crate::time::Instant;

/// What goes wrong in the runs of a hunt.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a hunt has one of it")]
pub enum Trouble {
    /// Nothing but the plan.
    Nothing,
    /// The same profile in each run.
    Profile(Profile),
    /// Some of these kinds of fault in each run, and how often they come differs from run to run. [`Trouble::USUAL`] has
    /// what every network does. Of crashes and pauses there is at most one each in a run, and it ends.
    Kinds(BTreeSet<FaultKind>),
}

/// The longest that a drawn pause, crash or partition waits and lasts.
const MAX_AT: Duration = Duration::from_secs(2);

impl Trouble {
    /// What every network does.
    pub const USUAL: [FaultKind; 5] =
        [FaultKind::Drop, FaultKind::Duplicate, FaultKind::Delay, FaultKind::Cut, FaultKind::Stall];

    /// All that can be drawn.
    pub const ALL: [FaultKind; 11] = [
        FaultKind::Drop,
        FaultKind::Duplicate,
        FaultKind::Delay,
        FaultKind::Flip,
        FaultKind::Cut,
        FaultKind::Stall,
        FaultKind::Reset,
        FaultKind::Refuse,
        FaultKind::Silence,
        FaultKind::Partition,
        FaultKind::Pause,
    ];

    /// The kinds of fault that only processes have which the hunt starts.
    pub const OF_PROCESSES: [FaultKind; 2] = [FaultKind::Crash, FaultKind::Pause];

    /// The run of this seed: what is planned, and what is drawn beside it. `server` is what plans call the first server;
    /// `processes` are the hosts whose processes can be paused or killed.
    pub(super) fn attempt(&self, plan: &FaultPlan, seed: u64, server: &str, processes: &[String]) -> Attempt {
        let mut attempt = Attempt { plan: plan.clone(), profile: Profile::CALM, seed };
        match self {
            Self::Nothing => {}
            Self::Profile(profile) => attempt.profile = *profile,
            Self::Kinds(kinds) => {
                let draw = Draw::new(seed, HUNT);
                attempt.profile = profile(&draw, kinds);
                for fault in of_hosts(&draw, kinds, server, processes) {
                    // The moments of these are free, whatever the plan has.
                    let _ = attempt.plan.push(fault);
                }
            }
        }
        attempt
    }
}

/// The place of a hunt's choices among all that a seed decides.
const HUNT: u64 = u64::MAX - 7;

/// A span, short and long ones alike.
fn span(draw: &Draw, n: u64, min: Duration, max: Duration) -> Duration {
    let (min, max) = (min.as_millis() as u64, max.as_millis() as u64);
    let doublings = u64::from((max / min).ilog2()) + 1;
    let floor = min << below(draw.bits(n), doublings);
    Duration::from_millis((floor + below(draw.bits(n + 100), floor)).min(max))
}

fn profile(draw: &Draw, kinds: &BTreeSet<FaultKind>) -> Profile {
    let chance = |kind: FaultKind, n: u64, all: &[u32]| {
        let bits = draw.half(n).filter(|_| kinds.contains(&kind));
        bits.map_or(Chance::NEVER, |bits| Chance::permille(pick(bits, all)))
    };
    let is_late = kinds.contains(&FaultKind::Delay) || kinds.contains(&FaultKind::Stall);
    let millis = |n, all: &[u64]| {
        let bits = draw.half(n).filter(|_| is_late);
        Duration::from_millis(bits.map_or(0, |bits| pick(bits, all)))
    };
    let reorder_by = millis(5, &[20, 100, 500]);
    Profile {
        // On a stream a loss is a stall.
        loss: chance(FaultKind::Drop, 0, &[50, 100, 300]),
        duplicate: chance(FaultKind::Duplicate, 1, &[50, 200, 500]),
        corrupt: chance(FaultKind::Flip, 2, &[50, 200]),
        jitter: millis(3, &[5, 20, 100, 400]),
        reorder: if reorder_by.is_zero() { Chance::NEVER } else { Chance::percent(20) },
        reorder_by,
        cut: chance(FaultKind::Cut, 6, &[100, 500, 1_000]),
        reset: chance(FaultKind::Reset, 7, &[20, 100, 300]),
        refuse: chance(FaultKind::Refuse, 8, &[100, 300]),
        silence: chance(FaultKind::Silence, 9, &[100, 300]),
        ..Profile::CALM
    }
}

fn of_hosts(draw: &Draw, kinds: &BTreeSet<FaultKind>, server: &str, processes: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut pair = |n: u64, begins: HostFault, ends: HostFault| {
        let at = Instant::START + span(draw, n, Duration::from_millis(1), MAX_AT);
        let until = at + span(draw, n + 1, Duration::from_millis(10), MAX_AT);
        faults.extend([Fault::Host { at, fault: begins }, Fault::Host { at: until, fault: ends }]);
    };
    let is_drawn = |kind: FaultKind, n: u64| kinds.contains(&kind) && draw.half(n).is_some();
    if is_drawn(FaultKind::Partition, 20) {
        pair(21, HostFault::Isolate(server.to_owned()), HostFault::Heal);
    }
    for (host, n) in processes.iter().zip((30..).step_by(10)) {
        if is_drawn(FaultKind::Pause, n) {
            pair(n + 1, HostFault::Pause(host.clone()), HostFault::Resume(host.clone()));
        }
        if is_drawn(FaultKind::Crash, n + 3) {
            pair(n + 4, HostFault::Crash(host.clone()), HostFault::Restart(host.clone()));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(kinds: &[FaultKind], seed: u64) -> Attempt {
        let trouble = Trouble::Kinds(kinds.iter().copied().collect());
        trouble.attempt(&FaultPlan::default(), seed, "server", &["server".to_owned()])
    }

    #[test]
    fn each_kind_is_in_about_every_second_run_and_others_in_none() {
        let drawn = |kind: FaultKind, seed| {
            let Attempt { plan, profile, .. } = attempt(&[kind], seed);
            let planned: BTreeSet<FaultKind> = plan.faults().iter().map(Fault::kind).collect();
            let others = Trouble::ALL.into_iter().filter(|other| *other != kind);
            for other in others {
                let comes_with =
                    matches!((kind, other), (FaultKind::Drop | FaultKind::Delay, FaultKind::Stall))
                        || (kind, other) == (FaultKind::Stall, FaultKind::Delay);
                assert!(comes_with || !(profile.draws(other) || planned.contains(&other)), "{kind}: {other}");
            }
            profile.draws(kind) || planned.contains(&kind)
        };
        for kind in Trouble::ALL.into_iter().chain(Trouble::OF_PROCESSES) {
            let runs = (0..400).filter(|seed| drawn(kind, *seed)).count();
            assert!((120..350).contains(&runs), "{kind}: {runs}");
        }
    }

    #[test]
    fn what_befalls_hosts_ends() {
        for seed in 0..200 {
            let Attempt { plan, .. } =
                attempt(&[FaultKind::Pause, FaultKind::Crash, FaultKind::Partition], seed);
            assert_eq!(plan.len() % 2, 0, "{plan}");
            for pair in plan.faults().chunks(2) {
                let [Fault::Host { at, .. }, Fault::Host { at: until, .. }] = pair else { panic!("{plan}") };
                assert!(*at < *until && *until <= Instant::START + 2 * MAX_AT, "{plan}");
            }
        }
    }
}
