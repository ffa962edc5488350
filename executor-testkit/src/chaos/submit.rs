//! How a job goes to the executor inside, with its trouble.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use executor_core::panics::named;
use executor_core::{
    Broken, ClosureExecutor, Crashed, Executor, Exit, Future, Job, JobError, JobName, Promise, Refused, Rejected,
    Rejection, TimedOut, promise,
};
use parking_lot::Mutex;

use super::log::{Log, Trouble};
use super::trouble::{TroublePlan, lateness};

/// Holds a job until the first taker runs it or gives it back.
pub(super) struct Slot<J>(Arc<Mutex<Option<J>>>);

impl<J: Job> Slot<J> {
    pub(super) fn new(job: J) -> Self {
        Self(Arc::new(Mutex::new(Some(job))))
    }

    fn take(&self) -> Option<J> {
        self.0.lock().take()
    }
}

impl<J: Job> Job for Slot<J> {
    type Output = J::Output;

    fn run(self) -> J::Output {
        let job = self.take().expect("a job is run once, or given back");
        named::<J, _>(|| job.run())
    }

    fn job_name(_: Option<&Self>) -> JobName {
        J::job_name(None)
    }
}

/// The error of a `J` that the plan refuses.
fn full<J: Job>() -> Refused {
    Refused::new(Rejection::Full, Some(J::job_name(None)))
}

/// Later than any test ends.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// The state that a chaos and its handles share.
pub(super) struct Shared {
    plan: TroublePlan,
    pub(super) log: Log,
    pub(super) is_shut_down: AtomicBool,
}

impl Shared {
    pub(super) fn new(plan: TroublePlan) -> Self {
        Self { plan, log: Log::default(), is_shut_down: AtomicBool::new(false) }
    }
}

/// Submits jobs, each with its trouble, to the executor inside.
#[derive(Clone)]
pub(super) struct Submitter<E> {
    pub(super) executor: E,
    pub(super) shared: Arc<Shared>,
}

impl<E: ClosureExecutor> Submitter<E> {
    /// Submits the job, with what the seed has for it.
    pub(super) fn submit<J: Job>(&self, slot: Slot<J>, delay: Option<Duration>) -> Future<J::Output> {
        let (number, trouble) = self.next();
        if trouble == Some(Trouble::Rejected) {
            self.note(number, Trouble::Rejected);
            return Future::failed(JobError::Rejected(full::<J>()));
        }
        self.submit_with(number, trouble, &slot, delay)
    }

    /// The same without waiting.
    pub(super) fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>>
    where
        E: Executor<J>,
    {
        let (number, trouble) = self.next();
        match trouble {
            Some(Trouble::Rejected) => {
                self.note(number, Trouble::Rejected);
                return Err(Rejected::with_error(job, full::<J>()));
            }
            // Nothing stands between it and the executor, which may give it back.
            None => return self.executor.try_submit(job),
            Some(_) => {}
        }
        let slot = Slot::new(job);
        let future = self.submit_with(number, trouble, &slot, None);
        if let Some(job) = slot.0.lock().take_if(|_| future.is_done() && !future.is_cancelled()) {
            return match future.result() {
                Err(JobError::Rejected(error)) => Err(Rejected::with_error(job, error)),
                _ => unreachable!("a job that ended without being taken was refused"),
            };
        }
        Ok(future)
    }

    fn submit_with<J: Job>(
        &self,
        number: u64,
        trouble: Option<Trouble>,
        slot: &Slot<J>,
        delay: Option<Duration>,
    ) -> Future<J::Output> {
        let job = Slot(slot.0.clone());
        match trouble {
            Some(Trouble::Cancelled) => {
                let future = self.executor.submit_job(Some(FAR), job);
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
                self.submit_to_fail(number, trouble, job, delay)
            }
            trouble => {
                let late = lateness(trouble, self.executor.workers());
                if let Some(trouble) = trouble.filter(|_| late.is_some()) {
                    self.note(number, trouble);
                }
                self.hand_over(delay, late, job)
            }
        }
    }

    /// Its future is one of ours, for no executor ends a job so by itself.
    fn submit_to_fail<J: Job>(
        &self,
        number: u64,
        trouble: Trouble,
        job: Slot<J>,
        delay: Option<Duration>,
    ) -> Future<J::Output> {
        let (promise, future) = promise();
        let promise: SharedPromise<J::Output> = Arc::new(Mutex::new(Some(promise)));
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

    /// Submits it, as late as it should be.
    fn hand_over<J: Job>(&self, delay: Option<Duration>, late: Option<Duration>, job: J) -> Future<J::Output> {
        let delay = match (delay, late) {
            (None, None) => None,
            (delay, late) => Some(delay.unwrap_or_default().saturating_add(late.unwrap_or_default())),
        };
        self.executor.submit_job(delay, job)
    }

    fn next(&self) -> (u64, Option<Trouble>) {
        let number = self.shared.log.next();
        // After a shutdown there is one reason to refuse a job, and no other trouble.
        let is_open = !self.shared.is_shut_down.load(Ordering::SeqCst);
        (number, self.shared.plan.of(number).filter(|_| is_open))
    }

    fn note(&self, number: u64, trouble: Trouble) {
        self.shared.log.note(number, trouble);
    }
}

/// A promise that one of two takes.
type SharedPromise<T> = Arc<Mutex<Option<Promise<T>>>>;

fn fail<T: Send + 'static>(kept: &SharedPromise<T>, error: JobError) {
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
