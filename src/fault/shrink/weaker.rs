//! Which faults are weaker than a fault.

use std::time::Duration;

use crate::fault::{DatagramFault, Fault, HostFault, StreamFault};

/// The shortest delay, stall or skew that is tried: worlds that count in whole milliseconds take the plan as well.
const SHORTEST: Duration = Duration::from_millis(1);

/// The faults that say less than this one at the same place, the weakest first. They end: each has fewer weaker ones.
pub(super) fn weaker(fault: &Fault) -> Vec<Fault> {
    match fault {
        Fault::Datagram { flow, n, fault } => {
            let weaker = weaker_on_datagram(*fault);
            weaker.into_iter().map(|fault| Fault::Datagram { flow: flow.clone(), n: *n, fault }).collect()
        }
        Fault::Stream { flow, conn, at, fault } => {
            let (conn, at) = (*conn, *at);
            let weaker = weaker_on_stream(*fault);
            weaker.into_iter().map(|fault| Fault::Stream { flow: flow.clone(), conn, at, fault }).collect()
        }
        Fault::Host { at, fault: HostFault::Skew { host, ahead } } => {
            let skew = |ahead| Fault::Host { at: *at, fault: HostFault::Skew { host: host.clone(), ahead } };
            shorter(*ahead).into_iter().map(skew).collect()
        }
        Fault::CutEvery { .. } | Fault::Host { .. } => Vec::new(),
    }
}

/// A loss is the plainest; then what comes twice, late, short, and with other bits.
fn weaker_on_datagram(fault: DatagramFault) -> Vec<DatagramFault> {
    use DatagramFault::{Delay, Drop, Duplicate, Flip, Truncate};
    match fault {
        Drop => Vec::new(),
        Duplicate => vec![Drop],
        Delay(span) => [Drop, Duplicate].into_iter().chain(shorter(span).into_iter().map(Delay)).collect(),
        Truncate(_) => vec![Drop, Duplicate],
        Flip { at, .. } => vec![Drop, Duplicate, Truncate(at)],
    }
}

/// A cut is the plainest; then a stall, and a reset.
fn weaker_on_stream(fault: StreamFault) -> Vec<StreamFault> {
    use StreamFault::{Cut, Reset, Stall};
    match fault {
        Cut => Vec::new(),
        Stall(span) => [Cut].into_iter().chain(shorter(span).into_iter().map(Stall)).collect(),
        Reset => vec![Cut, Stall(SHORTEST)],
    }
}

/// Shorter spans: the shortest, then a half, in whole milliseconds.
fn shorter(span: Duration) -> Vec<Duration> {
    let half = Duration::from_millis((span.as_millis() / 2) as u64);
    let mut spans = vec![SHORTEST, half];
    spans.retain(|shorter| !shorter.is_zero() && *shorter < span);
    spans.dedup();
    spans
}
