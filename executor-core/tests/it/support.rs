//! Shared helpers of the tests. No test sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::Wake;
use std::thread;
use std::time::Duration;

use executor_core::current::Host;
use executor_core::queue_id::QueueId;
use executor_core::{Broken, JobError, Promise};

use crate::departures::Queue;

/// Longer than any test takes on a loaded machine. Only a test that hangs reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs what would rather fail than hang, on a thread of its own.
pub(crate) fn within_patience<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, ended) = mpsc::channel::<()>();
    let body = move || {
        let _done = done; // dropped when the body ends, in whatever way
        body()
    };
    let thread = thread::spawn(body);
    assert_ne!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// Counts how often it was told of something.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

/// How a promised job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Ok,
    Error,
    Cancel,
}

/// Ends job `n` as `fate` says: with its number, or with an error that names it.
pub(crate) fn end(promise: Promise<usize>, n: usize, fate: Fate, cancel: impl FnOnce() -> bool) {
    assert!(match fate {
        Fate::Ok => promise.complete(n),
        Fate::Error => promise.fail(JobError::Broken(Broken::new(n.to_string()))),
        Fate::Cancel => cancel(),
    });
}

/// Whether `outcome` is that of job `n`, ended as `fate` says.
pub(crate) fn is_outcome(outcome: &Result<usize, JobError>, n: usize, fate: Fate) -> bool {
    match outcome {
        Ok(value) => fate == Fate::Ok && *value == n,
        Err(JobError::Broken(broken)) => fate == Fate::Error && broken.reason() == n.to_string(),
        Err(error) => fate == Fate::Cancel && error.is_cancelled(),
    }
}

/// A pool as its workers see it, which counts what they tell it.
pub(crate) struct Pool {
    pub(crate) queue: Queue,
    pub(crate) blocks: Count,
    pub(crate) unblocks: Count,
    is_stopping: bool,
}

impl Pool {
    pub(crate) fn new(is_stopping: bool) -> Arc<Self> {
        Arc::new(Self { queue: Queue::new(), blocks: Count::default(), unblocks: Count::default(), is_stopping })
    }
}

impl Host for Pool {
    fn queue_id(&self) -> QueueId {
        self.queue.id()
    }

    fn block(&self) {
        self.blocks.add();
    }

    fn unblock(&self) {
        self.unblocks.add();
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping
    }
}
