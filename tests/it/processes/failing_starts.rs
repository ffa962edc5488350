//! Workers that do not start, on several threads at once: each job has an outcome, after a bounded number of starts.

use std::fs;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use executor::{JobError, ProcessPool, ProcessPoolBuilder, QueueLimit, WhenFull, call};

use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{Directory, eventually, within_patience};

/// The tries of a pool for one job.
const TRIES: usize = 4;

const WIDTHS: [usize; 3] = [1, 2, 4];

const JOBS: [usize; 3] = [1, 3, 20];

fn number(n: u32) -> u32 {
    n
}

/// Counts a start in the file `path`. Returns its number, from 1 on.
fn count(path: &PathBuf) -> u64 {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).expect("a file in a fresh directory");
    file.write_all(b"x").expect("there is room for a byte");
    file.stream_position().expect("it is a file")
}

fn panic(path: PathBuf) {
    panic!("start {}", count(&path));
}

fn leave(path: PathBuf) {
    count(&path);
    std::process::exit(3);
}

fn hang(path: PathBuf) {
    count(&path);
    loop {
        std::thread::park();
    }
}

fn fail_every_second(path: PathBuf) {
    let start = count(&path);
    assert!(start.is_multiple_of(2), "start {start}");
}

/// Only the first worker can start, and takes its time.
fn let_first_in((path, arrival): (PathBuf, Arrival)) {
    if count(&path) > 1 {
        std::process::exit(3);
    }
    arrival.arrive(1);
}

/// A pool, and the starts of its workers.
struct Scene {
    pool: ProcessPool,
    directory: Directory,
}

impl Scene {
    fn new(width: usize, settings: impl FnOnce(ProcessPoolBuilder, PathBuf) -> ProcessPoolBuilder) -> Self {
        let directory = Directory::new();
        // Hundreds of panics are not to take a second each.
        let builder = ProcessPool::builder().processes(width).env("RUST_BACKTRACE", "0");
        let pool = settings(builder, directory.path().join("starts")).build().expect("a pool");
        Self { pool, directory }
    }

    /// The outcomes of that many jobs that wait at once.
    fn outcomes(&self, jobs: usize) -> Vec<Result<u32, JobError>> {
        let futures: Vec<_> = (0..jobs).map(|_| self.pool.submit(call!(number(7)))).collect();
        futures.into_iter().map(executor::Future::result).collect()
    }

    /// Shuts the pool down. Returns how many workers have begun to start.
    fn end(self) -> usize {
        self.pool.shutdown(true);
        assert!(self.pool.pids().is_empty());
        fs::read(self.directory.path().join("starts")).map_or(0, |marks| marks.len())
    }
}

fn is_broken<T>(outcome: &Result<T, JobError>) -> bool {
    matches!(outcome, Err(JobError::Broken(broken)) if broken.to_string().contains("could not be started in 4 attempts"))
}

/// Each job fails after as many starts as are tried for it, and no other.
fn fails_all_jobs(settings: impl Fn(ProcessPoolBuilder, PathBuf) -> ProcessPoolBuilder) {
    fails_all(&WIDTHS, &JOBS, settings);
}

fn fails_all(widths: &[usize], jobs: &[usize], settings: impl Fn(ProcessPoolBuilder, PathBuf) -> ProcessPoolBuilder) {
    for &width in widths {
        for &jobs in jobs {
            let scene = Scene::new(width, &settings);
            let outcomes = scene.outcomes(jobs);
            assert!(outcomes.iter().all(is_broken), "{width} x {jobs}: {outcomes:?}");
            let starts = scene.end();
            assert!(starts <= TRIES * jobs, "{width} x {jobs}: {starts} starts");
        }
    }
}

#[test]
fn initializers_that_panic_fail_their_jobs() {
    within_patience(|| fails_all_jobs(|builder, path| builder.initializer(call!(panic(path)))));
}

#[test]
fn initializers_that_exit_fail_their_jobs() {
    within_patience(|| fails_all_jobs(|builder, path| builder.initializer(call!(leave(path)))));
}

#[test]
fn initializers_that_hang_fail_their_jobs() {
    let limit = Duration::from_millis(100);
    within_patience(move || {
        fails_all(&[2, 4], &[1, 3, 8], |builder, path| builder.start_limit(limit).initializer(call!(hang(path))));
    });
}

#[test]
fn forked_workers_whose_initializers_panic_fail_their_jobs() {
    within_patience(|| {
        fails_all_jobs(|builder, path| builder.template(call!(number(1))).initializer(call!(panic(path))));
    });
}

/// A worker that has started goes on, so there are no more of these than the pool is wide, and no more that fail than one for each.
#[test]
fn jobs_go_to_workers_that_start() {
    within_patience(|| {
        for width in WIDTHS {
            for jobs in JOBS {
                let scene = Scene::new(width, |builder, path| builder.initializer(call!(fail_every_second(path))));
                let outcomes = scene.outcomes(jobs);
                assert!(outcomes.iter().all(Result::is_ok), "{width} x {jobs}: {outcomes:?}");
                let starts = scene.end();
                assert!(starts <= 2 * width + 1, "{width} x {jobs}: {starts} starts");
            }
        }
    });
}

/// A thread whose worker does not start waits for the worker that another thread starts.
#[test]
fn jobs_wait_for_slow_starts() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let scene =
            Scene::new(2, |builder, path| builder.initializer(call!(let_first_in((path, rendezvous.arrival())))));
        let futures = [1, 2].map(|n| scene.pool.submit(call!(number(n))));
        let first = rendezvous.accept();
        let starts = scene.directory.path().join("starts");
        eventually("two have failed", || fs::read(&starts).is_ok_and(|marks| marks.len() == 3));
        drop(first);
        let outcomes = futures.map(executor::Future::result);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert!(scene.end() <= 1 + TRIES);
    });
}

/// Each worker that starts runs a job, and no more fail than one for each.
#[test]
fn recycled_workers_that_fail_leave_no_job() {
    within_patience(|| {
        for width in WIDTHS {
            for jobs in JOBS {
                let scene = Scene::new(width, |builder, path| {
                    builder.max_jobs_per_process(1).initializer(call!(fail_every_second(path)))
                });
                let outcomes = scene.outcomes(jobs);
                let is_outcome = |outcome: &Result<u32, JobError>| outcome.is_ok() || is_broken(outcome);
                assert!(outcomes.iter().all(is_outcome), "{width} x {jobs}: {outcomes:?}");
                let starts = scene.end();
                assert!(starts <= 2 * jobs + 1, "{width} x {jobs}: {starts} starts");
            }
        }
    });
}

#[test]
fn items_and_broadcasts_have_outcomes() {
    within_patience(|| {
        for width in WIDTHS {
            let scene = Scene::new(width, |builder, path| builder.initializer(call!(panic(path))));
            scene.pool.prestart();
            let items: Vec<_> = scene.pool.map(0..20, number).chunk_size(3).collect();
            assert_eq!(items.iter().filter(|item| is_broken(item)).count(), 20, "{items:?}");
            let heard: Vec<_> = scene.pool.broadcast(call!(number(1)));
            let heard: Vec<_> = heard.into_iter().map(executor::Future::result).collect();
            assert!(heard.len() == width && heard.iter().all(is_broken), "{heard:?}");
            scene.pool.execute(call!(number(1)));
            scene.pool.wait_idle();
            let starts = scene.end();
            // Seven chunks, a message for each worker, one job; and one start of each worker before it had a job.
            assert!(starts <= TRIES * (7 + width + 1) + width, "{width}: {starts} starts");
        }
    });
}

#[test]
fn full_queues_empty_again() {
    within_patience(|| {
        for width in WIDTHS {
            let scene = Scene::new(width, |builder, path| {
                builder.queue(QueueLimit::bounded(2, WhenFull::Block)).initializer(call!(leave(path)))
            });
            let outcomes = scene.outcomes(20);
            assert!(outcomes.iter().all(is_broken), "{width}: {outcomes:?}");
            assert!(scene.end() <= TRIES * 20);
        }
    });
}
