//! Numbers for people.

/// With a comma after each thousand.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing: `1 run`, `2 runs`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A span in the unit that suits it.
pub(crate) fn span(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] =
        [(31_557_600.0, "years"), (86_400.0, "days"), (3_600.0, "hours"), (60.0, "min")];
    match UNITS.into_iter().find(|(size, _)| seconds >= 2.0 * size) {
        Some((size, unit)) => format!("{:.1} {unit}", seconds / size),
        None if seconds >= 10.0 => format!("{seconds:.1} s"),
        None => format!("{seconds:.2} s"),
    }
}

/// A share in percent. What happened never shows as 0%, and what was not all never as 100%.
#[cfg(feature = "cli")]
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let share = part as f64 * 100.0 / whole.max(1) as f64;
    match part {
        _ if part == whole => "100%".to_owned(),
        0 => "0%".to_owned(),
        _ if share < 0.1 => "<0.1%".to_owned(),
        _ if share > 99.9 => ">99.9%".to_owned(),
        _ => format!("{share:.1}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!((count(1, "run"), count(2_000, "run")), ("1 run".into(), "2,000 runs".into()));
    }

    #[test]
    fn a_span_is_told_in_the_unit_that_suits_it() {
        for (seconds, text) in
            [(0.0, "0.00 s"), (0.7, "0.70 s"), (100.0, "100.0 s"), (660.0, "11.0 min"), (1e6, "11.6 days")]
        {
            assert_eq!(span(seconds), text);
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_share_is_never_rounded_to_nothing_or_all() {
        let shares = [(0, 3), (1, 3), (3, 3), (1, 1_000_000), (999_999, 1_000_000)];
        let texts = shares.map(|(part, whole)| percent(part, whole));
        assert_eq!(texts, ["0%", "33.3%", "100%", "<0.1%", ">99.9%"]);
    }
}
