//! Constructors run in a worker, too, although a worker never runs `main`.

use std::env;
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use executor::call;

use super::pool;

static CALLS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count() {
    // Relaxed: there is one thread.
    CALLS.fetch_add(1, Ordering::Relaxed);
}

// More than one, so that some come after the library's own, wherever the linker puts that.
#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array")]
static FIRST: [extern "C" fn(); 3] = [count, count, count];

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array.65000")]
static EARLY: extern "C" fn() = count;

/// Panics of workers are what tests want of them, and a new process takes a third of a second to name the functions of its first.
extern "C" fn leave_backtraces_out() {
    let Some(variable) =
        env::vars_os().map(|(name, _)| name).find(|name| name.as_bytes().starts_with(b"EXECUTOR_WORKER_"))
    else {
        return;
    };
    let _ = VARIABLE.set(variable.to_string_lossy().into_owned());
    if env::var_os(BACKTRACE).is_some() {
        // SAFETY: constructors run one after the other, before there is a second thread.
        unsafe { env::set_var(BACKTRACE, "0") };
    }
}

/// The variable that made this process a worker.
static VARIABLE: OnceLock<String> = OnceLock::new();

/// The variable that makes this program a worker, as a worker has found it.
pub(super) fn variable() -> String {
    fn found() -> Option<String> {
        VARIABLE.get().cloned()
    }
    pool(1).submit(call!(found())).result().unwrap().expect("a worker is started by one")
}

/// The variable that `leave_backtraces_out` changes in a worker, if it is set.
pub(super) const BACKTRACE: &str = "RUST_BACKTRACE";

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array.00200")]
static BEFORE_OTHERS: extern "C" fn() = leave_backtraces_out;

/// The exit code of a process that SIGTRAP ends.
pub(super) const TRAPPED: i32 = 77;

extern "C" fn handle_traps() {
    extern "C" fn trapped(_: i32) {
        // SAFETY: it ends the process, and is async-signal-safe.
        unsafe { libc::_exit(TRAPPED) };
    }
    let handler: extern "C" fn(i32) = trapped;
    // SAFETY: the handler is async-signal-safe.
    unsafe { libc::signal(libc::SIGTRAP, handler as *const () as usize) };
}

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array")]
static HANDLER: extern "C" fn() = handle_traps;

#[test]
fn each_constructor_runs_once_in_a_worker() {
    assert_eq!(CALLS.load(Ordering::Relaxed), 4, "in the parent");
    assert_eq!(pool(1).submit(call!(|| CALLS.load(Ordering::Relaxed), ())).result().unwrap(), 4, "in the worker");
}
