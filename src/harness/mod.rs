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
//! A check that fails panics with a report: what was broken, the smallest plan that breaks it, when the run was lost,
//! the transcript, and one line that makes the run again. It has at most
//! [`MAX_REPORT_LINES`](crate::transcript::MAX_REPORT_LINES): of a long transcript it has an
//! [excerpt](crate::transcript::Transcript::excerpt). The environment of the test has a say:
//!
//! | variable | meaning |
//! |---|---|
//! | `LOSSPROOF_REPLAY='v2; a>b #0 drop'` | make this one run, and no other |
//! | `LOSSPROOF_RUNS=1000000` | make so many runs |
//! | `LOSSPROOF_SEED=7` | draw other faults |
//! | `LOSSPROOF_SEED_FROM=2026-01-31` | draw other faults, by a text of any kind: each night by its date, for example |
//! | `LOSSPROOF_SHARD=2/5` | make the second of five parts of the runs: see [`Check::shard`] |
//! | `GITHUB_ACTIONS=true` | before the report of a failure, one line that GitHub shows beside the test |
//!
//! Files of it are kept in `target/lossproof/NAME/`, until the check holds again:
//!
//! | file | what it has |
//! |---|---|
//! | `report.txt` | the report with the whole plan and the whole transcript |
//! | `fault.plan` | the plan: a copy in the directory of [`Check::regressions`] is run first, always; [`Check::corpus`] copies it |
//! | `transcript.txt` | the transcript |
//! | `ladder.txt` | the run as a sequence diagram |
//! | `page.html` | the run to step through, in a browser and without a network |
//! | `capture.pcapng` | its packets, for Wireshark (feature `capture`) |
//! | `test.rs` | a test to paste beside the first, which makes the run again by [`replay`] |

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

/// How many runs a check makes unless told otherwise.
pub const RUNS: u64 = 10_000;

/// A check of a scenario, as a test makes it: many runs, each with faults that are drawn for it; in each the properties
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
    /// A check of a net, or of a scenario. It has the name of the test that makes it.
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

    /// Tells this check from others of the same test: in its reports, its files and its replay line.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name.check = Some(name.into());
        self
    }

    /// Faults that are drawn for each run, and no others.
    ///
    /// A check to which nobody has said what goes wrong, by a profile, links or a plan, draws everything: each run has a
    /// [`Profile::swarm`] of its own, in which packets are lost in bursts or singly, hosts crash between two of their
    /// effects and come back, hosts are kept apart, clocks err, and timers come first where they tie.
    pub fn profile(self, profile: Profile) -> Self {
        self.profiles([profile])
    }

    /// Faults that are drawn by one of these profiles: another one from run to run.
    pub fn profiles(mut self, profiles: impl IntoIterator<Item = Profile>) -> Self {
        self.draws = Some(profiles.into_iter().collect());
        self
    }

    /// Independent losses: each datagram is lost with this probability, each write to a stream has to be sent again.
    ///
    /// # Panics
    /// If `share` is not between 0 and 1.
    pub fn loss(self, share: f64) -> Self {
        let loss = Chance::share(share).unwrap_or_else(|| panic!("a loss is from 0 to 1, not {share}"));
        let base = self.draws.as_ref().and_then(|profiles| profiles.first()).copied().unwrap_or_default();
        self.profile(Profile { loss, ..base })
    }

    /// Faults that are drawn on single links, in place of those of the profiles. Without a profile there are no others.
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self.draws.get_or_insert_default();
        self
    }

    /// Faults that every run has. Without a profile there are no others.
    pub fn plan(mut self, plan: FaultPlan) -> Self {
        self.plan = plan;
        self.draws.get_or_insert_default();
        self
    }

    /// From when on nothing goes wrong in a run, unless its plan says when: no fault hits, drawn or planned, partitions are
    /// over, hosts that are down start anew. What [converges](crate::Net::converges_within) does so from then on.
    pub const fn calm_at(mut self, calm_at: Instant) -> Self {
        self.calm_at = Some(calm_at);
        self
    }

    /// Makes each run two times, and fails where the two differ: see [`Search::twice`](crate::check::Search::twice).
    pub const fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// Makes each run two times, the second with counters that start just before they wrap, and fails where the two tell
    /// other events (law 10): see [`Search::wrapping`](crate::check::Search::wrapping). The machines take their first numbers
    /// from [`Boot::first_number`](crate::Boot::first_number).
    pub const fn wrapping(mut self) -> Self {
        self.wraps = true;
        self
    }

    /// Has half of the runs begin where runs before came to something new: see
    /// [`Search::guided`](crate::check::Search::guided). They are made on one thread.
    pub const fn guided(mut self) -> Self {
        self.guided = true;
        self
    }

    /// Does not check the laws: the runs are faster, and only what breaks a property is found.
    pub const fn without_laws(mut self) -> Self {
        self.laws = false;
        self
    }

    /// How many runs there are; [`RUNS`] unless given. Of an exhaustive check, how many at most; all unless given.
    pub const fn runs(mut self, runs: u64) -> Self {
        self.runs = Some(runs);
        self
    }

    /// On how many threads the runs are made; one unless given. The result is the same with any number.
    ///
    /// # Panics
    /// If there is none.
    pub const fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = NonZeroUsize::new(jobs).expect("runs are made on one thread at least");
        self
    }

    /// Makes every run of at most so many faults instead of random ones: see [`Exhaustive`](crate::check::Exhaustive). Nothing is drawn then, and no
    /// run is made two times.
    pub const fn exhaustive(mut self, max_faults: usize) -> Self {
        self.exhaustive = Some(max_faults);
        self
    }

    /// Out of which faults, at each send, an exhaustive check makes its runs.
    pub fn fates(mut self, fates: Fates) -> Self {
        self.fates = fates;
        self
    }

    /// How many runs, and how much time by the clock on the wall, a failure may take to be made small;
    /// [`MAX_SHRINK_RUNS`] and [`MAX_SHRINK_TIME`] unless given. The report says if one of them was reached.
    /// When the run was lost is told within these bounds too, and within [`MAX_TURN_RUNS`](crate::check::MAX_TURN_RUNS) and
    /// [`MAX_TURN_TIME`](crate::check::MAX_TURN_TIME).
    pub const fn max_shrink(mut self, runs: u64, time: Duration) -> Self {
        (self.max_shrink_runs, self.max_shrink_time) = (runs, time);
        self
    }

    /// Where the seeds of the runs come from.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Makes only part `number` of `of` of the runs, from 1: a contiguous range of them, so that no two parts draw the same
    /// faults, and all parts together are the whole. `LOSSPROOF_SHARD=2/5` says so from outside, for all checks, and goes
    /// before this. An exhaustive check is not shared out: the first part makes it whole, the others make nothing of it.
    ///
    /// What never happened in a part may have happened in another, so what was demanded by [`Check::demand_faults`],
    /// [`Check::demand_plan`] and [`Check::demand_sometimes`] is not held to a part: the verdict says what is left to the
    /// whole.
    ///
    /// # Panics
    /// If there is no such part.
    pub const fn shard(mut self, number: u64, of: u64) -> Self {
        self.shard = Some(Shard::new(number, of).expect("a part is from 1 to the number of parts"));
        self
    }

    /// A directory of plans that the check keeps by itself; below the package's, if it is relative. A plan that fails is
    /// written there once it is small, as `TEST-DIGEST.plan`, and the plans of this check are run first, in the order of
    /// their names. So a computer that keeps the directory from one build to the next finds again at once what was found
    /// once. With each plan is kept what its faults hit: if that are other packets by now, the verdict has a
    /// [note](Verdict::notes). A plan that does not fit the net any more is passed over, with a note as well.
    pub fn corpus(mut self, directory: impl Into<PathBuf>) -> Self {
        self.corpus = Some(directory.into());
        self
    }

    /// A directory whose `*.plan` files are run first, in the order of their names; below the package's, if it is
    /// relative. It need not be there as long as nothing was kept.
    pub fn regressions(mut self, directory: impl Into<PathBuf>) -> Self {
        self.regressions = Some(directory.into());
        self
    }

    /// Is vacuous, after runs that all hold, if a fault of one of these kinds fired in none of them: then they say nothing
    /// of it.
    pub fn demand_faults(mut self, kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        self.demands.kinds.extend(kinds);
        self
    }

    /// Is vacuous, after runs that all hold, if one of the faults of [`Check::plan`] changed something in none of them.
    pub const fn demand_plan(mut self) -> Self {
        self.demands.plan = true;
        self
    }

    /// Is vacuous, after runs that all hold, if a property that is to hold [sometimes](crate::Net::sometimes) held in
    /// none.
    pub const fn demand_sometimes(mut self) -> Self {
        self.demands.sometimes = true;
        self
    }

    /// Is not vacuous though runs are cut off by the scenario's bound on inputs.
    pub const fn allow_cut_off(mut self) -> Self {
        self.demands.allows_cut_off = true;
        self
    }
}
