//! Hangs of worker processes.

use std::fs;
use std::hint;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use executor::{JobOptions, ProcessHandle, ProcessPool, Receiver, ShutdownPolicy, Stall, call, channel};
use rustix::process::{Pid, Signal, kill_process};

use super::{Random, expect_hint, seeded};
use crate::support::boxed;
use crate::support::{Directory, eventually};

/// Names a file. A worker that finds it there hangs before its hello.
const HANG: &str = "EXECUTOR_TEST_HANG_FIRST";

fn pool(random: &mut Random) -> ProcessPool {
    let pool = ProcessPool::builder().processes(2).measure(true).build().expect("a small pool");
    let futures: Vec<_> = (0..random.below(20)).map(|n| pool.submit(call!(usize::swap_bytes(n)))).collect();
    for future in futures {
        assert!(future.result().is_ok());
    }
    pool
}

fn named(pool: &ProcessHandle, name: &str) -> ProcessHandle {
    pool.with(JobOptions::new().name(name))
}

fn spin_for_ever() {
    loop {
        hint::spin_loop();
    }
}

fn take_one(receiver: Receiver<u32>) -> u32 {
    receiver.recv().unwrap_or(7)
}

fn initialize_slowly() {
    thread::park();
}

/// The frames of the stack that the report has for a worker.
fn frames(pool: &ProcessPool) -> Vec<String> {
    let dump = pool.dump();
    let stacks = dump.workers.iter().filter_map(|worker| worker.process.as_ref()?.stack.clone());
    stacks
        .flat_map(|stack| stack.frames().iter().map(|frame| frame.function().to_owned()).collect::<Vec<_>>())
        .collect()
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("the worker lives");
}

#[test]
fn stopped_worker_is_named() {
    seeded(|random| {
        let pool = pool(random);
        let job = named(&pool, "halted").submit(call!(thread::park()));
        eventually("the job runs", || job.is_running());
        let running = pool.dump().running().next().cloned().expect("it runs");
        let pid = running.pid.expect("in a process");
        signal(pid, Signal::STOP);
        let dump = expect_hint(&pool, &[&format!("the worker process {pid} is stopped")]);
        let text = dump.to_string();
        assert!(text.contains("`halted`") && text.contains("processes.rs:"), "{text}");
        signal(pid, Signal::CONT);
        assert!(job.abort());
    });
}

#[test]
fn slow_initializer_of_a_process_is_named() {
    seeded(|random| {
        let builder = ProcessPool::builder().processes(1 + random.below(2)).measure(true);
        let pool = builder.initializer(call!(initialize_slowly())).build().expect("a small pool");
        let job = pool.submit(call!(u32::swap_bytes(7)));
        expect_hint(&pool, &["has been in its initializer for"]);
        assert_eq!(pool.shutdown_with(ShutdownPolicy::kill()).cancelled, 1);
        assert!(job.result().is_err());
    });
}

#[test]
fn worker_that_does_not_start_is_named() {
    seeded(|random| {
        let directory = Directory::new();
        let path = directory.path().join("hang");
        fs::write(&path, "").expect("the file can be written");
        let builder = ProcessPool::builder().processes(1 + random.below(2)).measure(true).env(HANG, &path);
        let pool = builder.build().expect("a small pool");
        let job = pool.submit(call!(u32::swap_bytes(7)));
        expect_hint(&pool, &["has been starting for", "has not reported yet"]);
        fs::remove_file(&path).expect("it is there");
        assert!(job.result().is_ok());
    });
}

#[test]
fn endless_loop_is_shown_with_its_stack() {
    seeded(|random| {
        let pool = pool(random);
        let job = named(&pool, "spins").submit(call!(spin_for_ever()));
        eventually("its stack is there", || frames(&pool).iter().any(|frame| frame.contains("spin_for_ever")));
        let text = pool.dump().to_string();
        assert!(text.contains("`spins`"), "{text}");
        assert!(job.is_running(), "it was only looked at");
        assert!(job.abort());
    });
}

#[test]
fn worker_that_waits_for_a_channel_is_shown_with_its_stack() {
    seeded(|random| {
        let pool = pool(random);
        let (sender, receiver) = channel::<u32>().expect("a channel");
        let job = named(&pool, "takes").submit(call!(take_one(receiver)));
        eventually("its stack is there", || frames(&pool).iter().any(|frame| frame.contains("take_one")));
        sender.send(42).expect("it waits");
        assert_eq!(job.result().expect("the question did not end it"), 42);
    });
}

/// A job on a thread that waits for one in a process.
#[test]
fn wait_across_pools_is_named() {
    seeded(|random| {
        let (threads, processes) = (super::pool(1), pool(random));
        let _bystanders = super::bystanders(&threads, random);
        let parked = named(&processes, "parked").submit(call!(thread::park()));
        let (id, canceller) = (parked.id().to_string(), parked.canceller());
        let waiter = super::named(&threads, "waiter").submit(boxed(move || parked.result().is_err()));
        eventually("the report says what it waits for", || {
            let text = threads.dump().to_string();
            text.lines().any(|line| line.contains("`waiter` waits for") && line.contains(&id))
        });
        eventually("it runs", || canceller.abort());
        assert!(waiter.result().expect("it returns"));
    });
}

#[test]
fn long_process_job_is_reported_as_a_stall() {
    seeded(|random| {
        let (tell, stalls) = mpsc::channel::<Stall>();
        let builder = ProcessPool::builder().processes(2);
        let pool = builder.on_stall(Duration::from_millis(20), move |stall| drop(tell.send(stall.clone())));
        let pool = pool.build().expect("a small pool");
        let job = named(&pool, "lasts").submit(call!(thread::park()));
        (0..random.below(9)).for_each(|n| pool.execute(call!(usize::swap_bytes(n))));
        let is_it = |stall: &Stall| stall.jobs.iter().any(|job| job.description.name.as_str() == "lasts");
        let stall = stalls.iter().find(is_it).expect("it is reported");
        assert!(stall.to_string().contains("longer than 20 ms"), "{stall}");
        assert!(job.abort());
    });
}
