//! How late packets come, as a distribution that was measured.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Chance;
use crate::seed::below;

/// How many knots a distribution has at most: so a profile stays small, and a text is one line.
const MAX_KNOTS: usize = 8;
const PARTS: u64 = Chance::PARTS as u64;
/// How far a distribution may be from what was measured, in shares: as far as chance takes it in that number of measurements,
/// and a thousandth anyway.
const MIN_OFF: f64 = 0.001;

/// How late packets come: a distribution, by how many of them are so late at most. Between two such knots all is equally
/// likely. A late packet is so in whole milliseconds, as plans have it.
///
/// ```
/// use std::time::Duration;
///
/// use lossproof::fault::{Chance, Profile, Spread};
///
/// // Half of the packets come at once, nearly all within 5 ms, a few much later.
/// let knots = [(0, 0), (50, 0), (98, 5), (100, 90)];
/// let knots = knots.map(|(share, late)| (Chance::percent(share), Duration::from_millis(late)));
/// let link = Profile { spread: Spread::new(&knots).expect("they are in order"), ..Profile::CALM };
/// assert_eq!(link.to_string(), "spread 0% 0s 50% 0s 98% 5ms 100% 90ms");
/// assert_eq!(link.spread.quantile(Chance::percent(74)), Duration::from_micros(2_500));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The shares, in billionths, and the microseconds.
    knots: [(u32, u32); MAX_KNOTS],
    len: u8,
}

impl Spread {
    /// No packet comes late.
    pub const NONE: Self = Self { knots: [(0, 0); MAX_KNOTS], len: 0 };

    /// A distribution by its knots: the share of packets that are so late at most, in whole microseconds. `None` if there
    /// are fewer than 2 or more than 8, if they are not in order, not from 0% to 100%, or if one is longer than 71
    /// minutes.
    pub fn new(knots: &[(Chance, Duration)]) -> Option<Self> {
        let mut spread = Self { len: u8::try_from(knots.len()).ok()?, ..Self::NONE };
        for (place, (share, late)) in knots.iter().enumerate() {
            *spread.knots.get_mut(place)? = (share.parts() as u32, u32::try_from(late.as_micros()).ok()?);
        }
        let knots = spread.knots();
        let is_in_order = knots.is_sorted_by(|(a, from), (b, to)| a <= b && from <= to);
        let ends = (knots.len() >= 2).then(|| (knots[0].0, knots[knots.len() - 1].0));
        (is_in_order && ends == Some((0, Chance::PARTS))).then_some(spread)
    }

    /// The distribution of what was measured, to the millisecond.
    pub fn of(measured: impl IntoIterator<Item = Duration>) -> Self {
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for late in measured {
            // Half of the halves is rounded up, and half of them down.
            for half in [499, 500] {
                *counts.entry((late.as_micros() as u64).saturating_add(half) / 1000).or_default() += 1;
            }
        }
        let all: u64 = counts.values().sum();
        if counts.keys().all(|millis| *millis == 0) {
            return Self::NONE;
        }
        // A time that was rounded to a millisecond is spread over it, so that draws, rounded again, are the same.
        let mut corners: Vec<(u64, u64)> = vec![(0, 0)];
        let mut before = 0;
        for (millis, count) in counts {
            let share = |count: u64| (u128::from(count) * u128::from(PARTS) / u128::from(all)) as u64;
            match millis {
                0 => corners.push((share(count) / 2, 0)),
                millis => corners.push((share(before), (1000 * millis).saturating_sub(500))),
            }
            before += count;
            corners.push((share(before), 1000 * millis + 500));
        }
        Self::through(&corners, (0.5 / (all as f64 / 2.0).sqrt()).max(MIN_OFF))
    }

    /// The distribution that goes through those of the corners that matter most.
    fn through(corners: &[(u64, u64)], max_off: f64) -> Self {
        let mut chosen = vec![0, corners.len() - 1];
        while chosen.len() < MAX_KNOTS {
            // How far a corner is from the line between the chosen ones around it, in shares.
            let off = |&place: &usize| {
                let after = chosen.partition_point(|known| *known < place);
                let ((share_from, from), (share_to, to)) =
                    (corners[chosen[after - 1]], corners[chosen[after]]);
                let (share, late) = corners[place];
                let along = (late - from) as f64 / (to - from).max(1) as f64;
                let line = share_from as f64 + (share_to - share_from) as f64 * along;
                (share as f64 - line).abs() / PARTS as f64
            };
            let others = (0..corners.len()).filter(|place| !chosen.contains(place));
            let Some((farthest, far)) =
                others.map(|place| (place, off(&place))).max_by(|(_, a), (_, b)| a.total_cmp(b))
            else {
                break;
            };
            if far < max_off {
                break;
            }
            chosen.insert(chosen.partition_point(|known| *known < farthest), farthest);
        }
        let mut spread = Self { len: chosen.len() as u8, ..Self::NONE };
        for (knot, place) in spread.knots.iter_mut().zip(chosen) {
            let (share, late) = corners[place];
            *knot = (share as u32, u32::try_from(late).unwrap_or(u32::MAX));
        }
        spread
    }

    fn knots(&self) -> &[(u32, u32)] {
        &self.knots[..usize::from(self.len)]
    }

    /// The knots: which share of the packets is so late at most.
    pub fn points(&self) -> impl Iterator<Item = (Chance, Duration)> {
        let share = |share: u32| Chance::ratio(share.into(), Chance::PARTS.into()).unwrap_or_default();
        self.knots().iter().map(move |(part, late)| (share(*part), Duration::from_micros((*late).into())))
    }

    /// How late this share of the packets is at most.
    pub fn quantile(&self, share: Chance) -> Duration {
        self.at(share.parts() as u64)
    }

    /// How late a packet comes, by 64 random bits.
    pub(crate) fn draw(&self, bits: u64) -> Duration {
        self.at(below(bits, PARTS))
    }

    fn at(&self, rank: u64) -> Duration {
        let knots = self.knots();
        let above = knots.partition_point(|(share, _)| u64::from(*share) <= rank);
        let (Some(from), to) = (above.checked_sub(1), above.min(knots.len().saturating_sub(1))) else {
            return Duration::ZERO;
        };
        let [(share_from, from), (share_to, to)] =
            [from, to].map(|place| (u64::from(knots[place].0), u64::from(knots[place].1)));
        let along = (rank - share_from) * (to - from) / (share_to - share_from).max(1);
        Duration::from_micros(from + along)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::mix;

    #[test]
    fn what_is_drawn_is_what_was_measured() {
        const COUNT: u64 = 100_000;
        // Uniform from 0 to 8 ms, and one in fifty 30 ms later.
        let sample = |n: u64| {
            let bits = mix(7, n);
            Duration::from_millis(below(bits, 9) + if below(mix(bits, 1), 50) == 0 { 30 } else { 0 })
        };
        let spread = Spread::of((0..COUNT).map(sample));
        let counts = |draw: &dyn Fn(u64) -> Duration| {
            let mut counts = [0_i64; 40];
            for n in 0..COUNT {
                counts[(draw(n).as_micros() as usize + 500) / 1000] += 1;
            }
            counts
        };
        let (wanted, found) = (counts(&sample), counts(&|n| spread.draw(mix(9, n))));
        for (millis, (wanted, found)) in wanted.into_iter().zip(found).enumerate() {
            // Three standard errors of the draws are 0.3%.
            assert!((wanted - found).abs() < 450, "{millis} ms: {found} and not {wanted}");
        }
        assert!(spread.points().count() <= 8, "{spread:?}");
    }

    #[test]
    fn knots_are_in_order_and_within_bounds() {
        let new = |knots: &[(u32, u64)]| {
            let knots: Vec<_> = knots
                .iter()
                .map(|(share, late)| (Chance::percent(*share), Duration::from_micros(*late)))
                .collect();
            Spread::new(&knots)
        };
        let most = u64::from(u32::MAX);
        let longest = new(&[(0, most), (100, most)]).expect("it fits");
        assert_eq!([0, u64::MAX].map(|bits| longest.draw(bits)), [Duration::from_micros(most); 2]);
        assert_eq!(longest.quantile(Chance::ALWAYS), Duration::from_micros(most));
        let refused: [&[(u32, u64)]; 6] = [
            &[],
            &[(0, 0)],
            &[(0, most), (100, most + 1)],
            &[(0, 2), (100, 1)],
            &[(0, 0), (60, 1), (50, 2), (100, 3)],
            &[(1, 0), (100, 1)],
        ];
        assert!(refused.into_iter().all(|knots| new(knots).is_none()));
        assert!(new(&[[(0, 0)].as_slice(), &[(100, 1); 7]].concat()).is_some());
        assert!(new(&[[(0, 0)].as_slice(), &[(100, 1); 8]].concat()).is_none());
        // Less than half a millisecond is nothing.
        assert_eq!(Spread::of([]), Spread::NONE);
        assert_eq!(Spread::of([Duration::from_micros(400)]), Spread::NONE);
        assert_eq!((Spread::NONE.draw(0), Spread::NONE.draw(u64::MAX)), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn one_time_is_that_time() {
        let spread = Spread::of([Duration::from_millis(7); 10]);
        let bounds = [0, u64::MAX].map(|bits| spread.draw(bits).as_micros());
        assert!(bounds[0] >= 6_500 && bounds[1] <= 7_500, "{bounds:?}");
    }
}
