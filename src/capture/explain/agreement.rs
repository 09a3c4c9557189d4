//! How far a run and a capture agree.

use std::cmp::Reverse;
use std::time::Duration;

use super::lanes::{Lane, Lanes};
use crate::steps::step;

/// How far apart two moments may be that are the same: real timers and machines take their time.
pub(super) const TOLERANCE: Duration = Duration::from_millis(25);
/// Real timers may take longer by one part in this many: 1%.
const DRIFT: u32 = 100;
/// For how long after the last packet of a capture it is taken to have gone on.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// How far a run agrees with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) agreeing: usize,
    pub(super) total: usize,
    pub(super) surplus: usize,
    /// How many packets the run has where the capture has none at all.
    pub(super) unseen: usize,
    pub(super) differing: usize,
    /// When they part.
    pub(super) parts_at: Duration,
    /// How much later than in the run the packet was captured with which they part.
    pub(super) lateness: Duration,
}

/// One thing in a capture, with its place in a run.
#[derive(Clone, Copy)]
enum Thing {
    Datagram(usize),
    Bytes(u64),
    Fin,
    Rst,
}

impl Agreement {
    pub(super) fn of(seen: &Lanes, made: &Lanes) -> Self {
        let mut things: Vec<(Duration, usize, usize, Thing)> = Vec::new();
        for (flow, lanes) in seen.flows.iter().enumerate() {
            for (side, lane) in lanes.iter().enumerate() {
                let mut add = |at, thing| things.push((at, flow, side, thing));
                lane.datagrams.iter().enumerate().for_each(|(k, sent)| add(sent.at, Thing::Datagram(k)));
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
            surplus: surplus(seen, made, end_at + AFTERWARDS, false),
            unseen: surplus(seen, made, end_at + AFTERWARDS, true),
            differing: 0,
            parts_at: end_at + AFTERWARDS,
            lateness: Duration::ZERO,
        };
        let common = common(seen, made);
        for (at, flow, side, thing) in things {
            let seen_lane = &seen.flows[flow][side];
            let made_lanes = made.flows.get(flow);
            let made_at =
                made_lanes.and_then(|made| moment(seen_lane, made, side, common[flow][side], thing));
            let slack = TOLERANCE + at / DRIFT;
            if made_at.is_none_or(|made_at| made_at.abs_diff(at) > slack) {
                agreement.parts_at = at;
                agreement.lateness = made_at.map_or(Duration::ZERO, |made_at| at.saturating_sub(made_at));
                break;
            }
            agreement.agreeing += 1;
            if let (Thing::Datagram(k), Some(made)) = (thing, made_lanes) {
                let seen_bytes = &seen_lane.datagrams[k].bytes;
                agreement.differing += usize::from(!made[side].datagrams[k].bytes.starts_with(seen_bytes));
            }
        }
        agreement
    }

    pub(super) const fn is_whole(self) -> bool {
        self.agreeing == self.total && self.surplus == 0 && self.unseen == 0
    }

    /// The higher the better.
    pub(super) const fn rank(self) -> (usize, Reverse<usize>, Reverse<usize>) {
        (self.agreeing, Reverse(self.surplus), Reverse(self.unseen))
    }
}

/// How many bytes at its beginning each direction has that are the same in both. Its segments are compared by that, so
/// that each byte is looked at once.
fn common(seen: &Lanes, made: &Lanes) -> Vec<[u64; 2]> {
    let same_len = |seen: &Lane, made: &Lane| {
        let mut holes = seen.holes.iter().peekable();
        let mut is_unknown = |at: u64| {
            while holes.next_if(|(_, end)| **end <= at).is_some() {}
            holes.peek().is_some_and(|(begin, _)| **begin <= at)
        };
        let pairs = (0..).zip(seen.bytes.iter().zip(&made.bytes)).inspect(|_| step());
        pairs.take_while(|(at, (seen, made))| seen == made || is_unknown(*at)).count() as u64
    };
    let flows = seen.flows.iter().enumerate();
    flows
        .map(|(flow, seen)| {
            let made = made.flows.get(flow);
            [0, 1].map(|side| made.map_or(0, |made| same_len(&seen[side], &made[side])))
        })
        .collect()
}

/// When a run has what a capture has; a reset counts whoever sent it.
fn moment(seen: &Lane, made: &[Lane; 2], side: usize, common: u64, thing: Thing) -> Option<Duration> {
    let lane = &made[side];
    match thing {
        Thing::Datagram(k) => {
            let datagram = lane.datagrams.get(k)?;
            (datagram.len == seen.datagrams[k].len).then_some(datagram.at)
        }
        Thing::Bytes(end) => {
            let before = lane.segments.partition_point(|(.., made_end)| {
                step();
                *made_end < end
            });
            let segment = lane.segments.get(before)?;
            (end <= common).then_some(segment.0)
        }
        Thing::Fin => lane.fin,
        Thing::Rst => made.iter().filter_map(|lane| lane.rst).min(),
    }
}

/// How much more a run has up to a moment than a capture: where the capture has anything, or where it has nothing. Of a
/// stream that was captured in one direction nothing is missed in the other one.
fn surplus(seen: &Lanes, made: &Lanes, until: Duration, is_unseen: bool) -> usize {
    let of_lane = |seen: &Lane, made: &Lane| {
        if seen.is_unseen != is_unseen {
            return 0;
        }
        let datagrams = made.datagrams.iter().filter(|sent| sent.at <= until).count();
        let seen_len = seen.bytes.len() as u64;
        let segments = made.segments.iter().filter(|(at, _, end)| *at <= until && *end > seen_len);
        let segments = if is_unseen { 0 } else { segments.count() };
        datagrams.saturating_sub(seen.datagrams.len()) + segments
    };
    let flows = seen.flows.iter().zip(&made.flows);
    flows.map(|(seen, made)| of_lane(&seen[0], &made[0]) + of_lane(&seen[1], &made[1])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::taken;

    /// A stream of `segments` segments, each with ten bytes.
    fn stream(segments: u64) -> Lanes {
        let segment = |n: u64| (Duration::from_millis(n), 10 * n, 10 * n + 10);
        let bytes = (0..10 * segments).map(|n| n as u8).collect();
        let up = Lane { segments: (0..segments).map(segment).collect(), bytes, ..Lane::default() };
        Lanes { flows: vec![[up, Lane::default()]], ..Lanes::default() }
    }

    #[test]
    fn each_byte_is_compared_once() {
        let steps = |segments| {
            let (seen, made) = (stream(segments), stream(segments));
            taken(|| assert!(Agreement::of(&seen, &made).is_whole()))
        };
        let (few, many) = (steps(1_000), steps(4_000));
        assert!(many <= 5 * few, "{many} steps for 4 times what takes {few}");
    }

    #[test]
    fn what_is_not_known_is_not_compared() {
        let (mut seen, mut made) = (stream(10), stream(10));
        made.flows[0][0].bytes[50..70].fill(7);
        seen.flows[0][0].holes = [(3, 5), (50, 70)].into();
        assert!(Agreement::of(&seen, &made).is_whole());
        seen.flows[0][0].holes = [(50, 69)].into();
        assert_eq!(Agreement::of(&seen, &made).agreeing, 6);
    }

    #[test]
    fn a_run_agrees_up_to_the_segment_that_has_the_first_other_byte() {
        let (seen, mut made) = (stream(10), stream(10));
        made.flows[0][0].bytes[50] ^= 1;
        let agreement = Agreement::of(&seen, &made);
        assert_eq!((agreement.agreeing, agreement.total), (5, 10));
        assert_eq!(agreement.parts_at, Duration::from_millis(5));
    }
}
