//! Pools that share the threads of one rayon pool. Each of these threads may run the queued jobs of all of them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use executor_core::queue_id::QueueId;
use parking_lot::Mutex;

/// A scheduler whose jobs may run in place, on a thread that waits for them in a job of another pool.
pub(in crate::scheduler) trait RunsInPlace: Send + Sync {
    /// Calls `run`, which runs one of the scheduler's jobs. A shutdown waits for the job, and a kill reaches it.
    fn run_in_other_job(&self, run: &mut dyn FnMut() -> bool) -> bool;
}

/// A scheduler over the rayon pool at this address.
struct Sharer {
    pool: usize,
    scheduler: Weak<dyn RunsInPlace>,
}

/// The scheduler of each queue whose jobs rayon's threads run.
static SHARERS: LazyLock<Mutex<HashMap<QueueId, Sharer>>> = LazyLock::new(Mutex::default);

/// The queue is known until this is dropped.
pub(super) struct Sharing {
    queue: QueueId,
    /// Not used again while a job of the queue is left: the pool is kept until then.
    pool: usize,
}

impl Sharing {
    pub(super) fn new(queue: QueueId, pool: &Arc<rayon::ThreadPool>, scheduler: Weak<dyn RunsInPlace>) -> Self {
        let pool = Arc::as_ptr(pool).addr();
        SHARERS.lock().insert(queue, Sharer { pool, scheduler });
        Self { queue, pool }
    }

    /// Whether the same threads run the jobs of the queue `queue_id`.
    pub(super) fn is_with(&self, queue_id: QueueId) -> bool {
        queue_id == self.queue || SHARERS.lock().get(&queue_id).is_some_and(|sharer| sharer.pool == self.pool)
    }

    /// The other scheduler over these threads that has the queue `queue_id`.
    pub(super) fn other(&self, queue_id: QueueId) -> Option<Arc<dyn RunsInPlace>> {
        if queue_id == self.queue {
            return None;
        }
        let sharers = SHARERS.lock();
        sharers.get(&queue_id).filter(|sharer| sharer.pool == self.pool)?.scheduler.upgrade()
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        SHARERS.lock().remove(&self.queue);
    }
}
