//! Counters of how an executor's jobs ended. For authors of executors.
//!
//! A job is counted once, for its queue, by the thread that decides its outcome. A worker has local counters, which no other thread
//! writes, so counting costs two memory accesses; `stats` adds them up. Other threads that end a job (by a cancel or a time limit) find
//! the shared counters in the [`registry`](crate::registry), by the [`QueueId`].

use std::cell::{Cell, RefCell};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use crate::error::JobError;
use crate::observe::job::{EndedJob, JobOutcome, RunningJob};
use crate::observe::observers::{self, Observers, Running};
use crate::queue_id::QueueId;
use crate::stats::{Histogram, Stats};
use crate::stats::{Recorder, add};
use crate::status::JobId;
use crate::sync::thread_local;

/// Counters of how an executor's jobs ended.
pub struct JobCounters {
    /// The counts of threads that have none of their own, and of workers that have left.
    shared: Arc<PaddedCounts>,
    workers: Mutex<Vec<Arc<PaddedCounts>>>,
}

/// How a job failed. Later variants are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// In another way: rejected, dropped, impossible to encode, or without a worker.
    Other,
    /// It panicked.
    Panicked,
    /// It exceeded a time limit.
    TimedOut,
    /// Its process died.
    Crashed,
}

impl Failure {
    /// Returns the kind of the error. `None` for a cancel.
    pub fn of(error: &JobError) -> Option<Self> {
        match error {
            JobError::Cancelled(_) => None,
            JobError::Panicked(_) => Some(Self::Panicked),
            JobError::TimedOut(_) => Some(Self::TimedOut),
            JobError::Crashed(_) => Some(Self::Crashed),
            JobError::Rejected(_) | JobError::Codec(_) | JobError::Broken(_) | JobError::Failed(_) => Some(Self::Other),
        }
    }
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

/// The data of a measured pool's worker.
pub(crate) struct Measured {
    wait: Recorder,
    run: Recorder,
    pub(crate) running: Running,
    /// The pool's.
    observers: Arc<Observers>,
}

impl Measured {
    fn new(observers: Arc<Observers>) -> Self {
        Self { wait: Recorder::default(), run: Recorder::default(), running: Running::default(), observers }
    }

    pub(crate) fn begin(&self, job: RunningJob) {
        self.running.add(job, &self.observers);
    }

    pub(crate) fn end(&self, id: JobId, ran: Duration, outcome: JobOutcome, is_shared: bool) {
        let Some(job) = self.running.remove(id) else { return };
        self.wait.record(job.waited(), is_shared);
        self.run.record(ran, is_shared);
        observers::report(&self.observers, &EndedJob { job, ran, outcome });
    }
}

thread_local! {
    static LOCAL: RefCell<Option<Local>> = const { RefCell::new(None) };
    /// The worst failure of the parts of the job that returns next on this thread.
    static OF_PARTS: Cell<Option<Failure>> = const { Cell::new(None) };
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
        Arc::new(Self { shared: Counts::new(observers), workers: Mutex::default() })
    }

    /// Returns the observers of the pool, if it is measured.
    pub fn observers(&self) -> Option<&Arc<Observers>> {
        self.shared.measured.as_ref().map(|measured| &measured.observers)
    }

    /// Returns the jobs that run now, if the pool is measured; otherwise none.
    pub fn running(&self) -> Vec<RunningJob> {
        let workers = self.workers.lock();
        let measured = workers.iter().chain([&self.shared]).filter_map(|counts| counts.measured.as_ref());
        measured.flat_map(|measured| measured.running.all()).collect()
    }

    /// Makes the calling thread count jobs of `queue_ids` in local counters, until the returned guard is dropped. The counts stay when the
    /// thread ends.
    pub fn local(self: &Arc<Self>, queue_ids: [QueueId; 3]) -> WorkerCounters {
        let counts = Counts::new(self.observers().cloned());
        self.workers.lock().push(counts.clone());
        WorkerCounters::enter(self, Local { queue_ids, counts, is_shared: false })
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
        for counts in workers.iter().chain([&self.shared]) {
            counts.add_to(&mut stats);
        }
        stats
    }

    /// The counts of threads that have none of their own.
    pub(crate) fn shared_counts(&self) -> &Arc<PaddedCounts> {
        &self.shared
    }

    /// Adds the `counts` of a worker that stops counting to the shared ones.
    fn leave(&self, counts: &Arc<PaddedCounts>) {
        let mut workers = self.workers.lock();
        let Some(place) = workers.iter().position(|worker| Arc::ptr_eq(worker, counts)) else { return };
        workers.swap_remove(place);
        self.shared.absorb(counts);
    }
}

impl fmt::Debug for JobCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobCounters").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Counts {
    fn new(observers: Option<Arc<Observers>>) -> Arc<PaddedCounts> {
        let measured = observers.map(|observers| Box::new(Measured::new(observers)));
        Arc::new(CachePadded::new(Self { measured, ..Self::default() }))
    }

    fn all(&self) -> [&AtomicU64; 8] {
        let Self { completed, panicked, cancelled, timed_out, crashed, failed, unstarted, inline, .. } = self;
        [completed, panicked, cancelled, timed_out, crashed, failed, unstarted, inline]
    }

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
            times.wait.add_to(wait);
            times.run.add_to(run);
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
            times.wait.absorb(&more.wait);
            times.run.absorb(&more.run);
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

/// How a job counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Cancelled,
    Failed(Failure),
}

impl Ending {
    /// Of a job of several parts, a result counts as the worst failure of those.
    pub(crate) fn of(outcome: Result<(), &JobError>, of_parts: Option<Failure>) -> Self {
        match outcome {
            Ok(()) => of_parts.map_or(Self::Completed, Self::Failed),
            Err(error) => Failure::of(error).map_or(Self::Cancelled, Self::Failed),
        }
    }
}

impl JobOutcome {
    /// Returns the kind of an outcome. A result counts as the worst failure of the job's parts, if there is one.
    pub fn of(outcome: Result<Option<Failure>, &JobError>) -> Self {
        let of_parts = outcome.unwrap_or_default();
        Ending::of(outcome.map(drop), of_parts).into()
    }
}

impl From<Ending> for JobOutcome {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Completed => Self::Completed,
            Ending::Cancelled => Self::Cancelled,
            Ending::Failed(Failure::Panicked) => Self::Panicked,
            Ending::Failed(Failure::TimedOut) => Self::TimedOut,
            Ending::Failed(Failure::Crashed) => Self::Crashed,
            Ending::Failed(Failure::Other) => Self::Failed,
        }
    }
}

/// Makes the job that is about to return on this thread count as this failure, which is the worst of its parts.
pub fn returns_with(failure: Option<Failure>) {
    OF_PARTS.with(|of_parts| of_parts.set(failure));
}

/// Takes the failure that [`returns_with`] set for the job that has returned.
pub(crate) fn take_failure_of_parts() -> Option<Failure> {
    OF_PARTS.with(Cell::take)
}

/// A point in time, or none, in half the room of an `Option<Instant>`: every job has one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moment(Option<NonZeroU64>);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Moment {
    pub(crate) fn at(when: Instant) -> Self {
        let nanos = u64::try_from(when.saturating_duration_since(*START).as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::new(nanos.max(1)))
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        Some(*START + Duration::from_nanos(self.0?.get()))
    }
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
        assert!(inner.workers.lock().is_empty());
        let known = LOCAL.with(|current| current.borrow().as_ref().map(|local| local.queue_ids));
        assert!(known.is_some_and(|known| known == queue_ids), "the thread counts for the first again");
        drop(own);
        assert!(outer.workers.lock().is_empty() && LOCAL.with(|current| current.borrow().is_none()));
    }
}
