//! What the datagrams of a flow met in a queue that they share with others.

use std::collections::BTreeMap;
use std::time::Duration;

/// How many parts each power of two of a span is divided into, as a power of two: so a quantile is off by a thirty-second at
/// most.
const PART_BITS: u32 = 5;
const PARTS: u64 = 1 << PART_BITS;

/// What the datagrams of one flow met at one bottleneck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowFigures {
    /// How many passed.
    pub passed: u64,
    /// How many the queue dropped: they found it full, or it dropped them to get shorter.
    pub dropped: u64,
    /// How many of those that passed it marked instead of dropping them ([`Ecn::Ce`](crate::machine::Ecn::Ce)).
    pub marked: u64,
    /// How long those that passed have waited.
    pub waits: Waits,
}

/// Spans of time by how often they occurred, for their quantiles. A span is known to a thirty-second of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits(BTreeMap<u16, u64>);

impl FlowFigures {
    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.marked = self.marked.saturating_add(other.marked);
        for (&place, &times) in &other.waits.0 {
            let sum = self.waits.0.entry(place).or_default();
            *sum = sum.saturating_add(times);
        }
    }
}

impl Waits {
    /// Adds one.
    pub(crate) fn add(&mut self, wait: Duration) {
        *self.0.entry(place(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))).or_default() += 1;
    }

    /// A span that this percentage of all is no longer than: at most a thirty-second more than the shortest such. None if
    /// there is no span at all.
    ///
    /// ```
    /// # use lossproof::engine::Waits;
    /// assert_eq!(Waits::default().quantile(50), None);
    /// ```
    pub fn quantile(&self, percent: u32) -> Option<Duration> {
        let all = self.0.values().fold(0_u128, |sum, times| sum + u128::from(*times));
        let wanted = (all * u128::from(percent.min(100))).div_ceil(100).max(1);
        let mut sum = 0;
        for (&place, &times) in &self.0 {
            sum += u128::from(times);
            if sum >= wanted {
                return Some(Duration::from_nanos(longest(place)));
            }
        }
        None
    }

    /// The places with how often each.
    #[cfg(feature = "cli")]
    pub(crate) const fn places(&self) -> &BTreeMap<u16, u64> {
        &self.0
    }

    /// Of places, as [`Waits::places`] has them.
    #[cfg(feature = "cli")]
    pub(crate) const fn of_places(places: BTreeMap<u16, u64>) -> Self {
        Self(places)
    }
}

/// Where a span counts.
const fn place(nanos: u64) -> u16 {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(PART_BITS + 1);
    (shift as u64 * PARTS + (nanos >> shift)) as u16
}

/// The longest span that counts there.
const fn longest(place: u16) -> u64 {
    let place = place as u64;
    let shift = (place / PARTS).saturating_sub(1);
    let part = place - shift * PARTS;
    // The last part of the last power of two ends where 64 bits do.
    match (part + 1).checked_shl(shift as u32) {
        Some(end) if end >> shift == part + 1 => end - 1,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_known_to_a_thirty_second() {
        let mut before = 0;
        for nanos in
            (0..64).flat_map(|bits| [1_u64 << bits, (1 << bits) + 1, (1 << bits) - 1]).chain([u64::MAX])
        {
            let known = longest(place(nanos));
            assert!(known >= nanos && known - nanos <= nanos / 32, "{nanos} {known}");
        }
        for nanos in 0..100_000 {
            assert!(place(nanos) == before || place(nanos) == before + 1, "{nanos}");
            before = place(nanos);
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_spans() {
        let mut waits = Waits::default();
        (1..=63).for_each(|nanos| waits.add(Duration::from_nanos(nanos)));
        let quantile = |percent| waits.quantile(percent).map(|span| span.as_nanos());
        assert_eq!([0, 1, 50, 99, 100, 200].map(quantile), [1, 1, 32, 63, 63, 63].map(Some));
    }

    #[test]
    fn figures_of_parts_are_those_of_the_whole() {
        let figures = |spans: &[u64]| {
            let mut figures =
                FlowFigures { passed: spans.len() as u64, dropped: 1, marked: 3, waits: Waits::default() };
            for span in spans {
                figures.waits.add(Duration::from_micros(*span));
            }
            figures
        };
        let mut sum = figures(&[1, 2, 3]);
        sum.merge(&figures(&[2, 500_000]));
        assert_eq!(sum, FlowFigures { dropped: 2, marked: 6, ..figures(&[1, 2, 3, 2, 500_000]) });
    }
}
