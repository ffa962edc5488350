//! Pools of processes as a whole: what is started, and what is killed.

use std::time::Duration;

use executor::{
    Future, JobError, JobOptions, ProcessPool, QueueLimit, Rejection, ShutdownPolicy, WhenFull, call, join_all,
};

use super::{is_cancelled, pid, pool, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{eventually, within_patience};

const SHORT: Duration = Duration::from_millis(5);

fn arrive(arrival: Arrival) {
    arrival.arrive(0);
}

/// A pool whose workers wait at the rendezvous before they are ready.
fn slow_to_start(rendezvous: &Rendezvous) -> ProcessPool {
    // Longer than a test may take, so that only a kill ends the start early.
    let builder = ProcessPool::builder().processes(1).start_limit(Duration::from_secs(3600));
    builder.initializer(call!(arrive(rendezvous.arrival()))).build().expect("a pool of one process")
}

#[test]
fn prestart_starts_every_process_and_none_twice() {
    within_patience(|| {
        let pool = pool(3);
        pool.prestart();
        eventually("three processes", || pool.pids().len() == 3);
        let pids = pool.pids();
        pool.prestart();
        let ran_in = join_all((0..50).map(|_| pool.submit(call!(pid()))));
        assert!(ran_in.into_iter().all(|pid| pids.contains(&pid.unwrap())));
        assert_eq!(pool.pids(), pids);
    });
}

#[test]
fn prestart_replaces_a_worker_that_died_idle() {
    within_patience(|| {
        let pool = pool(1);
        let worker = worker_of(&pool);
        super::deaths::kill(worker);
        eventually("it is reaped", || pool.pids().is_empty());
        pool.prestart();
        eventually("there is another", || pool.pids().len() == 1);
        assert_ne!(pool.pids(), [worker]);
    });
}

#[test]
fn a_broadcast_runs_in_each_process_once() {
    within_patience(|| {
        let pool = pool(2);
        let mut pids: Vec<_> = join_all(pool.broadcast(call!(pid()))).into_iter().map(Result::unwrap).collect();
        pids.sort_unstable();
        assert_eq!(pids, pool.pids());
    });
}

#[test]
fn a_kill_ends_what_runs_and_what_waits() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(2), Rendezvous::new());
        let running: Vec<_> = (0..2).map(|_| pool.submit(call!(arrive(rendezvous.arrival())))).collect();
        let waiters = rendezvous.accept_all(2);
        let mut waiting: Vec<_> = (0..3).map(|_| pool.submit(call!(pid()))).collect();
        waiting.push(pool.submit_after(Duration::from_secs(3600), call!(pid())));
        let report = pool.shutdown_with(ShutdownPolicy::kill());
        assert_eq!((report.completed, report.cancelled, report.still_running), (0, 6, 0));
        for waiter in waiters {
            waiter.wait_for_its_death();
        }
        assert!(pool.pids().is_empty(), "no process is left");
        assert!(running.into_iter().all(|future| is_cancelled(&future.try_result().expect("an outcome"))));
        assert!(waiting.iter().all(Future::is_cancelled));
    });
}

#[test]
fn a_kill_ends_a_worker_that_is_being_started_for_a_job() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let pool = slow_to_start(&rendezvous);
        let waits = pool.submit(call!(pid()));
        let waiter = rendezvous.accept();
        let report = pool.shutdown_with(ShutdownPolicy::kill());
        assert_eq!((report.completed, report.cancelled, report.still_running), (0, 1, 0));
        waiter.wait_for_its_death();
        assert!(is_cancelled(&waits.try_result().expect("an outcome")));
    });
}

#[test]
fn a_kill_ends_a_worker_that_is_being_started_for_none() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let pool = slow_to_start(&rendezvous);
        pool.prestart();
        let waiter = rendezvous.accept();
        let report = pool.shutdown_with(ShutdownPolicy::kill());
        assert_eq!((report.completed, report.cancelled, report.still_running), (0, 0, 0));
        waiter.wait_for_its_death();
    });
}

#[test]
fn a_time_limit_escalates_to_a_kill() {
    within_patience(|| {
        for policy in [ShutdownPolicy::drain(), ShutdownPolicy::cancel_pending()] {
            let (pool, rendezvous) = (pool(1), Rendezvous::new());
            let deaf = pool.submit(call!(arrive(rendezvous.arrival())));
            let waiter = rendezvous.accept();
            let queued = pool.submit(call!(pid()));
            let report = pool.shutdown_with(policy.within(SHORT));
            assert_eq!((report.completed, report.cancelled, report.still_running), (0, 2, 0));
            waiter.wait_for_its_death();
            assert!(is_cancelled(&deaf.result()) && queued.is_cancelled());
            assert!(pool.pids().is_empty());
            assert!(pool.shutdown_with(ShutdownPolicy::drain()).is_clean(), "it can be asked again");
        }
    });
}

#[test]
fn a_kill_in_a_callback_waits_for_nothing() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(2), Rendezvous::new());
        let deaf = pool.submit(call!(arrive(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        let handle = pool.handle();
        let (told, tells) = std::sync::mpsc::channel();
        pool.submit(call!(pid())).on_done(move |_| told.send(handle.shutdown_with(ShutdownPolicy::kill())).unwrap());
        waiter.wait_for_its_death();
        assert_eq!(tells.recv().unwrap().completed, 0);
        assert!(is_cancelled(&deaf.result()));
        pool.shutdown(true);
    });
}

#[test]
fn a_pool_is_not_built_with_a_queue_that_it_cannot_have() {
    let build = |queue| ProcessPool::builder().queue(queue).build().map(drop).map_err(|error| error.to_string());
    assert_eq!(
        build(QueueLimit::bounded(1, WhenFull::CallerRuns)).unwrap_err(),
        "cannot build the pool: `queue` is `CallerRuns` when it is full, but must be one of `Block`, `Reject`, `DropOldest` and \
         `DropNewest`: a job of a process pool never runs in the process that submits it"
    );
    assert_eq!(
        build(QueueLimit::bounded(0, WhenFull::Block)).unwrap_err(),
        "cannot build the pool: `queue` is 0, but must be at least 1"
    );
}

#[test]
fn a_name_stands_in_the_errors_of_its_job() {
    fn crash() {
        std::process::abort()
    }
    let pool = pool(1);
    let outcome = pool.with(executor::JobOptions::new().name("resize")).submit(call!(crash())).result();
    match outcome {
        Err(JobError::Crashed(crashed)) => assert_eq!(crashed.name(), Some("resize")),
        other => panic!("{other:?}"),
    }
}

fn panic_at_once() {
    panic!("no luck");
}

fn crash() {
    std::process::abort();
}

fn hang() {
    loop {
        std::thread::park();
    }
}

#[test]
fn failures_in_processes_are_in_the_report() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let first = pool.submit(call!(arrive(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(1)));
        let failing = [pool.submit(call!(crash())), pool.submit(call!(panic_at_once())), limited.submit(call!(hang()))];
        let report = std::thread::scope(|scope| {
            let report = scope.spawn(|| pool.shutdown_with(ShutdownPolicy::drain()));
            while !matches!(
                pool.try_submit(call!(pid())).map_err(|rejected| rejected.reason()),
                Err(Rejection::Shutdown)
            ) {
                std::thread::yield_now();
            }
            drop(waiter);
            report.join().unwrap()
        });
        assert_eq!((report.failed, report.cancelled, report.still_running), (3, 0, 0), "{report}");
        assert!(report.completed >= 1 && !report.is_clean(), "{report}");
        first.result().unwrap();
        assert!(failing.into_iter().all(|job| job.result().is_err()));
    });
}
