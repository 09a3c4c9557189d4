//! Searching and counting on several threads, with the same result as on one.

mod crew;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::check::exhaustive::Board;
use crate::check::{Counts, Exhaustive, Explored, Measure, Panicked, Progress, Search, Tally};
use crew::Crew;

/// How many runs a thread takes at a time, at most: few of few runs, so that each thread has some.
const MAX_CHUNK_RUNS: u64 = 4096;
/// How many chunks there are at least for each thread, if there are as many runs.
const MIN_CHUNKS: u64 = 8;

/// How many runs a thread takes at a time.
fn chunk_runs(runs: u64, jobs: usize) -> u64 {
    (runs / (jobs as u64).saturating_mul(MIN_CHUNKS)).clamp(1, MAX_CHUNK_RUNS)
}

/// Makes the runs of a range on `jobs` threads. `search` makes each thread's own search, and `progress` is told from the
/// calling thread how many runs are done.
///
/// The result does not depend on the number of threads: if runs fail, it is the tally up to the first that does.
///
/// # Panics
/// If a thread panics outside a run, which would be a fault of this crate.
pub fn runs<'s>(
    range: Range<u64>,
    jobs: usize,
    search: impl Fn() -> Search<'s> + Sync,
    mut progress: impl FnMut(u64),
) -> Tally {
    let worker = || {
        let mut search = search();
        move |chunk| search.runs(chunk)
    };
    let has_failed = |tally: &Tally| tally.failure.is_some();
    spread(range, jobs, worker, has_failed, |results| join(results, &mut progress))
}

/// Counts the runs of a range on `jobs` threads, as [`runs`] searches them.
///
/// # Errors
/// The first run in which a machine panics.
///
/// # Panics
/// If a thread panics outside a run, which would be a fault of this crate.
pub fn count<'s>(
    range: Range<u64>,
    jobs: usize,
    measure: impl Fn() -> Measure<'s> + Sync,
    mut progress: impl FnMut(u64),
) -> Result<Counts, Panicked> {
    let worker = || {
        let mut measure = measure();
        move |chunk| measure.runs(chunk)
    };
    spread(range, jobs, worker, Result::is_err, |results| {
        let (mut whole, mut first) = (Counts::default(), None::<Panicked>);
        for (_, counted) in results {
            match counted {
                // Sums do not depend on their order.
                Ok(counts) => whole.merge(&counts),
                Err(panicked) if first.as_ref().is_none_or(|first| panicked.run < first.run) => {
                    first = Some(panicked);
                }
                Err(_) => {}
            }
            progress(whole.runs);
        }
        first.map_or(Ok(whole), Err)
    })
}

/// Goes through all schedules on `jobs` threads, at most `max_runs` of them, up to the first that fails. `progress` is told
/// from the calling thread now and then how far it is.
///
/// The result does not depend on the number of threads.
///
/// # Panics
/// If a thread panics outside a run, which would be a fault of this crate.
pub fn schedules(
    exhaustive: &Exhaustive<'_>,
    jobs: usize,
    max_runs: u64,
    progress: impl FnMut(&Progress),
) -> Explored {
    let board = Board::default();
    let worker = || {
        let mut worker = exhaustive.worker();
        let board = &board;
        move |runs| worker.work(board, runs)
    };
    let crew = Crew::default();
    crew.lead(jobs, worker, |make| exhaustive.lead(&board, make, max_runs, progress))
}

/// Spreads the runs of a range over `jobs` threads, in chunks. Each thread has a worker of its own, and `collect` gets
/// what they make of each chunk, with its number, in whatever order. Chunks after one that has failed may be left out.
fn spread<T: Send, R, W: FnMut(Range<u64>) -> T>(
    range: Range<u64>,
    jobs: usize,
    worker: impl Fn() -> W + Sync,
    has_failed: impl Fn(&T) -> bool + Sync,
    collect: impl FnOnce(mpsc::Iter<'_, (u64, T)>) -> R,
) -> R {
    let jobs = jobs.max(1);
    let runs = range.end.saturating_sub(range.start);
    let chunk_runs = chunk_runs(runs, jobs);
    let chunks = runs.div_ceil(chunk_runs);
    let next = AtomicU64::new(0);
    // The first chunk that has failed: those after it need not be made.
    let failed = AtomicU64::new(u64::MAX);
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let (sender, worker, has_failed, next, failed, range) =
                (sender.clone(), &worker, &has_failed, &next, &failed, range.clone());
            scope.spawn(move || {
                let mut work = worker();
                loop {
                    let chunk = next.fetch_add(1, Ordering::Relaxed);
                    if chunk >= chunks || chunk > failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let begin = range.start + chunk * chunk_runs;
                    let result = work(begin..range.end.min(begin.saturating_add(chunk_runs)));
                    if has_failed(&result) {
                        failed.fetch_min(chunk, Ordering::Relaxed);
                    }
                    if sender.send((chunk, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        collect(results.iter())
    })
}

/// Merges the tallies of chunks in the order of the chunks, in whatever order they come.
fn join(results: impl Iterator<Item = (u64, Tally)>, progress: &mut impl FnMut(u64)) -> Tally {
    let mut waiting = BTreeMap::new();
    let mut whole: Option<Tally> = None;
    let (mut merged, mut done) = (0, 0);
    for (chunk, tally) in results {
        done += tally.runs;
        progress(done);
        waiting.insert(chunk, tally);
        while let Some(tally) = waiting.remove(&merged) {
            merged += 1;
            match &mut whole {
                None => whole = Some(tally),
                Some(whole) => whole.merge(tally),
            }
        }
    }
    whole.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Failure;
    use crate::fault::FaultPlan;
    use crate::time::Instant;
    use crate::transcript::Recording;

    /// The tally of a chunk of so many runs, the last of which is number `failed`.
    fn failing(runs: u64, failed: u64) -> Tally {
        let failure = Failure {
            run: failed,
            broken: "a property".to_owned(),
            detail: String::new(),
            plan: FaultPlan::default(),
            commands: Vec::new(),
            packets: 0,
            at: Instant::START,
            transcript: String::new(),
            recording: Recording::default(),
        };
        Tally { runs, failure: Some(failure), ..Tally::default() }
    }

    #[test]
    fn the_first_failure_is_the_one_of_the_earliest_chunk_whenever_it_comes() {
        let whole = Tally { runs: 4096, ..Tally::default() };
        let (first, second) = (failing(5, 4100), failing(1, 8192));
        let mut progress = Vec::new();
        let results = [(2, second), (1, first), (0, whole)].into_iter();
        let tally = join(results, &mut |done| progress.push(done));
        assert_eq!(tally, failing(4101, 4100));
        assert_eq!(progress, [1, 6, 4102]);
    }

    #[test]
    fn few_runs_are_spread_over_all_threads() {
        assert_eq!([1, 16, 160, 1_000_000].map(|runs| chunk_runs(runs, 2)), [1, 1, 10, MAX_CHUNK_RUNS]);
    }
}
