//! Partitions, heals, and planned offsets, however many there are.

use std::fmt::Write as _;

use super::network;
use crate::fault::ResolvedHost;
use crate::host::HostId;
use crate::machine::Marked;
use crate::steps::taken;
use crate::time::Instant;

const A: HostId = HostId(0);
const B: HostId = HostId(1);

/// So many partitions, each of which is healed.
fn partitions(count: u32) -> String {
    (0..count).fold(String::new(), |mut plan, n| {
        let (begin, end) = (10 * n, 10 * n + 5);
        let _ = write!(plan, "at {begin}ms partition h0|h1; at {end}ms heal; ");
        plan
    })
}

/// How many windows are looked at while so many are passed, each with one packet in it and one after it.
fn looks(count: u32) -> u64 {
    let mut network = network(2, &partitions(count));
    taken(|| {
        for n in 0..u64::from(count) {
            for (late, passes) in [(0, false), (5, true)] {
                let now = Instant::from_millis(10 * n + late);
                let departure = network.datagram(now, A, B, Marked::plain(b""));
                assert_eq!(departure.arrivals[0].is_some(), passes, "at {now}");
            }
        }
        assert_eq!(network.unfired().count(), 0);
    })
}

#[test]
fn many_partitions_cost_no_square() {
    let (few, many) = (looks(500), looks(2000));
    assert!(many <= 5 * few, "{few} looks for 500 partitions, and {many} for 2,000");
}

/// How many offsets are looked at while a write goes through so many cuts.
fn cuts(count: u32) -> u64 {
    let plan = (1..=count).fold(String::new(), |mut plan, n| {
        let _ = write!(plan, "h0>h1 @{} cut; ", 3 * n);
        plan
    });
    let network = network(2, &plan);
    let faults = network.schedule.stream(A, B, 0).unwrap();
    taken(|| {
        for n in 0..u64::from(count) {
            assert_eq!(faults.next_after(3 * n), Some((3 * n + 3, None)));
            assert_eq!(faults.next_after(3 * n + 2), Some((3 * n + 3, None)));
        }
        assert_eq!(faults.next_after(u64::from(3 * count)), None);
    })
}

#[test]
fn many_planned_offsets_cost_no_square() {
    let (few, many) = (cuts(500), cuts(2000));
    assert!(many <= 5 * few, "{few} looks for 500 cuts, and {many} for 2,000");
}

/// Until when nothing passes, by a walk over all faults in their order, again and again.
fn walked(faults: &[(Instant, ResolvedHost, u32)], calm_at: Instant, now: Instant) -> Option<Instant> {
    let mut begun_at = None;
    for &(at, fault, _) in faults {
        match fault {
            ResolvedHost::Partition(..) | ResolvedHost::PartitionOneWay(A, B) => {
                begun_at = begun_at.or(Some(at));
            }
            ResolvedHost::Heal if begun_at.take().is_some_and(|begin_at| begin_at <= now && now < at) => {
                return Some(walked(faults, calm_at, at).unwrap_or(at));
            }
            _ => {}
        }
    }
    begun_at.filter(|begin_at| *begin_at <= now && now < calm_at).map(|_| calm_at)
}

#[test]
fn windows_are_what_a_walk_over_the_plan_finds() {
    let plans = [
        "at 1ms partition h0|h1; at 3ms heal; at 5ms partition h0>h1",
        "at 1ms partition h0|h1; at 2ms partition h0>h1; at 3ms heal; at 3ms partition h0|h1; at 4ms heal",
        "at 1ms partition h0|h1; at 1ms heal; at 2ms partition h1>h0; at 3ms heal; calm 6ms",
        "at 2ms partition h0>h1; at 4ms partition h1>h0; at 4ms heal; at 5ms heal; at 6ms partition h0|h1; calm 7ms",
    ];
    for plan in plans {
        let mut network = network(2, plan);
        let faults = network.schedule.host_faults.clone();
        let calm_at = network.schedule.calm_at.unwrap_or(Instant::FAR_FUTURE);
        for now in (0..18).rev().chain(0..18).map(|half| Instant::from_nanos(half * 500_000)) {
            assert_eq!(network.blocked_until(A, B, now), walked(&faults, calm_at, now), "{plan}, at {now}");
        }
    }
}
