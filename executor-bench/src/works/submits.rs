//! Many trivial jobs from outside of the pool.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use super::{Work, float};
use crate::peers::Contender;

/// Jobs that compute next to nothing: all are submitted, then each result is taken. In nanoseconds per job.
pub(crate) struct Submits {
    pub(crate) threads: usize,
    /// In all, shared evenly among the submitters.
    pub(crate) jobs: u64,
    /// Threads outside of the pool. Each takes the results of its own jobs.
    pub(crate) submitters: u64,
}

/// `CPython` is slower by a factor that makes waiting for all its jobs dull.
const PYTHON_SHARE: u64 = 10;

impl Submits {
    /// One submitter's part.
    fn submit<C: Contender>(pool: &C, start: &Barrier, jobs: u64) -> (Instant, Instant) {
        let mut futures = Vec::with_capacity(usize::try_from(jobs).expect("fits into memory"));
        start.wait();
        let started = Instant::now();
        for number in 0..jobs {
            futures.push(pool.submit(move || black_box(number) * 3));
        }
        let sum: u64 = futures.into_iter().map(C::result).sum();
        let ended = Instant::now();
        assert_eq!(sum, jobs * (jobs - 1) / 2 * 3, "{} lost a result", C::NAME);
        (started, ended)
    }
}

impl Work for Submits {
    fn threads(&self) -> usize {
        self.threads
    }

    fn measure<C: Contender>(&self, pool: &C) -> f64 {
        let jobs = self.jobs / self.submitters;
        let start = Barrier::new(usize::try_from(self.submitters).expect("that many threads can be"));
        let times: Vec<_> = thread::scope(|scope| {
            let submit = || scope.spawn(|| Self::submit(pool, &start, jobs));
            let submitters: Vec<_> = (0..self.submitters).map(|_| submit()).collect();
            submitters.into_iter().map(|submitter| submitter.join().expect("no submitter panics")).collect()
        });
        let started = times.iter().map(|(started, _)| *started).min().expect("a submitter");
        let ended = times.iter().map(|(_, ended)| *ended).max().expect("a submitter");
        (ended - started).as_secs_f64() * 1e9 / float(jobs * self.submitters)
    }

    fn python(&self) -> Option<String> {
        (self.submitters == 1).then(|| format!("submits {} {}", self.threads, (self.jobs / PYTHON_SHARE).max(1)))
    }
}
