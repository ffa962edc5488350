//! Tools of the tests: kinds of executor, jobs that work in any process, and queries of the system.
//!
//! No test sleeps. A job waits at a [`rendezvous`] or a [`latch`] until it may go on, and notes in an [`event_log`] that it ran: these are the testkit's.

pub(crate) mod bounds;
#[cfg(all(feature = "process", target_os = "linux"))]
pub(crate) mod interception;
pub(crate) mod kinds;
pub(crate) mod owned;
#[cfg(all(feature = "process", target_os = "linux"))]
pub(crate) mod program;
pub(crate) mod script;
pub(crate) mod surface;
#[cfg(target_os = "linux")]
pub(crate) mod system;

use std::env;
use std::process::Command;

pub(crate) use executor_testkit::contract::tools::{
    Directory, block_on, event_log, eventually, jobs, latch, rendezvous, within_patience,
};

/// Boxes a job, so that a pool's code is compiled once for each type of result, not for each closure of the tests.
pub(crate) fn boxed<'a, T>(job: impl FnOnce() -> T + Send + 'a) -> Box<dyn FnOnce() -> T + Send + 'a> {
    Box::new(job)
}

/// Runs a test in a process of its own, where nothing else starts threads or takes memory. `test` is the test function
/// itself, for its name.
///
/// glibc's allocator keeps the last few blocks that each thread freed, and cannot give back the memory around them: a
/// hundred megabytes for one block; the more it was asked for, the more it keeps; and of all but the first arena it never
/// gives back the end when only small blocks were freed. It does without all three there, so that what is held is what the
/// program holds.
pub(crate) fn alone<F: Fn()>(test: F, body: impl FnOnce() + Send + 'static) {
    const ALONE: &str = "EXECUTOR_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return within_patience(body);
    }
    let path = std::any::type_name_of_val(&test);
    let (_, name) = path.split_once("::").expect("a path starts with its crate");
    let output = Command::new(env::current_exe().expect("this program has a path"))
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .env(
            "GLIBC_TUNABLES",
            "glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=131072:glibc.malloc.arena_max=1",
        )
        .output()
        .expect("this program can be run again");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}{stderr}", output.status);
    assert!(stdout.contains("1 passed"), "{name} did not run:\n{stdout}");
    eprint!("{stderr}");
}
