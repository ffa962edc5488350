//! A process that is forked from one with pools has neither their threads nor their workers, and leaves both alone.
//!
//! Such a process calls nothing of the test harness's, and tells by its exit code what it found.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use executor_core::{Job, JobError, Rejection, ShutdownPolicy, call};
use executor_process::{Manager, Process, ProcessPool};
use executor_thread::ThreadPool;

use crate::support::{Latch, Way, alone, eventually, is_alive, pid, pool, wait_at};

/// How long a forked process may live, in seconds: longer than a test waits. The kernel ends it then.
const LIMIT: u32 = 180;

/// The pid of a process that is forked, does `body`, and ends by its number. SIGALRM ends one that hangs.
fn fork(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: these tests run alone in their process, where the allocator, which `fork` takes care of, is the one lock that other threads hold.
    match unsafe { libc::fork() } {
        // SAFETY: it ends this process, in which nothing is to be dropped.
        0 => unsafe {
            libc::alarm(LIMIT);
            libc::_exit(catch_unwind(AssertUnwindSafe(body)).unwrap_or(99))
        },
        child => child,
    }
}

/// How a forked process ended, as a shell tells it.
fn end_of(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: it writes to the status of a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) }
}

fn worker_of(pool: &ProcessPool) -> u32 {
    pool.submit(call!(pid())).result().expect("the pool works")
}

fn one() -> u32 {
    1
}

/// Whether a future tells that its job was refused for the fork.
fn is_refused<T>(outcome: &Result<T, JobError>) -> bool {
    matches!(outcome, Err(error) if error.rejection() == Some(Rejection::Forked))
}

/// The sum of the powers of two that stand for what is not so.
fn wrong(checks: &[bool]) -> i32 {
    (0..).zip(checks).map(|(number, is_so)| if *is_so { 0 } else { 1 << number }).sum()
}

struct One;

impl Job for One {
    type Output = u32;

    fn run(self) -> u32 {
        1
    }
}

#[test]
fn forked_process_is_refused_by_pools() {
    alone(forked_process_is_refused_by_pools, || {
        let (processes, threads) = (pool(1), ThreadPool::new(1));
        let worker = worker_of(&processes);
        threads.submit(one).result().unwrap();
        let mut pools = Some((processes, threads));
        let child = fork(|| {
            let (processes, threads) = pools.take().unwrap();
            let checks = [
                is_refused(&processes.submit(call!(one())).result()),
                is_refused(&processes.handle().submit(call!(one())).result()),
                is_refused(&processes.submit_after(Duration::ZERO, call!(one())).result()),
                is_refused(&threads.submit(one).result()) && is_refused(&threads.handle().submit(one).result()),
                threads.try_submit(One).is_err_and(|refused| refused.into_job().run() == 1),
            ];
            // None of them waits for threads that are not there.
            processes.wait_idle();
            threads.wait_idle();
            drop((processes.stats(), threads.stats()));
            drop((processes, threads));
            wrong(&checks)
        });
        assert_eq!(end_of(child), 0);
        let (processes, threads) = pools.unwrap();
        assert_eq!(worker_of(&processes), worker, "its worker is as it was");
        assert_eq!(threads.submit(one).result().unwrap(), 1);
        let text = JobError::rejected(Rejection::Forked).to_string();
        assert!(
            text.contains("this process is a fork") && text.contains("create an executor after the fork"),
            "{text}"
        );
    });
}

#[test]
fn forked_process_makes_pools_of_its_own() {
    alone(forked_process_makes_pools_of_its_own, || {
        let before = pool(1);
        let worker = worker_of(&before);
        let child = fork(|| {
            let own = ProcessPool::new(1).map(|pool| pool.submit(call!(pid())).result());
            let threads = ThreadPool::new(1).submit(one).result();
            wrong(&[own.is_ok_and(|pid| pid.is_ok_and(|pid| pid != worker)), threads.is_ok()])
        });
        assert_eq!(end_of(child), 0);
        assert_eq!(worker_of(&before), worker);
    });
}

#[test]
fn forked_process_ends_no_running_job() {
    alone(forked_process_ends_no_running_job, || {
        let (processes, latch) = (pool(1), Latch::new());
        let running = processes.submit(call!(wait_at(latch.way(), 7)));
        let process = Process::builder().kill_on_drop(true).spawn(call!(wait_at(latch.way(), 8))).unwrap();
        let guests = latch.accept(2);
        let mut all = Some((processes, running, process));
        let child = fork(|| {
            let (processes, running, process) = all.take().unwrap();
            let is_aborted = running.abort() || running.cancel();
            process.kill();
            process.terminate();
            let report = processes.shutdown_with(ShutdownPolicy::kill().within(Duration::from_secs(1)));
            drop((processes, running, process));
            wrong(&[!is_aborted, report.cancelled == 0])
        });
        assert_eq!(end_of(child), 0);
        let (_processes, running, process) = all.unwrap();
        assert!(!running.is_done() && process.is_alive());
        drop(guests);
        running.result().unwrap();
        process.join().unwrap();
    });
}

#[test]
fn forked_process_leaves_manager_alone() {
    alone(forked_process_leaves_manager_alone, || {
        let mut manager = Some(Manager::new().unwrap());
        let value = manager.as_ref().unwrap().value(1_u32).unwrap();
        let child = fork(|| {
            let seen = value.get();
            drop(manager.take());
            wrong(&[seen.is_ok_and(|seen| seen == 1)])
        });
        assert_eq!(end_of(child), 0);
        value.set(2).unwrap();
        assert_eq!(value.get().unwrap(), 2);
        drop(manager);
    });
}

/// Hears of its parent's death by no signal.
fn wait_deaf(way: Way) {
    // SAFETY: all zeros is memory for a signal set, which `sigfillset` makes one.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
    wait_at(way, 0);
}

/// The parent of the worker is a forked process, which is killed while a fork of its own lives on.
#[test]
fn worker_ends_although_parents_fork_lives() {
    alone(worker_ends_although_parents_fork_lives, || {
        let latch = Latch::new();
        let parent = fork(|| {
            let pool = pool(1);
            worker_of(&pool);
            let job = pool.submit(call!(wait_deaf(latch.way())));
            fork(|| {
                wait_at(latch.way(), 1);
                0
            });
            job.wait();
            0
        });
        let guests = latch.accept(2);
        let worker = guests.iter().find(|guest| guest.number == 0).expect("the job says who it is").pid;
        assert!(is_alive(worker));
        // SAFETY: it is a child of ours, and is not waited for yet.
        assert_eq!(unsafe { libc::kill(parent, libc::SIGKILL) }, 0);
        end_of(parent);
        eventually("the worker is gone", || !is_alive(worker));
        drop(guests);
    });
}

/// It returns in both processes, and what waits behind it runs in one.
#[test]
fn forked_thread_job_runs_no_other() {
    alone(forked_thread_job_runs_no_other, || {
        let (pool, latch) = (ThreadPool::new(1), Latch::new());
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let forked = pool.submit(move || {
            let _ = held.recv();
            // SAFETY: the new process goes on as a copy of this worker, which ends.
            unsafe { libc::fork() }
        });
        let way = latch.way();
        let next = pool.submit(move || wait_at(way, 1));
        drop(hold);
        let child = forked.result().unwrap();
        let guest = latch.accept(1).remove(0);
        assert_eq!(guest.pid, pid());
        assert_eq!(end_of(child), 0, "it ends, and waits for nothing");
        drop(guest);
        next.result().unwrap();
    });
}

/// In the copy, the lock of the job's own cell is held by a thread that is not there.
#[test]
fn forked_thread_job_takes_no_lock() {
    alone(forked_thread_job_takes_no_lock, || {
        for _ in 0..20 {
            let pool = ThreadPool::new(1);
            let (hold, held) = std::sync::mpsc::channel::<()>();
            let forked = pool.submit(move || {
                let _ = held.recv();
                // SAFETY: the new process goes on as a copy of this worker, which ends. The signal ends one that hangs.
                unsafe {
                    let child = libc::fork();
                    if child == 0 {
                        libc::alarm(LIMIT);
                    }
                    child
                }
            });
            drop(hold);
            while !forked.is_done() {}
            assert_eq!(end_of(forked.result().unwrap()), 0, "it ends, and waits for nothing");
        }
    });
}
