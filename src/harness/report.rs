//! What the verdict of a check says.

use std::fmt;

use super::Verdict;
use super::run::REPLAY;
use crate::check::{Failure, Shrunk};
use crate::number::{count, span, thousands};

impl Verdict {
    /// The line that makes the failed run again.
    pub(super) fn replay(&self) -> String {
        let plan = self.failure().map(|failure| failure.plan.to_string()).unwrap_or_default();
        let of = self.name.check.as_ref().map_or_else(String::new, |check| format!("{check}: "));
        // A path is taken whole, so that no test of a longer name is run, too. No character of a plan means anything to a
        // shell between single quotes.
        let test = if self.name.is_path { format!(" -- --exact {}", self.name.test) } else { String::new() };
        format!("{REPLAY}='{of}{plan}' cargo test{test}")
    }

    /// A test to paste beside the first, which makes the run again.
    pub(super) fn test(&self) -> String {
        let Some(Failure { broken, plan, .. }) = self.failure() else { return String::new() };
        let test = self.name.test.rsplit("::").next().unwrap_or_default();
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

    /// How many runs there were, and how they ended.
    fn write_runs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        let (wall, simulated) = (span(self.wall.as_secs_f64()), span(tally.virtual_nanos as f64 / 1e9));
        write!(f, "{} ({wall}, {simulated} simulated)", count(tally.runs, "run"))?;
        let unfinished = tally.ended.iter().filter(|(ended, _)| !ended.is_whole());
        for (ended, runs) in unfinished {
            write!(f, "; {} ended by {ended}", thousands(*runs))?;
        }
        for ((name, why), runs) in &tally.gave_up {
            write!(f, "; {} of '{name}' {why}", thousands(*runs))?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.full();
        let Some(Shrunk { failure, from_faults, from_commands, runs, is_minimal, turn }) = &self.shrunk
        else {
            write!(f, "{} {name}: ", if self.is_vacuous() { "VACUOUS" } else { "PASSED" })?;
            self.write_runs(f)?;
            if self.tally.runs > 0 {
                write!(f, "\n  {}", self.tried)?;
            }
            if self.is_vacuous() {
                write!(f, "\n  nothing failed, but the runs lack\n{}", self.lacking)?;
            }
            return Ok(());
        };
        let Failure { broken, detail, plan, commands, packets, at, transcript, .. } = failure;
        writeln!(f, "FAILED {name}: {broken}")?;
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
        turn.iter().try_for_each(|turn| writeln!(f, "  turned {turn}"))?;
        writeln!(f, "  replay: {}\n", self.replay())?;
        f.write_str(transcript)
    }
}
