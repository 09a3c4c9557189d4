//! Profiles that differ from run to run.

use std::time::Duration;

use super::{Bursts, Chance, FaultKind, HostChances, Profile, Spread};
use crate::seed::{Draw, pick};

/// How a check draws where nobody has said how: each run has a choice of its own of what goes wrong, and how often.
///
/// A run in which everything goes wrong a little hides what takes much of one thing and nothing of another. So each kind of
/// fault is left out of about every second run, those of hosts of three in four. This is swarm testing (Groce, Zhang,
/// Eide, Chen and Regehr, "Swarm Testing", ISSTA 2012).
impl Profile {
    /// The kinds of fault that no [`Profile::swarm`] draws: what a checksum finds is lost, a machine that is told to stop has
    /// not failed, and few protocols claim to withstand that a host moves. Profiles and plans have them.
    pub const NOT_IN_SWARM: [FaultKind; 4] =
        [FaultKind::Flip, FaultKind::Truncate, FaultKind::Stop, FaultKind::Move];

    /// The profile of one run, as a function of its seed. Every kind of fault but [`Profile::NOT_IN_SWARM`] is in some of
    /// them.
    ///
    /// ```
    /// use lossproof::fault::{FaultKind, Profile};
    ///
    /// let profiles: Vec<Profile> = (0..100).map(Profile::swarm).collect();
    /// assert!(profiles.iter().any(|profile| profile.draws(FaultKind::Crash)));
    /// assert!(profiles.iter().any(|profile| !profile.draws(FaultKind::Drop)));
    /// ```
    pub fn swarm(seed: u64) -> Self {
        let draw = Draw::new(seed, SWARM);
        let percents =
            |n, all: &[u32]| draw.half(n).map_or(Chance::NEVER, |bits| Chance::percent(pick(bits, all)));
        let bursts = draw.half(1).map_or(Bursts::NONE, |bits| {
            let (loss, mean_len) = pick(bits, &[(5, 2), (10, 4), (20, 8), (30, 16)]);
            Bursts::new(Chance::percent(loss), mean_len)
        });
        let jitter = draw.half(2).map_or(0, |bits| pick(bits, &[1, 5, 20, 100, 400]));
        Self {
            loss: percents(0, &[1, 5, 10, 20, 30, 50]),
            bursts,
            jitter: Duration::from_millis(jitter),
            duplicate: percents(3, &[1, 5, 10, 30]),
            reorder: percents(4, &[1, 5, 20]),
            reorder_by: Duration::from_millis(pick(draw.bits(5), &[10, 50, 250, 1_000, 5_000])),
            cut: percents(6, &[10, 50, 100]),
            reset: draw.quarter(7).map_or(Chance::NEVER, |bits| Chance::permille(pick(bits, &[5, 20, 100]))),
            refuse: draw.quarter(8).map_or(Chance::NEVER, |bits| Chance::percent(pick(bits, &[5, 20]))),
            silence: draw.quarter(9).map_or(Chance::NEVER, |bits| Chance::percent(pick(bits, &[2, 10]))),
            mark: percents(21, &[1, 10, 50]),
            bleach: draw.quarter(22).map_or(Chance::NEVER, |bits| Chance::percent(pick(bits, &[10, 100]))),
            hosts: hosts(&draw),
            ..Self::CALM
        }
    }

    /// The same without faults of these kinds.
    #[must_use]
    pub fn without(mut self, kinds: &[FaultKind]) -> Self {
        for kind in kinds {
            match kind {
                FaultKind::Drop => {
                    (self.loss, self.bursts, self.mtu, self.bandwidth) =
                        (Chance::NEVER, Bursts::NONE, None, None);
                }
                FaultKind::Duplicate => self.duplicate = Chance::NEVER,
                FaultKind::Delay | FaultKind::Stall => {
                    (self.jitter, self.reorder, self.bandwidth) = (Duration::ZERO, Chance::NEVER, None);
                    self.spread = Spread::NONE;
                }
                FaultKind::Flip | FaultKind::Truncate => self.corrupt = Chance::NEVER,
                FaultKind::Cut => self.cut = Chance::NEVER,
                FaultKind::Reset => self.reset = Chance::NEVER,
                FaultKind::Refuse => self.refuse = Chance::NEVER,
                FaultKind::Silence => self.silence = Chance::NEVER,
                FaultKind::Mark => self.mark = Chance::NEVER,
                FaultKind::Bleach => self.bleach = Chance::NEVER,
                kind => {
                    if let Some(chance) = self.hosts.of_mut(*kind) {
                        *chance = Chance::NEVER;
                    }
                }
            }
        }
        self
    }
}

/// The place of the profile among all that a run's seed decides.
const SWARM: u64 = u64::MAX - 3;

/// What befalls hosts.
fn hosts(draw: &Draw) -> HostChances {
    let timer_first = draw.half(16).map_or(Chance::NEVER, |bits| Chance::percent(pick(bits, &[20, 100])));
    let often = |n| draw.quarter(n).map_or(Chance::NEVER, rate);
    HostChances {
        crash: often(10),
        poweroff: often(11),
        restart: draw.quarter(15).map_or(Chance::NEVER, |bits| Chance::percent(pick(bits, &[30, 100]))),
        partition: draw.half(12).map_or(Chance::NEVER, rate),
        skew: often(13),
        drift: often(14),
        stop: Chance::NEVER,
        rebind: often(19),
        reboot: often(20),
        moves: Chance::NEVER,
        timer_first,
        longest: Duration::from_millis(pick(draw.bits(17), &[20, 200, 2_000, 5_000, 10_000])),
        max: pick(draw.bits(18), &[1, 2, 4]),
        until: Duration::MAX,
    }
}

/// From one input in five on average to one in five hundred: short and long runs both have their share.
fn rate(bits: u64) -> Chance {
    Chance::permille(pick(bits, &[200, 70, 20, 7, 2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_drawn_in_some_runs_and_not_in_others() {
        let profiles: Vec<Profile> = (0..1_000).map(Profile::swarm).collect();
        for kind in FaultKind::ALL {
            let runs = profiles.iter().filter(|profile| profile.draws(kind)).count();
            if Profile::NOT_IN_SWARM.contains(&kind) || kind.is_of_processes() {
                assert_eq!(runs, 0, "{kind}");
            } else {
                assert!((150..950).contains(&runs), "{kind}: {runs}");
            }
        }
    }

    #[test]
    fn what_is_left_out_is_not_drawn() {
        for seed in 0..200 {
            for kind in FaultKind::ALL {
                assert!(!Profile::swarm(seed).without(&[kind]).draws(kind) || kind == FaultKind::Stall);
            }
            assert!(Profile::swarm(seed).without(&FaultKind::ALL).is_calm(), "{seed}");
        }
    }
}
