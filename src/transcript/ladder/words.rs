//! Texts that are to stand in so many columns.

use unicode_width::UnicodeWidthChar as _;

/// How many columns a text takes that [`clean`] has made.
pub(in crate::transcript) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// A text of which every character takes a column or two: others are escaped. In ASCII all others are.
pub(in crate::transcript) fn clean(text: &str, ascii: bool) -> String {
    let mut cleaned = String::new();
    for c in text.chars() {
        match c {
            '…' if ascii => cleaned.push_str("..."),
            '→' if ascii => cleaned.push_str("->"),
            '←' if ascii => cleaned.push_str("<-"),
            '×' if ascii => cleaned.push('x'),
            '⏎' if ascii => cleaned.push_str("\\n"),
            c if c.width().unwrap_or(0) == 0 || ascii && !c.is_ascii() => cleaned.extend(c.escape_default()),
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// A text cut to a width, with a sign where it was cut.
pub(in crate::transcript) fn clip(text: &str, max_width: usize, ascii: bool) -> String {
    if width(text) <= max_width {
        return text.to_owned();
    }
    let sign = if ascii { "~" } else { "…" };
    let (head, _) = split(text, max_width.saturating_sub(1));
    if max_width == 0 { String::new() } else { format!("{head}{sign}") }
}

/// A text on several lines, broken at blanks where possible; the last is cut if there is more.
pub(in crate::transcript) fn wrap(
    text: &str,
    max_width: usize,
    max_lines: usize,
    ascii: bool,
) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while lines.len() + 1 < max_lines && width(rest) > max_width {
        let (head, _) = split(rest, max_width);
        let end = match head.rfind(' ') {
            Some(blank) if blank > 0 => blank,
            _ => head.len(),
        };
        if end == 0 {
            break;
        }
        lines.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    lines.push(clip(rest, max_width, ascii));
    lines
}

/// As many characters as fit, and the rest.
fn split(text: &str, max_width: usize) -> (&str, &str) {
    let mut room = max_width;
    let end = text.char_indices().find(|(_, c)| match room.checked_sub(c.width().unwrap_or(0)) {
        Some(left) => {
            room = left;
            false
        }
        None => true,
    });
    text.split_at(end.map_or(text.len(), |(at, _)| at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_column_is_escaped() {
        assert_eq!(clean("a\n\u{202e}é好", false), "a\\n\\u{202e}é好");
        assert_eq!(clean("é… → ×4", true), "\\u{e9}... -> x4");
        assert_eq!(width("é好"), 3);
    }

    #[test]
    fn a_cut_is_shown_and_keeps_to_the_width() {
        assert_eq!((clip("abcd", 4, false), clip("abcde", 4, false)), ("abcd".into(), "abc…".into()));
        assert_eq!((clip("你好吗", 4, false), clip("ab", 0, false)), ("你…".into(), String::new()));
        assert_eq!(clip("abcde", 4, true), "abc~");
    }

    #[test]
    fn lines_break_at_blanks_and_the_last_is_cut() {
        assert_eq!(wrap("one two three", 8, 3, false), ["one two", "three"]);
        assert_eq!(wrap("onetwothree four", 6, 2, false), ["onetwo", "three…"]);
        assert_eq!(wrap("好", 1, 2, false), ["…"]);
    }
}
