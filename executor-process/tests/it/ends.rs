//! The end of a pool.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use executor_core::call;
use executor_process::{OutputLine, ProcessPool};

use crate::support::{Latch, alone, is_alive, pid, pool, wait_at};

#[test]
fn closed_pool_has_no_process() {
    // Whether a process would be there still is chance: the more often, the surer.
    for _ in 0..20 {
        let (pool, latch) = (pool(2), Latch::new());
        let jobs = [0, 1].map(|number| pool.submit(call!(wait_at(latch.way(), number))));
        let pids: Vec<_> = latch.accept(2).iter().map(|guest| guest.pid).collect();
        for job in jobs {
            job.result().unwrap();
        }
        let closed = pool.closed();
        pool.shutdown(false);
        closed.result().unwrap();
        assert!(pool.pids().is_empty() && !pids.iter().any(|&pid| is_alive(pid)));
        assert!(pool.submit(call!(pid())).result().is_err());
    }
}

/// How many descriptors and threads this process has.
fn held() -> (usize, usize) {
    let count = |directory: &str| fs::read_dir(directory).expect("a process has it").count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

fn speak(n: u32) {
    println!("{n}");
    eprintln!("{n}");
    log::info!("{n}");
    if n == 7 {
        std::process::abort();
    }
}

/// Whether or not output was captured, and records were logged.
#[test]
fn closed_pool_leaves_no_descriptor_and_no_thread() {
    struct Nowhere;
    impl log::Log for Nowhere {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }
    alone(closed_pool_leaves_no_descriptor_and_no_thread, || {
        log::set_logger(&Nowhere).expect("it is the first");
        log::set_max_level(log::LevelFilter::Info);
        drop(pool(1).submit(call!(pid())).result());
        let before = held();
        for _ in 0..10 {
            let handled = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&handled);
            let handler = move |_: &OutputLine| _ = count.fetch_add(1, Ordering::Relaxed);
            let pool =
                ProcessPool::builder().processes(2).max_jobs_per_process(3).capture_output(handler).build().unwrap();
            let jobs: Vec<_> = (0..10).map(|n| pool.submit(call!(speak(n)))).collect();
            assert_eq!(jobs.into_iter().filter_map(|job| job.result().err()).count(), 1);
            drop(pool);
            assert_eq!((held(), handled.load(Ordering::Relaxed)), (before, 20));
        }
    });
}
