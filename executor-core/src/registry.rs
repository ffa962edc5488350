//! All queues of the process, by their ids, and the counters of their jobs. For authors of executors.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::{JobError, Rejection};
use crate::job_counters::{self, Counts, Ending, Failure, JobCounters, PaddedCounts};
use crate::observe::job::{JobOutcome, RunningJob};
use crate::queue_id::{JobDeparture, QueueId};
use crate::status::JobId;
use crate::sync::thread_local;

/// A queue, and the counters of what came of its jobs.
struct Known {
    queue: Weak<dyn JobDeparture>,
    counters: Option<Arc<JobCounters>>,
}

static QUEUES: LazyLock<Mutex<HashMap<QueueId, Known>>> = LazyLock::new(Mutex::default);

/// While this exists, a queue is in the registry.
#[derive(Debug)]
pub struct QueueRegistration(QueueId);

impl QueueRegistration {
    /// Registers `queue` under a new id.
    pub fn new(queue: Weak<dyn JobDeparture>) -> Self {
        Self::of(Known { queue, counters: None })
    }

    /// Like [`new`](Self::new), with counters of how the queue's jobs end.
    pub fn counted(queue: Weak<dyn JobDeparture>, counters: Arc<JobCounters>) -> Self {
        Self::of(Known { queue, counters: Some(counters) })
    }

    fn of(known: Known) -> Self {
        let id = QueueId::next();
        QUEUES.lock().insert(id, known);
        Self(id)
    }

    /// Returns the id.
    pub fn id(&self) -> QueueId {
        self.0
    }
}

impl Drop for QueueRegistration {
    fn drop(&mut self) {
        let queue = QUEUES.lock().remove(&self.0);
        drop(queue);
    }
}

thread_local! {
    static DEPARTING: RefCell<Vec<QueueId>> = const { RefCell::new(Vec::new()) };
}

/// Returns for how many jobs of the queue `id` this thread is dropping captured values, before their end is visible. A shutdown that such
/// a drop calls cannot wait for it.
pub fn departing(id: QueueId) -> usize {
    DEPARTING
        .try_with(|departing| departing.borrow().iter().filter(|&&queue_id| queue_id == id).count())
        .unwrap_or_default()
}

/// A job leaves its queue, if it has one, without being run.
pub(crate) struct Departure(Option<QueueId>);

impl Departure {
    /// Before what it captured is dropped.
    pub(crate) fn begin(id: Option<QueueId>) -> Self {
        if let Some(id) = id {
            // A thread that is ending has lost the list: it waits for no pool either.
            let _ = DEPARTING.try_with(|departing| departing.borrow_mut().push(id));
        }
        Self(id)
    }

    /// After that, and before anybody can see the end.
    pub(crate) fn on_removed(&self) {
        if let Some(id) = self.0 {
            let _ = DEPARTING.try_with(|departing| departing.borrow_mut().pop());
            tell(id, |queue| queue.on_removed(id, true));
        }
    }

    /// The same for a job that had been taken from there, and dispatched.
    pub(crate) fn on_revoked(&self) {
        if let Some(id) = self.0 {
            let _ = DEPARTING.try_with(|departing| departing.borrow_mut().pop());
            tell(id, |queue| queue.on_revoked(id));
        }
    }

    /// When it has its outcome.
    pub(crate) fn on_finished(self) {
        if let Some(id) = self.0 {
            tell(id, |queue| queue.on_finished(id));
        }
    }
}

/// The job runs without its queue.
pub(crate) fn removed_to_run(id: QueueId) {
    tell(id, |queue| queue.on_removed(id, false));
}

/// This thread is about to block until the job has its outcome.
pub(crate) fn waits(queue_id: QueueId, job: JobId, is_limited: bool) {
    tell(queue_id, |queue| queue.on_wait(queue_id, job, is_limited));
}

/// Tells the queue `id`, if it is still there.
fn tell(id: QueueId, what: impl FnOnce(&dyn JobDeparture)) {
    let queue = QUEUES.lock().get(&id).and_then(|known| known.queue.upgrade());
    if let Some(queue) = queue {
        what(&*queue);
    }
}

/// Does `f` with the counters of the queue `id`, if it is still there and has some. Holds the registry's lock, which is never held longer.
fn with_counters<R>(id: QueueId, f: impl FnOnce(&JobCounters) -> R) -> Option<R> {
    QUEUES.lock().get(&id)?.counters.as_deref().map(f)
}

/// Does `f` with the counts to which this thread adds jobs of `queue_id`, and whether others share them.
#[inline]
fn with(queue_id: QueueId, f: impl Fn(&Counts, bool)) {
    if job_counters::with_own(queue_id, |counts, is_shared| f(counts, is_shared)).is_none() {
        with_counters(queue_id, |counters| f(counters.shared_counts(), true));
    }
}

/// Returns the jobs that run now in all measured pools of this process.
pub fn running() -> Vec<RunningJob> {
    let mut all: Vec<_> = QUEUES.lock().values().filter_map(|known| known.counters.clone()).collect();
    all.sort_by_key(|counters| Arc::as_ptr(counters).addr());
    all.dedup_by(|one, other| Arc::ptr_eq(one, other));
    all.iter().flat_map(|counters| counters.running()).collect()
}

/// How a job with this outcome counts, of which `of_parts` failed if that is a result. `None` for a job that was never accepted: it is no
/// matter of its queue's, while one that made room for another is.
#[inline]
pub(crate) fn ending(outcome: Result<(), &JobError>, of_parts: Option<Failure>) -> Option<Ending> {
    let is_refused = matches!(outcome, Err(JobError::Rejected(refused)) if refused.reason() != Rejection::Dropped);
    (!is_refused).then(|| Ending::of(outcome, of_parts))
}

/// A job of `queue_id` has ended so. Runs no code of a user's, for it is called under the lock of the job.
#[inline]
pub(crate) fn count(queue_id: Option<QueueId>, ending: Option<Ending>, has_started: bool) {
    if let (Some(queue_id), Some(ending)) = (queue_id, ending) {
        with(queue_id, |counts, is_shared| counts.count(ending, has_started, is_shared));
    }
}

/// A job that runs, on the list of its worker until this is dropped.
#[must_use = "the job is no longer on the list of its worker when this is dropped"]
pub struct ObservedRun {
    id: JobId,
    /// `None` when the job is off the list.
    counts: Option<Arc<PaddedCounts>>,
    /// Whether others write to the counts, too.
    is_shared: bool,
}

impl ObservedRun {
    /// Puts a job of `queue_id` on the list of this thread's worker, if its pool is measured.
    pub fn begin(queue_id: QueueId, job: RunningJob) -> Option<Self> {
        let found = job_counters::with_own(queue_id, |counts, is_shared| (counts.clone(), is_shared));
        let found = found.or_else(|| with_counters(queue_id, |counters| (counters.shared_counts().clone(), true)));
        let ((counts, is_shared), id) = (found?, job.id);
        counts.measured()?.begin(job);
        Some(Self { id, counts: Some(counts), is_shared })
    }

    /// Takes the job off the list, adds its times to the histograms, and tells the pool's observers.
    pub fn end(mut self, ran: Duration, outcome: JobOutcome) {
        let counts = self.counts.take();
        if let Some(measured) = counts.as_ref().and_then(|counts| counts.measured()) {
            measured.end(self.id, ran, outcome, self.is_shared);
        }
    }
}

/// For a job that goes to another worker, or has an outcome that was not decided where it ran.
impl Drop for ObservedRun {
    fn drop(&mut self) {
        if let Some(measured) = self.counts.as_ref().and_then(|counts| counts.measured()) {
            drop(measured.running.remove(self.id));
        }
    }
}

impl fmt::Debug for ObservedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedRun").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Counts a job that runs inline (inside of another one, or on the thread that submitted it) as running, until dropped.
#[derive(Debug)]
#[must_use = "the job counts as running until this is dropped"]
pub struct InlineRun(Option<QueueId>);

impl InlineRun {
    /// Counts a job of this queue as running inline.
    pub fn enter(queue_id: Option<QueueId>) -> Self {
        let run = Self(queue_id);
        run.add(1);
        run
    }

    fn add(&self, more: u64) {
        if let Some(queue_id) = self.0 {
            with(queue_id, |counts, is_shared| counts.add_inline(more, is_shared));
        }
    }
}

impl Drop for InlineRun {
    fn drop(&mut self) {
        // One less: the number wraps.
        self.add(u64::MAX);
    }
}
