//! Programs that are not as others: they adopt, have a limit for files, a filter of system calls, or are killed while a job is in their group.

use std::env;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use executor::{JobError, JobOptions, ProcessPool, call};

use super::orphans::{arrive_with_a_child, children, is_alive};
use super::{pid, pool};
use crate::support::program::{given, in_role};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{alone, eventually, within_patience};

#[test]
fn adopted_children_of_workers_are_reaped() {
    alone(adopted_children_of_workers_are_reaped, || {
        // SAFETY: this option takes a number, and touches no memory.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }, 0);
        let (pool, rendezvous) = (pool(2), Rendezvous::new());
        for _ in 0..4 {
            let job = pool.submit(call!(arrive_with_a_child(rendezvous.arrival())));
            let waiter = rendezvous.accept();
            assert!(is_alive(u32::try_from(waiter.number()).expect("a pid")));
            drop(job.abort_on_drop());
        }
        pool.shutdown(true);
        assert_eq!(children(), Vec::<String>::new(), "no zombie");
    });
}

fn len(bytes: Vec<u8>) -> usize {
    bytes.len()
}

fn many(len: usize) -> Vec<u8> {
    vec![7; len]
}

fn limit_files(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: it reads `limit`.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}

#[test]
fn limit_of_file_sizes_is_an_error() {
    alone(limit_of_file_sizes_is_an_error, || {
        limit_files(1 << 20);
        let pool = pool(1);
        for outcome in [
            pool.submit(call!(len(vec![7; 2 << 20]))).result().map(drop),
            pool.submit(call!(many(2 << 20))).result().map(drop),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, JobError::Broken(_) | JobError::Codec(_)), "{error:?}");
            assert!(error.to_string().contains("File too large"), "{error}");
        }
        assert_eq!(pool.submit(call!(len(vec![7; 1 << 19]))).result().unwrap(), 1 << 19);
        // Less than what a worker shares with its parent.
        limit_files(1000);
        let error = super::pool(1).submit(call!(pid())).result().unwrap_err();
        assert!(matches!(error, JobError::Broken(_)) && error.to_string().contains("raise `ulimit -f`"), "{error}");
    });
}

/// This process, and what it starts, is refused the system call of that number.
fn refuse(number: libc::c_long) {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: u16::try_from(code).unwrap(), jt, jf, k };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, u32::try_from(number).unwrap()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: the first takes numbers only; the other reads the program, whose steps are there.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
}

fn has_open(name: String) -> bool {
    let entries = fs::read_dir("/proc/self/fd").expect("a process has descriptors");
    entries.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|path| path.ends_with(&name)))
}

#[test]
fn descriptors_stay_behind_without_close_range() {
    alone(descriptors_stay_behind_without_close_range, || {
        let file = File::open("/etc/passwd").expect("a system has users");
        // SAFETY: it is a descriptor of this process's, and loses its mark only.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }, 0);
        refuse(libc::SYS_close_range);
        assert!(!pool(1).submit(call!(has_open("passwd".to_owned()))).result().unwrap());
        drop(file);
    });
}

const RENDEZVOUS: &str = "EXECUTOR_TEST_RENDEZVOUS_OF_A_GROUP";

fn join(group: i32, arrival: Arrival) {
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::setpgid(0, group) }, 0, "it may join the group");
    arrival.arrive(0);
}

/// A role of this program: the test below kills it.
pub(crate) fn parent_in_a_group() {
    let arrival: Arrival = given(RENDEZVOUS);
    let group = rustix::process::getpgrp().as_raw_nonzero().get();
    pool(1).submit(call!(join(group, arrival))).wait();
}

#[test]
fn worker_in_another_group_spares_that() {
    within_patience(|| {
        let sleep = Command::new("sleep").arg("1000").process_group(0).spawn();
        let mut bystander = sleep.expect("a system has `sleep`");
        let rendezvous = Rendezvous::new();
        let mut parent = in_role(parent_in_a_group)
            .env(RENDEZVOUS, serde_json::to_string(&rendezvous.arrival()).expect("a path of text"))
            .process_group(i32::try_from(bystander.id()).expect("a pid"))
            .stdout(Stdio::null())
            .spawn()
            .expect("this program can be run again");
        let waiter = rendezvous.accept();
        parent.kill().expect("it runs");
        parent.wait().expect("it was killed");
        eventually("the worker is gone", || !is_alive(waiter.pid()));
        assert!(bystander.try_wait().expect("it is a child").is_none(), "it has nothing to do with the worker");
        bystander.kill().expect("it runs");
        bystander.wait().expect("it was killed");
    });
}

/// The page whose faults are no error, as those of a collector's write barrier.
static BARRIER: AtomicUsize = AtomicUsize::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);

/// Makes a constructor handle faults, before the worker does.
const HANDLES_FAULTS: &str = "EXECUTOR_TEST_HANDLES_FAULTS";

extern "C" fn lift_barrier(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let page = BARRIER.load(Ordering::Relaxed);
    // SAFETY: the kernel gives the address of a fault; the page is this test's own.
    unsafe {
        if page != 0 && (*info).si_addr().addr() == page {
            libc::mprotect((*info).si_addr(), 4096, libc::PROT_READ | libc::PROT_WRITE);
        } else {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

extern "C" fn handle_faults() {
    if env::var_os(HANDLES_FAULTS).is_none() {
        return;
    }
    // SAFETY: all zeros is a valid `sigaction`; the handler does system calls only.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = lift_barrier as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut());
    }
}

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array.00200")]
static HANDLER: extern "C" fn() = handle_faults;

extern "C" fn tick(_: libc::c_int) {
    TICKS.fetch_add(1, Ordering::Relaxed);
}

/// Has a timer, and runs into the barrier. Returns when the timer has rung thrice since, or never does.
fn tick_behind_a_barrier() -> u32 {
    // SAFETY: new memory, and a handler that stores a word.
    unsafe {
        libc::signal(libc::SIGALRM, tick as *const () as usize);
        let period = libc::timeval { tv_sec: 0, tv_usec: 1000 };
        let timer = libc::itimerval { it_interval: period, it_value: period };
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, flags, -1, 0);
        BARRIER.store(page.addr(), Ordering::Relaxed);
        page.cast::<u8>().write_volatile(1);
    }
    let before = TICKS.load(Ordering::Relaxed);
    let end = Instant::now() + Duration::from_secs(10);
    while TICKS.load(Ordering::Relaxed) < before + 3 && Instant::now() < end {
        std::thread::yield_now();
    }
    TICKS.load(Ordering::Relaxed) - before
}

#[test]
fn handled_fault_leaves_timers_alone() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).env(HANDLES_FAULTS, "1").build().unwrap();
        let job = pool.with(JobOptions::new().timeout(Duration::from_secs(60))).submit(call!(tick_behind_a_barrier()));
        assert!(job.result().unwrap() >= 3, "its timer rings on");
    });
}
