//! What the verdict of a check says.

use std::fmt;
use std::panic::Location;

use super::Verdict;
use super::annotate::{self, Level};
use super::files::FILES_LINES;
use super::run::REPLAY;
use crate::check::{Failure, Shrunk};
use crate::fault::FaultKind;
use crate::number::{count, span, thousands};
use crate::transcript::Head;

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

    /// The line that has GitHub show the report at this place, up to the transcript.
    pub(super) fn annotation(&self, place: &Location<'_>) -> String {
        let report = self.to_string();
        let head = report.split("\n\n").next().unwrap_or_default();
        annotate::line(Level::Error, Some((place.file(), place.line())), &self.name.full(), head)
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

    /// Which part of the runs was made, if not all were.
    fn of_shard(&self) -> String {
        self.shard.map_or_else(String::new, |shard| format!(" of shard {shard}"))
    }

    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.notes.iter().try_for_each(|note| write!(f, "\n  note: {note}"))
    }

    /// How many runs there were, and how they ended.
    fn write_runs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        let (wall, simulated) = (span(self.wall.as_secs_f64()), span(tally.virtual_nanos as f64 / 1e9));
        let shard = self.of_shard();
        write!(f, "{}{shard} ({wall}, {simulated} simulated)", count(tally.runs, "run"))?;
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

impl Verdict {
    /// How to say that a protocol does not claim to withstand what nobody has asked for: hosts and clocks that fail.
    fn hint(&self) -> String {
        const ASSUMED: [FaultKind; 7] = [
            FaultKind::Crash,
            FaultKind::Poweroff,
            FaultKind::Restart,
            FaultKind::Skew,
            FaultKind::Drift,
            FaultKind::Rebind,
            FaultKind::Reboot,
        ];
        let plan = self.failure().map_or(&[][..], |failure| failure.plan.faults());
        let kinds = ASSUMED.iter().filter(|kind| plan.iter().any(|fault| fault.kind() == **kind));
        let kinds: Vec<String> = kinds.map(|kind| format!("FaultKind::{kind:?}")).collect();
        if kinds.is_empty() || !self.is_swarm {
            return String::new();
        }
        format!("  not claimed? net.rules_out([{}]) leaves that out\n", kinds.join(", "))
    }

    /// What the report says above the transcript, if something failed.
    fn head(&self) -> Option<Head<'_>> {
        let Shrunk { failure, from_faults, from_commands, runs, is_minimal, turn } = self.shrunk.as_ref()?;
        let Failure { broken, detail, plan, commands, packets, at, .. } = failure;
        let simulated = self.tally.virtual_nanos as f64 / 1e9 + at.since_start().as_secs_f64();
        let (wall, simulated) = (span(self.wall.as_secs_f64()), span(simulated));
        let items = |faults: usize, commands: usize| {
            let faults = count(faults as u64, "fault");
            match from_commands {
                0 => faults,
                _ => format!("{faults}, {}", count(commands as u64, "command")),
            }
        };
        let (faults, packets) = (items(plan.len(), commands.len()), count(*packets, "packet"));
        let (from, shrink_runs) = (items(*from_faults, *from_commands), count(*runs, "shrink run"));
        let (name, limit) = (self.name.full(), &self.limit);
        let tried = count(self.tally.runs, "run") + &self.of_shard();
        let small = if *is_minimal {
            format!("minimal: {faults}, {packets}   (from {from}, {shrink_runs})")
        } else {
            format!(
                "smaller: {faults}, {packets}   (from {from}; perhaps not minimal: after {shrink_runs} {limit})"
            )
        };
        Some(Head {
            title: format!("FAILED {name}: {broken}"),
            detail,
            found: format!("  after {tried} ({wall}, {simulated} simulated)\n  {small}\n"),
            plan: plan.faults().iter().map(ToString::to_string).chain(commands.iter().cloned()).collect(),
            turned: turn.as_ref().map_or_else(String::new, |turn| format!("  turned {turn}\n"))
                + &self.hint(),
            replay: self.replay(),
        })
    }

    /// The report with the whole transcript, of which `Display` has an excerpt.
    pub(super) fn whole(&self) -> String {
        match (self.head(), self.failure()) {
            (Some(head), Some(failure)) => head.whole(&failure.transcript),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(head), Some(failure)) = (self.head(), self.failure()) {
            let others = FILES_LINES + self.notes.len();
            f.write_str(&head.with_excerpt(&failure.recording.transcript(), others))?;
            return self.write_notes(f);
        }
        let name = self.name.full();
        write!(f, "{} {name}: ", if self.is_vacuous() { "VACUOUS" } else { "PASSED" })?;
        self.write_runs(f)?;
        if self.tally.runs > 0 {
            write!(f, "\n  {}", self.tried)?;
        }
        if self.is_vacuous() {
            write!(f, "\n  nothing failed, but the runs lack\n{}", self.lacking)?;
        }
        if !self.untold.is_empty() {
            let untold = self.untold.trim_end();
            write!(f, "\n  not in this shard, so it is left to the others\n{untold}")?;
        }
        self.write_notes(f)
    }
}
