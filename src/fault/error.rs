//! What is wrong with a plan, and with its text and where.

use super::print::Conn;
use super::span::Span;
use super::{Flow, MAX_SKEW, When};

/// Why a text is not a plan. It is shown as one line, whatever the text:
///
/// ```
/// use lossproof::fault::FaultPlan;
///
/// let error = "a>b #0 dorp".parse::<FaultPlan>().unwrap_err();
/// assert_eq!(error.column, 8);
/// assert_eq!(
///     error.to_string(),
///     "column 8: expected a fault (drop, duplicate, delay, flip, truncate, mark or bleach), found 'dorp'; \
///      did you mean 'drop'?",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct ParseError {
    /// Where, counted in characters from the start of the text, from 1; newlines count too, a byte-order mark does not. For
    /// [`ParseProblem::Refused`] it is the start of the item.
    pub column: usize,
    /// What is wrong there.
    pub problem: ParseProblem,
}

/// What is wrong at one place of the text of a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseProblem {
    /// Something else should stand there.
    #[error("expected {expected}, found {found}{}", hint_text(.hint.as_deref()))]
    Unexpected {
        /// What could stand there.
        expected: String,
        /// What does: a word or a character in quotes, or "the end".
        found: String,
        /// What the writer may have meant, or should do instead.
        hint: Option<String>,
    },
    /// An item, here its name, that a plan has once at most.
    #[error("the plan has a {0} already")]
    Repeated(&'static str),
    /// The trace of a bottleneck cannot be had.
    #[error("cannot use the trace '{}': {why}", .path.escape_debug())]
    Trace {
        /// The file that is named.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The item is well written, but the plan refuses it.
    #[error(transparent)]
    Refused(#[from] PlanError),
}

/// Why a fault, or a latency, was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The datagram has a fault already.
    #[error("{flow} #{n} has a fault already")]
    SameDatagram {
        /// The flow of the datagram.
        flow: Flow,
        /// Its number in the flow.
        n: u64,
    },
    /// The point of the stream has a fault already.
    #[error("{} @{at} has a fault already", Conn(.flow, *.conn))]
    SameOffset {
        /// The direction of the stream.
        flow: Flow,
        /// The connection.
        conn: u32,
        /// The byte offset.
        at: u64,
    },
    /// The stream is cut at regular distances already.
    #[error("{} has a 'cut every' already", Conn(.flow, *.conn))]
    SameCutEvery {
        /// The direction of the stream.
        flow: Flow,
        /// The connection.
        conn: u32,
    },
    /// The dial has a fault already.
    #[error("{} has a fault of its dial already", Conn(.flow, *.conn))]
    SameConnect {
        /// From the host that dials.
        flow: Flow,
        /// The connection.
        conn: u32,
    },
    /// The host goes down at that event already.
    #[error("{host} goes down {when} already")]
    SameDown {
        /// The host.
        host: String,
        /// The event.
        when: When,
    },
    /// An event after no effect at all.
    #[error("effects are counted from 1; write 'after effect 1', or 'before send #N'")]
    NoEffect,
    /// A flow or a partition that names one host twice.
    #[error("'{0}' is on both sides; name two different hosts")]
    SameHost(String),
    /// A name that the text form cannot hold.
    #[error("'{}' is not a host name; use ASCII letters, digits, '_', '-' and '.'", .0.escape_debug())]
    HostName(String),
    /// A span of time of no length.
    #[error("{0} must be at least 1ns")]
    ZeroSpan(&'static str),
    /// A span of time that a count of nanoseconds in 64 bits cannot hold.
    #[error("{0} must be at most {max}ns", max = u64::MAX)]
    LongSpan(&'static str),
    /// Skews that take the clock of a host beyond [`MAX_SKEW`].
    #[error("the clock of {0} jumps at most {max} ahead in all (100 years)", max = Span(MAX_SKEW))]
    FarSkew(String),
    /// A bottleneck whose name another has.
    #[error("the plan has a bottleneck '{0}' already")]
    SameBottleneck(String),
    /// A bottleneck that nothing passes.
    #[error("no flow passes the bottleneck '{0}'; write 'over a>b'")]
    NoWay(String),
    /// A flip that would change no bit.
    #[error("flip must change a bit; use a mask from 0x01 to 0xff")]
    ZeroMask,
}

fn hint_text(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; {hint}")).unwrap_or_default()
}

impl ParseError {
    /// The same error with advice for the writer, which replaces any it had.
    pub(super) fn hint(mut self, advice: impl Into<String>) -> Self {
        if let ParseProblem::Unexpected { hint, .. } = &mut self.problem {
            *hint = Some(advice.into());
        }
        self
    }

    /// The same error, asking whether that of `keywords` nearest to `word` was meant, if one is near.
    pub(super) fn hint_nearest(self, word: &str, keywords: &[&str]) -> Self {
        match nearest(word, keywords) {
            Some(keyword) => self.hint(format!("did you mean '{keyword}'?")),
            None => self,
        }
    }
}

/// The keyword that takes the fewest edits to reach from `word`, unless those would be half of it or more
/// than two.
fn nearest<'k>(word: &str, keywords: &[&'k str]) -> Option<&'k str> {
    const LONGEST: usize = 16;
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let scored = keywords.iter().map(|keyword| (edit_distance(&word, keyword), *keyword));
    let (edits, keyword) = scored.min_by_key(|(edits, _)| *edits)?;
    (edits <= 2 && edits * 2 <= keyword.len()).then_some(keyword)
}

/// How many characters have to be put in, taken out or replaced to make one word of the other.
fn edit_distance(a: &str, b: &str) -> usize {
    // `row[j]`: the edits from what has been read of `a` to the first `j` characters of `b`.
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edit_distance("drop", "drop"), 0);
        assert_eq!(edit_distance("dorp", "drop"), 2);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "heal"), 4);
        assert_eq!(edit_distance("é", "e"), 1);
    }

    #[test]
    fn only_a_near_keyword_is_offered() {
        assert_eq!(nearest("dorp", &["delay", "drop"]), Some("drop"));
        assert_eq!(nearest("DROP", &["drop"]), Some("drop"));
        assert_eq!(nearest("x", &["at", "seed"]), None);
        assert_eq!(nearest("restart", &["drop", "flip"]), None);
        assert_eq!(nearest(&"d".repeat(100), &["drop"]), None);
    }
}
