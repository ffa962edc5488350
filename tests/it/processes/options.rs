//! The options of a job that only a process can honour: a time limit for jobs that do not check it, and retries.

use std::time::Duration;

use executor::{JobError, JobOptions, ProcessPool, call, current};

use super::{pool, worker_of};
use crate::support::event_log::{EventLog, Writer};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::within_patience;

fn arrive(arrival: Arrival) {
    arrival.arrive(0);
}

/// Crashes in each run before the one that is its turn, which tells its number.
fn crash_before(turn: u32, writer: Writer) -> u32 {
    let attempt = current::attempt().expect("it runs");
    writer.write(attempt.into());
    if attempt < turn {
        std::process::abort();
    }
    attempt
}

fn is_crash(outcome: &Result<u32, JobError>) -> bool {
    matches!(outcome, Err(JobError::Crashed(_)))
}

#[test]
fn a_job_that_does_not_listen_ends_with_its_time_and_its_process() {
    within_patience(|| {
        let pool = pool(1);
        let limits = [(200, "200 ms"), (2_000, "2 s"), (20_000, "20 s")];
        assert!(limits.into_iter().any(|(limit, text)| is_seen_to_end(&pool, Duration::from_millis(limit), text)));
    });
}

/// False if a busy machine has not let the job begin in its time.
fn is_seen_to_end(pool: &ProcessPool, limit: Duration, text: &str) -> bool {
    let (rendezvous, before) = (Rendezvous::new(), worker_of(pool));
    let view = pool.with(JobOptions::new().name("deaf").timeout(limit));
    let outcome = view.submit(call!(arrive(rendezvous.arrival()))).result();
    let Err(JobError::TimedOut(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.to_string(), format!("job `deaf` did not finish within {text}; raise the limit or split the job"));
    let last = rendezvous.arrival();
    let thread = std::thread::spawn(move || last.arrive(u64::MAX));
    let waiter = rendezvous.accept();
    let has_begun = waiter.number() != u64::MAX;
    if has_begun {
        // A loaded machine may not give it the millisecond that it has to say where it is.
        if let Some(last) = error.backtrace().and_then(|backtrace| backtrace.frames().last()) {
            assert_eq!(last.function(), "it::processes::options::arrive");
        }
        waiter.wait_for_its_death();
        assert_ne!(worker_of(pool), before);
    }
    drop(rendezvous);
    thread.join().expect("it only waits");
    has_begun
}

#[test]
fn a_job_whose_worker_dies_is_run_as_often_as_it_may_be() {
    within_patience(|| {
        let pool = pool(1);
        for (retry, turn, runs) in [(0, 1, 1), (2, 3, 3), (5, 3, 3), (1, 3, 2)] {
            let log = EventLog::new();
            let view = pool.with(JobOptions::new().retry(retry));
            let outcome = view.submit(call!(crash_before(turn, log.writer()))).result();
            assert_eq!(is_crash(&outcome), runs < turn, "{outcome:?}");
            assert_eq!(log.entries(), (1..=u64::from(runs)).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_job_is_run_once_unless_its_pool_or_its_options_say_otherwise() {
    within_patience(|| {
        let log = EventLog::new();
        assert!(is_crash(&pool(1).submit(call!(crash_before(2, log.writer()))).result()));
        let pool = ProcessPool::builder().processes(1).retry(1).build().expect("a pool of one process");
        assert_eq!(pool.submit(call!(crash_before(2, log.writer()))).result().unwrap(), 2);
        let once = pool.with(JobOptions::new().retry(0));
        assert!(is_crash(&once.submit(call!(crash_before(2, log.writer()))).result()));
        assert_eq!(log.entries(), [1, 1, 2, 1]);
    });
}

#[test]
fn an_aborted_job_is_not_run_again() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let future = pool.with(JobOptions::new().retry(3)).submit(call!(arrive(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        assert!(future.abort());
        waiter.wait_for_its_death();
        assert!(super::is_cancelled(&future.result()));
        worker_of(&pool);
    });
}
