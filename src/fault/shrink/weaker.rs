//! Which faults are weaker than a fault.

use std::time::Duration;

use crate::Instant;
use crate::fault::{ConnectFault, DatagramFault, Down, Fault, Flow, HostFault, Rate, StreamFault, When};

/// The shortest delay, stall or skew that is tried: worlds that count in whole milliseconds take the plan as well.
const SHORTEST: Duration = Duration::from_millis(1);

/// The faults that say less than this one, the weakest first, and those that come earlier. They end: each has fewer weaker
/// ones.
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
        Fault::Connect { flow, conn, fault: ConnectFault::Silence } => {
            vec![Fault::Connect { flow: flow.clone(), conn: *conn, fault: ConnectFault::Refuse }]
        }
        Fault::Host { at, fault } => {
            let earlier = earlier(*at).into_iter().map(|at| Fault::Host { at, fault: fault.clone() });
            let weaker = weaker_on_host(fault).into_iter().map(|fault| Fault::Host { at: *at, fault });
            weaker.chain(earlier).collect()
        }
        Fault::Down(down) => weaker_down(down).into_iter().map(Fault::Down).collect(),
        Fault::CutEvery { .. } | Fault::Connect { .. } => Vec::new(),
    }
}

/// The plainest is that one process dies; then come silence and what one host alone suffers.
fn weaker_on_host(fault: &HostFault) -> Vec<HostFault> {
    match fault {
        HostFault::Skew { host, ahead } => {
            let skew = |ahead| HostFault::Skew { host: host.clone(), ahead };
            shorter(*ahead).into_iter().map(skew).collect()
        }
        HostFault::Lag { host, behind } => {
            let lag = |behind| HostFault::Lag { host: host.clone(), behind };
            shorter(*behind).into_iter().map(lag).collect()
        }
        HostFault::Drift { host, rate } => {
            let drift = |rate| HostFault::Drift { host: host.clone(), rate };
            nearer(*rate).map(drift).into_iter().collect()
        }
        HostFault::Poweroff(host) => vec![HostFault::Crash(host.clone())],
        HostFault::Reboot(nat) => vec![HostFault::Rebind(nat.clone())],
        HostFault::Partition { a, b } => {
            let one_way = |from: &str, to: &str| HostFault::PartitionOneWay(Flow::new(from, to));
            vec![one_way(a, b), one_way(b, a)]
        }
        _ => Vec::new(),
    }
}

/// A host that is down for less long, one whose peers hear of it, and one that goes down earlier. None stays down that came
/// back: whatever waits for it would fail for that reason alone.
fn weaker_down(down: &Down) -> Vec<Down> {
    let mut weaker = Vec::new();
    if let Some(span) = down.back_after {
        let shorter = shorter(span).into_iter();
        weaker.extend(shorter.map(|span| Down { back_after: Some(span), ..down.clone() }));
    }
    if down.silent {
        weaker.push(Down { silent: false, ..down.clone() });
    }
    let earlier = |n: u64| [0, n / 2, n.saturating_sub(1)].into_iter().filter(move |earlier| *earlier < n);
    let whens: Vec<When> = match down.when {
        When::AfterRecv(n) => earlier(n).map(When::AfterRecv).collect(),
        When::BeforeSend(n) => earlier(n).map(When::BeforeSend).collect(),
        When::AfterSend(n) => earlier(n).map(When::AfterSend).collect(),
        // After all of it is plainer than in the middle.
        When::AfterEffect { effect, recv } => {
            let earlier = earlier(recv).map(|recv| When::AfterEffect { effect, recv });
            [When::AfterRecv(recv)].into_iter().chain(earlier).collect()
        }
    };
    weaker.extend(whens.into_iter().map(|when| Down { when, ..down.clone() }));
    weaker
}

/// Earlier moments: the start, then half of the time, then a hundredth and a thousandth of a second earlier.
fn earlier(at: Instant) -> Vec<Instant> {
    let millis = at.as_nanos() / 1_000_000;
    let whole =
        [0, millis / 2, millis.saturating_sub(10), millis.saturating_sub(1)].map(Instant::from_millis);
    let mut all: Vec<Instant> = whole.into_iter().filter(|earlier| *earlier < at).collect();
    all.dedup();
    all
}

/// A rate half as far from the right one.
fn nearer(rate: Rate) -> Option<Rate> {
    let parts = u64::from(rate.parts()) + u64::from(Rate::PARTS);
    // Towards the right one, so that it ends there.
    let parts = if rate < Rate::RIGHT { parts.div_ceil(2) } else { parts / 2 };
    Rate::millionths(parts as u32).filter(|nearer| *nearer != rate && *nearer != Rate::RIGHT)
}

/// A loss is the plainest; then what comes twice, late, short, and with other bits.
fn weaker_on_datagram(fault: DatagramFault) -> Vec<DatagramFault> {
    use DatagramFault::{Bleach, Delay, Drop, Duplicate, Flip, Mark, Truncate};
    match fault {
        // What is marked instead of lost, or loses its mark, is a matter of its own.
        Drop | Mark | Bleach => Vec::new(),
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
