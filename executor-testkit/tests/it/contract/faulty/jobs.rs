//! The tiny executor's wrapper of a job, and its faults in handling jobs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use executor_core::{Future, Job, promise};
use executor_testkit::contract::Do;

use super::super::faults::Fault;
use super::{PANICKED, Shared};

/// Enough places for the checks that do not test places.
const PLACES: usize = 10_000;

/// A place in the queue: a job has one while it waits.
pub(super) struct Place(Arc<Shared>);

impl Place {
    pub(super) fn take(shared: &Arc<Shared>) -> Option<Self> {
        let next = |taken| (taken < PLACES).then_some(taken + 1);
        // Relaxed, here and below: only the number matters.
        shared.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok().map(|_| Self(shared.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A job, and what goes wrong when it runs, or is dropped.
pub(super) struct Wrapped<J> {
    pub(super) slot: Arc<Mutex<Option<J>>>,
    pub(super) shared: Arc<Shared>,
    pub(super) place: Option<Place>,
}

impl<J: Job> Job for Wrapped<J> {
    type Output = J::Output;

    fn run(mut self) -> J::Output {
        drop(self.place.take());
        let job = self.slot.lock().unwrap().take().expect("it runs once");
        let result = catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or_else(|payload| {
            PANICKED.set(true);
            resume_unwind(payload)
        });
        if self.shared.has(Fault::KeepsResults)
            && let Some(token) = (&result as &dyn Any).downcast_ref::<Arc<()>>()
        {
            std::mem::forget(token.clone());
        }
        result
    }
}

impl<J> Drop for Wrapped<J> {
    fn drop(&mut self) {
        if self.shared.has(Fault::LeaksPlaces) {
            std::mem::forget(self.place.take());
        }
        let _locked = self.shared.has(Fault::DropsUnderItsLock).then(|| self.shared.lock());
        let job = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(job);
    }
}

/// The job, if it writes to a log, as a job that writes twice.
pub(super) fn twice<J: Job>(job: J) -> J {
    if let Some(Do::Write(writer, number)) = (&job as &dyn Any).downcast_ref::<Do>() {
        writer.write(*number);
    }
    job
}

/// Another job, where it is one that is data and has a number.
pub(super) fn another<J: Job>(job: J, other: impl FnOnce(u64) -> Do) -> J {
    let number = match (&job as &dyn Any).downcast_ref::<Do>() {
        Some(Do::Echo(number) | Do::Write(_, number)) => *number,
        _ => return job,
    };
    let other: Box<dyn Any> = Box::new(other(number));
    other.downcast::<J>().map_or(job, |other| *other)
}

/// A future that never has an outcome.
pub(super) fn never<T: Send + 'static>() -> Future<T> {
    let (promise, future) = promise();
    std::mem::forget(promise);
    future
}
