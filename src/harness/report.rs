//! What a check that failed says.

use std::fmt;
use std::time::Duration;

use super::REPLAY;
use crate::check::{Failure, Shrunk, Tally};
use crate::number::{count, span};

/// A failure of a check, to be shown.
pub(super) struct Report<'a> {
    /// The test's name.
    pub(super) name: &'a str,
    /// What the runs came to.
    pub(super) tally: &'a Tally,
    /// How long they took, by the clock on the wall.
    pub(super) wall: Duration,
    /// The failure, made small.
    pub(super) shrunk: &'a Shrunk,
    /// What ended that, if it was not done.
    pub(super) limit: String,
}

impl Report<'_> {
    /// The line that makes the run again.
    pub(super) fn replay(&self) -> String {
        // The last part of a path is what a filter of `cargo test` takes in any module. No character of a plan means
        // anything to a shell between single quotes.
        let test = self.name.rsplit("::").next().unwrap_or(self.name);
        format!("{REPLAY}='{}' cargo test {test}", self.shrunk.failure.plan)
    }

    /// A test to paste beside the first, which makes the run again.
    pub(super) fn test(&self) -> String {
        let Failure { broken, plan, .. } = &self.shrunk.failure;
        let test = self.name.rsplit("::").next().unwrap_or(self.name);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let test: String = test.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        format!(
            "/// Once broken: {broken}.\n\
             #[test]\n\
             fn {test}_again() {{\n\
             \x20   lossproof::harness::replay({plan:?}, {test});\n\
             }}\n",
            broken = broken.replace('\n', " "),
            plan = plan.to_string(),
        )
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shrunk { failure, from_faults, from_commands, runs, is_minimal } = self.shrunk;
        let Failure { broken, detail, plan, commands, packets, at, transcript, .. } = failure;
        writeln!(f, "FAILED {}: {broken}", self.name)?;
        writeln!(f, "  {detail}")?;
        let simulated = self.tally.virtual_nanos as f64 / 1e9 + at.since_start().as_secs_f64();
        let (wall, simulated) = (span(self.wall.as_secs_f64()), span(simulated));
        writeln!(f, "  after {} ({wall}, {simulated} simulated)", count(self.tally.runs, "run"))?;
        let items = |faults: usize, commands: usize| {
            let faults = count(faults as u64, "fault");
            match from_commands {
                0 => faults,
                _ => format!("{faults}, {}", count(commands as u64, "command")),
            }
        };
        let (faults, packets) = (items(plan.len(), commands.len()), count(*packets, "packet"));
        let (from, runs) = (items(*from_faults, *from_commands), count(*runs, "shrink run"));
        if *is_minimal {
            writeln!(f, "  minimal: {faults}, {packets}   (from {from}, {runs})")?;
        } else {
            let limit = &self.limit;
            writeln!(
                f,
                "  smaller: {faults}, {packets}   (from {from}; perhaps not minimal: after {runs} {limit})"
            )?;
        }
        plan.faults().iter().try_for_each(|fault| writeln!(f, "    {fault}"))?;
        commands.iter().try_for_each(|command| writeln!(f, "    {command}"))?;
        writeln!(f, "  replay: {}\n", self.replay())?;
        f.write_str(transcript)
    }
}
