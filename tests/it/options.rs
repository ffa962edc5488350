//! The promises of a job's options.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use executor::{Job, JobError, JobOptions, Priority, QueueLimit, Rejection, ThreadPool, current, join_all};

use crate::support::boxed;
use crate::support::event_log::EventLog;
use crate::support::jobs::Do;
use crate::support::latch::Latch;
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{Make, occupy, on_every_surface, on_one_worker_surface};
use crate::support::within_patience;

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

fn timed_out<T: std::fmt::Debug>(outcome: Result<T, JobError>) -> String {
    match outcome {
        Err(JobError::TimedOut(error)) => error.to_string(),
        other => panic!("it did not time out: {other:?}"),
    }
}

mod one_worker {
    use super::*;

    on_one_worker_surface![
        urgent_jobs_start_first_and_background_jobs_last,
        background_jobs_are_not_starved_by_a_stream_of_urgent_ones,
    ];
}

on_every_surface![
    a_job_is_told_its_name_and_its_tag_and_its_deadline,
    a_job_that_has_not_started_in_time_never_does,
    the_time_to_start_begins_when_the_delay_is_over,
    a_job_that_starts_in_time_has_its_result,
    a_start_that_races_its_time_is_one_or_the_other,
    a_delayed_job_waits_for_its_time_and_a_shutdown_waits_for_it,
    a_view_is_refused_what_its_pool_is_refused,
];

fn unbounded(make: Make) -> std::sync::Arc<dyn crate::support::surface::Surface> {
    make(QueueLimit::unbounded())
}

fn urgent_jobs_start_first_and_background_jobs_last(make: Make) {
    let (pool, rendezvous, log) = (unbounded(make), Rendezvous::new(), EventLog::new());
    let waiters = occupy(&*pool, 1, &rendezvous);
    for (number, priority) in
        (0..).zip([Priority::Low, Priority::Normal, Priority::High, Priority::Normal, Priority::High])
    {
        pool.with(JobOptions::new().priority(priority)).execute(Do::Write(log.writer(), number));
    }
    drop(waiters);
    pool.shutdown(true);
    assert_eq!(log.entries(), [2, 4, 1, 3, 0]);
}

fn background_jobs_are_not_starved_by_a_stream_of_urgent_ones(make: Make) {
    let (pool, rendezvous, log) = (unbounded(make), Rendezvous::new(), EventLog::new());
    let waiters = occupy(&*pool, 1, &rendezvous);
    let urgent = pool.with(JobOptions::new().priority(Priority::High));
    (0..500).for_each(|_| urgent.execute(Do::Write(log.writer(), 1)));
    pool.with(JobOptions::new().priority(Priority::Low)).execute(Do::Write(log.writer(), 0));
    drop(waiters);
    pool.shutdown(true);
    let place = log.entries().into_iter().position(|entry| entry == 0).expect("it runs");
    assert!(place < 200, "after {place} of 500 urgent ones");
}

fn a_job_is_told_its_name_and_its_tag_and_its_deadline(make: Make) {
    let pool = unbounded(make);
    let (name, tag) = (Some("poll".to_owned()), Some("request 7".to_owned()));
    let view = pool.with(JobOptions::new().name("poll").tag("request 7").timeout(LONG));
    assert_eq!(view.submit(Do::Compare(name.clone(), tag.clone())).result().unwrap(), 7);
    assert_eq!(view.submit_after(SHORT, Do::Compare(name.clone(), tag)).result().unwrap(), 7);
    let view = pool.with(JobOptions::new().name("poll"));
    assert_eq!(view.try_submit(Do::Compare(name, None)).unwrap().result().unwrap(), 3);
    assert_eq!(pool.submit(Do::Compare(None, None)).result().unwrap(), 3, "the job before leaves nothing behind");
}

fn a_job_that_has_not_started_in_time_never_does(make: Make) {
    let (pool, rendezvous, log) = (unbounded(make), Rendezvous::new(), EventLog::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let view = pool.with(JobOptions::new().name("hasty").start_by(SHORT));
    let future = view.submit(Do::Write(log.writer(), 1));
    view.execute(Do::Write(log.writer(), 2));
    let text = timed_out(future.result());
    assert_eq!(text, "job `hasty` did not start within 2 ms; raise the limit or add workers");
    let unnamed = pool.with(JobOptions::new().start_by(SHORT)).try_submit(Do::Write(log.writer(), 3)).unwrap();
    let text = timed_out(unnamed.result());
    assert!(text.contains("Do` did not start within 2 ms"), "{text}");
    drop(waiters);
    pool.shutdown(true);
    assert!(log.entries().is_empty());
}

fn the_time_to_start_begins_when_the_delay_is_over(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let start = Instant::now();
    let view = pool.with(JobOptions::new().start_by(SHORT).delay(SHORT));
    let (by_option, by_call) = (view.submit(Do::Echo(1)), view.submit_after(2 * SHORT, Do::Echo(1)));
    timed_out(by_option.result());
    assert!(start.elapsed() >= 2 * SHORT);
    timed_out(by_call.result());
    assert!(start.elapsed() >= 3 * SHORT);
    drop(waiters);
}

fn a_job_that_starts_in_time_has_its_result(make: Make) {
    let pool = unbounded(make);
    let view = pool.with(JobOptions::new().start_by(LONG));
    let futures = (0..500).map(|n| view.submit(Do::Echo(n)));
    assert!(join_all(futures).into_iter().map(Result::unwrap).eq(0..500));
    let cancelled = view.submit_after(LONG, Do::Echo(1));
    assert!(cancelled.cancel());
    // A timer event that was cancelled holds up no shutdown.
    pool.shutdown(true);
}

fn a_start_that_races_its_time_is_one_or_the_other(make: Make) {
    let (pool, log) = (unbounded(make), EventLog::new());
    let futures: Vec<_> = (0..300)
        .map(|n| {
            let view = pool.with(JobOptions::new().start_by(Duration::from_micros(n * 10)));
            view.submit(Do::Write(log.writer(), n))
        })
        .collect();
    let mut ran = Vec::new();
    for (n, outcome) in (0..).zip(join_all(futures)) {
        match outcome {
            Ok(_) => ran.push(n),
            Err(JobError::TimedOut(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    pool.shutdown(true);
    assert_eq!(log.sorted(), ran);
}

fn a_delayed_job_waits_for_its_time_and_a_shutdown_waits_for_it(make: Make) {
    let pool = unbounded(make);
    let due = Instant::now() + Duration::from_millis(20);
    let view = pool.with(JobOptions::new().delay(Duration::from_millis(20)));
    let futures = [view.submit(Do::Echo(1)), view.try_submit(Do::Echo(1)).unwrap()];
    pool.shutdown(true);
    assert!(Instant::now() >= due);
    assert!(futures.into_iter().all(|future| future.try_result().expect("a shutdown waits").is_ok()));
}

fn a_view_is_refused_what_its_pool_is_refused(make: Make) {
    let pool = unbounded(make);
    let views = [JobOptions::new().delay(SHORT).start_by(LONG), JobOptions::new().name("late")];
    let views = views.map(|options| pool.with(options));
    views[0].shutdown(true);
    for view in views {
        let refused = view.try_submit(Do::Echo(5)).unwrap_err();
        assert_eq!((refused.reason(), refused.into_job()), (Rejection::Shutdown, Do::Echo(5)));
        assert!(
            matches!(view.submit(Do::Echo(5)).result(), Err(error) if error.rejection() == Some(Rejection::Shutdown))
        );
    }
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
        let (hold, latch) = Latch::closed();
        let (stopped, stops) = mpsc::channel();
        let job = move || {
            while !current::stop_requested() {
                std::thread::yield_now();
            }
            stopped.send(()).unwrap();
            latch.wait();
        };
        let future = pool.with(JobOptions::new().name("slow").timeout(SHORT)).submit(job);
        let text = timed_out(future.result());
        assert_eq!(text, "job `slow` did not finish within 2 ms; raise the limit or split the job");
        stops.recv().unwrap();
        // The thread is still in the job: the pool's only one.
        let next = pool.submit(boxed(|| 7));
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
        assert!(join_all((0..5000).map(|n| view.submit(boxed(move || n)))).into_iter().map(Result::unwrap).eq(0..5000));
        // A timer event that was cancelled holds up no shutdown.
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
    assert!(text.contains("Sleeper` did not finish within 2 ms"), "{text}");
}
