//! A turn on a thread of rayon's: one job.

use std::sync::Arc;

use executor_core::current::{self, Host, Worker};
use executor_core::panics::{catch, drop_catching};

use super::batch::Batch;
use super::host::HostBeside;
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;

impl<R: Runner + 'static> Shared<R> {
    /// To be called once for each turn that the state counts as spawned.
    pub(super) fn spawn_turn(&self, pool: &rayon::ThreadPool) {
        let Some(shared) = self.this.upgrade() else { return };
        pool.spawn_fifo(move || shared.turn());
    }

    /// A turn on each thread, as the state has counted.
    pub(super) fn spawn_turns_everywhere(&self, pool: &rayon::ThreadPool) {
        let Some(shared) = self.this.upgrade() else { return };
        pool.spawn_broadcast(move |_| shared.turn());
    }

    fn turn(self: &Arc<Self>) {
        if !self.origin.is_here() {
            return; // rayon's thread goes on in the copy: what waits is run where it was accepted
        }
        let index = rayon::current_thread_index().unwrap_or_default();
        let Some((job, is_mail)) = self.begin_turn(index) else { return };
        let outcome = self.run_on_turn(index, job);
        // A job that runs, and one that was cancelled before.
        let had_ended = matches!(outcome, Ok(false));
        drop_catching(outcome);
        if !self.origin.is_here() {
            return; // the job has forked, and the lock may be held for ever
        }
        self.end(|state| {
            if had_ended && is_mail {
                state.delayed.removed_tombstones(1);
            } else if had_ended && self.config.capacity.is_none() {
                state.lanes.removed_tombstones(1);
            }
            self.end_turn(state);
        });
    }

    /// The job, and whether it is for this thread alone. `None` if there is none, which ends the turn.
    fn begin_turn(&self, index: usize) -> Option<(R::Job, bool)> {
        let mut state = self.lock();
        state.turn_begun();
        loop {
            if let Some(mail) = state.mailboxes.take(index) {
                return Some((mail, true));
            }
            let Some(job) = state.lanes.pop() else {
                drop(state);
                self.end(|state| self.end_turn(state));
                return None;
            };
            if self.releases_slot(&job) {
                let free = state.waiters.one();
                drop(state);
                self.notify_slot(free);
                return Some((job, false));
            }
            state.lanes.removed_tombstones(1);
            drop(state);
            drop(job);
            state = self.lock();
        }
    }

    /// A panic in the job ends there. One from anywhere else must not reach rayon, which would end the program.
    fn run_on_turn(self: &Arc<Self>, index: usize, job: R::Job) -> Result<bool, executor_core::JobError> {
        let threads = self.rayon.as_ref().expect("a turn is on rayon's threads");
        let name = threads.name(index);
        let _worker = WorkerScope::enter(self, name);
        let _member = self.shared_counters();
        catch(|| (self.make)(name).run(job, &mut Batch::new(self, None)))
    }

    fn end_turn(&self, state: &mut State<R::Job>) {
        state.turn_ended();
        if !state.is_open {
            // The timer may have stayed for this job.
            self.due.notify_all();
        }
    }
}

/// Makes the thread a worker, as long as it runs a job.
enum WorkerScope {
    /// In a job of the same pool that waits for its parts: the thread is a worker already.
    Within,
    /// The worker that the thread was before.
    Outermost(Option<Worker>),
}

impl WorkerScope {
    fn enter<R: Runner + 'static>(shared: &Arc<Shared<R>>, name: &Arc<str>) -> Self {
        if current::queue_id() == Some(shared.queue.id()) {
            return Self::Within;
        }
        let before = current::replace_worker(None);
        let (its_name, other) = match &before {
            Some(worker) => (worker.name.clone(), worker.host.clone()),
            None => (None, None),
        };
        // Of another pool over these threads, or of a pool on whose worker rayon runs: `use_current_thread` makes such.
        let host: Arc<dyn Host> = match other {
            Some(_) => Arc::new(HostBeside { shared: shared.clone(), before: other }),
            None => shared.clone(),
        };
        current::set_worker(Some(Worker {
            name: its_name.or_else(|| Some(name.clone())),
            state: None,
            host: Some(host),
        }));
        Self::Outermost(before)
    }
}

impl Drop for WorkerScope {
    fn drop(&mut self) {
        if let Self::Outermost(before) = self {
            current::set_worker(before.take());
        }
    }
}
