//! The methods of a pool, over a real server.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use executor::extend::dump::PoolState;
use executor::{
    Event, JobError, JobOptions, Period, Pool, Rejection, Shutdown, ShutdownPolicy, ThreadPool, call, current, join_all,
};
use executor_testkit::contract::Do;
use executor_testkit::contract::tools::event_log::EventLog;
use executor_testkit::contract::tools::rendezvous::Rendezvous;

use crate::support::served::{Served, processes, unique};
use crate::support::wait_for;

fn threads(threads: usize) -> Served<ThreadPool> {
    Served::new(ThreadPool::new(threads), unique("pool"))
}

fn double(n: u32) -> u32 {
    assert!(n < 1000, "too large");
    2 * n
}

#[test]
fn map_keeps_the_order_and_fails_items_alone() {
    let served = threads(2);
    let doubled: Result<Vec<u32>, _> = served.executor.map(0..50, double).collect();
    assert!(doubled.expect("each item is small").into_iter().eq((0..50).map(|n| 2 * n)));

    let chunks: Vec<_> = served.executor.map([1, 5000, 3], double).chunk_size(3).collect();
    assert!(matches!(chunks[..], [Ok(2), Err(JobError::Panicked(_)), Ok(6)]), "{chunks:?}");

    let mut unordered: Vec<_> =
        served.executor.map([7, 8], double).unordered().map(|(index, n)| (index, n.unwrap())).collect();
    unordered.sort_unstable();
    assert_eq!(unordered, [(0, 14), (1, 16)]);
}

#[test]
fn map_of_a_closure_panics_at_its_call() {
    let served = threads(1);
    let panic =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| served.executor.map(0..3, |n: u32| n + 1).count()));
    let panic = panic.expect_err("a closure cannot leave this process");
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("closure"), "{text}");
}

#[test]
fn every_runs_until_it_is_cancelled_or_shut_down() {
    let served = threads(1);
    let (runs, event) = (served.executor.every(Duration::from_millis(1), call!(double(1))), Event::new());
    wait_for("some runs", || (runs.runs() >= 3).then_some(()));
    runs.cancel();
    served.executor.wait_idle();
    let after = runs.runs();
    assert!(!event.wait_timeout(Duration::from_millis(20)));
    assert_eq!(runs.runs(), after, "a cancelled job does not run again");

    let hourly = served.executor.every(Period::rate(Duration::from_secs(3600)), call!(double(1)));
    served.executor.wait_idle();
    served.executor.shutdown(true);
    assert_eq!(hourly.runs(), 0, "a shutdown does not wait for a run that is not due");
    let late = served.executor.every(Period::rate(Duration::from_secs(3600)).starting_now(), call!(double(1)));
    assert_eq!(late.runs(), 0);
}

#[test]
fn submit_async_waits_for_room_without_a_thread() {
    let served = Served::new(ThreadPool::new(1), unique("pool").capacity(2));
    let rendezvous = Rendezvous::new();
    let running = served.executor.submit(Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    let queued = served.executor.submit(Do::Echo(2));
    let Err(refused) = served.executor.try_submit(Do::Echo(3)) else { panic!("a full namespace takes no job") };
    assert_eq!(refused.reason(), Rejection::Full);
    let Err(refused) = served.executor.submit_timeout(Do::Echo(3), Duration::from_millis(20)) else {
        panic!("a full namespace takes no job");
    };
    assert_eq!(refused.reason(), Rejection::Full);

    let mut submission = Box::pin(served.executor.submit_async(Do::Echo(3)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(submission.as_mut().poll(&mut context).is_pending(), "there is no room");
    assert!(queued.cancel(), "which makes room");
    let future = futures_lite::future::block_on(submission).expect("the executor is open");
    let dropped = served.executor.submit_async(Do::Echo(4));
    drop(waiter);
    assert_eq!((running.result().unwrap(), future.result().unwrap()), (1, 3));
    drop(dropped);
    let stats = served.executor.stats();
    assert_eq!((stats.completed, stats.cancelled), (2, 1), "{stats}");
}

#[test]
fn a_full_stream_changes_no_order() {
    let served = Served::new(ThreadPool::new(1), unique("pool").capacity(5));
    let log = EventLog::new();
    for n in 0..100 {
        drop(served.executor.submit(Do::Write(log.writer(), n)));
    }
    served.executor.shutdown(true);
    assert!(log.entries().into_iter().eq(0..100));
}

#[test]
fn options_reach_the_job() {
    let served = threads(1);
    let options = JobOptions::new().name("thumbnail").tag("r-7").timeout(Duration::from_secs(60));
    let seen = served.executor.with(options).submit(Do::Compare(Some("thumbnail".into()), Some("r-7".into())));
    assert_eq!(seen.result().unwrap(), 7);
    let id = served.executor.submit(Do::TellId);
    let expected = id.id().get();
    assert_eq!(id.result().unwrap(), expected);
}

/// Whether a job has arrived.
fn has_begun(rendezvous: &Rendezvous) -> bool {
    let last = rendezvous.arrival();
    let thread = thread::spawn(move || last.arrive(u64::MAX));
    let has_begun = match rendezvous.accept() {
        last if last.number() == u64::MAX => false,
        first => {
            first.wait_for_its_death();
            drop(rendezvous.accept());
            true
        }
    };
    thread.join().expect("it only waits");
    has_begun
}

#[test]
fn a_timeout_ends_the_run_on_its_host() {
    let served = Served::new(processes(1), unique("pool"));
    let ends_at = |(limit, text)| {
        let rendezvous = Rendezvous::new();
        let limited = served.executor.with(JobOptions::new().name("slow").timeout(Duration::from_millis(limit)));
        let error = limited.submit(Do::Arrive(rendezvous.arrival(), 1)).result().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("job `slow` did not finish within {text}; raise the limit or split the job")
        );
        has_begun(&rendezvous)
    };
    // A busy machine may not let it begin in a short time.
    assert!([(200, "200 ms"), (2_000, "2 s"), (20_000, "20 s")].into_iter().any(ends_at));
}

#[test]
fn start_by_ends_a_job_that_waits_too_long() {
    let served = threads(1);
    let rendezvous = Rendezvous::new();
    let running = served.executor.submit(Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    let hasty = served.executor.with(JobOptions::new().name("poll").start_by(Duration::from_millis(20)));
    let error = hasty.submit(Do::Echo(2)).result().unwrap_err();
    assert_eq!(error.to_string(), "job `poll` did not start within 20 ms; raise the limit or add workers");
    let JobError::TimedOut(late) = error else { panic!("{error:?}") };
    assert!(!late.has_started());

    let patient = served.executor.with(JobOptions::new().start_by(Duration::from_secs(3600)));
    let in_time = patient.submit(Do::Echo(3));
    drop(waiter);
    assert_eq!((running.result().unwrap(), in_time.result().unwrap()), (1, 3));
    let stats = served.executor.stats();
    assert_eq!((stats.completed, stats.timed_out + stats.cancelled), (2, 1), "{stats}");
}

#[test]
fn keep_jobs_ends_a_job_that_runs_too_long() {
    let ends_at = |(limit, text)| {
        let served = Served::new(processes(1), unique("pool").keep_jobs(Duration::from_millis(limit)));
        let rendezvous = Rendezvous::new();
        let endless = served.executor.with(JobOptions::new().name("endless"));
        let running = endless.submit(Do::Arrive(rendezvous.arrival(), 1));
        let queued = served.executor.submit(Do::Echo(2));
        let error = running.result().unwrap_err().to_string();
        drop(queued.result());
        wait_for("the host goes on", || served.executor.submit(Do::Echo(3)).result().ok());
        // The host was told to stop it.
        has_begun(&rendezvous)
            && error == format!("job `endless` did not finish within {text}; raise the limit or split the job")
    };
    // A busy machine may not let it begin in a short time.
    assert!([(1_500, "1.5 s"), (15_000, "15 s")].into_iter().any(ends_at));
}

#[test]
fn a_dump_shows_hosts_and_what_waits() {
    let served = threads(1);
    let rendezvous = Rendezvous::new();
    let running = served.executor.submit(Do::Arrive(rendezvous.arrival(), 0));
    let waiter = rendezvous.accept();
    assert!(running.is_running());
    let queued = served.executor.with(JobOptions::new().name("behind")).submit(Do::Echo(1));
    let delayed = served.executor.submit_after(Duration::from_secs(3600), Do::Echo(2));
    wait_for("the host has told of itself", || (served.executor.workers() == 1).then_some(()));
    let dump = served.executor.dump();
    assert_eq!((dump.state, dump.stats.running, dump.stats.delayed), (PoolState::Open, 1, 1));
    assert_eq!((dump.workers.len(), dump.queue.lanes), (1, [0, 1, 0]));
    let description = dump.queue.oldest[0].description.as_ref().expect("it has a name");
    assert_eq!(description.name.as_str(), "behind");
    assert_eq!(description.place.expect("it was submitted somewhere").file(), file!());
    assert!(dump.queue.next_due.is_some());
    assert!(dump.to_string().contains("NatsExecutor"), "{dump}");
    let hosts = served.executor.hosts();
    assert_eq!((hosts.len(), hosts[0].workers, hosts[0].is_ours), (1, 1, true));
    assert!(hosts[0].label.ends_with(&format!(":{}", std::process::id())), "{hosts:?}");

    assert!(delayed.cancel());
    drop(waiter);
    queued.wait();
    served.executor.shutdown(true);
    assert_eq!(served.executor.dump().state, PoolState::Closed);
}

#[test]
fn shutdown_policies_report_how_jobs_ended() {
    let served = Served::new(processes(1), unique("pool"));
    let rendezvous = Rendezvous::new();
    let running = served.executor.submit(Do::Arrive(rendezvous.arrival(), 0));
    let _waiter = rendezvous.accept();
    assert!(running.is_running());
    let queued = served.executor.submit(Do::Echo(1));
    let report = served.executor.shutdown_with(ShutdownPolicy::drain().within(Duration::from_millis(50)));
    assert_eq!(report.to_string(), "0 completed, 0 failed, 2 cancelled, 0 still running");
    assert!(running.is_cancelled() && queued.is_cancelled());
    let Err(rejected) = served.executor.try_submit(Do::Echo(2)) else { panic!("it is shut down") };
    assert_eq!(rejected.reason(), Rejection::Shutdown);
}

#[test]
fn closed_tells_of_the_end_and_may_shut_down() {
    let served = threads(1);
    let (ended, end) = mpsc::channel();
    let handle = served.executor.handle();
    served.executor.closed().on_done(move |outcome| {
        handle.shutdown(true);
        ended.send(outcome.is_ok()).unwrap();
    });
    let futures: Vec<_> = (0..10).map(|n| served.executor.submit(Do::Echo(n))).collect();
    served.executor.shutdown(false);
    assert!(end.recv().unwrap());
    assert!(futures.iter().all(executor::Future::is_done));
}

fn submit_from_job() -> Option<String> {
    current::name().map(|name| name.to_string())
}

#[test]
fn a_pool_behind_the_trait_is_watched_and_shut_down() {
    let served = threads(2);
    let pool: &dyn Pool = &served.executor;
    let futures: Vec<_> = (0..20).map(|_| served.executor.submit(call!(submit_from_job()))).collect();
    pool.wait_idle();
    assert!(join_all(futures).into_iter().all(|outcome| outcome.unwrap().is_none()));
    assert!(pool.wait_idle_timeout(Duration::ZERO));
    assert_eq!(pool.stats().completed, 20);
    Shutdown::shutdown(pool, true);
    assert!(pool.closed().is_done());
}
