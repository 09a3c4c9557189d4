//! When a failing run was lost, as text and as JSON.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::clock;
use crate::check::{Failure, MAX_TURN_RUNS, MAX_TURN_TIME, Search, Share, Shrunk, Turn, Turned};

/// A failure with when it was lost, by runs that go on as those of this search.
pub(super) fn with_turn(shrunk: Shrunk, search: &Search<'_>) -> Shrunk {
    let begun_at = clock();
    let in_time = || begun_at.elapsed() < MAX_TURN_TIME;
    let turn = search.turn_while(&shrunk.failure, MAX_TURN_RUNS, in_time);
    shrunk.with_turn(turn)
}

/// The failure of one run of a search, with when it was lost in its pictures and in a line; its runs go on as those of the
/// other search. `None`, if the run does not fail.
pub(super) fn of_run(search: &mut Search<'_>, rest: &Search<'_>, seed: u64) -> Option<(Failure, String)> {
    let mut failure = search.failure_of(seed)?;
    let begun_at = clock();
    let turn = rest.turn_while(&failure, MAX_TURN_RUNS, || begun_at.elapsed() < MAX_TURN_TIME);
    if let Some(turn) = &turn {
        failure.show_turn(turn);
    }
    let line =
        turn.map_or_else(|| "no turn: the run is not determined".to_owned(), |turn| format!("turned {turn}"));
    Some((failure, line))
}

/// When it was lost.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Lost {
    /// The step in which it turned, if there is one.
    turned: Option<u64>,
    /// Whether nearly all runs fail from the start.
    anyway: bool,
    /// Whether something is drawn in the runs; if not, there is one for each step.
    random: bool,
    /// Whether a limit was reached before all was done.
    cut_short: bool,
    /// How many runs it took.
    runs: u64,
    steps: Vec<Step>,
    /// The same as the text shows it, a line each.
    curve: Vec<String>,
}

/// The runs that go on from one step.
#[derive(Clone, Serialize, Deserialize)]
struct Step {
    #[serde(rename = "step")]
    number: u64,
    seconds: f64,
    line: String,
    runs: u32,
    failed: u32,
    share: f64,
    /// The standard error of the share.
    error: f64,
    /// How many steps before it were not looked at.
    skipped: usize,
}

impl Lost {
    pub(super) fn new(turn: &Turn) -> Self {
        let step = |share: &Share| Step {
            number: share.step,
            seconds: Duration::from_nanos(share.at.as_nanos()).as_secs_f64(),
            line: share.line.clone(),
            runs: share.runs,
            failed: share.failed,
            share: rounded(share.share()),
            error: rounded(share.error()),
            skipped: share.skipped,
        };
        Self {
            turned: turn.step().map(|share| share.step),
            anyway: turn.turned == Turned::Anyway,
            random: turn.is_random,
            cut_short: turn.is_cut_short,
            runs: turn.runs,
            steps: turn.steps.iter().map(step).collect(),
            curve: turn.curve().lines().map(str::to_owned).collect(),
        }
    }
}

/// So few digits are read back as they were written.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// The curve, indented.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.curve.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
