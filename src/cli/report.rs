//! What a check found, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::output::{one_line, program};
use super::turn::Lost;
use crate::check::{Failure, Shrunk, Tally, Tried};
use crate::engine::Ended;
use crate::fault::{FaultKind, FaultPlan};
use crate::number::{count, percent, span, thousands};

/// The width that running text is kept to.
const WIDTH: usize = 80;

/// What was to be found out.
#[derive(Serialize)]
pub(super) struct Question {
    /// The system.
    pub(super) system: &'static str,
    /// The words that chose its options.
    pub(super) options: Vec<String>,
    /// The words that chose how the network misbehaves.
    pub(super) network: Vec<String>,
    /// Where the seeds came from.
    pub(super) seed: u64,
    /// What was to hold.
    pub(super) properties: Vec<String>,
    /// The laws that were to hold.
    pub(super) laws: Vec<String>,
    /// Which kinds of fault fired and how often, and which were tried in vain or not at all.
    #[serde(flatten, serialize_with = "untried")]
    pub(super) tried: Tried,
    /// What was asked for and never happened: kinds of fault, and faults of the plan.
    pub(super) never: Vec<String>,
}

/// The kinds of fault that fired in no run; how often the others did stands by itself.
fn untried<S: Serializer>(tried: &Tried, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(3))?;
    let lists =
        [("in_vain", &tried.in_vain), ("not_tried", &tried.not_tried), ("ruled_out", &tried.ruled_out)];
    for (name, kinds) in lists {
        map.serialize_entry(name, &kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())?;
    }
    map.end()
}

impl Question {
    /// The system with the words that follow it.
    fn title(&self, words: &[&[String]]) -> String {
        let words = words.iter().flat_map(|words| words.iter().map(String::as_str));
        std::iter::once(self.system).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The line that makes a run again.
    fn replay(&self, plan: &str) -> String {
        // No character of a plan means anything between single quotes.
        format!("{} sim {} --faults '{plan}'", program(), self.title(&[&self.options]))
    }
}

/// What a check found. Two fields depend on the machine that it ran on: `wall_seconds` and `runs_per_second`.
#[derive(Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    asked: Question,
    held: bool,
    runs: u64,
    /// How many of them came to their end, out of which shares are taken.
    #[serde(skip)]
    ended_runs: u64,
    wall_seconds: f64,
    runs_per_second: u64,
    virtual_seconds: f64,
    packets: u64,
    inputs: u64,
    /// How often each kind of fault fired.
    faults: BTreeMap<&'static str, u64>,
    /// Why the runs ended.
    ended: BTreeMap<String, u64>,
    hosts: Vec<HostEnds>,
    /// How many of them were cut off by the bound on inputs: what would have come after it was not tested.
    cut_off: u64,
    /// The histories that could not be judged, each with why, and in how many runs.
    not_judged: Vec<NotJudged>,
    /// In how many runs that was seen which is to be seen sometimes.
    sometimes: Vec<Seen>,
    failure: Option<Broken>,
    example: Option<Example>,
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
#[derive(Serialize)]
pub(super) struct Example {
    run: u64,
    faults: u64,
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

/// A run that failed.
#[derive(Serialize)]
struct Broken {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<Lost>,
    transcript: Vec<String>,
}

impl Broken {
    fn new(shrunk: &Shrunk, asked: &Question) -> Self {
        let Failure { run, broken, detail, plan, packets, at, transcript, .. } = &shrunk.failure;
        Self {
            run: *run,
            what: broken.clone(),
            detail: one_line(detail),
            virtual_seconds: at.since_start().as_secs_f64(),
            packets: *packets,
            from_faults: shrunk.from_faults,
            shrink_runs: shrunk.runs,
            minimal: shrunk.is_minimal,
            faults: fault_lines(plan),
            plan: plan.to_string(),
            replay: asked.replay(&plan.to_string()),
            turn: shrunk.turn.as_ref().map(Lost::new),
            transcript: lines(transcript),
        }
    }
}

fn fault_lines(plan: &FaultPlan) -> Vec<String> {
    plan.faults().iter().map(ToString::to_string).collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

impl Report {
    /// The report on runs of hosts of these names.
    pub(super) fn new(
        asked: Question,
        tally: &Tally,
        names: &[&str],
        wall: Duration,
        example: Option<Example>,
        failure: Option<&Shrunk>,
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
        let failed_at = tally.failure.as_ref().map_or(0.0, |failure| failure.at.since_start().as_secs_f64());
        let failure = failure.map(|shrunk| Broken::new(shrunk, &asked));
        let example = example.map(|example| Example { replay: asked.replay(&example.plan), ..example });
        Self {
            asked,
            held: failure.is_none(),
            runs: tally.runs,
            ended_runs: tally.runs,
            wall_seconds: wall.as_secs_f64(),
            runs_per_second: rate(tally.runs, wall),
            virtual_seconds: tally.virtual_nanos as f64 / 1e9 + failed_at,
            packets: tally.packets,
            inputs: tally.inputs,
            faults: tally.fired_kinds().map(|(kind, times)| (kind.name(), times)).collect(),
            ended: tally.ended.iter().map(|(ended, runs)| (ended_text(*ended), *runs)).collect(),
            hosts: hosts.collect(),
            cut_off: tally.cut_off(),
            not_judged: not_judged.collect(),
            sometimes: seen.collect(),
            failure,
            example,
        }
    }

    /// The same of an exhaustive search: of so many runs, and in all schedules or not.
    pub(super) fn exhaustive(self, runs: u64, is_complete: bool) -> Self {
        let wall = Duration::try_from_secs_f64(self.wall_seconds).unwrap_or_default();
        Self { runs, runs_per_second: rate(runs, wall), held: self.held && is_complete, ..self }
    }

    /// The system with all words.
    pub(super) fn title(&self) -> String {
        let seed = if self.asked.seed == 0 { String::new() } else { format!(" --seed {}", self.asked.seed) };
        format!("{}{seed}", self.asked.title(&[&self.asked.options, &self.asked.network]))
    }

    /// How many runs there were.
    pub(super) const fn runs(&self) -> u64 {
        self.runs
    }

    /// Whether something does not hold.
    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// What has held.
    pub(super) fn statements(&self) -> String {
        match self.asked.properties.len() {
            1 => "1 property and the laws".to_owned(),
            several => format!("{several} properties and the laws"),
        }
    }

    pub(super) fn write_runs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = thousands(self.runs_per_second);
        let (wall, simulated) = (span(self.wall_seconds), span(self.virtual_seconds));
        let time = format!("{} in {wall}, {rate} a second, {simulated} simulated", thousands(self.runs));
        item(f, "runs", &time)
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
        let names = |kinds: &[FaultKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
        let Tried { in_vain, not_tried, ruled_out, .. } = &self.asked.tried;
        // What was asked for by a word is told with it.
        if !in_vain.is_empty() && self.asked.never.is_empty() {
            item(f, "in vain", &names(in_vain))?;
        }
        if !not_tried.is_empty() {
            item(f, "not tried", &names(not_tried))?;
        }
        if !ruled_out.is_empty() {
            item(
                f,
                "ruled out",
                &format!("{}: the protocol does not claim to withstand it", names(ruled_out)),
            )?;
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
        writeln!(f, "PASSED {}: {}", self.title(), self.statements())?;
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

    fn write_failed(&self, failure: &Broken, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "FAILED {}: {}", self.asked.title(&[&self.asked.options]), failure.what)?;
        writeln!(f, "  {}", failure.detail)?;
        let (wall, simulated) = (span(self.wall_seconds), span(self.virtual_seconds));
        writeln!(f, "  after {} ({wall}, {simulated} simulated)", count(self.runs, "run"))?;
        let (faults, packets) =
            (count(failure.faults.len() as u64, "fault"), count(failure.packets, "packet"));
        let (from, runs) =
            (count(failure.from_faults as u64, "fault"), count(failure.shrink_runs, "shrink run"));
        if failure.minimal {
            writeln!(f, "  minimal: {faults}, {packets}   (from {from}, {runs})")?;
        } else {
            writeln!(
                f,
                "  smaller: {faults}, {packets}   (from {from}; stopped after {runs}, so not minimal)"
            )?;
        }
        failure.faults.iter().try_for_each(|fault| writeln!(f, "    {fault}"))?;
        failure.turn.iter().try_for_each(|turn| write!(f, "{turn}"))?;
        writeln!(f, "  replay: {}\n", failure.replay)?;
        failure.transcript.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            None => self.write_held(f),
            Some(failure) => self.write_failed(failure, f),
        }
    }
}

/// How many runs a second that is. A rate beyond 64 bits takes a wall time of zero, and is none.
fn rate(runs: u64, wall: Duration) -> u64 {
    u64::try_from(u128::from(runs) * 1_000_000_000 / wall.as_nanos().max(1)).unwrap_or(0)
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
