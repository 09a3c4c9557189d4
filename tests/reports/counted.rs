//! An excerpt beside its transcript.

/// How many lines a line of an excerpt stands for that are left out.
fn left_out(line: &str) -> Option<usize> {
    line.strip_prefix("… ")?.strip_suffix(" …")?.split(' ').next()?.parse().ok()
}

/// Every line of an excerpt is the next of the transcript, or stands for so many of them that follow, and there is no
/// more. Whatever was left out or folded was counted, and nothing stands elsewhere.
pub(crate) fn counts(excerpt: &str, transcript: &str) -> Result<(), String> {
    let mut rest = transcript.lines();
    for line in excerpt.lines() {
        match left_out(line) {
            // A line that is left out alone would take no more room than its number.
            Some(0 | 1) => return Err(format!("for nothing: {line}")),
            Some(count) if rest.nth(count - 1).is_none() => return Err(format!("too many: {line}")),
            Some(_) => {}
            None => {
                let next = rest.next();
                if next != Some(line) {
                    return Err(format!("{line}\nstands where the transcript has\n{next:?}"));
                }
            }
        }
    }
    rest.next().map_or(Ok(()), |line| Err(format!("not counted: {line}")))
}

#[test]
fn what_is_not_counted_is_noticed() {
    let transcript = "a\nb\nc\nd\n";
    assert_eq!(counts(transcript, transcript), Ok(()));
    assert_eq!(counts("a\n… 2 lines, 0.000 to 0.100 …\nd\n", transcript), Ok(()));
    let wrong =
        ["a\nb\nd\n", "a\n… 3 lines, 0 to 1 …\nd\n", "a\nb\n… 3 lines …\n", "b\na\nc\nd\n", "a\nb\nc\n"];
    for excerpt in wrong {
        assert!(counts(excerpt, transcript).is_err(), "{excerpt}");
    }
}
