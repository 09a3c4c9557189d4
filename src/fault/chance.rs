//! Probabilities without rounding.

use std::fmt;
use std::str::FromStr;

use crate::seed::below;

/// A probability, exact to one in a billion.
///
/// ```
/// use lossproof::fault::Chance;
///
/// let loss: Chance = "30%".parse()?;
/// assert_eq!(loss, "0.3".parse()?);
/// assert_eq!(loss.to_string(), "30%");
/// # Ok::<(), lossproof::fault::ChanceError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(Self::PARTS);
    pub(crate) const PARTS: u32 = 1_000_000_000;

    /// A probability in percent, from 0 to 100.
    pub const fn percent(percent: u32) -> Self {
        Self(if percent >= 100 { Self::PARTS } else { percent * (Self::PARTS / 100) })
    }

    /// So many in a thousand, 1,000 at most.
    pub const fn permille(permille: u32) -> Self {
        Self(if permille >= 1_000 { Self::PARTS } else { permille * (Self::PARTS / 1_000) })
    }

    /// A number from 0 to 1, rounded to the nearest billionth; `None` for any other.
    pub fn share(share: f64) -> Option<Self> {
        #[expect(clippy::cast_sign_loss, reason = "it is not below 0")]
        (0.0..=1.0).contains(&share).then(|| Self((share * f64::from(Self::PARTS)).round() as u32))
    }

    /// `numerator` to `denominator`, rounded to the nearest; `None` if that is more than 1, or nothing at all.
    pub(crate) const fn ratio(numerator: u128, denominator: u128) -> Option<Self> {
        if denominator == 0 || numerator > denominator {
            return None;
        }
        Some(Self(((numerator * Self::PARTS as u128 + denominator / 2) / denominator) as u32))
    }

    /// How many in a billion.
    pub(crate) const fn parts(self) -> u128 {
        self.0 as u128
    }

    /// Whether it happens, decided by 64 random bits.
    pub const fn happens(self, bits: u64) -> bool {
        below(bits, Self::PARTS as u64) < self.0 as u64
    }

    /// As a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::PARTS)
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000_000, self.0 % 10_000_000);
        if rest == 0 {
            write!(f, "{whole}%")
        } else {
            write!(f, "{whole}.{}%", format!("{rest:07}").trim_end_matches('0'))
        }
    }
}

/// A text that is no probability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a probability: write 0% to 100%, or 0 to 1")]
pub struct ChanceError(String);

impl FromStr for Chance {
    type Err = ChanceError;

    fn from_str(text: &str) -> Result<Self, ChanceError> {
        let refused = || ChanceError(text.to_owned());
        let (number, places) = match text.strip_suffix('%') {
            Some(number) => (number, 7),
            None => (text, 9),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 9
            || fraction.len() > places
            || !digits(whole)
            || !digits(fraction)
        {
            return Err(refused());
        }
        let shifted: u64 = format!("{whole}{fraction:0<places$}").parse().map_err(|_| refused())?;
        match u32::try_from(shifted) {
            Ok(parts) if parts <= Self::PARTS => Ok(Self(parts)),
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_read_exactly() {
        let parts =
            |text: &str| text.parse::<Chance>().map(|chance| chance.0).map_err(|error| error.to_string());
        assert_eq!(parts("30%"), Ok(300_000_000));
        assert_eq!(parts("0.5"), Ok(500_000_000));
        assert_eq!(parts("0.0000001%"), Ok(1));
        assert_eq!((parts("1"), parts("100%"), parts("0")), (Ok(Chance::PARTS), Ok(Chance::PARTS), Ok(0)));
        for text in ["", "%", "-1", "1.1", "100.1%", "0.00000001%", "half", "1e-3", ".5", "99999999999"] {
            assert_eq!(
                parts(text),
                Err(format!("'{text}' is not a probability: write 0% to 100%, or 0 to 1"))
            );
        }
        assert_eq!("12.5%".parse::<Chance>().unwrap().to_string(), "12.5%");
    }

    #[test]
    fn never_and_always_mean_it() {
        for bits in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(!Chance::NEVER.happens(bits) && Chance::ALWAYS.happens(bits));
        }
    }

    #[test]
    fn a_share_is_a_share_however_it_is_said() {
        assert_eq!(Chance::permille(5), "0.5%".parse().unwrap());
        assert_eq!((Chance::percent(101), Chance::permille(1_001)), (Chance::ALWAYS, Chance::ALWAYS));
        assert_eq!(Chance::ratio(1, 4), Some(Chance::percent(25)));
        assert_eq!((Chance::ratio(2, 1), Chance::ratio(0, 0)), (None, None));
    }
}
