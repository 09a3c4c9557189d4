//! The run of a check that failed.

use serde::{Deserialize, Serialize};

use super::output::one_line;
use super::report::{Question, lines};
use crate::check::{Failure, Shrunk};
use crate::number::{count, span};
use crate::transcript::Head;

/// A run that failed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Broken {
    pub(super) run: u64,
    /// The property or the law that did not hold.
    pub(super) what: String,
    pub(super) detail: String,
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
    /// What the text shows of the transcript.
    #[serde(skip)]
    excerpt: String,
}

impl Broken {
    /// The failure as it was made small; the line that makes it again is for a system with these options.
    pub(super) fn new(shrunk: &Shrunk, asked: &Question) -> Self {
        let Failure { run, broken: what, detail, plan, packets, at, transcript, recording, .. } =
            &shrunk.failure;
        let broken = Self {
            run: *run,
            what: what.clone(),
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
            excerpt: String::new(),
        };
        // Its lines are as many as those of the report, whatever numbers are in it.
        let excerpt = broken.head("", "\n\n".to_owned()).excerpt(&recording.transcript(), 0);
        broken.with_excerpt(excerpt)
    }

    /// The same with this excerpt of the transcript, which [`Broken::excerpt`] has told once.
    pub(super) fn with_excerpt(self, excerpt: String) -> Self {
        Self { excerpt, ..self }
    }

    /// The excerpt of the transcript that the text has.
    pub(super) fn excerpt(&self) -> &str {
        &self.excerpt
    }

    /// The report: on a system, after so many runs, in so many seconds by the clock on the wall, if that is told, and
    /// simulated.
    pub(super) fn text(&self, asked: &str, runs: u64, (wall, simulated): (Option<f64>, f64)) -> String {
        let (simulated, tried) = (span(simulated), count(runs, "run"));
        let wall = wall.map_or_else(String::new, |wall| format!("{}, ", span(wall)));
        let found = format!("  after {tried} ({wall}{simulated} simulated)\n  {}\n", self.small());
        self.head(asked, found).above(&self.excerpt)
    }

    /// How small the failure was made.
    fn small(&self) -> String {
        let (faults, packets) = (count(self.faults.len() as u64, "fault"), count(self.packets, "packet"));
        let (from, shrink_runs) =
            (count(self.from_faults as u64, "fault"), count(self.shrink_runs, "shrink run"));
        if self.minimal {
            format!("minimal: {faults}, {packets}   (from {from}, {shrink_runs})")
        } else {
            format!(
                "smaller: {faults}, {packets}   (from {from}; stopped after {shrink_runs}, so not minimal)"
            )
        }
    }

    /// What stands above the transcript.
    fn head(&self, asked: &str, found: String) -> Head<'_> {
        Head {
            title: format!("FAILED {asked}: {}", self.what),
            detail: &self.detail,
            found,
            plan: self.faults.clone(),
            replay: self.replay.clone(),
        }
    }
}
