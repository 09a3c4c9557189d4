//! The faults with which a simulation agrees with a capture longest.

use std::cmp::Reverse;
use std::fmt::Debug;
use std::time::Duration;

use super::lanes::{self, Lane, Lanes, Pair};
use crate::engine::{Engine, Keep, Prepared, Settings};
use crate::fault::{DatagramFault, Fault, FaultPlan, Flow, StreamFault};
use crate::scenario::Scenario;

/// The most faults that are found.
const MAX_FAULTS: usize = 64;
/// How many of the packets sent last a fault is tried on.
const MAX_TRIED: usize = 12;
/// How far apart two moments may be that are the same: real timers and machines take their time.
const TOLERANCE: Duration = Duration::from_millis(25);
/// How much longer, as one part in so many, real timers may take.
const DRIFT: u32 = 100;
/// For how long after the last packet of a capture it is taken to have gone on.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// The run that agrees best.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) plan: FaultPlan,
    /// With how many of the capture's packets it agrees, from the first on.
    pub(super) agreeing: usize,
    /// How many packets the capture has.
    pub(super) total: usize,
    /// How many packets the run has that the capture lacks.
    pub(super) surplus: usize,
    /// How many of the agreeing datagrams have other bytes.
    pub(super) differing: usize,
}

/// How runs are made here: with a log, and without looking for broken laws.
pub(super) fn settings(plan: Prepared) -> Settings {
    Settings { plan, laws: None, keep: Keep::Log, ..Settings::default() }
}

/// Searches the faults, one after another.
pub(super) fn search<C: Clone + 'static, E: PartialEq + Debug + 'static>(
    scenario: &Scenario<C, E>,
    seen: &Lanes,
) -> Found {
    let mut engine = Engine::default();
    let mut attempt = |plan: FaultPlan| {
        let prepared = Prepared::new(&plan, &scenario.names()).ok()?;
        engine.run(scenario, &settings(prepared));
        let (made, pairs) = lanes::simulated(engine.log());
        let agreement = Agreement::of(seen, &made);
        Some(Attempt { plan, made, pairs, agreement })
    };
    let mut best = attempt(FaultPlan::default());
    let mut measured = FaultPlan::default();
    if measured.set_link(latency(seen)).is_ok() && measured.link().is_some() {
        // Where both agree equally long, what was measured is nearer the truth.
        let tried = attempt(measured);
        let is_worse = |best: &Attempt, tried: &Attempt| tried.agreement.rank() < best.agreement.rank();
        if !matches!((&best, &tried), (Some(best), Some(tried)) if is_worse(best, tried)) {
            best = tried.or(best);
        }
    }
    while let Some(current) = &best {
        if current.agreement.is_whole() || current.plan.len() >= MAX_FAULTS {
            break;
        }
        let mut next: Option<Attempt> = None;
        for fault in candidates(current, seen, &scenario.names()) {
            let mut plan = current.plan.clone();
            if plan.push(fault).is_err() {
                continue;
            }
            let Some(tried) = attempt(plan) else { continue };
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
            Found { plan, agreeing, total, surplus, differing }
        }
        // An empty plan fits every scenario, so there always is one.
        None => Found { plan: FaultPlan::default(), agreeing: 0, total: 0, surplus: 0, differing: 0 },
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
        let gaps = down.datagrams.iter().filter_map(|(at, ..)| {
            let before = up.datagrams.iter().map(|(sent, ..)| *sent).filter(|sent| sent <= at).max()?;
            Some(at.saturating_sub(before))
        });
        gaps.min()
    };
    let shortest = seen.handshake.or_else(|| seen.flows.iter().filter_map(answer).min())?;
    let micros = shortest.as_micros().max(1);
    (shortest < Duration::from_secs(1)).then(|| Duration::from_micros(micros as u64))
}

/// How far a run agrees with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Agreement {
    agreeing: usize,
    total: usize,
    surplus: usize,
    differing: usize,
    /// When they part.
    parts_at: Duration,
    /// How much later than in the run the packet was captured with which they part.
    lateness: Duration,
}

/// One thing in a capture, with where it is to be found in a run.
#[derive(Clone, Copy)]
enum Thing {
    Datagram(usize),
    Bytes(u64),
    Fin,
    Rst,
}

impl Agreement {
    fn of(seen: &Lanes, made: &Lanes) -> Self {
        let mut things: Vec<(Duration, usize, usize, Thing)> = Vec::new();
        for (flow, lanes) in seen.flows.iter().enumerate() {
            for (side, lane) in lanes.iter().enumerate() {
                let mut add = |at, thing| things.push((at, flow, side, thing));
                lane.datagrams.iter().enumerate().for_each(|(k, (at, ..))| add(*at, Thing::Datagram(k)));
                lane.segments.iter().for_each(|(at, _, end)| add(*at, Thing::Bytes(*end)));
                lane.fin.into_iter().for_each(|at| add(at, Thing::Fin));
                lane.rst.into_iter().for_each(|at| add(at, Thing::Rst));
            }
        }
        things.sort_by_key(|(at, ..)| *at);
        let end_at = things.last().map_or(Duration::ZERO, |(at, ..)| *at);
        let mut agreement = Self {
            agreeing: 0,
            total: things.len(),
            surplus: surplus(seen, made, end_at + AFTERWARDS),
            differing: 0,
            parts_at: end_at + AFTERWARDS,
            lateness: Duration::ZERO,
        };
        for (at, flow, side, thing) in things {
            let seen_lane = &seen.flows[flow][side];
            let made_lanes = made.flows.get(flow);
            let made_at = made_lanes.and_then(|made| moment(seen_lane, made, side, thing));
            let slack = TOLERANCE + at / DRIFT;
            if made_at.is_none_or(|made_at| made_at.abs_diff(at) > slack) {
                agreement.parts_at = at;
                agreement.lateness = made_at.map_or(Duration::ZERO, |made_at| at.saturating_sub(made_at));
                break;
            }
            agreement.agreeing += 1;
            if let (Thing::Datagram(k), Some(made)) = (thing, made_lanes) {
                agreement.differing += usize::from(seen_lane.datagrams[k].2 != made[side].datagrams[k].2);
            }
        }
        agreement
    }

    const fn is_whole(self) -> bool {
        self.agreeing == self.total && self.surplus == 0
    }

    /// The higher the better.
    const fn rank(self) -> (usize, Reverse<usize>) {
        (self.agreeing, Reverse(self.surplus))
    }
}

/// When a run has what a capture has; a reset counts whoever sent it.
fn moment(seen: &Lane, made: &[Lane; 2], side: usize, thing: Thing) -> Option<Duration> {
    let lane = &made[side];
    match thing {
        Thing::Datagram(k) => {
            let (at, _, bytes) = lane.datagrams.get(k)?;
            (bytes.len() == seen.datagrams[k].2.len()).then_some(*at)
        }
        Thing::Bytes(end) => {
            let is_same = lane.bytes.get(..end as usize)? == seen.bytes.get(..end as usize)?;
            let segment = lane.segments.iter().find(|(.., made_end)| *made_end >= end)?;
            is_same.then_some(segment.0)
        }
        Thing::Fin => lane.fin,
        Thing::Rst => made.iter().filter_map(|lane| lane.rst).min(),
    }
}

/// How much more a run has up to a moment than a capture.
fn surplus(seen: &Lanes, made: &Lanes, until: Duration) -> usize {
    let of_lane = |seen: &Lane, made: &Lane| {
        let datagrams = made.datagrams.iter().filter(|(at, ..)| *at <= until).count();
        let seen_len = seen.bytes.len() as u64;
        let segments = made.segments.iter().filter(|(at, _, end)| *at <= until && *end > seen_len);
        datagrams.saturating_sub(seen.datagrams.len()) + segments.count()
    };
    let flows = seen.flows.iter().zip(&made.flows);
    flows.map(|(seen, made)| of_lane(&seen[0], &made[0]) + of_lane(&seen[1], &made[1])).sum()
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
            for (at, n, _) in lane.datagrams.iter().filter(|(at, ..)| *at <= until) {
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
