//! A worker's environment, seen from inside: the builder's settings, and what the parent cannot spoil.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use executor::{BuildError, Exit, JobError, ProcessPool, ProcessPoolBuilder, call};
use rustix::process::{Resource, Rlimit, getpriority_process, getrlimit, setrlimit};

use super::deaths::crash;
use super::pid;
use crate::support::program::in_role;
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{Directory, alone, within_patience};

fn one() -> ProcessPoolBuilder {
    ProcessPool::builder().processes(1)
}

fn variable(name: String) -> Option<String> {
    env::var(name).ok()
}

fn directory() -> PathBuf {
    env::current_dir().expect("it is there")
}

fn niceness() -> i32 {
    getpriority_process(None).expect("a process may ask for its own")
}

fn most_core() -> (Option<u64>, Option<u64>) {
    let limit = getrlimit(Resource::Core);
    (limit.current, limit.maximum)
}

fn allocate(bytes: usize) -> usize {
    std::hint::black_box(vec![1_u8; bytes]).len()
}

fn abort_at_once() -> usize {
    std::process::abort()
}

fn allocate_slowly(mib: usize) -> usize {
    (0..mib).map(|_| vec![1_u8; 1 << 20]).collect::<Vec<_>>().len()
}

#[test]
fn variables_are_set_and_removed() {
    let pool = one().env("EXECUTOR_TEST_MODE", "quiet").env_remove("PATH").build().unwrap();
    let inside = |name: &str| pool.submit(call!(variable(name.to_owned()))).result().unwrap();
    assert_eq!(inside("EXECUTOR_TEST_MODE").as_deref(), Some("quiet"));
    assert!(env::var_os("PATH").is_some());
    assert_eq!(inside("PATH"), None);
    assert_eq!(inside("PWD"), env::var("PWD").ok(), "the rest is inherited");
}

#[test]
fn the_last_word_on_a_variable_counts_and_more_than_the_number_of_threads() {
    let pool = one().env("A", "1").env_remove("A").env("B", "1").env("B", "2").env("OMP_NUM_THREADS", "7");
    let pool = pool.env_remove("RAYON_NUM_THREADS").threads_per_process(3).build().unwrap();
    let inside = |name: &str| pool.submit(call!(variable(name.to_owned()))).result().unwrap();
    assert_eq!((inside("A"), inside("B").as_deref()), (None, Some("2")));
    assert_eq!(inside("OMP_NUM_THREADS").as_deref(), Some("7"));
    assert_eq!(inside("RAYON_NUM_THREADS"), None);
    assert_eq!(inside("MKL_NUM_THREADS").as_deref(), Some("3"));
}

#[test]
fn a_worker_starts_in_the_directory_that_it_is_given() {
    let place = Directory::new();
    let pool = one().current_dir(place.path()).build().unwrap();
    assert_eq!(pool.submit(call!(directory())).result().unwrap(), fs::canonicalize(place.path()).unwrap());
    assert_eq!(super::pool(1).submit(call!(directory())).result().unwrap(), directory(), "without one, the parent's");
}

#[test]
fn a_directory_that_is_gone_is_named_by_the_jobs_that_needed_it() {
    let place = Directory::new();
    let path = place.path().to_owned();
    let pool = one().current_dir(&path).build().unwrap();
    drop(place);
    let text = pool.submit(call!(pid())).result().unwrap_err().to_string();
    assert!(text.contains(&format!("`current_dir` {} no longer exists; create it again", path.display())), "{text}");
    fs::create_dir(&path).unwrap();
    assert!(pool.submit(call!(pid())).result().is_ok());
    fs::remove_dir(&path).unwrap();
}

#[test]
fn a_worker_is_nicer_by_what_it_is_told() {
    let ours = niceness();
    let pool = one().nice(5).build().unwrap();
    assert_eq!(pool.submit(call!(niceness())).result().unwrap(), (ours + 5).min(19));
    assert_eq!(super::pool(1).submit(call!(niceness())).result().unwrap(), ours);
}

#[test]
fn niceness_without_the_right_to_it_is_refused_with_a_reason() {
    alone(niceness_without_the_right_to_it_is_refused_with_a_reason, || {
        give_up_rights();
        let pool = one().nice(-5).build().unwrap();
        let text = pool.submit(call!(pid())).result().unwrap_err().to_string();
        let reason = "in 4 attempts: the system refused one of its settings (nice(-5): Permission denied";
        assert!(text.contains(reason), "{text}");
        assert!(one().nice(5).build().unwrap().submit(call!(pid())).result().is_ok());
    });
}

/// Root may do anything; others may not. Must be `alone`, and its directory for temporary files open to all.
pub(super) fn give_up_rights() {
    if rustix::process::geteuid().is_root() {
        // A user that has no other process: the next is a hundred thousand, with this one's number.
        let user = 100_000 + pid();
        // SAFETY: no other thread of this process relies on its rights.
        assert_eq!(unsafe { libc::setresuid(user, user, user) }, 0);
    }
}

#[test]
fn core_files_are_written_only_where_asked_for() {
    assert_eq!(super::pool(1).submit(call!(most_core())).result().unwrap(), (Some(0), Some(0)));
    let most = getrlimit(Resource::Core).maximum;
    let pool = one().core_dumps(true).build().unwrap();
    assert_eq!(pool.submit(call!(most_core())).result().unwrap(), (most, most));
}

#[test]
fn allocations_beyond_the_memory_limit_crash_alone() {
    let pool = one().memory_limit(256 << 20).build().unwrap();
    assert_eq!(pool.submit(call!(allocate(32 << 20))).result().unwrap(), 32 << 20);
    // At once, and bit by bit.
    for dead in [crash(pool.submit(call!(allocate(300 << 20)))), crash(pool.submit(call!(allocate_slowly(300))))] {
        assert_eq!(dead.exit(), Exit::Signal(6));
        assert!(dead.is_out_of_memory(), "{dead}");
        let cause =
            "most likely because it was refused memory: its `memory_limit` is 256 MiB; raise it, or split the job";
        assert_eq!(dead.cause(), Some(cause));
        assert!(dead.to_string().contains(cause), "{dead}");
    }
    let other = crash(pool.submit(call!(abort_at_once())));
    assert!(!other.is_out_of_memory(), "{other}");
    assert_eq!(pool.submit(call!(allocate(32 << 20))).result().unwrap(), 32 << 20);
    assert_eq!(super::pool(1).submit(call!(allocate(300 << 20))).result().unwrap(), 300 << 20);
}

#[test]
fn a_limit_of_the_parent_is_not_raised() {
    alone(a_limit_of_the_parent_is_not_raised, || {
        let limit = Rlimit { current: Some(256 << 20), maximum: Some(256 << 20) };
        setrlimit(Resource::Data, limit).expect("it may be lowered");
        give_up_rights();
        let pool = one().memory_limit(1 << 30).build().unwrap();
        assert!(pool.submit(call!(pid())).result().is_ok());
        crash(pool.submit(call!(allocate(300 << 20))));
    });
}

fn refusal(builder: ProcessPoolBuilder) -> String {
    let error: BuildError = builder.build().expect_err("such a pool cannot be");
    error.to_string().replace("cannot build the pool: ", "")
}

#[test]
fn surroundings_that_cannot_be_are_refused_by_name() {
    let name = "must be a variable's name, not empty, without `=` and without a NUL character";
    assert_eq!(refusal(one().env("", "x")), format!("`env` is \"\", but {name}"));
    assert_eq!(refusal(one().env("A=B", "x")), format!("`env` is \"A=B\", but {name}"));
    assert_eq!(refusal(one().env_remove("A\0")), format!("`env_remove` is \"A\\0\", but {name}"));
    assert_eq!(
        refusal(one().env("A", "\0")),
        "`env` is \"\\0\" for \"A\", but must be a value without a NUL character"
    );
    let own = "must be another variable: the pool uses this one itself";
    assert_eq!(refusal(one().env("EXECUTOR_WORKER", "1")), format!("`env` is EXECUTOR_WORKER, but {own}"));
    assert_eq!(refusal(one().env_remove("EXECUTOR_WORKER")), format!("`env_remove` is EXECUTOR_WORKER, but {own}"));
    let there = "must be an existing directory";
    assert_eq!(refusal(one().current_dir("/nowhere")), format!("`current_dir` is \"/nowhere\", but {there}"));
    assert_eq!(refusal(one().current_dir("/dev/null")), format!("`current_dir` is \"/dev/null\", but {there}"));
    assert_eq!(refusal(one().nice(20)), "`nice` is 20, but must be from -20 to 19");
    assert_eq!(refusal(one().nice(-21)), "`nice` is -21, but must be from -20 to 19");
    let least = "must be at least 16777216, which a worker needs to start";
    assert_eq!(refusal(one().memory_limit(0)), format!("`memory_limit` is 0 bytes, but {least}"));
    assert_eq!(refusal(one().start_limit(std::time::Duration::ZERO)), "`start_limit` is zero, but must be longer");
    one().memory_limit(16 << 20).build().unwrap().submit(call!(pid())).result().expect("the least is enough");
}

/// Of the first thread, where jobs run: blocked and ignored signals, as bits.
fn signals() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let bits = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("it tells the signals");
        u64::from_str_radix(line.trim(), 16).expect("in hexadecimal")
    };
    (bits("SigBlk:"), bits("SigIgn:"))
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

fn arrive(arrival: Arrival) {
    arrival.arrive(0);
}

#[test]
fn a_parent_that_blocks_and_ignores_signals_does_not_pass_that_on() {
    alone(a_parent_that_blocks_and_ignores_signals_does_not_pass_that_on, || {
        let ignored = [libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD, libc::SIGRTMAX() - 1, libc::SIGHUP];
        // SAFETY: to ignore a signal needs no handler, and a set may have any bits.
        unsafe {
            for signal in ignored.into_iter().filter(|&signal| signal != libc::SIGCHLD) {
                libc::signal(signal, libc::SIG_IGN);
            }
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
        }
        let pool = super::pool(1);
        let (blocked, ignored) = pool.submit(call!(signals())).result().unwrap();
        assert_eq!(blocked, 0, "{blocked:x}");
        let kept = [libc::SIGINT, libc::SIGPIPE, libc::SIGTTIN, libc::SIGTTOU, libc::SIGTSTP, libc::SIGHUP];
        let kept = kept.into_iter().fold(0, |kept, signal| kept | bit(signal));
        // The C library keeps two signals for itself, and lets no program change them.
        let ignored = ignored & !(bit(32) | bit(33));
        assert_eq!(ignored, kept, "{ignored:x}; what `nohup` set stays");
        // So SIGTERM of its parent ends it.
        let rendezvous = Rendezvous::new();
        let future = pool.submit(call!(arrive(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        let worker = rustix::process::Pid::from_raw(waiter.pid().try_into().unwrap()).unwrap();
        rustix::process::kill_process(worker, rustix::process::Signal::TERM).expect("it is there");
        assert_eq!(crash(future).signal(), Some("SIGTERM"));
        drop(waiter);
    });
}

#[test]
fn writing_to_a_pipe_that_nobody_reads_is_an_error_and_no_death() {
    fn write() -> String {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let result = std::io::Write::write(&mut &writer, b"x");
        format!("{:?}", result.map_err(|error| error.kind()))
    }
    assert_eq!(super::pool(1).submit(call!(write())).result().unwrap(), "Err(BrokenPipe)");
}

#[test]
fn the_mask_for_files_and_the_name_of_the_program_are_inherited() {
    fn look() -> (u32, Option<String>) {
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o22));
        (before.as_raw_mode(), env::args().next())
    }
    alone(the_mask_for_files_and_the_name_of_the_program_are_inherited, || {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o27));
        let inside = super::pool(1).submit(call!(look())).result().unwrap();
        assert_eq!(inside, (0o27, env::args().next()));
    });
}

#[test]
fn a_program_whose_file_is_removed_while_it_runs_goes_on() {
    // The file that runs is started again, whatever has its name by now.
    alone(a_program_whose_file_is_removed_while_it_runs_goes_on, || {
        let place = Directory::new();
        let copy = place.path().join("program");
        fs::copy(env::current_exe().expect("it has a path"), &copy).expect("there is room");
        assert!(run_copy(&copy), "it could not start a worker");
    });
}

fn run_copy(copy: &Path) -> bool {
    let role = in_role(unlinked);
    let mut command = Command::new(copy);
    command
        .args(role.get_args())
        .envs(role.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env(UNLINK, copy);
    command.output().is_ok_and(|output| output.status.success())
}

/// The file that this program runs from, and removes.
const UNLINK: &str = "EXECUTOR_TEST_UNLINK";

/// A role of this program.
pub(crate) fn unlinked() {
    within_patience(|| {
        fs::remove_file(env::var_os(UNLINK).expect("its test has set it")).expect("it is there");
        match super::pool(1).submit(call!(pid())).result() {
            Ok(worker) => assert_ne!(worker, pid()),
            Err(JobError::Broken(broken)) => panic!("{broken}"),
            Err(other) => panic!("{other}"),
        }
    });
}
