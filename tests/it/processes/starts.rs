//! Pools that cannot be, and workers that cannot start.

use std::env;
use std::fs;
use std::process::Command;

use executor::{BuildError, JobError, ProcessPool, ProcessPoolBuilder, call};

use super::pid;
use crate::support::{Directory, alone};

fn refusal(builder: ProcessPoolBuilder) -> BuildError {
    builder.build().expect_err("such a pool cannot be")
}

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    let error = refusal(ProcessPool::builder().processes(0));
    assert_eq!(error.to_string(), "cannot build the pool: `processes` is 0, and must be from 1 to 4096");
    assert_eq!(error.name(), "processes");
    assert_eq!(ProcessPool::new(0).unwrap_err().to_string(), error.to_string());
    let error = refusal(ProcessPool::builder().processes(4097));
    assert_eq!(error.to_string(), "cannot build the pool: `processes` is 4097, and must be from 1 to 4096");
    let error = refusal(ProcessPool::builder().threads_per_process(0));
    assert_eq!(error.to_string(), "cannot build the pool: `threads_per_process` is 0, and must be at least 1");
    let error = refusal(ProcessPool::builder().name("a\0b"));
    assert_eq!(error.to_string(), "cannot build the pool: `name` is \"a\\0b\", and must be without a NUL character");
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
                assert!(text.contains("could not be started, 4 times: no socket for its rendezvous: "), "{text}");
            }
            other => panic!("{other:?}"),
        }
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

#[test]
fn a_variable_that_no_pool_wrote_starts_no_worker() {
    let program = env::current_exe().expect("this program has a path");
    let output = Command::new(program).env("EXECUTOR_WORKER", "nonsense").output().expect("it can be run again");
    assert_eq!(output.status.code(), Some(69));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "executor: a worker process cannot begin: EXECUTOR_WORKER is set to what no pool wrote; unset it\n"
    );
}

/// Without a parent that waits for it, it ends.
#[test]
fn an_invitation_from_somebody_else_starts_no_worker() {
    let program = env::current_exe().expect("this program has a path");
    let parent = std::process::id();
    let status = |parent: u32| {
        let mut command = Command::new(&program);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let invitation = format!("1 {parent} 0 false 0 token /nowhere/socket");
        command.env("EXECUTOR_WORKER", invitation).output().expect("it can be run again").status
    };
    assert_eq!(status(parent).code(), Some(69), "nobody is at the rendezvous");
    let signal = std::os::unix::process::ExitStatusExt::signal(&status(parent + 1));
    assert_eq!(signal, Some(9), "its parent is not who invited it");
}
