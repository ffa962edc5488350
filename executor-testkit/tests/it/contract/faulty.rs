//! A tiny executor, one thread with a queue, and the faults that can be put into it, one at a time.

mod jobs;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use executor_core::cell::Run;
use executor_core::panics::{self, catch};
use executor_core::{ClosureExecutor, Executor, Future, Job, JobError, Rejected, Rejection, Shutdown, promise};
use executor_testkit::contract::Do;

use super::faults::Fault;
use jobs::{Place, Wrapped, another, never, twice};

/// Runs jobs on its one thread. It knows no delays, and its jobs must not wait for each other.
pub(super) struct Tiny(Handle);

#[derive(Clone)]
pub(super) struct Handle(Arc<Shared>);

struct Shared {
    fault: Option<Fault>,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Jobs that were submitted so far.
    count: AtomicUsize,
    /// Places that are taken by jobs that wait.
    taken: AtomicUsize,
    thread: ThreadId,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Arc<dyn Run>>,
    is_closed: bool,
    is_gone: bool,
    shutdowns: usize,
    thread: Option<JoinHandle<()>>,
}

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

impl Tiny {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        let (give, given) = mpsc::channel::<Arc<Shared>>();
        let thread = thread::spawn(move || given.recv().unwrap().work());
        let (changed, [count, taken], id) = (Condvar::new(), [0, 0].map(AtomicUsize::new), thread.thread().id());
        let queue = Mutex::new(Queue { thread: Some(thread), ..Queue::default() });
        let shared = Arc::new(Shared { fault, queue, changed, count, taken, thread: id });
        give.send(shared.clone()).unwrap();
        Self(Handle(shared))
    }
}

impl Shared {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            let is_last_first = self.has(Fault::LastInFirstOut);
            let Some(job) = (if is_last_first { queue.jobs.pop_back() } else { queue.jobs.pop_front() }) else {
                if queue.is_closed {
                    break;
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if self.has(Fault::RunsUnderItsLock) {
                job.run();
                continue;
            }
            drop(queue);
            if self.has(Fault::StartsThreads) {
                thread::spawn(move || job.run()).join().unwrap();
            } else {
                job.run();
            }
            queue = self.lock();
            if self.has(Fault::DiesOfPanics) && PANICKED.get() {
                break;
            }
        }
        queue.is_gone = true;
        drop(queue);
        self.changed.notify_all();
    }

    /// False if the job is refused.
    fn push(&self, job: Arc<dyn Run>, number: usize) -> bool {
        let mut queue = self.lock();
        if self.has(Fault::LosesTheRace) && !queue.is_closed {
            // It looks, and what it has seen is old when it acts.
            drop(queue);
            thread::yield_now();
            self.lock().jobs.push_back(job);
            self.changed.notify_all();
            return true;
        }
        if queue.is_closed && !(self.has(Fault::TakesJobsWhenGone) && queue.is_gone) {
            return false;
        }
        queue.jobs.push_back(job);
        drop(queue);
        if !(self.has(Fault::MissesWakeUps) && number % 50 == 49) {
            self.changed.notify_all();
        }
        true
    }

    fn close(&self, wait: bool) {
        let mut queue = self.lock();
        queue.is_closed = true;
        queue.shutdowns += usize::from(wait);
        let hangs = self.has(Fault::HangsAtTheSecondShutdown) && wait && queue.shutdowns > 1;
        let pending =
            if self.has(Fault::CancelsAtShutdown) { std::mem::take(&mut queue.jobs) } else { VecDeque::new() };
        drop(queue);
        for job in pending {
            drop(job.fail(JobError::cancelled()));
        }
        self.changed.notify_all();
        let is_inside = thread::current().id() == self.thread && !self.has(Fault::WaitsForItself);
        let waits = (wait || self.has(Fault::ReturnsLate)) && !self.has(Fault::ReturnsEarly);
        if is_inside || !waits {
            return;
        }
        let mut queue = self.lock();
        while !queue.is_gone || hangs {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let thread = queue.thread.take();
        drop(queue);
        if let Some(thread) = thread {
            thread.join().unwrap();
        }
    }
}

impl Handle {
    fn hand_over<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        let shared = &self.0;
        // Relaxed: only the number matters.
        let number = shared.count.fetch_add(1, Ordering::Relaxed);
        let is_seventh = number % 7 == 6;
        let Some(place) = Place::take(shared) else { return Err(Rejected::new(job, Rejection::Full)) };
        let job = match shared.fault {
            Some(Fault::LosesJobs) if is_seventh => {
                drop(job);
                return Ok(never());
            }
            Some(Fault::RunsTwice) if is_seventh => twice(job),
            Some(Fault::MixesOutcomesUp) if is_seventh => another(job, |number| Do::Echo(number + 1)),
            Some(Fault::RunsWhatItRefuses) if shared.lock().is_closed => {
                let _: Result<J::Output, JobError> = catch(|| job.run());
                return Ok(Future::failed(JobError::rejected(Rejection::Shutdown)));
            }
            _ => job,
        };
        let submitted = match shared.fault {
            Some(Fault::CancelsWhatRuns | Fault::KeepsCaptures) => self.promised(job, number, place),
            _ => self.queue(job, number, place),
        };
        match submitted {
            Ok(future) => Ok(future),
            Err(job) if shared.has(Fault::GivesBackAnother) => {
                Err(Rejected::new(another(job, |_| Do::Echo(0)), Rejection::Shutdown))
            }
            Err(job) => Err(Rejected::new(job, Rejection::Shutdown)),
        }
    }

    fn queue<J: Job>(&self, job: J, number: usize, place: Place) -> Result<Future<J::Output>, J> {
        let slot = Arc::new(Mutex::new(Some(job)));
        let wrapped = Wrapped { slot: slot.clone(), shared: self.0.clone(), place: Some(place) };
        let (cell, future) = Future::of_job(wrapped);
        if self.0.push(cell.clone(), number) { Ok(future) } else { Err(slot.lock().unwrap().take().expect("unrun")) }
    }

    /// With a promise, and no cell of the job's own in the queue.
    fn promised<J: Job>(&self, job: J, number: usize, place: Place) -> Result<Future<J::Output>, J> {
        let (promise, future) = promise();
        let tells = self.0.has(Fault::KeepsCaptures);
        let slot = Arc::new(Mutex::new(Some(job)));
        let inside = slot.clone();
        let run = move || {
            drop(place);
            let job = inside.lock().unwrap().take().expect("it runs once");
            if tells && !promise.start() {
                return;
            }
            match panics::run(job) {
                Ok(value) => promise.complete(value),
                Err(error) => promise.fail(error),
            };
        };
        let (cell, _) = Future::of_job(run);
        if self.0.push(cell, number) { Ok(future) } else { Err(slot.lock().unwrap().take().expect("unrun")) }
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        self.0.0.close(true);
    }
}

macro_rules! is_executor {
    ($executor:ty, |$this:ident| $handle:expr) => {
        impl Shutdown for $executor {
            fn shutdown(&self, wait: bool) {
                let $this = self;
                $handle.0.close(wait);
            }
        }

        impl<J: Job> Executor<J> for $executor {
            fn submit(&self, job: J) -> Future<J::Output> {
                let refused = |rejected: Rejected<J>| Future::failed(JobError::rejected(rejected.reason()));
                Executor::try_submit(self, job).unwrap_or_else(refused)
            }

            fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
                let $this = self;
                $handle.hand_over(job)
            }
        }

        impl ClosureExecutor for $executor {
            type Handle = Handle;

            fn submit<F, T>(&self, job: F) -> Future<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Executor::submit(self, job)
            }

            fn submit_after<F, T>(&self, _: Duration, job: F) -> Future<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Executor::submit(self, job)
            }

            fn now(&self) -> Instant {
                Instant::now()
            }

            fn workers(&self) -> usize {
                1
            }

            fn handle(&self) -> Handle {
                let $this = self;
                $handle.clone()
            }
        }
    };
}

is_executor!(Tiny, |this| this.0);
is_executor!(Handle, |this| this);
