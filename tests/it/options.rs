//! What the options of a job promise.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use executor::{Job, JobError, JobOptions, Priority, Rejection, ThreadPool, current, join_all};

use crate::support::gate::{Gate, block};
use crate::support::within_patience;

const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(2);

fn timed_out<T: std::fmt::Debug>(outcome: Result<T, JobError>) -> String {
    match outcome {
        Err(JobError::TimedOut(error)) => error.to_string(),
        other => panic!("it did not time out: {other:?}"),
    }
}

#[test]
fn urgent_jobs_start_first_and_background_jobs_last() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let hold = block(&pool);
        let (told, order) = mpsc::channel();
        for (name, priority) in [
            ("low", Priority::Low),
            ("normal", Priority::Normal),
            ("high", Priority::High),
            ("second normal", Priority::Normal),
            ("second high", Priority::High),
        ] {
            let told = told.clone();
            pool.with(JobOptions::new().priority(priority)).execute(move || told.send(name).unwrap());
        }
        drop((hold, told));
        assert_eq!(order.iter().collect::<Vec<_>>(), ["high", "second high", "normal", "second normal", "low"]);
    });
}

#[test]
fn background_jobs_are_not_starved_by_a_stream_of_urgent_ones() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let hold = block(&pool);
        let (urgent, background) = (
            pool.with(JobOptions::new().priority(Priority::High)),
            pool.with(JobOptions::new().priority(Priority::Low)),
        );
        let (told, order) = mpsc::channel();
        let tell = |what: &'static str| {
            let told = told.clone();
            move || told.send(what).unwrap()
        };
        (0..500).for_each(|_| urgent.execute(tell("high")));
        background.execute(tell("low"));
        drop(hold);
        let place = order.iter().position(|what| what == "low").expect("it runs");
        assert!(place < 200, "after {place} of 500 urgent ones");
    });
}

#[test]
fn a_job_knows_its_name_its_tag_and_its_deadline() {
    let pool = ThreadPool::new(1);
    let view = pool.with(JobOptions::new().name("poll").tag("request 7").timeout(LONG));
    let tell = || (current::name(), current::tag(), current::deadline());
    let (name, tag, deadline) = view.submit(tell).result().unwrap();
    assert_eq!((name.as_deref(), tag.as_deref()), (Some("poll"), Some("request 7")));
    assert!(deadline.is_some_and(|deadline| deadline > Instant::now()));
    assert_eq!(pool.submit(tell).result().unwrap(), (None, None, None));
    assert_eq!(current::name(), None);
}

#[test]
fn a_job_that_runs_too_long_is_asked_to_stop_and_its_future_tells_at_once() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let (hold, gate) = Gate::closed();
        let (stopped, stops) = mpsc::channel();
        let job = move || {
            while !current::stop_requested() {
                std::thread::yield_now();
            }
            stopped.send(()).unwrap();
            gate.wait();
        };
        let future = pool.with(JobOptions::new().name("slow").timeout(SHORT)).submit(job);
        let text = timed_out(future.result());
        assert_eq!(text, "job `slow` was not done within 2ms; give it more time, or less to do");
        stops.recv().unwrap();
        // The thread is still in the job: the pool's only one.
        let next = pool.submit(|| 7);
        assert!(!next.is_running());
        drop(hold);
        assert_eq!(next.result().unwrap(), 7);
    });
}

#[test]
fn a_job_that_is_done_in_time_has_its_result() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        let view = pool.with(JobOptions::new().timeout(LONG).start_by(LONG));
        assert!(join_all((0..5000).map(|n| view.submit(move || n))).into_iter().map(Result::unwrap).eq(0..5000));
        // An alarm that was called off holds up no shutdown.
        pool.shutdown(true);
    });
}

#[test]
fn a_job_without_a_name_is_called_by_its_type() {
    struct Sleeper;
    impl Job for Sleeper {
        type Output = ();
        fn run(self) {
            while !current::stop_requested() {
                std::thread::yield_now();
            }
        }
    }
    let pool = ThreadPool::new(1);
    let text = timed_out(pool.with(JobOptions::new().timeout(SHORT)).submit(Sleeper).result());
    assert!(text.contains("Sleeper` was not done within 2ms"), "{text}");
}

#[test]
fn a_job_that_has_not_started_in_time_never_does() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let hold = block(&pool);
        let (told, ran) = mpsc::channel();
        let future = pool.with(JobOptions::new().start_by(SHORT)).submit(move || told.send(()).unwrap());
        timed_out(future.result());
        drop(hold);
        assert!(ran.recv().is_err(), "what it captured is dropped");
    });
}

#[test]
fn a_delayed_job_waits_for_its_time_and_a_shutdown_waits_for_it() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let start = Instant::now();
        let view = pool.with(JobOptions::new().delay(Duration::from_millis(20)));
        let future = view.submit(Instant::now);
        let also = view.try_submit(Instant::now).unwrap();
        pool.shutdown(true);
        for future in [future, also] {
            assert!(future.result().unwrap() - start >= Duration::from_millis(20));
        }
        let refused = view.try_submit(|| 5).unwrap_err();
        assert_eq!((refused.reason(), refused.into_job()()), (Rejection::Shutdown, 5));
    });
}
