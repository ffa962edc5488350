//! How a job goes to the executor inside, with its trouble.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use executor_core::{
    Broken, ClosureExecutor, Crashed, Executor, Exit, Future, Job, JobError, Promise, Rejected, Rejection, TimedOut,
    promise,
};
use parking_lot::Mutex;

use super::Chaos;
use super::log::Trouble;
use super::trouble::lateness;

/// A job that is run by whoever comes first, or given back.
pub(super) struct Slot<J>(Arc<Mutex<Option<J>>>);

impl<J: Job> Slot<J> {
    pub(super) fn new(job: J) -> Self {
        Self(Arc::new(Mutex::new(Some(job))))
    }

    fn take(&self) -> Option<J> {
        self.0.lock().take()
    }

    fn run(self) -> J::Output {
        self.take().expect("a job is run once, or given back").run()
    }
}

/// On one worker, jobs that are late keep the ones behind them late, for they start in order.
#[derive(Default)]
pub(super) struct Line(Arc<Mutex<Late>>);

#[derive(Default)]
struct Late {
    /// How many have not begun.
    waiting: usize,
    last: Option<Instant>,
}

/// A late job's place in the line, until it begins or is gone.
struct Place(Option<Arc<Mutex<Late>>>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(late) = &self.0 {
            late.lock().waiting -= 1;
        }
    }
}

impl Line {
    /// How much later a job starts that wants to be `late`, and its place.
    fn stand(&self, now: Instant, late: Option<Duration>) -> (Option<Duration>, Place) {
        const STEP: Duration = Duration::from_micros(1);
        let mut state = self.0.lock();
        if late.is_none() && state.waiting == 0 {
            return (None, Place(None));
        }
        let mut due = now + late.unwrap_or_default();
        if let Some(last) = state.last.filter(|_| state.waiting > 0) {
            due = due.max(last + STEP);
        }
        state.waiting += 1;
        state.last = Some(due);
        (Some(due - now), Place(Some(self.0.clone())))
    }
}

/// Never while anybody looks.
const FAR: Duration = Duration::from_hours(24);

impl<E: ClosureExecutor> Chaos<E> {
    /// Submits the job, with what the seed has for it.
    pub(super) fn give<J: Job>(&self, slot: Slot<J>, delay: Option<Duration>) -> Future<J::Output> {
        let (number, trouble) = self.next();
        if trouble == Some(Trouble::Rejected) {
            self.note(number, Trouble::Rejected);
            return Future::failed(JobError::Rejected(Rejection::Full));
        }
        self.give_with(number, trouble, &slot, delay)
    }

    /// The same without waiting.
    pub(super) fn try_give<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>>
    where
        E: Executor<J>,
    {
        let (number, trouble) = self.next();
        match trouble {
            Some(Trouble::Rejected) => {
                self.note(number, Trouble::Rejected);
                return Err(Rejected::new(job, Rejection::Full));
            }
            // Nothing stands between it and the executor, which may give it back.
            None if self.workers() > 1 => return self.executor.try_submit(job),
            _ => {}
        }
        let slot = Slot::new(job);
        let future = self.give_with(number, trouble, &slot, None);
        if let Some(job) = slot.0.lock().take_if(|_| future.is_done() && !future.is_cancelled()) {
            return match future.result() {
                Err(JobError::Rejected(reason)) => Err(Rejected::new(job, reason)),
                _ => unreachable!("a job that ended without being taken was refused"),
            };
        }
        Ok(future)
    }

    fn give_with<J: Job>(
        &self,
        number: u64,
        trouble: Option<Trouble>,
        slot: &Slot<J>,
        delay: Option<Duration>,
    ) -> Future<J::Output> {
        let job = Slot(slot.0.clone());
        match trouble {
            Some(Trouble::Cancelled) => {
                let future = self.executor.submit_after(FAR, move || job.run());
                if future.cancel() {
                    self.note(number, Trouble::Cancelled);
                }
                future
            }
            Some(Trouble::Panicked) => {
                let shared = self.shared.clone();
                self.hand_over(delay, None, move || {
                    shared.log.note(number, Trouble::Panicked);
                    drop(job.take());
                    resume_unwind(Box::new("a panic made by chaos"))
                })
            }
            Some(trouble @ (Trouble::TimedOut { .. } | Trouble::Broken | Trouble::Crashed { .. })) => {
                self.give_to_fail(number, trouble, job, delay)
            }
            trouble => {
                let late = lateness(trouble, self.workers());
                if let Some(trouble) = trouble.filter(|_| late.is_some()) {
                    self.note(number, trouble);
                }
                self.hand_over(delay, late, move || job.run())
            }
        }
    }

    /// Its future is one of ours, for no executor ends a job so by itself.
    fn give_to_fail<J: Job>(
        &self,
        number: u64,
        trouble: Trouble,
        job: Slot<J>,
        delay: Option<Duration>,
    ) -> Future<J::Output> {
        let (promise, future) = promise();
        let promise: Kept<J::Output> = Arc::new(Mutex::new(Some(promise)));
        let (kept, shared) = (promise.clone(), self.shared.clone());
        let inner = self.hand_over(delay, None, move || {
            if !kept.lock().as_ref().is_some_and(Promise::start) {
                return;
            }
            shared.log.note(number, trouble);
            let begin = Instant::now();
            let job = job.take();
            match trouble {
                Trouble::TimedOut { ran: true } | Trouble::Crashed { ran: true } => drop(job.map(J::run)),
                _ => drop(job),
            }
            fail(&kept, error::<J>(trouble, begin.elapsed()));
        });
        let canceller = inner.canceller();
        if let Some(promise) = &*promise.lock() {
            promise.on_cancel(move || _ = canceller.abort());
        }
        // It was refused, or it panicked by itself.
        inner.on_done(move |outcome| {
            if let Err(error) = outcome {
                fail(&promise, error);
            }
        });
        future
    }

    /// Submits it, as late as it should be, or must be for the sake of those before it.
    fn hand_over<F, T>(&self, delay: Option<Duration>, late: Option<Duration>, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Some(delay) = delay {
            // It has no place among the others.
            return self.executor.submit_after(delay + late.unwrap_or_default(), job);
        }
        if self.workers() > 1 {
            return match late {
                Some(late) => self.executor.submit_after(late, job),
                None => self.executor.submit(job),
            };
        }
        let (late, place) = self.shared.line.stand(self.now(), late);
        let job = move || {
            drop(place);
            job()
        };
        match late {
            Some(late) => self.executor.submit_after(late, job),
            None => self.executor.submit(job),
        }
    }

    fn next(&self) -> (u64, Option<Trouble>) {
        let number = self.shared.log.next();
        // After a shutdown there is one reason to refuse a job, and no other trouble.
        let is_open = !self.shared.is_shut_down.load(Ordering::SeqCst);
        (number, self.shared.fates.of(number).filter(|_| is_open))
    }

    fn note(&self, number: u64, trouble: Trouble) {
        self.shared.log.note(number, trouble);
    }
}

/// A promise that one of two takes.
type Kept<T> = Arc<Mutex<Option<Promise<T>>>>;

fn fail<T: Send + 'static>(kept: &Kept<T>, error: JobError) {
    let promise = kept.lock().take();
    if let Some(promise) = promise {
        promise.fail(error);
    }
}

fn error<J>(trouble: Trouble, ran: Duration) -> JobError {
    let name = std::any::type_name::<J>();
    match trouble {
        Trouble::TimedOut { .. } => JobError::TimedOut(TimedOut::new(name, ran)),
        // As the kernel kills: for memory, or by somebody's hand.
        Trouble::Crashed { .. } => JobError::Crashed(Crashed::new(name, std::process::id(), Exit::Signal(9), ran)),
        _ => JobError::Broken(Broken::new("chaos broke what should have run it; try again")),
    }
}
