//! What a plan refuses.

use std::time::Duration;

use super::{DatagramFault, Fault, FaultKind, HostFault, PlanError, StreamFault, When, is_host_name};

/// Refuses a fault that could change nothing, or that the text form could not hold.
pub(super) fn check_fault(fault: &Fault) -> Result<(), PlanError> {
    match fault {
        Fault::Datagram { flow, fault, .. } => {
            check_pair(&flow.from, &flow.to)?;
            match fault {
                DatagramFault::Delay(span) => check_span(fault.kind().name(), *span),
                DatagramFault::Flip { mask: 0, .. } => Err(PlanError::ZeroMask),
                _ => Ok(()),
            }
        }
        Fault::Stream { flow, fault, .. } => {
            check_pair(&flow.from, &flow.to)?;
            match fault {
                StreamFault::Stall(span) => check_span(fault.kind().name(), *span),
                StreamFault::Cut | StreamFault::Reset => Ok(()),
            }
        }
        Fault::CutEvery { flow, .. } | Fault::Connect { flow, .. } => check_pair(&flow.from, &flow.to),
        Fault::Down(down) => {
            check_host(&down.host)?;
            if matches!(down.when, When::AfterEffect { effect: 0, .. }) {
                return Err(PlanError::NoEffect);
            }
            down.back_after.map_or(Ok(()), |span| check_span("for", span))
        }
        Fault::Host { fault, .. } => match fault {
            HostFault::Partition { a, b } => check_pair(a, b),
            HostFault::PartitionOneWay(flow) => check_pair(&flow.from, &flow.to),
            HostFault::Heal => Ok(()),
            HostFault::Stop(host)
            | HostFault::Crash(host)
            | HostFault::Poweroff(host)
            | HostFault::Restart(host)
            | HostFault::Isolate(host)
            | HostFault::TimerFirst(host)
            | HostFault::Pause(host)
            | HostFault::Resume(host)
            | HostFault::Rebind(host)
            | HostFault::Reboot(host)
            | HostFault::Move { host, .. }
            | HostFault::Drift { host, .. } => check_host(host),
            HostFault::Lag { host, behind } => {
                check_host(host)?;
                check_span(FaultKind::Skew.name(), *behind)
            }
            HostFault::Skew { host, ahead } => {
                check_host(host)?;
                check_span(FaultKind::Skew.name(), *ahead)
            }
        },
    }
}

pub(super) fn check_pair(a: &str, b: &str) -> Result<(), PlanError> {
    check_host(a)?;
    check_host(b)?;
    if a == b { Err(PlanError::SameHost(a.to_owned())) } else { Ok(()) }
}

pub(super) fn check_host(name: &str) -> Result<(), PlanError> {
    if !is_host_name(name) {
        return Err(PlanError::HostName(name.to_owned()));
    }
    Ok(())
}

/// Refuses a span that is none, or longer than a clock goes.
pub(super) fn check_span(what: &'static str, span: Duration) -> Result<(), PlanError> {
    match u64::try_from(span.as_nanos()) {
        Ok(0) => Err(PlanError::ZeroSpan(what)),
        Ok(_) => Ok(()),
        Err(_) => Err(PlanError::LongSpan(what)),
    }
}
