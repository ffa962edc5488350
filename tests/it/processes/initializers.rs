//! An initializer runs once in each worker, and what it makes stays there.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use executor::{JobError, ProcessPool, call, current};

use super::deaths::{crash, kill};
use crate::support::{Directory, eventually, within_patience};

fn counter() -> Cell<u64> {
    Cell::new(0)
}

fn count() -> u64 {
    let count = current::state::<Cell<u64>>().expect("the initializer made it");
    count.set(count.get() + 1);
    count.get()
}

fn abort() {
    std::process::abort();
}

fn broken<T: std::fmt::Debug>(outcome: Result<T, JobError>) -> String {
    match outcome {
        Err(JobError::Broken(broken)) => broken.to_string(),
        other => panic!("not broken: {other:?}"),
    }
}

#[test]
fn state_stays_in_its_worker_and_is_made_again_in_the_next() {
    let pool = ProcessPool::builder().processes(1).initializer(call!(counter())).build().unwrap();
    let counts: Vec<_> = (0..3).map(|_| pool.submit(call!(count()))).map(|future| future.result().unwrap()).collect();
    assert_eq!(counts, [1, 2, 3]);
    crash(pool.submit(call!(abort())));
    assert_eq!(pool.submit(call!(count())).result().unwrap(), 1);
    kill(pool.pids()[0]);
    assert_eq!(pool.submit(call!(count())).result().unwrap(), 1);
}

#[test]
fn state_of_another_type_is_not_found() {
    let pool = ProcessPool::builder().processes(1).initializer(call!(counter())).build().unwrap();
    assert!(pool.submit(call!(|| current::state::<u8>().is_none(), ())).result().unwrap());
}

fn hang() {
    loop {
        std::thread::park();
    }
}

fn stop() {
    // SAFETY: it reaches this process alone.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}

#[test]
fn start_limit_covers_it() {
    within_patience(|| {
        let builder = || ProcessPool::builder().processes(1).start_limit(Duration::from_millis(300));
        let pools = [builder().initializer(call!(hang())), builder().initializer(call!(stop()))];
        for pool in pools.map(|builder| builder.build().unwrap()) {
            let text = broken(pool.submit(call!(count())).result());
            // On a busy machine the hello comes too late, too.
            assert!(text.contains("within 300 ms"), "{text}");
        }
    });
}

/// Works once the file `path` is there.
fn need(path: PathBuf) -> usize {
    fs::read(&path).expect("the file").len()
}

#[test]
fn a_panic_in_it_breaks_the_job_that_waited_and_the_next_one_tries_again() {
    within_patience(|| {
        let directory = Directory::new();
        let path = directory.path().join("table");
        let pool = ProcessPool::builder().processes(1).initializer(call!(need(path.clone()))).build().unwrap();
        let size = || pool.submit(call!(|| current::state::<usize>().map_or(0, |size| *size), ())).result();
        let text = broken(size());
        let clause = " did not complete: its worker process could not be started in 4 attempts: its initializer failed: job `it::processes::initializers::need` panicked at tests/it/processes/initializers.rs:";
        assert!(text.starts_with("job `closure at ") && text.contains(clause), "{text}");
        assert!(pool.pids().is_empty());
        fs::write(&path, [0; 5]).expect("a file in a fresh directory");
        assert_eq!(size().unwrap(), 5);
    });
}

#[test]
fn a_crash_in_it_breaks_the_job_that_waited_and_says_so() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).initializer(call!(abort())).build().unwrap();
        let text = broken(pool.submit(call!(|| 1, ())).result());
        assert!(text.contains("its initializer ended the process: it was killed by SIGABRT"), "{text}");
        assert!(pool.pids().is_empty());
    });
}

/// Leaves a mark for each time that it is called.
fn mark(path: PathBuf) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).expect("a file in a fresh directory");
    file.write_all(b"x").expect("there is room for a byte");
}

#[test]
fn prestart_runs_it_in_each_worker() {
    within_patience(|| {
        let directory = Directory::new();
        let path = directory.path().join("marks");
        let pool = ProcessPool::builder().processes(2).initializer(call!(mark(path.clone()))).build().unwrap();
        pool.prestart();
        eventually("each worker is ready", || fs::read(&path).is_ok_and(|marks| marks.len() == 2));
        pool.submit(call!(|| (), ())).result().unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 2, "once in each worker");
    });
}
