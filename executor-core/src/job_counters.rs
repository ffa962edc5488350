//! Counters of how an executor's jobs ended. For authors of executors.
//!
//! A job is counted once, for its queue, by the thread that decides its outcome. A worker has local counters, which no other thread
//! writes, so counting costs two memory accesses; `stats` adds them up. Other threads that end a job (by a cancel or a time limit) find
//! the shared counters in the [`registry`](crate::registry), by the [`QueueId`].

mod ending;
mod measured;
pub(crate) mod moment;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

pub(crate) use self::ending::{Ending, take_failure_of_parts};
pub use self::ending::{Failure, returns_with};
use self::measured::Measured;
#[doc(hidden)]
pub use self::moment::Moment;
use crate::observe::job::RunningJob;
use crate::observe::observers::Observers;
use crate::queue_id::QueueId;
use crate::stats::{Histogram, Insights, SlowJob, Stats, WorkerStats, add};
use crate::sync::thread_local;

/// Counters of how an executor's jobs ended.
pub struct JobCounters {
    /// The counts of threads that have none of their own, and of workers that have left.
    shared: Arc<PaddedCounts>,
    workers: Mutex<Workers>,
}

/// The workers that have counts of their own.
#[derive(Default)]
struct Workers {
    live: Vec<Arc<PaddedCounts>>,
    /// Those of a measured pool that have left.
    ended: Ended,
}

#[derive(Default)]
struct Ended {
    workers: u64,
    sum: WorkerStats,
    slowest: Vec<SlowJob>,
}

/// On a cache line of its own: its writer should not wait for another's.
pub(crate) type PaddedCounts = CachePadded<Counts>;

#[derive(Default)]
pub(crate) struct Counts {
    completed: AtomicU64,
    panicked: AtomicU64,
    cancelled: AtomicU64,
    timed_out: AtomicU64,
    crashed: AtomicU64,
    failed: AtomicU64,
    /// Jobs that ended without having started, other than by a cancel.
    unstarted: AtomicU64,
    /// Jobs that run inside of another one, or on a thread that is no worker.
    inline: AtomicU64,
    measured: Option<Box<Measured>>,
}

thread_local! {
    static LOCAL: RefCell<Option<Local>> = const { RefCell::new(None) };
}

/// Where this thread counts jobs of these queues.
struct Local {
    queue_ids: [QueueId; 3],
    counts: Arc<PaddedCounts>,
    is_shared: bool,
}

impl JobCounters {
    /// Creates counters. With `measures`, they include histograms of times.
    pub fn new(measures: bool) -> Arc<Self> {
        let observers = measures.then(Arc::default);
        Arc::new(Self { shared: Counts::new(observers, || None), workers: Mutex::default() })
    }

    /// Returns the observers of the pool, if it is measured.
    pub fn observers(&self) -> Option<&Arc<Observers>> {
        self.shared.measured.as_ref().map(|measured| measured.observers())
    }

    /// Returns the jobs that run now, if the pool is measured; otherwise none.
    pub fn running(&self) -> Vec<RunningJob> {
        let workers = self.workers.lock();
        let measured = workers.live.iter().chain([&self.shared]).filter_map(|counts| counts.measured.as_ref());
        measured.flat_map(|measured| measured.running.all()).collect()
    }

    /// Makes the calling thread count jobs of `queue_ids` in local counters, until the returned guard is dropped. The counts stay when the
    /// thread ends.
    pub fn local(self: &Arc<Self>, queue_ids: [QueueId; 3]) -> WorkerCounters {
        self.local_since(queue_ids, None)
    }

    /// Like [`local`](Self::local), for a thread that was begun at this moment: the time until now counts as its start.
    pub fn local_since(self: &Arc<Self>, queue_ids: [QueueId; 3], since: Option<Instant>) -> WorkerCounters {
        let worker = || {
            let name = std::thread::current().name().unwrap_or_default().into();
            Some((name, since.unwrap_or_else(Instant::now)))
        };
        let counts = Counts::new(self.observers().cloned(), worker);
        self.workers.lock().live.push(counts.clone());
        WorkerCounters::enter(self, Local { queue_ids, counts, is_shared: false })
    }

    /// Creates counts for a thread with this name, which [enters](Self::enter) them for each job. `None` unless the pool is measured: then
    /// it counts in the [shared](Self::shared) counters.
    pub fn thread_counts(self: &Arc<Self>, name: &Arc<str>) -> Option<ThreadCounts> {
        let counts = Counts::new(Some(self.observers()?.clone()), || Some((name.clone(), Instant::now())));
        self.workers.lock().live.push(counts.clone());
        Some(ThreadCounts { counters: self.clone(), counts })
    }

    /// Like [`shared`](Self::shared), but counts in the counts of the calling thread.
    pub fn enter(self: &Arc<Self>, thread: &ThreadCounts, queue_ids: [QueueId; 3]) -> WorkerCounters {
        WorkerCounters::enter(self, Local { queue_ids, counts: thread.counts.clone(), is_shared: true })
    }

    /// Like [`local`](Self::local), but counts in the shared counters: cheaper to start and stop, for a thread that does so for each job.
    pub fn shared(self: &Arc<Self>, queue_ids: [QueueId; 3]) -> WorkerCounters {
        WorkerCounters::enter(self, Local { queue_ids, counts: self.shared.clone(), is_shared: true })
    }

    /// Returns the counts: the outcomes, the jobs that run [inline](crate::registry::InlineRun), and the times.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        if self.shared.measured.is_some() {
            (stats.wait, stats.run) = (Some(Histogram::default()), Some(Histogram::default()));
        }
        // Under the lock, so that a worker that leaves is counted once.
        let workers = self.workers.lock();
        for counts in workers.live.iter().chain([&self.shared]) {
            counts.add_to(&mut stats);
        }
        stats.insights = self.shared.measured().map(|shared| workers.insights(shared));
        stats
    }

    /// The counts of threads that have none of their own.
    pub(crate) fn shared_counts(&self) -> &Arc<PaddedCounts> {
        &self.shared
    }

    /// Adds the `counts` of a worker that stops counting to the shared ones.
    fn leave(&self, counts: &Arc<PaddedCounts>) {
        let mut workers = self.workers.lock();
        let Some(place) = workers.live.iter().position(|worker| Arc::ptr_eq(worker, counts)) else { return };
        workers.live.swap_remove(place);
        self.shared.absorb(counts);
        if let Some(measured) = counts.measured() {
            workers.ended.add(measured);
        }
    }
}

impl Workers {
    /// The times of the workers, and of the threads that share the counts `shared`.
    fn insights(&self, shared: &Measured) -> Insights {
        let live: Vec<_> = self.live.iter().filter_map(|counts| counts.measured()).collect();
        let mut slowest = self.ended.slowest.clone();
        live.iter().chain([&shared]).for_each(|measured| measured.add_slowest_to(&mut slowest));
        let mut workers: Vec<_> = live.iter().map(|measured| measured.worker_stats()).collect();
        workers.sort_by(WorkerStats::cmp_names);
        // The shared histograms have the jobs of workers that have left, too.
        let mut callers = shared.worker_stats();
        callers.jobs -= self.ended.sum.jobs;
        Insights { workers, ended_workers: self.ended.workers, ended: self.ended.sum.clone(), callers, slowest }
    }
}

impl Ended {
    fn add(&mut self, worker: &Measured) {
        self.workers += 1;
        self.sum.add(&worker.worker_stats());
        worker.add_slowest_to(&mut self.slowest);
    }
}

/// The counts of a thread that belongs to somebody else, and runs a job at times. Counted among the workers that have ended when dropped.
pub struct ThreadCounts {
    counters: Arc<JobCounters>,
    counts: Arc<PaddedCounts>,
}

impl ThreadCounts {
    /// Counts the thread among the workers that have ended. It runs no job any more.
    pub fn leave(&self) {
        self.counters.leave(&self.counts);
    }
}

impl Drop for ThreadCounts {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for ThreadCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadCounts").finish_non_exhaustive()
    }
}

impl fmt::Debug for JobCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobCounters").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Counts {
    /// `worker` returns the name and the start of the worker, if it is one, and is called only if the pool is measured.
    fn new(
        observers: Option<Arc<Observers>>,
        worker: impl FnOnce() -> Option<(Arc<str>, Instant)>,
    ) -> Arc<PaddedCounts> {
        let measured = observers.map(|observers| Box::new(Measured::new(observers, worker())));
        Arc::new(CachePadded::new(Self { measured, ..Self::default() }))
    }

    fn all(&self) -> [&AtomicU64; 8] {
        let Self { completed, panicked, cancelled, timed_out, crashed, failed, unstarted, inline, .. } = self;
        [completed, panicked, cancelled, timed_out, crashed, failed, unstarted, inline]
    }

    #[inline]
    pub(crate) fn count(&self, ending: Ending, has_started: bool, is_shared: bool) {
        add(self.of(ending), 1, is_shared);
        if !has_started && ending != Ending::Cancelled {
            add(&self.unstarted, 1, is_shared);
        }
    }

    /// Counts `more` jobs as running where no worker counts them. The sum wraps, so a large number counts fewer.
    pub(crate) fn add_inline(&self, more: u64, is_shared: bool) {
        add(&self.inline, more, is_shared);
    }

    fn of(&self, ending: Ending) -> &AtomicU64 {
        match ending {
            Ending::Completed => &self.completed,
            Ending::Cancelled => &self.cancelled,
            Ending::Failed(Failure::Panicked) => &self.panicked,
            Ending::Failed(Failure::TimedOut) => &self.timed_out,
            Ending::Failed(Failure::Crashed) => &self.crashed,
            Ending::Failed(Failure::Other) => &self.failed,
        }
    }

    fn add_to(&self, stats: &mut Stats) {
        // Relaxed, here and below: see `add`.
        let [completed, panicked, cancelled, timed_out, crashed, failed, unstarted, inline] =
            self.all().map(|number| number.load(Ordering::Relaxed));
        stats.completed += completed;
        stats.panicked += panicked;
        stats.cancelled += cancelled;
        stats.timed_out += timed_out;
        stats.crashed += crashed;
        stats.failed += failed;
        stats.unstarted += unstarted;
        stats.running += usize::try_from(inline).unwrap_or_default();
        if let (Some(times), Some(wait), Some(run)) = (&self.measured, &mut stats.wait, &mut stats.run) {
            times.add_to(wait, run);
        }
    }

    /// The data of a measured pool.
    pub(crate) fn measured(&self) -> Option<&Measured> {
        self.measured.as_deref()
    }

    fn absorb(&self, other: &Self) {
        for (number, more) in self.all().into_iter().zip(other.all()) {
            number.fetch_add(more.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        if let (Some(times), Some(more)) = (&self.measured, &other.measured) {
            times.absorb(more);
        }
    }
}

/// While this exists, its thread counts for a [`JobCounters`]. It stays on its thread.
#[must_use = "the thread counts until this is dropped"]
pub struct WorkerCounters {
    counters: Arc<JobCounters>,
    before: Option<Local>,
}

impl WorkerCounters {
    fn enter(counters: &Arc<JobCounters>, local: Local) -> Self {
        let before = LOCAL.try_with(|current| current.replace(Some(local))).ok().flatten();
        Self { counters: counters.clone(), before }
    }
}

impl Drop for WorkerCounters {
    fn drop(&mut self) {
        let own = LOCAL.try_with(|current| current.replace(self.before.take())).ok().flatten();
        if let Some(own) = own.filter(|own| !own.is_shared) {
            self.counters.leave(&own.counts);
        }
    }
}

impl fmt::Debug for WorkerCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerCounters").finish_non_exhaustive()
    }
}

/// Does `f` with the counts of this thread, and whether others share them, if it counts for `queue_id`.
#[inline]
pub(crate) fn with_own<R>(queue_id: QueueId, f: impl FnOnce(&Arc<PaddedCounts>, bool) -> R) -> Option<R> {
    LOCAL
        .try_with(|current| {
            let current = current.borrow();
            let local = current.as_ref().filter(|local| local.queue_ids.contains(&queue_id))?;
            Some(f(&local.counts, local.is_shared))
        })
        .ok()
        .flatten()
}

/// The worker of this thread has spent this time on its start: on its thread, its hook, or the process `pid`. Only a measured pool keeps
/// that.
pub fn worker_started(took: Duration, pid: Option<u32>) {
    let _ = LOCAL.try_with(|current| {
        let current = current.borrow();
        let Some(local) = current.as_ref() else { return };
        if let Some(measured) = local.counts.measured() {
            measured.started(took, pid, local.is_shared);
        }
    });
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{JobCounters, LOCAL, QueueId};

    /// A pool's threads come and go as long as the program runs.
    #[test]
    fn threads_that_have_left_take_no_room() {
        let (outer, inner) = (JobCounters::new(false), JobCounters::new(false));
        let queue_ids = [QueueId::next(); 3];
        let own = outer.local(queue_ids);
        for _ in 0..3 {
            drop(inner.local([QueueId::next(); 3]));
            drop(inner.shared([QueueId::next(); 3]));
        }
        assert!(inner.workers.lock().live.is_empty());
        let known = LOCAL.with(|current| current.borrow().as_ref().map(|local| local.queue_ids));
        assert!(known.is_some_and(|known| known == queue_ids), "the thread counts for the first again");
        drop(own);
        assert!(outer.workers.lock().live.is_empty() && LOCAL.with(|current| current.borrow().is_none()));
    }
}
