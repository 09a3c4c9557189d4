//! Captures that begin within a connection, moved to where a run has the same bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lanes::{Lane, Lanes};
use crate::steps::step;

/// How many bytes tell a place in a stream.
const NEEDLE_LEN: usize = 64;

/// The same flow, where a run has its bytes, if it began before the capture and the run has them: bytes before are not
/// known, and times are those of the run.
pub(super) fn aligned(seen: &Lanes, made: &Lanes) -> Option<Lanes> {
    let ([sides], Some(made)) = (seen.flows.as_slice(), made.flows.first()) else { return None };
    if !seen.begins_within {
        return None;
    }
    let places = [0, 1].map(|side| place(&sides[side], &made[side]));
    // Each side tells when the run is where the capture begins; the first one that is seen does so best.
    let moments = (0..2).filter_map(|side| {
        let (at, begin, end) = *sides[side].segments.first()?;
        let made_end = places[side]? + end - begin;
        let made_at = made[side].segments.iter().find(|(.., end)| *end >= made_end)?.0;
        Some((at, made_at.checked_sub(at)?))
    });
    let (_, later) = moments.min_by_key(|(at, _)| *at)?;
    let moved = |side: usize| moved(&sides[side], places[side].unwrap_or_default(), later);
    Some(Lanes {
        flows: vec![[moved(0), moved(1)]],
        handshake: None,
        notes: seen.notes.clone(),
        begins_within: true,
    })
}

/// From which byte on a run has what was captured first.
fn place(seen: &Lane, made: &Lane) -> Option<u64> {
    let known_len = seen.holes.keys().next().map_or(seen.bytes.len(), |hole| *hole as usize);
    let needle = &seen.bytes[..known_len.min(NEEDLE_LEN)];
    if needle.is_empty() {
        return None;
    }
    let mut places = made.bytes.windows(needle.len()).inspect(|_| step());
    places.position(|window| window == needle).map(|place| place as u64)
}

/// The lane, moved on by `place` bytes, and `later` by the clock.
fn moved(lane: &Lane, place: u64, later: Duration) -> Lane {
    let mut holes: BTreeMap<u64, u64> =
        lane.holes.iter().map(|(from, to)| (from + place, to + place)).collect();
    if place > 0 {
        holes.insert(0, place);
    }
    Lane {
        datagrams: Vec::new(),
        segments: lane
            .segments
            .iter()
            .map(|(at, from, to)| (*at + later, from + place, to + place))
            .collect(),
        bytes: [&vec![0; place as usize], lane.bytes.as_slice()].concat(),
        holes,
        fin: lane.fin.map(|at| at + later),
        rst: lane.rst.map(|at| at + later),
        is_unseen: lane.is_unseen,
    }
}
