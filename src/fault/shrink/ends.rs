//! What ends, and what ends it.

use std::collections::BTreeMap;

use crate::Instant;
use crate::fault::{Fault, FaultPlan, HostFault};

/// Whether a plan that was made of another by taking faults out leaves something open that is ended there: a partition that
/// no heal ends any more, a host that no restart starts, or a process that nothing resumes.
pub(super) fn leaves_open(before: &FaultPlan, after: &FaultPlan) -> bool {
    if before.faults().iter().all(|fault| !is_end(fault)) {
        return false;
    }
    let (ended, open) = (Ends::of(before), Ends::of(after));
    let is_left = |fault: &Fault| !ended.leaves(fault) && open.leaves(fault);
    after.faults().iter().any(is_left)
}

const fn is_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Host { fault: HostFault::Heal | HostFault::Restart(_) | HostFault::Resume(_), .. })
}

/// When a plan ends things last.
#[derive(Default)]
struct Ends<'p> {
    heal: Option<Instant>,
    restart: LastAt<'p>,
    resume: LastAt<'p>,
}

/// The last such moment of each host.
#[derive(Default)]
struct LastAt<'p>(BTreeMap<&'p str, Instant>);

impl<'p> LastAt<'p> {
    fn raise(&mut self, host: &'p str, at: Instant) {
        let last = self.0.entry(host).or_insert(at);
        *last = (*last).max(at);
    }

    fn get(&self, host: &str) -> Option<Instant> {
        self.0.get(host).copied()
    }
}

impl<'p> Ends<'p> {
    fn of(plan: &'p FaultPlan) -> Self {
        let mut ends = Self::default();
        for fault in plan.faults() {
            match fault {
                Fault::Host { at, fault: HostFault::Heal } => ends.heal = ends.heal.max(Some(*at)),
                Fault::Host { at, fault: HostFault::Restart(host) } => ends.restart.raise(host, *at),
                Fault::Host { at, fault: HostFault::Resume(host) } => ends.resume.raise(host, *at),
                _ => {}
            }
        }
        ends
    }

    /// Whether a fault goes on for ever.
    fn leaves(&self, fault: &Fault) -> bool {
        let Fault::Host { at, fault } = fault else { return false };
        match fault {
            HostFault::Partition { .. } | HostFault::PartitionOneWay(_) | HostFault::Isolate(_) => {
                self.heal.is_none_or(|heal| heal < *at)
            }
            HostFault::Crash(host) | HostFault::Poweroff(host) => {
                self.restart.get(host).is_none_or(|restart| restart < *at)
            }
            HostFault::Pause(host) => self.resume.get(host).is_none_or(|resume| resume < *at),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_goes_only_with_what_it_ends() {
        let plan = |text: &str| text.parse::<FaultPlan>().unwrap();
        for (before, after, is_open) in [
            ("at 1s partition a|b; at 2s heal", "at 1s partition a|b", true),
            ("at 1s partition a|b; at 2s heal", "at 2s heal", false),
            ("at 1s partition a|b; at 2s heal", "", false),
            ("at 1s partition a|b", "at 1s partition a|b", false),
            ("at 3s partition a|b; at 2s heal", "at 3s partition a|b", false),
            ("at 1s partition a|b; at 2s heal; at 3s heal", "at 1s partition a|b; at 2s heal", false),
            ("at 1s crash a; at 2s restart a; at 2s restart b", "at 1s crash a; at 2s restart b", true),
            ("at 1s crash a; at 2s restart a", "", false),
            ("at 1s pause a; at 2s resume a", "at 1s pause a", true),
            ("at 1s pause a; at 2s resume a", "at 2s resume a", false),
            ("at 1s pause a; at 2s resume a", "", false),
            ("a>b #0 drop; at 2s heal", "a>b #0 drop", false),
        ] {
            assert_eq!(leaves_open(&plan(before), &plan(after)), is_open, "{before} to {after}");
        }
    }
}
