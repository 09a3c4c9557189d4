//! Spans of time as text: `40ms`, `0.1s`, `2min`. Exact both ways, hence without floats.

use std::fmt;
use std::time::Duration;

/// The units that are read, with their nanoseconds, the largest first.
const UNITS: [(&str, u64); 5] =
    [("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// A span as it is printed: in the largest of s, ms, us and ns that divides it.
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        for (unit, size) in &UNITS[1..] {
            let size = u128::from(*size);
            if nanos.is_multiple_of(size) {
                return write!(f, "{}{unit}", nanos / size);
            }
        }
        Ok(())
    }
}

/// A span as plans write it.
pub(crate) fn span_text(span: Duration) -> String {
    Span(span).to_string()
}

/// Why a word is no span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is not a decimal number and a unit.
    #[error("a span of time is a number and a unit, such as 40ms or 0.1s")]
    Malformed,
    /// It is a number alone.
    #[error("a span of time needs a unit: ns, us, ms, s or min")]
    NoUnit,
    /// Its unit could be minutes or milliseconds.
    #[error("the unit m is not clear: write min or ms")]
    UnitM,
    /// It is no whole number of nanoseconds.
    #[error("a span of time is a whole number of nanoseconds")]
    TooFine,
    /// It is more nanoseconds than 64 bits hold.
    #[error("a span of time is at most {max}ns", max = u64::MAX)]
    TooLong,
}

/// Reads a span of time as plans write it: `40ms`, `0.1s`, `2min`.
///
/// # Errors
/// [`SpanError`] if it is not one, or not a whole number of nanoseconds in 64 bits.
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    parse_nanos(text).map(Duration::from_nanos)
}

/// Reads a decimal number and a unit as nanoseconds.
pub(super) fn parse_nanos(word: &str) -> Result<u64, SpanError> {
    let number_len = word.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(number_len);
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && !fraction.contains('.') => (whole, fraction),
        Some(_) => return Err(SpanError::Malformed),
        None => (number, ""),
    };
    if whole.is_empty() {
        return Err(SpanError::Malformed);
    }
    let size = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, size)) => u128::from(*size),
        None if unit.is_empty() => return Err(SpanError::NoUnit),
        None if unit == "m" => return Err(SpanError::UnitM),
        None => return Err(SpanError::Malformed),
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    // Every unit is a product of fewer than 12 twos and fives, so that no longer fraction (its last digit not
    // being 0) is a whole number of nanoseconds, and 20 digits are the most that 64 bits hold. Within these
    // two bounds nothing below overflows.
    if fraction.len() > 11 {
        return Err(SpanError::TooFine);
    }
    if whole.len() > 20 {
        return Err(SpanError::TooLong);
    }
    let scale = 10_u128.pow(fraction.len() as u32);
    let fraction_nanos = digits(fraction) * size;
    if !fraction_nanos.is_multiple_of(scale) {
        return Err(SpanError::TooFine);
    }
    u64::try_from(digits(whole) * size + fraction_nanos / scale).map_err(|_| SpanError::TooLong)
}

/// The value of a short run of ASCII digits; 0 if there are none.
fn digits(run: &str) -> u128 {
    run.bytes().fold(0, |value, digit| value * 10 + u128::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_read_exactly() {
        for (text, nanos) in [
            ("40ms", 40_000_000),
            ("2s", 2_000_000_000),
            ("0.1s", 100_000_000),
            ("1.5ms", 1_500_000),
            ("100us", 100_000),
            ("7ns", 7),
            ("7.0ns", 7),
            ("0s", 0),
            ("1min", 60_000_000_000),
            ("0.5min", 30_000_000_000),
            ("0.00000000005min", 3),
            ("0.000000001s", 1),
            ("0.0000000010000000000000000000000000000000000000s", 1),
            ("00000000000000000000000000000000000000000000001s", 1_000_000_000),
            ("18446744073709551615ns", u64::MAX),
            ("18446744073.709551615s", u64::MAX),
        ] {
            assert_eq!(parse_nanos(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_told_apart() {
        use SpanError::{Malformed, NoUnit, TooFine, TooLong, UnitM};
        for (text, error) in [
            ("", Malformed),
            ("s", Malformed),
            (".5s", Malformed),
            ("5.s", Malformed),
            ("1.2.3s", Malformed),
            ("1h", Malformed),
            ("-1s", Malformed),
            ("1s1", Malformed),
            ("40", NoUnit),
            ("1m", UnitM),
            ("0.5ns", TooFine),
            ("0.0000000001s", TooFine),
            ("0.00000000001min", TooFine),
            ("0.000000000001min", TooFine),
            ("18446744073709551616ns", TooLong),
            ("18446744073.709551616s", TooLong),
            ("99999999999999999999min", TooLong),
            ("100000000000000000000ns", TooLong),
        ] {
            assert_eq!(parse_nanos(text), Err(error), "{text}");
        }
    }

    #[test]
    fn spans_are_printed_in_the_largest_unit_that_divides_them() {
        let print = |nanos| Span(Duration::from_nanos(nanos)).to_string();
        assert_eq!(print(0), "0s");
        assert_eq!(print(120_000_000_000), "120s");
        assert_eq!(print(1_500_000_000), "1500ms");
        assert_eq!(print(1_001_000), "1001us");
        assert_eq!(print(u64::MAX), "18446744073709551615ns");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_printed_is_read_back(nanos: u64) {
            let text = Span(Duration::from_nanos(nanos)).to_string();
            prop_assert_eq!(parse_nanos(&text), Ok(nanos));
        }

        #[test]
        fn any_word_of_digits_and_units_is_read_or_refused(word in "[0-9.]{0,60}(ns|us|ms|s|min|m)?") {
            let _ = parse_nanos(&word);
        }
    }
}
