//! Searching and counting on several threads, with the same result as on one.

mod crew;

use std::collections::BTreeMap;
use std::convert::Infallible;
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

/// Makes the runs of a range on `jobs` threads. `search` makes each thread's own search, and `progress` is called from
/// the calling thread how many runs are done.
///
/// The result does not depend on the number of threads: if runs fail, it is the tally up to the first that does. If the
/// searches [stop](Search::stop_if), it is that of the first runs, up to one that was not made.
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
    let is_last = |tally: &Tally, runs| tally.failure.is_some() || tally.runs < runs;
    spread(range, jobs, worker, is_last, |results| join(results, &mut progress))
}

/// Counts the runs of a range on `jobs` threads, as [`runs`] searches them; the first of them, if it is to
/// [stop](Measure::stop_if).
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
    let is_last = |counted: &Result<Counts, Panicked>, runs| {
        counted.as_ref().is_ok_and(|counts| counts.runs < runs) || counted.is_err()
    };
    spread(range, jobs, worker, is_last, |results| {
        let (mut whole, mut done) = (Counts::default(), 0);
        let results = results.inspect(|Made { result, .. }| {
            done += result.as_ref().map_or(0, |counts| counts.runs);
            progress(done);
        });
        in_order(results, |counted| counted.map(|counts| whole.merge(&counts)))?;
        Ok(whole)
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
/// what they make of each chunk, in whatever order. A chunk in which a run failed or was not made is the last: those
/// after it may be left out.
fn spread<T: Send, R, W: FnMut(Range<u64>) -> T>(
    range: Range<u64>,
    jobs: usize,
    worker: impl Fn() -> W + Sync,
    is_last: impl Fn(&T, u64) -> bool + Sync,
    collect: impl FnOnce(mpsc::Iter<'_, Made<T>>) -> R,
) -> R {
    let jobs = jobs.max(1);
    let runs = range.end.saturating_sub(range.start);
    let chunk_runs = chunk_runs(runs, jobs);
    let chunks = runs.div_ceil(chunk_runs);
    let next = AtomicU64::new(0);
    // The first chunk that is the last: those after it need not be made.
    let last = AtomicU64::new(u64::MAX);
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let (sender, worker, is_last, next, last, range) =
                (sender.clone(), &worker, &is_last, &next, &last, range.clone());
            scope.spawn(move || {
                let mut work = worker();
                loop {
                    let chunk = next.fetch_add(1, Ordering::Relaxed);
                    if chunk >= chunks || chunk > last.load(Ordering::Relaxed) {
                        return;
                    }
                    let begin = range.start + chunk * chunk_runs;
                    let end = range.end.min(begin.saturating_add(chunk_runs));
                    let result = work(begin..end);
                    let is_last = is_last(&result, end - begin);
                    if is_last {
                        last.fetch_min(chunk, Ordering::Relaxed);
                    }
                    if sender.send(Made { chunk, result, is_last }).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        collect(results.iter())
    })
}

/// What a thread has made of a chunk.
struct Made<T> {
    chunk: u64,
    result: T,
    /// Whether what comes after it does not count.
    is_last: bool,
}

/// Takes what was made in the order of the chunks, in whatever order it comes, up to the last that counts.
fn in_order<T, E>(
    results: impl Iterator<Item = Made<T>>,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let (mut waiting, mut next, mut is_over) = (BTreeMap::new(), 0, false);
    for made in results {
        waiting.insert(made.chunk, made);
        while !is_over && let Some(Made { result, is_last, .. }) = waiting.remove(&next) {
            (next, is_over) = (next + 1, is_last);
            take(result)?;
        }
    }
    Ok(())
}

/// Merges the tallies of chunks.
fn join(results: impl Iterator<Item = Made<Tally>>, progress: &mut impl FnMut(u64)) -> Tally {
    let mut whole: Option<Tally> = None;
    let mut done = 0;
    let results = results.inspect(|Made { result, .. }| {
        done += result.runs;
        progress(done);
    });
    let Ok(()) = in_order(results, |tally| {
        match &mut whole {
            None => whole = Some(tally),
            Some(whole) => whole.merge(tally),
        }
        Ok::<(), Infallible>(())
    });
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
        let made = |(chunk, result): (u64, Tally)| Made { chunk, is_last: result.failure.is_some(), result };
        let results = [(2, second), (1, first), (0, whole)].into_iter().map(made);
        let tally = join(results, &mut |done| progress.push(done));
        assert_eq!(tally, failing(4101, 4100));
        assert_eq!(progress, [1, 6, 4102]);
    }

    #[test]
    fn what_comes_after_a_run_that_was_not_made_does_not_count() {
        let tally = |runs| Tally { runs, ..Tally::default() };
        let made = |chunk, runs, is_last| Made { chunk, result: tally(runs), is_last };
        let results = [made(2, 10, false), made(1, 3, true), made(3, 1, true), made(0, 10, false)];
        assert_eq!(join(results.into_iter(), &mut |_| {}), tally(13));
    }

    #[test]
    fn few_runs_are_spread_over_all_threads() {
        assert_eq!([1, 16, 160, 1_000_000].map(|runs| chunk_runs(runs, 2)), [1, 1, 10, MAX_CHUNK_RUNS]);
    }
}
