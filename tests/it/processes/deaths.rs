//! A worker's death costs the job that it ran, and no other.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use executor::{Crashed, Exit, Future, JobError, ProcessPool, as_completed, call};
use rustix::process::{Pid, Signal, getpid, kill_process};

use super::{pool, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{eventually, system, within_patience};

fn arrive(arrival: Arrival, number: u64) -> u64 {
    arrival.arrive(number);
    number
}

fn double(n: u64) -> u64 {
    2 * n
}

fn double_slowly(n: u64) -> u64 {
    for step in 0..20_000 {
        std::hint::black_box(step);
    }
    double(n)
}

fn abort() {
    std::process::abort();
}

fn exit(code: i32) {
    std::process::exit(code);
}

fn raise(signal: i32) {
    let signal = Signal::from_named_raw(signal).expect("a signal");
    kill_process(getpid(), signal).expect("a process may signal itself");
    thread::park_timeout(Duration::from_secs(60));
}

fn overflow_the_stack() -> u64 {
    fn deeper(n: u64) -> u64 {
        let page = std::hint::black_box([n; 512]);
        if n == u64::MAX { 0 } else { deeper(n + 1) + page[7] }
    }
    deeper(0)
}

fn panic_in_a_destructor_while_panicking() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    let _bomb = Bomb;
    panic!("the first");
}

pub(super) fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().expect("a pid")).expect("no zero");
    kill_process(pid, Signal::KILL).expect("the process is there");
}

pub(super) fn crash<T: std::fmt::Debug>(future: Future<T>) -> Crashed {
    match future.result() {
        Err(JobError::Crashed(crash)) => crash,
        other => panic!("not a crash: {other:?}"),
    }
}

/// Submits what dies between two that live, on one worker, and looks at all three.
fn dies_alone(job: impl Fn(&ProcessPool) -> Future<()>) -> Crashed {
    let pool = pool(1);
    let first = worker_of(&pool);
    let before = pool.submit(call!(double(1)));
    let dead = job(&pool);
    let after = pool.submit(call!(double(2)));
    let crash = crash(dead);
    assert_eq!(before.result().unwrap(), 2);
    assert_eq!(after.result().unwrap(), 4);
    assert_eq!(crash.pid(), first);
    assert_ne!(worker_of(&pool), first, "the pool has another worker");
    crash
}

#[test]
fn by_abort() {
    let crash = dies_alone(|pool| pool.submit(call!(abort())));
    assert_eq!((crash.exit(), crash.signal()), (Exit::Signal(6), Some("SIGABRT")));
    let text = crash.to_string();
    let start = format!(
        "job `it::processes::deaths::abort` crashed: its worker process {} was killed by SIGABRT after ",
        crash.pid()
    );
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains("; no other job is affected"), "{text}");
}

#[test]
fn by_each_signal_that_ends_a_process() {
    for (number, name) in
        [(4, "SIGILL"), (7, "SIGBUS"), (8, "SIGFPE"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM")]
    {
        let crash = dies_alone(|pool| pool.submit(call!(raise(number))));
        assert_eq!((crash.exit(), crash.signal()), (Exit::Signal(number), Some(name)));
    }
}

#[test]
fn by_exit() {
    for code in [0, 3, 255] {
        let crash = dies_alone(|pool| pool.submit(call!(exit(code))));
        assert_eq!((crash.exit(), crash.signal()), (Exit::Code(code), None));
    }
}

#[test]
fn by_a_stack_overflow() {
    let crash = dies_alone(|pool| pool.submit(call!(overflow_the_stack())).map_ok(drop));
    assert_eq!(crash.signal(), Some("SIGSEGV"));
}

#[test]
fn by_a_panic_while_panicking() {
    let crash = dies_alone(|pool| pool.submit(call!(panic_in_a_destructor_while_panicking())));
    assert_eq!(crash.signal(), Some("SIGABRT"));
}

#[test]
fn by_a_kill_from_outside_while_it_runs() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(2), Rendezvous::new());
        let victim = pool.submit(call!(arrive(rendezvous.arrival(), 1)));
        let other = pool.submit(call!(arrive(rendezvous.arrival(), 2)));
        let waiters = rendezvous.accept_all(2);
        let pid = waiters.iter().find(|waiter| waiter.number() == 1).expect("it arrived").pid();
        kill(pid);
        let crash = crash(victim);
        assert_eq!((crash.pid(), crash.signal()), (pid, Some("SIGKILL")));
        drop(waiters);
        assert_eq!(other.result().unwrap(), 2);
    });
}

#[test]
fn a_kill_while_it_is_idle_costs_nobody() {
    let pool = pool(1);
    for _ in 0..20 {
        let pid = worker_of(&pool);
        kill(pid);
        assert_eq!(pool.submit(call!(double(21))).result().map_err(|error| error.to_string()), Ok(42));
    }
}

#[test]
fn an_idle_worker_that_was_killed_is_reaped_without_a_job() {
    let pool = pool(1);
    let pid = worker_of(&pool);
    kill(pid);
    eventually("the worker is reaped", || !system::exists(pid));
    assert!(pool.pids().is_empty());
}

/// A process that left the group keeps the worker's sockets open: only the pidfd tells.
fn leave_a_child_that_holds_the_sockets(arrival: Arrival) {
    let (mut has_left, left) = std::io::pipe().expect("a pipe");
    // SAFETY: the child only calls what is async-signal-safe, except `arrive`, which allocates: a worker has no other thread that could
    // hold the allocator's lock.
    if unsafe { libc::fork() } == 0 {
        // SAFETY: as above.
        unsafe { libc::setsid() };
        drop(left);
        arrival.arrive(7);
        // SAFETY: ends this process and nothing else.
        unsafe { libc::_exit(0) };
    }
    drop(left);
    drop(std::io::Read::read(&mut has_left, &mut [0]));
    std::process::abort();
}

#[test]
fn is_heard_although_a_child_of_it_holds_its_sockets() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let future = pool.submit(call!(leave_a_child_that_holds_the_sockets(rendezvous.arrival())));
        let child = rendezvous.accept();
        assert_eq!(crash(future).signal(), Some("SIGABRT"));
        assert_eq!(pool.submit(call!(double(4))).result().unwrap(), 8);
        drop(child);
    });
}

/// A kill in each wave of twenty jobs, at whatever the victim does then: start, wait, run, answer.
#[test]
fn a_thousand_jobs_among_random_kills_each_have_their_outcome() {
    within_patience(|| {
        let pool = pool(3);
        for wave in 0..50_usize {
            let futures: Vec<_> = (0..20).map(|n| pool.submit(call!(double_slowly(n)))).collect();
            let (mut kills, mut crashes, mut seen) = (0, 0, BTreeSet::new());
            for (count, (index, outcome)) in as_completed(futures).enumerate() {
                assert!(seen.insert(index), "one outcome for each");
                match outcome {
                    Ok(n) => assert_eq!(n, 2 * index as u64),
                    Err(JobError::Crashed(crash)) => {
                        assert_eq!(crash.signal(), Some("SIGKILL"));
                        crashes += 1;
                    }
                    Err(other) => panic!("{other}"),
                }
                let pids = pool.pids();
                if count == wave % 20
                    && let Some(pid) = pids.get(wave % 3).and_then(|&pid| Pid::from_raw(pid.try_into().ok()?))
                {
                    // It may be gone by now.
                    kills += usize::from(kill_process(pid, Signal::KILL).is_ok());
                }
            }
            assert_eq!(seen.len(), 20);
            assert!(crashes <= kills, "{crashes} jobs crashed by {kills} kills");
        }
        pool.shutdown(true);
        assert!(pool.pids().is_empty());
    });
}
