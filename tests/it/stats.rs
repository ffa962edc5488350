//! A pool's statistics add up: each accepted job is waiting, running, or counted once among those that are done.

use std::sync::Arc;
use std::time::Duration;

use executor::{
    ClosureExecutor, JobError, JobOptions, QueueLimit, Rejection, ShutdownPolicy, Stats, ThreadPool, WhenFull,
};
use executor_testkit::ManualExecutor;

use crate::support::boxed;
use crate::support::jobs::Do;
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{self, Make, Surface, occupy};

/// Where it is known which worker takes which batch.
mod alone {
    use super::cancelled_jobs_are_not_queued;
    use crate::support::surface;

    surface::on_one_worker_surface!(cancelled_jobs_are_not_queued);
}

const HOUR: Duration = Duration::from_secs(3600);

surface::on_every_surface!(
    each_job_is_counted_once,
    an_outcome_that_is_seen_is_counted,
    dropped_jobs_count_as_failed,
    a_handle_tells_of_a_pool_that_is_gone,
    a_shutdown_that_kills_leaves_nothing_uncounted,
);

fn unbounded(make: Make) -> Arc<dyn Surface> {
    make(QueueLimit::unbounded())
}

/// The number of accepted jobs: waiting, running or done.
fn total(stats: &Stats) -> u64 {
    (stats.queued + stats.delayed + stats.running) as u64 + stats.done()
}

fn outcomes(stats: &Stats) -> [u64; 6] {
    let Stats { completed, panicked, cancelled, timed_out, crashed, failed, .. } = *stats;
    [completed, panicked, cancelled, timed_out, crashed, failed]
}

fn each_job_is_counted_once(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let workers = pool.workers();
    let before = pool.stats();
    assert_eq!((total(&before), before.workers), (0, before.idle), "rayon's threads are there from the start");
    let waiters = occupy(&*pool, workers, &rendezvous);
    let echoes: Vec<_> = (0..50).map(|n| pool.submit(Do::Echo(n))).collect();
    let panics: Vec<_> = (0..7).map(|_| pool.submit(Do::Panic("counted".to_owned()))).collect();
    let delayed: Vec<_> = (0..3).map(|_| pool.submit_after(HOUR, Do::Echo(1))).collect();
    let hasty = pool.with(JobOptions::new().start_by(Duration::from_millis(1)));
    let late: Vec<_> = (0..4).map(|_| hasty.submit(Do::Echo(1))).collect();
    assert_eq!(late.into_iter().filter_map(|future| future.result().err()).count(), 4);
    let told = pool.broadcast(Do::Echo(2));
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.delayed), (57 + workers, 3), "{stats}");
    assert_eq!((stats.running, stats.idle, stats.workers), (workers, 0, workers), "{stats}");
    assert_eq!(outcomes(&stats), [0, 0, 0, 4, 0, 0], "{stats}");

    assert!(echoes[..20].iter().all(executor::Future::cancel) && delayed.iter().all(executor::Future::cancel));
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.delayed, stats.cancelled), (37 + workers, 0, 23), "{stats}");
    assert_eq!(total(&stats), (2 * workers + 50 + 7 + 3 + 4) as u64, "{stats}");

    drop(waiters);
    pool.wait_idle();
    let stats = pool.stats();
    assert_eq!(outcomes(&stats), [(2 * workers + 30) as u64, 7, 23, 4, 0, 0], "{stats}");
    assert_eq!((stats.queued, stats.delayed, stats.running, stats.idle), (0, 0, 0, stats.workers), "{stats}");
    assert!(stats.wait.is_none() && stats.run.is_none());
    assert_eq!((told.len(), panics.len()), (workers, 7));
}

/// Also those in a worker's local queue.
fn cancelled_jobs_are_not_queued(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let before = occupy(&*pool, pool.workers(), &rendezvous);
    let gates: Vec<_> = (0..pool.workers() as u64).map(|n| pool.submit(Do::Arrive(rendezvous.arrival(), n))).collect();
    let jobs: Vec<_> = (0..200).map(|n| pool.submit(Do::Echo(n))).collect();
    drop(before);
    let waiters = rendezvous.accept_all(gates.len());
    assert!(jobs.iter().all(executor::Future::cancel));
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.cancelled), (0, 200), "{stats}");
    drop(waiters);
}

fn an_outcome_that_is_seen_is_counted(make: Make) {
    let pool = unbounded(make);
    for n in 1..100 {
        pool.submit(Do::Echo(n)).result().unwrap();
        assert_eq!(pool.stats().completed, n);
    }
}

fn dropped_jobs_count_as_failed(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::DropOldest)), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let dropped = pool.submit(Do::Echo(1));
    let kept = pool.submit(Do::Echo(2));
    assert_eq!(dropped.result().unwrap_err().rejection(), Some(Rejection::Dropped));
    let stats = pool.stats();
    assert_eq!((stats.queued, outcomes(&stats)), (1, [0, 0, 0, 0, 0, 1]), "{stats}");
    drop(waiters);
    kept.result().unwrap();
}

fn a_handle_tells_of_a_pool_that_is_gone(make: Make) {
    let pool = unbounded(make);
    let handle = pool.handle();
    pool.execute(Do::Echo(1));
    assert!(pool.submit(Do::Panic("told".to_owned())).result().is_err());
    drop(pool);
    let stats = handle.stats();
    assert_eq!((outcomes(&stats), stats.workers), ([1, 1, 0, 0, 0, 0], 0), "{stats}");
    assert!(handle.submit(Do::Echo(1)).result().is_err());
    assert_eq!(handle.stats().done(), 2, "what is rejected was never accepted");
}

fn a_shutdown_that_kills_leaves_nothing_uncounted(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let waiting: Vec<_> = (0..20).map(|n| pool.submit(Do::Echo(n))).collect();
    let later = pool.submit_after(HOUR, Do::Echo(1));
    let _ = pool.shutdown_with(ShutdownPolicy::kill().within(Duration::ZERO));
    drop(waiters);
    pool.shutdown(true);
    let stats = pool.stats();
    assert_eq!((total(&stats), stats.done()), ((pool.workers() + 21) as u64, (pool.workers() + 21) as u64), "{stats}");
    assert!(stats.cancelled >= 21 && later.is_cancelled() && waiting.iter().all(executor::Future::is_cancelled));
}

#[test]
fn a_job_inside_of_another_runs_too() {
    let pool = ThreadPool::new(1);
    let handle = pool.handle();
    let inside = pool.submit(boxed(move || {
        let inner = handle.clone();
        handle.submit(boxed(move || inner.stats().running)).result().unwrap()
    }));
    assert_eq!(inside.result().unwrap(), 2);
    pool.wait_idle();
    assert_eq!((pool.stats().running, pool.stats().completed), (0, 2));
}

#[test]
fn a_job_that_its_caller_runs_is_counted_where_it_was_submitted() {
    let queue = || QueueLimit::bounded(1, WhenFull::CallerRuns);
    let rendezvous = Rendezvous::new();
    let (one, other) = (ThreadPool::new(1), ThreadPool::builder().threads(1).queue(queue()).build().unwrap());
    let waiters = occupy(&other.handle(), 1, &rendezvous);
    let waits = other.submit(boxed(|| 0));
    let handle = other.handle();
    let running = one.submit(boxed(move || {
        let inner = handle.clone();
        handle.submit(boxed(move || inner.stats().running)).result().unwrap()
    }));
    assert_eq!(running.result().unwrap(), 2);
    assert_eq!((one.stats().completed, other.stats().completed), (1, 1));
    drop(waiters);
    waits.result().unwrap();
}

#[test]
fn a_thread_that_ends_leaves_what_it_counted() {
    let pool = ThreadPool::builder().threads(4).keep_alive(Duration::ZERO).measure(true).build().unwrap();
    drop(executor::join_all((0..100).map(|n| pool.submit(boxed(move || n)))));
    crate::support::eventually("no thread is left", || pool.stats().workers == 0);
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.run.map(|run| run.count())), (100, Some(100)));
}

#[test]
fn thread_jobs_are_measured() {
    let (pool, rendezvous) = (ThreadPool::builder().threads(1).measure(true).build().unwrap(), Rendezvous::new());
    measured(&pool.handle(), &rendezvous);
}

#[cfg(feature = "process")]
#[test]
fn process_jobs_are_measured() {
    let pool = executor::ProcessPool::builder().processes(1).measure(true).build().unwrap();
    measured(&pool.handle(), &Rendezvous::new());
}

fn measured(pool: &dyn Surface, rendezvous: &Rendezvous) {
    let waiters = occupy(pool, 1, rendezvous);
    let cancelled = pool.submit(Do::Echo(0));
    let jobs: Vec<_> = (0..9).map(|n| pool.submit(Do::Echo(n))).collect();
    assert!(cancelled.cancel());
    let held = std::time::Instant::now();
    crate::support::eventually("some time is over", || held.elapsed() > Duration::from_millis(20));
    drop(waiters);
    drop(executor::join_all(jobs));
    pool.wait_idle();
    let stats = pool.stats();
    let (wait, run) = (stats.wait.expect("it is measured"), stats.run.expect("it is measured"));
    assert_eq!((wait.count(), run.count()), (10, 10), "not the one that never ran");
    // The first job ran for these 20 ms, and the others waited for it.
    assert!(run.max() >= Duration::from_millis(20) && run.quantile(0.5) < run.max(), "{run:?}");
    assert!(wait.quantile(0.5) >= Duration::from_millis(17), "{wait:?}");
}

#[cfg(feature = "process")]
#[test]
fn processes_that_die_and_jobs_that_take_too_long_are_told_apart() {
    fn crash() {
        std::process::abort()
    }
    let (pool, rendezvous) = (executor::ProcessPool::new(1).unwrap(), Rendezvous::new());
    assert!(pool.submit(executor::call!(crash())).result().is_err());
    let strict = pool.with(JobOptions::new().timeout(Duration::from_millis(5)));
    assert!(strict.submit(Do::Arrive(rendezvous.arrival(), 1)).result().is_err());
    let aborted = pool.submit(Do::Arrive(rendezvous.arrival(), 2));
    while rendezvous.accept().number() != 2 {}
    assert!(aborted.abort() || aborted.is_done());
    pool.wait_idle();
    let stats = pool.stats();
    let [completed, panicked, cancelled, timed_out, crashed, failed] = outcomes(&stats);
    assert_eq!((panicked, timed_out, crashed, failed, completed + cancelled), (0, 1, 1, 0, 1), "{stats}");
}

#[cfg(feature = "rayon")]
#[test]
fn rayon_counts_too() {
    let (pool, rendezvous) = (crate::support::kinds::rayon(2), Rendezvous::new());
    let busy: Vec<_> = (0..2).map(|n| pool.submit(Do::Arrive(rendezvous.arrival(), n))).collect();
    let waiters = rendezvous.accept_all(2);
    let jobs: Vec<_> = (0..30).map(|n| pool.submit(Do::Echo(n))).collect();
    pool.execute(Do::Panic("counted".to_owned()));
    let later = pool.submit_after(HOUR, Do::Echo(1));
    assert!(jobs[..10].iter().all(executor::Future::cancel));
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.delayed, stats.running, stats.idle), (21, 1, 2, 0), "{stats}");
    assert!(later.cancel());
    drop(waiters);
    drop(busy);
    let handle = pool.handle();
    pool.shutdown(true);
    let stats = handle.stats();
    assert_eq!((outcomes(&stats), total(&stats)), ([22, 1, 11, 0, 0, 0], 34), "{stats}");
}

fn unlucky(number: u32) -> u32 {
    assert!(number != 5, "no luck");
    number
}

/// Ten items in chunks of four, of which the second has one that panics.
fn chunks_count_as_their_worst_item(pool: &impl ClosureExecutor, stats: impl Fn() -> Stats) {
    let outcomes: Vec<_> = pool.map(0..10, unlucky).chunk_size(4).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    let stats = stats();
    assert_eq!(self::outcomes(&stats), [2, 1, 0, 0, 0, 0], "{stats}");
}

#[test]
fn chunks_of_closures_count_as_their_worst_item() {
    let (threads, manual) = (ThreadPool::new(2), ManualExecutor::new());
    chunks_count_as_their_worst_item(&threads, || threads.stats());
    #[cfg(feature = "rayon")]
    {
        let rayon = crate::support::kinds::rayon(2);
        chunks_count_as_their_worst_item(&rayon, || rayon.stats());
    }
    chunks_count_as_their_worst_item(&manual, || manual.stats());
    // A job that runs in place, inside of an item's wait, counts as another job.
    let pool = ThreadPool::new(1);
    let inner = pool.handle();
    let nested = pool.map(0..2, move |number| {
        inner.submit(boxed(move || number)).result().and_then(|_| Err::<u32, _>(JobError::cancelled()))
    });
    assert_eq!(nested.chunk_size(2).flatten().count(), 2);
    assert_eq!(outcomes(&pool.stats()), [3, 0, 0, 0, 0, 0], "{}", pool.stats());
}

/// So the limit is an item's, and costs no other.
#[test]
fn items_with_a_time_limit_are_jobs_of_their_own() {
    let limited = || JobOptions::new().timeout(HOUR);
    let (threads, manual) = (ThreadPool::new(2), ManualExecutor::new());
    assert_eq!(threads.with(limited()).map(0..10, |n| n).chunk_size(5).flatten().count(), 10);
    assert_eq!(manual.with(limited()).map(0..10, |n| n).chunk_size(5).flatten().count(), 10);
    assert_eq!([threads.stats().completed, manual.stats().completed], [10, 10]);
    assert_eq!(threads.map(0..10, |n| n).chunk_size(5).flatten().count(), 10);
    assert_eq!(threads.stats().completed, 12);
}
