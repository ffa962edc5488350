//! Threads, descriptors, memory and time of the processor: an executor gives them back. Each test runs in a process of its own.

use std::fs;
use std::time::{Duration, Instant};

use executor::{ThreadPool, join_all};
use executor_nats::{NatsExecutor, serve};
use executor_testkit::contract::Do;

use crate::support::programs::{again, is_again};
use crate::support::served::{Served, unique};
use crate::support::{servers, wait_for};

/// Runs `body` in another process that runs this test alone.
fn alone<F: Fn()>(test: F, body: impl FnOnce()) {
    if is_again() {
        return body();
    }
    let output = again(test).output().expect("this program runs again");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

fn count(directory: &str) -> usize {
    fs::read_dir(directory).expect("the system tells").count()
}

fn status_of(path: &str, field: &str) -> Option<String> {
    let status = fs::read_to_string(path).ok()?;
    status.lines().find_map(|line| line.strip_prefix(field)).map(|value| value.trim().to_owned())
}

/// How often the executor's threads have slept.
fn sleeps() -> u64 {
    let of_thread = |id: String| -> Option<u64> {
        let path = format!("/proc/self/task/{id}/status");
        let name = status_of(&path, "Name:")?;
        let is_ours = ["nats-submit", "nats-callbacks"].contains(&name.as_str());
        status_of(&path, "voluntary_ctxt_switches:").filter(|_| is_ours)?.parse().ok()
    };
    let tasks = fs::read_dir("/proc/self/task").expect("the system tells");
    tasks.filter_map(|task| of_thread(task.ok()?.file_name().into_string().ok()?)).sum()
}

/// Works on this thread.
fn spin(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

fn resident_kilobytes() -> usize {
    let text = status_of("/proc/self/status", "VmRSS:").expect("the system tells");
    text.trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn shutdown_leaves_no_thread_and_no_descriptor() {
    alone(shutdown_leaves_no_thread_and_no_descriptor, || {
        let (nats, pool, namespace) = (servers::shared(), ThreadPool::new(2), unique("left"));
        // The pool's threads, and those of the tests, stay.
        join_all((0..10).map(|n| pool.submit(move || n)));
        let before = || (count("/proc/self/task"), count("/proc/self/fd"));
        let round = || {
            let host = serve(nats.url(), namespace.clone(), &pool).expect("the server is there");
            let executor = NatsExecutor::connect(nats.url(), namespace.clone()).expect("the server is there");
            let futures: Vec<_> = (0..50).map(|n| executor.submit(Do::Echo(n))).collect();
            let later = executor.submit_after(Duration::from_secs(3600), Do::Echo(1));
            assert!(later.cancel());
            executor.shutdown(true);
            assert!(futures.iter().all(executor::Future::is_done));
            host.shutdown(true);
        };
        round();
        let (threads, descriptors) = before();
        for _ in 0..3 {
            round();
        }
        // The kernel may list a thread that was joined a moment longer.
        wait_for("all threads and descriptors are gone", || {
            let (threads_now, descriptors_now) = before();
            (threads_now <= threads && descriptors_now <= descriptors).then_some(())
        });
    });
}

#[test]
fn idle_executor_sleeps() {
    alone(idle_executor_sleeps, || {
        let hour = Duration::from_secs(3600);
        let served = Served::new(ThreadPool::new(1), unique("idle").lease(hour));
        served.executor.submit(Do::Echo(1)).wait();
        let later = served.executor.submit_after(hour, Do::Echo(2));
        let hourly = served.executor.every(hour, executor::call!(u32::pow(2, 5)));
        wait_for("the executor has nothing to do", || {
            let before = sleeps();
            spin(Duration::from_millis(100));
            (sleeps() == before).then_some(())
        });
        let before = sleeps();
        spin(Duration::from_millis(400));
        // The ledger tells each few seconds that there is nothing to tell.
        let after = sleeps();
        assert!(after <= before + 4, "the executor's threads have slept {} times", after - before);
        drop(hourly);
        assert!(later.cancel());
    });
}

#[test]
fn memory_is_given_back() {
    alone(memory_is_given_back, || {
        const JOBS: u64 = 1_000;
        let served = Served::new(ThreadPool::new(2), unique("burst"));
        let burst = || {
            let futures: Vec<_> = (0..JOBS).map(|n| served.executor.submit(Do::Echo(n))).collect();
            // Endless delays, too, leave nothing when they are cancelled.
            let later: Vec<_> = (0..JOBS).map(|n| served.executor.submit_after(Duration::MAX, Do::Echo(n))).collect();
            assert!(later.iter().all(executor::Future::cancel));
            assert!(join_all(futures).iter().all(Result::is_ok));
        };
        for _ in 0..3 {
            burst();
        }
        let before = resident_kilobytes();
        for _ in 0..15 {
            burst();
        }
        let after = resident_kilobytes();
        // 30,000 jobs of 400 bytes would be 12 MB.
        assert!(after < before + 6_000, "{before} kB before, {after} kB after");
    });
}
