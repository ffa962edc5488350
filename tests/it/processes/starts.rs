//! Pools that cannot be, and workers that cannot start.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Output;

use executor::{BuildError, JobError, ProcessPool, ProcessPoolBuilder, call};

use super::constructors::variable;
use super::pid;
use super::replay::this;
use crate::support::{Directory, alone};

fn refusal(builder: ProcessPoolBuilder) -> BuildError {
    builder.build().expect_err("such a pool cannot be")
}

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    let error = refusal(ProcessPool::builder().processes(0));
    assert_eq!(error.to_string(), "cannot build the pool: `processes` is 0, but must be from 1 to 4096");
    assert_eq!(error.name(), "processes");
    assert_eq!(ProcessPool::new(0).unwrap_err().to_string(), error.to_string());
    let error = refusal(ProcessPool::builder().processes(4097));
    assert_eq!(error.to_string(), "cannot build the pool: `processes` is 4097, but must be from 1 to 4096");
    let error = refusal(ProcessPool::builder().threads_per_process(0));
    assert_eq!(error.to_string(), "cannot build the pool: `threads_per_process` is 0, but must be at least 1");
    let error = refusal(ProcessPool::builder().name("a\0b"));
    assert_eq!(error.to_string(), "cannot build the pool: `name` is \"a\\0b\", but must be free of NUL characters");
}

#[test]
fn a_default_pool_has_a_worker_for_each_core() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(ProcessPool::default_size().unwrap().workers(), cores);
}

#[test]
fn no_process_starts_before_there_is_a_job() {
    let pool = ProcessPool::new(4).unwrap();
    assert!(pool.pids().is_empty());
    let worker = pool.submit(call!(pid())).result().unwrap();
    assert_eq!(pool.pids(), [worker]);
}

fn set(variable: &str, value: &std::ffi::OsStr) {
    // SAFETY: these tests run alone in their process, and no other thread of it reads the environment now.
    unsafe { env::set_var(variable, value) };
}

#[test]
fn a_directory_that_is_gone_breaks_jobs_until_it_is_back() {
    alone(a_directory_that_is_gone_breaks_jobs_until_it_is_back, || {
        let pool = ProcessPool::new(1).unwrap();
        let directory = Directory::new();
        let before = env::temp_dir();
        set("TMPDIR", directory.path().join("nowhere").as_os_str());
        match pool.submit(call!(pid())).result() {
            Err(JobError::Broken(broken)) => {
                let text = broken.to_string();
                assert!(
                    text.contains("could not be started in 4 attempts: no socket could be created for it: "),
                    "{text}"
                );
            }
            other => panic!("{other:?}"),
        }
        // SAFETY: it waits for no process, and writes nothing.
        let child = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
        assert_eq!(child, -1, "no process is left of the attempts");
        set("TMPDIR", before.as_os_str());
        assert!(pool.submit(call!(pid())).result().is_ok());
    });
}

#[test]
fn a_directory_whose_name_is_too_long_for_a_socket_is_refused() {
    alone(a_directory_whose_name_is_too_long_for_a_socket_is_refused, || {
        set("TMPDIR", format!("/tmp/{}", "x".repeat(100)).as_ref());
        let error = ProcessPool::new(1).unwrap_err();
        assert_eq!(error.name(), "TMPDIR");
        assert!(error.to_string().contains("must be a path of at most 83 bytes"), "{error}");
    });
}

#[test]
fn empty_and_relative_directories_will_do() {
    alone(empty_and_relative_directories_will_do, || {
        let directory = Directory::new();
        fs::create_dir(directory.path().join("below")).unwrap();
        env::set_current_dir(directory.path()).unwrap();
        for text in ["", "below"] {
            set("TMPDIR", text.as_ref());
            let pool = ProcessPool::builder().processes(1).current_dir("/").build().unwrap();
            assert!(pool.submit(call!(pid())).result().is_ok(), "{text:?}");
            assert_eq!(fs::read_dir("below").unwrap().count(), 0);
        }
    });
}

/// This program, run again with the variable, so that it prints no more than the names of its tests where it is no worker.
fn run_with(variable: &str, value: &str) -> Output {
    let mut program = this();
    // If it killed its group, it would not be that of the tests.
    program.process_group(0).arg("--list").env(variable, value);
    program.output().expect("it can be run again")
}

#[test]
fn a_variable_that_no_pool_wrote_starts_no_worker() {
    let variable = variable();
    let output = run_with(&variable, "nonsense");
    assert_eq!(output.status.code(), Some(69));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "executor: a worker process could not start: the environment variable {variable} has an invalid value; unset it\n"
        )
    );
}

/// Such as a second version of the crate in this program, or a library's copy.
#[test]
fn variables_of_other_copies_are_ignored() {
    let variable = variable();
    for other in ["EXECUTOR_WORKER", "EXECUTOR_WORKER_", &format!("{variable}0")] {
        let output = run_with(other, "nonsense");
        assert!(output.status.success() && output.stderr.is_empty(), "{other}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("variables_of_other_copies_are_ignored"));
    }
}

/// If its stdin is no socket of a pool, the worker ends and says why.
#[test]
fn an_invitation_from_somebody_else_starts_no_worker() {
    let variable = variable();
    let us = std::process::id();
    let invitation = |parent: u32| format!("1 {parent} 0 false 0");
    let unheard = run_with(&variable, &invitation(us));
    assert_eq!(unheard.status.code(), Some(69), "nobody is at its stdin");
    let said = String::from_utf8_lossy(&unheard.stderr);
    assert!(said.starts_with("executor: a worker process could not start: its setup failed ("), "{said}");
    let refused = run_with(&variable, &invitation(us + 1));
    assert_eq!(refused.status.code(), Some(69), "its parent is not who invited it");
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        format!(
            "executor: a worker process could not start: {variable} was set by process {}, which did not start this \
             process, or has ended since; if the variable was copied from the environment of a worker, unset it\n",
            us + 1
        )
    );
}
