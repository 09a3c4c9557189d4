//! The faults of a plan that are for processes, and those that are for the proxy.

use super::OF_PROCESSES;
use crate::fault::{Fault, FaultKind, HostFault};
use crate::proxy::{Attempt, Passed, Proxy, Relay, Route};
use crate::time::Instant;

/// Whether a fault starts this host's process again.
pub(super) fn restarts(fault: &Fault, name: &str) -> bool {
    of_process(fault).is_some_and(|(_, host, kind)| host == name && kind == FaultKind::Restart)
}

/// When, to which host and what, of a fault of a process.
pub(super) fn of_process(fault: &Fault) -> Option<(Instant, &str, FaultKind)> {
    let Fault::Host { at, fault } = fault else { return None };
    let (HostFault::Stop(host)
    | HostFault::Crash(host)
    | HostFault::Restart(host)
    | HostFault::Pause(host)
    | HostFault::Resume(host)) = fault
    else {
        return None;
    };
    debug_assert!(OF_PROCESSES.contains(&fault.kind()));
    Some((*at, host, fault.kind()))
}

/// The proxy of a run, and the faults that are not its matter, in the order of their moments.
pub(super) fn split(attempt: &Attempt, routes: Vec<Route>) -> (Proxy, Vec<(Instant, Fault)>) {
    let mut faults: Vec<(Instant, Fault)> = attempt
        .plan
        .faults()
        .iter()
        .filter_map(|fault| of_process(fault).map(|(at, ..)| (at, fault.clone())))
        .collect();
    faults.sort_by_key(|(at, _)| *at);
    let mut between = attempt.clone();
    between.plan.retain(|fault| of_process(fault).is_none());
    (between.proxy(routes), faults)
}

/// What happened, with what happened to processes, and with why the run failed at the end of its record.
pub(super) fn whole_plan(
    relay: Relay,
    attempt: &Attempt,
    unfired: &[Fault],
    why: Option<(Instant, &str)>,
) -> Passed {
    let mut passed = relay.stop();
    for fault in attempt.plan.faults().iter().filter(|fault| of_process(fault).is_some()) {
        // Its place is free: the proxy has no faults of processes.
        let _ = passed.plan.push(fault.clone());
    }
    passed.unfired.extend_from_slice(unfired);
    if let Some((at, why)) = why {
        passed.recording = passed.recording.map(|recording| recording.broken(at, why));
    }
    passed
}
