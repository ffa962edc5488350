//! Stalls that `on_stall` reports.

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use executor::{Pool, Stall, ThreadPool};

use super::{named, seeded};
use crate::support::boxed;
use crate::support::latch::Latch;
use crate::support::{eventually, within_patience};

const LIMIT: Duration = Duration::from_millis(20);

/// A pool that sends its stalls.
fn watched(threads: usize) -> (ThreadPool, mpsc::Receiver<Stall>) {
    let (tell, stalls) = mpsc::channel();
    let tell = Mutex::new(tell);
    let builder = ThreadPool::builder().threads(threads).on_stall(LIMIT, move |stall| {
        tell.lock().expect("no test panics here").send(stall.clone()).unwrap_or_default();
    });
    (builder.build().expect("a small pool"), stalls)
}

/// The names of the jobs of a stall.
fn names(stall: &Stall) -> Vec<&str> {
    stall.jobs.iter().map(|job| job.description.name.as_str()).collect()
}

#[test]
fn job_that_is_never_woken_is_reported() {
    seeded(|random| {
        let (pool, stalls) = watched(2);
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let there = pair.clone();
        named(&pool, "sleeper").execute(boxed(move || {
            let (is_set, was_set) = &*there;
            drop(was_set.wait_while(is_set.lock().expect("no panic"), |is_set| !*is_set));
        }));
        (0..random.below(20)).for_each(|_| pool.execute(boxed(|| ())));
        // Where the machine is busy, the other jobs may wait for longer than the limit too.
        let mut alone = stalls.iter().filter(|stall| names(stall) == ["sleeper"] && stall.queue.is_none());
        let stall = alone.next().expect("it is reported");
        assert!(stall.to_string().contains("stalls.rs:"), "{stall}");
        let again = alone.next().expect("it lasts");
        let ran = |stall: &Stall| stall.dump.taken_at - stall.jobs[0].started_at;
        assert!(ran(&again) >= 2 * LIMIT && ran(&stall) >= LIMIT);
        *pair.0.lock().expect("no panic") = true;
        pair.1.notify_all();
    });
}

#[test]
fn queue_that_does_not_move_is_reported() {
    seeded(|random| {
        let (pool, stalls) = watched(1);
        let (guard, latch) = Latch::closed();
        named(&pool, "first").execute(boxed(move || latch.wait()));
        (0..=random.below(9)).for_each(|_| pool.execute(boxed(|| ())));
        // Where the machine is busy, the first job may start late.
        let names_first = |hint: &String| hint.contains("every worker is busy") && hint.contains("`first`");
        let is_about_it = |stall: &Stall| stall.queue.is_some() && stall.dump.hints.iter().any(names_first);
        let stall = stalls.iter().find(is_about_it).expect("it is reported");
        assert!(stall.queue >= Some(LIMIT) && stall.to_string().contains("none has started for"), "{stall}");
        drop(guard);
    });
}

/// The worker has the job, and does not come to start it.
#[test]
fn job_behind_a_slow_initializer_is_reported() {
    let (tell, stalls) = mpsc::channel();
    let (guard, latch) = Latch::closed();
    let tell = Mutex::new(tell);
    let builder = ThreadPool::builder().threads(1).initializer(move || latch.wait());
    let builder = builder.on_stall(LIMIT, move |stall| {
        tell.lock().expect("no test panics here").send(stall.to_string()).unwrap_or_default();
    });
    let pool = builder.build().expect("a small pool");
    pool.execute(boxed(|| ()));
    // Only longer waits are given as reasons.
    let named = stalls.iter().find(|stall| stall.contains("! the thread `executor-0` has been in the initializer"));
    assert!(named.is_some());
    drop(guard);
}

#[test]
fn idle_pool_is_not_looked_at() {
    within_patience(|| {
        let (pool, stalls) = watched(1);
        for _ in 0..3 {
            assert_eq!(pool.submit(boxed(|| 7)).result().expect("it returns"), 7);
        }
        // On a busy machine, a job may have run for long, and one report of that may still come.
        stalls.try_iter().for_each(drop);
        let idle = Instant::now();
        eventually("ten limits are over", || idle.elapsed() > 10 * LIMIT);
        pool.shutdown(true);
        assert!(stalls.try_iter().count() <= 1, "no job runs");
    });
}

/// A handler that panics, or that shuts the pool down, costs its own call only.
#[test]
fn handler_may_panic_and_shut_down() {
    within_patience(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handle = Arc::new(Mutex::new(None::<executor::ThreadHandle>));
        let there = handle.clone();
        let builder = ThreadPool::builder().threads(1).on_stall(LIMIT, move |_| {
            if let Some(handle) = &*there.lock().expect("no panic before") {
                handle.shutdown(true);
            }
            tell.lock().expect("no panic before").send(()).unwrap_or_default();
            std::panic::resume_unwind(Box::new("a handler's own fault"));
        });
        let pool = builder.build().expect("a small pool");
        *handle.lock().expect("no panic before") = Some(pool.handle());
        let (guard, latch) = Latch::closed();
        pool.execute(boxed(move || latch.wait()));
        assert!(told.recv().is_ok() && told.recv().is_ok(), "it is called again");
        eventually("the pool is closed", || pool.try_submit(boxed(|| ())).is_err());
        drop(guard);
        *handle.lock().expect("it is not poisoned") = None;
        pool.shutdown(true);
        assert_eq!(pool.dump().state, executor::extend::dump::PoolState::Closed);
        drop(pool);
        // Until the handler is dropped.
        told.iter().for_each(drop);
    });
}

#[test]
fn limit_of_zero_is_refused() {
    let error =
        ThreadPool::builder().on_stall(Duration::ZERO, |_| ()).build().expect_err("every job would be reported");
    assert_eq!(error.to_string(), "cannot build the pool: `on_stall` is 0 s, but must be longer than zero");
}
