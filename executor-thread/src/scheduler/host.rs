//! A scheduler as the jobs that its workers run find it: the pool that is told when they wait.

use std::sync::Arc;

use executor_core::current::Host;
use executor_core::queue_id::QueueId;

use super::identity;
use super::runner::Runner;
use super::shared::Shared;
use super::sync::Ordering;

impl<R: Runner + 'static> Shared<R> {
    /// Where this thread counts as a worker that another may replace. `None` on rayon's threads, which are fixed in number, and in the copy of a
    /// process that a job has forked: no thread is to start there.
    fn place_of_waiter(&self) -> Option<usize> {
        if self.rayon.is_none() && self.origin.is_here() { identity::worker_place() } else { None }
    }
}

impl<R: Runner + 'static> Host for Shared<R> {
    fn queue_id(&self) -> QueueId {
        self.queue.id()
    }

    fn may_run(&self, queue_id: QueueId) -> bool {
        queue_id == self.queue.id() || self.rayon.as_ref().is_some_and(|threads| threads.is_shared_with(queue_id))
    }

    #[cfg(feature = "rayon")]
    fn run_in_place(&self, queue_id: QueueId, run: &mut dyn FnMut() -> bool) -> bool {
        match self.rayon.as_ref().and_then(|threads| threads.other(queue_id)) {
            Some(other) => other.run_in_other_job(run),
            None => run(),
        }
    }

    fn block(&self) {
        if let Some(place) = self.place_of_waiter() {
            let wake = self.lock().block(place);
            self.perform(wake);
        }
    }

    fn unblock(&self) {
        if let Some(place) = self.place_of_waiter() {
            self.lock().unblock(place);
        }
    }

    fn is_stopping(&self) -> bool {
        // Relaxed: the flag carries no data; jobs only look whether it is set.
        self.is_stopping.load(Ordering::Relaxed)
    }

    fn is_forked(&self) -> bool {
        !self.origin.is_here()
    }
}

/// The pool of a job that runs on a thread which is a worker of another pool, or of none.
pub(super) struct HostBeside<R: Runner + 'static> {
    pub(super) shared: Arc<Shared<R>>,
    /// The pool whose worker the thread is otherwise.
    pub(super) before: Option<Arc<dyn Host>>,
    /// Whether jobs of that one may run in place here, too. These would be asked to stop with this pool, and not with theirs.
    pub(super) runs_before: bool,
}

impl<R: Runner + 'static> Host for HostBeside<R> {
    fn queue_id(&self) -> QueueId {
        self.shared.queue.id()
    }

    fn may_run(&self, queue_id: QueueId) -> bool {
        let may_before = || self.before.as_ref().is_some_and(|before| before.may_run(queue_id));
        self.shared.may_run(queue_id) || self.runs_before && may_before()
    }

    fn run_in_place(&self, queue_id: QueueId, run: &mut dyn FnMut() -> bool) -> bool {
        self.shared.run_in_place(queue_id, run)
    }

    fn block(&self) {
        // The scheduler has all its workers, and needs none in place of this thread.
        if let Some(before) = &self.before {
            before.block();
        }
    }

    fn unblock(&self) {
        if let Some(before) = &self.before {
            before.unblock();
        }
    }

    fn is_stopping(&self) -> bool {
        Host::is_stopping(&*self.shared)
    }

    fn is_forked(&self) -> bool {
        Host::is_forked(&*self.shared)
    }
}
