//! Threads that wait for one batch of work after another.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

/// How much of a batch a thread takes at a time, at most.
const MAX_CHUNK: usize = 64;
/// How many chunks a batch has at least for each thread, if it has as much work.
const MIN_CHUNKS: usize = 8;

/// What is to be done, and by whom.
#[derive(Debug, Default)]
pub(super) struct Crew {
    work: Mutex<Work>,
    /// There is more to do, or it is over.
    news: Condvar,
}

/// The batch that is worked at.
#[derive(Debug, Default)]
struct Work {
    /// What nobody has taken so far.
    rest: Range<usize>,
    /// How much is taken at a time.
    chunk: usize,
    is_over: bool,
}

impl Work {
    fn take(&mut self) -> Option<Range<usize>> {
        let end = self.rest.end.min(self.rest.start + self.chunk);
        let taken = self.rest.start..end;
        self.rest.start = end;
        (!taken.is_empty()).then_some(taken)
    }
}

type Done<T> = (usize, Result<T, Box<dyn Any + Send>>);

impl Crew {
    /// Has `lead` do its work with what it calls for a batch of so many things: that does them on `jobs` threads, of which
    /// each has a worker of its own, and gives what they make of all chunks, in order. One of the threads is this one.
    pub(super) fn lead<T: Send, R, W: FnMut(Range<usize>) -> T>(
        &self,
        jobs: usize,
        worker: impl Fn() -> W + Sync,
        lead: impl FnOnce(&mut dyn FnMut(usize) -> Vec<T>) -> R,
    ) -> R {
        let jobs = jobs.max(1);
        thread::scope(|scope| {
            let over = Over(self);
            let (sender, results) = mpsc::channel::<Done<T>>();
            for _ in 1..jobs {
                let (sender, worker) = (sender.clone(), &worker);
                scope.spawn(move || {
                    let mut work = worker();
                    while let Some(chunk) = self.wait() {
                        let begin = chunk.start;
                        // Who waits for it must hear of it.
                        let made = catch_unwind(AssertUnwindSafe(|| work(chunk)));
                        if sender.send((begin, made)).is_err() {
                            return;
                        }
                    }
                });
            }
            let mut work = worker();
            let result = lead(&mut |len| self.make(len, jobs, &mut work, &results));
            drop(over);
            result
        })
    }

    /// Makes one batch.
    fn make<T>(
        &self,
        len: usize,
        jobs: usize,
        mut work: impl FnMut(Range<usize>) -> T,
        results: &mpsc::Receiver<Done<T>>,
    ) -> Vec<T> {
        let chunk = (len / (jobs * MIN_CHUNKS)).clamp(1, MAX_CHUNK);
        let mut all: Vec<Option<T>> = Vec::new();
        all.resize_with(len.div_ceil(chunk), || None);
        let mut waits_for = all.len();
        *self.lock() = Work { rest: 0..len, chunk, is_over: false };
        self.news.notify_all();
        while let Some(taken) = { self.lock().take() } {
            let place = taken.start / chunk;
            all[place] = Some(work(taken));
            waits_for -= 1;
        }
        for (begin, made) in results.iter().take(waits_for) {
            all[begin / chunk] = Some(made.unwrap_or_else(|panic| resume_unwind(panic)));
        }
        all.into_iter().flatten().collect()
    }

    /// Waits for work; none if there will be no more.
    fn wait(&self) -> Option<Range<usize>> {
        let mut work = self.lock();
        loop {
            if work.is_over {
                return None;
            }
            if let Some(chunk) = work.take() {
                return Some(chunk);
            }
            work = self.news.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the threads end, even where who leads them panics.
struct Over<'a>(&'a Crew);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.news.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(jobs: usize, batches: &[usize]) -> Vec<Vec<usize>> {
        let worker = || |range: Range<usize>| range.map(|n| n * n).collect::<Vec<_>>();
        Crew::default().lead(jobs, worker, |make| batches.iter().map(|&len| make(len).concat()).collect())
    }

    #[test]
    fn what_is_made_comes_in_order_whoever_makes_it() {
        let batches = [0, 1, 7, 1_000];
        let expected: Vec<Vec<usize>> =
            batches.iter().map(|len| (0..*len).map(|n| n * n).collect()).collect();
        for jobs in 0..5 {
            assert_eq!(squares(jobs, &batches), expected, "{jobs}");
        }
    }

    /// Neither who waits for a result waits for ever, nor who waits for work.
    #[test]
    fn a_panic_of_any_thread_ends_all() {
        for jobs in 1..4 {
            let fails = |made: bool| {
                catch_unwind(AssertUnwindSafe(|| {
                    let worker = || move |range: Range<usize>| assert!(made || range.end < 100, "on purpose");
                    Crew::default().lead(jobs, worker, |make| {
                        make(200);
                        panic!("on purpose, too");
                    });
                }))
            };
            let text = |made| *fails(made).unwrap_err().downcast::<&str>().unwrap();
            assert_eq!([text(false), text(true)], ["on purpose", "on purpose, too"], "{jobs}");
        }
    }
}
