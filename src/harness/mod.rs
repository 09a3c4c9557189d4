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
//! | `LOSSPROOF_REPLAY='v1; a>b #0 drop'` | make this one run, and no other |
//! | `LOSSPROOF_RUNS=1000000` | make so many runs |
//! | `LOSSPROOF_SEED=7` | draw other faults |
//!
//! Beside the report, `target/lossproof/NAME/` gets the plan, the transcript and a test to paste. A plan that is worth
//! keeping goes into a file of the directory given with [`Check::regressions`]: those are run first, always.

mod files;
mod report;

use std::fmt::Debug;
use std::path::PathBuf;

use crate::check::{Property, Search, Tally};
use crate::engine::Prepared;
use crate::fault::{FaultPlan, Links, Profile};
use crate::scenario::Scenario;
use report::Report;

/// How many runs a check makes unless told otherwise.
pub const RUNS: u64 = 10_000;
/// How many runs it may take to make a failure small.
pub const MAX_SHRINK_RUNS: u64 = 20_000;

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
    regressions: Option<PathBuf>,
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
            regressions: None,
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

    /// How many runs there are; [`RUNS`] unless given.
    #[must_use]
    pub const fn runs(mut self, runs: u64) -> Self {
        self.runs = runs;
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

    /// Makes the runs; what they come to.
    ///
    /// # Panics
    /// With the report, if a run breaks a law or a property. With one line that says what to do, if a plan or a variable
    /// cannot be read, or a plan is for other hosts.
    #[expect(clippy::must_use_candidate, reason = "most tests want no more than that nothing fails")]
    pub fn assert(&self) -> Tally {
        if let Some(plan) = variable(REPLAY) {
            return self.replay(&plan, &format!("{REPLAY}: "));
        }
        for (path, plan) in self.regressions.iter().flat_map(|directory| files::plans(directory)) {
            self.replay(&plan, &format!("{}: ", path.display()));
        }
        let mut search = self.search(&self.plan, self.profile, "the plan: ").with_links(self.links.clone());
        let tally = search.runs(0..number(RUNS_VARIABLE).unwrap_or(self.runs));
        self.judge(&search, tally)
    }

    /// Makes the one run of a plan.
    fn replay(&self, plan: &str, origin: &str) -> Tally {
        let mut plan: FaultPlan = plan.parse().unwrap_or_else(|error| panic!("{origin}{error}"));
        // A plan that needs no seed was shrunk with this one.
        plan.seed = plan.seed.or(Some(0));
        let mut search = self.search(&plan, Profile::default(), origin);
        let tally = search.runs(0..1);
        self.judge(&search, tally)
    }

    fn search(&self, plan: &FaultPlan, profile: Profile, origin: &str) -> Search<'a, C, E> {
        let prepared = Prepared::new(plan, &self.scenario.names());
        let prepared = prepared.unwrap_or_else(|error| panic!("{origin}{error}"));
        let seed = number(SEED).unwrap_or(self.seed);
        Search::new(self.scenario, self.properties, prepared, profile, seed)
    }

    /// Fails with a report if a run did.
    fn judge(&self, search: &Search<'_, C, E>, tally: Tally) -> Tally {
        let Some(failure) = &tally.failure else { return tally };
        let shrunk = search.shrink(failure, MAX_SHRINK_RUNS);
        let report = Report { name: self.name, tally: &tally, shrunk: &shrunk };
        let files = files::write(&report).map(|path| format!("\n  files: {}\n", path.display()));
        panic!("{report}{}", files.unwrap_or_default());
    }
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
