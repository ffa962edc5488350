//! `cancel` is true if and only if the job never starts.

use std::thread;

use executor_core::{Future, JobError, Status};

use crate::contract::subject::Make;
use crate::contract::tools::event_log::EventLog;
use crate::contract::tools::jobs::{Do, without_name};
use crate::contract::tools::rendezvous::Rendezvous;

fn is_cancelled<T>(outcome: &Result<T, JobError>) -> bool {
    matches!(outcome, Err(JobError::Cancelled(_)))
}

pub fn a_queued_job_is_cancelled_and_never_runs(make: &Make) {
    let (pool, rendezvous, log) = (make(), Rendezvous::new(), EventLog::new());
    let waiters = pool.block(&rendezvous);
    let futures: Vec<_> = (0..40).map(|n| pool.submit(Do::Write(log.writer(), n))).collect();
    let (even, odd): (Vec<_>, Vec<_>) = futures.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
    assert!(even.iter().all(|(_, future)| future.cancel()), "a queued job can be cancelled");
    drop(waiters);
    for (n, future) in odd {
        assert_eq!(future.result().unwrap(), n as u64);
    }
    for (_, future) in even {
        assert_eq!(future.status(), Status::Cancelled);
        assert_eq!(without_name(&future.result().unwrap_err().to_string()), "the job was cancelled");
    }
    pool.shutdown(true);
    assert!(log.sorted().into_iter().eq((0..40).filter(|n| n % 2 == 1)));
}

pub fn a_running_job_is_not_cancelled(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let future = pool.submit(Do::Arrive(rendezvous.arrival(), 3));
    let waiter = rendezvous.accept();
    assert!(!future.cancel());
    assert_eq!(future.status(), Status::Running);
    drop(waiter);
    assert_eq!(future.result().unwrap(), 3);
}

pub fn a_job_that_has_ended_is_not_cancelled(make: &Make) {
    let pool = make();
    let future = pool.submit(Do::Echo(3));
    future.wait();
    assert!(!future.cancel());
    assert!(!future.abort());
    assert_eq!(future.status(), Status::Done);
    assert_eq!(future.result().unwrap(), 3);
}

pub fn a_second_cancel_is_as_true_as_the_first(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let _waiters = pool.block(&rendezvous);
    let future = pool.submit(Do::Echo(3));
    assert!(future.cancel());
    assert!(future.cancel());
    assert!(future.abort());
    assert!(is_cancelled(&future.result()));
}

pub fn a_cancelled_job_calls_back_once(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let (calls, called) = std::sync::mpsc::channel();
    let _waiters = pool.block(&rendezvous);
    let future = pool.submit(Do::Echo(3));
    let canceller = future.canceller();
    future.on_done(move |outcome| calls.send(is_cancelled(&outcome)).unwrap());
    assert!(canceller.cancel());
    assert!(canceller.cancel());
    assert_eq!(called.into_iter().collect::<Vec<_>>(), [true]);
}

pub fn a_cancelled_job_counts_as_done(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let _waiters = pool.block(&rendezvous);
    let futures: Vec<_> = (0..5).map(|n| pool.submit(Do::Echo(n))).collect();
    assert!(futures.iter().all(Future::cancel));
    let waited = executor_core::wait(futures, executor_core::Until::AllDone);
    assert_eq!((waited.done.len(), waited.pending.len()), (5, 0));
    assert_eq!(executor_core::as_completed(waited.done).filter(|(_, outcome)| is_cancelled(outcome)).count(), 5);
}

pub fn a_canceller_cancels_what_somebody_else_waits_for(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let _waiters = pool.block(&rendezvous);
    let future = pool.submit(Do::Echo(3));
    let canceller = future.canceller();
    assert_eq!(canceller.id(), future.id());
    let waiter = thread::spawn(move || future.result());
    assert!(canceller.clone().cancel());
    assert!(is_cancelled(&waiter.join().unwrap()));
}

pub fn a_cancel_that_races_the_start_is_true_iff_the_job_never_runs(make: &Make) {
    const ROUNDS: u64 = 300;
    let (pool, log) = (make(), EventLog::new());
    let mut ran = Vec::new();
    for n in 0..ROUNDS {
        let future = pool.submit(Do::Write(log.writer(), n));
        // Sooner or later, so that it meets the job in each of its states.
        for _ in 0..(n % 16) * 40 {
            std::hint::spin_loop();
        }
        let cancelled = future.cancel();
        let outcome = future.result();
        assert_eq!(is_cancelled(&outcome), cancelled, "{outcome:?}");
        if !cancelled {
            assert_eq!(outcome.unwrap(), n);
            ran.push(n);
        }
    }
    pool.shutdown(true);
    assert_eq!(log.sorted(), ran);
}

pub fn cancels_that_race_each_other_agree(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    let mut ran = Vec::new();
    for n in 0..100 {
        let future = pool.submit(Do::Write(log.writer(), n));
        let cancellers: Vec<_> = (0..3).map(|_| future.canceller()).collect();
        let answers: Vec<bool> = thread::scope(|scope| {
            let threads: Vec<_> = cancellers.iter().map(|canceller| scope.spawn(|| canceller.cancel())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers, [answers[0]; 3]);
        assert_eq!(is_cancelled(&future.result()), answers[0]);
        ran.extend((!answers[0]).then_some(n));
    }
    pool.shutdown(true);
    assert_eq!(log.sorted(), ran);
}

pub fn a_guard_aborts_a_queued_job_when_it_is_dropped(make: &Make) {
    let (pool, rendezvous, log) = (make(), Rendezvous::new(), EventLog::new());
    let waiters = pool.block(&rendezvous);
    drop(pool.submit(Do::Write(log.writer(), 1)).abort_on_drop());
    let kept = pool.submit(Do::Write(log.writer(), 2)).abort_on_drop();
    drop(waiters);
    assert_eq!(kept.result().unwrap(), 2);
    pool.shutdown(true);
    assert_eq!(log.entries(), [2]);
}
