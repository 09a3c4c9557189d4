//! What a hunt tells at its end, and the files of a failure.

use std::env;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use super::HuntArgs;
use super::run::{Stopped, Tally};
use super::words::shown;
use crate::cli::error::CliError;
use crate::cli::output::{self, one_line, quoted};
use crate::cli::relayed::route_words;
use crate::cli::value::span_text;
use crate::harness::files;
use crate::number::{count, span};
use crate::proxy::{Ended, Found, Hunted, Hunting, RISK};
use crate::transcript::{Head, Recording};

/// How many lines of what the processes have said last are shown.
const MAX_SAID_LINES: usize = 6;

/// What was asked for, and what came of the runs.
pub(super) struct Asked<'a> {
    pub(super) args: &'a HuntArgs,
    pub(super) tally: Tally,
    pub(super) wall: Duration,
    pub(super) interrupted: bool,
}

impl Asked<'_> {
    /// Tells what was found; whether something failed.
    pub(super) fn report(&self, hunting: &Hunting<Stopped>) -> Result<bool, CliError> {
        if hunting.flukes > 0 {
            output::complain(format_args!(
                "note: {} failed whose plans did not fail again: chance, it seems",
                count(hunting.flukes, "run")
            ));
        }
        match &hunting.found {
            Hunted::Held => self.held(hunting.runs),
            Hunted::FailsCalm(ended) => {
                let text =
                    format!("FAILED {}: {} without any fault\n{}", self.command(), why(ended), self.said());
                output::print(&text)?;
                Ok(true)
            }
            Hunted::Failed(found) => self.failed(found, hunting.runs).map(|()| true),
            Hunted::Replayed(fails, runs, ended) => self.replayed(*fails, *runs, ended.as_ref()),
        }
    }

    fn command(&self) -> String {
        one_line(&shown(&self.args.command))
    }

    fn wall(&self) -> String {
        span(self.wall.as_secs_f64())
    }

    /// No run failed. If nothing was tried either, that is worth nothing.
    fn held(&self, runs: u64) -> Result<bool, CliError> {
        let runs = count(runs, "run");
        if self.interrupted {
            output::print(&format!("PASSED so far {}: {runs} ({})\n", self.command(), self.wall()))?;
            return Ok(false);
        }
        let lacks = if self.tally.clients == 0 {
            "nothing arrived at the proxy: have the command talk to {addr}"
        } else {
            "no fault hit anything: ask for more of them"
        };
        let is_vacuous = self.tally.kinds.is_empty();
        let word = if is_vacuous { "VACUOUS" } else { "PASSED" };
        let tail = if is_vacuous { lacks.to_owned() } else { self.tried() };
        output::print(&format!("{word} {}: {runs} ({})\n  {tail}\n", self.command(), self.wall()))?;
        Ok(is_vacuous)
    }

    /// The kinds of fault that hit something, and how often.
    fn tried(&self) -> String {
        let kinds = self.tally.kinds.iter().map(|(kind, times)| format!("{kind} {times}"));
        format!("tried {}", kinds.collect::<Vec<_>>().join(", "))
    }

    fn replayed(&self, fails: u32, runs: u32, ended: Option<&Ended>) -> Result<bool, CliError> {
        let Some(ended) = ended.filter(|_| fails > 0) else {
            output::print(&format!("PASSED {}: fails 0 of {runs} ({})\n", self.command(), self.wall()))?;
            return Ok(false);
        };
        let plan = ended.passed.plan.faults().iter().map(ToString::to_string).collect();
        let found = format!("  fails {fails} of {runs} ({})\n  plan:\n", self.wall());
        self.print(ended, &why(ended), found, plan, &self.replay(&ended.passed.plan.to_string()))?;
        for fault in &ended.passed.unfired {
            output::complain(format_args!("note: {fault} never fired"));
        }
        Ok(true)
    }

    fn failed(&self, found: &Found, runs: u64) -> Result<(), CliError> {
        let (again, of) = found.again;
        let small = if found.is_minimal { "minimal" } else { "smaller" };
        let stopped = if found.is_minimal { "" } else { "; stopped early, so perhaps not minimal" };
        let faults = |n: usize| count(n as u64, "fault");
        let (fails, verified) = found.fails;
        let text = format!(
            "  after {} ({}); the plan of run {} fails {again} of {of}\n  {small}: {}, fails {fails} of {verified}   \
             (from {}, {}, each step at a risk of {}%{stopped})\n",
            count(runs, "run"),
            self.wall(),
            found.run + 1,
            faults(found.plan.len()),
            faults(found.from_faults),
            count(found.shrink_runs, "run"),
            RISK * 100.0,
        );
        let plan: Vec<String> = found.plan.faults().iter().map(ToString::to_string).collect();
        self.print(&found.ended, &found.why, text, plan, &self.replay(&found.plan.to_string()))
    }

    /// Prints the report of a failing run, and writes its files.
    fn print(
        &self,
        ended: &Ended,
        why: &str,
        found: String,
        plan: Vec<String>,
        replay: &str,
    ) -> Result<(), CliError> {
        let said = self.said();
        let detail = if said.is_empty() { "it said nothing".to_owned() } else { said };
        let head = Head {
            title: format!("FAILED {}: {why}", self.command()),
            detail: detail.trim_end(),
            found,
            plan,
            turned: String::new(),
            replay: replay.to_owned(),
        };
        let none = Recording::default();
        let transcript = ended.passed.recording.as_ref().unwrap_or(&none).transcript();
        let text = transcript.to_string();
        let report = head.with_excerpt(&transcript, files::FILES_LINES);
        let mut all = vec![("report.txt", head.whole(&text).into_bytes())];
        all.extend(files::of_run(&ended.passed.plan, (&transcript, &text), &self.command(), replay));
        all.push(("output.txt", self.tally.said.clone().into_bytes()));
        output::print(&(report + &files::write_all(&self.directory(), &all)))?;
        Ok(())
    }

    /// Where the files of a failure are: in the target directory, by the name of the program.
    fn directory(&self) -> PathBuf {
        let program = Path::new(&self.args.command[0]).file_name();
        let program = program.map_or_else(|| "command".into(), |name| name.to_string_lossy());
        let name = files::file_name(&program);
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        let directory = target.join("lossproof").join(format!("hunt.{name}"));
        path::absolute(&directory).unwrap_or(directory)
    }

    /// The last lines that the processes have said.
    fn said(&self) -> String {
        let lines: Vec<&str> = self.tally.said.lines().collect();
        let last = &lines[lines.len().saturating_sub(MAX_SAID_LINES)..];
        last.iter().fold(String::new(), |text, line| text + &one_line(line) + "\n")
    }

    /// The line that runs a plan again.
    fn replay(&self, plan: &str) -> String {
        let args = self.args;
        let mut words = vec![output::program().to_owned(), "hunt".to_owned(), route_words(&args.routes)];
        words.push(format!("--faults {}", quoted(plan)));
        let commands = [("server", &args.server), ("setup", &args.setup), ("teardown", &args.teardown)];
        for (option, command) in commands {
            words.extend(command.as_ref().map(|command| format!("--{option} {}", quoted(&command.shown()))));
        }
        if args.limit != Duration::from_secs(10) {
            words.push(format!("--limit {}", span_text(args.limit)));
        }
        words.push(format!("-- {}", shown(&args.command)));
        words.join(" ")
    }
}

fn why(ended: &Ended) -> String {
    ended.why.clone().unwrap_or_default()
}
