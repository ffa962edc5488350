//! Workers that fail their starts at random, while jobs are cancelled, aborted and timed out, and the pool is shut down.

use std::fs::OpenOptions;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use executor::{Future, JobError, JobOptions, ProcessPool, ShutdownPolicy, call};

use crate::support::event_log::{EventLog, Writer};
use crate::support::{Directory, within_patience};

const JOBS: u64 = 24;

/// Xorshift.
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// Fails in one of several ways, or not, by its number among the starts of its pool.
fn perhaps_fail((path, seed): (PathBuf, u64)) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file in a fresh directory");
    file.write_all(b"x").expect("there is room for a byte");
    let mut random = seed ^ file.stream_position().expect("it is a file").wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    match (next(&mut random), next(&mut random)).1 % 8 {
        0 | 1 => panic!("it fails"),
        2 => std::process::exit(3),
        3 => std::process::abort(),
        4 => hang(),
        _ => {}
    }
}

fn hang() {
    loop {
        std::thread::park();
    }
}

/// Notes that it runs. Every third job never ends by itself.
fn work((log, number): (Writer, u64)) -> u64 {
    log.write(number);
    if number.is_multiple_of(3) {
        hang();
    }
    number
}

fn pool(random: &mut u64, directory: &Directory) -> ProcessPool {
    let (path, seed) = (directory.path().join("starts"), *random);
    let width = usize::try_from(1 + next(random) % 4).expect("a few");
    let lives = next(random).is_multiple_of(2).then(|| 1 + next(random) % 3);
    let has_template = next(random).is_multiple_of(4);
    let build = || {
        let builder = ProcessPool::builder().processes(width).initializer(call!(perhaps_fail((path.clone(), seed))));
        // Panics are not to take a second each.
        let mut builder = builder.env("RUST_BACKTRACE", "0").start_limit(Duration::from_millis(200));
        if let Some(jobs) = lives {
            builder = builder.max_jobs_per_process(jobs);
        }
        if has_template {
            builder = builder.template(call!(u64::isqrt(4)));
        }
        builder.build()
    };
    // The limit is the template's too, which a busy machine may start too late.
    (0..20).find_map(|_| build().ok()).expect("a pool")
}

fn shut_down(random: &mut u64, pool: &ProcessPool) {
    let limit = Duration::from_millis(next(random) % 300);
    let policies = [ShutdownPolicy::drain(), ShutdownPolicy::cancel_pending(), ShutdownPolicy::kill()];
    let policy = policies[usize::try_from(next(random) % 3).expect("one of three")];
    if next(random).is_multiple_of(2) {
        let _ = pool.shutdown_with(policy.within(limit));
    }
    pool.shutdown(true);
}

fn storm(seed: u64) {
    let (mut random, log, directory) = (seed, EventLog::new(), Directory::new());
    let pool = pool(&mut random, &directory);
    let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(30)));
    let submit = |number| limited.submit(call!(work((log.writer(), number))));
    let futures: Vec<Future<u64>> = (0..JOBS).map(submit).collect();
    let cancelled: Vec<bool> = futures
        .iter()
        .map(|future| match next(&mut random) % 6 {
            0 => future.cancel(),
            1 => {
                future.abort();
                false
            }
            _ => false,
        })
        .collect();
    shut_down(&mut random, &pool);
    assert!(pool.pids().is_empty(), "seed {seed}");
    let ran = log.sorted();
    assert!(ran.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: each ran once at most");
    for ((number, future), was_cancelled) in (0..).zip(futures).zip(cancelled) {
        let outcome = future.try_result().expect("it has its outcome by now");
        let has_run = ran.binary_search(&number).is_ok();
        assert!(!was_cancelled || !has_run, "seed {seed}: job {number} ran although it was cancelled");
        match outcome {
            Ok(result) => assert!(has_run && result == number, "seed {seed}: job {number}"),
            Err(JobError::Broken(_)) => assert!(!has_run, "seed {seed}: job {number} was told that it had no worker"),
            Err(JobError::Cancelled(_) | JobError::TimedOut(_)) => {}
            Err(other) => panic!("seed {seed}: job {number}: {other}"),
        }
    }
}

#[test]
fn storms_of_failed_starts_lose_no_job() {
    within_patience(|| (1..=10).for_each(|seed| storm(seed * 0x5eed)));
}
