//! Strategies that generate faults and plans for property tests (feature `proptest`).
//!
//! What they generate is valid: no plan of theirs has two faults for one packet. All times are whole
//! milliseconds, so that the worlds a scenario runs in can be compared.
//!
//! ```
//! use lossproof::fault::{FaultPlan, strategy};
//! use proptest::prelude::*;
//!
//! proptest!(|(plan in strategy::plan(&["client", "server"], 8))| {
//!     prop_assert_eq!(plan.to_string().parse::<FaultPlan>(), Ok(plan));
//! });
//! ```

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::Union;

use super::{ConnectFault, DatagramFault, Down, Fault, FaultPlan, Flow, HostFault, Rate, StreamFault, When};
use crate::Instant;

/// The longest delay, stall and skew, in milliseconds: past the patience of most protocols.
const MAX_SPAN_MILLIS: u64 = 5_000;
/// The highest latency of the links, in milliseconds.
const MAX_LINK_MILLIS: u64 = 100;
/// The latest moment of a host fault, in milliseconds.
const MAX_AT_MILLIS: u64 = 10_000;
/// The highest number of a packet with a fault; short scenarios send few, and a fault beyond never fires.
const MAX_N: u64 = 31;
/// The highest offset of a fault in a stream.
const MAX_OFFSET: u64 = 255;
/// The highest byte that is flipped, and the longest that a datagram is cut to.
const MAX_BYTE: u32 = 63;
/// The longest distance between two regular cuts.
const MAX_CUT_EVERY: u64 = 16;

/// Any fault of a datagram but for its ECN field, with spans of 1 ms to 5 s.
pub fn datagram_fault() -> impl Strategy<Value = DatagramFault> {
    prop_oneof![
        4 => Just(DatagramFault::Drop),
        2 => Just(DatagramFault::Duplicate),
        2 => millis(1..=MAX_SPAN_MILLIS).prop_map(DatagramFault::Delay),
        1 => (0..=MAX_BYTE, 1..=u8::MAX).prop_map(|(at, mask)| DatagramFault::Flip { at, mask }),
        1 => (0..=MAX_BYTE).prop_map(DatagramFault::Truncate),
    ]
}

/// Any fault at a point of a stream, with spans of 1 ms to 5 s.
pub fn stream_fault() -> impl Strategy<Value = StreamFault> {
    prop_oneof![3 => cut_or_stall(), 1 => Just(StreamFault::Reset)]
}

/// Any fault between or of `hosts`, in the first 10 s.
///
/// Where there are fewer than two different hosts, only faults that take that many are generated.
pub fn fault(hosts: &[impl AsRef<str>]) -> BoxedStrategy<Fault> {
    let flows = flows_between(hosts);
    let mut options = vec![(3, host_fault(hosts, &flows))];
    if !hosts.is_empty() {
        options.push((1, down(hosts)));
    }
    if !flows.is_empty() {
        options.push((4, datagram(flows.clone(), MAX_N)));
        options.push((3, stream(flows.clone(), MAX_OFFSET, stream_fault().boxed())));
        options.push((1, cut_every(flows.clone())));
        options.push((1, connect(flows)));
    }
    Union::new_weighted(options).boxed()
}

/// Any plan of at most `max_faults` faults between and of `hosts`, perhaps with a seed and a latency.
///
/// A fault for a place that has one already is left out, and so is one of a host whose name
/// [`FaultPlan::push`] refuses.
pub fn plan(hosts: &[impl AsRef<str>], max_faults: usize) -> BoxedStrategy<FaultPlan> {
    let seed = option::of(any::<u64>());
    let link = option::of(millis(1..=MAX_LINK_MILLIS));
    let faults = vec(fault(hosts), 0..=max_faults);
    (seed, link, faults)
        .prop_map(|(seed, link, faults)| {
            let mut plan = collect(faults);
            plan.seed = seed;
            // Never refused: the range starts above zero.
            let _ = plan.set_link(link);
            plan
        })
        .boxed()
}

/// Any choice among the commands numbered below `count`, or all of them: the [`commands`](FaultPlan::commands) of a plan
/// for a scenario that generates that number of them.
pub fn commands(count: u32) -> impl Strategy<Value = Option<BTreeSet<u32>>> {
    option::of(subsequence((0..count).collect::<Vec<_>>(), 0..=count as usize))
        .prop_map(|given| given.map(BTreeSet::from_iter))
}

/// Any plan of at most `max_faults` faults for the datagrams numbered 0 to `max_n` of `flows`.
///
/// Seed and latency are left to the caller.
pub fn datagram_plan(flows: &[Flow], max_n: u64, max_faults: usize) -> BoxedStrategy<FaultPlan> {
    if flows.is_empty() {
        return Just(FaultPlan::default()).boxed();
    }
    vec(datagram(flows.to_vec(), max_n), 0..=max_faults).prop_map(collect).boxed()
}

/// Any plan of at most `max_faults` cuts, "cut every"s and stalls, at offsets 0 to `max_offset` of the streams
/// of `flows`, most on the first connection and the others on the second.
///
/// Seed and latency are left to the caller.
pub fn stream_plan(flows: &[Flow], max_offset: u64, max_faults: usize) -> BoxedStrategy<FaultPlan> {
    if flows.is_empty() {
        return Just(FaultPlan::default()).boxed();
    }
    let once = stream(flows.to_vec(), max_offset, cut_or_stall().boxed());
    let fault = prop_oneof![4 => once, 1 => cut_every(flows.to_vec())];
    vec(fault, 0..=max_faults).prop_map(collect).boxed()
}

/// The plan of those faults that it does not refuse.
fn collect(faults: Vec<Fault>) -> FaultPlan {
    let mut plan = FaultPlan::default();
    for fault in faults {
        // What is refused has a place that an earlier fault took; leaving it out loses no sort of plan.
        let _ = plan.push(fault);
    }
    plan
}

fn millis(range: RangeInclusive<u64>) -> impl Strategy<Value = Duration> + Clone {
    range.prop_map(Duration::from_millis)
}

fn cut_or_stall() -> impl Strategy<Value = StreamFault> {
    prop_oneof![Just(StreamFault::Cut), millis(1..=MAX_SPAN_MILLIS).prop_map(StreamFault::Stall)]
}

fn conn() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => Just(1)]
}

fn datagram(flows: Vec<Flow>, max_n: u64) -> BoxedStrategy<Fault> {
    (select(flows), 0..=max_n, datagram_fault())
        .prop_map(|(flow, n, fault)| Fault::Datagram { flow, n, fault })
        .boxed()
}

fn stream(flows: Vec<Flow>, max_offset: u64, faults: BoxedStrategy<StreamFault>) -> BoxedStrategy<Fault> {
    (select(flows), conn(), 0..=max_offset, faults)
        .prop_map(|(flow, conn, at, fault)| Fault::Stream { flow, conn, at, fault })
        .boxed()
}

fn cut_every(flows: Vec<Flow>) -> BoxedStrategy<Fault> {
    // One more than a number from 0 is never zero, which saves a check that could not fail.
    let len = (0..MAX_CUT_EVERY).prop_map(|more| NonZeroU64::MIN.saturating_add(more));
    (select(flows), conn(), len).prop_map(|(flow, conn, len)| Fault::CutEvery { flow, conn, len }).boxed()
}

fn connect(flows: Vec<Flow>) -> BoxedStrategy<Fault> {
    let fault = select(vec![ConnectFault::Refuse, ConnectFault::Silence]);
    (select(flows), conn(), fault)
        .prop_map(|(flow, conn, fault)| Fault::Connect { flow, conn, fault })
        .boxed()
}

/// Any rate of a clock, within a tenth of the right one.
pub fn rate() -> impl Strategy<Value = Rate> {
    let tenth = Rate::PARTS / 10;
    // Never refused: a tenth is within the bounds.
    (Rate::PARTS - tenth..=Rate::PARTS + tenth)
        .prop_map(|parts| Rate::millionths(parts).unwrap_or(Rate::RIGHT))
}

/// Any host that goes down at one of its first events, and most often comes back.
pub fn down(hosts: &[impl AsRef<str>]) -> BoxedStrategy<Fault> {
    let host = select(hosts.iter().map(|host| host.as_ref().to_owned()).collect::<Vec<_>>());
    let when = prop_oneof![
        (0..=MAX_N).prop_map(When::BeforeSend),
        (0..=MAX_N).prop_map(When::AfterSend),
        (0..=MAX_N).prop_map(When::AfterRecv),
        (1..4_u32, 0..=MAX_N).prop_map(|(effect, recv)| When::AfterEffect { effect, recv }),
    ];
    let back_after = option::weighted(0.75, millis(1..=MAX_SPAN_MILLIS));
    (host, any::<bool>(), when, back_after)
        .prop_map(|(host, silent, when, back_after)| Fault::Down(Down { host, silent, when, back_after }))
        .boxed()
}

fn host_fault(hosts: &[impl AsRef<str>], flows: &[Flow]) -> BoxedStrategy<Fault> {
    let mut options = vec![(1, Just(HostFault::Heal).boxed())];
    if !hosts.is_empty() {
        let host = select(hosts.iter().map(|host| host.as_ref().to_owned()).collect::<Vec<_>>());
        options.push((1, host.clone().prop_map(HostFault::Stop).boxed()));
        options.push((1, host.clone().prop_map(HostFault::Crash).boxed()));
        options.push((1, host.clone().prop_map(HostFault::Poweroff).boxed()));
        options.push((1, host.clone().prop_map(HostFault::Restart).boxed()));
        options.push((1, host.clone().prop_map(HostFault::Isolate).boxed()));
        options.push((1, host.clone().prop_map(HostFault::TimerFirst).boxed()));
        let skew = (host.clone(), millis(1..=MAX_SPAN_MILLIS));
        options.push((1, skew.clone().prop_map(|(host, ahead)| HostFault::Skew { host, ahead }).boxed()));
        options.push((1, skew.prop_map(|(host, behind)| HostFault::Lag { host, behind }).boxed()));
        options.push((1, (host, rate()).prop_map(|(host, rate)| HostFault::Drift { host, rate }).boxed()));
    }
    if !flows.is_empty() {
        let flow = select(flows.to_vec());
        let both_ways = flow.clone().prop_map(|Flow { from: a, to: b }| HostFault::Partition { a, b });
        options.push((1, both_ways.boxed()));
        options.push((1, flow.prop_map(HostFault::PartitionOneWay).boxed()));
    }
    let at = (0..=MAX_AT_MILLIS).prop_map(Instant::from_millis);
    (at, Union::new_weighted(options)).prop_map(|(at, fault)| Fault::Host { at, fault }).boxed()
}

fn flows_between(hosts: &[impl AsRef<str>]) -> Vec<Flow> {
    let names = || hosts.iter().map(AsRef::as_ref);
    let pairs = names().flat_map(|from| names().map(move |to| (from, to)));
    pairs.filter(|(from, to)| from != to).map(|(from, to)| Flow::new(from, to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    /// A few hundred values, the same at each run.
    fn samples<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>) -> Vec<T> {
        let mut runner = TestRunner::deterministic();
        (0..500).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
    }

    fn kinds(plans: &[FaultPlan]) -> BTreeSet<FaultKind> {
        plans.iter().flat_map(FaultPlan::faults).map(Fault::kind).collect()
    }

    fn is_whole_millis(span: Duration) -> bool {
        span.as_nanos() > 0 && span.subsec_nanos().is_multiple_of(1_000_000)
    }

    #[test]
    fn plans_cover_every_kind_in_whole_milliseconds() {
        let plans = samples(&plan(&["a", "b", "c"], 8));
        // Those of processes are for hunts, those of addresses and of marks for nets that are made for them.
        let is_drawn =
            |kind: &FaultKind| !kind.is_of_processes() && !kind.is_of_addresses() && !kind.is_of_ecn();
        let simulated = FaultKind::ALL.into_iter().filter(is_drawn);
        assert_eq!(kinds(&plans), simulated.collect());
        assert!(plans.iter().any(|plan| plan.len() == 8));
        for plan in &plans {
            assert!(plan.link().is_none_or(is_whole_millis));
            for fault in plan.faults() {
                match fault {
                    Fault::Datagram { fault: DatagramFault::Delay(span), .. }
                    | Fault::Stream { fault: StreamFault::Stall(span), .. }
                    | Fault::Host {
                        fault: HostFault::Skew { ahead: span, .. } | HostFault::Lag { behind: span, .. },
                        ..
                    } => {
                        assert!(is_whole_millis(*span), "{fault}");
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn every_fault_is_one_that_a_plan_takes() {
        for fault in samples(&fault(&["a", "b"])) {
            assert_eq!(FaultPlan::default().push(fault), Ok(()));
        }
    }

    #[test]
    fn narrow_plans_stay_within_their_bounds() {
        let flows = [Flow::new("a", "b")];
        let datagrams = samples(&datagram_plan(&flows, 3, 8));
        assert_eq!(kinds(&datagrams), FaultKind::ALL[..5].iter().copied().collect());
        for fault in datagrams.iter().flat_map(FaultPlan::faults) {
            assert!(matches!(fault, Fault::Datagram { flow, n: 0..=3, .. } if *flow == flows[0]), "{fault}");
        }
        let streams = samples(&stream_plan(&flows, 7, 8));
        assert_eq!(kinds(&streams), BTreeSet::from([FaultKind::Cut, FaultKind::Stall]));
        for fault in streams.iter().flat_map(FaultPlan::faults) {
            assert!(matches!(fault, Fault::Stream { at: 0..=7, .. } | Fault::CutEvery { .. }), "{fault}");
        }
    }

    #[test]
    fn commands_are_all_or_some_or_none() {
        let choices = samples(&commands(3));
        for choice in
            [None, Some(BTreeSet::new()), Some(BTreeSet::from([1])), Some(BTreeSet::from([0, 1, 2]))]
        {
            assert!(choices.contains(&choice), "{choice:?}");
        }
        assert!(choices.iter().flatten().flatten().all(|number| *number < 3));
    }

    #[test]
    fn too_few_hosts_leave_fewer_kinds() {
        assert_eq!(kinds(&samples(&plan(&[] as &[&str], 4))), BTreeSet::from([FaultKind::Heal]));
        let alone = kinds(&samples(&plan(&["a", "a"], 4)));
        let is_drawn =
            |kind: &FaultKind| !kind.is_of_processes() && !kind.is_of_addresses() && !kind.is_of_ecn();
        let of_hosts = FaultKind::ALL[10..].iter().copied().filter(is_drawn);
        assert_eq!(alone, of_hosts.collect());
        assert!(samples(&datagram_plan(&[], 3, 4)).iter().all(FaultPlan::is_empty));
        assert!(samples(&stream_plan(&[], 3, 4)).iter().all(FaultPlan::is_empty));
    }
}
