//! What a check found, as text and as JSON.

mod queues;
mod told;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use queues::FlowAt;

use super::failed::Broken;
use super::output::program;
use crate::check::{Tally, Tried};
use crate::engine::Ended;
use crate::fault::{FaultKind, FaultPlan};
use crate::number::{count, percent, span, thousands};
use crate::time::Instant;

/// The width that running text is kept to.
const WIDTH: usize = 80;

/// What was to be found out.
#[derive(Serialize)]
pub(super) struct Question {
    /// The system.
    pub(super) system: String,
    /// The words that chose its options.
    pub(super) options: Vec<String>,
    /// The words that chose how the network misbehaves.
    pub(super) network: Vec<String>,
    /// Where the seeds came from.
    pub(super) seed: u64,
    /// Which part of the runs was made, if not all were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<String>,
    /// What was to hold.
    pub(super) properties: Vec<String>,
    /// The laws that were to hold.
    pub(super) laws: Vec<String>,
    #[serde(flatten)]
    pub(super) untried: Untried,
    /// What was asked for and never happened: kinds of fault, and faults of the plan.
    pub(super) never: Vec<String>,
}

/// The kinds of fault that fired in no run, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Untried {
    /// They were to be drawn, or were planned.
    pub(super) in_vain: Vec<String>,
    /// They were not.
    pub(super) not_tried: Vec<String>,
    /// They were not, since the protocol does not claim to withstand them.
    pub(super) ruled_out: Vec<String>,
}

impl Untried {
    pub(super) fn of(tried: &Tried) -> Self {
        let names = |kinds: &[FaultKind]| kinds.iter().map(|kind| kind.name().to_owned()).collect();
        let Tried { in_vain, not_tried, ruled_out, .. } = tried;
        Self { in_vain: names(in_vain), not_tried: names(not_tried), ruled_out: names(ruled_out) }
    }

    /// The same after runs: what has fired was not tried in vain.
    pub(super) fn after(&self, tally: &Tally) -> Self {
        let mut left = self.clone();
        for (kind, _) in tally.fired_kinds() {
            for list in [&mut left.in_vain, &mut left.not_tried, &mut left.ruled_out] {
                list.retain(|name| name != kind.name());
            }
        }
        left
    }
}

impl Question {
    /// The system with the words that follow it.
    fn title(&self, words: &[&[String]]) -> String {
        let words = words.iter().flat_map(|words| words.iter().map(String::as_str));
        std::iter::once(self.system.as_str()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The line that makes a run again.
    pub(super) fn replay(&self, plan: &str) -> String {
        // No character of a plan means anything between single quotes.
        format!("{} sim {} --faults '{plan}'", program(), self.title(&[&self.options]))
    }
}

/// What a check found. Two fields depend on the machine that it ran on, and are empty where the report is to be the same
/// on all: `wall_seconds` and `runs_per_second`.
#[derive(Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    asked: Question,
    held: bool,
    runs: u64,
    /// How many of them came to their end, out of which shares are taken.
    #[serde(skip)]
    ended_runs: u64,
    wall_seconds: Option<f64>,
    runs_per_second: Option<u64>,
    virtual_seconds: f64,
    packets: u64,
    inputs: u64,
    /// How often each kind of fault fired.
    faults: BTreeMap<&'static str, u64>,
    /// Why the runs ended.
    ended: BTreeMap<String, u64>,
    hosts: Vec<HostEnds>,
    /// What flows have met at queues that they share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queues: Vec<FlowAt>,
    /// How many of them were cut off by the bound on inputs: what would have come after it was not tested.
    cut_off: u64,
    /// The histories that could not be judged, each with why, and in how many runs.
    not_judged: Vec<NotJudged>,
    /// In how many runs that was seen which is to be seen sometimes.
    sometimes: Vec<Seen>,
    failure: Option<Broken>,
    example: Option<Example>,
    /// How many runs were asked for, if it was interrupted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupted_of: Option<u64>,
}

/// How the machine of one host ended.
#[derive(Serialize)]
struct HostEnds {
    host: String,
    success: u64,
    failure: u64,
    running: u64,
}

/// Something that is to be seen sometimes.
#[derive(Serialize)]
struct Seen {
    what: String,
    runs: u64,
}

/// A history that could not be judged.
#[derive(Serialize)]
struct NotJudged {
    what: String,
    why: String,
    runs: u64,
}

/// A run to show.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Example {
    run: u64,
    pub(super) faults: u64,
    packets: u64,
    plan: String,
    replay: String,
    transcript: Vec<String>,
}

impl Example {
    /// The run of this number; its replay line is the report's to write.
    pub(super) fn new(run: u64, faults: u64, packets: u64, plan: &FaultPlan, transcript: &str) -> Self {
        let (plan, replay) = (plan.to_string(), String::new());
        Self { run, faults, packets, plan, replay, transcript: lines(transcript) }
    }
}

pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

impl Report {
    /// The report on runs of hosts of these names; with a failure and when it came, if there is one. It tells no time by
    /// the clock on the wall.
    pub(super) fn new(
        asked: Question,
        tally: &Tally,
        names: &[&str],
        example: Option<Example>,
        failure: Option<(Broken, Instant)>,
    ) -> Self {
        let hosts = names.iter().zip(&tally.ends).map(|(name, ends)| HostEnds {
            host: (*name).to_owned(),
            success: ends.successes,
            failure: ends.failures,
            running: ends.running,
        });
        let seen = tally.sometimes.iter().map(|(what, runs)| Seen { what: what.clone(), runs: *runs });
        let not_judged = tally.gave_up.iter().map(|((what, why), runs)| NotJudged {
            what: what.clone(),
            why: why.clone(),
            runs: *runs,
        });
        let failed_at = failure.as_ref().map_or(0.0, |(_, at)| at.since_start().as_secs_f64());
        let failure = failure.map(|(broken, _)| broken);
        let example = example.map(|example| Example { replay: asked.replay(&example.plan), ..example });
        Self {
            asked,
            held: failure.is_none(),
            runs: tally.runs,
            ended_runs: tally.runs,
            wall_seconds: None,
            runs_per_second: None,
            virtual_seconds: tally.virtual_nanos as f64 / 1e9 + failed_at,
            packets: tally.packets,
            inputs: tally.inputs,
            faults: tally.fired_kinds().map(|(kind, times)| (kind.name(), times)).collect(),
            ended: tally.ended.iter().map(|(ended, runs)| (ended_text(*ended), *runs)).collect(),
            hosts: hosts.collect(),
            queues: tally
                .queues
                .iter()
                .map(|((at, from, to), sum)| FlowAt::new(at, (*from, *to), sum, names))
                .collect(),
            cut_off: tally.cut_off(),
            not_judged: not_judged.collect(),
            sometimes: seen.collect(),
            failure,
            example,
            interrupted_of: None,
        }
    }

    /// The same, interrupted before `of` runs were made.
    pub(super) fn interrupted(self, of: u64) -> Self {
        Self { interrupted_of: Some(of), held: false, ..self }
    }

    /// The same of an exhaustive search: of so many runs, and in all schedules or not.
    pub(super) fn exhaustive(self, runs: u64, is_complete: bool) -> Self {
        Self { runs, held: self.held && is_complete, ..self }
    }

    /// The system with all words.
    pub(super) fn title(&self) -> String {
        let seed = if self.asked.seed == 0 { String::new() } else { format!(" --seed {}", self.asked.seed) };
        let shard = self.asked.shard.as_ref().map_or_else(String::new, |shard| format!(" --shard {shard}"));
        format!("{}{seed}{shard}", self.asked.title(&[&self.asked.options, &self.asked.network]))
    }

    pub(super) fn write_runs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, simulated) = (thousands(self.runs), span(self.virtual_seconds));
        let time = match (self.wall_seconds, self.runs_per_second) {
            (Some(wall), Some(rate)) => format!(" in {}, {} a second", span(wall), thousands(rate)),
            _ => String::new(),
        };
        item(f, "runs", &format!("{runs}{time}, {simulated} simulated"))
    }

    pub(super) fn write_sums(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs = count(self.inputs, "input");
        item(f, "packets", &format!("{} sent, {inputs} handled", thousands(self.packets)))?;
        let faults: Vec<String> =
            self.faults.iter().map(|(kind, times)| format!("{kind} {}", thousands(*times))).collect();
        item(f, "faults", &if faults.is_empty() { "none".to_owned() } else { faults.join(", ") })?;
        if !self.asked.never.is_empty() {
            item(f, "never", &format!("{}: asked for, but it never happened", self.asked.never.join(", ")))?;
        }
        let Untried { in_vain, not_tried, ruled_out } = &self.asked.untried;
        // What was asked for by a word is told with it.
        let in_vain = if self.asked.never.is_empty() { in_vain.join(", ") } else { String::new() };
        let why = |kinds: &[String]| match kinds {
            [] => String::new(),
            kinds => format!("{}: the protocol does not claim to withstand it", kinds.join(", ")),
        };
        let lists =
            [("in vain", in_vain), ("not tried", not_tried.join(", ")), ("ruled out", why(ruled_out))];
        for (name, kinds) in lists.iter().filter(|(_, kinds)| !kinds.is_empty()) {
            item(f, name, kinds)?;
        }
        let ended: Vec<String> = self
            .ended
            .iter()
            .map(|(why, runs)| format!("{} {why}", percent(*runs, self.ended_runs)))
            .collect();
        item(f, "ended", &ended.join(", "))?;
        if self.cut_off > 0 {
            let runs = count(self.cut_off, "run");
            item(
                f,
                "cut off",
                &format!("{runs}, by max_inputs: what would have come after it is not tested"),
            )?;
        }
        for NotJudged { what, why, runs } in &self.not_judged {
            item(f, "unjudged", &format!("{what}: {why} ({})", count(*runs, "run")))?;
        }
        self.queues.iter().try_for_each(|flow| flow.write(f))?;
        for HostEnds { host, success, failure, running } in &self.hosts {
            let ways = [(success, "success"), (failure, "failure"), (running, "running")];
            let ways = ways.into_iter().filter(|(runs, _)| **runs > 0);
            let ways: Vec<String> =
                ways.map(|(runs, how)| format!("{} {how}", percent(*runs, self.ended_runs))).collect();
            item(f, host, &ways.join(", "))?;
        }
        Ok(())
    }

    fn write_held(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interrupted_of {
            None => writeln!(f, "PASSED {}: {}", self.title(), self.statements())?,
            Some(of) => writeln!(
                f,
                "UNFINISHED {}: interrupted after {} of {}, which passed",
                self.title(),
                thousands(self.runs),
                count(of, "run")
            )?,
        }
        self.write_runs(f)?;
        self.write_sums(f)?;
        self.write_statements(f)?;
        self.write_seen(f)?;
        let Some(example) = &self.example else { return Ok(()) };
        let (run, faults) = (thousands(example.run), count(example.faults, "fault"));
        writeln!(f, "\nrun {run}, for example: {faults}, {}", count(example.packets, "packet"))?;
        writeln!(f, "  replay: {}\n", example.replay)?;
        example.transcript.iter().try_for_each(|line| writeln!(f, "{line}"))
    }

    pub(super) fn write_statements(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nin every run:")?;
        for property in &self.asked.properties {
            writeln!(f, "  {property}")?;
        }
        wrapped(f, &format!("the laws: {}", self.asked.laws.join("; ")))
    }

    pub(super) fn write_seen(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sometimes.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nin some runs:")?;
        for Seen { what, runs } in &self.sometimes {
            match runs {
                0 => writeln!(f, "  never seen: {what}")?,
                _ => writeln!(f, "  {what} ({})", percent(*runs, self.ended_runs))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            None => self.write_held(f),
            Some(failure) => {
                let asked = self.asked.title(&[&self.asked.options]);
                f.write_str(&failure.text(&asked, self.runs, (self.wall_seconds, self.virtual_seconds)))
            }
        }
    }
}

pub(super) fn item(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {name:<8} {text}")
}

/// Running text, indented, broken at blanks.
fn wrapped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut line = String::from(" ");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{line}")?;
            line = String::from("   ");
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(f, "{line}")
}

/// Why runs ended.
fn ended_text(ended: Ended) -> String {
    match ended {
        Ended::Quiet => "nothing left to happen".to_owned(),
        Ended::TimeLimit => "time limit".to_owned(),
        Ended::InputLimit => "input limit".to_owned(),
        Ended::Deadlock => "deadlock".to_owned(),
        Ended::Stopped => "stopped".to_owned(),
        // A run that failed is in no sum.
        other => other.to_string(),
    }
}
