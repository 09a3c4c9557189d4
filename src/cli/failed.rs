//! The run of a check that failed.

use serde::Serialize;

use super::output::one_line;
use super::report::{Question, lines};
use crate::check::{Failure, Shrunk};
use crate::number::{count, span};
use crate::transcript::{Head, Recording};

/// A run that failed.
#[derive(Serialize)]
pub(super) struct Broken {
    run: u64,
    /// The property or the law that did not hold.
    what: String,
    detail: String,
    virtual_seconds: f64,
    packets: u64,
    /// How many faults the run had in which it was found.
    from_faults: usize,
    /// How many runs it took to make it small.
    shrink_runs: u64,
    /// Whether without any one of its faults it does not come.
    minimal: bool,
    faults: Vec<String>,
    plan: String,
    replay: String,
    transcript: Vec<String>,
    /// What the text has an excerpt of.
    #[serde(skip)]
    recording: Recording,
}

impl Broken {
    pub(super) fn new(shrunk: &Shrunk, asked: &Question) -> Self {
        let Failure { run, broken, detail, plan, packets, at, transcript, recording, .. } = &shrunk.failure;
        Self {
            run: *run,
            what: broken.clone(),
            detail: one_line(detail),
            virtual_seconds: at.since_start().as_secs_f64(),
            packets: *packets,
            from_faults: shrunk.from_faults,
            shrink_runs: shrunk.runs,
            minimal: shrunk.is_minimal,
            faults: plan.faults().iter().map(ToString::to_string).collect(),
            plan: plan.to_string(),
            replay: asked.replay(&plan.to_string()),
            transcript: lines(transcript),
            recording: recording.clone(),
        }
    }

    /// The report: on a system, after so many runs, in so many seconds by the clock on the wall and simulated.
    pub(super) fn text(&self, asked: &str, runs: u64, [wall, simulated]: [f64; 2]) -> String {
        let (wall, simulated, tried) = (span(wall), span(simulated), count(runs, "run"));
        let (faults, packets) = (count(self.faults.len() as u64, "fault"), count(self.packets, "packet"));
        let (from, shrink_runs) =
            (count(self.from_faults as u64, "fault"), count(self.shrink_runs, "shrink run"));
        let small = if self.minimal {
            format!("minimal: {faults}, {packets}   (from {from}, {shrink_runs})")
        } else {
            format!(
                "smaller: {faults}, {packets}   (from {from}; stopped after {shrink_runs}, so not minimal)"
            )
        };
        let head = Head {
            title: format!("FAILED {asked}: {}", self.what),
            detail: &self.detail,
            found: format!("  after {tried} ({wall}, {simulated} simulated)\n  {small}\n"),
            plan: self.faults.clone(),
            replay: self.replay.clone(),
        };
        head.with_excerpt(&self.recording.transcript(), 0)
    }
}
