//! Reports of failures that are read in a minute.

use std::fmt::Write as _;

use super::MAX_REPORT_LINES;
use crate::escaped::into_plain;
use crate::transcript::Transcript;

/// How many lines of a report say what was seen.
const MAX_DETAIL_LINES: usize = 8;
/// How many lines of a report have the faults and the commands of a plan.
const MAX_PLAN_LINES: usize = 16;

/// What a report says above the transcript.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    /// Who failed, and what does not hold.
    pub(crate) title: String,
    /// What was seen.
    pub(crate) detail: &'a str,
    /// How it was found and made small, in lines.
    pub(crate) found: String,
    /// The faults and the commands of the plan.
    pub(crate) plan: Vec<String>,
    /// When the run was lost, in lines; none, if that is not told.
    pub(crate) turned: String,
    /// What makes the run again.
    pub(crate) replay: String,
}

impl Head<'_> {
    /// The report with an excerpt of the transcript. It leaves so many lines to others.
    pub(crate) fn with_excerpt(&self, transcript: &Transcript<'_>, others: usize) -> String {
        self.above(&self.excerpt(transcript, others))
    }

    /// The excerpt of the transcript that stands below it. It leaves so many lines to others.
    pub(crate) fn excerpt(&self, transcript: &Transcript<'_>, others: usize) -> String {
        let lines = self.above("").lines().count();
        transcript.excerpt(MAX_REPORT_LINES.saturating_sub(lines + others))
    }

    /// The report with this excerpt below it.
    pub(crate) fn above(&self, excerpt: &str) -> String {
        self.text(MAX_DETAIL_LINES, MAX_PLAN_LINES) + excerpt
    }

    /// The report with all that there is.
    pub(crate) fn whole(&self, transcript: &str) -> String {
        self.text(usize::MAX, usize::MAX) + transcript
    }

    fn text(&self, max_detail: usize, max_plan: usize) -> String {
        let mut text = self.title.replace(['\n', '\r'], " ") + "\n";
        let detail: Vec<&str> = self.detail.split('\n').collect();
        for (place, line) in few(&detail, max_detail).into_iter().enumerate() {
            text += if place == 0 { "  " } else { "" };
            text += &line;
            text.push('\n');
        }
        text += &self.found;
        let plan: Vec<&str> = self.plan.iter().flat_map(|line| line.split('\n')).collect();
        for line in few(&plan, max_plan) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "    {line}");
        }
        text += &self.turned;
        text = text + "  replay: " + &self.replay + "\n\n";
        // What a property has seen may be what a peer has sent.
        into_plain(text)
    }
}

/// At most so many lines: those that there are, or the first and the last, and how many are between them.
fn few(lines: &[&str], most: usize) -> Vec<String> {
    let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    if lines.len() <= most {
        return own(lines);
    }
    let last = (most - 1) / 2;
    let first = most - 1 - last;
    let between = format!("… {} more …", lines.len() - first - last);
    [own(&lines[..first]), vec![between], own(&lines[lines.len() - last..])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_shown_whole_and_one_beyond_is_cut() {
        let lines = ["a", "b", "c", "d", "e", "f"];
        assert_eq!(few(&lines[..5], 5), lines[..5]);
        assert_eq!(few(&lines, 5), ["a", "b", "… 2 more …", "e", "f"]);
        assert_eq!(few(&lines, 4), ["a", "b", "… 3 more …", "f"]);
        assert_eq!(few(&[], 1), Vec::<String>::new());
    }

    /// However much is in it, a report leaves room for the transcript.
    #[test]
    fn a_long_head_is_bounded() {
        let detail = "it differs\n".repeat(100);
        let plan = vec!["a>b #0 drop".to_owned(); 500];
        let head = Head { title: "FAILED\nit".to_owned(), detail: &detail, plan, ..Head::default() };
        let text = head.text(MAX_DETAIL_LINES, MAX_PLAN_LINES);
        assert_eq!(text.lines().count(), 1 + MAX_DETAIL_LINES + MAX_PLAN_LINES + 2, "{text}");
        assert!(text.contains("    … 485 more …\n") && text.starts_with("FAILED it\n"), "{text}");
        let whole = head.whole("transcript\n");
        assert_eq!(whole.lines().count(), 1 + 101 + 500 + 2 + 1);
    }
}
