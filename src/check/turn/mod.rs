//! When a failing run was lost: from which step on the runs that continue it at random fail, too.
//!
//! A run cannot be forked, but its seed and its plan determine it. So the search makes the run anew, with those faults of
//! the plan that have hit by the step. It draws nothing before the step, and after it everything as usual, from another
//! seed. The n-th run from each step draws from the same seed, so two neighbouring steps differ by what happens between
//! them, and not by luck.

mod curve;
mod sample;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use curve::MAX_CURVE_LINES;

use super::{Failure, Search, Shrunk};
use crate::time::Instant;
use crate::transcript::Curve;

/// How many runs the share of one step is taken of, if something is drawn.
pub const TURN_RUNS: u32 = 100;
/// The default limit on the number of runs for finding when a run was lost.
pub const MAX_TURN_RUNS: u64 = 6_100;
/// The default limit on the time for it.
pub const MAX_TURN_TIME: Duration = Duration::from_secs(10);
/// How many steps are looked at, the start among them.
pub const MAX_TURN_STEPS: usize = 61;

/// How many standard errors a rise must have, squared.
const NOISE: u64 = 9;
/// From what share on a run counts as one that fails anyway, in percent.
const ANYWAY: u32 = 90;

/// From each step of a failing run the share of the runs that continue it at random and fail as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The steps in order. The first is the start, before anything has happened; the last is that in which the run failed.
    pub steps: Vec<Share>,
    /// Where it turned.
    pub turned: Turned,
    /// How many runs it took.
    pub runs: u64,
    /// Whether they have random faults. If not, one run is enough for each step.
    pub is_random: bool,
    /// Whether a bound was reached before all steps were looked at that should have been.
    pub is_cut_short: bool,
}

/// What is known of the runs that go on from one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which step of the run it is, from 1: the start of a host, a delivery, a timer, a command, or a fault of a host. 0
    /// is before all of them.
    pub step: u64,
    /// When it is.
    pub at: Instant,
    /// The line of the transcript that represents it: the fault that hits in it, or its first line.
    pub line: String,
    /// How many of the runs fail.
    pub failed: u32,
    /// How many runs there were.
    pub runs: u32,
    /// How many steps before it were not looked at.
    pub skipped: usize,
    /// Which of the runs fail, a bit each.
    bits: u128,
    /// How many records the log has before it.
    first_record: usize,
    /// The record that stands for it.
    record: usize,
}

impl Share {
    /// The share of runs that fail, from 0 to 1.
    pub fn share(&self) -> f64 {
        f64::from(self.failed) / f64::from(self.runs.max(1))
    }

    /// The binomial standard error of the share: as if one run more had failed and one more had not, so that it is never
    /// nothing.
    pub fn error(&self) -> f64 {
        let runs = f64::from(self.runs);
        let share = f64::from(self.failed + 1) / (runs + 2.0);
        (share * (1.0 - share) / runs.max(1.0)).sqrt()
    }

    /// The share in percent: 0 only if no run fails, 100 only if all do.
    pub fn percent(&self) -> u8 {
        let runs = self.runs.max(1);
        match self.failed {
            0 => 0,
            all if all >= runs => 100,
            some => ((some * 100 + runs / 2) / runs).clamp(1, 99) as u8,
        }
    }

    /// How many more runs fail from here than from another step, and how many fewer.
    const fn against(&self, before: &Self) -> (u32, u32) {
        ((self.bits & !before.bits).count_ones(), (before.bits & !self.bits).count_ones())
    }

    /// By how many runs it rises.
    fn rise(&self, before: &Self) -> i64 {
        let (more, fewer) = self.against(before);
        i64::from(more) - i64::from(fewer)
    }
}

/// Where a run turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// In the step of this place: there the share rises by half of all that it rises, or more, and beyond noise.
    At(usize),
    /// Nowhere: nearly all runs fail from the start.
    Anyway,
    /// Bit by bit: no step has half of the rise. At the step of this place it rises most, if it rises at all.
    Slowly(usize),
}

impl Turn {
    /// Tells the steps' shares.
    fn new(steps: Vec<Share>, runs: u64, is_random: bool, is_cut_short: bool) -> Self {
        let turned = turned(&steps, is_random);
        Self { steps, turned, runs, is_random, is_cut_short }
    }

    /// The step in which it turned, if there is one.
    pub fn step(&self) -> Option<&Share> {
        match self.turned {
            Turned::At(place) => self.steps.get(place),
            Turned::Anyway | Turned::Slowly(_) => None,
        }
    }

    /// What pictures show of it.
    pub(super) fn curve_of(&self) -> Curve {
        let points = self.steps.iter().skip(1).map(|share| (share.first_record, share.percent()));
        Curve { points: points.collect(), turned: self.step().map(|share| share.record) }
    }
}

/// Where these shares turn.
fn turned(steps: &[Share], is_random: bool) -> Turned {
    let Some(first) = steps.first() else { return Turned::Anyway };
    if first.failed * 100 >= first.runs * ANYWAY {
        return Turned::Anyway;
    }
    let rises = steps.windows(2).zip(1..).map(|(pair, place)| (pair[1].rise(&pair[0]), place));
    // Of equal ones the first.
    let best = rises.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let Some((rise, place)) = best else { return Turned::Anyway };
    let (more, fewer) = steps[place].against(&steps[place - 1]);
    let is_seen = if is_random {
        // The pairs of runs that differ, as in a test of signs.
        rise > 0 && rise.unsigned_abs().pow(2) > NOISE * u64::from(more + fewer)
    } else {
        rise > 0
    };
    let all = i64::from(first.runs) - i64::from(first.failed);
    if is_seen && 2 * rise >= all { Turned::At(place) } else { Turned::Slowly(place) }
}

/// One line: where it turned, and the shares before and after.
impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = |f: &mut fmt::Formatter<'_>, place: usize| {
            let (before, after) = (&self.steps[place - 1], &self.steps[place]);
            if self.is_random {
                let (before, after) = (before.percent(), after.percent());
                write!(f, "{before}% of random continuations fail before it, {after}% after")
            } else {
                let word = |share: &Share| if share.failed > 0 { "fails" } else { "passes" };
                let (before, after) = (word(before), word(after));
                write!(f, "without later faults the run {before} before it, and {after} after")
            }
        };
        let named = |place: usize| {
            let share = &self.steps[place];
            let line = curve::short(&share.line);
            match share.skipped {
                0 => line,
                skipped => format!("{line} or the {skipped} steps before it"),
            }
        };
        match self.turned {
            Turned::At(place) => {
                write!(f, "at {}: ", named(place))?;
                shares(f, place)
            }
            Turned::Slowly(place) => {
                let first = self.steps[0].percent();
                if self.steps[place].rise(&self.steps[place - 1]) <= 0 {
                    return write!(
                        f,
                        "nowhere: {first}% of random runs fail from the start, and no step changes that"
                    );
                }
                write!(f, "bit by bit, from {first}% at the start; most at {}: ", named(place))?;
                shares(f, place)
            }
            Turned::Anyway if self.is_random => {
                let first = self.steps.first().map_or(100, Share::percent);
                write!(f, "nowhere: it fails anyway, in {first}% of random runs from the start")
            }
            Turned::Anyway => f.write_str("nowhere: it fails without any fault"),
        }
    }
}

impl Search<'_> {
    /// Tells when the run of a failure of this scenario was lost. It looks at up to some 60 steps and makes [`TURN_RUNS`]
    /// runs for each, fewer if a run has very many inputs, and about `max_runs` in all at most. `None` if the plan of the
    /// failure does not fail as it did, as in a run that is not determined, or if `max_runs` are too few to tell.
    ///
    /// ```
    /// # #[cfg(feature = "systems")] {
    /// use lossproof::Scenario;
    /// use lossproof::check::{MAX_TURN_RUNS, Search};
    /// use lossproof::engine::Prepared;
    /// use lossproof::fault::{Chance, Profile};
    /// use lossproof::systems::udp_remote::{self, Client, ClientEvent};
    /// use lossproof::systems::Options;
    ///
    /// let net = udp_remote::net(&Options::default()).without_properties();
    /// let client = net.find::<Client>("client");
    /// net.never("the client gives up", move |run| run.events(client).contains(&ClientEvent::GaveUp));
    /// let scenario = Scenario::from(net);
    /// let loss = Profile { loss: Chance::percent(70), ..Profile::default() };
    /// let mut search = Search::new(&scenario, Prepared::default(), loss, 0);
    /// let failure = search.runs(0..1_000).failure.expect("some run has no luck");
    /// let failure = search.shrink(&failure, 1_000).failure;
    /// let turn = search.turn(&failure, MAX_TURN_RUNS).expect("the run is determined");
    /// // Each loss brings it nearer, and in the end all is lost.
    /// let shares: Vec<f64> = turn.steps.iter().map(|step| step.share()).collect();
    /// assert!(shares.is_sorted() && shares.last() == Some(&1.0));
    /// # }
    /// ```
    pub fn turn(&self, failure: &Failure, max_runs: u64) -> Option<Turn> {
        self.turn_while(failure, max_runs, || true)
    }

    /// Tells when a run was lost as [`Search::turn`] does, but only while `goes_on`, which is asked before each run: by
    /// whoever has a clock.
    pub fn turn_while(
        &self,
        failure: &Failure,
        max_runs: u64,
        mut goes_on: impl FnMut() -> bool,
    ) -> Option<Turn> {
        self.sample(failure, max_runs, &mut goes_on)
    }
}

impl Failure {
    /// The same, with pictures that show when it was lost.
    pub fn show_turn(&mut self, turn: &Turn) {
        self.recording.set_curve(turn.curve_of());
    }
}

impl Shrunk {
    /// The same, with when it was lost, if that is known; its pictures show it.
    #[must_use]
    pub fn with_turn(mut self, turn: Option<Turn>) -> Self {
        if let Some(turn) = &turn {
            self.failure.show_turn(turn);
        }
        Self { turn, ..self }
    }
}
