//! The data of a measured pool's worker: its times, its slowest jobs, and the jobs that it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::observe::job::{EndedJob, JobOutcome, RunningJob};
use crate::observe::observers::{self, Observers, Running};
use crate::stats::{Histogram, Recorder, SlowJob, WorkTimes, WorkerStats, add, keep_slowest};
use crate::status::JobId;

/// The data of a measured pool's worker, or of all threads that share their counts.
pub(crate) struct Measured {
    /// `None` of threads that share their counts.
    worker: Option<Arc<str>>,
    since: Instant,
    wait: Recorder,
    run: Recorder,
    /// In nanoseconds.
    starting: AtomicU64,
    working: AtomicU64,
    processes: AtomicU64,
    /// Of the last of these processes, or 0.
    pid: AtomicU32,
    slowest: Slowest,
    pub(crate) running: Running,
    /// The pool's.
    observers: Arc<Observers>,
    copy: Arc<observers::ListCopy>,
}

impl Measured {
    /// `worker` has the name of the worker, if it is one, and the moment when it was begun.
    pub(super) fn new(observers: Arc<Observers>, worker: Option<(Arc<str>, Instant)>) -> Self {
        let (worker, since) = worker.unzip();
        let since = since.unwrap_or_else(Instant::now);
        Self {
            worker,
            since,
            wait: Recorder::default(),
            run: Recorder::default(),
            starting: AtomicU64::new(nanos(since.elapsed())),
            working: AtomicU64::new(0),
            processes: AtomicU64::new(0),
            pid: AtomicU32::new(0),
            slowest: Slowest::default(),
            running: Running::default(),
            copy: observers.copy(),
            observers,
        }
    }

    pub(super) fn observers(&self) -> &Arc<Observers> {
        &self.observers
    }

    pub(crate) fn begin(&self, job: RunningJob) {
        self.running.add(job, &self.observers, &self.copy);
    }

    pub(crate) fn end(&self, id: JobId, ran: Duration, outcome: JobOutcome, is_shared: bool) {
        let Some((job, is_nested)) = self.running.remove(id) else { return };
        self.wait.record(job.waited(), is_shared);
        self.run.record(ran, is_shared);
        if !is_nested {
            add(&self.working, nanos(ran), is_shared);
        }
        let ended = EndedJob { job, ran, outcome };
        self.slowest.offer(&ended);
        observers::report(&self.observers, &self.copy, &ended);
    }

    /// The worker has spent this time on its start, and perhaps has this process now.
    pub(super) fn started(&self, took: Duration, pid: Option<u32>, is_shared: bool) {
        add(&self.starting, nanos(took), is_shared);
        if let Some(pid) = pid {
            add(&self.processes, 1, is_shared);
            // Relaxed, here and below: each number is for itself.
            self.pid.store(pid, Ordering::Relaxed);
        }
    }

    pub(super) fn add_to(&self, wait: &mut Histogram, run: &mut Histogram) {
        self.wait.add_to(wait);
        self.run.add_to(run);
    }

    pub(super) fn absorb(&self, other: &Self) {
        self.wait.absorb(&other.wait);
        self.run.absorb(&other.run);
    }

    pub(super) fn is_worker(&self) -> bool {
        self.worker.is_some()
    }

    /// The times until now. Those of a job that runs count as working.
    pub(super) fn worker_stats(&self) -> WorkerStats {
        let mut run = Histogram::default();
        self.run.add_to(&mut run);
        let starting = Duration::from_nanos(self.starting.load(Ordering::Relaxed));
        let mut working = Duration::from_nanos(self.working.load(Ordering::Relaxed));
        let mut waiting = Duration::ZERO;
        if self.is_worker() {
            working += self.running.since().map(|since| since.elapsed()).unwrap_or_default();
            waiting = self.since.elapsed().saturating_sub(starting + working);
        }
        let pid = self.pid.load(Ordering::Relaxed);
        WorkerStats {
            name: self.worker.clone().unwrap_or_default(),
            pid: (pid != 0).then_some(pid),
            processes: self.processes.load(Ordering::Relaxed),
            jobs: run.count(),
            times: WorkTimes { starting, waiting, working },
        }
    }

    pub(super) fn add_slowest_to(&self, all: &mut Vec<SlowJob>) {
        for job in &*self.slowest.jobs.lock() {
            keep_slowest(all, job.clone());
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The slowest jobs of a worker.
#[derive(Default)]
struct Slowest {
    /// Where there is no room for another one: the nanoseconds of the fastest of them. Otherwise 0.
    above: AtomicU64,
    jobs: Mutex<Vec<SlowJob>>,
}

impl Slowest {
    fn offer(&self, ended: &EndedJob) {
        // Relaxed: it only spares the lock.
        if nanos(ended.ran) < self.above.load(Ordering::Relaxed) {
            return;
        }
        let mut jobs = self.jobs.lock();
        if let Some(fastest) = keep_slowest(&mut jobs, SlowJob::of(ended)) {
            self.above.store(nanos(fastest), Ordering::Relaxed);
        }
    }
}
