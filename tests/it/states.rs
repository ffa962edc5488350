//! An initializer makes a state for each worker, before its first job. One that panics costs the job that waited for it.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};

use executor::{JobError, ThreadPool, current};

use crate::support::boxed;
use crate::support::within_patience;

#[test]
fn each_worker_has_a_state_of_its_own() {
    within_patience(|| {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let make = move || count.fetch_add(1, Ordering::SeqCst);
        let pool = ThreadPool::builder().threads(4).initializer(make).build().unwrap();
        let all_here = Arc::new(Barrier::new(4));
        let futures: Vec<_> = (0..4)
            .map(|_| {
                let all_here = all_here.clone();
                pool.submit(boxed(move || {
                    all_here.wait();
                    *current::state::<usize>().unwrap()
                }))
            })
            .collect();
        let mut states: Vec<usize> = executor::join_all(futures).into_iter().map(Result::unwrap).collect();
        states.sort_unstable();
        assert_eq!(states, [0, 1, 2, 3]);
        assert_eq!(made.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn a_state_lives_as_long_as_its_worker() {
    struct Told(mpsc::Sender<Option<String>>, Cell<u32>);
    impl Drop for Told {
        fn drop(&mut self) {
            let name = std::thread::current().name().map(ToOwned::to_owned);
            self.0.send(name).unwrap();
        }
    }
    within_patience(|| {
        let (drops, dropped) = mpsc::channel();
        let make = move || Told(drops.clone(), Cell::new(0));
        let pool = ThreadPool::builder().threads(1).name("stateful").initializer(make).build().unwrap();
        for n in 1..=10 {
            let count = pool.submit(boxed(|| {
                let told = current::state::<Told>().unwrap();
                told.1.set(told.1.get() + 1);
                told.1.get()
            }));
            assert_eq!(count.result().unwrap(), n);
        }
        assert!(dropped.try_recv().is_err(), "the state is kept between jobs");
        pool.shutdown(true);
        assert_eq!(dropped.try_iter().collect::<Vec<_>>(), [Some("stateful-0".to_owned())]);
    });
}

#[test]
fn a_state_of_another_type_is_not_there() {
    let pool = ThreadPool::builder().threads(1).initializer(|| 1_u32).build().unwrap();
    let found = pool.submit(boxed(|| (current::state::<u64>().is_some(), current::state::<u32>().is_some())));
    assert_eq!(found.result().unwrap(), (false, true));
    let bare = ThreadPool::new(1);
    assert!(bare.submit(boxed(|| current::state::<()>().is_none())).result().unwrap());
    assert!(current::state::<u32>().is_none(), "this thread is no worker");
}

#[test]
fn no_worker_starts_and_no_state_is_made_before_the_first_job() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let make = move || count.fetch_add(1, Ordering::SeqCst);
    drop(ThreadPool::builder().threads(4).initializer(make).build().unwrap());
    assert_eq!(made.load(Ordering::SeqCst), 0);
}

#[test]
fn an_initializer_that_panics_breaks_the_job_and_the_next_one_tries_again() {
    within_patience(|| {
        let tries = AtomicUsize::new(0);
        let make = move || {
            let n = tries.fetch_add(1, Ordering::SeqCst);
            assert!(n >= 2, "try {n}");
            n
        };
        let line = line!() - 3;
        let pool = ThreadPool::builder().threads(1).initializer(make).build().unwrap();
        for n in 0..2 {
            let error = pool.submit(boxed(|| ())).result().unwrap_err();
            let JobError::Broken(broken) = &error else { panic!("{error:?}") };
            let place = format!("{}:{line}:13", file!());
            let reason = format!("the initializer of its worker panicked at {place}: try {n}; fix the initializer");
            assert_eq!(broken.reason(), reason);
            let name = broken.job().expect("the error names its job");
            assert_eq!(error.to_string(), format!("job `{name}` did not complete: {reason}"));
        }
        assert_eq!(pool.submit(boxed(|| *current::state::<usize>().unwrap())).result().unwrap(), 2);
    });
}

#[test]
fn a_job_that_an_initializer_breaks_is_dropped_and_never_runs() {
    within_patience(|| {
        let make = || -> u32 { panic!("never") };
        let pool = ThreadPool::builder().threads(2).initializer(make).build().unwrap();
        let token = Arc::new(());
        let futures: Vec<_> = (0..20)
            .map(|_| {
                let token = token.clone();
                pool.submit(boxed(move || unreachable!("{token:?}")))
            })
            .collect();
        pool.shutdown(true);
        assert_eq!(Arc::strong_count(&token), 1);
        for future in futures {
            let outcome: Result<(), _> = future.result();
            assert!(matches!(outcome, Err(JobError::Broken(_))), "{outcome:?}");
        }
    });
}
