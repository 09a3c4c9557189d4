//! The plan of a run up to one of its steps.

use crate::fault::{FaultPlan, Resolved, ResolvedHost};

/// Which faults of a run's plan belong to the run up to a step: those that have hit by then, and later ones that end what
/// has begun. Each fault comes with the step in which it hit; 0 if in none.
pub(super) fn kept(faults: &[(Resolved, u64)], step: u64) -> Vec<bool> {
    let has_hit = |hit: u64| (1..=step).contains(&hit);
    let hit = || faults.iter().filter(|(_, hit)| has_hit(*hit)).map(|(fault, _)| *fault);
    let stays = |&(fault, at): &(Resolved, u64)| has_hit(at) || hit().any(|before| ends(fault, before));
    faults.iter().map(stays).collect()
}

/// A plan with only these of its faults, one flag for each.
pub(super) fn only(plan: &FaultPlan, kept: &[bool]) -> FaultPlan {
    let mut plan = plan.clone();
    let mut kept = kept.iter();
    plan.retain(|_| kept.next().copied().unwrap_or(false));
    plan
}

/// Whether a fault is the end of another: a partition's, or that of a host's time without a machine.
fn ends(fault: Resolved, before: Resolved) -> bool {
    let Resolved::Host { fault, .. } = fault else { return false };
    match (fault, before) {
        (ResolvedHost::Heal, Resolved::Host { fault, .. }) => matches!(
            fault,
            ResolvedHost::Partition(..) | ResolvedHost::PartitionOneWay(..) | ResolvedHost::Isolate(_)
        ),
        (ResolvedHost::Restart(host), Resolved::Host { fault, .. }) => {
            matches!(fault, ResolvedHost::Crash(down) | ResolvedHost::Poweroff(down) if down == host)
        }
        (ResolvedHost::Restart(host), Resolved::Down { host: down, back_after: None, .. }) => down == host,
        _ => false,
    }
}
