//! A measured pool lists the jobs that run, and reports each job that has run, with its name, place and outcome.

use std::panic::Location;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::support::boxed;
use executor::extend::observe::{EndedJob, JobOutcome, Observer, RunningJob};
use executor::{JobOptions, Pool, ThreadPool, current};

#[derive(Default)]
pub(crate) struct Log {
    started: Mutex<Vec<RunningJob>>,
    ended: Mutex<Vec<EndedJob>>,
}

impl Log {
    pub(crate) fn of(pool: &dyn Pool) -> Arc<Self> {
        let log = Arc::new(Self::default());
        pool.counters().expect("a pool").observers().expect("it is measured").add(log.clone());
        log
    }

    /// The jobs that have ended since the last call.
    pub(crate) fn take(&self) -> Vec<EndedJob> {
        std::mem::take(&mut self.ended.lock().expect("no test panics here"))
    }
}

impl Observer for Log {
    fn job_started(&self, job: &RunningJob) {
        self.started.lock().expect("no test panics here").push(job.clone());
    }

    fn job_ended(&self, job: &EndedJob) {
        self.ended.lock().expect("no test panics here").push(job.clone());
    }
}

struct Panics;

impl Observer for Panics {
    fn job_started(&self, _: &RunningJob) {
        panic!("an observer's own fault");
    }

    fn job_ended(&self, _: &EndedJob) {
        panic!("an observer's own fault");
    }
}

fn measured() -> ThreadPool {
    ThreadPool::builder().threads(1).measure(true).build().expect("a small pool")
}

fn running(pool: &dyn Pool) -> Vec<RunningJob> {
    pool.counters().expect("a pool").running()
}

fn line(job: &RunningJob) -> Option<u32> {
    job.description.place.filter(|place| place.file().ends_with("observers.rs")).map(Location::line)
}

#[test]
fn running_jobs_are_listed() {
    let pool = measured();
    let (started, starts) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let named = pool.with(JobOptions::new().name("thumbnail").tag("request 7"));
    let wait = move || {
        started.send(()).expect("the test waits");
        waits.recv().expect("the test sends");
    };
    let place = line!() + 1;
    let outer = named.submit(wait);
    assert!(starts.recv().is_ok());
    let list = running(&pool);
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].id, list[0].attempt, list[0].pid), (outer.id(), 1, None));
    assert_eq!((list[0].description.name.as_str(), list[0].description.tag()), ("thumbnail", Some("request 7")));
    assert_eq!(&*list[0].worker, "executor-0");
    assert_eq!(line(&list[0]), Some(place));
    go_on.send(()).expect("the job waits");
    outer.result().expect("it returns");
    assert!(running(&pool).is_empty());
}

#[test]
fn nested_jobs_are_listed_together() {
    let pool = measured();
    let handle = pool.handle();
    let outer = pool.submit(boxed(move || {
        let inner = handle.handle();
        let inner = handle.submit(boxed(move || running(&inner).len()));
        inner.result()
    }));
    assert_eq!(outer.result().expect("it returns").expect("it runs in place"), 2);
}

#[test]
fn ended_jobs_are_reported_with_their_outcome() {
    use JobOutcome::{Completed, Panicked, TimedOut};

    let pool = measured();
    let log = Log::of(&pool);
    let place = line!() + 1;
    pool.submit(boxed(|| ())).result().expect("it returns");
    pool.submit(boxed(|| panic!("no luck"))).result().expect_err("it panics");
    let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(1)));
    limited.submit(boxed(|| while !current::stop_requested() {})).result().expect_err("it is late");
    pool.wait_idle();
    let queued = pool.submit_after(Duration::from_secs(3600), boxed(|| ()));
    assert!(queued.cancel());
    let map_place = line!() + 1;
    let mapped: Vec<_> = pool.map([1, 2], |n| n).collect();
    assert!(mapped.iter().all(Result::is_ok));
    let ended = log.take();
    let outcomes: Vec<_> = ended.iter().map(|ended| ended.outcome).collect();
    assert_eq!(outcomes, [Completed, Panicked, TimedOut, Completed, Completed]);
    assert_eq!((line(&ended[0].job), line(&ended[4].job)), (Some(place), Some(map_place)));
    assert_eq!(pool.stats().run.expect("it is measured").count(), 5);
    assert_eq!(log.started.lock().expect("no test panics here").len(), 5);
}

#[test]
fn panic_of_an_observer_costs_that_call_only() {
    let pool = measured();
    let observers = pool.counters().expect("a pool").observers().expect("it is measured").clone();
    let panics: Arc<dyn Observer> = Arc::new(Panics);
    observers.add(panics.clone());
    let log = Log::of(&pool);
    assert_eq!(pool.submit(boxed(|| 7)).result().expect("it returns"), 7);
    assert_eq!(log.take().len(), 1);
    observers.remove(&panics);
    assert_eq!(Arc::strong_count(&panics), 1);
}

#[test]
fn pool_that_is_not_measured_lists_nothing() {
    let pool = ThreadPool::new(1);
    let handle = pool.handle();
    assert_eq!(pool.submit(boxed(move || running(&handle).len())).result().expect("it returns"), 0);
    assert!(pool.counters().expect("a pool").observers().is_none());
}

#[cfg(feature = "process")]
mod processes {
    use std::process::abort;
    use std::thread;

    use executor::{ProcessPool, call};

    use super::*;

    fn pool() -> ProcessPool {
        ProcessPool::builder().processes(1).measure(true).build().expect("a small pool")
    }

    fn double(n: u32) -> u32 {
        n * 2
    }

    fn die() {
        abort();
    }

    #[expect(clippy::needless_pass_by_value, reason = "a job owns its arguments")]
    fn complain(text: String) {
        panic!("{text}");
    }

    #[test]
    fn process_jobs_are_reported_with_their_outcome() {
        use JobOutcome::{Completed, Crashed, Panicked, TimedOut};

        let pool = pool();
        let log = Log::of(&pool);
        let place = line!() + 1;
        assert_eq!(pool.submit(call!(double(21))).result().expect("it returns"), 42);
        let pid = pool.pids()[0];
        pool.submit(call!(complain("no luck".to_owned()))).result().expect_err("it panics");
        pool.submit(call!(die())).result().expect_err("it crashes");
        let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(1)).name("late"));
        limited.submit(call!(thread::park())).result().expect_err("it is late");
        let (again, retried) = (pool.with(JobOptions::new().retry(1)), log.take());
        again.submit(call!(die())).result().expect_err("it crashes twice");
        pool.wait_idle();
        let ended: Vec<_> = retried.into_iter().chain(log.take()).collect();
        let outcomes: Vec<_> = ended.iter().map(|ended| (ended.outcome, ended.job.attempt)).collect();
        assert_eq!(outcomes, [(Completed, 1), (Panicked, 1), (Crashed, 1), (TimedOut, 1), (Crashed, 1), (Crashed, 2)]);
        assert_eq!(ended[0].job.pid, Some(pid));
        assert!(ended[0].job.description.name.as_str().ends_with("double"));
        assert_eq!(line(&ended[0].job), Some(place));
        assert!(running(&pool).is_empty());
    }

    #[test]
    fn job_that_is_aborted_is_reported_as_cancelled() {
        let pool = pool();
        let log = Log::of(&pool);
        let parked = pool.submit(call!(thread::park()));
        while running(&pool).is_empty() || !parked.is_running() {
            thread::yield_now();
        }
        assert!(parked.abort());
        pool.wait_idle();
        let ended = log.take();
        assert_eq!((ended.len(), ended[0].outcome), (1, JobOutcome::Cancelled));
    }
}
