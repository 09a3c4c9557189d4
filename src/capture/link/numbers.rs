//! Datagrams that carry a number, each the next: RTP has one, and so have `WireGuard` and most games. Where they are
//! captured at their receiver, a number that is not there was lost.

use super::Told;
use super::evidence::{Evidence, Fate, Side};
use crate::capture::{Frame, Payload};

/// Where a number is looked for: in the first bytes.
const MAX_OFFSET: usize = 16;
/// How many datagrams it takes to tell a number from chance.
const MIN_DATAGRAMS: usize = 32;
/// How many numbers may be missing in a row, or come late.
const MAX_GAP: i64 = 1_000;
/// How many of ten datagrams have the number after the one before.
const NEXT_OF_TEN: i64 = 7;

/// A number in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: usize,
    len: usize,
    is_big_endian: bool,
}

impl Place {
    fn read(self, bytes: &[u8]) -> Option<u64> {
        let bytes = bytes.get(self.offset..self.offset + self.len)?.iter();
        let next = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_big_endian { bytes.fold(0, next) } else { bytes.rev().fold(0, next) })
    }

    /// By how much one number is more than another; numbers go round.
    fn difference(self, from: u64, to: u64) -> i64 {
        let unused = 64 - 8 * self.len as u32;
        (to.wrapping_sub(from) << unused).cast_signed() >> unused
    }
}

/// What numbers tell, if the datagrams have some.
pub(super) fn evidence(frames: &[(&Frame, bool)]) -> Option<Evidence> {
    let sides = [true, false].map(|is_up| {
        let of_side = frames.iter().filter(|(_, up)| *up == is_up).map(|(frame, _)| *frame);
        let datagrams: Vec<&[u8]> = of_side
            .filter(|frame| matches!(frame.payload, Payload::Datagram(_)))
            .map(|frame| frame.payload.bytes())
            .collect();
        let mut side = Side::new(is_up);
        if let Some(place) = place(&datagrams) {
            count(&datagrams, place, &mut side);
        }
        side
    });
    let is_told = sides.iter().any(|side| !side.fates.is_empty());
    is_told.then_some(Evidence { told: Told::Numbers, sides, latency: None })
}

/// Where the datagrams have a number that counts them: a longer one goes before a shorter.
fn place(datagrams: &[&[u8]]) -> Option<Place> {
    if datagrams.len() < MIN_DATAGRAMS {
        return None;
    }
    let lens = [4, 2].into_iter().flat_map(|len| [true, false].map(|is_big_endian| (len, is_big_endian)));
    let mut places = lens.flat_map(|(len, is_big_endian)| {
        (0..=MAX_OFFSET).map(move |offset| Place { offset, len, is_big_endian })
    });
    places.find(|place| {
        let numbers = datagrams.iter().map(|bytes| place.read(bytes)).collect::<Option<Vec<u64>>>();
        numbers.is_some_and(|numbers| {
            let differences = || numbers.windows(2).map(|pair| place.difference(pair[0], pair[1]));
            let steps = i64::try_from(numbers.len() - 1).unwrap_or(i64::MAX);
            let enough = |count: i64| count * 10 >= NEXT_OF_TEN * steps;
            let next = differences().filter(|difference| *difference == 1).sum();
            // A part of a longer number goes round too often to get on.
            enough(next) && enough(differences().sum()) && differences().all(|by| by.abs() <= MAX_GAP)
        })
    })
}

/// Counts the missing numbers. A late datagram fills its gap; one that comes twice is counted as such.
fn count(datagrams: &[&[u8]], place: Place, side: &mut Side) {
    let mut numbers = datagrams.iter().filter_map(|bytes| place.read(bytes));
    let Some(mut last) = numbers.next() else { return };
    side.fates.push(Fate::Came(None));
    for number in numbers {
        let by = place.difference(last, number);
        if let Some(missing) = usize::try_from(by).ok().and_then(|by| by.checked_sub(1)) {
            side.fates.extend(std::iter::repeat_n(Fate::Lost, missing));
            side.fates.push(Fate::Came(None));
            last = number;
        } else if let Some(at) = (side.fates.len() - 1).checked_sub(by.unsigned_abs() as usize) {
            side.duplicated += usize::from(side.fates[at] != Fate::Lost);
            side.fates[at] = Fate::Came(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_wherever_they_are_and_go_round() {
        let numbers: Vec<u32> = (0..200).filter(|n| !matches!(n, 50..=52 | 90)).map(|n| 65_500 + n).collect();
        let rtp = |n: u32| [&[0x80, 0x60][..], &(n as u16).to_be_bytes(), &[7; 20]].concat();
        let guard = |n: u32| [&[4, 0, 0, 0, 9, 9, 9, 9][..], &n.to_le_bytes(), &[n as u8; 20]].concat();
        for datagram in [&rtp as &dyn Fn(u32) -> Vec<u8>, &guard] {
            let all: Vec<Vec<u8>> = numbers.iter().map(|n| datagram(*n)).collect();
            let mut all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
            // One comes late, and one twice.
            all.swap(10, 12);
            all.insert(30, all[28]);
            let mut side = Side::new(true);
            count(&all, place(&all).expect("there is a number"), &mut side);
            let lost: Vec<usize> = (0..200).filter(|at| side.fates[*at] == Fate::Lost).collect();
            assert_eq!((lost, side.fates.len(), side.duplicated), (vec![50, 51, 52, 90], 200, 1));
        }
        let random: Vec<Vec<u8>> = (0..200).map(|n| crate::seed::mix(7, n).to_be_bytes().repeat(3)).collect();
        assert_eq!(place(&random.iter().map(Vec::as_slice).collect::<Vec<_>>()), None);
    }
}
