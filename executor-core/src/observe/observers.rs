//! The list of a pool's observers, and that of the jobs that run.

use std::fmt;
use std::mem::replace;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};

use super::job::{EndedJob, JobDescription, Observer, RunningJob};
use crate::current;
use crate::panics::{catch, drop_catching};
use crate::status::JobId;

impl RunningJob {
    /// Creates a job that starts now, for the first time, on the worker of this thread.
    pub fn here(id: JobId, description: JobDescription, queued_at: Instant) -> Self {
        let worker = current::worker_name();
        let worker = worker.unwrap_or_else(|| std::thread::current().name().unwrap_or("unnamed").into());
        Self { id, description, attempt: 1, queued_at, started_at: Instant::now(), worker, pid: None }
    }
}

/// Returns whether the environment variable `EXECUTOR_MEASURE` is `1`, which makes every pool of the program a measured one. It is read
/// once.
pub fn measures_all() -> bool {
    static MEASURES_ALL: LazyLock<bool> =
        LazyLock::new(|| std::env::var_os("EXECUTOR_MEASURE").is_some_and(|it| it == "1"));
    *MEASURES_ALL
}

/// The observers of a pool.
#[derive(Default)]
pub struct Observers {
    /// Whether there are some, for those who look before they lock.
    are_there: AtomicBool,
    list: RwLock<Arc<[Arc<dyn Observer>]>>,
}

impl Observers {
    /// Adds an observer.
    pub fn add(&self, observer: Arc<dyn Observer>) {
        self.change(|list| list.iter().cloned().chain([observer]).collect());
    }

    /// Removes an observer, which may still be told of a job that ends at the same time.
    pub fn remove(&self, observer: &Arc<dyn Observer>) {
        let is_other = |known: &&Arc<dyn Observer>| !std::ptr::addr_eq(Arc::as_ptr(known), Arc::as_ptr(observer));
        self.change(|list| list.iter().filter(is_other).cloned().collect());
    }

    fn change(&self, change: impl FnOnce(&[Arc<dyn Observer>]) -> Arc<[Arc<dyn Observer>]>) {
        let mut list = self.list.write();
        let changed = change(&list);
        // Relaxed: an observer hears of the jobs that start after its addition is seen.
        self.are_there.store(!changed.is_empty(), Ordering::Relaxed);
        let before = replace(&mut *list, changed);
        drop(list);
        drop_catching(before);
    }

    /// Calls `tell` with each observer, outside the lock.
    fn each(&self, tell: impl Fn(&dyn Observer)) {
        if !self.are_there.load(Ordering::Relaxed) {
            return;
        }
        let list = self.list.read().clone();
        for observer in &*list {
            drop_catching(catch(|| tell(&**observer)));
        }
        drop_catching(list);
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").field("len", &self.list.read().len()).finish_non_exhaustive()
    }
}

/// The jobs that run on one worker: several, if they run inside each other, or were sent to a worker process together.
#[derive(Default)]
pub(crate) struct Running(Mutex<Vec<RunningJob>>);

impl Running {
    pub(crate) fn add(&self, job: RunningJob, observers: &Observers) {
        observers.each(|observer| observer.job_started(&job));
        self.0.lock().push(job);
    }

    /// Takes the job off the list. Returns whether its thread runs it inside another one, too.
    pub(crate) fn remove(&self, id: JobId) -> Option<(RunningJob, bool)> {
        let mut jobs = self.0.lock();
        let place = jobs.iter().rposition(|job| job.id == id)?;
        let job = jobs.remove(place);
        // A worker process runs the jobs that it was sent one after the other.
        let is_nested = job.pid.is_none() && jobs.iter().any(|other| other.worker == job.worker);
        Some((job, is_nested))
    }

    /// Since when a job runs.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.0.lock().first().map(|job| job.started_at)
    }

    pub(crate) fn all(&self) -> Vec<RunningJob> {
        self.0.lock().clone()
    }
}

pub(crate) fn report(observers: &Observers, ended: &EndedJob) {
    observers.each(|observer| observer.job_ended(ended));
}
