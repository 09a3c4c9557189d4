//! The hunt: runs of real programs behind a proxy, each with other faults, until one fails; then again with fewer faults,
//! as long as it still fails.

mod draws;
mod found;
mod shrink;
mod sprt;

pub use draws::Trouble;
pub use found::{Attempt, Ended, Found, Hunted, Hunting, Progress};
pub use sprt::RISK;

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use super::{Passed, SERVER};
use crate::fault::{FaultPlan, Profile};

/// A hunt for the smallest plan with which something fails that a closure tries.
///
/// ```no_run
/// use std::net::SocketAddr;
///
/// use lossproof::proxy::{Ended, Hunt, Hunted, ProxyError, Route};
///
/// # fn talk(_server: SocketAddr) -> Result<(), String> { Ok(()) }
/// let server = "127.0.0.1:1060".parse().unwrap();
/// let hunting = Hunt::new().runs(100).run(
///     &|attempt| {
///         let relay = attempt.proxy([Route::udp("127.0.0.1:0".parse().unwrap(), server)]).start()?;
///         let talked = talk(relay.local().inet().expect("an internet address"));
///         Ok::<_, ProxyError>(Ended { why: talked.err(), passed: relay.stop() })
///     },
///     &mut |_| {},
/// );
/// if let Hunted::Failed(found) = hunting.found {
///     panic!("{}: {}", found.why, found.plan);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Hunt {
    plan: FaultPlan,
    trouble: Trouble,
    seed: u64,
    runs: u64,
    jobs: usize,
    server: String,
    processes: Vec<String>,
    max_shrink_runs: u64,
    max_shrink: Duration,
}

/// How often a plan that failed is tried again.
const AGAIN: u32 = 5;
/// How often it has to fail then for the search to end. One that fails less often is taken if there is no better one.
const SURELY: u32 = 4;
/// How often it has to fail at least: what fails less often was chance.
const PERHAPS: u32 = 2;
/// How often the smallest plan is tried at the end.
const VERIFY: u32 = 10;

impl Default for Hunt {
    fn default() -> Self {
        Self::new()
    }
}

impl Hunt {
    /// A hunt of 100 runs, one after another, with [`Trouble::USUAL`]; then at most a minute and 1,000 runs of shrinking.
    pub fn new() -> Self {
        Self {
            plan: FaultPlan::default(),
            trouble: Trouble::Kinds(Trouble::USUAL.into()),
            seed: 0,
            runs: 100,
            jobs: 1,
            server: SERVER.to_owned(),
            processes: Vec::new(),
            max_shrink_runs: 1_000,
            max_shrink: Duration::from_mins(1),
        }
    }

    /// The same with these faults in each run.
    #[must_use]
    pub fn faults(self, plan: FaultPlan) -> Self {
        Self { plan, ..self }
    }

    /// The same with other faults drawn. If nothing is drawn, each run has the plan alone, and the result says how often it
    /// fails.
    #[must_use]
    pub fn trouble(self, trouble: Trouble) -> Self {
        Self { trouble, ..self }
    }

    /// The same with this seed for the first run; each run has the next.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same with this many runs.
    #[must_use]
    pub fn runs(self, runs: u64) -> Self {
        Self { runs, ..self }
    }

    /// The same with this many runs at a time, each in a thread.
    #[must_use]
    pub fn jobs(self, jobs: NonZeroUsize) -> Self {
        Self { jobs: jobs.get(), ..self }
    }

    /// The same with what plans call the server, and the hosts whose processes whoever runs them can pause and kill.
    #[must_use]
    pub fn hosts(self, server: impl Into<String>, processes: impl Into<Vec<String>>) -> Self {
        Self { server: server.into(), processes: processes.into(), ..self }
    }

    /// The same with these limits for shrinking: a number of runs, and a time.
    #[must_use]
    pub fn max_shrink(self, runs: u64, span: Duration) -> Self {
        Self { max_shrink_runs: runs, max_shrink: span, ..self }
    }

    /// Runs the hunt. `run` makes one run; its error ends the hunt. `tell` is called with the progress.
    pub fn run<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Hunting<E> {
        let mut hunting = Hunting { found: Hunted::Held, runs: 0, flukes: 0, stopped: None };
        let done = if matches!(self.trouble, Trouble::Nothing) {
            self.replay(run, tell, &mut hunting)
        } else {
            self.search(run, tell, &mut hunting)
        };
        hunting.stopped = done.err();
        hunting
    }

    /// Makes the runs of one plan.
    fn replay<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        tell: &mut dyn FnMut(Progress<'_>),
        hunting: &mut Hunting<E>,
    ) -> Result<(), E> {
        let (mut fails, mut last) = (0, None);
        hunting.found = Hunted::Replayed(0, 0, None);
        while hunting.runs < self.runs {
            tell(Progress::Searching(hunting.runs, self.runs));
            let count = (self.runs - hunting.runs).min(self.jobs as u64) as u32;
            let (failed, ended) = self.times(run, &self.plan, count)?;
            hunting.runs += u64::from(count);
            fails += failed;
            last = ended.or(last);
            hunting.found = Hunted::Replayed(fails, hunting.runs as u32, last.clone());
        }
        Ok(())
    }

    fn search<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        tell: &mut dyn FnMut(Progress<'_>),
        hunting: &mut Hunting<E>,
    ) -> Result<(), E> {
        tell(Progress::Calm);
        let calm = Attempt { plan: FaultPlan::default(), profile: Profile::CALM, seed: self.seed };
        let ended = run(&calm)?;
        if ended.why.is_some() {
            hunting.found = Hunted::FailsCalm(ended);
            return Ok(());
        }
        let (mut next, mut best): (u64, Option<Found>) = (0, None);
        while next < self.runs {
            tell(Progress::Searching(next, self.runs));
            let numbers: Vec<u64> = (next..self.runs).take(self.jobs).collect();
            let attempts: Vec<Attempt> = numbers.iter().map(|number| self.attempt(*number)).collect();
            let all = batch(run, &attempts)?;
            next += numbers.len() as u64;
            for (number, ended) in numbers.into_iter().zip(all) {
                hunting.runs = number + 1;
                let Some(why) = ended.why.clone() else { continue };
                tell(Progress::Failed(number, &why));
                let plan = fired(&ended.passed);
                let mut found = Found {
                    run: number,
                    why,
                    again: (0, 0),
                    from_faults: plan.len(),
                    plan,
                    fails: (0, 0),
                    shrink_runs: 0,
                    is_minimal: false,
                    ended,
                };
                if best.is_none() {
                    hunting.found = Hunted::Failed(Box::new(found.clone()));
                }
                let (fails, failed) = self.times(run, &found.plan, AGAIN)?;
                (found.again, found.fails) = ((fails, AGAIN), (fails, AGAIN));
                found.ended = failed.unwrap_or(found.ended);
                if fails >= SURELY {
                    return self.finish(run, tell, found, hunting);
                }
                tell(Progress::Chance(fails, AGAIN));
                if fails < PERHAPS {
                    hunting.flukes += 1;
                } else if best.as_ref().is_none_or(|best| best.again < found.again) {
                    best = Some(found);
                }
                let found = best.clone().map(|best| Hunted::Failed(Box::new(best)));
                hunting.found = found.unwrap_or(Hunted::Held);
            }
        }
        match best {
            Some(found) => self.finish(run, tell, found, hunting),
            None => Ok(()),
        }
    }

    /// Makes the plan of a failure smaller.
    fn finish<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        tell: &mut dyn FnMut(Progress<'_>),
        mut found: Found,
        hunting: &mut Hunting<E>,
    ) -> Result<(), E> {
        let stopped = self.shrink(run, tell, &mut found);
        hunting.found = Hunted::Failed(Box::new(found));
        stopped
    }

    /// The run of this number.
    fn attempt(&self, number: u64) -> Attempt {
        self.trouble.attempt(&self.plan, self.seed.wrapping_add(number), &self.server, &self.processes)
    }

    /// How many of these runs of a plan fail, and the last that did.
    fn times<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        plan: &FaultPlan,
        runs: u32,
    ) -> Result<(u32, Option<Ended>), E> {
        let attempt = Attempt { plan: plan.clone(), profile: Profile::CALM, seed: self.seed };
        let (mut fails, mut failed) = (0, None);
        let mut left = runs as usize;
        while left > 0 {
            let count = left.min(self.jobs);
            for ended in batch(run, &vec![attempt.clone(); count])? {
                if ended.why.is_some() {
                    fails += 1;
                    failed = Some(ended);
                }
            }
            left -= count;
        }
        Ok((fails, failed))
    }
}

/// Makes runs, all at a time.
fn batch<E: Send>(
    run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
    attempts: &[Attempt],
) -> Result<Vec<Ended>, E> {
    if let [attempt] = attempts {
        return Ok(vec![run(attempt)?]);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = attempts.iter().map(|attempt| scope.spawn(|| run(attempt))).collect();
        threads.into_iter().map(join).collect()
    })
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The plan of what happened, without what changed nothing.
fn fired(passed: &Passed) -> FaultPlan {
    let mut plan = passed.plan.clone();
    plan.retain(|fault| passed.has_fired(fault));
    plan
}
