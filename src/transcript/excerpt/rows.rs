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
