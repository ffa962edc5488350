//! The threads of a rayon pool, as a scheduler over them knows them.

use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, JoinHandle, ThreadId};

use executor_core::job_counters::{JobCounters, ThreadCounts};
use executor_core::queue_id::QueueId;
use parking_lot::Mutex;

use super::Supply;
use super::sharing::{RunsInPlace, Sharing};

pub(in crate::scheduler) struct RayonThreads {
    /// Not kept: the state does that, as long as there are jobs.
    pool: Weak<rayon::ThreadPool>,
    sharing: Sharing,
    /// Those that the scheduler's pool has started, to be joined by the shutdown.
    own: Mutex<Vec<JoinHandle<()>>>,
    /// Their ids: each may outlive the rayon pool, with what a job has spawned.
    own_ids: Vec<ThreadId>,
    /// By index, known from a thread's first turn on.
    names: Box<[OnceLock<Arc<str>>]>,
    /// The same of a measured pool's counts.
    counts: Box<[OnceLock<ThreadCounts>]>,
}

impl RayonThreads {
    /// Those that `supply` is, if it is rayon's, for the jobs of `queue`, which `scheduler` has. `own` are all of them, or none.
    pub(in crate::scheduler) fn of(
        supply: &Supply,
        queue: QueueId,
        scheduler: Weak<dyn RunsInPlace>,
        own: Vec<JoinHandle<()>>,
    ) -> Option<Self> {
        let Supply::Rayon(pool) = supply else { return None };
        Some(Self {
            pool: Arc::downgrade(pool),
            sharing: Sharing::new(queue, pool, scheduler),
            own_ids: own.iter().map(|thread| thread.thread().id()).collect(),
            own: Mutex::new(own),
            names: (0..pool.current_num_threads()).map(|_| OnceLock::new()).collect(),
            counts: (0..pool.current_num_threads()).map(|_| OnceLock::new()).collect(),
        })
    }

    /// Whether this thread is one of them.
    pub(in crate::scheduler) fn is_here(&self) -> bool {
        self.own_ids.contains(&thread::current().id())
            || self.pool.upgrade().is_some_and(|pool| pool.current_thread_index().is_some())
    }

    /// Whether the queue `queue_id` is of a scheduler over the same threads.
    pub(in crate::scheduler) fn is_shared_with(&self, queue_id: QueueId) -> bool {
        self.sharing.is_with(queue_id)
    }

    /// The other scheduler over the same threads that has the queue `queue_id`.
    pub(in crate::scheduler) fn other(&self, queue_id: QueueId) -> Option<Arc<dyn RunsInPlace>> {
        self.sharing.other(queue_id)
    }

    /// The counts of this thread, which has this index, in a measured pool.
    pub(in crate::scheduler) fn counts(&self, index: usize, counters: &Arc<JobCounters>) -> Option<&ThreadCounts> {
        counters.observers()?;
        let create = || counters.thread_counts(self.name(index)).expect("the pool is measured");
        Some(self.counts[index].get_or_init(create))
    }

    /// The name of this thread, which has this index: its own, or `rayon-` and the index.
    pub(in crate::scheduler) fn name(&self, index: usize) -> &Arc<str> {
        self.names[index].get_or_init(|| match thread::current().name() {
            Some(name) => Arc::from(name),
            None => format!("rayon-{index}").into(),
        })
    }

    /// Their names, as far as they are known.
    pub(in crate::scheduler) fn names(&self) -> Vec<Arc<str>> {
        let name = |(index, name): (usize, &OnceLock<Arc<str>>)| {
            name.get().cloned().unwrap_or_else(|| format!("rayon-{index}").into())
        };
        self.names.iter().enumerate().map(name).collect()
    }

    /// Blocks until those that are ours have ended. The pool was released.
    pub(in crate::scheduler) fn join(&self) {
        for thread in std::mem::take(&mut *self.own.lock()) {
            // A thread of rayon's ends by returning; what its thread-locals do when dropped is not ours to report.
            drop(thread.join());
        }
        self.counts.iter().filter_map(OnceLock::get).for_each(ThreadCounts::leave);
    }
}
