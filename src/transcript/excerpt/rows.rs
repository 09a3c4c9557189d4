//! The same excerpt for pictures, which fold what it leaves out.

use std::ops::Range;

use super::lines::Lines;
use super::pieces::{Fold, Piece};
use super::{MAX_REPORT_LINES, chosen};
use crate::transcript::Transcript;
use crate::transcript::story::Story;

/// Rows that a picture folds until somebody asks for them.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::transcript) struct RowFold {
    /// At least two.
    pub(in crate::transcript) rows: Range<usize>,
    /// How many they are, and which.
    pub(in crate::transcript) text: String,
}

/// The rows that are folded as the report of a failure folds the lines of its run, in order. None, if all rows fit into
/// [`MAX_REPORT_LINES`]. The row where the run was lost is never folded.
pub(in crate::transcript) fn row_folds(transcript: &Transcript<'_>, story: &Story<'_>) -> Vec<RowFold> {
    if story.rows.len() <= MAX_REPORT_LINES {
        return Vec::new();
    }
    let lines = Lines::new(transcript);
    let line_of = |row: usize| lines.of_record[story.rows[row].record];
    let row_at = |line: usize| story.rows.partition_point(|row| lines.of_record[row.record] < line);
    let folded = |fold: Fold| {
        let rows = row_at(fold.lines.start)..row_at(fold.lines.end);
        let turned = rows.clone().find(|row| story.rows[*row].turned).unwrap_or(rows.end);
        let parts = [rows.start..turned, (turned + 1).min(rows.end)..rows.end];
        let part = |rows: Range<usize>| {
            let last = rows.end.checked_sub(1).filter(|last| *last > rows.start)?;
            let lines = &lines.all[line_of(rows.start)..=line_of(last)];
            Some(RowFold { text: fold.text(lines, rows.len(), "steps"), rows })
        };
        parts.into_iter().filter_map(part).collect::<Vec<_>>()
    };
    let folds = chosen(transcript, &lines, MAX_REPORT_LINES).into_iter().filter_map(|piece| match piece {
        Piece::Fold(fold) => Some(folded(fold)),
        Piece::Line(_) => None,
    });
    folds.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostId;
    use crate::time::Instant;
    use crate::transcript::{Curve, Log, What};

    /// What is folded of so many rows that are alike, one every millisecond.
    fn folds(count: u64, turned: Option<usize>) -> Vec<RowFold> {
        let mut log = Log::default();
        for at in 0..count {
            log.push(Instant::from_millis(at), HostId(0), What::Save(7));
        }
        let events: Vec<Vec<String>> = Vec::new();
        let curve = Curve { turned, ..Curve::default() };
        let transcript =
            Transcript { curve: Some(&curve), ..Transcript::new(vec!["a"], &log, &events, None) };
        row_folds(&transcript, &Story::new(&transcript))
    }

    fn fold(rows: Range<usize>, text: &str) -> RowFold {
        RowFold { rows, text: text.to_owned() }
    }

    #[test]
    fn a_run_is_folded_from_one_row_beyond_the_bound_on() {
        assert_eq!(folds(MAX_REPORT_LINES as u64, None), []);
        let text = "… 60 steps like this one, every 0.001 s, until 0.060 …";
        assert_eq!(folds(MAX_REPORT_LINES as u64 + 1, None), [fold(1..61, text)]);
    }

    #[test]
    fn the_row_where_the_run_was_lost_is_shown() {
        let texts = [
            "… 29 steps like this one, every 0.001 s, until 0.029 …",
            "… 30 steps like this one, every 0.001 s, until 0.060 …",
        ];
        assert_eq!(folds(61, Some(30)), [fold(1..30, texts[0]), fold(31..61, texts[1])]);
        assert_eq!(
            folds(61, Some(60)),
            [fold(1..60, "… 59 steps like this one, every 0.001 s, until 0.059 …")]
        );
        assert_eq!(folds(61, Some(59)).len(), 1, "one row alone is not folded");
    }
}
