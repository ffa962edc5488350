//! Failed jobs are kept as files, and run again from them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use executor::{Codec, JobError, JobOptions, ProcessPool, call, current};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::examples::example;
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{Directory, alone, interception, within_patience};

/// A pool that keeps what fails there.
pub(super) fn keeping(directory: &Path) -> ProcessPool {
    ProcessPool::builder().processes(1).keep_failed(directory).build().expect("this program can start workers")
}

/// Aborts as long as the file is there.
fn need_none(path: PathBuf) -> Vec<u8> {
    if path.exists() {
        std::process::abort();
    }
    vec![7; 10]
}

fn complain(about: String) {
    panic!("no {about}");
}

fn look_up(index: usize) -> u32 {
    let table = current::state::<Vec<u32>>().expect("the initializer made it");
    assert_ne!(table[index], 7, "attempt {} of job {:?}", current::attempt().unwrap_or(0), current::id().is_some());
    table[index]
}

fn table(size: u32) -> Vec<u32> {
    (0..size).collect()
}

/// This program, or another, with a kept job.
pub(super) fn replay(mut program: Command, file: &Path) -> Output {
    program.env("EXECUTOR_REPLAY", file).output().expect("it can be started")
}

pub(super) fn this() -> Command {
    Command::new(std::env::current_exe().expect("this program has a path"))
}

pub(super) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("it is text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("it is text")
}

pub(super) fn failure<T: std::fmt::Debug>(outcome: Result<T, JobError>) -> (JobError, PathBuf) {
    let error = outcome.expect_err("it fails");
    let file = error.saved().unwrap_or_else(|| panic!("it is not kept: {error}")).to_owned();
    (error, file)
}

#[test]
fn a_crash_is_kept_and_happens_again_until_its_reason_is_gone() {
    within_patience(|| {
        let directory = Directory::new();
        let kept = directory.path().join("kept/here");
        let reason = directory.path().join("reason");
        fs::write(&reason, "").unwrap();
        let (error, file) = failure(keeping(&kept).submit(call!(need_none(reason.clone()))).result());
        let JobError::Crashed(crash) = &error else { panic!("{error}") };
        assert_eq!(crash.saved(), Some(&*file));
        let text = format!("{error:#}");
        let clause = format!(
            "; no other job is affected; to run this job alone, start this program with EXECUTOR_REPLAY={}\n",
            file.display()
        );
        assert!(text.contains(&clause), "{text}");
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("it-processes-replay-need_none-"), "{name}");
        assert!(name.contains(&format!("-{}-", std::process::id())), "{name}");
        assert_eq!(file.extension(), Some("job".as_ref()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "for its owner's eyes");
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o700);

        let again = replay(this(), &file);
        assert_eq!(again.status.signal(), Some(6), "a debugger finds it: {again:?}");
        assert!(stderr(&again).starts_with("executor: job "), "{again:?}");
        assert!(stderr(&again).contains("`it::processes::replay::need_none`, runs again from "), "{again:?}");
        assert!(stderr(&again).ends_with("; it failed before: its process was killed by SIGABRT\n"), "{again:?}");
        fs::remove_file(&reason).unwrap();
        let again = replay(this(), &file);
        assert_eq!((again.status.code(), stdout(&again)), (Some(0), "executor: the job returned: 11 bytes encoded\n"));
    });
}

#[test]
fn a_panic_is_kept_and_happens_again() {
    let directory = Directory::new();
    let (error, file) = failure(keeping(directory.path()).submit(call!(complain("luck".to_owned()))).result());
    assert!(matches!(&error, JobError::Panicked(panic) if panic.message() == "no luck"), "{error}");
    let again = replay(this(), &file);
    assert_eq!(again.status.code(), Some(101));
    let text = stdout(&again);
    assert!(
        text.starts_with("executor: job `it::processes::replay::")
            && text.contains("` panicked at tests/it/processes/replay.rs:"),
        "{text}"
    );
    assert!(text.ends_with(": no luck\n"), "{text}");
    assert!(stderr(&again).contains("no luck"), "the panic hook has told it too");
}

#[test]
fn function_of_a_template_runs_before_a_replay() {
    within_patience(|| {
        let directory = Directory::new();
        let builder = ProcessPool::builder().processes(1).template(call!(table(8)));
        let pool = builder.keep_failed(directory.path()).build().unwrap();
        assert_eq!(pool.submit(call!(look_up(3))).result().unwrap(), 3);
        let (_, file) = failure(pool.submit(call!(look_up(7))).result());
        let again = replay(this(), &file);
        assert_eq!(again.status.code(), Some(101));
        assert!(stdout(&again).contains("attempt 1 of job true"), "{again:?}");
    });
}

fn crash_at_three(n: u64) -> u64 {
    if n == 3 { std::process::abort() } else { n }
}

#[test]
fn an_item_of_a_map_is_kept_alone() {
    let directory = Directory::new();
    let pool = keeping(directory.path());
    let files: Vec<_> =
        pool.map(0..8, crash_at_three).filter_map(Result::err).map(|error| error.saved().map(Path::to_owned)).collect();
    let [Some(file)] = &files[..] else { panic!("{files:?}") };
    assert_eq!(replay(this(), file).status.signal(), Some(6));
    assert!(fs::metadata(file).unwrap().len() < 1000, "the others are not in it");
}

#[test]
fn the_initializer_runs_again_before_it() {
    let directory = Directory::new();
    let builder = ProcessPool::builder().processes(1).codec(Codec::MessagePack).keep_failed(directory.path());
    let pool = builder.initializer(call!(table(9))).build().unwrap();
    assert_eq!(pool.submit(call!(look_up(3))).result().unwrap(), 3);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "what does not fail is not kept");
    let (error, file) = failure(pool.submit(call!(look_up(7))).result());
    assert!(error.to_string().contains("attempt 1 of job true"), "{error}");
    let again = replay(this(), &file);
    assert_eq!(again.status.code(), Some(101));
    assert!(stdout(&again).contains("attempt 1 of job true"), "{again:?}");
}

#[test]
fn without_the_setting_nothing_is_kept() {
    let error = super::pool(1).submit(call!(complain("luck".to_owned()))).result().unwrap_err();
    assert_eq!(error.saved(), None);
    assert!(!format!("{error:#}").contains("kept"), "{error}");
}

#[test]
fn another_program_refuses_it() {
    let directory = Directory::new();
    let (_, file) = failure(keeping(directory.path()).submit(call!(complain("luck".to_owned()))).result());
    let refused = replay(example("census"), &file);
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(65), ""));
    let text = stderr(&refused);
    assert!(text.contains("was saved by another build of the program ("), "{text}");
    assert!(text.ends_with("); run it with that build\n"), "{text}");
}

#[test]
fn pipes_and_devices_are_refused_at_once() {
    within_patience(|| {
        let directory = Directory::new();
        let fifo = directory.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        for file in [&*fifo, Path::new("/dev/zero"), directory.path()] {
            let output = replay(this(), file);
            assert_eq!(output.status.code(), Some(65), "{}", file.display());
            assert!(stderr(&output).contains("is no regular file"), "{}", stderr(&output));
        }
    });
}

#[test]
fn damaged_job_files_are_refused() {
    let directory = Directory::new();
    let (_, file) = failure(keeping(directory.path()).submit(call!(complain("luck".to_owned()))).result());
    let bytes = fs::read(&file).unwrap();
    let (last, other) = (bytes.len() - 1, directory.path().join("other"));
    let flipped = [&bytes[..last], &[bytes[last] ^ 1]].concat();
    for (bytes, text) in [
        (&flipped[..], "is damaged: its checksum does not match\n"),
        (&bytes[..40], "is damaged: it ends too early\n"),
        (&bytes[..18], "is damaged: it ends too early\n"),
        (b"", "is not a job saved by `keep_failed`\n"),
        (b"#!/bin/sh", "is not a job saved by `keep_failed`\n"),
    ] {
        fs::write(&other, bytes).unwrap();
        let refused = replay(this(), &other);
        assert_eq!((refused.status.code(), stdout(&refused)), (Some(65), ""));
        assert_eq!(stderr(&refused), format!("executor: EXECUTOR_REPLAY: {} {text}", other.display()));
    }
    let refused = replay(this(), "/nowhere/at all".as_ref());
    assert_eq!(refused.status.code(), Some(65));
    assert!(stderr(&refused).starts_with("executor: EXECUTOR_REPLAY: /nowhere/at all cannot be read: "), "{refused:?}");
}

fn hang(arrival: Arrival) {
    arrival.arrive(0);
}

/// The disk is so slow that nothing is written until the test wants it.
#[test]
fn the_outcome_of_a_job_whose_time_is_up_does_not_wait_for_its_file() {
    alone(the_outcome_of_a_job_whose_time_is_up_does_not_wait_for_its_file, || {
        let (directory, rendezvous) = (Directory::new(), Rendezvous::new());
        let held = match interception::hold(libc::SYS_renameat2) {
            Ok(held) => held,
            Err(error) => return eprintln!("not tested, the system has no such filters: {error}"),
        };
        let pool = keeping(directory.path());
        let view = pool.with(JobOptions::new().timeout(Duration::from_millis(100)));
        let error = view.submit(call!(hang(rendezvous.arrival()))).result().unwrap_err();
        assert!(matches!(error, JobError::TimedOut(_)), "{error}");
        held.release();
        let file = error.saved().expect("it is written now");
        assert!(fs::read(file).unwrap().starts_with(b"executor job"), "{}", file.display());
        assert!(format!("{error:#}").contains(&format!("EXECUTOR_REPLAY={}", file.display())), "{error:#}");
    });
}
