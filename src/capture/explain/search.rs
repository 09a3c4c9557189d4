//! The faults with which a simulation agrees with a capture longest.

use std::cmp::Reverse;
use std::time::Duration;

use super::agreement::{Agreement, TOLERANCE};
use super::aligned::aligned;
use super::lanes::{self, Datagram, Lane, Lanes, Pair};
use super::{Explained, settings};
use crate::engine::{Engine, Prepared};
use crate::fault::{DatagramFault, Fault, FaultPlan, Flow, StreamFault};
use crate::host::HostId;
use crate::scenario::Scenario;
use crate::steps::step;

/// The most faults that are found.
const MAX_FAULTS: usize = 64;
/// How many of the packets sent last a fault is tried on.
const MAX_TRIED: usize = 12;

/// Searches the faults, one after another, until `is_over` says that it is enough.
pub(super) fn search(
    scenario: &Scenario,
    server: HostId,
    seen: &Lanes,
    is_over: &dyn Fn() -> bool,
) -> Explained {
    let mut engine = Engine::new(scenario);
    let mut attempt = |seen: &Lanes, plan: FaultPlan| {
        let prepared = Prepared::new(&plan, scenario).ok()?;
        engine.run(&settings(prepared));
        let (made, pairs) = lanes::simulated(engine.log(), server);
        let agreement = Agreement::of(seen, &made);
        Some(Attempt { plan, made, pairs, agreement })
    };
    let mut best = attempt(seen, FaultPlan::default());
    let moved = best.as_ref().and_then(|best| aligned(seen, &best.made));
    let seen = moved.as_ref().unwrap_or(seen);
    if let (Some(best), true) = (&mut best, moved.is_some()) {
        best.agreement = Agreement::of(seen, &best.made);
    }
    let mut measured = FaultPlan::default();
    if measured.set_link(latency(seen)).is_ok() && measured.link().is_some() {
        // Where both agree equally long, what was measured is nearer the truth.
        let tried = attempt(seen, measured);
        let is_worse = |best: &Attempt, tried: &Attempt| tried.agreement.rank() < best.agreement.rank();
        if !matches!((&best, &tried), (Some(best), Some(tried)) if is_worse(best, tried)) {
            best = tried.or(best);
        }
    }
    while let Some(current) = &best {
        if current.agreement.is_whole() || current.plan.len() >= MAX_FAULTS || is_over() {
            break;
        }
        let mut next: Option<Attempt> = None;
        for fault in candidates(current, seen, &scenario.names()) {
            let mut plan = current.plan.clone();
            if is_over() {
                break;
            }
            if plan.push(fault).is_err() {
                continue;
            }
            let Some(tried) = attempt(seen, plan) else { continue };
            let bar = next.as_ref().unwrap_or(current).agreement.rank();
            if tried.agreement.rank() > bar {
                next = Some(tried);
            }
        }
        match next {
            Some(next) => best = Some(next),
            None => break,
        }
    }
    match best {
        Some(Attempt { plan, agreement, .. }) => {
            let Agreement { agreeing, total, surplus, differing, .. } = agreement;
            Explained { plan, agreeing, total, surplus, differing, notes: seen.notes.clone() }
        }
        // An empty plan fits every scenario, so there always is one.
        None => Explained {
            plan: FaultPlan::default(),
            agreeing: 0,
            total: 0,
            surplus: 0,
            differing: 0,
            notes: seen.notes.clone(),
        },
    }
}

/// A plan that was tried, and what came of it.
struct Attempt {
    plan: FaultPlan,
    made: Lanes,
    pairs: Vec<Pair>,
    agreement: Agreement,
}

/// How long a packet took: half a round trip. A server that takes its time is not told from a slow link, so what is
/// longer than a second is taken for the former.
fn latency(seen: &Lanes) -> Option<Duration> {
    let answer = |[up, down]: &[Lane; 2]| {
        let mut sent: Vec<Duration> = up.datagrams.iter().map(|sent| sent.at).collect();
        // A capture need not be in the order of its times.
        sent.sort_unstable();
        let gaps = down.datagrams.iter().filter_map(|Datagram { at, .. }| {
            let before = sent.partition_point(|sent| {
                step();
                sent <= at
            });
            Some(at.saturating_sub(*sent.get(before.checked_sub(1)?)?))
        });
        gaps.min()
    };
    let shortest = seen.handshake.or_else(|| seen.flows.iter().filter_map(answer).min())?;
    let micros = shortest.as_micros().max(1);
    (shortest < Duration::from_secs(1)).then(|| Duration::from_micros(micros as u64))
}

/// What may have happened before the capture and the run part, the likeliest first.
fn candidates(current: &Attempt, seen: &Lanes, names: &[&str]) -> Vec<Fault> {
    let Attempt { made, pairs, agreement, .. } = current;
    let until = agreement.parts_at + TOLERANCE;
    let mut tried: Vec<(Duration, Vec<Fault>)> = Vec::new();
    for (index, (pair, lanes)) in pairs.iter().zip(&made.flows).enumerate().take(seen.flows.len()) {
        for (side, lane) in lanes.iter().enumerate() {
            let (from, to) = (pair.hosts[side], pair.hosts[1 - side]);
            let flow = || Flow::new(names[from.index()], names[to.index()]);
            let late = Some(agreement.lateness).filter(|late| !late.is_zero()).map(whole_millis);
            for Datagram { at, n, .. } in lane.datagrams.iter().filter(|sent| sent.at <= until) {
                let delay = late.map(DatagramFault::Delay);
                let kinds = [Some(DatagramFault::Drop), Some(DatagramFault::Duplicate), delay];
                let fault = |fault| Fault::Datagram { flow: flow(), n: *n, fault };
                tried.push((*at, kinds.into_iter().flatten().map(fault).collect()));
            }
            let conn = pair.number.unwrap_or_default();
            let fault = |at, fault| Fault::Stream { flow: flow(), conn, at, fault };
            for (at, begin, _) in lane.segments.iter().filter(|(at, ..)| *at <= until) {
                tried.push((
                    *at,
                    late.map(|late| fault(*begin, StreamFault::Stall(late))).into_iter().collect(),
                ));
            }
            if seen.flows[index][side].rst.is_some() && pair.number.is_some() && from != to {
                let offset = seen.flows[index][side].bytes.len() as u64;
                tried.push((until, vec![fault(offset, StreamFault::Reset)]));
            }
        }
    }
    tried.sort_by_key(|(at, _)| Reverse(*at));
    let mut faults: Vec<Fault> = tried.into_iter().take(MAX_TRIED).flat_map(|(_, faults)| faults).collect();
    faults.sort_by_key(Fault::kind);
    faults
}

/// A span as plans have it: finer is not told by real clocks.
fn whole_millis(span: Duration) -> Duration {
    Duration::from_millis((span.as_millis() as u64).max(1))
}
