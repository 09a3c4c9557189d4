//! Checks as ordinary tests: `cargo test` searches, shrinks, reports, and replays.
//!
//! ```
//! use std::time::Duration;
//!
//! use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};
//!
//! /// Says hello every second until it is answered.
//! struct Client { server: Peer, ask_at: Option<Instant> }
//!
//! impl Machine for Client {
//!     type Command = ();
//!     type Event = &'static str;
//!
//!     fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
//!         match input {
//!             Input::Start { .. } | Input::Timeout => {
//!                 out.send(self.server, b"hello");
//!                 self.ask_at = Some(now + Duration::from_secs(1));
//!             }
//!             Input::Datagram { .. } => {
//!                 self.ask_at = None;
//!                 out.event("answered");
//!             }
//!             _ => {}
//!         }
//!     }
//!
//!     fn deadline(&self) -> Option<Instant> {
//!         self.ask_at
//!     }
//! }
//!
//! struct Server;
//!
//! impl Machine for Server {
//!     type Command = ();
//!     type Event = ();
//!
//!     fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
//!         if let Input::Datagram { bytes, .. } = input {
//!             out.reply(bytes);
//!         }
//!     }
//! }
//!
//! // The body of a #[test].
//! let net = Net::new("hello");
//! let server = net.host("server").udp(1060).machine(|_| Server);
//! let client = net.host("client").udp(0).machine(move |boot| Client { server: boot.peer(server), ask_at: None });
//! net.eventually_within("the client is answered", Duration::from_mins(1), move |run| {
//!     run.events(client).contains(&"answered")
//! });
//! Check::new(net).loss(0.3).runs(1_000).assert();
//! ```
//!
//! A check that fails panics with a report: what was violated, the smallest plan that violates it, when the run was
//! lost, the transcript, and one line that reproduces the run. It has at most
//! [`MAX_REPORT_LINES`](crate::transcript::MAX_REPORT_LINES): of a long transcript it has an
//! [excerpt](crate::transcript::Transcript::excerpt). Environment variables override it:
//!
//! | variable | meaning |
//! |---|---|
//! | `LOSSPROOF_REPLAY='v2; a>b #0 drop'` | makes this one run, and no other |
//! | `LOSSPROOF_RUNS=1000000` | the number of runs |
//! | `LOSSPROOF_SEED=7` | draws other faults |
//! | `LOSSPROOF_SEED_FROM=2026-01-31` | draws other faults, by any text: for example, each night by its date |
//! | `LOSSPROOF_SHARD=2/5` | makes the second of five parts of the runs: see [`Check::shard`] |
//! | `GITHUB_ACTIONS=true` | before the report of a failure, one line that GitHub shows beside the test |
//!
//! A failing check writes these files to `target/lossproof/NAME/`. A check that passes removes them:
//!
//! | file | what it has |
//! |---|---|
//! | `report.txt` | the report with the whole plan and the whole transcript |
//! | `fault.plan` | the plan: a copy in the directory of [`Check::regressions`] is run first, always; [`Check::corpus`] copies it |
//! | `transcript.txt` | the transcript |
//! | `ladder.txt` | the run as a sequence diagram |
//! | `page.html` | the run to step through, in a browser and without a network |
//! | `capture.pcapng` | its packets, for Wireshark (feature `capture`) |
//! | `test.rs` | a test to paste next to the first one; it reproduces the run by [`replay`] |

pub(crate) mod annotate;
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "the command line reads more"))]
pub(crate) mod bounded;
pub(crate) mod corpus;
mod demands;
pub(crate) mod files;
mod kept;
mod replay;
mod report;
mod run;
mod traces;
mod verdict;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::check::{Fates, Shard};
pub use crate::check::{MAX_SHRINK_RUNS, MAX_SHRINK_TIME};
use crate::fault::{Chance, FaultKind, FaultPlan, Links, Profile};
use crate::scenario::Scenario;
use crate::time::Instant;
use demands::Demands;
use files::Name;
pub use replay::replay;
pub(crate) use traces::read_trace;
pub use verdict::{CheckError, Verdict};

/// The default number of runs of a check.
pub const RUNS: u64 = 10_000;

/// A check of a scenario, as a test makes it: many runs, each with other random faults. Each run checks the properties
/// of the scenario and the laws of machines. See the [module](self).
#[derive(Debug)]
#[must_use = "a check does nothing until it is asked to `assert`, or for its `verdict`"]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Check {
    scenario: Scenario,
    name: Name,
    plan: FaultPlan,
    /// How faults are drawn; none: that is not said.
    draws: Option<Vec<Profile>>,
    links: Links,
    runs: Option<u64>,
    jobs: NonZeroUsize,
    exhaustive: Option<usize>,
    fates: Fates,
    seed: u64,
    shard: Option<Shard>,
    max_shrink_runs: u64,
    max_shrink_time: Duration,
    regressions: Option<PathBuf>,
    corpus: Option<PathBuf>,
    calm_at: Option<Instant>,
    twice: bool,
    wraps: bool,
    guided: bool,
    laws: bool,
    demands: Demands,
}

impl Check {
    /// Creates a check of a net, or of a scenario. Its name is the name of the test that makes it.
    pub fn new(scenario: impl Into<Scenario>) -> Self {
        let scenario = scenario.into();
        Self {
            name: Name::of_thread(&thread::current(), scenario.name()),
            scenario,
            plan: FaultPlan::default(),
            draws: None,
            links: Links::default(),
            runs: None,
            jobs: NonZeroUsize::MIN,
            exhaustive: None,
            fates: Fates::default(),
            seed: 0,
            shard: None,
            max_shrink_runs: MAX_SHRINK_RUNS,
            max_shrink_time: MAX_SHRINK_TIME,
            regressions: None,
            corpus: None,
            calm_at: None,
            twice: false,
            wraps: false,
            guided: false,
            laws: true,
            demands: Demands::default(),
        }
    }

    /// Names this check, if a test has several: the name is in its reports, its files and its replay line.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name.check = Some(name.into());
        self
    }

    /// Sets the random faults of each run.
    ///
    /// A check without a profile, links or a plan draws faults of all kinds. Each run then has a [`Profile::swarm`] of
    /// its own: packets are lost in bursts or one by one, hosts crash between two of their effects and restart,
    /// partitions begin and heal, clocks err, and timers fire before messages of the same moment.
    pub fn profile(self, profile: Profile) -> Self {
        self.profiles([profile])
    }

    /// Sets several profiles: each run uses one of them.
    pub fn profiles(mut self, profiles: impl IntoIterator<Item = Profile>) -> Self {
        self.draws = Some(profiles.into_iter().collect());
        self
    }

    /// Independent losses: each datagram is lost, and each write to a stream is retransmitted, with this probability.
    ///
    /// # Panics
    /// If `share` is not between 0 and 1.
    pub fn loss(self, share: f64) -> Self {
        let loss = Chance::share(share).unwrap_or_else(|| panic!("a loss is from 0 to 1, not {share}"));
        let base = self.draws.as_ref().and_then(|profiles| profiles.first()).copied().unwrap_or_default();
        self.profile(Profile { loss, ..base })
    }

    /// Sets the random faults of single links, in place of those of the profile. Without a profile, these are the only
    /// ones.
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self.draws.get_or_insert_default();
        self
    }

    /// Faults that every run has. Without a profile, these are the only ones.
    pub fn plan(mut self, plan: FaultPlan) -> Self {
        self.plan = plan;
        self.draws.get_or_insert_default();
        self
    }

    /// The time at which all faults stop. A `calm` in the plan overrides it. From then on no fault has an effect,
    /// random or planned; partitions end, and hosts that are down restart.
    /// [`converges_within`](crate::Net::converges_within) counts from there.
    pub const fn calm_at(mut self, calm_at: Instant) -> Self {
        self.calm_at = Some(calm_at);
        self
    }

    /// Makes each run twice, and fails if the two differ: see [`Search::twice`](crate::check::Search::twice).
    pub const fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// Makes each run twice, the second time with counters that start just before they wrap, and fails if the events
    /// differ (law 10): see [`Search::wrapping`](crate::check::Search::wrapping). The machines take their first numbers
    /// from [`Boot::first_number`](crate::Boot::first_number).
    pub const fn wrapping(mut self) -> Self {
        self.wraps = true;
        self
    }

    /// Begins half of the runs where earlier runs reached something new: see
    /// [`Search::guided`](crate::check::Search::guided). The runs are made on one thread.
    pub const fn guided(mut self) -> Self {
        self.guided = true;
        self
    }

    /// Turns the laws off. The runs are faster, no twin runs, and only violated properties are found.
    pub const fn without_laws(mut self) -> Self {
        self.laws = false;
        self
    }

    /// The number of runs; the default is [`RUNS`]. For an exhaustive check it is a maximum; the default is all.
    pub const fn runs(mut self, runs: u64) -> Self {
        self.runs = Some(runs);
        self
    }

    /// The number of threads; the default is one. The result is the same with any number.
    ///
    /// # Panics
    /// If there is none.
    pub const fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = NonZeroUsize::new(jobs).expect("runs are made on one thread at least");
        self
    }

    /// Makes every run of at most `max_faults` faults instead of random ones: see
    /// [`Exhaustive`](crate::check::Exhaustive). Then there are no random faults, and no run is made twice.
    pub const fn exhaustive(mut self, max_faults: usize) -> Self {
        self.exhaustive = Some(max_faults);
        self
    }

    /// Sets the faults that an exhaustive check tries at each send.
    pub fn fates(mut self, fates: Fates) -> Self {
        self.fates = fates;
        self
    }

    /// The limits of shrinking: a number of runs, and wall-clock time. The defaults are [`MAX_SHRINK_RUNS`] and
    /// [`MAX_SHRINK_TIME`]. The report says if one of them was reached. The search for the moment at which the run was
    /// lost has these limits, too, and [`MAX_TURN_RUNS`](crate::check::MAX_TURN_RUNS) and
    /// [`MAX_TURN_TIME`](crate::check::MAX_TURN_TIME).
    pub const fn max_shrink(mut self, runs: u64, time: Duration) -> Self {
        (self.max_shrink_runs, self.max_shrink_time) = (runs, time);
        self
    }

    /// The base seed: the seed of each run follows from it. The default is 0, so a check makes the same runs each time.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Makes only part `number` of `of` of the runs, counted from 1. A part is a contiguous range, so no two parts draw
    /// the same faults, and all parts together are the whole. `LOSSPROOF_SHARD=2/5` does this for all checks, and
    /// overrides this call. An exhaustive check is not split: the first part makes all of it, the others none.
    ///
    /// [`Check::demand_faults`], [`Check::demand_plan`] and [`Check::demand_sometimes`] do not apply to a part, because
    /// another part may meet them. The verdict says which demands the whole must meet.
    ///
    /// # Panics
    /// If there is no such part.
    pub const fn shard(mut self, number: u64, of: u64) -> Self {
        self.shard = Some(Shard::new(number, of).expect("a part is from 1 to the number of parts"));
        self
    }

    /// A directory of plans that the check keeps by itself; a relative path is below the package's directory. A failing
    /// plan is written there after shrinking, as `TEST-DIGEST.plan`. The plans of this check run first, in the order of
    /// their names. So a computer that keeps the directory between builds finds a known failure at once. The file also
    /// records which packets the faults hit. If they hit other packets later, the verdict has a [note](Verdict::notes).
    /// A plan that no longer fits the net is skipped, also with a note.
    pub fn corpus(mut self, directory: impl Into<PathBuf>) -> Self {
        self.corpus = Some(directory.into());
        self
    }

    /// A directory whose `*.plan` files run first, in the order of their names. A relative path is below the package's
    /// directory. The directory may be missing.
    pub fn regressions(mut self, directory: impl Into<PathBuf>) -> Self {
        self.regressions = Some(directory.into());
        self
    }

    /// Fails as vacuous if all runs pass and a fault of one of these kinds never occurred.
    pub fn demand_faults(mut self, kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        self.demands.kinds.extend(kinds);
        self
    }

    /// Fails as vacuous if all runs pass and a fault of [`Check::plan`] never had an effect.
    pub const fn demand_plan(mut self) -> Self {
        self.demands.plan = true;
        self
    }

    /// Fails as vacuous if all runs pass and a [`sometimes`](crate::Net::sometimes) property was true in none of them.
    pub const fn demand_sometimes(mut self) -> Self {
        self.demands.sometimes = true;
        self
    }

    /// Accepts runs that the scenario's limit on inputs cuts off; otherwise such a check fails as vacuous.
    pub const fn allow_cut_off(mut self) -> Self {
        self.demands.allows_cut_off = true;
        self
    }
}
