//! The data that the workers, the timer and the handles of a scheduler share.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use executor_core::current::activity::PoolName;
use executor_core::job_counters::JobCounters;
use executor_core::queue_id::{JobDeparture, QueueId};
use executor_core::registry::QueueRegistration;
use executor_core::{JobError, JobId, Priority, Rejection};

use super::config::Config;
use super::identity::SchedulerId;
use super::inbox::Inbox;
use super::lendable::Lendable;
use super::queued::{Queued, TimerEvent};
use super::registry::Threads;
use super::runner::Runner;
use super::stall_watch::StallWatch;
use super::state::{State, Wake};
use super::stops::Stops;
use super::supply::{RayonThreads, Supply};
use super::sync::{self, AtomicBool, Condvar, Mutex, Ordering, Unparker};
use super::waiters::wake_tasks;
use crate::fork::Origin;

/// The result of a push: a refused job comes back.
pub type Pushed<J> = Result<(), (J, Rejection)>;

type Make<R> = Box<dyn Fn(&Arc<str>) -> R + Send + Sync>;

pub(super) struct Shared<R: Runner> {
    pub(super) this: Weak<Self>,
    /// The process whose threads serve it.
    pub(super) origin: Origin,
    pub(super) config: Config,
    pub(super) make: Make<R>,
    /// See [`lock`](Self::lock).
    pub(super) state: Mutex<State<R::Job>>,
    /// Jobs that are not in the state yet.
    pub(super) inbox: Inbox<R::Job>,
    /// Set when a job comes while a worker spins.
    pub(super) job_arrived: AtomicBool,
    /// Set while a job waits that is not normal: then workers look at the lanes before their local queues.
    pub(super) is_urgent: AtomicBool,
    /// The timer waits here.
    pub(super) due: Condvar,
    /// Threads that wait for a slot in a full queue wait here.
    pub(super) slot_freed: Condvar,
    /// Threads that wait until nothing is left to do wait here.
    pub(super) idle: Condvar,
    /// The threads for callbacks and for drops wait here.
    pub(super) called: Condvar,
    /// Threads that wait for a shutdown to be over wait here.
    pub(super) gone: Condvar,
    /// Set by a shutdown that stops the running jobs.
    pub(super) is_stopping: AtomicBool,
    /// The stops that the runners gave, for jobs that ignore the request to stop.
    pub(super) stops: Mutex<Stops>,
    /// Decides whether something stalls.
    pub(super) stall_watch: Mutex<StallWatch>,
    pub(super) lendable: Lendable,
    pub(super) threads: Mutex<Threads>,
    /// The threads that run the jobs, where these are rayon's.
    pub(super) rayon: Option<RayonThreads>,
    /// Held while threads are joined, so that another shutdown at the same time returns no earlier.
    pub(super) joining: Mutex<()>,
    /// The queue id of jobs in the lanes.
    pub(super) queue: QueueRegistration,
    /// The queue id of jobs that wait for their time.
    pub(super) delay: QueueRegistration,
    /// The queue id of jobs that wait for their time, and that a shutdown cancels.
    pub(super) cancel_on_shutdown: QueueRegistration,
    /// The queue id of jobs that a worker has taken from a bounded queue, and not claimed yet.
    pub(super) taken: QueueRegistration,
    /// The queue id of periodic runs that a shutdown cancels before their time.
    pub(super) never_due: QueueRegistration,
    /// Counts how the jobs of these queue ids ended, but for those that were never due.
    pub(super) counters: Arc<JobCounters>,
}

impl<R: Runner + 'static> Shared<R> {
    pub(super) fn new(config: Config, make: Make<R>) -> Arc<Self> {
        Self::over(Supply::Own, Vec::new(), config, make)
    }

    /// The same, whose jobs run on other threads. `started` are those of them that the shutdown joins: all, or none.
    pub(super) fn over(supply: Supply, started: Vec<JoinHandle<()>>, config: Config, make: Make<R>) -> Arc<Self> {
        let counters = JobCounters::new(config.measure);
        let register = |this: &Weak<Self>| QueueRegistration::counted(this.clone(), counters.clone());
        Arc::new_cyclic(|this: &Weak<Self>| {
            let queue = register(this);
            let is_usual = matches!(supply, Supply::Own) && config.capacity.is_none();
            let rayon = RayonThreads::of(&supply, queue.id(), this.clone(), started);
            Self {
                this: this.clone(),
                origin: Origin::here(),
                state: Mutex::new(State::over(supply, &config)),
                inbox: Inbox::new(is_usual),
                stall_watch: Mutex::new(StallWatch::new(sync::now(), Duration::ZERO)),
                lendable: Lendable::new(),
                config,
                make,
                job_arrived: AtomicBool::new(false),
                is_urgent: AtomicBool::new(false),
                due: Condvar::default(),
                slot_freed: Condvar::default(),
                idle: Condvar::default(),
                called: Condvar::default(),
                gone: Condvar::default(),
                is_stopping: AtomicBool::new(false),
                stops: Mutex::default(),
                threads: Mutex::default(),
                rayon,
                joining: Mutex::default(),
                queue,
                delay: register(this),
                // A run whose time never came was no job yet: its cancel counts for nothing.
                cancel_on_shutdown: QueueRegistration::new(this.clone()),
                taken: register(this),
                never_due: QueueRegistration::new(this.clone()),
                counters: counters.clone(),
            }
        })
    }

    /// The scheduler's name and queue, for what waits for it.
    pub(super) fn pool_name(&self) -> PoolName {
        PoolName { name: self.config.name.clone(), queue_id: self.queue.id() }
    }

    /// Which scheduler this is, for its threads.
    pub(super) fn identity(&self) -> SchedulerId {
        SchedulerId::of(self)
    }

    pub(super) fn refusal(&self) -> Option<Rejection> {
        self.lock().refusal()
    }

    pub(super) fn is_open(&self) -> bool {
        !self.inbox.is_closed()
    }

    pub(super) fn push_at(&self, when: Instant, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.push_delayed(when, priority, job, false)
    }

    /// With `cancel_on_shutdown`, a shutdown cancels the job.
    pub(super) fn push_delayed(
        &self,
        when: Instant,
        priority: Priority,
        job: R::Job,
        cancel_on_shutdown: bool,
    ) -> Pushed<R::Job> {
        let mut state = self.lock();
        if let Some(reason) = state.refusal() {
            return Err((job, reason));
        }
        // Under the lock, so that a cancel counts the job at exactly one of the two queue ids.
        if cancel_on_shutdown && !job.move_to(self.cancel_on_shutdown.id()) {
            if job.queue_id() == Some(self.delay.id()) {
                state.delayed.removed_tombstones(1);
            }
            drop(state);
            drop(job);
            return Ok(());
        }
        state.delayed.push_job(when, priority, job, cancel_on_shutdown);
        let starts = state.needs_new_timer();
        drop(state);
        self.tell_timer(starts);
        Ok(())
    }

    /// Fires `timer` at the time `when`, unless everything has ended by then.
    pub(super) fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>) {
        let mut state = self.lock();
        if state.needs_no_timer() {
            drop(state);
            // Its drop may run code of a user.
            return drop(timer);
        }
        state.delayed.push_timer(when, timer);
        let starts = state.needs_new_timer();
        drop(state);
        self.tell_timer(starts);
    }

    /// A timer event was cancelled.
    pub(super) fn cancelled(&self) {
        let removed = self.lock().delayed.cancelled();
        drop(removed);
    }

    fn tell_timer(&self, starts: bool) {
        if starts {
            self.start_timer();
        } else {
            self.due.notify_all();
        }
    }

    /// Queues a job that was accepted. The worker that it needs, if it needs one, is to be woken or started.
    pub(super) fn enqueue(&self, state: &mut State<R::Job>, priority: Priority, job: R::Job) -> Wake<R::Job> {
        if self.config.measure {
            return self.enqueue_measured(state, priority, job);
        }
        let id = job.lendable_id();
        state.lanes.push(priority, job);
        self.has_queued(state, priority, id)
    }

    /// A job was put into a lane. `id` is that of a new one which its submitter may run.
    pub(super) fn has_queued(&self, state: &mut State<R::Job>, priority: Priority, id: Option<JobId>) -> Wake<R::Job> {
        if priority == Priority::Normal && id.is_some_and(|id| state.holds(id, sync::now())) {
            return Wake::NoWorker;
        }
        if priority != Priority::Normal {
            self.is_urgent.store(true, Ordering::Relaxed);
        }
        if state.is_spinning {
            self.job_arrived.store(true, Ordering::Relaxed);
        }
        state.wake_for_one()
    }

    /// Starts the workers that the pool may have and has not, and lets each begin when it has nothing to do.
    pub(super) fn prestart(&self) {
        let mut state = self.lock();
        if !state.is_open || self.rayon.is_some() {
            return;
        }
        let spawned = state.spawn_all();
        state.workers.call_all();
        let sleepers = state.wake_all();
        drop(state);
        sleepers.iter().for_each(Unparker::unpark);
        for local in spawned {
            self.start_worker(local);
        }
    }

    /// A job for each worker, all of which are started first.
    ///
    /// # Errors
    ///
    /// After a shutdown, when no job was asked for.
    pub(super) fn broadcast(&self, mut job: impl FnMut() -> R::Job) -> Result<(), Rejection> {
        let mut state = self.lock();
        if let Some(reason) = state.refusal() {
            return Err(reason);
        }
        let job = || {
            let job = job();
            self.begins_to_wait(&job);
            job
        };
        #[cfg(feature = "rayon")]
        if let Supply::Rayon(pool) = &state.supply {
            let pool = pool.clone();
            state.mailboxes.post(job);
            drop(state);
            self.spawn_turns_everywhere(&pool);
            return Ok(());
        }
        let spawned = state.spawn_all();
        state.mailboxes.post(job);
        self.is_urgent.store(true, Ordering::Relaxed);
        self.job_arrived.store(true, Ordering::Relaxed);
        let sleepers = state.wake_all();
        drop(state);
        sleepers.iter().for_each(Unparker::unpark);
        for local in spawned {
            self.start_worker(local);
        }
        Ok(())
    }

    pub(super) fn perform(&self, wake: Wake<R::Job>) {
        match wake {
            Wake::NoWorker => {}
            Wake::Sleeper(unparker) => unparker.unpark(),
            Wake::Start(local) => self.start_worker(local),
            Wake::Watched { starts_timer, then } => {
                self.perform(*then);
                self.tell_timer(starts_timer);
            }
            #[cfg(feature = "rayon")]
            Wake::Turns(pool, n) => self.spawn_turns(&pool, n),
        }
    }

    /// Makes a change by which something ends that a shutdown, or a wait until nothing is left to do, waits for.
    pub(super) fn end<T>(&self, change: impl FnOnce(&mut State<R::Job>) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        self.tell_if_idle(&state);
        self.tell_if_gone(&state);
        let is_closing = !state.is_open;
        drop(state);
        if is_closing {
            self.tell_closed();
        }
        changed
    }

    pub(super) fn tell_if_idle(&self, state: &State<R::Job>) {
        if state.wait_for_idle > 0 && state.is_idle() {
            self.idle.notify_all();
        }
    }

    pub(super) fn tell_if_gone(&self, state: &State<R::Job>) {
        if state.is_gone() {
            self.gone.notify_all();
        }
    }

    pub(super) fn shutdown(&self, wait: bool) {
        let mut state = self.lock();
        state.close();
        let tombstones = state.delayed.take_tombstones();
        let cancel_on_shutdown = state.delayed.take_cancel_on_shutdown();
        let sleepers = state.wake_if_over();
        let wakers = state.waiters.all_tasks();
        self.job_arrived.store(true, Ordering::Relaxed);
        drop(state);
        drop(tombstones);
        sleepers.iter().for_each(Unparker::unpark);
        self.due.notify_all();
        self.slot_freed.notify_all();
        self.called.notify_all();
        wake_tasks(wakers);
        for job in cancel_on_shutdown {
            drop(job.fail(JobError::cancelled()));
        }
        self.tell_closed();
        if !wait || self.is_inside() {
            return;
        }
        self.wait_gone(None);
        self.join_all();
    }
}

impl<R: Runner + 'static> JobDeparture for Shared<R> {
    fn on_removed(&self, from: QueueId, ends: bool) {
        if !self.origin.is_here() {
            return;
        }
        let mut state = self.lock();
        state.ending += usize::from(ends);
        if from == self.taken.id() {
            state.taken.add_tombstone();
        } else if from == self.queue.id() {
            let tombstones = state.lanes.add_tombstone();
            let free = state.waiters.one();
            drop(state);
            drop(tombstones);
            self.notify_slot(free);
        } else if from != self.never_due.id() {
            let is_closing = !state.is_open;
            let delayed = &mut state.delayed;
            let tombstones = if from == self.cancel_on_shutdown.id() {
                delayed.add_cancel_on_shutdown_tombstone(is_closing)
            } else {
                delayed.add_tombstone(is_closing)
            };
            let sleepers = self.has_fewer_delayed(&mut state);
            drop(state);
            sleepers.iter().for_each(Unparker::unpark);
            drop(tombstones);
        }
    }

    fn on_revoked(&self, _: QueueId) {
        if !self.origin.is_here() {
            return;
        }
        let mut state = self.lock();
        state.ending += 1;
        state.extra_is_revoked();
    }

    fn on_finished(&self, _: QueueId) {
        if !self.origin.is_here() {
            return;
        }
        self.end(|state| state.ending -= 1);
    }

    fn on_wait(&self, _: QueueId, id: JobId, is_limited: bool) {
        self.wait_begins(id, is_limited);
    }
}
