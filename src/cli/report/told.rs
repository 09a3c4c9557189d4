//! What a report tells to those who do not read it.

use std::time::Duration;

use super::super::failed::Broken;
use super::Report;

impl Report {
    /// The same, with how long the runs took by the clock on the wall.
    pub(in super::super) fn timed(self, wall: Duration) -> Self {
        let runs_per_second = Some(rate(self.runs, wall));
        Self { wall_seconds: Some(wall.as_secs_f64()), runs_per_second, ..self }
    }

    /// How many runs there were.
    pub(in super::super) const fn runs(&self) -> u64 {
        self.runs
    }

    /// The violated property or law, if there is one.
    pub(in super::super) const fn failure(&self) -> Option<&Broken> {
        self.failure.as_ref()
    }

    /// The system.
    pub(in super::super) fn system(&self) -> &str {
        &self.asked.system
    }

    /// The system with the words that a test of it is called by: all but those that change from build to build.
    pub(in super::super) fn name(&self) -> String {
        self.asked.title(&[&self.asked.options, &self.asked.network])
    }

    /// How long the runs took by the clock on the wall, in seconds; none if that is left out.
    pub(in super::super) const fn wall_seconds(&self) -> Option<f64> {
        self.wall_seconds
    }

    /// What has held.
    pub(in super::super) fn statements(&self) -> String {
        match self.asked.properties.len() {
            1 => "1 property and the laws".to_owned(),
            several => format!("{several} properties and the laws"),
        }
    }
}

/// How many runs a second that is. A rate beyond 64 bits takes a wall time of zero, and is none.
fn rate(runs: u64, wall: Duration) -> u64 {
    u64::try_from(u128::from(runs) * 1_000_000_000 / wall.as_nanos().max(1)).unwrap_or(0)
}
