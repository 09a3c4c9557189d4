//! What TCP tells: it sends lost segments again, and an acknowledgment ends a round trip.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::evidence::{Evidence, Fate, Side};
use super::{Told, halves_beyond};
use crate::capture::{Frame, Payload};

/// After how many segments that came before it a segment counts as lost, and not as late (RFC 5681, section 3.2).
const MAX_REORDERED: usize = 3;

/// One direction.
struct Sent {
    /// The number of the next byte, as far as it was seen.
    next: Option<u32>,
    /// What became of each segment, in order: whether it was lost.
    lost: Vec<bool>,
    /// Where the segments are whose bytes begin at a number: the last one of each.
    places: BTreeMap<u32, usize>,
    /// Segments that wait for what acknowledges them: the number after the last byte, and when.
    waiting: VecDeque<(u32, Duration)>,
    /// How long round trips took.
    times: Vec<Duration>,
}

/// Reads the segments of a connection.
pub(super) fn evidence(frames: &[(&Frame, bool)]) -> Option<Evidence> {
    let mut sent = [true, false].map(|_| Sent {
        next: None,
        lost: Vec::new(),
        places: BTreeMap::new(),
        waiting: VecDeque::new(),
        times: Vec::new(),
    });
    for (frame, is_up) in frames {
        let Payload::Segment { sequence, acknowledgment, syn, fin, rst, bytes } = &frame.payload else {
            continue;
        };
        let index = usize::from(!is_up);
        let len = bytes.len() as u32 + frame.missing_len as u32 + u32::from(*syn) + u32::from(*fin);
        if let Some(acknowledged) = acknowledgment.filter(|_| !*rst) {
            sent[1 - index].acknowledge(acknowledged, frame.at);
        }
        if len > 0 && !*rst {
            sent[index].send(*sequence, len, frame.at);
        }
    }
    let shortest = sent.iter().flat_map(|sent| &sent.times).min().copied();
    if sent.iter().all(|sent| sent.lost.is_empty()) {
        return None;
    }
    let [up, down] = sent.map(|sent| {
        let late = halves_beyond(shortest.unwrap_or_default(), &sent.times);
        (sent.lost, late)
    });
    let side = |is_up, (lost, late): (Vec<bool>, Vec<Fate>)| {
        let mut side = Side::new(is_up);
        let mut late = late.into_iter();
        // How late the single ones were does not matter, only how many were so late.
        side.fates.extend(
            lost.into_iter().map(
                |lost| {
                    if lost { Fate::Lost } else { late.next().unwrap_or(Fate::Came(None)) }
                },
            ),
        );
        side
    };
    let latency = shortest.map(|time| time / 2);
    Some(Evidence { told: Told::Segments, sides: [side(true, up), side(false, down)], latency })
}

impl Sent {
    /// Takes a segment with new bytes, or with those of one before, which was lost then.
    fn send(&mut self, sequence: u32, len: u32, at: Duration) {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next).cast_signed();
        let end = sequence.wrapping_add(len);
        if ahead >= 0 {
            if ahead > 0 {
                // Something is missing before it: lost before it was captured, unless it comes soon.
                self.places.insert(next, self.lost.len());
                self.lost.push(true);
            }
            self.places.insert(sequence, self.lost.len());
            self.lost.push(false);
            self.waiting.push_back((end, at));
            self.next = Some(end);
            return;
        }
        // A keepalive has one byte at most that was sent before.
        if len <= 1 && ahead == -1 {
            return;
        }
        // It may be cut in another way than before.
        let Some((_, &place)) = self.places.range(..=sequence).next_back() else { return };
        let is_late_only = self.lost[place] && self.lost.len() - 1 - place <= MAX_REORDERED;
        if is_late_only {
            self.lost[place] = false;
            return;
        }
        self.lost[place] = true;
        self.places.insert(sequence, self.lost.len());
        self.lost.push(false);
        // An acknowledgment does not say which of two copies it is for (Karn's algorithm, RFC 6298, section 3).
        while self.waiting.back().is_some_and(|(end, _)| end.wrapping_sub(sequence).cast_signed() > 0) {
            self.waiting.pop_back();
        }
    }

    /// Takes an acknowledgment of everything before a number.
    fn acknowledge(&mut self, number: u32, at: Duration) {
        while let Some(&(end, sent_at)) = self.waiting.front() {
            if end.wrapping_sub(number).cast_signed() > 0 {
                return;
            }
            self.waiting.pop_front();
            if end == number {
                self.times.push(at.saturating_sub(sent_at));
            }
        }
    }
}
