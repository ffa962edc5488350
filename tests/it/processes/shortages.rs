//! Where the system refuses descriptors, processes or memory, a start fails and says what to do; when the shortage is over, all is well.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use executor::{Blob, JobError, ProcessPool, SharedSlice, call};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::deaths::kill;
use super::orphans::{children, descriptors};
use super::surroundings::give_up_rights;
use super::{pid, pool, worker_of};
use crate::support::{Directory, alone, eventually};

/// Lowers a limit while `during` runs.
fn with_at_most<T>(resource: Resource, most: u64, during: impl FnOnce() -> T) -> T {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(most), maximum: before.maximum }).expect("it may be lowered");
    let result = during();
    setrlimit(resource, before).expect("it may be raised again");
    result
}

/// Workers of this process meet it in a directory of the test's own, where everybody may write. Must be `alone`.
fn meet_in(directory: &Directory) {
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    // SAFETY: these tests run alone in their process, and no other thread of it reads the environment now.
    unsafe { env::set_var("TMPDIR", directory.path()) };
}

fn left_in(directory: &Directory) -> Vec<PathBuf> {
    fs::read_dir(directory.path()).expect("it is there").flatten().map(|entry| entry.path()).collect()
}

/// The reason of a `Broken` job, if the job failed.
fn complaint(outcome: Result<u32, JobError>) -> Option<String> {
    match outcome {
        Ok(_) => None,
        Err(JobError::Broken(broken)) => Some(broken.to_string()),
        Err(other) => panic!("not broken: {other}"),
    }
}

#[test]
fn without_descriptors_a_start_fails_and_says_so() {
    alone(without_descriptors_a_start_fails_and_says_so, || {
        let place = Directory::new();
        meet_in(&place);
        worker_of(&pool(1));
        let open = descriptors().len();
        let highest = u64::try_from(open).expect("few");
        let (mut failures, mut successes) = (0, 0);
        // One more each time, so that each step of a start is the first to fail once.
        for more in 0..40 {
            let pool = pool(1);
            let outcome = with_at_most(Resource::Nofile, highest + more, || pool.submit(call!(pid())).result());
            match complaint(outcome) {
                None => successes += 1,
                Some(text) => {
                    assert!(text.contains("could not be started in 4 attempts: "), "{more} more: {text}");
                    assert!(text.contains("raise `ulimit -n`"), "{more} more: {text}");
                    failures += 1;
                }
            }
            assert!(pool.submit(call!(pid())).result().is_ok(), "{more} more: the shortage is over");
            drop(pool);
            assert_eq!(descriptors().len(), open, "{more} more: {:?}", descriptors());
            assert_eq!(children(), Vec::<String>::new());
            assert_eq!(left_in(&place), Vec::<PathBuf>::new());
        }
        assert!(failures > 5 && successes > 5, "{failures} failures and {successes} successes");
    });
}

#[test]
fn too_much_shared_memory_is_refused() {
    alone(too_much_shared_memory_is_refused, || {
        const HUGE: usize = 1 << 43;
        let directory = Directory::new();
        let path = directory.path().join("holes");
        File::create(&path).and_then(|file| file.set_len(HUGE as u64)).expect("holes take no room");
        // If the kernel were asked for it, this limit would refuse it before all memory is taken.
        with_at_most(Resource::Fsize, 1 << 30, || {
            let refused = [
                Blob::build(HUGE, |_| unreachable!()).map(drop),
                SharedSlice::<u64>::build(HUGE / 8, |_| unreachable!()).map(drop),
                Blob::from_file(&path).map(drop),
            ];
            for error in refused.map(Result::unwrap_err) {
                assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
            }
        });
    });
}

/// Work that a program does once, at its first start, is done again if it failed.
#[test]
fn first_start_outlives_a_shortage() {
    alone(first_start_outlives_a_shortage, || {
        let (pool, highest) = (pool(1), u64::try_from(descriptors().len()).expect("few"));
        let start = |more| with_at_most(Resource::Nofile, highest + more, || pool.submit(call!(pid())).result());
        let complaints: Vec<_> = (0..40).map_while(|more| complaint(start(more))).collect();
        assert!((6..40).contains(&complaints.len()), "{complaints:?}");
        assert!(complaints.iter().all(|text| text.contains("raise `ulimit -n`")), "{complaints:?}");
        assert!(pool.submit(call!(pid())).result().is_ok(), "the shortage is over");
        assert!(super::pool(1).submit(call!(pid())).result().is_ok(), "for a new pool, too");
    });
}

#[test]
fn without_processes_a_start_fails_and_says_so() {
    alone(without_processes_a_start_fails_and_says_so, || {
        let place = Directory::new();
        meet_in(&place);
        // The limit is for each user, and not for root.
        give_up_rights();
        let pool = pool(1);
        let open = descriptors().len();
        kill(worker_of(&pool));
        eventually("it is reaped", || pool.pids().is_empty());
        let text = complaint(with_at_most(Resource::Nproc, 0, || pool.submit(call!(pid())).result()));
        let text = text.expect("there may be no process");
        assert!(
            text.contains("could not be started in 4 attempts: no process could be started from /proc/self/exe ("),
            "{text}"
        );
        assert!(text.contains("raise `ulimit -u` or the cgroup's pids.max"), "{text}");
        assert!(pool.submit(call!(pid())).result().is_ok(), "the shortage is over");
        pool.shutdown(true);
        assert_eq!(descriptors().len(), open, "{:?}", descriptors());
        assert_eq!((children(), left_in(&place)), (Vec::new(), Vec::new()));
    });
}

/// Where a user has no other processes, the limit can be such that the worker starts and cannot have its second thread, and so on.
#[test]
fn with_too_few_processes_nothing_hangs() {
    alone(with_too_few_processes_nothing_hangs, || {
        let place = Directory::new();
        meet_in(&place);
        give_up_rights();
        let mut complaints = Vec::new();
        for most in 1..12 {
            let pool = pool(1);
            complaints.extend(complaint(with_at_most(Resource::Nproc, most, || pool.submit(call!(pid())).result())));
            assert!(pool.submit(call!(pid())).result().is_ok(), "{most}: the shortage is over");
            drop(pool);
            assert_eq!((children(), left_in(&place)), (Vec::new(), Vec::new()));
        }
        assert!(complaints.iter().all(|text| text.contains("emporarily unavailable")), "{complaints:?}");
    });
}

#[test]
fn without_memory_for_a_worker_a_start_fails_and_says_so() {
    alone(without_memory_for_a_worker_a_start_fails_and_says_so, || {
        // Enough to be built with, and too little for what the worker is made to hold before its hello.
        let pool = ProcessPool::builder().processes(1).start_limit(Duration::from_secs(60)).memory_limit(64 << 20);
        let pool = pool.initializer(call!(hold(256 << 20))).build().expect("it can start workers");
        let text = complaint(pool.submit(call!(pid())).result()).expect("the initializer finds no memory");
        assert!(text.contains("its initializer ended the process: it was killed by SIGABRT"), "{text}");
    });
}

fn hold(bytes: usize) -> Vec<u8> {
    vec![1; bytes]
}
