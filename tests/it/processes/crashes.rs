//! The report of a crash: where it was, why, and how much memory the worker held.

use std::arch::asm;
use std::thread;

use executor::{Crashed, Exit, Future, call};

use super::deaths::{crash, kill};
use super::pool;
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{alone, within_patience};

#[inline(never)]
fn read_from(address: usize) -> u8 {
    // SAFETY: none. It is to crash, in a process of its own.
    unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

fn follow_a_wild_pointer(address: usize) -> u8 {
    std::hint::black_box(read_from(address)).wrapping_add(1)
}

fn abort_deep_inside() {
    fn deep_inside() {
        std::process::abort();
    }
    [3, 1, 2].sort_by_key(|n: &i32| {
        deep_inside();
        *n
    });
}

fn recurse(n: u64) -> u64 {
    fn deeper(n: u64) -> u64 {
        let page = std::hint::black_box([n; 64]);
        if n == u64::MAX { 0 } else { deeper(n + 1) + page[7] }
    }
    deeper(n)
}

fn run_no_instruction() {
    // SAFETY: none, as above. It is made to be no instruction.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("ud2");
        #[cfg(target_arch = "aarch64")]
        asm!("udf #0");
    }
}

fn call_what_is_no_function() {
    let address = std::hint::black_box(1_usize << 20);
    // SAFETY: none, as above.
    let function = unsafe { std::mem::transmute::<usize, extern "C" fn()>(address) };
    function();
    std::hint::black_box(());
}

fn crash_in_a_thread() {
    drop(thread::spawn(|| follow_a_wild_pointer(16)).join());
}

fn overflow_in_a_thread() {
    drop(thread::spawn(|| recurse(0)).join());
}

/// The handler has a stack of its own, but no stack to walk over.
fn lose_the_stack() {
    // SAFETY: none, as above.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("mov rsp, 0x1000", "ud2", options(noreturn));
        #[cfg(target_arch = "aarch64")]
        asm!("mov x0, #0x1000", "mov sp, x0", "udf #0", options(noreturn));
    }
}

/// All at once, so that some meet the handler while another thread is in it.
fn crash_in_many_threads() {
    let barrier = std::sync::Barrier::new(8);
    thread::scope(|scope| {
        for n in 0..8 {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                if n % 2 == 0 {
                    follow_a_wild_pointer(16);
                }
                std::process::abort();
            });
        }
    });
}

/// In a process that the job made, which has the worker's handlers and its memory.
fn crash_in_a_fork() -> i32 {
    // SAFETY: the child calls what is async-signal-safe alone.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            read_from(16);
        }
        let mut status = 0;
        libc::waitpid(pid, &raw mut status, 0);
        status
    }
}

fn crash_after_a_fork_did() -> u8 {
    crash_in_a_fork();
    follow_a_wild_pointer(16)
}

/// By the same signal, and without a word of its own.
fn overflow_after_a_fork_crashed() {
    crash_in_a_fork();
    overflow_in_a_thread();
}

fn wait_at(rendezvous: Arrival) {
    rendezvous.arrive(1);
}

fn hold(bytes: usize) {
    std::hint::black_box(vec![1_u8; bytes]);
    std::process::abort();
}

fn crashed<T: std::fmt::Debug>(submit: impl FnOnce(&executor::ProcessPool) -> Future<T>) -> Crashed {
    crash(submit(&pool(1)))
}

/// The functions of a backtrace, without their module.
fn functions(crash: &Crashed) -> Vec<String> {
    let frames = crash.backtrace().unwrap_or_else(|| panic!("no backtrace: {crash:#}")).frames();
    let function = |frame: &executor::Frame| frame.function().replace("it::processes::crashes::", "");
    frames.iter().map(function).collect()
}

#[test]
fn a_wild_pointer_names_the_function_that_followed_it() {
    let crash = crashed(|pool| pool.submit(call!(follow_a_wild_pointer(16))));
    assert_eq!((crash.signal(), crash.cause()), (Some("SIGSEGV"), Some("it accessed address 0x10")));
    let functions = functions(&crash);
    // Frames of the standard library inside of it come first.
    assert_eq!(functions[functions.len() - 2..], ["read_from", "follow_a_wild_pointer"], "{crash:#}");
    let text = format!("{crash:#}");
    let last = text.lines().next_back().unwrap();
    assert!(last.starts_with("    at it::processes::crashes::follow_a_wild_pointer"), "{text}");
    assert!(text.contains(" was killed by SIGSEGV (it accessed address 0x10) after "), "{text}");
}

fn crash_at_three(n: u64) -> u64 {
    if n == 3 { follow_a_wild_pointer(16).into() } else { n }
}

#[test]
fn an_item_of_a_map_names_its_function() {
    let pool = pool(1);
    for (n, outcome) in (0..8).zip(pool.map(0..8, crash_at_three)) {
        match outcome {
            Ok(same) => assert_eq!(same, n),
            Err(executor::JobError::Crashed(crash)) => {
                assert_eq!(n, 3);
                assert!(functions(&crash).last().unwrap().ends_with("crash_at_three"), "{crash:#}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn an_abort_names_who_called_it() {
    let crash = crashed(|pool| pool.submit(call!(abort_deep_inside())));
    assert_eq!((crash.signal(), crash.cause()), (Some("SIGABRT"), None));
    let functions = functions(&crash);
    assert_eq!(functions[..2], ["std::process::abort", "abort_deep_inside::deep_inside"]);
    assert!(functions.last().unwrap().ends_with("abort_deep_inside"), "{crash:#}");
}

#[test]
fn a_stack_overflow_is_named_and_shows_where_it_began() {
    let crash = crashed(|pool| pool.submit(call!(recurse(0))));
    assert_eq!((crash.signal(), crash.cause()), (Some("SIGSEGV"), Some("its stack overflowed")));
    let functions = functions(&crash);
    assert!(functions.contains(&"recurse::deeper".to_owned()), "{crash:#}");
    assert_eq!(functions.last().unwrap(), "recurse");
    assert!(crash.backtrace().unwrap().frames().iter().any(|frame| frame.calls() > 20), "{crash:#}");
}

#[test]
fn an_illegal_instruction_names_its_function() {
    let crash = crashed(|pool| pool.submit(call!(run_no_instruction())));
    assert_eq!(crash.signal(), Some("SIGILL"));
    assert_eq!(functions(&crash), ["run_no_instruction"]);
}

#[test]
fn a_call_of_what_is_no_function_names_its_caller() {
    let crash = crashed(|pool| pool.submit(call!(call_what_is_no_function())));
    assert_eq!((crash.signal(), crash.cause()), (Some("SIGSEGV"), Some("it called address 0x100000")));
    assert_eq!(functions(&crash), ["call_what_is_no_function"]);
}

#[test]
fn a_thread_of_the_jobs_is_told_from_its_own() {
    let crash = crashed(|pool| pool.submit(call!(crash_in_a_thread())));
    assert_eq!(crash.cause(), Some("it accessed address 0x10, in another thread than the job's"));
    assert!(functions(&crash).last().unwrap().starts_with("crash_in_a_thread::"), "{crash:#}");
}

/// Such a thread has no other stack for a handler: the system ends it at once.
#[test]
fn an_overflow_in_a_thread_of_the_jobs_is_a_crash_without_a_backtrace() {
    let crash = crashed(|pool| pool.submit(call!(overflow_in_a_thread())));
    assert_eq!((crash.signal(), crash.cause()), (Some("SIGSEGV"), None));
    assert!(crash.backtrace().is_none());
}

#[test]
fn a_handler_that_faults_itself_ends_by_the_first_signal() {
    let crash = crashed(|pool| pool.submit(call!(lose_the_stack())));
    assert_eq!(crash.signal(), Some("SIGILL"));
    assert_eq!(functions(&crash), ["lose_the_stack"], "what it had written is there");
}

#[test]
fn many_threads_that_crash_at_once_are_one_crash() {
    for _ in 0..20 {
        let crash = crashed(|pool| pool.submit(call!(crash_in_many_threads())));
        assert!(matches!(crash.signal(), Some("SIGSEGV" | "SIGABRT")), "{crash:#}");
        assert!(functions(&crash).last().unwrap().starts_with("crash_in_many_threads::"), "{crash:#}");
    }
}

#[test]
fn a_crash_in_a_fork_is_the_forks() {
    let pool = pool(1);
    assert_eq!(pool.submit(call!(crash_in_a_fork())).result().unwrap() & 0x7f, libc::SIGSEGV);
    let own = crash(pool.submit(call!(crash_after_a_fork_did())));
    assert_eq!(own.signal(), Some("SIGSEGV"));
    assert_eq!(functions(&own).last().unwrap(), "crash_after_a_fork_did");
    let none = crash(pool.submit(call!(overflow_after_a_fork_crashed())));
    assert_eq!((none.signal(), none.cause()), (Some("SIGSEGV"), None));
    assert!(none.backtrace().is_none(), "{none}");
}

#[test]
fn a_kill_from_outside_has_no_backtrace() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let future = pool.submit(call!(wait_at(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        kill(waiter.pid());
        let crash = crash(future);
        assert_eq!(crash.exit(), Exit::Signal(9));
        assert!(crash.backtrace().is_none());
        assert_eq!(crash.cause(), None);
    });
}

/// A constructor of this program handles the signal before any handler of the pool's is there.
#[test]
fn a_handler_that_was_there_before_has_the_last_word() {
    let crash = crashed(|pool| pool.submit(call!(raise(libc::SIGTRAP))));
    assert_eq!(crash.exit(), Exit::Code(super::constructors::TRAPPED));
}

fn raise(signal: i32) -> i32 {
    // SAFETY: a signal to this thread.
    unsafe { libc::raise(signal) }
}

#[test]
fn memory_is_the_workers_own() {
    alone(memory_is_the_workers_own, || {
        const MIB: u64 = 1 << 20;
        let small = crashed(|pool| pool.submit(call!(hold(64 << 20)))).peak_memory().expect("it is known");
        assert!((64 * MIB..128 * MIB).contains(&small), "{small}");
        // The system counts what this process holds as the worker's, too.
        let ours = std::hint::black_box(vec![1_u8; 256 << 20]);
        let small = crashed(|pool| pool.submit(call!(hold(64 << 20)))).peak_memory().expect("it is known");
        assert!((64 * MIB..128 * MIB).contains(&small), "{small}");
        let large = crashed(|pool| pool.submit(call!(hold(512 << 20)))).peak_memory().expect("it is known");
        assert!((512 * MIB..640 * MIB).contains(&large), "{large}");
        // A worker that dies by SIGKILL cannot record its own peak.
        let killed = crashed(|pool| pool.submit(call!(raise(libc::SIGKILL))));
        assert_eq!(killed.peak_memory(), None);
        drop(ours);
    });
}
