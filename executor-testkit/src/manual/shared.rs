//! The state that an executor, its handles and its views share: the queue and the clock. Runs the jobs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use executor_core::cell::{Notify, QueuedControl};
use executor_core::current::Host;
use executor_core::home::{Home, HomeId};
use executor_core::registry::Registration;
use executor_core::tally::{Member, Tally};
use executor_core::{JobError, JobId, Priority, Queue, Rejection, Stats, drive};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::clock::{Clock, Event};
use super::inside::{AsWorker, Inside, Running};
use super::lanes::{Job, Lanes, Order, Waiting};
use super::own_thread::Threads;

pub(super) struct Shared {
    me: Weak<Shared>,
    pub(super) workers: usize,
    pub(super) bound: Queue,
    pub(super) name: Arc<str>,
    queue: Registration,
    delay: Registration,
    /// Of jobs that were taken from the queue.
    away: Registration,
    tally: Arc<Tally>,
    state: Mutex<State>,
    /// Something was queued, has ended, or is due earlier; or the executor was shut down.
    pub(super) changed: Condvar,
    is_stopping: AtomicBool,
}

pub(super) struct State {
    pub(super) lanes: Lanes,
    pub(super) clock: Clock,
    pub(super) is_open: bool,
    /// Jobs that were taken from the queue, and have not come to their end.
    pub(super) running: usize,
    /// Threads that may run the very job that they wait for.
    pub(super) helping: usize,
    /// Cancelled jobs that have not been told of.
    pub(super) ending: usize,
    pub(super) threads: Threads,
}

impl Shared {
    pub(super) fn new(workers: usize, bound: Queue, name: Arc<str>, order: Order) -> Arc<Self> {
        let (clock, threads) = (Clock::new(), Threads::default());
        let lanes = Lanes::new(order);
        let (running, helping, ending) = (0, 0, 0);
        let state = State { lanes, clock, is_open: true, running, helping, ending, threads };
        Arc::new_cyclic(|me: &Weak<Self>| {
            let tally = Tally::new(false);
            let home = || Registration::counted(me.clone(), tally.clone());
            let (queue, delay, away) = (home(), home(), home());
            let (state, changed, is_stopping) = (Mutex::new(state), Condvar::new(), AtomicBool::new(false));
            Self { me: me.clone(), workers, bound, name, queue, delay, away, tally, state, changed, is_stopping }
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn arc(&self) -> Arc<Self> {
        self.me.upgrade().expect("it is borrowed from one")
    }

    pub(super) fn queue(&self) -> HomeId {
        self.queue.id()
    }

    pub(super) fn away(&self) -> HomeId {
        self.away.id()
    }

    pub(super) fn delay(&self) -> HomeId {
        self.delay.id()
    }

    pub(super) fn now(&self) -> Instant {
        self.lock().clock.now()
    }

    /// This thread is one that drives it.
    pub(super) fn driven_here(&self) {
        let me: Weak<dyn drive::Driver> = self.me.clone();
        drive::register(me);
    }

    pub(super) fn is_driven_here(&self) -> bool {
        let me: Weak<dyn drive::Driver> = self.me.clone();
        drive::is_driven_here(&me)
    }

    /// Queues a job when `delay` is over, or refuses it.
    pub(super) fn push_after(&self, delay: Duration, priority: Priority, job: Job) -> Result<(), (Job, Rejection)> {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        let due = state.clock.after(delay);
        state.clock.set(due, Event::Queue(Waiting::new(job, priority)));
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Lets `event` happen after `delay`.
    pub(super) fn set_alarm(&self, delay: Duration, event: Event) {
        let mut state = self.lock();
        let due = state.clock.after(delay);
        state.clock.set(due, event);
        drop(state);
        self.changed.notify_all();
    }

    /// Takes the next job, or number `n` of those that wait, and runs it. False if there is none.
    pub(super) fn run_one(&self, n: Option<usize>) -> bool {
        loop {
            let mut dead = Vec::new();
            let job = self.take(n, &mut dead);
            drop(dead);
            let Some(job) = job else { return false };
            // One that was cancelled since then was ended by who did that.
            if self.run(job) {
                return true;
            }
        }
    }

    fn take(&self, n: Option<usize>, dead: &mut Vec<Job>) -> Option<Job> {
        let mut state = self.lock();
        let job = match n {
            None => state.lanes.take(self.away.id(), dead),
            Some(n) => state.lanes.take_nth(n, self.away.id(), dead),
        }?;
        state.running += 1;
        drop(state);
        // For those who wait for room.
        self.changed.notify_all();
        Some(job)
    }

    /// Takes the next job, and ends it with `error` instead of running it. False if there is none.
    pub(super) fn fail_one(&self, error: JobError) -> bool {
        let mut dead = Vec::new();
        let job = self.take(None, &mut dead);
        drop(dead);
        let Some(job) = job else { return false };
        let _running = Running::enter(self, |state| &mut state.running);
        drop(job.fail(error));
        true
    }

    /// Runs the job that is waited for, if it is queued.
    pub(super) fn help(&self, wait: &drive::Wait<'_>) -> bool {
        self.lock().helping += 1;
        let _running = Running::enter(self, |state| &mut state.helping);
        let _as_worker = self.as_worker();
        wait.run_here(self.queue.id())
    }

    /// Runs a job that is counted as running. False if it had ended before.
    pub(super) fn run(&self, job: Job) -> bool {
        let _running = Running::enter(self, |state| &mut state.running);
        let _as_worker = self.as_worker();
        job.run()
    }

    /// This thread is its worker, and counts for it, until these are dropped.
    fn as_worker(&self) -> (AsWorker, Member) {
        let member = self.tally.visit([self.queue.id(), self.delay.id(), self.away.id()]);
        (AsWorker::enter(self), member)
    }

    /// Lets the time go to `until`, and happen what is due, the next thing only. False if there was none: then it is `until`.
    pub(super) fn step(&self, until: Instant) -> bool {
        let mut off = Vec::new();
        let mut state = self.lock();
        let mut event = state.clock.next(until, &mut off);
        // Under the lock: a cancel finds it in the one home or the other, and who looks whether anything is left, in one of the two.
        if let Some(Event::Queue(waiting)) = event {
            event = state.queue_due(waiting, self.queue.id());
            drop(state);
            self.changed.notify_all();
            drop((off, event));
            return true;
        }
        drop(state);
        drop(off);
        let Some(event) = event else { return false };
        self.happen(event);
        true
    }

    fn happen(&self, event: Event) {
        match event {
            Event::Queue(_) => unreachable!("it was queued under the lock"),
            Event::EndWait(control, error) => self.tell(control.withdraw(error)),
            Event::EndRun(control, error) => {
                // First its outcome, then it is asked to stop: one that stops at once is late all the same.
                let notify = control.clone().fail(error);
                control.abort();
                self.tell(notify);
            }
            Event::Stop => self.stop(),
        }
    }

    /// Runs a callback, which is one of this executor's.
    fn tell(&self, notify: Option<Notify>) {
        let _inside = Inside::enter(self, false);
        drop(notify);
    }

    /// Asks what runs to stop, and cancels what does not run. First it takes that from the queue: none starts because another one stops.
    pub(super) fn stop(&self) {
        let pending = self.take_pending();
        // Relaxed: the flag carries no data; jobs only look whether it is set.
        self.is_stopping.store(true, Ordering::Relaxed);
        self.cancel(pending);
    }

    pub(super) fn cancel_pending(&self) {
        self.cancel(self.take_pending());
    }

    /// Takes the waiting jobs, so that no thread can start them any more.
    fn take_pending(&self) -> Vec<Job> {
        let (mut jobs, mut dead) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        while let Some(job) = state.lanes.take(self.away.id(), &mut dead) {
            jobs.push(job);
        }
        for waiting in state.clock.take_delayed() {
            if QueuedControl::move_to(&*waiting.job, self.away.id()) {
                jobs.push(waiting.job);
            } else {
                state.clock.removed_dead();
                dead.push(waiting.job);
            }
        }
        state.ending += jobs.len();
        drop(state);
        drop(dead);
        jobs
    }

    fn cancel(&self, jobs: Vec<Job>) {
        let count = jobs.len();
        for job in jobs {
            self.tell(QueuedControl::withdraw(job, JobError::Cancelled));
        }
        self.lock().ending -= count;
        self.changed.notify_all();
    }

    pub(super) fn pending_ids(&self) -> Vec<JobId> {
        self.lock().lanes.ids()
    }

    pub(super) fn stats(&self) -> Stats {
        self.look(&self.lock())
    }

    /// Returns what the executor is doing. Runs no user code.
    pub(super) fn look(&self, state: &State) -> Stats {
        let mut stats = self.tally.stats();
        (stats.queued, stats.delayed) = (state.lanes.alive(), state.clock.delayed());
        stats.running += state.running;
        stats.workers = self.workers;
        stats.idle = self.workers.saturating_sub(stats.running);
        stats
    }

    /// Whether this thread drops what a cancelled job captured, whose end so cannot be waited for here.
    pub(super) fn is_leaving(&self) -> bool {
        [&self.queue, &self.delay, &self.away].iter().any(|home| executor_core::registry::leaving(home.id()) > 0)
    }
}

impl State {
    /// A delayed job is due, and comes into the queue. One that is dead comes back.
    fn queue_due(&mut self, waiting: Waiting, queue: HomeId) -> Option<Event> {
        if QueuedControl::move_to(&*waiting.job, queue) {
            self.lanes.push(waiting);
            return None;
        }
        self.clock.removed_dead();
        Some(Event::Queue(waiting))
    }

    /// Whether somebody is about to tell that a job has ended that was not run.
    pub(super) fn is_ending(&self) -> bool {
        self.ending > 0 || self.lanes.has_untold() || self.clock.has_untold()
    }

    /// Whether nothing is queued, delayed, running or about to end.
    pub(super) fn is_idle(&self) -> bool {
        let left = self.lanes.alive() + self.clock.delayed() + self.ending;
        self.running + self.helping + left == 0
    }

    /// Whether nothing is left to be run, now or later.
    pub(super) fn is_over(&self) -> bool {
        !self.is_open && self.lanes.alive() + self.clock.delayed() == 0
    }
}

impl Home for Shared {
    fn left(&self, from: HomeId, ends: bool) {
        let mut state = self.lock();
        state.ending += usize::from(ends);
        let mut dead = Vec::new();
        if from == self.queue.id() {
            dead = state.lanes.died();
        } else if from == self.delay.id() {
            state.clock.died();
        }
        drop(state);
        drop(dead);
        self.changed.notify_all();
    }

    fn ended(&self, _: HomeId) {
        self.lock().ending -= 1;
        self.changed.notify_all();
    }
}

impl Host for Shared {
    fn home(&self) -> HomeId {
        self.queue.id()
    }

    fn block(&self) {
        self.block_thread();
    }

    fn unblock(&self) {
        self.unblock_thread();
    }

    fn is_stopping(&self) -> bool {
        // Relaxed: see `stop`.
        self.is_stopping.load(Ordering::Relaxed)
    }
}

impl drive::Driver for Shared {
    fn has(&self, home: HomeId) -> bool {
        [&self.queue, &self.delay, &self.away].iter().any(|own| own.id() == home)
    }

    fn now(&self) -> Instant {
        Shared::now(self)
    }

    fn drive(&self, wait: &drive::Wait<'_>) -> drive::Driven {
        self.drive_wait(wait)
    }
}
