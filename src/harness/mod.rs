//! Checks as ordinary tests: `cargo test` searches, shrinks, reports, and replays.
//!
//! ```
//! use lossproof::fault::{Chance, Profile};
//! use lossproof::harness::Check;
//! use lossproof::systems::{Options, System, udp_remote::UdpRemote};
//!
//! // The body of a #[test].
//! let options = Options::default();
//! let (scenario, properties) = (UdpRemote::scenario(&options), UdpRemote::properties(&options));
//! Check::new("udp_remote_outlives_losses", &scenario, &properties)
//!     .profile(Profile { loss: Chance::percent(30), ..Profile::default() })
//!     .runs(1_000)
//!     .assert();
//! ```
//!
//! A check that fails panics with a report: what was broken, the smallest plan that breaks it, the transcript, and one
//! line that makes the run again. The environment of the test has a say:
//!
//! | variable | meaning |
//! |---|---|
//! | `LOSSPROOF_REPLAY='v2; a>b #0 drop'` | make this one run, and no other |
//! | `LOSSPROOF_RUNS=1000000` | make so many runs |
//! | `LOSSPROOF_SEED=7` | draw other faults |
//!
//! Files of it are kept in `target/lossproof/NAME/`:
//!
//! | file | what it has |
//! |---|---|
//! | `report.txt` | the report |
//! | `fault.plan` | the plan: a copy in the directory of [`Check::regressions`] is run first, always |
//! | `transcript.txt` | the transcript |
//! | `ladder.txt` | the run as a sequence diagram |
//! | `page.html` | the run to step through, in a browser and without a network |
//! | `capture.pcapng` | its packets, for Wireshark (feature `capture`) |
//! | `test.rs` | a test to paste beside the first, which makes the run again by [`replay`] |

mod demands;
mod files;
mod replay;
mod report;

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::check::{MAX_SHRINK_RUNS, MAX_SHRINK_TIME};
use crate::check::{Property, Search, Tally};
use crate::engine::Prepared;
use crate::fault::{FaultKind, FaultPlan, Links, Profile};
use crate::number::{count, span};
use crate::scenario::Scenario;
use crate::time::Instant;
use demands::Demands;
pub use replay::replay;
use report::Report;

/// How many runs a check makes unless told otherwise.
pub const RUNS: u64 = 10_000;

/// The variable with a plan to run instead of all else.
const REPLAY: &str = "LOSSPROOF_REPLAY";
/// The variable with the number of runs.
const RUNS_VARIABLE: &str = "LOSSPROOF_RUNS";
/// The variable with the seed.
const SEED: &str = "LOSSPROOF_SEED";

/// A check of a scenario, as a test makes it.
#[derive(Debug)]
pub struct Check<'a, C, E> {
    name: &'a str,
    scenario: &'a Scenario<C, E>,
    properties: &'a [Property<E>],
    plan: FaultPlan,
    profile: Profile,
    links: Links,
    runs: u64,
    seed: u64,
    max_shrink_runs: u64,
    max_shrink_time: Duration,
    regressions: Option<PathBuf>,
    calm_at: Option<Instant>,
    twice: bool,
    demands: Demands,
}

impl<'a, C: Clone + 'static, E: PartialEq + Debug + 'static> Check<'a, C, E> {
    /// A check of this name, that of the test: it is in the line that makes a run again, and names the directory with
    /// what is written of a failure.
    pub fn new(name: &'a str, scenario: &'a Scenario<C, E>, properties: &'a [Property<E>]) -> Self {
        Self {
            name,
            scenario,
            properties,
            plan: FaultPlan::default(),
            profile: Profile::default(),
            links: Links::default(),
            runs: RUNS,
            seed: 0,
            max_shrink_runs: MAX_SHRINK_RUNS,
            max_shrink_time: MAX_SHRINK_TIME,
            regressions: None,
            calm_at: None,
            twice: false,
            demands: Demands::default(),
        }
    }

    /// Faults that are drawn for each run.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Faults that are drawn on single links, in place of those of the profile.
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// Faults that every run has.
    #[must_use]
    pub fn plan(mut self, plan: FaultPlan) -> Self {
        self.plan = plan;
        self
    }

    /// From when on nothing goes wrong in a run, unless its plan says when: no fault hits, drawn or planned, partitions are
    /// over, hosts that are down start anew. What [converges](Property::converges_within) does so from then on.
    #[must_use]
    pub const fn calm_at(mut self, calm_at: Instant) -> Self {
        self.calm_at = Some(calm_at);
        self
    }

    /// Makes each run two times, and fails where the two differ: see [`Search::twice`].
    #[must_use]
    pub const fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// How many runs there are; [`RUNS`] unless given.
    #[must_use]
    pub const fn runs(mut self, runs: u64) -> Self {
        self.runs = runs;
        self
    }

    /// How many runs, and how much time by the clock on the wall, a failure may take to be made small;
    /// [`MAX_SHRINK_RUNS`] and [`MAX_SHRINK_TIME`] unless given. The report says if one of them was reached.
    #[must_use]
    pub const fn max_shrink(mut self, runs: u64, time: Duration) -> Self {
        (self.max_shrink_runs, self.max_shrink_time) = (runs, time);
        self
    }

    /// Where the seeds of the runs come from.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A directory whose `*.plan` files are run first, in the order of their names; below the package's, if it is
    /// relative.
    #[must_use]
    pub fn regressions(mut self, directory: impl Into<PathBuf>) -> Self {
        self.regressions = Some(directory.into());
        self
    }

    /// Fails, after runs that all hold, if a fault of one of these kinds fired in none of them: then they say nothing of
    /// it.
    #[must_use]
    pub fn demand_faults(mut self, kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        self.demands.kinds.extend(kinds);
        self
    }

    /// Fails, after runs that all hold, if one of the faults of [`Check::plan`] changed something in none of them.
    #[must_use]
    pub const fn demand_plan(mut self) -> Self {
        self.demands.plan = true;
        self
    }

    /// Fails, after runs that all hold, if a property that is to hold [sometimes](Property::sometimes) held in none.
    #[must_use]
    pub const fn demand_sometimes(mut self) -> Self {
        self.demands.sometimes = true;
        self
    }

    /// Makes the runs; what they come to.
    ///
    /// # Panics
    /// With the report, if a run breaks a law or a property, or if all hold and something that is demanded was in none of
    /// them. With one line that says what to do, if a plan or a variable
    /// cannot be read, or a plan is for other hosts.
    #[expect(clippy::must_use_candidate, reason = "most tests want no more than that nothing fails")]
    pub fn assert(&self) -> Tally {
        if let Some(plan) = replay::taken() {
            return self.replay(&plan, "the plan to replay: ");
        }
        if let Some(plan) = variable(REPLAY) {
            return self.replay(&plan, &format!("{REPLAY}: "));
        }
        for (path, plan) in self.regressions.iter().flat_map(|directory| files::plans(directory)) {
            self.replay(&plan, &format!("{}: ", path.display()));
        }
        let search = self.search(&self.plan, self.profile, "the plan: ").with_links(self.links.clone());
        let tally = self.judge(search, number(RUNS_VARIABLE).unwrap_or(self.runs));
        if let Some(lacking) = self.demands.lacking(&tally) {
            let runs = count(tally.runs, "run");
            panic!("VACUOUS {}: it held in {runs}, but they lack what is demanded\n{lacking}", self.name);
        }
        tally
    }

    /// Makes the one run of a plan.
    fn replay(&self, plan: &str, origin: &str) -> Tally {
        let mut plan: FaultPlan = plan.parse().unwrap_or_else(|error| panic!("{origin}{error}"));
        // A plan that needs no seed was shrunk with this one.
        plan.seed = plan.seed.or(Some(0));
        let search = self.search(&plan, Profile::default(), origin).with_links(self.links.calm());
        self.judge(search, 1)
    }

    fn search(&self, plan: &FaultPlan, profile: Profile, origin: &str) -> Search<'a, C, E> {
        let mut plan = plan.clone();
        plan.calm = plan.calm.or(self.calm_at);
        let prepared = Prepared::new(&plan, &self.scenario.names());
        let prepared = prepared.unwrap_or_else(|error| panic!("{origin}{error}"));
        self.scenario.check_commands(&plan).unwrap_or_else(|error| panic!("{origin}{error}"));
        let seed = number(SEED).unwrap_or(self.seed);
        let search = Search::new(self.scenario, self.properties, prepared, profile, seed);
        if self.twice { search.twice() } else { search }
    }

    /// Makes the runs; fails with a report if one does.
    fn judge(&self, mut search: Search<'_, C, E>, runs: u64) -> Tally {
        let begun_at = clock();
        let tally = search.runs(0..runs);
        let wall = begun_at.elapsed();
        let Some(failure) = &tally.failure else { return tally };
        let begun_at = clock();
        let in_time = || begun_at.elapsed() < self.max_shrink_time;
        let shrunk = search.shrink_while(failure, self.max_shrink_runs, in_time);
        let limit = if shrunk.runs < self.max_shrink_runs {
            format!("the time of {} was over", span(self.max_shrink_time.as_secs_f64()))
        } else {
            format!("the limit of {} was reached", count(self.max_shrink_runs, "run"))
        };
        let report = Report { name: self.name, tally: &tally, wall, shrunk: &shrunk, limit };
        let files = files::write(&report).map(|files| format!("\n{files}"));
        panic!("{report}{}", files.unwrap_or_default());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a check takes is told to the user and bounds how small a failure is made; no run sees it"
)]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// A variable of the environment, if it is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A variable that holds a number.
fn number(name: &str) -> Option<u64> {
    let text = variable(name)?;
    let number = text.trim().parse();
    Some(number.unwrap_or_else(|_| panic!("{name}: '{text}' is not a whole number from 0 to {}", u64::MAX)))
}
