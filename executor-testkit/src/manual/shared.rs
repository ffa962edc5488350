//! The state that an executor and its handles share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use executor_core::job_counters::{JobCounters, WorkerCounters};
use executor_core::queue_id::{JobDeparture, QueueId};
use executor_core::registry::{self, QueueRegistration};
use executor_core::wrap::{Context, Wrapper};
use executor_core::{Future, JobError, JobId, QueueLimit, Stats, promise};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::clock::Event;
use super::inside::{self, Inside};
use super::lanes::Order;
use super::state::State;

pub(super) struct Shared {
    me: Weak<Shared>,
    pub(super) workers: usize,
    pub(super) bound: QueueLimit,
    pub(super) name: Arc<str>,
    /// Captures the context of each job.
    wrapper: Option<Wrapper>,
    queue: QueueRegistration,
    delay: QueueRegistration,
    /// Of jobs that were taken from the queue.
    taken: QueueRegistration,
    counters: Arc<JobCounters>,
    state: Mutex<State>,
    /// Something was queued, has ended, or is due earlier; or the executor was shut down.
    pub(super) changed: Condvar,
    is_stopped: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        workers: usize,
        bound: QueueLimit,
        name: Arc<str>,
        order: Order,
        wrapper: Option<Wrapper>,
        measures: bool,
    ) -> Arc<Self> {
        let state = State::new(order, measures);
        Arc::new_cyclic(|me: &Weak<Self>| {
            let counters = JobCounters::new(measures);
            let register = || QueueRegistration::counted(me.clone(), counters.clone());
            let (queue, delay, taken) = (register(), register(), register());
            let (state, changed, is_stopped) = (Mutex::new(state), Condvar::new(), AtomicBool::new(false));
            Self {
                me: me.clone(),
                workers,
                bound,
                name,
                wrapper,
                queue,
                delay,
                taken,
                counters,
                state,
                changed,
                is_stopped,
            }
        })
    }

    pub(super) fn wraps_jobs(&self) -> bool {
        self.wrapper.is_some()
    }

    /// Captures the context of a job that is submitted now, if jobs are wrapped. After a shutdown, the job is refused without one.
    pub(super) fn capture(&self) -> Result<Option<Context>, JobError> {
        let Some(wrapper) = self.wrapper.as_ref() else { return Ok(None) };
        if !self.lock().is_open {
            return Ok(None);
        }
        wrapper.capture().map(Some)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn arc(&self) -> Arc<Self> {
        self.me.upgrade().expect("it is borrowed from an `Arc`")
    }

    pub(super) fn weak(&self) -> Weak<Self> {
        self.me.clone()
    }

    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(super) fn queue(&self) -> QueueId {
        self.queue.id()
    }

    pub(super) fn delay(&self) -> QueueId {
        self.delay.id()
    }

    pub(super) fn taken(&self) -> QueueId {
        self.taken.id()
    }

    pub(super) fn queue_ids(&self) -> [QueueId; 3] {
        [self.queue(), self.delay(), self.taken()]
    }

    pub(super) fn now(&self) -> Instant {
        self.lock().clock.now()
    }

    /// The virtual time once `limit` is over.
    pub(super) fn after(&self, limit: Duration) -> Instant {
        self.lock().clock.after(limit)
    }

    /// Lets `event` happen after `delay`.
    pub(super) fn schedule(&self, delay: Duration, event: Event) {
        let mut state = self.lock();
        let due = state.clock.after(delay);
        state.clock.set(due, event);
        drop(state);
        self.notify();
    }

    /// Wakes the threads that wait for a change, and ends the futures of [`closed`](Self::closed) once the executor is gone. Those run
    /// callbacks, so no lock may be held.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
        let mut state = self.lock();
        if state.closed.is_empty() || !state.is_gone() {
            return;
        }
        let closed = std::mem::take(&mut state.closed);
        drop(state);
        let _inside = Inside::callback(self.address());
        for promise in closed {
            promise.complete(());
        }
    }

    pub(super) fn closed(&self) -> Future<()> {
        let (promise, future) = promise();
        self.lock().closed.push(promise);
        self.notify();
        future
    }

    /// Whether this thread runs a job or a callback of this very executor, or drops what a cancelled job of it had captured.
    pub(super) fn is_inside(&self) -> bool {
        self.is_dropping_cancelled() || inside::is_inside(self.address())
    }

    fn is_dropping_cancelled(&self) -> bool {
        self.queue_ids().into_iter().any(|queue_id| registry::departing(queue_id) > 0)
    }

    /// Jobs see from now on that they should stop.
    pub(super) fn set_stopped(&self) {
        // Relaxed: the flag carries no data; jobs only look whether it is set.
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        // Relaxed: see `set_stopped`.
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// This thread counts for the executor until the member is dropped.
    pub(super) fn shared_counters(&self) -> WorkerCounters {
        self.counters.shared(self.queue_ids())
    }

    pub(super) fn counters(&self) -> &Arc<JobCounters> {
        &self.counters
    }

    pub(super) fn pending_ids(&self) -> Vec<JobId> {
        self.lock().lanes.ids()
    }

    pub(super) fn stats(&self) -> Stats {
        self.look(&self.lock())
    }

    /// Returns what the executor is doing. Runs no user code.
    pub(super) fn look(&self, state: &State) -> Stats {
        let mut stats = self.counters.stats();
        (stats.queued, stats.delayed) = (state.lanes.alive(), state.clock.delayed());
        stats.running += state.running;
        stats.workers = self.workers;
        stats.idle = self.workers.saturating_sub(stats.running);
        stats
    }
}

impl JobDeparture for Shared {
    fn on_removed(&self, from: QueueId, ends: bool) {
        let mut state = self.lock();
        state.ending += usize::from(ends);
        let mut removed = Vec::new();
        if from == self.queue() {
            removed = state.lanes.add_tombstone();
        } else if from == self.delay() {
            state.clock.add_tombstone();
        } else {
            state.taken += 1;
        }
        drop(state);
        drop(removed);
        self.notify();
    }

    fn on_finished(&self, _: QueueId) {
        self.lock().ending -= 1;
        self.notify();
    }
}
