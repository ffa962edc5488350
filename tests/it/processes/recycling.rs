//! Workers are replaced, and stopped, without losing or delaying a job.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use executor::{Blob, Future, ProcessPool, ProcessPoolBuilder, as_completed, call, current};

use super::orphans::is_alive;
use super::{is_cancelled, pid};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::system::exists;
use crate::support::{Directory, eventually, within_patience};

fn one() -> ProcessPoolBuilder {
    ProcessPool::builder().processes(1)
}

fn leak(bytes: usize) -> u32 {
    std::hint::black_box(vec![1_u8; bytes].leak());
    pid()
}

static LAST: OnceLock<(Arrival, PathBuf)> = OnceLock::new();

extern "C" fn arrive_at_the_end() {
    if let Some((arrival, file)) = LAST.get() {
        arrival.arrive(0);
        drop(fs::write(file, "at the end"));
    }
}

/// A worker that ends by itself arrives at the rendezvous, and writes a file when it may go on.
fn arrive_later(arrival: Arrival, file: PathBuf) -> u32 {
    drop(LAST.set((arrival, file)));
    // SAFETY: the function may be called when the process exits: it uses what lives as long.
    unsafe { libc::atexit(arrive_at_the_end) };
    pid()
}

#[test]
fn a_worker_runs_no_more_jobs_than_it_is_allowed_and_none_is_lost() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(2).max_jobs_per_process(5).build().unwrap();
        let futures: Vec<_> = (0..60).map(|_| pool.submit(call!(pid()))).collect();
        let pids: Vec<_> = as_completed(futures).map(|(_, outcome)| outcome.expect("no job is lost")).collect();
        let workers: BTreeSet<_> = pids.iter().copied().collect();
        for worker in &workers {
            assert!(pids.iter().filter(|&pid| pid == worker).count() <= 5, "{pids:?}");
        }
        assert_eq!(pids.len(), 60);
        eventually("those who had their jobs are gone", || {
            workers.iter().filter(|&&worker| exists(worker)).count() <= 2
        });
    });
}

#[test]
fn a_worker_for_each_job() {
    let pool = one().max_jobs_per_process(1).build().unwrap();
    let pids: BTreeSet<_> = (0..8).map(|_| pool.submit(call!(pid())).result().unwrap()).collect();
    assert_eq!(pids.len(), 8);
}

#[test]
fn a_worker_that_keeps_too_much_memory_is_replaced() {
    let pool = one().recycle_above(96 << 20).build().unwrap();
    let first = pool.submit(call!(leak(1))).result().unwrap();
    assert_eq!(pool.submit(call!(leak(1 << 20))).result().unwrap(), first, "it keeps little");
    assert_eq!(pool.submit(call!(leak(128 << 20))).result().unwrap(), first, "the job that leaks has its result");
    let second = pool.submit(call!(leak(1))).result().unwrap();
    assert_ne!(second, first);
    eventually("it is gone", || !exists(first));
    assert_eq!(pool.submit(call!(leak(1))).result().unwrap(), second);
}

fn touch(table: Blob) -> (u32, usize) {
    (pid(), table.iter().step_by(4096).map(|&byte| usize::from(byte)).sum())
}

fn touch_state() -> (u32, usize) {
    touch(Blob::clone(&current::state::<Blob>().expect("the initializer keeps it")))
}

fn keep(table: Blob) -> Blob {
    table
}

#[test]
fn shared_memory_recycles_no_worker() {
    within_patience(|| {
        let table = Blob::from(vec![1_u8; 128 << 20]);
        let pool = one().recycle_above(64 << 20).initializer(call!(keep(table.clone()))).build().unwrap();
        let first = pool.submit(call!(pid())).result().unwrap();
        for _ in 0..3 {
            assert_eq!(pool.submit(call!(touch(table.clone()))).result().unwrap(), (first, 32 << 10));
            assert_eq!(pool.submit(call!(touch_state())).result().unwrap(), (first, 32 << 10));
        }
    });
}

#[test]
fn a_worker_that_takes_long_to_end_delays_nobody() {
    within_patience(|| {
        let (rendezvous, own) = (Rendezvous::new(), Directory::new());
        let file = own.path().join("file");
        let pool = one().max_jobs_per_process(1).build().unwrap();
        let first = pool.submit(call!(arrive_later(rendezvous.arrival(), file.clone()))).result().unwrap();
        let waiter = rendezvous.accept();
        assert_eq!(waiter.pid(), first, "it ends");
        let second = pool.submit(call!(pid())).result().unwrap();
        assert_ne!(second, first);
        assert!(is_alive(first), "the second job did not wait for its end");
        drop(waiter);
        eventually("it has ended", || !exists(first));
        assert!(file.exists(), "by itself");
    });
}

/// The kernel's signal of a parent's death is that of the thread which started the worker.
#[test]
fn a_worker_that_takes_long_to_end_outlives_neither_its_thread_nor_its_pool() {
    within_patience(|| {
        let (rendezvous, own) = (Rendezvous::new(), Directory::new());
        let file = own.path().join("file");
        let pool = one().max_jobs_per_process(1).idle_timeout(Duration::ZERO).build().unwrap();
        let first = pool.submit(call!(arrive_later(rendezvous.arrival(), file.clone()))).result().unwrap();
        let waiter = rendezvous.accept();
        pool.shutdown(false);
        let end = thread::spawn(move || pool.shutdown(true));
        drop(waiter);
        end.join().expect("it only waits");
        assert!(!exists(first));
        assert!(file.exists(), "it ended by itself");
    });
}

#[test]
fn an_idle_worker_ends_after_its_time_and_the_next_job_gets_another() {
    let pool = one().idle_timeout(Duration::from_millis(1)).build().unwrap();
    let first = pool.submit(call!(pid())).result().unwrap();
    eventually("it ends", || !exists(first));
    assert!(pool.pids().is_empty());
    assert_ne!(pool.submit(call!(pid())).result().unwrap(), first);
}

#[test]
fn limits_that_cannot_be_are_refused_by_name() {
    let refusal = |builder: ProcessPoolBuilder| builder.build().expect_err("such a pool cannot be").to_string();
    let text = refusal(one().max_jobs_per_process(0));
    assert_eq!(text, "cannot build the pool: `max_jobs_per_process` is 0, but must be at least 1");
    let text = refusal(one().recycle_above(0));
    assert_eq!(text, "cannot build the pool: `recycle_above` is 0 bytes, but must be at least 1");
}

static IS_TERMINATED: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: i32) {
    // Relaxed: it is the only thing that is told.
    IS_TERMINATED.store(true, Ordering::Relaxed);
}

/// Cleans up at SIGTERM, and says in a file that it did.
fn clean_up(arrival: Arrival, file: PathBuf) {
    // SAFETY: the handler only writes an atomic.
    unsafe { libc::signal(libc::SIGTERM, note as extern "C" fn(i32) as libc::sighandler_t) };
    arrival.arrive(0);
    while !IS_TERMINATED.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_millis(1));
    }
    fs::write(file, "clean").expect("a file in a fresh directory");
}

/// Does not hear of SIGTERM, and has a child that does.
#[expect(clippy::zombie_processes, reason = "its end is what is tested")]
fn be_deaf(arrival: Arrival) {
    let child = Command::new("sleep").arg("1000").spawn().expect("a system has `sleep`");
    // SAFETY: to ignore a signal needs no handler.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    arrival.arrive(child.id().into());
    loop {
        thread::park();
    }
}

fn arrive(arrival: Arrival) {
    arrival.arrive(0);
    thread::park_timeout(Duration::from_secs(60));
}

/// Aborts the job that arrives when it is let go.
fn abort<T>(future: &Future<T>, rendezvous: &Rendezvous) -> (u32, u64) {
    let waiter = rendezvous.accept();
    let who = (waiter.pid(), waiter.number());
    drop(waiter);
    assert!(future.abort());
    who
}

#[test]
fn with_a_grace_an_aborted_job_can_clean_up() {
    within_patience(|| {
        let (rendezvous, own) = (Rendezvous::new(), Directory::new());
        let file = own.path().join("file");
        let pool = one().grace(Duration::from_secs(60)).build().unwrap();
        let future = pool.submit(call!(clean_up(rendezvous.arrival(), file.clone())));
        let (worker, _) = abort(&future, &rendezvous);
        assert!(is_cancelled(&future.result()), "which is told at once");
        eventually("it has cleaned up", || file.exists());
        assert_ne!(pool.submit(call!(pid())).result().unwrap(), worker);
        assert!(!exists(worker));
    });
}

#[test]
fn without_a_grace_it_cannot() {
    within_patience(|| {
        let (rendezvous, own) = (Rendezvous::new(), Directory::new());
        let file = own.path().join("file");
        let pool = one().build().unwrap();
        let future = pool.submit(call!(clean_up(rendezvous.arrival(), file.clone())));
        let (worker, _) = abort(&future, &rendezvous);
        assert!(is_cancelled(&future.result()));
        eventually("it is gone", || !exists(worker));
        assert!(!file.exists());
    });
}

#[test]
fn at_the_end_of_its_grace_a_deaf_job_is_killed_with_its_children() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let pool = one().grace(Duration::from_millis(50)).build().unwrap();
        let future = pool.submit(call!(be_deaf(rendezvous.arrival())));
        let (worker, child) = abort(&future, &rendezvous);
        assert!(is_cancelled(&future.result()));
        eventually("they are gone", || !exists(worker) && !is_alive(child.try_into().expect("a pid")));
        assert!(pool.submit(call!(pid())).result().is_ok());
    });
}

#[test]
fn sigterm_ends_a_job_that_knows_nothing_of_it_long_before_its_grace_is_over() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let pool = one().grace(Duration::from_secs(3600)).build().unwrap();
        let future = pool.submit(call!(arrive(rendezvous.arrival())));
        let (worker, _) = abort(&future, &rendezvous);
        assert!(is_cancelled(&future.result()));
        eventually("it is gone", || !exists(worker));
    });
}

static STAY: OnceLock<PathBuf> = OnceLock::new();

extern "C" fn stay() {
    let Some(file) = STAY.get() else { return };
    while !IS_TERMINATED.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_millis(1));
    }
    drop(fs::write(file, "terminated"));
}

fn stay_until_terminated(file: PathBuf) -> u32 {
    drop(STAY.set(file));
    // SAFETY: the handler only writes an atomic; the function may be called when the process exits.
    unsafe {
        libc::signal(libc::SIGTERM, note as extern "C" fn(i32) as libc::sighandler_t);
        libc::atexit(stay);
    }
    pid()
}

#[test]
fn a_worker_that_does_not_end_with_its_pool_is_terminated_within_its_grace() {
    within_patience(|| {
        let own = Directory::new();
        let file = own.path().join("file");
        let pool = one().grace(Duration::from_secs(60)).build().unwrap();
        let worker = pool.submit(call!(stay_until_terminated(file.clone()))).result().unwrap();
        pool.shutdown(true);
        assert!(!exists(worker));
        assert!(file.exists());
    });
}
