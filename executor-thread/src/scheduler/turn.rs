//! A turn on a thread of rayon's: one job.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use executor_core::current::{self, Host, Worker};
use executor_core::panics::{catch, drop_catching};

use super::batch::Batch;
use super::host::HostBeside;
use super::queued::Queued;
use super::runner::Runner;
use super::shared::Shared;
use super::supply::RunsInPlace;

thread_local! {
    /// How many turns are on the stack of this thread, of whatever schedulers.
    static TURNS: Cell<usize> = const { Cell::new(0) };
    /// Free turns that came where the stack was full of other turns: each spawns itself again.
    static DEFERRED: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

/// A turn on the stack of this thread. When it ends, there is room for one that was deferred; after the last, for all of them.
struct Turn;

impl Turn {
    fn begin() -> Self {
        TURNS.set(TURNS.get() + 1);
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURNS.set(TURNS.get() - 1);
        let is_last = TURNS.get() == 0;
        let deferred = DEFERRED.with_borrow_mut(|deferred| {
            let n = if is_last { deferred.len() } else { deferred.len().min(1) };
            deferred.drain(..n).collect::<Vec<_>>()
        });
        for respawn in deferred {
            respawn();
        }
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// Spawns free turns, which the state has counted.
    pub(super) fn spawn_turns(&self, pool: &rayon::ThreadPool, n: usize) {
        let Some(shared) = self.this.upgrade() else { return };
        for _ in 0..n {
            let shared = shared.clone();
            pool.spawn_fifo(move || shared.free_turn());
        }
    }

    /// A turn on each thread, for the job in its mailbox.
    pub(super) fn spawn_turns_everywhere(&self, pool: &rayon::ThreadPool) {
        let Some(shared) = self.this.upgrade() else { return };
        pool.spawn_broadcast(move |thread| {
            shared.turn(false, || shared.take_mail(thread.index()));
        });
    }

    /// Where the stack is full of turns, whose jobs wait for their parts, no further job begins: the turn is spawned again when one of those ends.
    fn free_turn(self: Arc<Self>) {
        let run = || self.turn(true, || self.begin_free_turn());
        if current::nested(run).is_some() {
            return;
        }
        if TURNS.get() == 0 {
            // The stack is full of something else, and no turn below could spawn this one again.
            return self.turn(true, || self.begin_free_turn());
        }
        DEFERRED
            .with_borrow_mut(|deferred| deferred.push(Box::new(move || rayon::spawn_fifo(move || self.free_turn()))));
    }

    /// Runs the job that `begin` takes, if there is one.
    fn turn(self: &Arc<Self>, is_free: bool, begin: impl FnOnce() -> Option<R::Job>) {
        if !self.origin.is_here() {
            return; // rayon's thread goes on in the copy: what waits is run where it was accepted
        }
        let _turn = Turn::begin();
        let (job, mut had_ended) = (begin(), false);
        let did_run = job.is_some();
        if let Some(job) = job {
            let index = rayon::current_thread_index().unwrap_or_default();
            let outcome = self.run_on_turn(index, job);
            // It may have been cancelled since it was taken.
            had_ended = matches!(outcome, Ok(false));
            drop_catching(outcome);
            if !self.origin.is_here() {
                return; // the job has forked, and the lock may be held for ever
            }
        }
        let wake = self.end(|state| {
            if had_ended && !is_free {
                state.delayed.removed_tombstones(1);
            } else if had_ended {
                self.taken_had_ended(state);
            }
            let wake = state.turn_ended(did_run);
            if !state.is_open {
                // The timer may have stayed for this job.
                self.due.notify_all();
            }
            wake
        });
        self.perform(wake);
    }

    /// The next job of the lanes.
    fn begin_free_turn(&self) -> Option<R::Job> {
        let mut state = self.lock();
        state.free_turn_begun();
        loop {
            let job = state.lanes.pop()?;
            if job.is_waiting() && self.releases_slot(&job) {
                state.turn_runs();
                let free = state.waiters.one();
                drop(state);
                self.notify_slot(free);
                return Some(job);
            }
            state.lanes.removed_tombstones(1);
            drop(state);
            drop(job);
            state = self.lock();
        }
    }

    /// The job in the mailbox of the thread with this index.
    fn take_mail(&self, index: usize) -> Option<R::Job> {
        let mut state = self.lock();
        let job = state.mailboxes.take(index)?;
        if job.is_waiting() {
            state.turn_runs();
            return Some(job);
        }
        state.delayed.removed_tombstones(1);
        drop(state);
        drop(job);
        None
    }

    /// A panic in the job ends there. One from anywhere else must not reach rayon, which would end the program.
    fn run_on_turn(self: &Arc<Self>, index: usize, job: R::Job) -> Result<bool, executor_core::JobError> {
        let threads = self.rayon.as_ref().expect("a turn is on rayon's threads");
        let name = threads.name(index);
        let _worker = WorkerScope::enter(self, name);
        let _member = self.thread_counters(index);
        catch(|| (self.make)(name).run(job, &mut Batch::new(self, None)))
    }
}

impl<R: Runner + 'static> RunsInPlace for Shared<R> {
    fn run_in_other_job(&self, run: &mut dyn FnMut() -> bool) -> bool {
        let (Some(shared), Some(threads)) = (self.this.upgrade(), &self.rayon) else { return run() };
        self.lock().caller_runs += 1;
        let did_run = {
            let index = rayon::current_thread_index().unwrap_or_default();
            let _worker = WorkerScope::enter(&shared, threads.name(index));
            let _member = self.thread_counters(index);
            run()
        };
        if self.origin.is_here() {
            self.caller_has_run();
        }
        did_run
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
            Some(_) => Arc::new(HostBeside { shared: shared.clone(), before: other, runs_before: true }),
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
