//! The lanes of a capture: datagrams as they are, streams put together from their segments (RFC 9293, section 3.4).
//!
//! A segment that is sent again has nothing new. One that comes too early waits for those before it. Bytes that the other
//! side acknowledged, and that were never captured, are a hole of known length.

use std::collections::BTreeMap;
use std::time::Duration;

use super::flows::Sorted;
use super::lanes::{Datagram, Lane, Lanes};
use crate::capture::{Frame, Payload};
use crate::scenario::Transport;
use crate::steps::step;

/// How many bytes of a direction may be in holes: a number in a hostile capture could make up more.
const MAX_HOLES_LEN: u64 = 16 << 20;
/// How many segments wait for those before them at most.
const MAX_WAITING: usize = 4096;
/// How many packets are named that lack bytes.
const MAX_NAMED: usize = 8;

/// The lanes of these flows. Times are since the first packet of them.
pub(super) fn captured(sorted: &Sorted, chosen: &[usize], frames: &[Frame]) -> Lanes {
    let mut begin = None;
    let mut lanes = Lanes::default();
    let mut streams: Vec<[Stream; 2]> = Vec::new();
    lanes.flows.resize_with(chosen.len(), Default::default);
    streams.resize_with(chosen.len(), Default::default);
    for lane in lanes.flows.iter_mut().flatten() {
        lane.is_unseen = true;
    }
    let places: BTreeMap<usize, usize> =
        chosen.iter().enumerate().map(|(index, place)| (*place, index)).collect();
    let mut cut: Vec<usize> = Vec::new();
    for (frame, (place, is_up)) in frames.iter().zip(&sorted.places) {
        step();
        let Some(&index) = places.get(place) else { continue };
        let side = usize::from(!is_up);
        let at = frame.at.saturating_sub(*begin.get_or_insert(frame.at));
        if frame.missing_len > 0 {
            cut.push(frame.packet);
        }
        let lane = &mut lanes.flows[index][side];
        lane.is_unseen = false;
        match &frame.payload {
            Payload::Datagram(bytes) => lane.datagrams.push(Datagram {
                at,
                n: lane.datagrams.len() as u64,
                len: bytes.len() + frame.missing_len,
                bytes: bytes.clone(),
            }),
            segment @ Payload::Segment { .. } => {
                let missing_len = frame.missing_len as u64;
                let handshake =
                    add((&mut lanes.flows[index], &mut streams[index]), side, at, segment, missing_len);
                lanes.handshake = lanes.handshake.or(handshake);
            }
        }
    }
    for (sides, streams) in lanes.flows.iter_mut().zip(&mut streams) {
        for side in [0, 1] {
            let is_closed = sides[1 - side].fin.is_some();
            streams[side].end(&mut sides[side], is_closed);
        }
    }
    let is_tcp = |place: &usize| sorted.flows[*place].transport == Transport::Tcp;
    lanes.begins_within = chosen
        .iter()
        .zip(&streams)
        .any(|(place, [up, down])| is_tcp(place) && up.opened_at.is_none() && down.opened_at.is_none());
    lanes.notes = notes(&lanes, &streams, &cut, || chosen.iter().map(|place| sorted.flows[*place].transport));
    lanes
}

/// Adds a segment to its connection: its bytes to its own direction, its acknowledgment to the other one. Says how
/// long the handshake took from packet to packet, if it ends here.
fn add(
    (lanes, streams): (&mut [Lane; 2], &mut [Stream; 2]),
    side: usize,
    at: Duration,
    segment: &Payload,
    missing_len: u64,
) -> Option<Duration> {
    let Payload::Segment { sequence, acknowledgment, syn, fin, rst, bytes } = segment else { return None };
    let first = sequence.wrapping_add(u32::from(*syn));
    let stream = &mut streams[side];
    if *syn {
        stream.opened_at.get_or_insert(at);
    }
    let base = *stream.base.get_or_insert(first);
    stream.add(&mut lanes[side], at, first.wrapping_sub(base), (bytes, missing_len));
    if *fin {
        let len = (bytes.len() as u64 + missing_len) as u32;
        stream.end_offset.get_or_insert(first.wrapping_sub(base).wrapping_add(len));
        lanes[side].fin.get_or_insert(at);
    }
    if *rst {
        lanes[side].rst.get_or_insert(at);
    }
    // A reset need not acknowledge what it says.
    if let Some(acknowledged) = acknowledgment.filter(|_| !*rst) {
        let other = &mut streams[1 - side];
        let base = *other.base.get_or_insert(acknowledged);
        other.acknowledged(&mut lanes[1 - side], at, acknowledged.wrapping_sub(base));
    }
    // The third packet of the handshake says how long the whole of it took, wherever it is seen.
    let syn_at = streams[0].opened_at.filter(|_| side == 0 && !*syn && !*rst)?;
    Some(at.saturating_sub(syn_at) / 2)
}

/// One direction of a connection, as it is put together.
#[derive(Default)]
struct Stream {
    /// The number of its first byte.
    base: Option<u32>,
    opened_at: Option<Duration>,
    /// Where it ends, by the number.
    end_offset: Option<u32>,
    /// Segments before which something is not there yet, by their offsets.
    waiting: BTreeMap<u64, (Duration, Vec<u8>, u64)>,
    holes_len: u64,
    /// Whether something was captured too late, or never.
    has_gaps: bool,
}

impl Stream {
    /// Adds the new bytes of a segment. Its last `missing_len` bytes were not captured.
    fn add(&mut self, lane: &mut Lane, at: Duration, offset: u32, (bytes, missing_len): (&[u8], u64)) {
        let len = lane.bytes.len() as u64;
        let whole_len = bytes.len() as u64 + missing_len;
        // Numbers go round, but a capture has a quarter of them at most.
        let ahead = i64::from(offset.wrapping_sub(len as u32).cast_signed());
        let Ok(ahead) = u64::try_from(ahead) else {
            self.add_known(lane, at, ahead.unsigned_abs(), (bytes, missing_len));
            return;
        };
        if whole_len == 0 {
            return;
        }
        if ahead > 0 {
            if self.waiting.len() < MAX_WAITING {
                self.waiting.entry(len + ahead).or_insert_with(|| (at, bytes.to_vec(), missing_len));
            }
            return;
        }
        self.append(lane, at, (bytes, missing_len));
        self.go_on(lane, at);
    }

    /// Adds a segment that begins `back` bytes before the end of the lane.
    fn add_known(&mut self, lane: &mut Lane, at: Duration, back: u64, (bytes, missing_len): (&[u8], u64)) {
        let Some(begin) = (lane.bytes.len() as u64).checked_sub(back) else { return };
        fill(lane, begin, bytes);
        let known_len = back.min(bytes.len() as u64);
        let unknown_len = missing_len.saturating_sub(back - known_len);
        if bytes.len() as u64 > known_len || unknown_len > 0 {
            self.append(lane, at, (&bytes[known_len as usize..], unknown_len));
            self.go_on(lane, at);
        }
    }

    /// Adds the next bytes, and a hole after them.
    fn append(&mut self, lane: &mut Lane, at: Duration, (bytes, missing_len): (&[u8], u64)) {
        let missing_len = missing_len.min(MAX_HOLES_LEN - self.holes_len);
        let begin = lane.bytes.len() as u64;
        lane.bytes.extend_from_slice(bytes);
        if missing_len > 0 {
            let known_end = lane.bytes.len() as u64;
            lane.bytes.resize(lane.bytes.len() + missing_len as usize, 0);
            self.holes_len += missing_len;
            lane.holes.insert(known_end, known_end + missing_len);
        }
        let end = lane.bytes.len() as u64;
        if end > begin {
            lane.segments.push((at, begin, end));
        }
    }

    /// Takes the segments that waited for what is there now. They are as late as that.
    fn go_on(&mut self, lane: &mut Lane, at: Duration) {
        while let Some(first) = self.waiting.first_entry() {
            step();
            let Some(back) = (lane.bytes.len() as u64).checked_sub(*first.key()) else { return };
            let (_, bytes, missing_len) = first.remove();
            let known_len = back.min(bytes.len() as u64);
            let unknown_len = missing_len.saturating_sub(back - known_len);
            self.append(lane, at, (&bytes[known_len as usize..], unknown_len));
        }
    }

    /// The other side has all bytes up to this offset: the capture missed those that are not there.
    fn acknowledged(&mut self, lane: &mut Lane, at: Duration, offset: u32) {
        loop {
            let len = lane.bytes.len() as u64;
            let ahead = i64::from(offset.wrapping_sub(len as u32).cast_signed());
            let next = self.waiting.keys().next().map(|next| next - len);
            let gap_len = match (u64::try_from(ahead).unwrap_or_default(), next) {
                // The end of a stream counts as a byte.
                (0, _) | (1, None) => return,
                (ahead, None) if self.end_offset == Some(offset.wrapping_sub(1)) => ahead - 1,
                (ahead, next) => next.map_or(ahead, |next| next.min(ahead)),
            };
            if gap_len == 0 || gap_len > MAX_HOLES_LEN - self.holes_len {
                return;
            }
            self.has_gaps = true;
            self.append(lane, at, (&[], gap_len));
            self.go_on(lane, at);
        }
    }

    /// Adds the segments that still wait when the capture ends, each after a hole. `is_closed` says whether the other side
    /// has ended: then it has acknowledged the end of this one, too, which counts as a byte.
    fn end(&mut self, lane: &mut Lane, is_closed: bool) {
        if let Some((at, begin, end)) = lane.segments.pop_if(|_| lane.is_unseen && is_closed) {
            lane.fin = Some(at);
            lane.bytes.truncate(end as usize - 1);
            lane.holes.remove(&begin);
            if begin < end - 1 {
                lane.segments.push((at, begin, end - 1));
                lane.holes.insert(begin, end - 1);
            }
        }
        while let Some((&offset, (at, ..))) = self.waiting.first_key_value() {
            let (at, gap_len) = (*at, offset - lane.bytes.len() as u64);
            if gap_len > MAX_HOLES_LEN - self.holes_len {
                return;
            }
            self.has_gaps = true;
            self.append(lane, at, (&[], gap_len));
            self.go_on(lane, at);
        }
        lane.segments.sort_by_key(|(at, begin, _)| (*at, *begin));
    }
}

/// Puts bytes that were captured late into the holes that they fill.
fn fill(lane: &mut Lane, begin: u64, bytes: &[u8]) {
    let end = (begin + bytes.len() as u64).min(lane.bytes.len() as u64);
    // The last hole that begins before, and those that begin within.
    let first = lane.holes.range(..=begin).next_back().map_or(begin, |(from, _)| *from);
    while let Some((&from, &to)) = lane.holes.range(first..end).find(|(_, to)| **to > begin) {
        step();
        lane.holes.remove(&from);
        let (first, last) = (from.max(begin), to.min(end));
        let place = |at: u64| (at - begin) as usize;
        lane.bytes[first as usize..last as usize].copy_from_slice(&bytes[place(first)..place(last)]);
        lane.holes.extend([(from, first), (last, to)].into_iter().filter(|(from, to)| from < to));
        if last < to || last == end {
            return;
        }
    }
}

/// What the capture lacks of the flows.
fn notes<I: Iterator<Item = Transport>>(
    lanes: &Lanes,
    streams: &[[Stream; 2]],
    cut: &[usize],
    transports: impl Fn() -> I,
) -> Vec<String> {
    let mut notes = Vec::new();
    if !cut.is_empty() {
        let named: Vec<String> = cut.iter().take(MAX_NAMED).map(usize::to_string).collect();
        let more = if cut.len() > MAX_NAMED {
            format!(" and {} more", cut.len() - MAX_NAMED)
        } else {
            String::new()
        };
        notes.push(format!(
            "packets of which only the beginning was captured: {}{more}; they are compared by their lengths",
            named.join(", ")
        ));
    }
    let streams =
        || lanes.flows.iter().zip(streams).zip(transports()).filter(|(_, kind)| *kind == Transport::Tcp);
    if lanes.begins_within {
        notes.push("the capture begins within a connection: what was sent before is not known".to_owned());
    }
    if lanes.flows.iter().flatten().any(|lane| lane.is_unseen) {
        notes.push("the capture has one direction of a flow only".to_owned());
    } else if streams().any(|((_, sides), _)| sides.iter().any(|stream| stream.has_gaps)) {
        notes.push("the capture lacks parts of a stream; they are compared by their lengths".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::taken;

    /// A lane of these segments, each with its offset.
    fn lane(segments: &[(u32, &[u8])]) -> Lane {
        let (mut stream, mut lane) = (Stream::default(), Lane::default());
        for (index, (offset, bytes)) in segments.iter().enumerate() {
            stream.add(&mut lane, Duration::from_millis(index as u64), *offset, (bytes, 0));
        }
        stream.end(&mut lane, false);
        lane
    }

    #[test]
    fn segments_come_again_and_out_of_order() {
        let cases: [&[(u32, &[u8])]; 5] = [
            &[(0, b"abc"), (3, b"def")],
            &[(0, b"abc"), (0, b"abc"), (3, b"def"), (2, b"cdef")],
            &[(3, b"def"), (0, b"abc")],
            &[(4, b"ef"), (2, b"cde"), (0, b"abc")],
            // A keepalive.
            &[(0, b"abc"), (2, b"\0"), (3, b"def"), (5, b"")],
        ];
        for segments in cases {
            let lane = lane(segments);
            assert_eq!((lane.bytes.as_slice(), lane.holes.len()), (&b"abcdef"[..], 0), "{segments:?}");
        }
        let late = lane(cases[2]);
        let at = Duration::from_millis(1);
        assert_eq!(late.segments, [(at, 0, 3), (at, 3, 6)]);
    }

    fn holes(lane: &Lane) -> Vec<(u64, u64)> {
        lane.holes.iter().map(|(from, to)| (*from, *to)).collect()
    }

    #[test]
    fn what_was_never_captured_is_a_hole() {
        assert_eq!(lane(&[(0, b"ab"), (4, b"ef")]).holes, BTreeMap::from([(2, 4)]));
        let (mut stream, mut lane) = (Stream::default(), Lane::default());
        let at = Duration::ZERO;
        stream.add(&mut lane, at, 0, (b"ab", 0));
        stream.add(&mut lane, at, 4, (b"ef", 0));
        stream.acknowledged(&mut lane, at, 8);
        assert_eq!((lane.bytes.as_slice(), holes(&lane)), (&b"ab\0\0ef\0\0"[..], vec![(2, 4), (6, 8)]));
        // It comes late.
        stream.add(&mut lane, at, 1, (b"bc", 0));
        assert_eq!((lane.bytes.as_slice(), holes(&lane)), (&b"abc\0ef\0\0"[..], vec![(3, 4), (6, 8)]));
        stream.add(&mut lane, at, 3, (b"def", 0));
        assert_eq!((lane.bytes.as_slice(), holes(&lane)), (&b"abcdef\0\0"[..], vec![(6, 8)]));
        stream.add(&mut lane, at, 7, (b"h", 0));
        assert_eq!((lane.bytes.as_slice(), holes(&lane)), (&b"abcdef\0h"[..], vec![(6, 7)]));
        // The end counts as a byte.
        stream.acknowledged(&mut lane, at, 9);
        assert_eq!(lane.bytes.len(), 8);
    }

    #[test]
    fn holes_are_bounded() {
        let (mut stream, mut lane) = (Stream::default(), Lane::default());
        stream.acknowledged(&mut lane, Duration::ZERO, MAX_HOLES_LEN as u32 + 1);
        assert_eq!(lane.bytes.len(), 0);
        stream.acknowledged(&mut lane, Duration::ZERO, MAX_HOLES_LEN as u32);
        assert_eq!(lane.bytes.len() as u64, MAX_HOLES_LEN);
        stream.add(&mut lane, Duration::ZERO, MAX_HOLES_LEN as u32, (b"a", 5));
        assert_eq!((lane.bytes.len() as u64, lane.holes.len()), (MAX_HOLES_LEN + 1, 1));
    }

    #[test]
    fn each_segment_waits_once() {
        let steps = |count: u32| {
            let backwards: Vec<(u32, &[u8])> = (0..count).rev().map(|n| (2 * n, &b"xy"[..])).collect();
            taken(|| assert_eq!(lane(&backwards).bytes.len() as u32, 2 * count))
        };
        let (few, many) = (steps(1_000), steps(4_000));
        assert!(many <= 5 * few, "{many} steps for 4 times what takes {few}");
    }
}
