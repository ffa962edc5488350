//! Pools that share the threads of one rayon pool. Each of these threads may run the queued jobs of all of them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use executor_core::queue_id::QueueId;
use parking_lot::Mutex;

/// The address of the rayon pool that runs the jobs of each queue.
static POOLS: LazyLock<Mutex<HashMap<QueueId, usize>>> = LazyLock::new(Mutex::default);

/// The queue is known until this is dropped.
pub(super) struct Sharing {
    queue: QueueId,
    /// Not used again while a job of the queue is left: the pool is kept until then.
    pool: usize,
}

impl Sharing {
    pub(super) fn new(queue: QueueId, pool: &Arc<rayon::ThreadPool>) -> Self {
        let pool = Arc::as_ptr(pool).addr();
        POOLS.lock().insert(queue, pool);
        Self { queue, pool }
    }

    /// Whether the same threads run the jobs of the queue `queue_id`.
    pub(super) fn is_with(&self, queue_id: QueueId) -> bool {
        queue_id == self.queue || POOLS.lock().get(&queue_id) == Some(&self.pool)
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        POOLS.lock().remove(&self.queue);
    }
}
