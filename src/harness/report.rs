//! What a check that failed says.

use std::fmt;

use super::REPLAY;
use crate::check::{Failure, Shrunk, Tally};

/// A failure of a check, to be shown.
pub(super) struct Report<'a> {
    /// The test's name.
    pub(super) name: &'a str,
    /// What the runs came to.
    pub(super) tally: &'a Tally,
    /// The failure, made small.
    pub(super) shrunk: &'a Shrunk,
}

impl Report<'_> {
    /// The line that makes the run again.
    pub(super) fn replay(&self) -> String {
        // The last part of a path is what a filter of `cargo test` takes in any module. No character of a plan means
        // anything to a shell between single quotes.
        let test = self.name.rsplit("::").next().unwrap_or(self.name);
        format!("{REPLAY}='{}' cargo test {test}", self.shrunk.failure.plan)
    }

    /// A test to paste, which makes the run again.
    pub(super) fn test(&self) -> String {
        let Failure { broken, plan, .. } = &self.shrunk.failure;
        let test = self.name.rsplit("::").next().unwrap_or(self.name);
        format!(
            "/// Once broken: {broken}.\n\
             #[test]\n\
             fn {test}_again() {{\n\
             \x20   // The scenario and the properties are those of {name}.\n\
             \x20   let plan: lossproof::fault::FaultPlan = {text:?}.parse().unwrap();\n\
             \x20   lossproof::harness::Check::new({again:?}, &scenario, &properties).plan(plan).runs(1).assert();\n\
             }}\n",
            name = self.name,
            text = plan.to_string(),
            again = format!("{test}_again"),
        )
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shrunk { failure, from_faults, from_commands, runs, is_minimal } = self.shrunk;
        let Failure { broken, detail, plan, commands, packets, transcript, .. } = failure;
        writeln!(f, "FAILED {}: {broken}", self.name)?;
        writeln!(f, "  {detail}")?;
        writeln!(f, "  after {}", count(self.tally.runs, "run"))?;
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
            writeln!(
                f,
                "  smaller: {faults}, {packets}   (from {from}; stopped after {runs}, so not minimal)"
            )?;
        }
        plan.faults().iter().try_for_each(|fault| writeln!(f, "    {fault}"))?;
        commands.iter().try_for_each(|command| writeln!(f, "    {command}"))?;
        writeln!(f, "  replay: {}\n", self.replay())?;
        f.write_str(transcript)
    }
}

/// So many of something.
pub(super) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
