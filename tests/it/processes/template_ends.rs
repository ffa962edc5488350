//! Templates that cannot be started, that die, and that end with their pool.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use executor::{BuildError, JobError, ProcessPool, ProcessPoolBuilder, ShutdownPolicy, call};
use rustix::process::{Pid, Signal, kill_process};

use super::deaths::kill;
use super::orphans::{children, is_alive};
use super::templates::{load, marks};
use super::{pid, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::system::exists;
use crate::support::{Directory, alone, eventually, within_patience};

fn one(directory: &Directory) -> ProcessPoolBuilder {
    ProcessPool::builder().processes(1).template(call!(load(marks(directory), 100)))
}

fn template_of(pool: &ProcessPool) -> u32 {
    let dump = pool.dump();
    let found = dump.workers.iter().find(|worker| worker.name.ends_with("-template"));
    found.and_then(|worker| worker.process.as_ref()).expect("it lives").pid
}

fn loads(directory: &Directory) -> usize {
    fs::read_to_string(marks(directory)).expect("it was loaded").matches("loaded").count()
}

fn stop(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).expect("no zero"), Signal::STOP).expect("it is there");
}

fn leave_threads() {
    for n in 0..2 {
        let builder = thread::Builder::new().name(format!("left-{n}"));
        builder
            .spawn(|| {
                loop {
                    thread::park();
                }
            })
            .expect("a thread");
    }
}

fn panic() {
    panic!("there is no table");
}

fn exit() {
    std::process::exit(3);
}

fn hang() {
    loop {
        thread::park();
    }
}

fn refused(error: Result<ProcessPool, BuildError>) -> String {
    let error = error.expect_err("it cannot be a template");
    assert_eq!(error.name(), "template");
    error.problem().to_owned()
}

#[test]
fn threads_left_behind_are_named_by_build() {
    within_patience(|| {
        let text = refused(ProcessPool::builder().processes(1).template(call!(leave_threads())).build());
        let names = ["`left-0`, `left-1`", "`left-1`, `left-0`"].map(|names| {
            format!(
                "could not be started: it left 2 threads running, which no forked worker would have: {names}; end and \
                 join its threads, or start them in `initializer`"
            )
        });
        assert!(names.contains(&text), "{text}");
    });
}

#[test]
fn build_tells_why_a_template_failed() {
    within_patience(|| {
        let builder = || ProcessPool::builder().processes(1);
        let panicked = refused(builder().template(call!(panic())).build());
        assert!(
            panicked.starts_with("could not be started: its function failed: job `")
                && panicked.contains("there is no table"),
            "{panicked}"
        );
        let ended = refused(builder().template(call!(exit())).build());
        assert_eq!(ended, "could not be started: its function ended the process: it exited with code 3");
        let late = refused(builder().template(call!(hang())).start_limit(Duration::from_millis(300)).build());
        assert!(late.contains("within 300 ms"), "{late}");
    });
}

fn allocate(bytes: usize) -> usize {
    std::hint::black_box(vec![1_u8; bytes]).len()
}

#[test]
fn build_says_that_a_template_was_refused_memory() {
    within_patience(|| {
        let builder = || ProcessPool::builder().processes(1).memory_limit(256 << 20);
        let refused = refused(builder().template(call!(allocate(300 << 20))).build());
        let why = "ended the process: it was killed by SIGABRT (most likely because it was refused memory: its \
                   `memory_limit` is 256 MiB; raise it)";
        assert_eq!(refused, format!("could not be started: its function {why}"));
        let pool = builder().initializer(call!(allocate(300 << 20))).build().unwrap();
        let broken = pool.submit(call!(pid())).result().unwrap_err().to_string();
        assert!(broken.contains(&format!("its initializer {why}")), "{broken}");
        assert!(builder().template(call!(allocate(32 << 20))).build().is_ok());
    });
}

#[test]
fn template_that_was_killed_is_started_again() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = one(&directory).build().unwrap();
        let (worker, template) = (worker_of(&pool), template_of(&pool));
        kill(template);
        eventually("it is reaped", || !exists(template));
        assert_eq!(pool.submit(call!(pid())).result().unwrap(), worker, "workers go on");
        assert_eq!(loads(&directory), 1);
        kill(worker);
        assert_ne!(pool.submit(call!(pid())).result().unwrap(), worker);
        assert_eq!(loads(&directory), 2);
    });
}

#[test]
fn deaths_of_templates_spend_the_restart_budget() {
    within_patience(|| {
        let directory = Directory::new();
        let pool =
            one(&directory).restart_budget(1, Duration::from_secs(3600)).max_jobs_per_process(1).build().unwrap();
        for is_broken in [false, true] {
            let template = template_of(&pool);
            kill(template);
            eventually("it is reaped", || !exists(template));
            drop(pool.submit(call!(pid())).result());
            assert_eq!(pool.is_broken(), is_broken);
        }
        match pool.submit(call!(pid())).result() {
            Err(JobError::Rejected(_)) => {}
            other => panic!("{other:?}"),
        }
    });
}

/// A template may die at any moment of a fork: before it, behind it, or before the parent knows of the new process.
#[test]
fn deaths_of_templates_cost_no_job() {
    alone(deaths_of_templates_cost_no_job, || {
        let directory = Directory::new();
        let pool = one(&directory).processes(2).max_jobs_per_process(1).build().unwrap();
        for _ in 0..50 {
            let futures: Vec<_> = (0..4).map(|n| pool.submit(call!(u64::isqrt(n)))).collect();
            let dump = pool.dump();
            let template = dump.workers.iter().find(|worker| worker.name.ends_with("-template"));
            if let Some(process) = template.and_then(|worker| worker.process.as_ref()) {
                // It may be gone by now.
                _ = kill_process(Pid::from_raw(process.pid.cast_signed()).expect("no zero"), Signal::KILL);
            }
            for (n, future) in (0..4).zip(futures) {
                assert_eq!(future.result().unwrap(), u64::isqrt(n));
            }
        }
        pool.shutdown(true);
        assert_eq!(children(), Vec::<String>::new(), "no process, and no zombie");
        assert!(loads(&directory) > 10);
    });
}

#[test]
fn stopped_template_costs_a_start_its_time() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = one(&directory).start_limit(Duration::from_secs(4)).build().unwrap();
        stop(template_of(&pool));
        // It is killed, and started again; on a busy machine, more than once.
        pool.submit(call!(pid())).result().unwrap();
        assert!(loads(&directory) >= 2);
    });
}

#[test]
fn shutdown_that_kills_waits_for_no_stopped_template() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = one(&directory).start_limit(Duration::from_secs(3600)).build().unwrap();
        let template = template_of(&pool);
        stop(template);
        let waiting = pool.submit(call!(pid()));
        eventually("its worker is about to be forked", || pool.stats().workers == 1);
        assert_eq!(pool.shutdown_with(ShutdownPolicy::kill()).cancelled, 1);
        assert!(matches!(waiting.result(), Err(JobError::Cancelled(_))));
        assert!(!exists(template));
    });
}

#[test]
fn nothing_is_left_of_a_template_however_its_pool_ends() {
    within_patience(|| {
        let directory = Directory::new();
        let ends: [fn(ProcessPool); 5] = [
            drop,
            |pool| pool.shutdown(true),
            |pool| assert_eq!(pool.shutdown_with(ShutdownPolicy::kill()).cancelled, 0),
            |pool| {
                pool.shutdown(false);
                pool.closed().result().unwrap();
            },
            |pool| {
                let handle = pool.handle();
                // It waits for nothing, and its template ends behind it.
                pool.submit(call!(pid())).on_done(move |_| handle.shutdown(true));
                pool.wait_idle();
            },
        ];
        for end in ends {
            for is_used in [false, true] {
                let pool = one(&directory).processes(2).build().unwrap();
                let template = template_of(&pool);
                if is_used {
                    worker_of(&pool);
                }
                // A handle keeps what it shares with the pool.
                let handle = pool.handle();
                end(pool);
                assert!(!exists(template), "{:?}", handle.stats());
            }
        }
    });
}

thread_local!(static KEPT: RefCell<Option<ProcessPool>> = const { RefCell::new(None) });

/// Has a template and a worker of its own, and waits. Arrives with the number of the template.
fn arrive_with_a_template(arrival: Arrival, directory: PathBuf) {
    let pool = ProcessPool::builder().processes(1).template(call!(load(directory.join("marks"), 100))).build().unwrap();
    let arrive = |(arrival, number): (Arrival, u64)| arrival.arrive(number);
    let template = template_of(&pool);
    pool.submit(call!(arrive, ((arrival, template.into()),))).wait();
    KEPT.set(Some(pool));
}

#[test]
fn template_and_workers_end_with_a_parent_that_is_killed() {
    within_patience(|| {
        let (directory, rendezvous) = (Directory::new(), Rendezvous::new());
        let pool = ProcessPool::new(1).unwrap();
        let parent = worker_of(&pool);
        let job = pool.submit(call!(arrive_with_a_template(rendezvous.arrival(), directory.path().to_owned())));
        let waiter = rendezvous.accept();
        let (worker, template) = (waiter.pid(), u32::try_from(waiter.number()).unwrap());
        assert!([parent, worker, template].into_iter().all(exists));
        kill(parent);
        assert!(job.result().is_err());
        eventually("they are gone", || !is_alive(worker) && !is_alive(template));
        drop(waiter);
    });
}
