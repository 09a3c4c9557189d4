//! A sweep as a table and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::part::{Part, Question, SHARE};
use crate::escaped::{json as json_of, plain};
use crate::number::thousands;

/// What the runs at one loss come to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row<'a> {
    system: &'a str,
    options: &'a [String],
    network: &'a [String],
    seed: u64,
    /// From 0 to 1, as all shares.
    pub(super) loss: f64,
    #[serde(skip)]
    loss_text: &'a str,
    runs: u64,
    answered: u64,
    /// In how many runs the client ended with a failure.
    gave_up: u64,
    /// In how many it did not end.
    unfinished: u64,
    /// How many datagrams and segments of data all hosts sent.
    sends: u64,
    /// The share of runs in which the client succeeded.
    pub(super) success: f64,
    /// The standard error of that share.
    pub(super) standard_error: f64,
    /// The share by the closed form.
    pub(super) expected: Option<f64>,
    /// How many standard errors of the closed form lie between the two.
    off: Option<f64>,
    /// How long the client took in half of the runs in which it succeeded, at most.
    pub(super) p50_ms: Option<u64>,
    /// The same in 99 of 100.
    pub(super) p99_ms: Option<u64>,
    sends_per_run: Option<f64>,
    pub(super) sends_per_answer: Option<f64>,
}

/// A part of a whole, if there is one.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The standard error of a share, measured in so many runs.
fn standard_error(share: f64, runs: u64) -> f64 {
    (share * (1.0 - share) / runs.max(1) as f64).sqrt()
}

impl<'a> Row<'a> {
    /// The share of runs in which the client ended with a failure.
    pub(super) fn give_ups(&self) -> Option<f64> {
        share(self.gave_up, self.runs)
    }

    /// All rows of a sweep.
    pub(super) fn all(part: &'a Part) -> Vec<Self> {
        let sweep = &part.sweep;
        let expected = |place: usize| {
            let shares = sweep.expected.as_ref()?;
            shares.get(place).map(|&share| share as f64 / SHARE as f64)
        };
        let rows = sweep.losses.iter().zip(&part.points).enumerate().map(|(place, (loss_text, counts))| {
            let success = share(counts.successes, counts.runs).unwrap_or(0.0);
            let expected = expected(place);
            let off = expected.map(|expected| match standard_error(expected, counts.runs) {
                // What must come out, came out.
                _ if success.to_bits() == expected.to_bits() => 0.0,
                error => (success - expected) / error.max(f64::MIN_POSITIVE),
            });
            Row {
                system: &sweep.system,
                options: &sweep.options,
                network: &sweep.network,
                seed: sweep.seed,
                loss: loss_text.parse().map_or(0.0, crate::fault::Chance::as_f64),
                loss_text,
                runs: counts.runs,
                answered: counts.successes,
                gave_up: counts.failures,
                unfinished: counts.runs - counts.successes - counts.failures,
                sends: counts.packets,
                success,
                standard_error: standard_error(success, counts.runs),
                expected,
                off,
                p50_ms: counts.percentile(50),
                p99_ms: counts.percentile(99),
                sends_per_run: share(counts.packets, counts.runs),
                sends_per_answer: share(counts.packets, counts.successes),
            }
        });
        // Where none was made there is nothing to tell.
        rows.filter(|row| row.runs > 0).collect()
    }
}

/// One object a line.
pub(super) fn json(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&json_of(row));
        text.push('\n');
    }
    text
}

/// The system with the words that chose the sweep.
pub(super) fn title(sweep: &Question) -> String {
    let mut words = vec![sweep.system.clone()];
    words.extend(sweep.options.iter().chain(&sweep.network).cloned());
    words.push(format!("--seed {}", sweep.seed));
    // What a part of somebody else says was never an argument here.
    plain(&words.join(" ")).into_owned()
}

/// What the columns are.
const LEGEND: &str = "\
success: the share of runs in which the client succeeded, in percent, with its
standard error; expect: the closed form, and by how many standard errors it is
off; p50, p99: ms to success; sends: datagrams and segments a run, of all hosts
";

/// For people: not wider than 80 columns, as long as the numbers are not too long.
pub(super) fn text(sweep: &Question, rows: &[Row<'_>]) -> String {
    let mut text = format!("SWEEP {}\n\n", title(sweep));
    text.push_str(" loss        runs  success    s.e.   expect   off   p50   p99  sends     gave up\n");
    let number = |value: Option<f64>, digits: usize| value.map(|value| format!("{value:.digits$}"));
    let cell = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for row in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>5} {:>11} {:>8.4} {:>7.4} {:>8} {:>5} {:>5} {:>5} {:>6} {:>11}",
            row.loss_text,
            thousands(row.runs),
            row.success * 100.0,
            row.standard_error * 100.0,
            cell(number(row.expected.map(|share| share * 100.0), 4)),
            cell(row.off.map(|off| format!("{off:+.1}"))),
            cell(row.p50_ms.map(|ms| ms.to_string())),
            cell(row.p99_ms.map(|ms| ms.to_string())),
            cell(number(row.sends_per_run, 2)),
            thousands(row.gave_up),
        );
    }
    let unfinished: u64 = rows.iter().map(|row| row.unfinished).sum();
    if unfinished > 0 {
        let _ = writeln!(text, "\nin {} runs the client did not end", thousands(unfinished));
    }
    text.push('\n');
    text.push_str(LEGEND);
    text
}
