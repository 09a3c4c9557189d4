//! Random faults of hosts.

use std::time::Duration;

use super::{Chance, FaultKind};

/// How likely hosts and clocks fail. Each probability is for one input of a host, unless it says otherwise. The fault
/// happens at that input or soon after it, so it hits while something is going on. Each fault is recorded in a plan, as
/// the faults of packets are.
///
/// A [`Profile`](super::Profile) has one for all hosts. A host that goes down comes back, and every partition is
/// healed. To leave a host down, use a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostChances {
    /// The probability that the process dies: after all effects of the input, or between two of them.
    pub crash: Chance,
    /// The probability that the host goes silent, at the same places.
    pub poweroff: Chance,
    /// The probability that a host whose machine has ended, in whatever way, restarts after a while.
    pub restart: Chance,
    /// The probability that a partition begins soon: between the host and another one, in one direction or both, or
    /// between it and all.
    pub partition: Chance,
    /// The probability that the host's clock soon jumps ahead, or stops for a while.
    pub skew: Chance,
    /// The probability that the host's clock soon begins to drift, by at most [`MAX_DRIFT`] in a million.
    pub drift: Chance,
    /// The probability that the machine soon receives `Stop`.
    pub stop: Chance,
    /// The probability that the [NAT](crate::scenario::Nat) before the host soon forgets its mappings, and gives other
    /// ports.
    pub rebind: Chance,
    /// The probability that the NAT before the host soon forgets everything.
    pub reboot: Chance,
    /// The probability that the host soon has another address.
    pub moves: Chance,
    /// The probability that a timer fires first of everything due at its moment. It does not count for `max`.
    pub timer_first: Chance,
    /// How long hosts are down, partitions last, and clocks jump at most: from 1 ms on, short and long spans alike.
    pub longest: Duration,
    /// The maximum number of such faults in one run.
    pub max: u32,
    /// The time after which no such fault begins. A fault that has begun ends at most `longest` later.
    pub until: Duration,
}

/// How far from the right rate a clock drifts at most, in millionths.
pub const MAX_DRIFT: u32 = 20_000;

impl HostChances {
    /// Nothing befalls a host.
    pub const NONE: Self = Self {
        crash: Chance::NEVER,
        poweroff: Chance::NEVER,
        restart: Chance::NEVER,
        partition: Chance::NEVER,
        skew: Chance::NEVER,
        drift: Chance::NEVER,
        stop: Chance::NEVER,
        rebind: Chance::NEVER,
        reboot: Chance::NEVER,
        moves: Chance::NEVER,
        timer_first: Chance::NEVER,
        longest: Duration::ZERO,
        max: 0,
        until: Duration::MAX,
    };

    /// Whether nothing is drawn.
    pub fn is_calm(&self) -> bool {
        !self.is_lasting() && self.timer_first == Chance::NEVER
    }

    /// Whether something may be drawn that counts for `max`.
    pub(crate) fn is_lasting(&self) -> bool {
        let downs = [self.crash, self.poweroff, self.restart, self.stop];
        let all = downs.into_iter().chain([self.partition, self.skew, self.drift]);
        let all = all.chain([self.rebind, self.reboot, self.moves]);
        self.max > 0 && all.into_iter().any(|chance| chance != Chance::NEVER)
    }

    /// The same where no host is behind a NAT.
    pub(crate) const fn without_nats(mut self) -> Self {
        (self.rebind, self.reboot) = (Chance::NEVER, Chance::NEVER);
        self
    }

    /// The chance of a kind of fault; none, if it is no fault of hosts that is drawn by itself.
    pub(super) fn of(mut self, kind: FaultKind) -> Option<Chance> {
        self.of_mut(kind).copied()
    }

    /// The same, to be changed.
    pub(super) const fn of_mut(&mut self, kind: FaultKind) -> Option<&mut Chance> {
        Some(match kind {
            FaultKind::Crash => &mut self.crash,
            FaultKind::Poweroff => &mut self.poweroff,
            FaultKind::Restart => &mut self.restart,
            FaultKind::Partition | FaultKind::Heal => &mut self.partition,
            FaultKind::Skew => &mut self.skew,
            FaultKind::Drift => &mut self.drift,
            FaultKind::Stop => &mut self.stop,
            FaultKind::Rebind => &mut self.rebind,
            FaultKind::Reboot => &mut self.reboot,
            FaultKind::Move => &mut self.moves,
            FaultKind::TimerFirst => &mut self.timer_first,
            _ => return None,
        })
    }
}

impl Default for HostChances {
    fn default() -> Self {
        Self::NONE
    }
}
