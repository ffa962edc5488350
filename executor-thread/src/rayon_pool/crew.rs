//! What a rayon pool, its handles, its jobs and its timer share: the queue, the counts, and the one lock around them.
//!
//! Rayon is given a ticket for each job, not the job: whoever runs the ticket takes the job that has waited longest.
//! So jobs start in the order in which they came, wherever rayon keeps the tickets; rayon itself prefers what its
//! threads spawn, and a job that submits its own successor would keep those from outside waiting for ever.

use std::mem;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Instant;

use executor_core::home::{Home, HomeId};
use executor_core::panics::{catch, drop_quietly};
use executor_core::registry::{self, Registration};
use executor_core::tally::Tally;
use executor_core::{Priority, Rejection, Stats};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::sharing::Sharing;
use super::worker::WorkerScope;
use crate::fork::Origin;
use crate::runner::Queued;
use crate::scheduler::{Delayed, Due, Lanes, fail_all};

pub(super) struct Crew {
    this: Weak<Crew>,
    /// The process whose threads serve it.
    origin: Origin,
    workers: usize,
    /// The home of jobs that have a ticket.
    queue: Registration,
    /// The home of jobs that wait for their time.
    delay: Registration,
    /// Which other queues have tickets for the same threads.
    sharing: Sharing,
    /// What came of the jobs of these homes.
    tally: Arc<Tally>,
    /// The threads that we started ourselves. None of a pool that somebody else made.
    own: Box<[ThreadId]>,
    state: Mutex<State>,
    /// The timer waits here.
    due: Condvar,
    /// Who waits for a shutdown to be over waits here.
    gone: Condvar,
    /// Held while the timer is started, so that a shutdown joins it too.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct State {
    /// There until the shutdown is over.
    pool: Option<Arc<rayon::ThreadPool>>,
    /// No more jobs than rayon has tickets that were not started.
    queue: Lanes<Queued>,
    delayed: Delayed<Queued>,
    is_open: bool,
    /// Jobs that have a ticket. One that runs is left until its callbacks have run.
    left: usize,
    /// Jobs that run.
    running: usize,
    /// Jobs that were cancelled and have no outcome yet.
    ending: usize,
    has_timer: bool,
}

impl State {
    fn new(pool: Arc<rayon::ThreadPool>) -> Self {
        Self {
            pool: Some(pool),
            queue: Lanes::default(),
            delayed: Delayed::default(),
            is_open: true,
            left: 0,
            running: 0,
            ending: 0,
            has_timer: false,
        }
    }

    /// Whether the shutdown is over, but for threads that are about to end.
    fn is_over(&self) -> bool {
        let untold = self.queue.untold() + self.delayed.untold();
        let is_done = self.left == 0 && self.delayed.is_empty() && !self.has_timer;
        !self.is_open && is_done && self.ending + untold == 0
    }
}

impl Crew {
    /// `threads` are those of the pool, to be joined by the shutdown: all of them, or none.
    pub(super) fn new(pool: Arc<rayon::ThreadPool>, threads: Vec<JoinHandle<()>>) -> Arc<Self> {
        let workers = pool.current_num_threads();
        let own = threads.iter().map(|thread| thread.thread().id()).collect();
        let tally = Tally::new(false);
        Arc::new_cyclic(|this: &Weak<Self>| {
            let queue = Registration::counted(this.clone(), tally.clone());
            let sharing = Sharing::new(queue.id(), &pool);
            Self {
                this: this.clone(),
                origin: Origin::here(),
                workers,
                queue,
                delay: Registration::counted(this.clone(), tally.clone()),
                sharing,
                tally: tally.clone(),
                own,
                state: Mutex::new(State::new(pool)),
                due: Condvar::new(),
                gone: Condvar::new(),
                threads: Mutex::new(threads),
            }
        })
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    pub(super) fn queue(&self) -> HomeId {
        self.queue.id()
    }

    pub(super) fn delay(&self) -> HomeId {
        self.delay.id()
    }

    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    pub(super) fn stats(&self) -> Stats {
        if !self.origin.is_here() {
            return self.tally.stats();
        }
        let state = self.state.lock();
        let mut stats = self.tally.stats();
        stats.queued = state.queue.alive();
        stats.delayed = state.delayed.alive();
        stats.running += state.running;
        stats.workers = if state.pool.is_some() { self.workers } else { 0 };
        // While a job waits for its parts, its thread may run another.
        stats.idle = stats.workers.saturating_sub(state.running);
        stats
    }

    /// Why it takes no jobs, if it takes none.
    pub(super) fn refusal(&self) -> Option<Rejection> {
        self.open().err()
    }

    /// The state, if it takes jobs; else, why it takes none. In a forked process the lock may be held for ever.
    fn open(&self) -> Result<MutexGuard<'_, State>, Rejection> {
        if !self.origin.is_here() {
            return Err(self.origin.absence());
        }
        let state = self.state.lock();
        if state.is_open { Ok(state) } else { Err(Rejection::Shutdown) }
    }

    pub(super) fn push(self: &Arc<Self>, job: Queued) -> Result<(), (Queued, Rejection)> {
        let state = match self.open() {
            Ok(state) => state,
            Err(reason) => return Err((job, reason)),
        };
        self.enqueue(state, job);
        Ok(())
    }

    pub(super) fn push_at(self: &Arc<Self>, when: Instant, job: Queued) -> Result<(), (Queued, Rejection)> {
        let mut state = match self.open() {
            Ok(state) => state,
            Err(reason) => return Err((job, reason)),
        };
        state.delayed.push_job(when, Priority::Normal, job, false);
        let starts = !mem::replace(&mut state.has_timer, true);
        drop(state);
        if !starts {
            self.due.notify_all();
        } else if let Err(error) = self.start_timer() {
            let mut state = self.state.lock();
            let delayed = state.delayed.take_awaited();
            state.has_timer = false;
            self.end_if_over(state);
            fail_all(delayed, &error);
        }
        Ok(())
    }

    /// Queues a job that was accepted. It is counted before its ticket can be run.
    fn enqueue(self: &Arc<Self>, mut state: MutexGuard<'_, State>, job: Queued) {
        state.left += 1;
        state.queue.push(Priority::Normal, job);
        let pool = state.pool.clone().expect("the pool is there as long as a job is left");
        drop(state);
        let crew = self.clone();
        pool.spawn_fifo(move || crew.redeem_ticket());
    }

    fn redeem_ticket(&self) {
        if !self.origin.is_here() {
            return; // rayon's thread goes on in the copy: what waits is run where it was accepted
        }
        let mut state = self.state.lock();
        let job = state.queue.pop();
        let has_job = usize::from(job.is_some());
        state.running += has_job;
        drop(state);
        // Its job may have been swept out, dead.
        let was_dead = job.is_some_and(|job| !self.run(job));
        if !self.origin.is_here() {
            return; // the job has forked, and the lock may be held for ever
        }
        let mut state = self.state.lock();
        state.queue.removed_dead(usize::from(was_dead));
        state.left -= 1;
        state.running -= has_job;
        self.end_if_over(state);
    }

    /// Whether the threads may run jobs that wait in the queue `home`.
    pub(super) fn may_run(&self, home: HomeId) -> bool {
        self.sharing.is_with(home)
    }

    pub(super) fn upgraded(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// Says whether the job was still to be run.
    fn run(&self, job: Queued) -> bool {
        let _scope = WorkerScope::enter(self);
        let (queue, delay) = (self.queue.id(), self.delay.id());
        let _member = self.tally.visit([queue, delay, delay]);
        // A job's panics end in the job. One from anywhere else must not reach rayon, which would end the program.
        let outcome = catch(move || job.run());
        let was_dead = matches!(outcome, Ok(false));
        drop_quietly(outcome);
        !was_dead
    }

    /// Lets go of rayon's pool when nothing needs it any more: its threads end then. This does not wait for them, so
    /// that a thread of the pool can do it.
    fn end_if_over(&self, mut state: MutexGuard<'_, State>) {
        let pool = if state.is_over() {
            self.gone.notify_all();
            state.pool.take()
        } else {
            None
        };
        drop(state);
        drop(pool);
    }

    pub(super) fn shutdown(&self, wait: bool) {
        if !self.origin.is_here() {
            return;
        }
        let mut state = self.state.lock();
        state.is_open = false;
        let dead = state.delayed.take_dead();
        self.due.notify_all();
        let waits = wait && !self.is_inside(&state);
        self.end_if_over(state);
        drop(dead);
        if !waits {
            return;
        }
        let mut state = self.state.lock();
        while !state.is_over() {
            self.gone.wait(&mut state);
        }
        drop(state);
        // Held while joining, so that whoever else shuts down returns no earlier.
        let mut threads = self.threads.lock();
        for thread in mem::take(&mut *threads) {
            // These threads end by returning; what their thread-locals do when dropped is not ours to report.
            drop(thread.join());
        }
    }

    /// Whether this thread is one of the pool's, which cannot wait for itself, or drops what a cancelled job had captured. One that we
    /// started may outlive the jobs and rayon's pool, with what a job has spawned.
    fn is_inside(&self, state: &State) -> bool {
        let is_leaving = registry::leaving(self.queue.id()) + registry::leaving(self.delay.id()) > 0;
        is_leaving
            || state.pool.as_ref().is_some_and(|pool| pool.current_thread_index().is_some())
            || self.own.contains(&thread::current().id())
    }

    fn start_timer(self: &Arc<Self>) -> std::io::Result<()> {
        let crew = self.clone();
        let mut threads = self.threads.lock();
        threads.push(thread::Builder::new().name("rayon-timer".to_owned()).spawn(move || crew.keep_time())?);
        Ok(())
    }

    /// The body of the timer's thread: queues each job when its time has come. Ends with the shutdown, after the last one.
    fn keep_time(self: &Arc<Self>) {
        let mut state = self.state.lock();
        loop {
            match state.delayed.next() {
                None if !state.is_open => {
                    state.has_timer = false;
                    return self.end_if_over(state);
                }
                None => self.due.wait(&mut state),
                Some(when) if when <= Instant::now() => {
                    let due = state.delayed.pop();
                    let last_dead = (!state.is_open).then(|| state.delayed.take_last_dead());
                    drop(state);
                    drop(last_dead);
                    // Nothing rings here: alarms are the thread pool's.
                    let Some(Due::Job(_, job)) = due else { return };
                    let was_dead = !job.move_to(self.queue.id());
                    if !was_dead {
                        self.enqueue(self.state.lock(), job);
                    }
                    state = self.state.lock();
                    state.delayed.removed_dead(usize::from(was_dead));
                }
                Some(when) => {
                    self.due.wait_until(&mut state, when);
                }
            }
        }
    }
}

impl Home for Crew {
    fn left(&self, from: HomeId, ends: bool) {
        if !self.origin.is_here() {
            return;
        }
        let mut state = self.state.lock();
        state.ending += usize::from(ends);
        if from == self.queue.id() {
            let dead = state.queue.died();
            self.end_if_over(state);
            return drop(dead);
        }
        let is_closing = !state.is_open;
        let dead = state.delayed.died(is_closing);
        self.due.notify_all();
        self.end_if_over(state);
        drop(dead);
    }

    fn ended(&self, _: HomeId) {
        if !self.origin.is_here() {
            return;
        }
        let mut state = self.state.lock();
        state.ending -= 1;
        self.end_if_over(state);
    }
}
