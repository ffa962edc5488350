//! The list of a pool's observers, and that of the jobs that run.

use std::fmt;
use std::mem::replace;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};

use super::job::{EndedJob, JobDescription, Observer, RunningJob};
use crate::current;
use crate::panics::{catch, drop_catching};
use crate::status::JobId;

impl RunningJob {
    /// Creates a job that starts now, for the first time, on the worker of this thread.
    #[inline]
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

type List = Arc<[Arc<dyn Observer>]>;

/// The observers of a pool.
#[derive(Default)]
pub struct Observers {
    /// Whether there are some, for those who look before they lock.
    are_there: AtomicBool,
    list: RwLock<List>,
    copies: Mutex<Vec<Weak<ListCopy>>>,
}

/// A worker's copy of the list. Looking at it for each job writes to no memory that other workers look at.
#[derive(Default)]
pub(crate) struct ListCopy(Mutex<Option<List>>);

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
        // A copy that is made meanwhile is made of the new list.
        let copies: Vec<_> = self.copies.lock().iter().filter_map(Weak::upgrade).collect();
        for copy in copies {
            let before = copy.0.lock().take();
            drop_catching(before);
        }
    }

    /// Creates a copy of the list for a worker.
    pub(crate) fn copy(&self) -> Arc<ListCopy> {
        let copy = Arc::default();
        let mut copies = self.copies.lock();
        copies.retain(|known| known.strong_count() > 0);
        copies.push(Arc::downgrade(&copy));
        copy
    }

    /// Calls `tell` with each observer, outside the lock.
    fn each(&self, copy: &ListCopy, tell: impl Fn(&dyn Observer)) {
        // Relaxed: see `change`.
        if !self.are_there.load(Ordering::Relaxed) {
            return;
        }
        let list = copy.0.lock().get_or_insert_with(|| self.list.read().iter().cloned().collect()).clone();
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
    pub(crate) fn add(&self, job: RunningJob, observers: &Observers, copy: &ListCopy) {
        observers.each(copy, |observer| observer.job_started(&job));
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

pub(crate) fn report(observers: &Observers, copy: &ListCopy, ended: &EndedJob) {
    observers.each(copy, |observer| observer.job_ended(ended));
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Ends;

    impl Observer for Ends {
        fn job_ended(&self, _: &EndedJob) {}
    }

    /// A worker that is idle has its copy still.
    #[test]
    fn copy_follows_its_list() {
        let observers = Observers::default();
        let (copy, other) = (observers.copy(), observers.copy());
        let told = AtomicUsize::new(0);
        let told_by = |copy: &ListCopy| {
            observers.each(copy, |_| assert!(told.fetch_add(1, Ordering::Relaxed) < 2));
            told.swap(0, Ordering::Relaxed)
        };
        let [one, two]: [Arc<dyn Observer>; 2] = [Arc::new(Ends), Arc::new(Ends)];
        observers.add(one.clone());
        assert_eq!((told_by(&copy), told_by(&other)), (1, 1));
        observers.add(two.clone());
        assert_eq!((told_by(&copy), told_by(&other)), (2, 2));
        observers.remove(&one);
        assert_eq!(Arc::strong_count(&one), 1, "no copy keeps it");
        assert_eq!((told_by(&copy), told_by(&other)), (1, 1));
        drop(copy);
        drop(observers.copy());
        assert_eq!(observers.copies.lock().len(), 2, "those of workers that are gone leave");
    }
}
