//! What the workers, the timer and the handles of a scheduler share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_utils::sync::Unparker;
use executor_core::current::{self, Host};
use executor_core::home::{Home, HomeId, Registration};
use executor_core::{Broken, JobError, Rejection};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::lanes::Priority;
use super::state::{Own, State, Wake};
use super::{Config, Queued, Runner, worker};

type Make<R> = Box<dyn Fn(&Arc<str>) -> R + Send + Sync>;

pub(super) struct Shared<R: Runner> {
    this: Weak<Self>,
    pub(super) config: Config,
    pub(super) make: Make<R>,
    state: Mutex<State<R::Job>>,
    /// Set when a job comes while a worker spins.
    pub(super) has_come: AtomicBool,
    /// Set while an urgent job waits: then workers look at the lanes before their own queues.
    pub(super) is_urgent: AtomicBool,
    /// The timer waits here.
    pub(super) due: Condvar,
    /// Who waits for a place in a full queue waits here.
    pub(super) room: Condvar,
    /// Who waits for a shutdown to be over waits here.
    gone: Condvar,
    threads: Mutex<Threads>,
    /// Held while threads are joined, so that whoever else shuts down returns no earlier.
    joining: Mutex<()>,
    /// The home of jobs in the lanes.
    pub(super) queue: Registration,
    /// The home of jobs that wait for their time.
    pub(super) delay: Registration,
}

#[derive(Default)]
struct Threads {
    living: HashMap<usize, JoinHandle<()>>,
    /// The one that ended last, while the pool lives on. It joined the one before.
    ended: Option<JoinHandle<()>>,
}

impl<R: Runner + 'static> Shared<R> {
    pub(super) fn new(config: Config, make: Make<R>) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| Self {
            this: this.clone(),
            state: Mutex::new(State::new(&config)),
            config,
            make,
            has_come: AtomicBool::new(false),
            is_urgent: AtomicBool::new(false),
            due: Condvar::new(),
            room: Condvar::new(),
            gone: Condvar::new(),
            threads: Mutex::default(),
            joining: Mutex::default(),
            queue: Registration::new(this.clone()),
            delay: Registration::new(this.clone()),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<R::Job>> {
        self.state.lock()
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_open
    }

    fn is_full(&self, state: &State<R::Job>) -> bool {
        self.config.capacity.is_some_and(|capacity| state.lanes.alive() >= capacity)
    }

    pub(super) fn push(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        let state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        if self.is_full(&state) {
            return Err((job, Rejection::Full));
        }
        self.enqueue(state, priority, job);
        Ok(())
    }

    /// Waits for a place in a full queue, until `deadline` at most.
    pub(super) fn push_wait(
        &self,
        priority: Priority,
        job: R::Job,
        deadline: Option<Instant>,
    ) -> Result<(), (R::Job, Rejection)> {
        let mut state = self.lock();
        if state.is_open && self.is_full(&state) {
            drop(state);
            let blocked = current::block();
            state = self.lock();
            state.wait_for_room += 1;
            let mut is_late = false;
            while state.is_open && self.is_full(&state) && !is_late {
                match deadline {
                    None => self.room.wait(&mut state),
                    Some(deadline) => is_late = self.room.wait_until(&mut state, deadline).timed_out(),
                }
            }
            state.wait_for_room -= 1;
            drop(state);
            drop(blocked);
            state = self.lock();
        }
        match (state.is_open, self.is_full(&state)) {
            (false, _) => Err((job, Rejection::Shutdown)),
            (true, true) => Err((job, Rejection::Full)),
            (true, false) => {
                self.enqueue(state, priority, job);
                Ok(())
            }
        }
    }

    /// Takes the oldest jobs out of a full queue to make room.
    pub(super) fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        let mut dropped = Vec::new();
        while self.is_full(&state) {
            let Some(oldest) = state.lanes.pop_oldest() else { break };
            // It tells of its end, or has told.
            state.lanes.removed_dead(1);
            dropped.push(oldest);
        }
        self.enqueue(state, priority, job);
        for job in dropped {
            job.fail(JobError::Rejected(Rejection::Dropped));
        }
        Ok(())
    }

    pub(super) fn push_at(&self, when: Instant, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        self.push_delayed(when, priority, job, false)
    }

    /// A job that is `fleeting` is cancelled by a shutdown.
    pub(super) fn push_delayed(
        &self,
        when: Instant,
        priority: Priority,
        job: R::Job,
        fleeting: bool,
    ) -> Result<(), (R::Job, Rejection)> {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        state.delayed.push(when, priority, job, fleeting);
        let starts = !std::mem::replace(&mut state.has_timer, true);
        drop(state);
        if starts {
            self.start_timer();
        } else {
            self.due.notify_all();
        }
        Ok(())
    }

    /// Queues a job that was accepted, and makes sure that somebody takes it.
    pub(super) fn enqueue(&self, mut state: MutexGuard<'_, State<R::Job>>, priority: Priority, job: R::Job) {
        state.lanes.push(priority, job);
        if priority == Priority::High {
            self.is_urgent.store(true, Ordering::Relaxed);
        }
        if state.is_spinning {
            self.has_come.store(true, Ordering::Relaxed);
        }
        let wake = state.wake();
        drop(state);
        self.perform(wake);
    }

    pub(super) fn perform(&self, wake: Wake) {
        match wake {
            Wake::Nobody => {}
            Wake::Sleeper(unparker) => unparker.unpark(),
            Wake::Start(number) => self.start_worker(number),
        }
    }

    fn start_worker(&self, number: usize) {
        let Some(shared) = self.this.upgrade() else { return };
        if let Err(error) = self.start_thread(number, &number.to_string(), move || worker::work(&shared, number)) {
            let mut state = self.lock();
            state.did_not_start();
            // The others take the jobs, unless there are none.
            let stranded = if state.is_stranded() { state.lanes.take_all() } else { Vec::new() };
            self.tell_if_gone(&state);
            drop(state);
            fail_all(stranded, &error);
        }
    }

    fn start_timer(&self) {
        let Some(shared) = self.this.upgrade() else { return };
        if let Err(error) = self.start_thread(usize::MAX, "timer", move || shared.keep_time()) {
            let mut state = self.lock();
            let delayed = state.delayed.take_all();
            self.end_timer(state);
            fail_all(delayed, &error);
        }
    }

    fn start_thread(&self, number: usize, suffix: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut builder = std::thread::Builder::new().name(format!("{}-{suffix}", self.config.name));
        if let Some(bytes) = self.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let mut threads = self.threads.lock();
        let thread = builder.spawn(body)?;
        threads.living.insert(number, thread);
        Ok(())
    }

    /// The worker's part of the state ends here; its thread does soon after.
    pub(super) fn leave(&self, mut state: MutexGuard<'_, State<R::Job>>, own: &mut Own<R::Job>) {
        state.put_back(own);
        state.leave(own);
        let sleepers = if state.is_over() { state.wake_all() } else { Vec::new() };
        let wake = state.wake();
        drop(state);
        sleepers.iter().for_each(Unparker::unpark);
        self.perform(wake);
    }

    /// The last thing that a worker's thread does. While the pool is open, each joins the one that ended before it, so
    /// that no more than one is left to be joined.
    pub(super) fn gone(&self, number: usize) {
        let mut threads = self.threads.lock();
        let before = match threads.living.remove(&number) {
            Some(me) => threads.ended.replace(me),
            None => None,
        };
        drop(threads);
        drop(before.map(JoinHandle::join));
        self.tell_if_gone(&self.lock());
    }

    /// The timer is done; idle workers look whether they are, too.
    pub(super) fn end_timer(&self, mut state: MutexGuard<'_, State<R::Job>>) {
        state.has_timer = false;
        self.tell_if_gone(&state);
        let sleepers = if state.is_over() { state.wake_all() } else { Vec::new() };
        drop(state);
        sleepers.iter().for_each(Unparker::unpark);
    }

    fn tell_if_gone(&self, state: &State<R::Job>) {
        if state.is_gone() {
            self.gone.notify_all();
        }
    }

    pub(super) fn shutdown(&self, wait: bool) {
        let mut state = self.lock();
        state.is_open = false;
        let dead = state.delayed.take_dead();
        let fleeting = state.delayed.take_fleeting();
        let sleepers = if state.is_over() { state.wake_all() } else { Vec::new() };
        self.has_come.store(true, Ordering::Relaxed);
        drop(state);
        drop(dead);
        sleepers.iter().for_each(Unparker::unpark);
        self.due.notify_all();
        self.room.notify_all();
        for job in fleeting {
            job.fail(JobError::Cancelled);
        }
        if !wait || worker::is_worker_of(self) {
            return;
        }
        let blocked = current::block();
        let mut state = self.lock();
        while !state.is_gone() {
            self.gone.wait(&mut state);
        }
        drop(state);
        let joining = self.joining.lock();
        let Threads { living, ended } = std::mem::take(&mut *self.threads.lock());
        for thread in living.into_values().chain(ended) {
            // A worker's thread ends by returning; what its thread-locals do when dropped is not ours to report.
            drop(thread.join());
        }
        drop(joining);
        drop(blocked);
    }
}

impl<R: Runner + 'static> Home for Shared<R> {
    fn left(&self, from: HomeId) {
        let mut state = self.lock();
        let dead = if from == self.queue.id() {
            let dead = state.lanes.died();
            if state.wait_for_room > 0 {
                self.room.notify_one();
            }
            dead
        } else {
            let is_closing = !state.is_open;
            let dead = state.delayed.died(is_closing);
            if state.delayed.is_empty() {
                self.due.notify_all();
            }
            dead
        };
        drop(state);
        drop(dead);
    }
}

impl<R: Runner + 'static> Host for Shared<R> {
    fn home(&self) -> HomeId {
        self.queue.id()
    }

    fn block(&self) {
        let wake = self.lock().block();
        self.perform(wake);
    }

    fn unblock(&self) {
        self.lock().unblock();
    }
}

fn fail_all<J: Queued>(jobs: impl IntoIterator<Item = J>, error: &std::io::Error) {
    let reason = format!("no worker thread could be started ({error}); raise the limit on threads, or use fewer");
    let broken = Broken::new(reason);
    for job in jobs {
        job.fail(JobError::Broken(broken.clone()));
    }
}
