//! Shutdowns of a scheduler whose jobs do not listen, and whose runner is stopped; and by what a cancelled job has captured.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use executor_core::Priority;
use executor_core::cell::{Cell, Task};

use super::super::owned::Owned;
use super::super::{Batch, Config, Scheduler, Stop};
use super::*;
use crate::pool::ThreadPool;

/// A test that hangs fails after this time.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

type Entry = Arc<dyn Task<(), ()>>;

/// Holds all jobs that it is given until it is stopped.
struct Holder {
    go: Receiver<()>,
    reports: Sender<ShutdownReport>,
    inside: Arc<OnceLock<Scheduler<Holder>>>,
    hold: Arc<Hold>,
}

#[derive(Default)]
struct Hold {
    is_stopped: Mutex<bool>,
    told: Condvar,
}

impl Stop for Hold {
    fn stop(&self) {
        *self.is_stopped.lock().unwrap() = true;
        self.told.notify_all();
    }
}

impl Runner for Holder {
    type Job = Entry;

    fn run(&mut self, job: Entry, batch: &mut Batch<'_, Entry>) -> bool {
        self.go.recv().unwrap();
        let mut jobs = vec![job];
        jobs.extend(std::iter::from_fn(|| batch.take()));
        assert!(jobs.iter().all(|job| job.claim(None).is_some()));
        let report = self.inside.get().unwrap().shutdown_with(ShutdownPolicy::drain());
        self.reports.send(report).unwrap();
        let stopped = self.hold.told.wait_while(self.hold.is_stopped.lock().unwrap(), |is_stopped| !*is_stopped);
        drop(stopped);
        for job in jobs {
            job.finish(Err(JobError::cancelled())).fire();
        }
        true
    }

    fn stop(&self) -> Option<Arc<dyn Stop>> {
        Some(self.hold.clone())
    }
}

#[test]
fn stopped_jobs_are_reported_cancelled_once() {
    let (go, goes) = channel();
    let (reports, inside_reports) = channel();
    let inside = Arc::new(OnceLock::new());
    let parts = Mutex::new(Some((goes, reports, inside.clone())));
    let scheduler = Owned::new(Config::new("holds", 1), move |_: &Arc<str>| {
        let (go, reports, inside) = parts.lock().unwrap().take().expect("there is one worker");
        Holder { go, reports, inside, hold: Arc::default() }
    });
    assert!(inside.set(scheduler.handle()).is_ok());
    let jobs: Vec<Future<()>> = (0..3)
        .map(|_| {
            let cell = Arc::new(Cell::queued((), Ok).at(scheduler.queue()));
            assert!(scheduler.push(Priority::Normal, cell.clone()).is_ok());
            Future::of(cell)
        })
        .collect();
    go.send(()).unwrap();
    let report = inside_reports.recv_timeout(TEST_TIMEOUT).expect("it does not wait for itself");
    assert_eq!((report.completed, report.cancelled, report.still_running), (0, 0, 3));
    let report = scheduler.shutdown_with(ShutdownPolicy::kill().within(TEST_TIMEOUT));
    assert_eq!((report.completed, report.cancelled, report.still_running), (0, 3, 0));
    assert!(jobs.into_iter().all(|job| job.result().unwrap_err().is_cancelled()));
    let report = scheduler.shutdown_with(ShutdownPolicy::kill());
    assert_eq!((report.completed, report.cancelled, report.still_running), (0, 0, 0));
}

/// Shuts its pool down when it is dropped, and tells that it has.
struct Closes(Scheduler<crate::runner::InPlace>, Sender<()>);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.shutdown(true);
        self.1.send(()).unwrap_or_default();
    }
}

/// The shutdown cannot wait for the end of the job whose drop calls it.
#[test]
fn a_shutdown_by_what_a_cancelled_job_captured_returns() {
    for delay in [None, Some(Duration::from_secs(3600))] {
        let pool = ThreadPool::new(1);
        let (told, has_returned) = channel();
        let captured = Closes(pool.handle().0.scheduler, told);
        let future = if let Some(delay) = delay {
            pool.submit_after(delay, move || drop(captured))
        } else {
            let (held, gate) = channel::<()>();
            let first = pool.submit(move || gate.recv().is_err());
            let future = pool.submit(move || drop(captured));
            let control = future.control();
            let cancel = std::thread::spawn(move || control.cancel());
            // The job that runs ends by itself, once the pool is closed.
            while pool.try_submit(|| ()).is_ok() {
                std::thread::yield_now();
            }
            drop(held);
            assert!(cancel.join().unwrap() && first.result().unwrap());
            future
        };
        assert!(future.cancel());
        has_returned.recv_timeout(TEST_TIMEOUT).expect("it returns");
    }
}

/// The same for a job whose next run waits for its time.
#[test]
fn a_shutdown_by_what_a_periodic_job_captured_returns() {
    let pool = ThreadPool::new(1);
    let (told, has_returned) = channel();
    let captured = Closes(pool.handle().0.scheduler, told);
    let periodic = pool.every(Duration::from_secs(3600), move || _ = &captured);
    let cancel = std::thread::spawn(move || periodic.cancel());
    has_returned.recv_timeout(TEST_TIMEOUT).expect("it returns");
    cancel.join().unwrap();
}
