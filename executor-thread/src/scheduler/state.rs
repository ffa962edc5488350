//! The queue, the counts, and the one lock around them.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use executor_core::{Broken, JobError, Rejection};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::delay::Delayed;
use super::{Config, Queued, Runner, worker};

type Make<R> = Box<dyn Fn(&Arc<str>) -> R + Send + Sync>;

pub(super) struct Shared<R: Runner> {
    pub(super) config: Config,
    pub(super) make: Make<R>,
    state: Mutex<State<R::Job>>,
    /// Idle workers wait here.
    work: Condvar,
    /// The timer waits here.
    pub(super) due: Condvar,
    /// Who waits for a shutdown to be over waits here.
    gone: Condvar,
    /// Held while a thread is started, so that a shutdown joins it too.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

pub(super) struct State<J> {
    queue: VecDeque<J>,
    pub(super) delayed: Delayed<J>,
    pub(super) is_open: bool,
    /// Workers that wait for a job. One that was notified counts until it has the lock again: it will take one job.
    idle: usize,
    /// Workers that live, or are being started.
    workers: usize,
    /// Workers ever started, for their names.
    started: usize,
    pub(super) has_timer: bool,
}

/// A queue of no more jobs than this keeps its memory.
const SMALL_QUEUE: usize = 1024;

impl<J> State<J> {
    /// The next job. A queue that was long gives its memory back while it empties.
    fn pop(&mut self) -> Option<J> {
        let job = self.queue.pop_front();
        let room = self.queue.capacity();
        if room > SMALL_QUEUE && self.queue.len() < room / 4 {
            self.queue.shrink_to(room / 2);
        }
        job
    }
}

impl<R: Runner> Shared<R> {
    pub(super) fn new(config: Config, make: Make<R>) -> Self {
        let state = State {
            queue: VecDeque::new(),
            delayed: Delayed::default(),
            is_open: true,
            idle: 0,
            workers: 0,
            started: 0,
            has_timer: false,
        };
        let (work, due, gone) = (Condvar::new(), Condvar::new(), Condvar::new());
        Self { config, make, state: Mutex::new(state), work, due, gone, threads: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<R::Job>> {
        self.state.lock()
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_open
    }

    /// The next job, waiting for one. `None` when there will be no more: the worker counts as gone from then on.
    pub(super) fn next(&self) -> Option<R::Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.pop() {
                return Some(job);
            }
            if !state.is_open && state.delayed.is_empty() {
                state.workers -= 1;
                self.tell_if_gone(&state);
                return None;
            }
            state.idle += 1;
            self.work.wait(&mut state);
            state.idle -= 1;
        }
    }

    /// A job that waits although every worker is busy.
    pub(super) fn take_extra(&self) -> Option<R::Job> {
        let mut state = self.lock();
        if state.idle == 0 { state.pop() } else { None }
    }

    /// The timer is done; idle workers look whether they are, too.
    pub(super) fn end_timer(&self, mut state: MutexGuard<'_, State<R::Job>>) {
        state.has_timer = false;
        self.tell_if_gone(&state);
        drop(state);
        self.work.notify_all();
    }

    fn tell_if_gone(&self, state: &State<R::Job>) {
        if state.workers == 0 && !state.has_timer {
            self.gone.notify_all();
        }
    }

    pub(super) fn shutdown(&self, wait: bool) {
        let mut state = self.lock();
        state.is_open = false;
        let dead = state.delayed.take_dead();
        self.work.notify_all();
        self.due.notify_all();
        if !wait || worker::is_worker_of(self) {
            drop(state);
            drop(dead);
            return;
        }
        while state.workers > 0 || state.has_timer {
            self.gone.wait(&mut state);
        }
        drop(state);
        drop(dead);
        // Held while joining, so that whoever else shuts down returns no earlier.
        let mut threads = self.threads.lock();
        for thread in mem::take(&mut *threads) {
            // A worker's thread ends by returning; what its thread-locals do when dropped is not ours to report.
            drop(thread.join());
        }
    }
}

impl<R: Runner + 'static> Shared<R> {
    pub(super) fn push(self: &Arc<Self>, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        let state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        self.enqueue(state, job);
        Ok(())
    }

    pub(super) fn push_at(self: &Arc<Self>, when: Instant, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        state.delayed.push(when, job);
        let starts = !mem::replace(&mut state.has_timer, true);
        drop(state);
        if starts {
            let shared = self.clone();
            if let Err(error) = self.start_thread("timer", move || shared.keep_time()) {
                let mut state = self.lock();
                let delayed = state.delayed.take_all();
                self.end_timer(state);
                fail_all(delayed, &error);
            }
        } else {
            self.due.notify_all();
        }
        Ok(())
    }

    /// Queues a job that was accepted, and makes sure that somebody takes it.
    pub(super) fn enqueue(self: &Arc<Self>, mut state: MutexGuard<'_, State<R::Job>>, job: R::Job) {
        state.queue.push_back(job);
        // Each idle worker takes one job when it wakes, so the queue may be as long as they are many.
        let must_start = state.queue.len() > state.idle && state.workers < self.config.workers;
        if must_start {
            state.workers += 1;
            state.started += 1;
            let number = state.started - 1;
            drop(state);
            self.start_worker(number);
        } else {
            let is_one_idle = state.idle > 0;
            drop(state);
            if is_one_idle {
                self.work.notify_one();
            }
        }
    }

    fn start_worker(self: &Arc<Self>, number: usize) {
        let shared = self.clone();
        if let Err(error) = self.start_thread(&number.to_string(), move || worker::work(&shared)) {
            let mut state = self.lock();
            state.workers -= 1;
            // The others take the job, unless there are none.
            let stranded = if state.workers == 0 { mem::take(&mut state.queue) } else { VecDeque::new() };
            self.tell_if_gone(&state);
            drop(state);
            fail_all(stranded, &error);
        }
    }

    fn start_thread(&self, suffix: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut builder = std::thread::Builder::new().name(format!("{}-{suffix}", self.config.name));
        if let Some(bytes) = self.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let mut threads = self.threads.lock();
        threads.push(builder.spawn(body)?);
        Ok(())
    }
}

pub(crate) fn fail_all<J: Queued>(jobs: impl IntoIterator<Item = J>, error: &std::io::Error) {
    let reason = format!("no worker thread could be started ({error}); raise the limit on threads, or use fewer");
    let broken = Broken::new(reason);
    for job in jobs {
        job.fail(JobError::Broken(broken.clone()));
    }
}
