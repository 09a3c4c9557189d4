//! When to send again: exponential backoff.
//!
//! The wait after each attempt is the last one times a factor, up to a ceiling. Peers that lost their
//! datagrams together would then all send again together; jitter spreads them out.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use std::iter::FusedIterator;
use std::time::Duration;

/// A retransmission schedule: how long to wait after each attempt before the next, or before giving up.
///
/// ```
/// use lossproof::parts::backoff::{Backoff, Jitter};
/// use std::time::Duration;
///
/// let seconds = Duration::from_secs;
/// let backoff = Backoff::new(seconds(1), 3, seconds(5), 4)?;
/// let waits: Vec<Duration> = backoff.waits(0).collect();
/// assert_eq!(waits, [seconds(1), seconds(3), seconds(5), seconds(5)]);
/// assert_eq!(backoff.total(), seconds(14));
///
/// let spread = backoff.with_jitter(Jitter::Full);
/// assert!(spread.waits(42).zip(waits).all(|(jittered, wait)| jittered <= wait));
/// # Ok::<(), lossproof::parts::backoff::BackoffError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    factor: u32,
    ceiling: Duration,
    attempts: u32,
    jitter: Jitter,
}

/// How a wait is varied at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Uniformly between zero and the wait, both included: "full jitter" of Marc Brooker, "Exponential
    /// Backoff and Jitter", AWS Architecture Blog, 2015.
    ///
    /// A wait of more than 2⁶⁴ ns, 584 years, is drawn from the first 584 years.
    Full,
}

/// Why a schedule was refused.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BackoffError {
    /// The first wait is zero, and so would be all the others.
    #[error("the initial wait is zero: give it at least 1 ns")]
    InitialZero,
    /// The waits after the first would be zero.
    #[error("the factor is zero: use 1 for waits that do not grow, 2 for waits that double")]
    FactorZero,
    /// The first wait is already above the longest one.
    #[error("the ceiling of {ceiling:?} is under the initial wait of {initial:?}: raise it or wait less")]
    CeilingUnderInitial {
        /// The first wait.
        initial: Duration,
        /// The longest wait.
        ceiling: Duration,
    },
    /// Nothing would ever be sent.
    #[error("the number of attempts is zero: use 1 to send without sending again")]
    AttemptsZero,
    /// The scale is not a finite number above zero, or would make a wait zero or longer than a [`Duration`]
    /// can be.
    #[error("a wait of {wait:?} cannot be scaled by {scale}: use a number above zero and nearer to 1")]
    Scale {
        /// The number that was given.
        scale: f64,
        /// The wait before.
        wait: Duration,
    },
}

impl Backoff {
    /// The usual schedule of a small request over UDP: waits of 0.1, 0.2, 0.4, 0.8 and 1.6 s, given up after
    /// 3.1 s, where the next wait would be over 2 s. No jitter.
    pub const CLASSIC: Self = Self {
        initial: Duration::from_millis(100),
        factor: 2,
        ceiling: Duration::from_secs(2),
        attempts: 5,
        jitter: Jitter::None,
    };

    /// A schedule without jitter: `attempts` waits, the first of them `initial`, each next one `factor` times
    /// as long but never longer than `ceiling`.
    ///
    /// # Errors
    ///
    /// [`BackoffError`] if `initial`, `factor` or `attempts` is zero or `ceiling` is under `initial`.
    pub fn new(
        initial: Duration,
        factor: u32,
        ceiling: Duration,
        attempts: u32,
    ) -> Result<Self, BackoffError> {
        if initial.is_zero() {
            return Err(BackoffError::InitialZero);
        }
        if factor == 0 {
            return Err(BackoffError::FactorZero);
        }
        if ceiling < initial {
            return Err(BackoffError::CeilingUnderInitial { initial, ceiling });
        }
        if attempts == 0 {
            return Err(BackoffError::AttemptsZero);
        }
        Ok(Self { initial, factor, ceiling, attempts, jitter: Jitter::None })
    }

    /// The same schedule with another jitter.
    #[must_use]
    pub const fn with_jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    /// The same schedule with each wait `scale` times as long, to the nanosecond as far as an `f64` can tell.
    ///
    /// ```
    /// use lossproof::parts::backoff::Backoff;
    /// use std::time::Duration;
    ///
    /// let hurried = Backoff::CLASSIC.scaled(0.01)?;
    /// assert_eq!(hurried.total(), Duration::from_millis(31));
    /// # Ok::<(), lossproof::parts::backoff::BackoffError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`BackoffError::Scale`] if `scale` is negative, zero, infinite or not a number, or if a wait would round
    /// to zero or be too long for a [`Duration`].
    pub fn scaled(&self, scale: f64) -> Result<Self, BackoffError> {
        let (initial, ceiling) = (scale_wait(self.initial, scale)?, scale_wait(self.ceiling, scale)?);
        Ok(Self { initial, ceiling, ..*self })
    }

    /// The first wait, before jitter.
    pub const fn initial(&self) -> Duration {
        self.initial
    }

    /// How many times as long as the last one each wait is.
    pub const fn factor(&self) -> u32 {
        self.factor
    }

    /// The longest wait there can be.
    pub const fn ceiling(&self) -> Duration {
        self.ceiling
    }

    /// How often to send, the first time included; each attempt is followed by one wait.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How the waits are varied at random.
    pub const fn jitter(&self) -> Jitter {
        self.jitter
    }

    /// The waits, one for each attempt. The same seed gives the same waits; without jitter, every seed does.
    pub fn waits(&self, seed: u64) -> Waits {
        let rng = match self.jitter {
            Jitter::None => None,
            Jitter::Full => Some(Pcg32::seed_from_u64(seed)),
        };
        Waits { backoff: *self, rng }
    }

    /// The time from the first attempt to giving up, before jitter; at most [`Duration::MAX`].
    pub fn total(&self) -> Duration {
        let (mut total, mut wait) = (Duration::ZERO, self.initial);
        for left in (1..=self.attempts).rev() {
            let next = self.after(wait);
            // The rest are all alike, and there may be four billion of them.
            if next == wait {
                return total.saturating_add(wait.saturating_mul(left));
            }
            total = total.saturating_add(wait);
            wait = next;
        }
        total
    }

    /// The wait that follows `wait`.
    fn after(&self, wait: Duration) -> Duration {
        wait.saturating_mul(self.factor).min(self.ceiling)
    }
}

/// The waits of a [`Backoff`], made by [`Backoff::waits`]: one for each attempt, then none.
///
/// With jitter, each wait takes one `u64` from a [`Pcg32`]; without, nothing is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The schedule of what is left.
    backoff: Backoff,
    rng: Option<Pcg32>,
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.backoff.initial;
        self.backoff.attempts = self.backoff.attempts.checked_sub(1)?;
        self.backoff.initial = self.backoff.after(wait);
        Some(self.rng.as_mut().map_or(wait, |rng| uniform_up_to(wait, rng)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.backoff.attempts as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Waits {}
impl FusedIterator for Waits {}

/// A span from zero to `wait`, both included, by one draw.
///
/// The multiply-shift of Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29(1), 2019,
/// without its rejection step: for a wait of a second, the bias is under 2⁻³⁴, and the number of draws is
/// fixed.
fn uniform_up_to(wait: Duration, rng: &mut Pcg32) -> Duration {
    let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    let product = u128::from(rng.next_u64()) * (u128::from(nanos) + 1);
    Duration::from_nanos((product >> 64) as u64)
}

fn scale_wait(wait: Duration, scale: f64) -> Result<Duration, BackoffError> {
    Duration::try_from_secs_f64(wait.as_secs_f64() * scale)
        .ok()
        .filter(|scaled| !scaled.is_zero())
        .ok_or(BackoffError::Scale { scale, wait })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(waits: Waits) -> Vec<u128> {
        waits.map(|wait| wait.as_millis()).collect()
    }

    /// Schedules from the everyday to the absurd, with few enough attempts to go through.
    fn any_backoff() -> impl Strategy<Value = Backoff> {
        let span = prop_oneof![
            (1..10_000_000_000u64).prop_map(Duration::from_nanos),
            any::<u64>().prop_map(|nanos| Duration::from_nanos(nanos.max(1))),
            any::<u64>().prop_map(|secs| Duration::new(secs, 999_999_999)),
            Just(Duration::MAX),
        ];
        let factor = prop_oneof![1..5u32, 1..=u32::MAX, Just(u32::MAX)];
        (span.clone(), factor, span, 1..200u32)
            .prop_map(|(a, factor, b, attempts)| Backoff::new(a.min(b), factor, a.max(b), attempts).unwrap())
    }

    #[test]
    fn the_classic_schedule_to_the_digit() {
        assert_eq!(millis(Backoff::CLASSIC.waits(0)), [100, 200, 400, 800, 1600]);
        assert_eq!(Backoff::CLASSIC.total(), Duration::from_millis(3_100));
        let built = Backoff::new(Duration::from_millis(100), 2, Duration::from_secs(2), 5);
        assert_eq!(built, Ok(Backoff::CLASSIC));
    }

    #[test]
    fn senseless_schedules_are_refused() {
        let (zero, short, long) = (Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(Backoff::new(zero, 2, long, 5), Err(BackoffError::InitialZero));
        assert_eq!(Backoff::new(short, 0, long, 5), Err(BackoffError::FactorZero));
        assert_eq!(Backoff::new(short, 2, long, 0), Err(BackoffError::AttemptsZero));
        let under = BackoffError::CeilingUnderInitial { initial: long, ceiling: short };
        assert_eq!(Backoff::new(long, 2, short, 5), Err(under));
        assert!(Backoff::new(short, 2, short, 1).is_ok());
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let max = Backoff::new(Duration::MAX, u32::MAX, Duration::MAX, u32::MAX).unwrap();
        for backoff in [max, max.with_jitter(Jitter::Full)] {
            assert_eq!(backoff.total(), Duration::MAX);
            assert_eq!(backoff.waits(1).len(), u32::MAX as usize);
            assert!(backoff.waits(1).take(100).all(|wait| wait <= Duration::MAX));
        }
        let constant = Backoff::new(Duration::from_nanos(1), 1, Duration::MAX, u32::MAX).unwrap();
        assert_eq!(constant.total(), Duration::from_nanos(u64::from(u32::MAX)));
    }

    #[test]
    fn senseless_scales_are_refused() {
        let (initial, ceiling) = (Backoff::CLASSIC.initial(), Backoff::CLASSIC.ceiling());
        for scale in [0.0, -0.0, -1.0, -f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, 1e-9] {
            assert_eq!(Backoff::CLASSIC.scaled(scale), Err(BackoffError::Scale { scale, wait: initial }));
        }
        assert_eq!(Backoff::CLASSIC.scaled(1e19), Err(BackoffError::Scale { scale: 1e19, wait: ceiling }));
        assert_eq!(
            Backoff::CLASSIC.scaled(f64::NAN).unwrap_err().to_string(),
            "a wait of 100ms cannot be scaled by NaN: use a number above zero and nearer to 1"
        );
    }

    #[test]
    fn a_scale_changes_the_spans_alone() {
        let backoff = Backoff::CLASSIC.with_jitter(Jitter::Full);
        assert_eq!(backoff.scaled(1.0), Ok(backoff));
        let slow = backoff.scaled(2.5).unwrap();
        assert_eq!(millis(slow.with_jitter(Jitter::None).waits(0)), [250, 500, 1000, 2000, 4000]);
        assert_eq!((slow.ceiling(), slow.jitter()), (Duration::from_secs(5), Jitter::Full));
    }

    /// The numbers were worked out apart from this code, from the definition of the generator: a change here
    /// would change every recorded run.
    #[test]
    fn the_stream_of_jitter_is_fixed() {
        let waits = Backoff::CLASSIC.with_jitter(Jitter::Full).waits(42).map(|wait| wait.as_nanos());
        let expected = [77_992_805, 196_728_293, 258_641_709, 260_711_309, 398_867_590];
        assert_eq!(waits.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn full_jitter_is_uniform() {
        let second = Duration::from_secs(1);
        let backoff = Backoff::new(second, 1, second, 40_000).unwrap().with_jitter(Jitter::Full);
        let mut tenths = [0u32; 10];
        for wait in backoff.waits(7) {
            tenths[(wait.as_millis() / 100).min(9) as usize] += 1;
        }
        // Each tenth expects 4000, with a standard deviation of 60.
        assert!(tenths.iter().all(|count| (3_700..4_300).contains(count)), "{tenths:?}");
    }

    #[test]
    fn full_jitter_reaches_both_ends() {
        let nano = Duration::from_nanos(1);
        let backoff = Backoff::new(nano, 1, nano, 100).unwrap().with_jitter(Jitter::Full);
        assert!(backoff.waits(7).any(|wait| wait.is_zero()));
        assert!(backoff.waits(7).any(|wait| wait == nano));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn waits_never_fall_and_stay_within_their_bounds(backoff in any_backoff(), seed: u64) {
            let waits: Vec<Duration> = backoff.waits(seed).collect();
            prop_assert_eq!(waits.len(), backoff.attempts() as usize);
            prop_assert_eq!(waits[0], backoff.initial());
            prop_assert!(waits.is_sorted());
            prop_assert!(waits.iter().all(|wait| *wait <= backoff.ceiling()));
            for pair in waits.windows(2) {
                let product = pair[0].checked_mul(backoff.factor()).unwrap_or(Duration::MAX);
                prop_assert_eq!(pair[1], product.min(backoff.ceiling()));
            }
        }

        #[test]
        fn the_total_is_the_sum(backoff in any_backoff(), seed: u64) {
            let sum = backoff.waits(seed).fold(Duration::ZERO, Duration::saturating_add);
            prop_assert_eq!(backoff.total(), sum);
            prop_assert_eq!(backoff.with_jitter(Jitter::Full).total(), sum);
        }

        #[test]
        fn an_unclamped_total_is_the_geometric_sum(nanos in 1..1_000u64, factor in 2..10u32, attempts in 1..15u32) {
            let initial = Duration::from_nanos(nanos);
            let backoff = Backoff::new(initial, factor, Duration::MAX, attempts).unwrap();
            let factor = u64::from(factor);
            let sum = nanos * (factor.pow(attempts) - 1) / (factor - 1);
            prop_assert_eq!(backoff.total(), Duration::from_nanos(sum));
        }

        #[test]
        fn jitter_only_shortens(backoff in any_backoff(), seed: u64) {
            let jittered = backoff.with_jitter(Jitter::Full).waits(seed);
            prop_assert_eq!(jittered.len(), backoff.attempts() as usize);
            prop_assert!(jittered.zip(backoff.waits(seed)).all(|(jittered, wait)| jittered <= wait));
        }

        #[test]
        fn the_same_seed_gives_the_same_waits(backoff in any_backoff(), seed: u64, skipped in 0..300usize) {
            let mut waits = backoff.with_jitter(Jitter::Full).waits(seed);
            let again = backoff.with_jitter(Jitter::Full).waits(seed).skip(skipped);
            waits.by_ref().take(skipped).for_each(drop);
            prop_assert_eq!(waits.len(), (backoff.attempts() as usize).saturating_sub(skipped));
            prop_assert_eq!(waits.by_ref().collect::<Vec<_>>(), again.collect::<Vec<_>>());
            prop_assert_eq!(waits.next(), None);
        }
    }
}
