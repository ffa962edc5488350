//! The environment that a worker finds: variables, descriptors, process group, names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use std::{env, fs};

use executor::{JobError, JobOptions, Process, ProcessPool, call, current};
use rustix::process::{getpgrp, getpid};

use super::constructors::BACKTRACE;
use super::pool;

fn variables() -> BTreeMap<String, String> {
    env::vars().collect()
}

/// The targets of the open descriptors from 3 on.
fn descriptors() -> Vec<String> {
    let numbers = fs::read_dir("/proc/self/fd").expect("a process has descriptors");
    let links = numbers
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok_and(|fd| fd > 2)));
    links.filter_map(|entry| fs::read_link(entry.path()).ok()).map(|path| path.to_string_lossy().into_owned()).collect()
}

#[test]
fn the_invitation_is_gone_and_the_rest_is_inherited() {
    let mut inside = pool(1).submit(call!(variables())).result().unwrap();
    assert_eq!(inside.keys().find(|name| name.contains("EXECUTOR_WORKER")), None);
    let mut outside = variables();
    for variables in [&mut inside, &mut outside] {
        variables.retain(|name, _| !name.ends_with("_THREADS") && name != BACKTRACE);
    }
    assert_eq!(inside, outside);
}

#[test]
fn libraries_are_told_how_many_threads_to_start() {
    let pool = ProcessPool::builder().processes(1).threads_per_process(3).build().unwrap();
    let inside = pool.submit(call!(variables())).result().unwrap();
    for name in [
        "RAYON_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TOKIO_WORKER_THREADS",
    ] {
        assert_eq!(inside.get(name).map(String::as_str), Some("3"), "{name}");
    }
    let rayon = pool.submit(call(rayon::current_num_threads, ())).result().unwrap();
    assert_eq!(rayon, 3);
    let many = ProcessPool::builder().processes(4096).build().unwrap();
    let inside = many.submit(call!(variables())).result().unwrap();
    assert_eq!(inside.get("OMP_NUM_THREADS").map(String::as_str), Some("1"), "never 0");
}

#[test]
fn no_descriptor_of_the_parent_is_open_in_it() {
    let file = fs::File::open("/proc/self/status").expect("a file");
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("an open descriptor");
    assert!(file.as_raw_fd() > 2);
    let inside = pool(1).submit(call!(descriptors())).result().unwrap();
    let strange: Vec<_> = inside
        .iter()
        .filter(|path| !path.starts_with("socket:") && !path.starts_with("/memfd:") && !path.contains("/proc/"))
        .collect();
    assert!(matches!(strange[..], [lifeline] if lifeline.starts_with("pipe:")), "{inside:?}");
    assert!(!inside.iter().any(|path| path.ends_with("status")), "{inside:?}");
    assert!(
        inside.len() <= 5,
        "requests, replies, lifeline, payloads, and the directory that is being read: {inside:?}"
    );
}

#[test]
fn stdin_is_empty_and_the_group_is_its_own() {
    fn look() -> (String, bool) {
        let mut text = String::new();
        std::io::stdin().read_line(&mut text).expect("stdin can be read");
        (text, getpgrp() == getpid())
    }
    assert_eq!(pool(1).submit(call!(look())).result().unwrap(), (String::new(), true));
}

#[test]
fn ctrl_c_is_not_for_workers() {
    fn interrupt_myself() -> u32 {
        rustix::process::kill_process(getpid(), rustix::process::Signal::INT).expect("a process may signal itself");
        7
    }
    assert_eq!(pool(1).submit(call!(interrupt_myself())).result().unwrap(), 7);
}

#[test]
fn a_job_knows_its_id_its_worker_and_that_it_runs_once() {
    fn tell() -> (Option<u64>, Option<u32>, Option<String>, bool) {
        let name = current::worker_name().map(|name| name.to_string());
        (current::id().map(executor::JobId::get), current::attempt(), name, current::deadline().is_some())
    }
    let pool = ProcessPool::builder().processes(1).name("parser").build().unwrap();
    let future = pool.submit(call!(tell()));
    let id = future.id().get();
    assert_eq!(future.result().unwrap(), (Some(id), Some(1), Some("parser-0".to_owned()), false));
}

#[test]
fn workers_are_named_in_process_lists() {
    fn look() -> (u32, Option<OsString>) {
        (std::process::id(), env::args_os().next())
    }
    let program = env::current_exe().unwrap();
    let program = program.file_name().unwrap().to_string_lossy();
    let wanted = |most: usize, worker: &str| format!("{}:{worker}\n", program.get(..most).unwrap_or(&program));
    let pool = ProcessPool::builder().processes(1).name("parsers of the archive").build().unwrap();
    let (pid, first) = pool.submit(call!(look())).result().unwrap();
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm")).unwrap(), wanted(8, "pars-0"));
    assert_eq!(first, env::args_os().next(), "a job may start the program again");
    let process = Process::builder().name("report of the month").spawn(call!(comm())).unwrap();
    assert_eq!(process.join().unwrap(), wanted(10, "repo"));
}

fn comm() -> String {
    fs::read_to_string("/proc/self/comm").expect("a process has a name")
}

#[test]
fn a_job_knows_what_it_was_given() {
    type Told = (Option<String>, Option<String>, Option<Duration>, bool);
    fn tell() -> Told {
        let text = |text: Option<std::sync::Arc<str>>| text.map(|text| text.to_string());
        let left = current::deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        (text(current::name()), text(current::tag()), left, current::stop_requested())
    }
    let pool = pool(1);
    let options = JobOptions::new().name("report").tag("nightly").timeout(Duration::from_secs(3600));
    let (name, tag, left, is_stopped) = pool.with(options).submit(call!(tell())).result().unwrap();
    assert_eq!((name.as_deref(), tag.as_deref(), is_stopped), (Some("report"), Some("nightly"), false));
    assert!(left.is_some_and(|left| left <= Duration::from_secs(3600) && left > Duration::from_secs(3000)), "{left:?}");
    assert_eq!(
        pool.submit(call!(tell())).result().unwrap(),
        (None, None, None, false),
        "the next one was given nothing"
    );
}

#[test]
fn a_panic_tells_its_place_in_the_job() {
    fn complain() {
        panic!("no luck");
    }
    match pool(1).submit(call!(complain())).result() {
        Err(JobError::Panicked(panic)) => {
            assert_eq!(panic.message(), "no luck");
            let place = panic.place().expect("it was raised somewhere");
            let (file, rest) = place.split_once(':').expect("a line follows");
            assert_eq!(file, file!());
            assert!(rest.split(':').all(|number| number.parse::<u32>().is_ok()), "{place}");
        }
        other => panic!("{other:?}"),
    }
}
