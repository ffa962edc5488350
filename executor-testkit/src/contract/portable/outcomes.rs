//! Every accepted job gets exactly one outcome, which is its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use executor_core::{JobError, Status};

use crate::contract::subject::Make;
use crate::contract::tools::event_log::EventLog;
use crate::contract::tools::jobs::{Do, PANICS_IN, PANICS_ON_LINE};
use crate::contract::tools::rendezvous::Rendezvous;
use crate::contract::tools::{eventually, named};

pub fn each_job_has_its_own_outcome(make: &Make) {
    let pool = make();
    let futures: Vec<_> = (0..500).map(|n| pool.submit(Do::Echo(n))).collect();
    // Asked for from the last to the first: the order of asking is free.
    for (n, future) in futures.into_iter().enumerate().rev() {
        assert_eq!(future.result().unwrap(), n as u64);
    }
}

pub fn each_job_runs_once_and_calls_back_once(make: &Make) {
    const JOBS: u64 = 200;
    let (pool, log) = (make(), EventLog::new());
    let calls: Arc<Vec<AtomicUsize>> = Arc::new((0..JOBS).map(|_| AtomicUsize::new(0)).collect());
    for n in 0..JOBS {
        let calls = calls.clone();
        pool.submit(Do::Write(log.writer(), n)).on_done(move |outcome| {
            let n = usize::try_from(outcome.unwrap()).unwrap();
            calls[n].fetch_add(1, Ordering::Relaxed);
        });
    }
    pool.shutdown(true);
    assert!(log.sorted().into_iter().eq(0..JOBS), "each job ran once");
    assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) == 1), "each callback ran once: {calls:?}");
}

pub fn a_panic_is_told_to_the_letter(make: &Make) {
    let pool = make();
    let error = pool.submit(Do::Panic("no luck".into())).result().unwrap_err();
    let JobError::Panicked(panicked) = &error else { panic!("{error:?}") };
    assert_eq!(panicked.message(), "no luck");
    let place = format!("{PANICS_IN}:{PANICS_ON_LINE}:5");
    assert_eq!(panicked.place(), Some(place.as_str()));
    let job = panicked.job().expect("the error names its job");
    assert!(job.contains("jobs::Do"), "{job}");
    assert_eq!(error.to_string(), format!("job {} panicked at {place}: no luck", named(panicked)));
}

pub fn a_panic_whose_payload_is_no_text_says_so(make: &Make) {
    let pool = make();
    let error = pool.submit(Do::PanicWith(7)).result().unwrap_err();
    let JobError::Panicked(panicked) = &error else { panic!("{error:?}") };
    assert_eq!(panicked.message(), "(a payload that is not text)");
    let place = panicked.place().expect("it was raised somewhere");
    let text = format!("job {} panicked at {place}: (a payload that is not text)", named(panicked));
    assert_eq!(error.to_string(), text);
}

pub fn a_panic_costs_its_job_only(make: &Make) {
    let pool = make();
    let futures: Vec<_> =
        (0..100).map(|n| pool.submit(if n % 3 == 0 { Do::Panic(format!("job {n}")) } else { Do::Echo(n) })).collect();
    for (n, future) in futures.into_iter().enumerate() {
        match future.result() {
            Ok(value) => assert_eq!(value, n as u64),
            Err(JobError::Panicked(panicked)) => assert_eq!(panicked.message(), format!("job {n}")),
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub fn a_dropped_future_detaches(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    for n in 0..50 {
        drop(pool.submit(Do::Write(log.writer(), n)));
    }
    eventually("all of them ran", || log.entries().len() == 50);
    assert!(log.sorted().into_iter().eq(0..50));
}

pub fn try_submit_accepts_as_submit_does(make: &Make) {
    let pool = make();
    let future = pool.try_submit(Do::Echo(5)).expect("an open pool takes jobs");
    assert_eq!(future.result().unwrap(), 5);
}

pub fn a_job_knows_its_id(make: &Make) {
    let pool = make();
    for _ in 0..20 {
        let future = pool.submit(Do::TellId);
        let id = future.id().get();
        assert_eq!(future.result().unwrap(), id);
    }
}

pub fn ids_grow(make: &Make) {
    let pool = make();
    let futures: Vec<_> = (0..20).map(|n| pool.submit(Do::Echo(n))).collect();
    assert!(futures.is_sorted_by(|a, b| a.id() < b.id()), "{futures:?}");
}

pub fn status_goes_from_queued_over_running_to_done(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waiters = pool.block(&rendezvous);
    let future = pool.submit(Do::Arrive(rendezvous.arrival(), 100));
    assert_eq!(future.status(), Status::Queued);
    assert!(!future.is_done() && !future.is_running() && !future.is_cancelled());
    drop(waiters);
    let waiter = rendezvous.accept();
    assert_eq!(waiter.number(), 100);
    assert_eq!(future.status(), Status::Running);
    assert!(future.is_running() && !future.is_done());
    drop(waiter);
    future.wait();
    assert_eq!(future.status(), Status::Done);
    assert!(future.is_done() && !future.is_running() && !future.is_cancelled());
}
